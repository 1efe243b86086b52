import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import { stringify } from 'yaml'

/** How results are printed. */
export type OutputFormat = 'table' | 'json' | 'yaml'

/** A column of a printed table. */
export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  /** Columns that are left out first on a narrow terminal; 0, the default, is never left out. */
  readonly rank?: number
}

/** Where and how results go: documents to standard output, everything else to standard error. */
export interface Output {
  readonly format: OutputFormat
  /** Columns of the terminal; 100 where there is none. */
  readonly width: number
  /** Standard error is a terminal: progress may redraw. */
  readonly interactive: boolean
  /** The result of the command: the value for programs, or the text for people. Call it once. */
  document(value: unknown, text: () => string): void
  /** A line for people beside the result, on standard error. Nothing secret. */
  note(line: string): void
  /** Bold where colour is allowed. */
  strong(text: string): string
  /** A word that carries a state; colour only repeats what the word and its sign say. */
  state(kind: 'good' | 'warning' | 'bad' | 'neutral', text: string): string
}

/** What an output needs to know about its surroundings. */
export interface OutputOptions {
  readonly format: OutputFormat
  readonly stdout: { write(text: string): unknown; readonly columns?: number; readonly isTTY?: boolean }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean }
  /** `NO_COLOR` (no-color.org) and `TERM=dumb` switch colour off. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

const colours = { good: 32, warning: 33, bad: 31, neutral: 2 } as const
const signs = { good: '✔', warning: '!', bad: '✖', neutral: '·' } as const

/** The output of one command. */
export function createOutput(options: OutputOptions): Output {
  const { format, stdout, stderr, environment } = options
  const colour =
    stdout.isTTY === true &&
    format === 'table' &&
    (environment['NO_COLOR'] ?? '') === '' &&
    environment['TERM'] !== 'dumb'
  const columns = Number.parseInt(environment['COLUMNS'] ?? '', 10)
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  return {
    format,
    width: Number.isInteger(columns) && columns >= 20 ? columns : (stdout.columns ?? 100),
    interactive: stderr.isTTY === true && environment['TERM'] !== 'dumb',
    document: (value, text) => {
      const body =
        format === 'json'
          ? JSON.stringify(value, plain, 2)
          : format === 'yaml'
            ? stringify(JSON.parse(JSON.stringify(value, plain)))
            : text()
      stdout.write(body.endsWith('\n') ? body : `${body}\n`)
    },
    note: (line) => void stderr.write(`${printable(line)}\n`),
    strong: (text) => paint(1, text),
    state: (kind, text) => paint(colours[kind], `${signs[kind]} ${text}`),
  }
}

/** JSON has neither big integers nor bytes: a decimal string and a hex string stand for them. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return value
}

/**
 * Text that came from a device or a file, made safe for a terminal: control characters become visible. Line ends stay,
 * and so do the few colour sequences that {@link Output} itself writes.
 */
export function printable(text: string): string {
  const introducer = String.fromCharCode(0x1b)
  return text
    .split(/(?:)/u)
    .map((character, i, all) => {
      const code = character.codePointAt(0) ?? 0
      if (character === introducer && /^\[(?:0|1|2|31|32|33)m/.test(all.slice(i + 1, i + 5).join(''))) return character
      const control = (code < 0x20 && character !== '\n' && character !== '\t') || (code >= 0x7f && code < 0xa0)
      return control ? `\\x${code.toString(16).padStart(2, '0')}` : character
    })
    .join('')
}

const borders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  right: '',
  'right-mid': '',
  mid: '',
  'mid-mid': '',
  middle: '  ',
}

/**
 * A table for people. On a terminal that is too narrow the columns of the highest rank are left out, then the widest
 * remaining one wraps; a note under the table says what was left out.
 */
export function table<Row>(
  output: Output,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty = 'none',
): string {
  if (rows.length === 0) return empty
  let shown = [...columns]
  const cells = new Map(columns.map((column) => [column, rows.map((row) => printable(column.value(row)))]))
  const natural = (column: Column<Row>): number =>
    Math.max(
      visible(column.title),
      ...(cells.get(column) ?? []).map((cell) => Math.max(...cell.split('\n').map(visible))),
    )
  const total = (): number => shown.reduce((sum, column) => sum + natural(column) + 2, -2)
  const dropped: string[] = []
  while (total() > output.width) {
    const rank = Math.max(...shown.map((column) => column.rank ?? 0))
    if (rank === 0) break
    const last = shown.findLast((column) => (column.rank ?? 0) === rank)
    shown = shown.filter((column) => column !== last)
    if (last !== undefined) dropped.unshift(last.title)
  }
  const widths = shown.map(natural)
  let excess = total() - output.width
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    const width = widths[widest] ?? 0
    if (width <= 12) break
    const cut = Math.min(excess, Math.max(1, width - 12))
    widths[widest] = width - cut
    excess -= cut
  }
  const view = new Table({
    head: shown.map((column) => output.strong(column.title)),
    chars: borders,
    // cli-table3 counts its padding (none at the left, none at the right) as part of the width.
    colWidths: widths,
    wordWrap: true,
    wrapOnWordBoundary: false,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  })
  rows.forEach((_, i) => {
    view.push(shown.map((column) => cells.get(column)?.[i] ?? ''))
  })
  const text = view
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
  return dropped.length === 0 ? text : `${text}\n(left out for width: ${dropped.join(', ')})`
}

/** Length as it appears: colour sequences take no room. */
function visible(text: string): number {
  return [...stripVTControlCharacters(text)].length
}
