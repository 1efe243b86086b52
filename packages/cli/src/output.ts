import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import { stringify } from 'yaml'
import { bidirectional, introducer, printable } from './printable.ts'

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
  /** The result of the command: the value for programs, or the text for people (nothing when empty). Call it once. */
  document(value: unknown, text: () => string): void
  /** A line for people beside the result, on standard error. Nothing secret. */
  note(line: string): void
  /** A text in lines of the terminal's width, those after the first indented; one line where there is no terminal. */
  paragraph(text: string, indent: number): string
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
  const paint = (code: number, text: string): string => (colour ? `${introducer}[${code}m${text}${reset}` : text)
  const width = Number.isInteger(columns) && columns >= 20 ? columns : (stdout.columns ?? 100)
  return {
    format,
    width,
    interactive: stderr.isTTY === true && environment['TERM'] !== 'dumb',
    document: (value, text) => {
      const body =
        format === 'json'
          ? json(value, 2)
          : format === 'yaml'
            ? stringify(JSON.parse(JSON.stringify(value, plain)))
            : printable(text())
      if (body !== '') stdout.write(body.endsWith('\n') ? body : `${body}\n`)
    },
    note: (line) => void stderr.write(`${printable(line)}\n`),
    paragraph: (text, indent) =>
      stdout.isTTY === true ? wrap(text, width - indent).join(`\n${' '.repeat(indent)}`) : text,
    strong: (text) => paint(1, text),
    state: (kind, text) => paint(colours[kind], `${signs[kind]} ${text}`),
  }
}

/**
 * JSON that a terminal may show: what `JSON.stringify` leaves as it is of control characters (U+007F to U+009F) and of
 * those that turn the direction of writing is escaped, and means the same to programs.
 */
export function json(value: unknown, indent?: number): string {
  return JSON.stringify(value, plain, indent).replace(
    unsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const unsafe = new RegExp(`[\\u007f-\\u009f\\u2028\\u2029]|${bidirectional.source}`, 'g')

/** JSON has neither big integers nor bytes: a decimal string and a hex string stand for them. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return value
}

/** A cell has one line: what a device calls itself must not look like a row of its own. */
export function cellText(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', ' ')
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

/** Columns are not made narrower than this: what does not fit then is printed row by row instead. */
const narrowest = 10

/**
 * A table for people. On a terminal that is too narrow the columns of the highest rank are left out, and a note under the
 * table says which; then the widest cells wrap; where even that does not fit each row becomes a list. A column that is
 * empty in every row is not shown.
 */
export function table<Row>(
  output: Output,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty = 'none',
): string {
  if (rows.length === 0) return empty
  const all = columns
    .map((column) => new PrintedColumn(column, rows))
    .filter((column) => column.rank === 0 || column.cells.some((cell) => cell !== ''))
  const shown = fitting(all, output.width)
  const widths = narrowed(
    shown.map(({ width }) => width),
    output.width,
  )
  const body =
    sum(widths) > output.width
      ? rows
          .map((_, i) =>
            pairs(
              output,
              all.map(({ title, cells }) => [title, cells[i] ?? '']),
            ),
          )
          .join('\n\n')
      : grid(output, shown, widths)
  const dropped = sum(widths) > output.width ? [] : all.filter((column) => !shown.includes(column))
  return dropped.length === 0
    ? body
    : `${body}\n${wrap(`(left out for width: ${dropped.map(({ title }) => title).join(', ')})`, output.width).join('\n')}`
}

/** A column with the cells of all rows, safe to print. */
class PrintedColumn {
  readonly title: string
  readonly rank: number
  readonly cells: readonly string[]
  /** What the longest cell takes. */
  readonly width: number

  constructor(column: Column<never>, rows: readonly unknown[]) {
    this.title = column.title
    this.rank = column.rank ?? 0
    // The rows are those that the column was declared for: `table` takes both together.
    this.cells = rows.map((row) => cellText(column.value(row as never)))
    this.width = this.cells.reduce((most, cell) => Math.max(most, visible(cell)), visible(column.title))
  }
}

/** Widths side by side, two spaces between them. */
function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width + 2, -2)
}

/** The columns that stay: of those that do not fit the last one of the highest rank goes first. */
function fitting(columns: readonly PrintedColumn[], width: number): readonly PrintedColumn[] {
  let shown = columns
  while (sum(shown.map((column) => column.width)) > width) {
    const rank = Math.max(...shown.map((column) => column.rank))
    if (rank === 0) break
    const last = shown.findLast((column) => column.rank === rank)
    shown = shown.filter((column) => column !== last)
  }
  return shown
}

/** Takes what is too much from the widest columns, evenly. */
function narrowed(natural: readonly number[], width: number): readonly number[] {
  const widths = natural.map((each) => Math.min(each, width))
  for (let excess = sum(widths) - width; excess > 0; excess--) {
    const widest = Math.max(...widths)
    if (widest <= narrowest) break
    // The last of equals: what identifies a row usually stands first.
    widths[widths.lastIndexOf(widest)] = widest - 1
  }
  return widths
}

function grid(output: Output, columns: readonly PrintedColumn[], widths: readonly number[]): string {
  const lines = (text: string, place: number): string => wrap(text, widths[place] ?? narrowest).join('\n')
  const view = new Table({
    head: columns.map(({ title }, place) => lines(title, place).split('\n').map(output.strong).join('\n')),
    chars: borders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  })
  const rows = columns[0]?.cells.length ?? 0
  for (let i = 0; i < rows; i++) view.push(columns.map(({ cells }, place) => lines(cells[i] ?? '', place)))
  return view
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Names with their values, one under the other; long values wrap beside their name. */
export function pairs(output: Output, rows: readonly (readonly [name: string, value: string])[]): string {
  const indent = rows.reduce((most, [name]) => Math.max(most, visible(name)), 0) + 2
  const room = output.width - indent
  return rows
    .flatMap(([name, value]) => {
      const text = cellText(value)
      // On a very narrow terminal the value begins under its name.
      if (room < narrowest) return [output.strong(name), ...wrap(text, output.width - 2).map((line) => `  ${line}`)]
      return wrap(text, room).map((line, i) => `${(i === 0 ? name : '').padEnd(indent)}${line}`)
    })
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Places where a line may end: behind a space, or behind a sign that joins the parts of names, paths and lists. */
const breakAfter = /[\s,;:/=+|-]/

/**
 * Lines of at most `width` characters: broken between words where there is a place behind the first third of the line, else
 * anywhere. A colour goes on in the next line.
 */
export function wrap(text: string, width: number): readonly string[] {
  const most = Math.max(1, width)
  const lines: string[] = []
  for (const whole of text.split('\n')) {
    const parts = Array.from(whole.matchAll(colourOrCharacter), ([part]) => part)
    let from = 0
    let colour = ''
    while (from < parts.length || from === 0) {
      const to = lineEnd(parts, from, most)
      const line = parts.slice(from, to)
      const before = colour
      for (const part of line) if (part.startsWith(introducer)) colour = part === reset ? '' : part
      lines.push(`${before}${line.join('').trimEnd()}${colour === '' ? '' : reset}`)
      from = Math.max(to, from + 1)
    }
  }
  return lines
}

const reset = `${introducer}[0m`
const colourOrCharacter = new RegExp(`${introducer}\\[\\d+m|.`, 'gsu')

/** Where the line that begins at `from` ends. */
function lineEnd(parts: readonly string[], from: number, most: number): number {
  let used = 0
  let place = from
  for (let i = from; i < parts.length; i++) {
    const part = parts[i] ?? ''
    used += characterWidth(part)
    // A space at the end takes no room: it is cut off.
    if (used > most && part !== ' ')
      return place > from && used > 0 && place - from >= most / 3 ? place : Math.max(i, from + 1)
    if (breakAfter.test(part)) place = i + 1
  }
  return parts.length
}

/** Length as it appears: colour sequences take no room. */
function visible(text: string): number {
  return Array.from(stripVTControlCharacters(text)).reduce((total, character) => total + characterWidth(character), 0)
}

/** East Asian wide characters and pictures take two columns, combining ones none. */
function characterWidth(character: string): number {
  if (character.startsWith(introducer) || /^[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) return 0
  return /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(
    character,
  )
    ? 2
    : 1
}
