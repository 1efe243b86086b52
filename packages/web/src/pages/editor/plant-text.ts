import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'

/*
 * Changes to the text of a plant file by meaning. Each is a splice at the place that the parser names, so that comments,
 * order and the alignment of everything else stay as the author left them.
 */

/** Where something lies in the file: keys and numbers of list entries. */
export type Path = readonly (string | number)[]
/** What a form writes: a word, a number, a list of words. */
export type Value = string | number | boolean | readonly string[]

/** Sections of a plant file whose entries have names. */
export type Section = 'zones' | 'devices' | 'ranges'

/**
 * The text with a value set; undefined removes the key, and an absent key is added to its map.
 * @throws Error where the text is no YAML or the map around it is missing
 */
export function setValue(text: string, path: Path, value: Value | undefined): string {
  const root = rootOf(text)
  const key = path.at(-1)
  const parent = path.length === 1 ? root : nodeAt(root, path.slice(0, -1))
  if (!isMap(parent) || typeof key !== 'string') throw new Error(`the file has no ${path.join('.')}`)
  const pair = pairOf(parent, key)
  if (value === undefined) return pair === undefined ? text : removePair(text, parent, pair)
  if (pair === undefined) return addPair(text, parent, key, valueText(value))
  const node = pair.value
  if (isNode(node) && node.range != null && node.range[1] > node.range[0])
    return splice(text, node.range[0], node.range[1], valueText(value))
  const keyEnd = isNode(pair.key) && pair.key.range != null ? pair.key.range[1] : undefined
  if (keyEnd === undefined) throw new Error(`the file has no ${path.join('.')}`)
  return splice(text, keyEnd, text.indexOf(':', keyEnd) + 1, `: ${valueText(value)}`)
}

/** The text with a named entry added behind the last one of its section. */
export function addEntry(
  text: string,
  section: Section,
  name: string,
  fields: Readonly<Record<string, Value>>,
): string {
  const map = rootOf(text).get(section, true)
  const entry = flowText(fields)
  if (isMap(map) && map.items.length > 0) return addPair(text, map, name, entry)
  if (map !== undefined && isNode(map) && map.range != null && map.range[1] > map.range[0]) {
    return splice(text, map.range[0], map.range[1], `\n  ${name}: ${entry}`)
  }
  return appendSection(text, section, `  ${name}: ${entry}`, map !== undefined)
}

/** The text with a conduit added behind the last one. */
export function addConduit(text: string, fields: Readonly<Record<string, Value>>): string {
  const list = rootOf(text).get('conduits', true)
  const entry = flowText(fields)
  if (isSeq(list) && list.items.length > 0) {
    if (list.flow === true) return splice(text, endOf(list.items.at(-1)), endOf(list.items.at(-1)), `, ${entry}`)
    const first = list.items[0]
    const dash = text.lastIndexOf('-', startOf(first))
    const at = lineEnd(text, lastUsed(text, endOf(list.items.at(-1))))
    return splice(text, at, at, `\n${' '.repeat(columnOf(text, dash))}- ${entry}`)
  }
  if (isSeq(list) && list.range != null) return splice(text, list.range[0], list.range[1], `\n  - ${entry}`)
  return appendSection(text, 'conduits', `  - ${entry}`, list !== undefined)
}

/** The text without an entry. */
export function removeEntry(text: string, section: Section | 'conduits', entry: string | number): string {
  const node = rootOf(text).get(section, true)
  if (isMap(node) && typeof entry === 'string') {
    const pair = pairOf(node, entry)
    if (pair === undefined) return text
    return node.items.length === 1 ? setValueText(text, section, '{}') : removePair(text, node, pair)
  }
  if (isSeq(node) && typeof entry === 'number') return removeItem(text, node, entry)
  return text
}

/** The text with a zone, device or range called otherwise, wherever it is named. */
export function renameEntry(text: string, section: Section, from: string, to: string): string {
  const root = rootOf(text)
  const map = root.get(section, true)
  const pair = isMap(map) ? pairOf(map, from) : undefined
  if (pair === undefined || !isNode(pair.key)) return text
  const places: (readonly [number, number])[] = [rangeOf(pair.key)]
  visit(root, {
    Scalar(key, node, path) {
      if (key === 'key' || node.value !== from) return
      if (isReference(path)) places.push(rangeOf(node))
    },
  })
  return places
    .sort(([a], [b]) => b - a)
    .reduce((before, [start, end]) => splice(before, start, end, scalarText(to)), text)
}

const references = new Set(['zone', 'between', 'opens', 'from', 'to', 'originator', 'target', 'manager', 'slots'])

/** Whether a value stands where a name of something else stands. */
function isReference(path: readonly unknown[]): boolean {
  const keys = path
    .filter((part): part is Pair => isPair(part))
    .map(({ key }) => (isScalar(key) ? key.value : undefined))
  const last = keys.at(-1)
  return references.has(String(last)) || keys.at(-2) === 'slots'
}

function rootOf(text: string): YAMLMap {
  const document = parseDocument(text)
  if (document.errors.length > 0) throw new Error('The text is not YAML yet. Mend it in the text view first.')
  const { contents } = document
  if (!isMap(contents)) throw new Error('The text is not a plant file yet. Begin it in the text view.')
  return contents
}

function nodeAt(root: YAMLMap, path: Path): unknown {
  let node: unknown = root
  for (const key of path) {
    if (isMap(node) && typeof key === 'string') node = pairOf(node, key)?.value
    else if (isSeq(node) && typeof key === 'number') node = node.items[key]
    else return undefined
  }
  return node
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
}

function addPair(text: string, map: YAMLMap, key: string, value: string): string {
  const last = map.items.at(-1)
  const entry = `${key}: ${value}`
  if (last === undefined) {
    const [start, end] = rangeOf(map)
    return splice(text, start, end, `{ ${entry} }`)
  }
  const end = endOf(last.value ?? last.key)
  if (map.flow === true) return splice(text, end, end, `, ${entry}`)
  const first = map.items[0]
  const indent = first === undefined ? 0 : columnOf(text, startOf(first.key))
  const at = lineEnd(text, lastUsed(text, end))
  return splice(text, at, at, `\n${' '.repeat(indent)}${entry}`)
}

function removePair(text: string, map: YAMLMap, pair: Pair): string {
  const index = map.items.indexOf(pair)
  const start = startOf(pair.key)
  const end = endOf(pair.value ?? pair.key)
  if (map.flow !== true) return removeLines(text, start, end)
  const next = map.items[index + 1]
  const before = map.items[index - 1]
  if (next !== undefined) return splice(text, start, startOf(next.key), '')
  if (before !== undefined) return splice(text, endOf(before.value ?? before.key), end, '')
  const [open, close] = rangeOf(map)
  return splice(text, open, close, '{}')
}

function removeItem(text: string, list: YAMLSeq, index: number): string {
  const item = list.items[index]
  if (item === undefined) return text
  if (list.items.length === 1) return setValueText(text, 'conduits', '[]')
  const start = startOf(item)
  const end = endOf(item)
  if (list.flow !== true) return removeLines(text, text.lastIndexOf('-', start), end)
  const next = list.items[index + 1]
  if (next !== undefined) return splice(text, start, startOf(next), '')
  return splice(text, endOf(list.items[index - 1]), end, '')
}

/** Replaces everything that a section of the file holds. */
function setValueText(text: string, section: string, value: string): string {
  const pair = pairOf(rootOf(text), section)
  if (pair === undefined) return text
  const keyEnd = endOf(pair.key)
  return splice(text, keyEnd, lastUsed(text, endOf(pair.value ?? pair.key)), `: ${value}`)
}

function appendSection(text: string, section: string, entry: string, isThere: boolean): string {
  if (isThere) {
    const pair = pairOf(rootOf(text), section)
    if (pair !== undefined) return splice(text, endOf(pair.key), lineEnd(text, endOf(pair.key)), `:\n${entry}`)
  }
  const body = text.trimEnd()
  return `${body}${body === '' ? '' : '\n\n'}${section}:\n${entry}\n`
}

/** Whole lines from the first to the last that a part stands on, with what is written behind it. */
function removeLines(text: string, start: number, end: number): string {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const to = lineEnd(text, lastUsed(text, end))
  return splice(text, from, Math.min(text.length, to + 1), '')
}

/** The end of what is written, without white space behind it: a block's range reaches to the next entry. */
function lastUsed(text: string, end: number): number {
  return text.slice(0, end).trimEnd().length
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end
}

function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf('\n', at - 1) + 1)
}

function isNode(node: unknown): node is Node & { range?: readonly [number, number, number] | null } {
  return isScalar(node) || isMap(node) || isSeq(node)
}

function rangeOf(node: unknown): readonly [number, number] {
  const range = isNode(node) ? node.range : undefined
  if (range == null) throw new Error('the parser gave no place')
  return [range[0], range[1]]
}

function startOf(node: unknown): number {
  return rangeOf(node)[0]
}

function endOf(node: unknown): number {
  return rangeOf(node)[1]
}

function splice(text: string, start: number, end: number, put: string): string {
  return text.slice(0, start) + put + text.slice(end)
}

function flowText(fields: Readonly<Record<string, Value>>): string {
  const entries = Object.entries(fields).map(([key, value]) => `${key}: ${valueText(value)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

function valueText(value: Value): string {
  return typeof value === 'object' ? `[${value.map(scalarText).join(', ')}]` : scalarText(value)
}

/** A word as YAML has it: plain where it stays a word, in quotes where it would become something else. */
function scalarText(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value)
  if (
    /^(?:0x[0-9A-Fa-f]+|[A-Za-z0-9][A-Za-z0-9_./:-]*)$/.test(value) &&
    !value.endsWith(':') &&
    !/^(?:true|false|null|yes|no|on|off|~)$/i.test(value)
  ) {
    return value
  }
  return JSON.stringify(value)
}

/** A scalar of the file as it is written, so that `0xC02C` stays so. */
export function writtenText(text: string, node: Scalar): string {
  const [start, end] = rangeOf(node)
  return text.slice(start, end).replace(/^(["'])(.*)\1$/s, '$2')
}
