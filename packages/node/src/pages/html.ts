import { createHash } from 'node:crypto'

/** Text that is HTML already: only {@link html} and {@link raw} make it. */
export interface Html {
  readonly html: string
}

/**
 * Signs that a text of a peer must not bring into a page: control characters, and those that turn the direction of what
 * follows or cannot be seen, so that a name looks like another one.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const hidden =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]/g
const special = /[&<>"'`]/g
const needs = /[&<>"'`\u0000-\u001f\u007f-\uffff]/

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** A text as it may stand in an element or in a quoted attribute; what cannot be seen is spelled. */
export function escapeHtml(text: string): string {
  if (!needs.test(text)) return text
  return text
    .replace(hidden, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replace(special, (sign) => entities[sign] ?? '')
}

/** HTML with values in it: texts and numbers are escaped, HTML is kept, lists are joined, undefined is nothing. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | undefined | Html | readonly Html[])[]
): Html {
  let out = parts[0] ?? ''
  for (const [place, value] of values.entries()) out += `${shown(value)}${parts[place + 1] ?? ''}`
  return { html: out }
}

function shown(value: string | number | undefined | Html | readonly Html[]): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  return 'html' in value ? value.html : value.map((one) => one.html).join('')
}

/** A column of a table; `number` aligns it to the right. */
export interface HtmlColumn<Row> {
  readonly title: string
  readonly kind?: 'text' | 'number' | 'state'
  readonly value: (row: Row) => string | number | undefined | Html
}

/**
 * A table with its caption. On a narrow screen each row becomes a list of its cells with their titles; the roles say
 * what it is where a browser forgets it for that.
 */
export function htmlTable<Row>(caption: string, columns: readonly HtmlColumn<Row>[], rows: readonly Row[]): Html {
  if (rows.length === 0) return html`<p class="none">${caption}: none.</p>\n`
  const head = columns.map(({ title, kind }) => html`<th scope="col" role="columnheader"${classOf(kind)}>${title}</th>`)
  const open = columns.map(({ title, kind }) => html`<td role="cell"${classOf(kind)} data-title="${title}">`.html)
  // Built by hand: a page of thousands of rows is one string.
  let body = ''
  for (const row of rows) {
    body += '<tr role="row">'
    for (const [place, { value }] of columns.entries()) body += `${open[place] ?? ''}${shown(value(row))}</td>`
    body += '</tr>\n'
  }
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="rows" role="table"><caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${head}</tr></thead>
<tbody role="rowgroup">
${{ html: body }}</tbody></table></div>
`
}

function classOf(kind: HtmlColumn<never>['kind']): Html {
  return { html: kind === undefined || kind === 'text' ? '' : ` class="${kind}"` }
}

/** Names with their values. */
export function htmlPairs(
  caption: string,
  rows: readonly (readonly [string, string | number | undefined | Html])[],
): Html {
  const body = rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="pairs"><caption>${caption}</caption>
<tbody>${body}</tbody></table></div>
`
}

/** A word that carries a state, told by more than colour. */
export function badge(kind: 'good' | 'middle' | 'bad' | 'quiet', text: string): Html {
  return html`<span class="badge ${kind}">${text}</span>`
}

const style = `
:root { color-scheme: light dark; --ink: #1b2127; --soft: #56616b; --line: #d3d9de; --back: #ffffff; --band: #f3f5f7;
  --link: #0b57a4; --good: #0a6640; --good-back: #dff3e8; --middle: #7a4b00; --middle-back: #fdf0d5; --bad: #a01c1c; --bad-back: #fde4e4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --soft: #9aa6b1; --line: #38424b; --back: #14181c; --band: #1d2329;
  --link: #7cb7f5; --good: #7fdcb0; --good-back: #10372a; --middle: #f1c878; --middle-back: #3b2c0c; --bad: #ff9b9b; --bad-back: #431a1a; } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back) }
header, main, footer { max-width: 90rem; margin: 0 auto; padding: 0 1rem }
header { padding-top: 1rem }
h1 { font-size: 1.25rem; margin: 0; overflow-wrap: anywhere }
header p { margin: .1rem 0 .75rem; color: var(--soft) }
nav { border-bottom: 1px solid var(--line) }
nav ul { display: flex; flex-wrap: wrap; gap: 0 .25rem; list-style: none; margin: 0 auto; padding: 0 .5rem; max-width: 90rem }
nav a { display: block; padding: .5rem .6rem; text-decoration: none; border-bottom: 3px solid transparent }
nav a[aria-current] { color: var(--ink); border-color: var(--link); font-weight: 600 }
a { color: var(--link) }
a:focus-visible, input:focus-visible, button:focus-visible, .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
main { padding-top: .75rem }
.scroll { overflow-x: auto; margin: 0 0 1.25rem }
table { border-collapse: collapse; width: 100% }
table.pairs { width: auto; min-width: min(100%, 34rem) }
caption { text-align: left; font-weight: 600; padding: .25rem 0 .4rem }
th, td { text-align: left; padding: .32rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; font-variant-numeric: tabular-nums }
thead th { background: var(--band); color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal }
table.pairs th { background: none; color: var(--soft); font-weight: 400 }
td.number, th.number { text-align: right }
td small { display: block; color: var(--soft); line-height: 1.35 }
td small.wide { white-space: normal; min-width: 16rem; overflow-wrap: anywhere }
code { font: .92em/1.5 ui-monospace, monospace }
.badge { display: inline-block; padding: 0 .45rem; border-radius: .6rem; background: var(--band); color: var(--soft) }
.badge.good { color: var(--good); background: var(--good-back) }
.badge.middle { color: var(--middle); background: var(--middle-back) }
.badge.bad { color: var(--bad); background: var(--bad-back) }
.none, .note { color: var(--soft) }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .5rem 0 1rem }
input { width: 5rem; font: inherit; padding: .2rem .4rem; color: inherit; background: var(--back); border: 1px solid var(--soft); border-radius: .25rem }
button { font: inherit; padding: .2rem .8rem; color: var(--back); background: var(--link); border: 0; border-radius: .25rem }
footer { color: var(--soft); border-top: 1px solid var(--line); padding-top: .5rem; padding-bottom: 1rem; font-size: .9em }
@media (max-width: 45rem) {
  body { font-size: 14px }
  table.pairs th, table.pairs td { white-space: normal; overflow-wrap: anywhere }
  table.rows, table.rows tbody, table.rows tr, table.rows caption { display: block }
  table.rows thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  table.rows tr { border: 1px solid var(--line); border-radius: .4rem; margin: 0 0 .6rem; padding: .2rem 0 }
  table.rows td { display: grid; grid-template-columns: 9rem 1fr; gap: .5rem; justify-items: start; border: 0; padding: .15rem .6rem; text-align: left; white-space: normal; overflow-wrap: anywhere }
  table.rows td::before { content: attr(data-title); color: var(--soft) }
  table.rows td small, table.rows td small.wide { grid-column: 2; min-width: 0 }
  table.rows td:empty { display: none }
}
@media print { nav, form { display: none } }
`

/** What the style sheet in the page hashes to, for the Content-Security-Policy. */
export const styleHash: string = `sha256-${createHash('sha256').update(style).digest('base64')}`

/** The frame of every page. */
export interface Frame {
  readonly title: string
  readonly device: string
  readonly address: string
  /** Seconds; 0: it does not refresh. */
  readonly refreshS: number
  readonly navigation: readonly { readonly href: string; readonly title: string; readonly isHere: boolean }[]
  readonly form: Html
  readonly body: Html
  readonly at: string
  /** Path of the same as JSON. */
  readonly json: string
}

/** A whole page. */
export function page(frame: Frame): string {
  const { title, device, address, refreshS, navigation, form, body, at, json } = frame
  const links = navigation.map(({ href, title: text, isHere }) =>
    isHere
      ? html`<li><a href="${href}" aria-current="page">${text}</a></li>`
      : html`<li><a href="${href}">${text}</a></li>`,
  )
  const refresh = refreshS > 0 ? html`<meta http-equiv="refresh" content="${refreshS}">\n` : undefined
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh}<title>${title} - ${device}</title>
<style>${{ html: style }}</style>
</head>
<body>
<header><h1>${device}</h1><p>${address}</p></header>
<nav aria-label="Pages"><ul>${links}</ul></nav>
<main>
${form}${body}</main>
<footer>Read at ${at}. Read only. <a href="${json}">The same as JSON</a></footer>
</body>
</html>
`.html
}
