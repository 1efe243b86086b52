import type { ParseProblem } from '../document/read.ts'
import { parseMac, type UnitIdentity } from './facts.ts'

/** One line of an inventory: a unit by vendor and serial number, by MAC address, or by both. */
export interface SerialEntry {
  readonly unit: UnitIdentity | undefined
  /** As `00:1d:9c:01:02:03`. */
  readonly mac: string | undefined
  readonly note: string
}

/** An inventory, ready to be asked. */
export interface SerialList {
  readonly entries: readonly SerialEntry[]
  /** By {@link unitKey}. */
  readonly units: ReadonlyMap<number, SerialEntry>
  readonly macs: ReadonlyMap<string, SerialEntry>
}

/** A unit as one number of 48 bits: the key of {@link SerialList.units}. */
export function unitKey({ vendorId, serialNumber }: UnitIdentity): number {
  return vendorId * 2 ** 32 + serialNumber
}

/** An inventory of entries. */
export function serialList(entries: readonly SerialEntry[]): SerialList {
  const units = new Map<number, SerialEntry>()
  const macs = new Map<string, SerialEntry>()
  for (const entry of entries) {
    if (entry.unit !== undefined) units.set(unitKey(entry.unit), entry)
    if (entry.mac !== undefined) macs.set(entry.mac, entry)
  }
  return { entries, units, macs }
}

/** An inventory that was read, or everything that is wrong with its file. */
export type SerialListResult =
  | { readonly list: SerialList; readonly problems: readonly [] }
  | { readonly list: undefined; readonly problems: readonly ParseProblem[] }

const longestFile = 8 * 1024 * 1024
const mostLines = 100_000
const mostProblems = 200
const columns = ['vendor', 'serial', 'mac', 'note'] as const
type Column = (typeof columns)[number]

interface Cell {
  readonly text: string
  /** From 1. */
  readonly column: number
}

/**
 * Reads an inventory from CSV (RFC 4180): a heading that names its columns, vendor and serial or mac or both, then one
 * unit per line. A semicolon separates too, as spreadsheets of some countries write it. Numbers are decimal, or
 * hexadecimal with 0x; empty lines and lines that begin with # are passed over.
 */
export function parseSerialList(text: string, file: string): SerialListResult {
  const reader = new SerialReader(file)
  if (text.length > longestFile) {
    reader.problem(
      1,
      1,
      `the file has ${text.length} characters`,
      `at most ${longestFile}`,
      'split it into several lists',
    )
  } else reader.read(text.replace(/^\ufeff/, ''))
  return reader.problems.length === 0
    ? { list: serialList(reader.entries), problems: [] }
    : { list: undefined, problems: reader.problems }
}

class SerialReader {
  readonly problems: ParseProblem[] = []
  readonly entries: SerialEntry[] = []
  readonly #file: string
  readonly #seen = new Map<number | string, number>()

  constructor(file: string) {
    this.#file = file
  }

  problem(line: number, column: number, message: string, expected: string, remedy: string): void {
    if (this.problems.length >= mostProblems) return
    this.problems.push({ file: this.#file, line, column, path: '', message, expected, remedy })
  }

  read(text: string): void {
    let heading: readonly Column[] | undefined
    let separator = ','
    for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
      if (this.problems.length >= mostProblems) return
      if (index >= mostLines) {
        this.problem(
          index + 1,
          1,
          `more than ${mostLines} lines`,
          `at most ${mostLines}`,
          'split it into several lists',
        )
        return
      }
      if (/^\s*(?:#|$)/.test(line)) continue
      if (heading === undefined) separator = line.includes(';') ? ';' : ','
      const cells = this.#cells(line, index + 1, separator)
      if (cells === undefined) continue
      if (heading === undefined) {
        heading = this.#heading(cells, index + 1)
        if (heading === undefined) return
      } else this.#unit(cells, heading, index + 1)
    }
    if (heading === undefined)
      this.problem(1, 1, 'there is no heading', 'vendor,serial,mac,note', 'add a first line that names the columns')
  }

  #cells(line: string, number: number, separator: string): readonly Cell[] | undefined {
    const cells: Cell[] = []
    for (let at = 0; at <= line.length; ) {
      const start = at
      let text = ''
      if (line[at] === '"') {
        at++
        for (; at < line.length; at++) {
          if (line[at] !== '"') text += line[at]
          else if (line[at + 1] === '"') text += line[at++]
          else break
        }
        if (line[at] !== '"' || (line[at + 1] !== undefined && line[at + 1] !== separator)) {
          const remedy = 'close the quotes, and double those inside'
          this.problem(number, start + 1, 'quotes that do not end with the value', 'a closing quote', remedy)
          return undefined
        }
        at++
      } else {
        const end = line.indexOf(separator, at)
        at = end < 0 ? line.length : end
        text = line.slice(start, at)
      }
      cells.push({ text: text.trim(), column: start + 1 })
      at++
    }
    return cells
  }

  #heading(cells: readonly Cell[], line: number): readonly Column[] | undefined {
    const found: Column[] = []
    for (const { text, column } of cells) {
      const name = columns.find((each) => each === text.toLowerCase())
      if (name === undefined || found.includes(name)) {
        const message = `${JSON.stringify(text.slice(0, 40))} is no column, or stands here twice`
        this.problem(
          line,
          column,
          message,
          `each of ${columns.join(', ')} at most once`,
          'name the columns in the first line',
        )
        return undefined
      }
      found.push(name)
    }
    if (found.includes('mac') || (found.includes('vendor') && found.includes('serial'))) return found
    const remedy = 'add a column vendor: a serial number alone is unique for one vendor only'
    this.problem(line, 1, `the columns are ${found.join(', ')}`, 'vendor and serial, or mac', remedy)
    return undefined
  }

  #unit(cells: readonly Cell[], heading: readonly Column[], line: number): void {
    if (cells.length !== heading.length) {
      const column = cells[heading.length]?.column ?? cells.at(-1)?.column ?? 1
      this.problem(
        line,
        column,
        `${cells.length} values`,
        `${heading.length}, as the heading has`,
        'add or remove separators',
      )
      return
    }
    const cell = (name: Column): Cell => cells[heading.indexOf(name)] ?? { text: '', column: 1 }
    const vendorId = this.#number(cell('vendor'), line, 0xffff, 'a vendor number')
    const serialNumber = this.#number(cell('serial'), line, 0xffff_ffff, 'a serial number')
    const mac = this.#mac(cell('mac'), line)
    if (vendorId === 'bad' || serialNumber === 'bad' || mac === 'bad') return
    if ((vendorId === undefined) !== (serialNumber === undefined)) {
      const missing = vendorId === undefined ? 'vendor' : 'serial'
      this.problem(
        line,
        cell(missing).column,
        `${missing} is empty`,
        'vendor and serial together',
        `add the ${missing}`,
      )
      return
    }
    const unit = vendorId === undefined || serialNumber === undefined ? undefined : { vendorId, serialNumber }
    if (unit === undefined && mac === undefined) {
      this.problem(line, 1, 'names no unit', 'vendor and serial, or mac', 'fill it in or remove the line')
      return
    }
    for (const key of [unit === undefined ? undefined : unitKey(unit), mac]) {
      if (key === undefined) continue
      const before = this.#seen.get(key)
      if (before !== undefined) {
        this.problem(line, 1, `the unit stands in line ${before} too`, 'each unit once', 'remove one of the lines')
        return
      }
      this.#seen.set(key, line)
    }
    this.entries.push({ unit, mac, note: cell('note').text.slice(0, 200) })
  }

  #number({ text, column }: Cell, line: number, most: number, what: string): number | undefined | 'bad' {
    if (text === '') return undefined
    const value = /^(?:\d{1,10}|0[xX][0-9a-fA-F]{1,8})$/.test(text) ? Number(text) : Number.NaN
    if (value <= most) return value
    const remedy = /^[0-9a-fA-F]{1,8}$/.test(text)
      ? `write 0x${text}`
      : 'write it as a decimal number, or hexadecimal with 0x'
    this.problem(line, column, `found ${JSON.stringify(text.slice(0, 40))}`, `${what} from 0 to ${most}`, remedy)
    return 'bad'
  }

  #mac({ text, column }: Cell, line: number): string | undefined | 'bad' {
    if (text === '') return undefined
    const mac = parseMac(text)
    if (mac !== undefined) return mac
    const found = `found ${JSON.stringify(text.slice(0, 40))}`
    this.problem(line, column, found, 'a MAC address such as 00:1d:9c:01:02:03', 'write twelve hex digits')
    return 'bad'
  }
}
