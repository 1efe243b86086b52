/**
 * Tags of Logix controllers: named values that are read and written by symbolic paths. The layouts are those that public
 * clients send and expect (vector 24 of cip-security-wire 8.1; st-ethernet-ip, pycomm3).
 * @module
 */
import { UsageError } from '../errors.ts'
import { restView } from '../wire/bytes.ts'
import { type Codec, decode, encode, type Value } from '../wire/codec.ts'
import { counted, toEnd } from '../wire/list.ts'
import { u16, u32 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'
import { hexadecimal, latin1, latin1Bytes, longString } from '../wire/text.ts'
import { dataType } from './data-types.ts'
import type { EPath } from './epath.ts'
import type { EPathSegment } from './epath-segment.ts'

/** Services on a tag's path, and on the Symbol class 0x6B (`getInstanceAttributeList`). */
export const tagServices = {
  readTag: 0x4c,
  writeTag: 0x4d,
  readModifyWriteTag: 0x4e,
  readTagFragmented: 0x52,
  writeTagFragmented: 0x53,
  getInstanceAttributeList: 0x55,
} as const

/** Class code of Symbol: one instance per tag. */
export const symbolClass = 0x6b

/** Type code that announces a structure: a UINT handle follows. */
export const structureTypeCode = 0x02a0

/** Handle of the built-in STRING: DINT length, 82 characters, 2 pad bytes. */
export const stringHandle = 0x0fce

/** Characters that the built-in STRING holds. */
export const stringCapacity = 82

/** The type of a tag as it stands before its data. */
export type TagType =
  | { readonly kind: 'elementary'; readonly code: number }
  | { readonly kind: 'structure'; readonly handle: number }

/** The type of the built-in STRING. */
export const stringTagType: TagType = { kind: 'structure', handle: stringHandle }

/** Codec of {@link TagType}: UINT code, behind 0x02A0 a UINT handle. */
export const tagType: Codec<TagType> = {
  read: (r) => {
    const code = r.u16()
    return code === structureTypeCode ? { kind: 'structure', handle: r.u16() } : { kind: 'elementary', code }
  },
  write: (w, value) => {
    if (value.kind === 'structure') {
      w.u16(structureTypeCode)
      w.u16(value.handle)
      return
    }
    if (value.code === structureTypeCode) {
      throw new UsageError('bad-value', 'expected an elementary type code, got that of structures')
    }
    w.u16(value.code)
  },
}

/** Data of Read_Tag: UINT count of elements. */
export const readTagRequest = struct({ elements: u16 })
/** Data of Read_Tag. */
export interface ReadTagRequest extends Value<typeof readTagRequest> {}

/** Data of Read_Tag_Fragmented: UINT count of elements, UDINT offset in bytes of the whole. */
export const readTagFragmentedRequest = struct({ elements: u16, offset: u32 })
/** Data of Read_Tag_Fragmented. */
export interface ReadTagFragmentedRequest extends Value<typeof readTagFragmentedRequest> {}

/** Reply data of both reads: type, then the elements (or a part of them) back to back. */
export const tagData = struct({ type: tagType, data: restView })
/** Reply data of both reads; in a decoded value `data` is a view. */
export interface TagData extends Value<typeof tagData> {}

/** Data of Write_Tag: type, UINT count of elements, the elements. */
export const writeTagRequest = struct({ type: tagType, elements: u16, data: restView })
/** Data of Write_Tag. */
export interface WriteTagRequest extends Value<typeof writeTagRequest> {}

/** Data of Write_Tag_Fragmented: type, UINT count of all elements, UDINT offset, a part of them. */
export const writeTagFragmentedRequest = struct({ type: tagType, elements: u16, offset: u32, data: restView })
/** Data of Write_Tag_Fragmented. */
export interface WriteTagFragmentedRequest extends Value<typeof writeTagFragmentedRequest> {}

/** An element of a tag; structures other than STRING stay bytes. */
export type TagValue = number | bigint | boolean | string | Uint8Array

/** The built-in STRING, 88 bytes: DINT length, 82 characters, 2 pad bytes. */
export const logixString: Codec<string> = {
  read: (r) => {
    const length = r.i32()
    const field = r.view(stringCapacity + 2)
    if (length < 0 || length > stringCapacity) {
      throw r.malformed('out-of-range', `expected a length 0..${stringCapacity}, got ${length}`)
    }
    return latin1(field.subarray(0, length))
  },
  write: (w, text) => {
    const characters = latin1Bytes(text)
    if (characters.length > stringCapacity) {
      throw new UsageError('bad-value', `expected at most ${stringCapacity} characters, got ${characters.length}`)
    }
    w.i32(characters.length)
    w.bytes(characters)
    w.zeros(stringCapacity + 2 - characters.length)
  },
}

/** Bytes of an element, or undefined where the type does not say. */
export function tagElementSize(type: TagType): number | undefined {
  if (type.kind === 'structure') return type.handle === stringHandle ? stringCapacity + 6 : undefined
  return dataType(type.code)?.size
}

function elementCodec(type: TagType): Codec<TagValue> | undefined {
  if (tagElementSize(type) === undefined) return undefined
  if (type.kind === 'structure') return logixString
  // The types of fixed size mean numbers and booleans, which TagValue is, and DATE_AND_TIME, which tags do not have.
  return type.code === 0xcf ? undefined : (dataType(type.code)?.codec as Codec<TagValue> | undefined)
}

/** The elements of a tag as values. @throws MalformedMessage where the data is no whole number of elements */
export function tagValues(tag: TagData): readonly TagValue[] {
  const codec = elementCodec(tag.type)
  return codec === undefined ? [tag.data.slice()] : decode(toEnd(codec), tag.data)
}

/**
 * Elements of a tag as bytes.
 * @throws UsageError `bad-value` for a value that the type cannot carry, or one that is not bytes under a type
 * without a known element
 */
export function encodeTagValues(type: TagType, values: readonly TagValue[]): Uint8Array {
  const codec = elementCodec(type)
  if (codec !== undefined) {
    for (const value of values) checkValue(type, value)
    return encode(toEnd(codec), values)
  }
  const [only] = values
  if (values.length === 1 && only instanceof Uint8Array) return only
  throw new UsageError('bad-value', `expected bytes for ${describeTagType(type)}`)
}

const wideTypes: ReadonlySet<number> = new Set([0xc0, 0xc5, 0xc9, 0xcc, 0xd4, 0xd7, 0xdf])

function checkValue(type: TagType, value: TagValue): void {
  const expected =
    type.kind === 'structure'
      ? 'string'
      : type.code === 0xc1
        ? 'boolean'
        : wideTypes.has(type.code)
          ? 'bigint'
          : 'number'
  if (typeof value !== expected) {
    throw new UsageError('bad-value', `expected a ${expected} for ${describeTagType(type)}, got a ${typeof value}`)
  }
}

/** What people read: `DINT`, `STRING`, `structure 0x1234`. */
export function describeTagType(type: TagType): string {
  if (type.kind === 'structure') {
    return type.handle === stringHandle ? 'STRING' : `structure ${hexadecimal(type.handle, 4)}`
  }
  return dataType(type.code)?.name ?? `type ${hexadecimal(type.code, 2)}`
}

/** A part of a tag that fits in a reply: whole elements where their size is known. */
export interface TagFragment {
  readonly data: Uint8Array
  /** More follows: the reply carries general status `partialTransfer`. */
  readonly more: boolean
}

/** The part of `data` from `offset` that fits in `room` bytes; undefined where the offset lies beyond the data. */
export function tagFragment(type: TagType, data: Uint8Array, offset: number, room: number): TagFragment | undefined {
  if (offset > data.length || (offset === data.length && data.length > 0)) return undefined
  const left = data.length - offset
  if (left <= room) return { data: data.subarray(offset), more: false }
  const size = tagElementSize(type) ?? 4
  // An element larger than the room is cut: the client puts the parts together by their offsets.
  const whole = size > room ? room : room - (room % size)
  return { data: data.subarray(offset, offset + whole), more: true }
}

const partPattern = /^([A-Za-z_][A-Za-z0-9_:]*)((?:\[\d+(?:,\d+){0,2}\])?)$/

/**
 * The symbolic path of a tag, e.g. `Program:Main.Motor[3].Speed`: a symbol per name, a member segment per index.
 * @throws UsageError `bad-value` for what is not a tag name
 */
export function tagPath(name: string): EPath {
  const segments: EPathSegment[] = []
  for (const part of name.split('.')) {
    const match = partPattern.exec(part)
    const symbol = match?.[1]
    if (symbol === undefined) {
      throw new UsageError('bad-value', `expected a tag name like Program:Main.Motor[3].Speed, got "${name}"`)
    }
    segments.push({ kind: 'symbol', name: symbol })
    for (const index of match?.[2]?.match(/\d+/g) ?? []) segments.push({ kind: 'member', value: Number(index) })
  }
  return segments
}

/** The name that a symbolic path spells, without indices behind the last name; undefined for any other path. */
export interface TagReference {
  /** Names joined by dots, with the indices between them, e.g. `Program:Main.Motor[3].Speed`. */
  readonly name: string
  /** Indices behind the last name: the element where reading begins. */
  readonly indices: readonly number[]
}

/** Reads a symbolic path: the inverse of {@link tagPath}; undefined for a path of other segments. */
export function tagReferenceOf(path: EPath): TagReference | undefined {
  let name = ''
  let indices: number[] = []
  for (const segment of path) {
    if (segment.kind === 'symbol' || segment.kind === 'symbolic') {
      const before = indices.length === 0 ? name : `${name}[${indices.join(',')}]`
      name = before === '' ? segment.name : `${before}.${segment.name}`
      indices = []
    } else if (segment.kind === 'member' && name !== '') indices.push(segment.value)
    else return undefined
  }
  return name === '' ? undefined : { name, indices }
}

/** Attributes of the Symbol class that {@link tagListReply} carries. */
export const symbolAttributes = { name: 1, type: 2 } as const

/** Data of Get_Instance_Attribute_List on class 0x6B: UINT count, UINT attribute numbers. */
export const tagListRequest: Codec<readonly number[]> = counted(u16, u16)

/** Attribute 2 of a Symbol: what kind of tag it is. */
export interface SymbolType {
  /** Data type code, or for a structure its template instance; 12 bits. For BOOL in a byte the low 8 bits. */
  readonly code: number
  /** Bit 15. */
  readonly structure: boolean
  /** Bits 14 and 13: 0 for a single value, else 1 to 3 dimensions. */
  readonly dimensions: number
  /** Bit 12: made by the system. */
  readonly system: boolean
}

/** Codec of {@link SymbolType}, a UINT. */
export const symbolType: Codec<SymbolType> = {
  read: (r) => {
    const word = r.u16()
    return {
      code: word & 0x0fff,
      structure: (word & 0x8000) !== 0,
      dimensions: (word >> 13) & 3,
      system: (word & 0x1000) !== 0,
    }
  },
  write: (w, value) => {
    if (!Number.isInteger(value.code) || value.code < 0 || value.code > 0xfff) {
      throw new UsageError('bad-value', `expected a symbol type code 0..0xFFF, got ${value.code}`)
    }
    if (!Number.isInteger(value.dimensions) || value.dimensions < 0 || value.dimensions > 3) {
      throw new UsageError('bad-value', `expected 0 to 3 dimensions, got ${value.dimensions}`)
    }
    w.u16(value.code | (value.structure ? 0x8000 : 0) | (value.dimensions << 13) | (value.system ? 0x1000 : 0))
  },
}

/** An entry of the tag list when attributes 1 and 2 were asked for. */
export const tagListEntry = struct({
  /** Instance of class 0x6B: the next request begins behind the last. */
  instance: u32,
  name: longString,
  type: symbolType,
})
/** An entry of the tag list. */
export interface TagListEntry extends Value<typeof tagListEntry> {}

/** Reply data of Get_Instance_Attribute_List for attributes 1 and 2; status `partialTransfer` says that more follow. */
export const tagListReply: Codec<readonly TagListEntry[]> = toEnd(tagListEntry)
