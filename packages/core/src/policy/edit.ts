import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type ParsedNode,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { nearest, type ParseProblem, readDocument } from '../document/read.ts'
import { characterProblems } from '../document/characters.ts'
import { plantSchema } from './schema.ts'

/**
 * Changes of a plant file by a program. The text is spliced, never written anew: comments, order and layout of everything
 * that a change does not concern stay as they are.
 * @module
 */

/** A device to add, in the words of the plant file. */
export interface NewDevice {
  readonly name: string
  readonly address?: string | undefined
  readonly zone: string
  readonly capability?: string | undefined
  readonly role?: string | undefined
  readonly expect?:
    | {
        readonly vendor?: number | undefined
        readonly type?: number | undefined
        readonly product?: number | undefined
        readonly serial?: number | undefined
      }
    | undefined
  readonly dnsName?: string | undefined
  readonly fingerprint?: string | undefined
}

/** A zone to add, in the words of the plant file. */
export interface NewZone {
  readonly name: string
  readonly authentication: string
  readonly messaging?: string | undefined
  readonly io?: string | undefined
  readonly psk?: string | undefined
  readonly nonSecure?: string | undefined
}

/** A conduit to add, in the words of the plant file. */
export interface NewConduit {
  readonly between: readonly [string, string]
  readonly authentication?: string | undefined
  readonly messaging?: string | undefined
  readonly io?: string | undefined
  readonly opens?: string | undefined
}

/** One change of a plant file. */
export type PlantEdit =
  | { readonly change: 'addZone'; readonly zone: NewZone }
  | { readonly change: 'addDevice'; readonly device: NewDevice }
  | { readonly change: 'addConduit'; readonly conduit: NewConduit }
  | { readonly change: 'setZone'; readonly device: string; readonly zone: string }
  | { readonly change: 'removeDevice'; readonly device: string }

/** The changed text, or why a text cannot be changed so. */
export type EditResult =
  | { readonly text: string; readonly problems: readonly [] }
  | { readonly text: undefined; readonly problems: readonly ParseProblem[] }

/** The text of a plant without zones and devices: where a program begins. */
export function emptyPlant(name: string): string {
  return `version: 1\nplant: ${textOf(name)}\nzones: {}\ndevices: {}\n`
}

/**
 * Makes changes in the text of a plant file, in their order; each refers to what the text had before all of them. The
 * result need not be a valid plant: a zone that is still empty, or a conduit of a device that was removed, is for
 * `validate` to say.
 *
 * @param file name for messages
 */
export function editPlant(text: string, file: string, edits: readonly PlantEdit[]): EditResult {
  const characters = characterProblems(text, file)
  if (characters.length > 0) return { text: undefined, problems: characters }
  // Bounded against hostile texts here, before a parser without such limits sees it.
  const { problems } = readDocument(text, file, plantSchema)
  if (problems.length > 0) return { text: undefined, problems }
  const editor = new Editor(text, file)
  for (const edit of edits) editor.apply(edit)
  return editor.finish()
}

type Node = ParsedNode
type Map_ = YAMLMap<Node, Node | null>
type Entry = Pair<Node, Node | null>

interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Most problems that are listed. */
const maximumProblems = 200

class Editor {
  readonly #text: string
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #root: Map_ | undefined
  readonly #splices: Splice[] = []
  readonly #problems: ParseProblem[] = []
  /** New entries by section: they are put in together, so that a section that was empty is opened once. */
  readonly #added = new Map<Section, string[]>()
  readonly #names = new Map<Section, Map<string, Entry | undefined>>()
  readonly #removed = new Set<Entry>()

  constructor(text: string, file: string) {
    this.#text = text
    this.#file = file
    const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false, lineCounter: this.#lines })
    // The text was read against the schema: its root is a mapping.
    this.#root = isMap<Node, Node | null>(document.contents) ? document.contents : undefined
  }

  apply(edit: PlantEdit): void {
    switch (edit.change) {
      case 'addZone':
        this.#addNamed('zones', edit.zone.name, zoneText(edit.zone))
        break
      case 'addDevice':
        this.#addNamed('devices', edit.device.name, deviceText(edit.device))
        break
      case 'addConduit':
        this.#add('conduits', conduitText(edit.conduit))
        break
      case 'setZone':
        this.#setZone(edit.device, edit.zone)
        break
      case 'removeDevice': {
        const entry = this.#device(edit.device)
        if (entry !== undefined) this.#removed.add(entry)
      }
    }
  }

  finish(): EditResult {
    if (this.#removed.size > 0) this.#removeDevices()
    for (const [section, entries] of this.#added) this.#insert(section, entries)
    if (this.#problems.length > 0) return { text: undefined, problems: this.#problems }
    const parts: string[] = []
    let at = 0
    for (const { start, end, text } of this.#splices.sort((a, b) => a.start - b.start || a.end - b.end)) {
      parts.push(this.#text.slice(at, start), text)
      at = end
    }
    parts.push(this.#text.slice(at))
    return { text: parts.join(''), problems: [] }
  }

  #problem(offset: number, path: string, message: string, expected: string, remedy: string): undefined {
    if (this.#problems.length >= maximumProblems) return undefined
    const { line, col } = this.#lines.linePos(offset)
    this.#problems.push({
      file: this.#file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path,
      message,
      expected,
      remedy,
    })
    return undefined
  }

  #entry(key: string): Entry | undefined {
    return this.#root?.items.find((pair) => keyOf(pair) === key)
  }

  #entriesOf(section: Section): Map<string, Entry | undefined> {
    const known = this.#names.get(section)
    if (known !== undefined) return known
    const value = this.#entry(section)?.value
    const items = isMap<Node, Node | null>(value) ? value.items : []
    const names = new Map(items.map((pair): [string, Entry | undefined] => [keyOf(pair) ?? '', pair]))
    this.#names.set(section, names)
    return names
  }

  #device(name: string): Entry | undefined {
    const names = this.#entriesOf('devices')
    const entry = names.get(name)
    if (entry !== undefined) return entry
    const near = nearest(name, names.keys())
    const remedy = near === undefined ? 'name a device of the plant' : `did you mean ${near}?`
    return this.#problem(
      0,
      `devices.${name}`,
      `there is no device ${JSON.stringify(name)}`,
      'a device of the plant',
      remedy,
    )
  }

  #addNamed(section: 'zones' | 'devices', name: string, value: string): void {
    const names = this.#entriesOf(section)
    if (names.has(name)) {
      const what = section === 'zones' ? 'zone' : 'device'
      const offset = names.get(name)?.key.range[0] ?? 0
      this.#problem(
        offset,
        `${section}.${name}`,
        `there is a ${what} ${JSON.stringify(name)} already`,
        `a new name`,
        'choose another name',
      )
      return
    }
    names.set(name, undefined)
    this.#add(section, `${textOf(name)}: ${value}`)
  }

  #add(section: Section, entry: string): void {
    const list = this.#added.get(section)
    if (list === undefined) this.#added.set(section, [entry])
    else list.push(entry)
  }

  #setZone(device: string, zone: string): void {
    const value = this.#device(device)?.value
    if (!isMap<Node, Node | null>(value)) return
    const old = value.items.find((pair) => keyOf(pair) === 'zone')?.value
    if (!isScalar(old)) return
    this.#splices.push({ start: old.range[0], end: old.range[1], text: textOf(zone) })
  }

  #removeDevices(): void {
    const devices = this.#entry('devices')?.value
    if (!isMap<Node, Node | null>(devices)) return
    // A zone of a device that goes is not changed any more.
    for (const entry of this.#removed) {
      const [start, end] = [entry.key.range[0], endOf(entry)]
      const inside = this.#splices.filter((splice) => splice.start < start || splice.end > end)
      this.#splices.splice(0, this.#splices.length, ...inside)
    }
    const isEmptied = this.#removed.size === devices.items.length
    if (isEmptied && devices.flow === true) {
      const added = this.#added.get('devices') ?? []
      this.#added.delete('devices')
      const text = added.length === 0 ? '{}' : `{ ${added.join(', ')} }`
      this.#splices.push({ start: devices.range[0], end: devices.range[1], text })
      return
    }
    if (isEmptied && !this.#added.has('devices')) {
      this.#splices.push({ start: this.#afterKey('devices'), end: endOfLast(devices), text: ' {}' })
      return
    }
    for (const [place, entry] of devices.items.entries()) {
      if (!this.#removed.has(entry)) continue
      if (devices.flow !== true) {
        const start = this.#lineStart(entry.key.range[0])
        this.#splices.push({ start, end: this.#lineEnd(endOf(entry)), text: '' })
        continue
      }
      const next = devices.items[place + 1]
      const before = devices.items.slice(0, place).findLast((one) => !this.#removed.has(one))
      // With what separates it from the next one; the last goes with what separates it from the one before.
      if (next !== undefined) this.#splices.push({ start: entry.key.range[0], end: next.key.range[0], text: '' })
      else if (before === undefined) this.#splices.push({ start: entry.key.range[0], end: endOf(entry), text: '' })
      else {
        const start = Math.max(endOf(before), this.#splices.at(-1)?.end === entry.key.range[0] ? entry.key.range[0] : 0)
        this.#splices.push({ start, end: endOf(entry), text: '' })
      }
    }
  }

  #insert(section: Section, entries: readonly string[]): void {
    const root = this.#root
    if (root === undefined) return
    const pair = this.#entry(section)
    const value = pair?.value
    const isList = section === 'conduits'
    const flow = isList ? `[ ${entries.join(', ')} ]` : `{ ${entries.join(', ')} }`
    const lines = (indent: string) => entries.map((entry) => `${indent}${isList ? '- ' : ''}${entry}\n`).join('')
    if (pair === undefined) {
      // A section that is not there yet comes last.
      const last = root.items.at(-1)
      if (root.flow === true)
        this.#after(last === undefined ? (root.range?.[0] ?? 0) + 1 : endOf(last), `, ${section}: ${flow}`)
      else
        this.#newLines(
          last === undefined ? this.#text.length : endOf(last),
          `${this.#keyIndent(root)}${section}:\n${lines(`${this.#keyIndent(root)}  `)}`,
        )
      return
    }
    if (!(isMap<Node, Node | null>(value) || isSeq<Node>(value)) || value.items.length === 0) {
      if (root.flow === true && value !== null && value !== undefined) {
        this.#splices.push({ start: value.range[0], end: value.range[1], text: flow })
        return
      }
      const start = this.#afterKey(section)
      const isWritten = isMap(value) || isSeq(value)
      this.#splices.push({ start, end: isWritten ? value.range[1] : start, text: '' })
      this.#newLines(isWritten ? value.range[1] : start, lines(`${this.#keyIndent(root)}  `))
      return
    }
    if (value.flow === true) {
      this.#after(endOfLast(value), `, ${entries.join(', ')}`)
      return
    }
    const indent = isSeq<Node>(value) ? this.#dashIndent(value) : this.#keyIndent(value)
    this.#newLines(endOfLast(value), lines(indent))
  }

  #after(offset: number, text: string): void {
    this.#splices.push({ start: offset, end: offset, text })
  }

  /** Whole lines after the line that an offset lies in. */
  #newLines(offset: number, lines: string): void {
    const start = this.#lineEnd(offset)
    const isOpen = start > 0 && this.#text[start - 1] !== '\n'
    this.#splices.push({ start, end: start, text: isOpen ? `\n${lines}` : lines })
  }

  #lineStart(offset: number): number {
    return this.#text.lastIndexOf('\n', offset - 1) + 1
  }

  /** Offset behind the line break of the line that an offset lies in; the offset itself where a line begins. */
  #lineEnd(offset: number): number {
    if (offset > 0 && this.#text[offset - 1] === '\n') return offset
    const end = this.#text.indexOf('\n', offset)
    return end === -1 ? this.#text.length : end + 1
  }

  /** Offset behind the colon of a section's key. */
  #afterKey(section: Section): number {
    const key = this.#entry(section)?.key.range[1] ?? 0
    return this.#text.indexOf(':', key) + 1
  }

  #keyIndent(map: Map_): string {
    const first = map.items[0]?.key.range[0] ?? 0
    return ' '.repeat(first - this.#lineStart(first))
  }

  #dashIndent(list: YAMLSeq<Node>): string {
    const first = list.items[0]?.range[0] ?? 0
    const dash = this.#text.lastIndexOf('-', first - 1)
    return ' '.repeat(Math.max(0, dash - this.#lineStart(dash)))
  }
}

type Section = 'zones' | 'devices' | 'conduits'

function keyOf({ key }: Entry): string | undefined {
  return isScalar(key) && typeof key.value === 'string' ? key.value : undefined
}

/** Where an entry ends, without the comment behind it. */
function endOf({ key, value }: Entry): number {
  if (value === null) return key.range[1] + 1
  if ((isMap<Node, Node | null>(value) || isSeq<Node>(value)) && value.flow !== true && value.items.length > 0)
    return endOfLast(value)
  return Math.max(value.range[1], key.range[1] + 1)
}

/** Where the last entry of a collection ends. */
function endOfLast(value: Map_ | YAMLSeq<Node>): number {
  const last = value.items.at(-1)
  if (last === undefined) return value.range?.[1] ?? 0
  if (isPair<Node, Node | null>(last)) return endOf(last)
  return (isMap<Node, Node | null>(last) || isSeq<Node>(last)) && last.flow !== true && last.items.length > 0
    ? endOfLast(last)
    : last.range[1]
}

/** A value such that YAML reads exactly this text, whatever it is. */
function textOf(value: string): string {
  const isPlain = /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(value) && !/^(?:null|true|false|yes|no|on|off|y|n)$/i.test(value)
  return isPlain || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(value) ? value : JSON.stringify(value)
}

type Written = readonly [key: string, value: string | undefined]

function flowText(entries: readonly Written[]): string {
  return `{ ${entries.flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}`])).join(', ')} }`
}

function optional(key: string, value: string | undefined): Written {
  return [key, value === undefined ? undefined : textOf(value)]
}

function zoneText({ authentication, messaging, io, psk, nonSecure }: NewZone): string {
  return flowText([
    optional('authentication', authentication),
    optional('messaging', messaging),
    optional('io', io),
    optional('psk', psk),
    optional('nonSecure', nonSecure),
  ])
}

function deviceText({ address, zone, capability, role, expect, dnsName, fingerprint }: NewDevice): string {
  const number = (value: number | undefined) => (value === undefined ? undefined : String(value))
  const { vendor, type, product, serial } = expect ?? {}
  const hex = serial === undefined ? undefined : `0x${serial.toString(16).padStart(8, '0')}`
  const expected: readonly Written[] = [
    ['vendor', number(vendor)],
    ['type', number(type)],
    ['product', number(product)],
    ['serial', hex],
  ]
  const isExpected = expected.some(([, value]) => value !== undefined)
  return flowText([
    optional('address', address),
    optional('zone', zone),
    optional('capability', capability),
    optional('role', role),
    ['expect', isExpected ? flowText(expected) : undefined],
    optional('dnsName', dnsName),
    optional('fingerprint', fingerprint),
  ])
}

function conduitText({ between: [one, other], authentication, messaging, io, opens }: NewConduit): string {
  return flowText([
    ['between', `[${textOf(one)}, ${textOf(other)}]`],
    optional('authentication', authentication),
    optional('messaging', messaging),
    optional('io', io),
    optional('opens', opens),
  ])
}
