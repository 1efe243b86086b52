import { nearest, type ParseProblem } from '../document/read.ts'

/**
 * A table of devices as spreadsheets save it.
 * @module
 */

/** A device of a table, in the words of the plant file. Absent fields were empty. */
export interface TableDevice {
  readonly name: string
  readonly address?: string | undefined
  readonly zone: string
  readonly capability?: string | undefined
  readonly role?: string | undefined
  readonly vendor?: number | undefined
  readonly type?: number | undefined
  readonly product?: number | undefined
  readonly serial?: number | undefined
  readonly dnsName?: string | undefined
  readonly fingerprint?: string | undefined
}

/** A table that was read, or everything that is wrong with it. */
export type DeviceTableResult =
  | { readonly devices: readonly TableDevice[]; readonly problems: readonly [] }
  | { readonly devices: undefined; readonly problems: readonly ParseProblem[] }

/** Longest table in characters, most rows, most columns, longest field in characters, most problems that are listed. */
const limits = { text: 8 * 1024 * 1024, rows: 50_000, columns: 64, field: 1024, problems: 200 } as const

const texts = ['name', 'address', 'zone', 'capability', 'role', 'dnsName', 'fingerprint'] as const
const numbers = ['vendor', 'type', 'product', 'serial'] as const
type Column = (typeof texts)[number] | (typeof numbers)[number]
const columns: readonly Column[] = [...texts, ...numbers]
const required = ['name', 'zone'] as const

interface Field {
  readonly text: string
  /** Both from 1. */
  readonly line: number
  readonly column: number
}

/**
 * Reads a table of devices from CSV (RFC 4180): a heading that names its columns, `name` and `zone` among them, then one
 * device for each row. A semicolon or a tab separates too, where the heading has it. Numbers are decimal, or hexadecimal
 * with 0x. What the values must be is the plant file's matter.
 */
export function parseDeviceTable(text: string, file: string): DeviceTableResult {
  const reader = new TableReader(text.replace(/^\ufeff/, ''), file)
  const devices = reader.read()
  return reader.problems.length === 0 ? { devices, problems: [] } : { devices: undefined, problems: reader.problems }
}

class TableReader {
  readonly problems: ParseProblem[] = []
  readonly #text: string
  readonly #file: string
  #at = 0
  #line = 1
  #lineStart = 0
  #separator = ','

  constructor(text: string, file: string) {
    this.#text = text
    this.#file = file
  }

  read(): readonly TableDevice[] {
    const text = this.#text
    const start = { line: 1, column: 1 }
    if (text.length > limits.text) {
      this.#refuse(start, `the table has ${text.length} characters`, `at most ${limits.text}`, 'split it')
      return []
    }
    const head = text.slice(0, Math.min(text.search(/[\r\n]|$/), limits.columns * limits.field))
    this.#separator = [';', '\t'].find((one) => head.includes(one)) ?? ','
    const heading = this.#heading()
    if (heading === undefined) return []
    const devices: TableDevice[] = []
    const seen = new Map<string, number>()
    while (this.#at < text.length && this.problems.length < limits.problems) {
      if (devices.length >= limits.rows) {
        this.#refuse(this.#place(), `more than ${limits.rows} rows`, `at most ${limits.rows}`, 'split the table')
        break
      }
      const row = this.#row()
      if (row === undefined) break
      if (row.every((field) => field.text.trim() === '')) continue
      const device = this.#device(heading, row)
      if (device === undefined) continue
      const before = seen.get(device.name)
      if (before !== undefined) {
        const [first = start] = row
        this.#refuse(first, `${show(device.name)} stands in line ${before} too`, 'each name once', 'rename one of them')
      } else seen.set(device.name, row[0]?.line ?? 0)
      devices.push(device)
    }
    return devices
  }

  #place(): { readonly line: number; readonly column: number } {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 }
  }

  #refuse(
    { line, column }: { readonly line: number; readonly column: number },
    message: string,
    expected: string,
    remedy: string,
  ): undefined {
    if (this.problems.length < limits.problems)
      this.problems.push({ file: this.#file, line, column, path: '', message, expected, remedy })
    return undefined
  }

  /** The columns by place; undefined after a problem. */
  #heading(): readonly Column[] | undefined {
    const row = this.#row()
    if (row === undefined) {
      if (this.problems.length === 0) {
        const remedy = 'add a first line that names the columns'
        this.#refuse({ line: 1, column: 1 }, 'there is no heading', 'name,address,zone', remedy)
      }
      return undefined
    }
    const found: Column[] = []
    for (const field of row) {
      const word = field.text.trim()
      const column = columns.find((one) => one.toLowerCase() === word.toLowerCase())
      if (column === undefined) {
        const near = nearest(word, columns)
        const remedy = near === undefined ? 'remove the column' : `did you mean ${near}?`
        this.#refuse(field, `${show(word)} is no column of a device`, `one of ${columns.join(', ')}`, remedy)
      } else if (found.includes(column)) {
        this.#refuse(field, `the column ${column} stands here twice`, 'each column once', 'remove one of them')
      } else found.push(column)
    }
    const [first = { line: 1, column: 1 }] = row
    for (const column of required) {
      if (found.includes(column) || this.problems.length > 0) continue
      this.#refuse(first, `there is no column ${column}`, `a column ${column}`, 'add it to the heading and each row')
    }
    return this.problems.length === 0 ? found : undefined
  }

  /** The fields of the next record; undefined at the end, and after a problem that leaves no way to go on. */
  #row(): readonly Field[] | undefined {
    if (this.#at >= this.#text.length) return undefined
    const row: Field[] = []
    for (;;) {
      const field = this.#field()
      if (field === undefined) return undefined
      row.push(field)
      if (row.length > limits.columns) {
        return this.#refuse(field, `more than ${limits.columns} columns`, `at most ${limits.columns}`, 'remove columns')
      }
      if (this.#text[this.#at] === this.#separator) {
        this.#at++
        continue
      }
      this.#endLine()
      return row
    }
  }

  #endLine(): void {
    if (this.#text[this.#at] === '\r') this.#at++
    if (this.#text[this.#at] === '\n') this.#at++
    this.#line++
    this.#lineStart = this.#at
  }

  #field(): Field | undefined {
    return this.#text[this.#at] === '"' ? this.#quoted() : this.#plain()
  }

  #plain(): Field | undefined {
    const place = this.#place()
    const start = this.#at
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at]
      if (character === this.#separator || character === '\n' || character === '\r') break
      if (this.#at++ - start >= limits.field) return this.#tooLong(place)
    }
    return { text: this.#text.slice(start, this.#at), ...place }
  }

  #quoted(): Field | undefined {
    const place = this.#place()
    const parts: string[] = []
    let length = 0
    for (;;) {
      const start = ++this.#at
      const end = this.#text.indexOf('"', start)
      if (end === -1) {
        return this.#refuse(place, 'a quote is opened and not closed', 'a closing quote', 'close it, or double a quote')
      }
      const part = this.#text.slice(start, end)
      length += part.length
      if (length > limits.field) return this.#tooLong(place)
      for (let next = part.indexOf('\n'); next !== -1; next = part.indexOf('\n', next + 1)) {
        this.#line++
        this.#lineStart = start + next + 1
      }
      parts.push(part)
      this.#at = end + 1
      if (this.#text[this.#at] !== '"') break
      parts.push('"')
    }
    const next = this.#text[this.#at]
    if (next !== undefined && next !== this.#separator && next !== '\n' && next !== '\r') {
      return this.#refuse(
        this.#place(),
        'text follows a closing quote',
        'a separator or the end of the line',
        'quote the whole field',
      )
    }
    return { text: parts.join(''), ...place }
  }

  #tooLong(place: { readonly line: number; readonly column: number }): undefined {
    return this.#refuse(place, 'the field is too long', `at most ${limits.field} characters`, 'shorten it')
  }

  #device(heading: readonly Column[], row: readonly Field[]): TableDevice | undefined {
    const [first = { text: '', line: 0, column: 0 }] = row
    if (row.length !== heading.length) {
      const remedy = 'give each column a field, empty where there is nothing to say'
      return this.#refuse(first, `the row has ${row.length} fields`, `${heading.length} fields`, remedy)
    }
    const values: Partial<Record<Column, string | number>> = {}
    for (const [place, column] of heading.entries()) {
      const field = row[place]
      const text = field?.text.trim() ?? ''
      if (field === undefined || text === '') continue
      if ((texts as readonly string[]).includes(column)) values[column] = text
      else if (/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) values[column] = Number(text)
      else this.#refuse(field, `${column}: found ${show(text)}`, 'a whole number, as 17 or 0x11', 'correct the number')
    }
    const { name, zone, ...rest } = values
    if (typeof name !== 'string') return this.#refuse(first, 'the name is missing', 'a name', 'give each device a name')
    if (typeof zone !== 'string')
      return this.#refuse(first, `${show(name)} has no zone`, 'a zone', 'say in which zone it is')
    return { ...(rest as Omit<TableDevice, 'name' | 'zone'>), name, zone } // each column was given its own kind of value
  }
}

/** A value from the table, short and printable. */
function show(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text).replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?')
}
