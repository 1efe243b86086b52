import type { TSchema } from 'typebox'
import type { CST, Document, Pair, ParsedNode, YAMLError, YAMLMap, YAMLSeq } from 'yaml'
import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from 'yaml'

/** A place in a file, both counted from 1. */
export interface SourcePosition {
  readonly line: number
  readonly column: number
}

/** Where the parts of a file stand, by path: `devices.Green_EN4TR.zone`, `conduits[3].between[0]`. */
export interface SourceMap {
  readonly file: string
  /** The place of a path, or of its nearest ancestor that the file has; the beginning when there is none. */
  at(path: string): SourcePosition
}

/** What is wrong with the form of a file, with where, what was expected, and what would fix it. */
export interface ParseProblem extends SourcePosition {
  readonly file: string
  /** Path of the value that is wrong; empty for the file as a whole. */
  readonly path: string
  readonly message: string
  readonly expected: string
  readonly remedy: string
}

/** The part of JSON Schema that documents here are declared in, with what a person reads (`x-expected`, `x-remedy`). */
export interface DocumentSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly DocumentSchema[]
  /** `#/$defs/name`: the definition of that name in the outermost schema. */
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, DocumentSchema>>
  readonly properties?: Readonly<Record<string, DocumentSchema>>
  readonly patternProperties?: Readonly<Record<string, DocumentSchema>>
  readonly required?: readonly string[]
  readonly items?: DocumentSchema | readonly DocumentSchema[]
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly 'x-expected'?: string
  readonly 'x-remedy'?: string
  /** The same about the keys of an open mapping. */
  readonly 'x-keys'?: string
  readonly 'x-keys-remedy'?: string
}

/** A file read against its schema: the value when nothing is wrong, and all problems at once when something is. */
export interface DocumentResult {
  readonly value: unknown
  /** What could be read of a file whose form as YAML is right, or would be with spaces for tabs, and whose problems are all listed. */
  readonly partial: unknown
  readonly problems: readonly ParseProblem[]
  readonly positions: SourceMap
}

/** Largest file in characters: room for some fifty thousand devices. */
export const maximumFileLength = 8 * 1024 * 1024

/** Deepest nesting; the deepest place in a valid file is six levels down. */
const maximumDepth = 32

/** Open levels of the parser: a level of nesting takes one or two of them. */
const maximumStack = 2 * maximumDepth + 8

/** Most problems that are listed; the last one says that there are more. */
const maximumProblems = 200

/**
 * Reads YAML text against a schema. All problems are found in one pass; the value is undefined when there is any. The
 * text is hostile until proven otherwise: size, depth and the number of problems are bounded, anchors and aliases are
 * refused, the time is linear.
 */
export function readDocument(text: string, file: string, declared: TSchema): DocumentResult {
  const schema = linked(declared as DocumentSchema) // documents are declared with these keywords alone
  const asWritten = readText(text, [], file, schema)
  if (!asWritten.hasTabs) return asWritten
  // Tabs leave no structure to read. It is that of the file with spaces, in the width that leaves the least to say.
  const [likely] = tabWidths
    .map((width) => readText(...withSpaces(text, width), file, schema))
    .filter(({ syntax }) => syntax.length === 0)
    .sort((a, b) => a.problems.length - b.problems.length)
  if (likely === undefined) return { ...asWritten, problems: asWritten.syntax }
  const tabs = asWritten.syntax.filter(({ remedy }) => remedy === tabRemedy)
  return { ...likely, value: undefined, problems: inOrder([...tabs, ...likely.problems]) }
}

/** In the order of the file. */
export function inOrder(problems: readonly ParseProblem[]): readonly ParseProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

/** Spaces that a tab may have been meant for. */
const tabWidths = [2, 4, 8]

/** The text with spaces for the tabs of its indentation, and by how many characters each line is longer. */
function withSpaces(text: string, width: number): readonly [text: string, longer: readonly number[]] {
  const longer: number[] = []
  const lines = text.split('\n').map((line) => {
    const indentation = /^[ \t]*/.exec(line)?.[0] ?? ''
    const spaces = indentation.replaceAll('\t', ' '.repeat(width))
    longer.push(spaces.length - indentation.length)
    return spaces + line.slice(indentation.length)
  })
  return [lines.join('\n'), longer]
}

interface TextResult extends DocumentResult {
  /** The faults of YAML itself among the problems. */
  readonly syntax: readonly ParseProblem[]
  readonly hasTabs: boolean
}

function readText(text: string, longer: readonly number[], file: string, schema: DocumentSchema): TextResult {
  const lines = new LineCounter()
  const positions = new Positions(file, lines, longer)
  const reader = new Reader(positions)
  const refuse = (offset: number, message: string, expected: string, remedy: string): TextResult => {
    reader.problem(positions.place(offset), '', message, expected, remedy)
    const { problems } = reader
    return { value: undefined, partial: undefined, problems, positions, syntax: problems, hasTabs: false }
  }
  if (text.length > maximumFileLength) {
    const expected = `at most ${maximumFileLength} characters`
    return refuse(0, `the file has ${text.length} characters`, expected, 'split the file')
  }
  const { document, second, tooDeep } = parse(text, lines)
  if (document === undefined || tooDeep !== undefined) {
    const remedy = 'write it flatter; nothing in a valid file is so deep'
    return refuse(tooDeep ?? 0, 'nested too deeply', `at most ${maximumDepth} levels`, remedy)
  }
  if (second !== undefined) {
    const remedy = 'remove the `---` line and what follows it'
    reader.problem(positions.place(second), '', 'a second document begins', 'one document', remedy)
  }
  const faults = withoutFollowers([...document.errors, ...document.warnings].slice(0, maximumProblems), text)
  for (const fault of faults) {
    const [expected, remedy] = yamlAdvice[fault.code] ?? ['well-formed YAML', 'correct the text at this place']
    reader.problem(positions.place(fault.pos[0]), '', firstLine(fault.message), expected, remedy)
  }
  const syntax = [...reader.problems]
  const partial =
    document.contents === null
      ? reader.mismatch(undefined, '', schema, 'the file is empty')
      : reader.read(document.contents, schema, '', 0)
  reader.finish(syntax.length)
  const { problems } = reader
  return {
    value: problems.length === 0 ? partial : undefined,
    partial: syntax.length > 0 || problems.length > maximumProblems ? undefined : partial,
    problems,
    positions,
    syntax,
    hasTabs: faults.some(({ code }) => code === 'TAB_AS_INDENT'),
  }
}

/** The schema with each reference replaced by what it leads to: a graph, with a cycle where a form contains itself. */
function linked(schema: DocumentSchema): DocumentSchema {
  if (schema.$defs === undefined) return schema
  const targets = new Map(Object.keys(schema.$defs).map((name) => [`#/$defs/${name}`, {}]))
  const link = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(link)
    if (typeof part !== 'object' || part === null) return part
    if ('$ref' in part) return targets.get(String(part.$ref))
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, link(inner)]))
  }
  for (const [name, part] of Object.entries(schema.$defs)) {
    Object.assign(targets.get(`#/$defs/${name}`) ?? {}, link(part))
  }
  const { $defs: _, ...root } = schema
  return link(root) as DocumentSchema // the same keywords, references replaced
}

const yamlOptions = {
  // Unique keys are checked below: the library compares each key with each other one.
  uniqueKeys: false,
  prettyErrors: false,
  schema: 'core',
  resolveKnownTags: false,
  stringKeys: true,
  merge: false,
} as const

/** Parses the first document, and says where a second one begins. Deep nesting ends it before anything recurses. */
function parse(text: string, lines: LineCounter): Parsed {
  lines.addNewLine(0)
  const parser = new Parser(lines.addNewLine)
  const documents = new Composer(yamlOptions).compose(parseBounded(text, parser), true, text.length)
  let document: Document.Parsed | undefined
  for (const next of documents) {
    if (document !== undefined) return { document, second: next.range[0], tooDeep: undefined }
    document = next
  }
  const tooDeep = parser.stack.length > maximumStack ? parser.offset : undefined
  return { document, second: undefined, tooDeep }
}

interface Parsed {
  readonly document: Document.Parsed | undefined
  /** Offset of a second document. */
  readonly second: number | undefined
  /** Offset where the nesting became too deep; nothing after it was parsed. */
  readonly tooDeep: number | undefined
}

/** The parser keeps its open levels on a stack of its own; the composer behind it recurses over finished ones. */
function* parseBounded(text: string, parser: Parser): Generator<CST.Token, void> {
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme)
    if (parser.stack.length > maximumStack) return
  }
  yield* parser.end()
}

/**
 * Behind one line that stands wrong, the parser finds each of its neighbours wrong as well. Only the first of such a run
 * tells what to do.
 */
function withoutFollowers(faults: readonly YAMLError[], text: string): readonly YAMLError[] {
  return faults.filter((fault, place) => {
    const before = faults[place - 1]
    if (before === undefined || fault.code !== 'BAD_INDENT') return true
    if (before.code !== 'BAD_INDENT' && before.code !== 'TAB_AS_INDENT') return true
    const [, ...between] = text.slice(before.pos[0], fault.pos[0]).split('\n')
    return between.slice(0, -1).some((line) => /^\s*[^\s#]/.test(line))
  })
}

const tabRemedy = 'indent with spaces, YAML does not allow tabs'

const yamlAdvice: Readonly<Record<string, readonly [expected: string, remedy: string]>> = {
  TAB_AS_INDENT: ['spaces', tabRemedy],
  BAD_INDENT: [
    'the indentation of the lines around it, and a closing bracket for each open one',
    'align this line with its neighbours, or close the bracket before it',
  ],
  MISSING_CHAR: ['a closing quote, bracket or comma', 'close what was opened'],
  UNEXPECTED_TOKEN: ['a key, a value or a list item', 'remove or quote this text'],
  IMPOSSIBLE: ['a key, a value or a list item', 'remove or quote this text'],
  MULTILINE_IMPLICIT_KEY: ['a key on one line', 'put the key and its colon on one line'],
  BLOCK_AS_IMPLICIT_KEY: ['a value after the colon on one line', 'move the nested part to the next line and indent it'],
  NON_STRING_KEY: ['a plain key', 'write the key as one word'],
  TAG_RESOLVE_FAILED: ['a value without a tag', 'remove the `!` tag'],
  BAD_ALIAS: ['the value itself', 'write the value out instead of an alias'],
}

class Positions implements SourceMap {
  readonly file: string
  readonly #offsets = new Map<string, number>()
  readonly #lines: LineCounter
  readonly #longer: readonly number[]

  /** @param longer by how many characters each line is longer than the reader of the message sees it */
  constructor(file: string, lines: LineCounter, longer: readonly number[]) {
    this.file = file
    this.#lines = lines
    this.#longer = longer
  }

  remember(path: string, offset: number): void {
    this.#offsets.set(path, offset)
  }

  place(offset: number): SourcePosition {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col - (this.#longer[line - 1] ?? 0)) }
  }

  at(path: string): SourcePosition {
    for (
      let known = path;
      known !== '';
      known = known.slice(0, Math.max(known.lastIndexOf('.'), known.lastIndexOf('['), 0))
    ) {
      const offset = this.#offsets.get(known)
      if (offset !== undefined) return this.place(offset)
    }
    return { line: 1, column: 1 }
  }
}

class Reader {
  readonly problems: ParseProblem[] = []
  readonly #positions: Positions
  #more = 0

  constructor(positions: Positions) {
    this.#positions = positions
  }

  problem(position: SourcePosition, path: string, message: string, expected: string, remedy: string): void {
    if (this.problems.length >= maximumProblems) this.#more++
    else this.problems.push({ file: this.#positions.file, ...position, path, message, expected, remedy })
  }

  /** Brings the problems into the order of the file, after the faults of YAML itself, from which others may follow. */
  finish(syntax: number): void {
    const rest = this.problems.splice(syntax).sort((a, b) => a.line - b.line || a.column - b.column)
    this.problems.push(...rest)
    if (this.#more > 0) {
      const { line, column } = this.problems.at(-1) ?? { line: 1, column: 1 }
      const message = `and ${this.#more} more ${this.#more === 1 ? 'problem' : 'problems'}`
      this.problems.push({
        file: this.#positions.file,
        line,
        column,
        path: '',
        message,
        expected: '',
        remedy: 'correct these first',
      })
    }
  }

  read(node: ParsedNode, schema: DocumentSchema, path: string, depth: number): unknown {
    const offset = node.range[0]
    if (depth > maximumDepth) return this.mismatch(offset, path, schema, 'nested too deeply')
    if (isAlias(node)) {
      return this.#refuse(
        offset,
        path,
        `*${node.source} is an alias`,
        'the value itself',
        'write the value out: aliases are not read',
      )
    }
    if (node.anchor !== undefined) {
      return this.#refuse(
        offset,
        path,
        `&${node.anchor} is an anchor`,
        'the value itself',
        'remove the anchor: aliases are not read',
      )
    }
    if (schema.anyOf !== undefined) return this.#readAny(node, schema, schema.anyOf, path, depth)
    if (isMap<ParsedNode, ParsedNode | null>(node)) {
      if (schema.type !== 'object') return this.mismatch(offset, path, schema, 'found a mapping')
      return this.#readMap(node, schema, path, depth)
    }
    if (isSeq<ParsedNode>(node)) {
      if (schema.type !== 'array') return this.mismatch(offset, path, schema, 'found a list')
      return this.#readList(node, schema, path, depth)
    }
    if (!isScalar(node)) return this.mismatch(offset, path, schema, 'found something else')
    const fault = scalarFault(node.value, schema)
    return fault === undefined ? node.value : this.mismatch(offset, path, schema, fault)
  }

  #readAny(
    node: ParsedNode,
    schema: DocumentSchema,
    choices: readonly DocumentSchema[],
    path: string,
    depth: number,
  ): unknown {
    const fitting = choices.filter((choice) => fits(node, choice))
    const [only] = fitting
    const offset = node.range?.[0]
    if (only === undefined) return this.mismatch(offset, path, schema, describe(node))
    // More than one form of the same kind: the one that this value resembles, else all are described at once.
    if (fitting.length === 1) return this.read(node, only, path, depth)
    const match = fitting.find((choice) => resembles(node, choice))
    return match === undefined
      ? this.mismatch(offset, path, schema, describe(node))
      : this.read(node, match, path, depth)
  }

  #readMap(node: YAMLMap<ParsedNode, ParsedNode | null>, schema: DocumentSchema, path: string, depth: number): unknown {
    const value: Record<string, unknown> = {}
    const seen = new Set<string>()
    const patterns = Object.entries(schema.patternProperties ?? {}).map(([source, part]) => ({
      form: patternOf(source),
      part,
    }))
    for (const pair of node.items) {
      const key = keyOf(pair)
      const offset = pair.key.range[0]
      if (key === undefined) {
        this.#refuse(
          offset,
          path,
          'the key is not a plain word',
          'a plain key',
          'write the key as one word, without anchor or tag',
        )
        continue
      }
      const inner = path === '' ? key : `${path}.${key}`
      if (seen.has(key)) {
        this.#refuse(offset, inner, `${show(key)} stands here twice`, 'each key once', 'remove or rename one of them')
        continue
      }
      seen.add(key)
      const part =
        (Object.hasOwn(schema.properties ?? {}, key) ? schema.properties?.[key] : undefined) ??
        patterns.find(({ form }) => form.test(key))?.part
      if (part === undefined) {
        this.#unknownKey(offset, inner, key, schema)
        continue
      }
      this.#positions.remember(inner, pair.value !== null && isScalar(pair.value) ? pair.value.range[0] : offset)
      value[key] =
        pair.value === null
          ? this.mismatch(offset, inner, part, 'there is no value')
          : this.read(pair.value, part, inner, depth + 1)
    }
    for (const key of schema.required ?? []) {
      if (seen.has(key)) continue
      const expected = expectation(schema.properties?.[key] ?? {})
      this.#refuse(node.range?.[0] ?? 0, path, `${show(key)} is missing`, `${key}: ${expected}`, `add \`${key}:\``)
    }
    return value
  }

  #unknownKey(offset: number, path: string, key: string, schema: DocumentSchema): void {
    if (this.problems.length >= maximumProblems) {
      this.#more++ // no search for a likeness that nobody reads
      return
    }
    const known = Object.keys(schema.properties ?? {})
    const [pattern] = Object.values(schema.patternProperties ?? {})
    if (known.length === 0 && pattern !== undefined) {
      const expected = schema['x-keys'] ?? 'a name'
      this.#refuse(
        offset,
        path,
        `${show(key)} is not a name that may stand here`,
        expected,
        schema['x-keys-remedy'] ?? 'rename it',
      )
      return
    }
    const near = nearest(key, known)
    const remedy = near === undefined ? 'remove it' : `did you mean \`${near}\`?`
    this.#refuse(
      offset,
      path,
      `${show(key)} is unknown here`,
      known.length === 0 ? 'nothing' : `one of ${known.join(', ')}`,
      remedy,
    )
  }

  #readList(node: YAMLSeq<ParsedNode>, schema: DocumentSchema, path: string, depth: number): unknown {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema
    if (node.items.length < minItems || node.items.length > maxItems) {
      return this.mismatch(node.range?.[0], path, schema, `found ${node.items.length} items`)
    }
    return node.items.map((item, index) => {
      const inner = `${path}[${index}]`
      this.#positions.remember(inner, item.range[0])
      const part = Array.isArray(schema.items) ? schema.items[index] : schema.items
      return this.read(item, part ?? {}, inner, depth + 1)
    })
  }

  mismatch(offset: number | undefined, path: string, schema: DocumentSchema, found: string): undefined {
    const position = offset === undefined ? { line: 1, column: 1 } : this.#positions.place(offset)
    const expected = expectation(schema)
    this.problem(
      position,
      path,
      path === '' ? found : `${path}: ${found}`,
      expected,
      schema['x-remedy'] ?? `write ${expected}`,
    )
    return undefined
  }

  #refuse(offset: number, path: string, message: string, expected: string, remedy: string): undefined {
    this.problem(this.#positions.place(offset), path, message, expected, remedy)
    return undefined
  }
}

function keyOf(pair: Pair<ParsedNode, ParsedNode | null>): string | undefined {
  const { key } = pair
  if (!isScalar(key) || key.anchor !== undefined || typeof key.value !== 'string' || key.value.length > 200)
    return undefined
  return key.value
}

/** A scalar without a fault, or a mapping that has the keys which its form cannot do without. */
function resembles(node: ParsedNode, schema: DocumentSchema): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((choice) => resembles(node, choice))
  if (isScalar(node)) return scalarFault(node.value, schema) === undefined
  return (
    isMap<ParsedNode, ParsedNode | null>(node) &&
    (schema.required ?? []).every((key) => node.items.some((pair) => keyOf(pair) === key))
  )
}

function fits(node: ParsedNode, schema: DocumentSchema): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((choice) => fits(node, choice))
  if (isMap(node)) return schema.type === 'object'
  if (isSeq(node)) return schema.type === 'array'
  if (!isScalar(node)) return false
  if (schema.const !== undefined) return typeof schema.const === typeof node.value
  if (schema.enum !== undefined) return schema.enum.some((value) => typeof value === typeof node.value)
  return schema.type === typeof node.value || (schema.type === 'integer' && typeof node.value === 'number')
}

function scalarFault(value: unknown, schema: DocumentSchema): string | undefined {
  const found = `found ${show(value)}`
  if (schema.const !== undefined) return value === schema.const ? undefined : found
  if (schema.enum !== undefined) return schema.enum.includes(value) ? undefined : found
  switch (schema.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : found
    case 'integer':
      return Number.isSafeInteger(value) && inRange(value, schema) ? undefined : found
    case 'number':
      return Number.isFinite(value) && inRange(value, schema) ? undefined : found
    case 'string':
      return typeof value === 'string' && fitsText(value, schema) ? undefined : found
    default:
      return found
  }
}

function inRange(
  value: unknown,
  { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY }: DocumentSchema,
): boolean {
  return typeof value === 'number' && value >= minimum && value <= maximum
}

function fitsText(value: string, schema: DocumentSchema): boolean {
  const { minLength = 0, maxLength = 200 } = schema
  if (value.length < minLength || value.length > maxLength) return false
  return schema.pattern === undefined || patternOf(schema.pattern).test(value)
}

const patterns = new Map<string, RegExp>()

/** Patterns come from our own schemas only, so the map stays small. */
function patternOf(source: string): RegExp {
  const known = patterns.get(source)
  if (known !== undefined) return known
  const pattern = new RegExp(source)
  patterns.set(source, pattern)
  return pattern
}

function expectation(schema: DocumentSchema): string {
  if (schema['x-expected'] !== undefined) return schema['x-expected']
  if (schema.const !== undefined) return String(schema.const)
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`
  if (schema.anyOf !== undefined) return schema.anyOf.map(expectation).join(' or ')
  const { minimum, maximum } = schema
  const range = minimum === undefined || maximum === undefined ? '' : ` from ${minimum} to ${maximum}`
  switch (schema.type) {
    case 'object':
      return 'a mapping (`key: value`)'
    case 'array':
      return 'a list'
    case 'integer':
      return `a whole number${range}`
    case 'number':
      return `a number${range}`
    case 'boolean':
      return 'true or false'
    default:
      return 'text'
  }
}

function describe(node: ParsedNode): string {
  if (isMap(node)) return 'found a mapping'
  if (isSeq(node)) return 'found a list'
  return isScalar(node) ? `found ${show(node.value)}` : 'found something else'
}

/** A value from the file, short and printable. */
function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  const text =
    typeof value === 'string' ? JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value) : String(value)
  return text.replace(/[\u007f-\u009f\u2028\u2029]/g, '?')
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n', 1)
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}

/** The known word at most two edits away (one for words of up to four letters), if there is one. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined
  let best: string | undefined
  let least = word.length <= 4 ? 2 : 3
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= least) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** Edits (insert, delete, replace, swap of neighbours) between two short words. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1
      let least = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + cost,
      )
      if (a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, (before[column - 2] ?? 0) + 1)
      current.push(least)
    }
    before = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
