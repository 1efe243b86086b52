import type { IdentityTable, TableDocument, TableName, Tables } from '@cordon/core/tables'
import { tableName, tableNames } from '@cordon/core/tables'
import { bridgeJson } from './bridge-json.ts'
import { html, page, styleHash } from './html.ts'
import type { PageSource } from './source.ts'
import { pageTitles, views } from './views.ts'

/** A request as far as pages look at it. */
export interface PageRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly hasBody: boolean
  /** It was asked by an address or a name of the device. */
  readonly isOurName: boolean
  /** The rate of requests lets it pass. */
  readonly mayAsk: boolean
}

/** An answer, before it is written. */
export interface PageAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Text, or a long one in pieces of UTF-8. */
  readonly body: string | readonly Uint8Array[]
}

/** Seconds between two refreshes where the address does not say; the longest. */
const defaultRefreshS = 15
const longestRefreshS = 3600

/** Rows of one HTML page; JSON has all unless it is asked for fewer. */
const rowsPerPage = 250

/** No script, no style but ours, nothing from elsewhere, in nobody's frame. */
const policy = `default-src 'none'; style-src '${styleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`

const always: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': policy,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** Answers a request for a page or its JSON. There is nothing to write to. */
export function answer(source: PageSource, request: PageRequest): PageAnswer {
  const { method, target } = request
  if (!request.mayAsk) return refusal(429, 'too many requests; ask again in a second', { 'Retry-After': '1' })
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'these pages are read only', { Allow: 'GET, HEAD' })
  if (request.hasBody) return refusal(400, 'a request for a page has no body')
  if (!request.isOurName) return refusal(421, 'ask by the address of the device')
  const [path = '/', query = ''] = target.split('?', 2)
  const asked = new URLSearchParams(query)
  if (path.startsWith('/api/')) {
    const name = tableName(path.slice('/api/'.length))
    return name === undefined
      ? refusal(404, `there is ${tableNames.map((one) => `/api/${one}`).join(', ')}`)
      : json(source, name, asked)
  }
  const name = path === '/' ? 'identity' : tableName(path.slice(1))
  if (name === undefined) return refusal(404, `there is ${tableNames.map(pathOf).join(', ')}`)
  return htmlPage(source, name, asked)
}

/** An answer that says in a line why there is no page. */
export function refusal(status: number, message: string, headers: Readonly<Record<string, string>> = {}): PageAnswer {
  const type = { 'Content-Type': 'text/plain; charset=utf-8' }
  return { status, headers: { ...always, ...type, Connection: 'close', ...headers }, body: `${message}\n` }
}

/** A whole number of the query; undefined where it is not there, NaN where it is something else. */
function numberOf(asked: URLSearchParams, key: string, most: number): number | undefined {
  const text = asked.get(key)
  if (text === null || text === '') return undefined
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  return value <= most ? value : Number.NaN
}

/** The part of a table that was asked for; a table that is one record is not cut. */
function part<Name extends TableName>(
  source: PageSource,
  name: Name,
  from: number,
  limit: number,
): { readonly data: Tables[Name]; readonly total: number } {
  const { rows, total } = rowsOf(source, name, from, limit)
  // The source gives each table by its name; the compiler does not join them per name.
  return { data: rows as Tables[Name], total }
}

function rowsOf(source: PageSource, name: TableName, from: number, limit: number) {
  if (name === 'bridge') {
    const { rows, total } = source.bridge(from, limit)
    return { rows: Array.from(rows), total }
  }
  const table = source[name]()
  return Array.isArray(table)
    ? { rows: table.slice(from, from + limit), total: table.length }
    : { rows: table, total: 1 }
}

function json(source: PageSource, name: TableName, asked: URLSearchParams): PageAnswer {
  const from = numberOf(asked, 'from', 1e9) ?? 0
  const limit = numberOf(asked, 'limit', 1e9) ?? Number.POSITIVE_INFINITY
  if (Number.isNaN(from) || Number.isNaN(limit)) return refusal(400, 'from and limit are whole numbers')
  const { name: device, address } = source.identity()
  const head = { table: name, device, address, at: new Date().toISOString() }
  return {
    status: 200,
    headers: { ...always, 'Content-Type': 'application/json; charset=utf-8' },
    body:
      name === 'bridge'
        ? bridgeDocument(head, source.bridge(from, limit))
        : document(head, part(source, name, from, limit)),
  }
}

type DocumentHead = Omit<TableDocument, 'total' | 'data'>

function document(head: DocumentHead, { total, data }: Pick<TableDocument, 'total' | 'data'>): string {
  const whole: TableDocument = { ...head, total, data }
  return JSON.stringify(whole)
}

/** The same with its rows written one by one as they are made. */
function bridgeDocument(head: DocumentHead, { rows, total }: ReturnType<PageSource['bridge']>): readonly Uint8Array[] {
  const open = JSON.stringify({ ...head, total }).slice(0, -1)
  return [Buffer.from(`${open},"data":`), ...bridgeJson(rows), Buffer.from('}')]
}

function pathOf(name: TableName): string {
  return name === 'identity' ? '/' : `/${name}`
}

function htmlPage(source: PageSource, name: TableName, asked: URLSearchParams): PageAnswer {
  const refreshS = numberOf(asked, 'refresh', longestRefreshS) ?? defaultRefreshS
  const from = numberOf(asked, 'from', 1e9) ?? 0
  if (Number.isNaN(refreshS)) return refusal(400, `refresh is a number of seconds from 0, never, to ${longestRefreshS}`)
  if (Number.isNaN(from)) return refusal(400, 'from is a whole number')
  const identity = source.identity()
  const title = pageTitles[name]
  const shown = view(source, name, from)
  const keep = `?refresh=${refreshS}`
  const body = page({
    title,
    device: describe(identity),
    address: identity.address,
    refreshS,
    at: `${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    json: `/api/${name}`,
    navigation: tableNames.map((one) => ({
      href: `${pathOf(one)}${keep}`,
      title: pageTitles[one],
      isHere: one === name,
    })),
    form: html`<form method="get" action="${pathOf(name)}"><label for="refresh">Seconds Between Refresh:</label>
<input id="refresh" name="refresh" type="number" min="0" max="${longestRefreshS}" value="${refreshS}">
<button>Set</button> <span class="note">Disable Refresh with 0.</span></form>
`,
    body: html`${shown.body}${places(pathOf(name), keep, from, shown.total)}`,
  })
  // Each page is a connection of its own, as on the real modules; that also ends it in their TIME_WAIT.
  return {
    status: 200,
    headers: { ...always, 'Content-Type': 'text/html; charset=utf-8', Connection: 'close' },
    body,
  }
}

function view<Name extends TableName>(source: PageSource, name: Name, from: number) {
  const { data, total } = part(source, name, from, rowsPerPage)
  // The views are by the same names.
  const show = views[name] as (data: Tables[Name]) => ReturnType<(typeof views)['tcp']>
  return { body: show(data), total }
}

/** Which rows these are, and links to the others. */
function places(path: string, keep: string, from: number, total: number) {
  if (total <= rowsPerPage && from === 0) return undefined
  const link = (start: number, text: string) => html`<a href="${path}${keep}&amp;from=${start}">${text}</a> `
  const last = Math.min(total, from + rowsPerPage)
  const before = from > 0 ? link(Math.max(0, from - rowsPerPage), 'Previous') : undefined
  const after = last < total ? link(last, 'Next') : undefined
  return html`<p>Rows ${Math.min(from + 1, total)} to ${last} of ${total}. ${before}${after}</p>\n`
}

function describe({ name, productName }: IdentityTable): string {
  return name === '' || name === productName ? productName : `${name} (${productName})`
}
