import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import type { components } from '@cordon/client'
import { findingOf, type GeneratedPlant, moment } from './web-plant.ts'

type Schemas = components['schemas']

/** Serves the built web interface with a generated plant behind it: what a browser sees of a manager, without one. */
export interface StandIn extends AsyncDisposable {
  readonly origin: string
  /** Places of zones that were saved. */
  readonly places: Record<string, { x: number; y: number }>
  /** Sends an event to every open stream. */
  emit(kind: string): void
  /** Until it is put back, every request of data is answered with this status. */
  fail(status: number | undefined): void
  /** Whether somebody is signed in. */
  signIn(is: boolean): void
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}

/** What the manager's own pages are held to: no script and no style but ours, and no other host. */
export function contentSecurityPolicy(nonce: string): string {
  return `default-src 'self'; style-src 'self' 'nonce-${nonce}'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'`
}

/** Starts one on a port of its own. `folder` is where the interface was built. */
export async function startStandIn(folder: string, data: GeneratedPlant): Promise<StandIn> {
  const streams = new Set<ServerResponse>()
  const places: StandIn['places'] = { ...data.topology.layout }
  let failing: number | undefined
  let isSignedIn = true
  let eventId = 100
  const answers = answersOf(data, places)

  const server = createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy())
  })
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in')
    if (!url.pathname.startsWith('/api/')) return serveFile(url.pathname, response)
    if (url.pathname === '/api/v1/events') {
      if (failing !== undefined) return json(response, failing, { code: 'unavailable', message: 'lost' })
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(': open\n\n')
      streams.add(response)
      response.on('close', () => streams.delete(response))
      return
    }
    if (url.pathname === '/api/v1/welcome')
      return json(response, 200, {
        product: 'Cordon',
        notice: 'For authorised use only. Use is recorded.',
        firstRun: false,
        providers: [],
      })
    if (!isSignedIn) return json(response, 401, { code: 'not-signed-in', message: 'nobody is signed in' })
    if (failing !== undefined)
      return json(response, failing, {
        code: 'unavailable',
        message: 'the database does not answer',
        remedy: 'Wait for it.',
      })
    if (request.method !== 'GET' && request.headers['x-csrf-token'] !== 'guard')
      return json(response, 403, { code: 'csrf', message: 'the token of the session is missing' })
    if (request.method === 'PUT' && url.pathname.endsWith('/layout')) {
      const body: unknown = JSON.parse(await textOf(request))
      // The page that is tested sent it.
      Object.assign(places, (body as { readonly places: StandIn['places'] }).places)
      response.writeHead(204).end()
      return
    }
    const path = decodeURIComponent(url.pathname.slice('/api/v1'.length))
    for (const [pattern, answer] of answers) {
      const match = pattern.exec(path)
      if (match === null) continue
      const body = answer(match[1] ?? '', url.searchParams)
      return body === undefined
        ? json(response, 404, { code: 'not-found', message: `there is no ${match[1]}` })
        : json(response, 200, body)
    }
    json(response, 404, { code: 'not-found', message: `there is nothing at ${path}` })
  }
  async function serveFile(path: string, response: ServerResponse): Promise<void> {
    const isPage = extname(path) === ''
    const file = join(folder, isPage ? 'index.html' : normalize(path))
    const nonce = randomBytes(16).toString('base64')
    const content = await readFile(file).catch(() => undefined)
    if (content === undefined) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': contentSecurityPolicy(nonce),
      'x-content-type-options': 'nosniff',
    })
    response.end(isPage ? content.toString('utf8').replaceAll('__CSP_NONCE__', nonce) : content)
  }
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const bound = server.address()
  return {
    origin: `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`,
    places,
    emit: (kind) => {
      eventId++
      const event = { id: eventId, at: moment(0), kind, subject: 'works', plant: 'works', detail: {} }
      for (const stream of streams) stream.write(`id: ${eventId}\ndata: ${JSON.stringify(event)}\n\n`)
    },
    fail: (status) => {
      failing = status
      if (status !== undefined) for (const stream of streams) stream.destroy()
    },
    signIn: (is) => {
      isSignedIn = is
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}

type Answer = (name: string, query: URLSearchParams) => unknown

const session: Schemas['Session'] = {
  state: 'signed-in',
  user: { id: '1', name: 'engineer', display: 'Engineer' },
  roles: ['administrator'],
  permissions: [
    'plant.read',
    'plant.write',
    'plan',
    'operate',
    'deploy',
    'enrollment.read',
    'enrollment.decide',
    'certificate.read',
    'audit.read',
    'user.read',
    'settings.read',
  ],
  factors: [],
  csrf: 'guard',
  idleUntil: moment(3600),
  endsAt: moment(36_000),
}

const job: Schemas['Job'] = {
  id: 'j1',
  kind: 'deploy',
  plant: 'works',
  version: 12,
  state: 'running',
  requestedBy: 'engineer',
  requestedAt: moment(-120),
  notBefore: null,
  window: null,
  startedAt: moment(-118),
  finishedAt: null,
  cancelRequestedBy: null,
  progress: { done: 7, total: 25, doing: 'staging certificates' },
  current: [],
  deployment: '3f2a91c0',
  error: null,
  attempts: 1,
  manager: 'one',
  follows: null,
}

const deployment: Schemas['Deployment'] = {
  id: '3f2a91c0',
  plant: 'works',
  version: 12,
  kind: 'apply',
  status: 'complete-with-warnings',
  startedAt: moment(-86_400),
  finishedAt: moment(-86_000),
  by: 'engineer',
  job: null,
  devices: { total: 25, complete: 22, warnings: 3, failed: 0, running: 0 },
}

function answersOf(data: GeneratedPlant, places: StandIn['places']): readonly (readonly [RegExp, Answer])[] {
  return [
    [/^\/session$/, () => session],
    [/^\/plants$/, () => ({ items: [data.plant, { ...data.plant, name: 'annex', devices: 40, zones: 3 }] })],
    [/^\/plants\/(?:works|annex)$/, () => data.plant],
    [/^\/plants\/(?:works|annex)\/topology$/, () => ({ ...data.topology, layout: places })],
    [
      /^\/plants\/(?:works|annex)\/devices$/,
      (_, query) =>
        pageOf(
          data.devices.filter(
            ({ name, address, product, zone, standing }) =>
              wanted(query, 'zone', zone) &&
              wanted(query, 'standing', standing) &&
              searched(query, name, address, product),
          ),
          query,
        ),
    ],
    [/^\/plants\/(?:works|annex)\/devices\/([^/]+)$/, (name) => data.detail(name)],
    [
      /^\/plants\/(?:works|annex)\/connections$/,
      (_, query) =>
        pageOf(
          data.connections.filter(
            (row) =>
              (wanted(query, 'zone', row.fromZone) || wanted(query, 'zone', row.toZone)) &&
              (wanted(query, 'device', row.fromName) || wanted(query, 'device', row.toName)) &&
              wanted(query, 'protection', row.confidentiality) &&
              wanted(query, 'verdict', row.verdict) &&
              searched(query, row.from, row.to, row.fromName, row.toName),
          ),
          query,
        ),
    ],
    [
      /^\/plants\/(?:works|annex)\/findings$/,
      (_, query) => {
        const device = data.devices.find(({ name }) => name === query.get('device'))
        return { items: device === undefined ? [] : [findingOf(device)], next: null }
      },
    ],
    [
      /^\/plants\/(?:works|annex)\/deployments$/,
      () => ({ items: [deployment, { ...deployment, id: 'b', status: 'complete' }], next: null }),
    ],
    [/^\/jobs$/, () => ({ items: [job], next: null })],
    [/^\/enrollments$/, () => ({ items: [], next: null, total: 4 })],
    [/^\/certificates\/summary$/, () => ({ expired: 0, days7: 1, days30: 12, days90: 40, later: 8200, revoked: 3 })],
    [
      /^\/audit$/,
      () => ({
        items: [
          {
            id: 9,
            at: moment(-90_000),
            actorKind: 'user',
            actor: 'engineer',
            action: 'deployments.start',
            subject: 'x',
            plant: 'works',
            outcome: 'done',
            address: '127.0.0.1',
            request: null,
            detail: null,
          },
        ],
        next: null,
      }),
    ],
  ]
}

function wanted(query: URLSearchParams, name: string, value: string | null): boolean {
  const asked = query.get(name)
  return asked === null || asked === value
}

function searched(query: URLSearchParams, ...values: readonly (string | null)[]): boolean {
  const text = query.get('search')?.toLowerCase()
  return text === undefined || values.some((value) => value?.toLowerCase().includes(text))
}

function pageOf<Row>(rows: readonly Row[], query: URLSearchParams) {
  const from = Number(query.get('cursor') ?? 0)
  const to = from + Number(query.get('limit') ?? 50)
  return { items: rows.slice(from, to), next: to < rows.length ? String(to) : null, total: rows.length }
}
