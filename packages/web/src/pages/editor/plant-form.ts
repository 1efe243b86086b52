import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml'
import { writtenText } from './plant-text.ts'

/** A named entry with its simple fields as they are written. */
export interface FormEntry {
  readonly name: string
  readonly fields: Readonly<Record<string, string>>
}

/** A plant file as the form shows it; what is not listed here is left to the text view. */
export interface PlantForm {
  readonly zones: readonly FormEntry[]
  readonly devices: readonly FormEntry[]
  readonly ranges: readonly FormEntry[]
  readonly conduits: readonly Readonly<Record<string, string>>[]
  readonly settings: Readonly<Record<string, string>>
  /** Other sections that are there: shown in the text view only. */
  readonly others: readonly string[]
}

const shown = new Set(['zones', 'devices', 'ranges', 'conduits', 'version', 'plant', 'nonSecure', 'suites', 'manager'])

/** The form of a text, or why there is none. */
export function readForm(text: string): PlantForm | { readonly problem: string } {
  const document = parseDocument(text)
  const error = document.errors[0]
  if (error !== undefined) {
    const line = error.linePos?.[0].line
    return {
      problem: `The text is not YAML yet${line === undefined ? '' : `, see line ${line}`}. Mend it in the text view.`,
    }
  }
  const root = document.contents
  if (!isMap(root)) return { problem: 'The text is no plant file yet. Begin it in the text view.' }
  const settings: Record<string, string> = {}
  const others: string[] = []
  for (const { key, value } of root.items) {
    const name = isScalar(key) ? String(key.value) : ''
    const written = writtenValue(text, value)
    if (!shown.has(name)) others.push(name)
    else if (written !== undefined) settings[name] = written
  }
  const list = root.get('conduits', true)
  return {
    zones: entriesOf(text, root, 'zones'),
    devices: entriesOf(text, root, 'devices'),
    ranges: entriesOf(text, root, 'ranges'),
    conduits: isSeq(list) ? list.items.map((item) => (isMap(item) ? fieldsOf(text, item) : {})) : [],
    settings,
    others,
  }
}

function entriesOf(text: string, root: YAMLMap, section: string): readonly FormEntry[] {
  const map = root.get(section, true)
  if (!isMap(map)) return []
  return map.items.map(({ key, value }) => ({
    name: isScalar(key) ? String(key.value) : '',
    fields: isMap(value) ? fieldsOf(text, value) : {},
  }))
}

function fieldsOf(text: string, map: YAMLMap): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {}
  for (const { key, value } of map.items) {
    const written = writtenValue(text, value)
    if (isScalar(key) && written !== undefined) fields[String(key.value)] = written
  }
  return fields
}

/** A word as it is written, a list of words with commas between them; undefined for anything deeper. */
function writtenValue(text: string, value: unknown): string | undefined {
  if (isScalar(value)) return value.value === null ? '' : writtenText(text, value)
  if (!isSeq(value) || !value.items.every((item) => isScalar(item))) return undefined
  return value.items.map((item) => (isScalar(item) ? writtenText(text, item) : '')).join(', ')
}

/** The words of a list that a person typed. */
export function wordsOf(typed: string): readonly string[] {
  return typed.split(/[\s,]+/).filter((word) => word !== '')
}

/** A name as plant files have them. */
export const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/
/** An IPv4 address. */
export const addressPattern = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
/** An IPv4 network: address, slash, prefix length. */
export const networkPattern = /^(?:\d{1,3}\.){3}\d{1,3}\/(?:[12]?\d|3[0-2])$/
