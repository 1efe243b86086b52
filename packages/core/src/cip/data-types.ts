import { UsageError } from '../errors.ts'
import { oneOf } from '../wire/choice.ts'
import type { Codec, Value } from '../wire/codec.ts'
import { counted } from '../wire/list.ts'
import { f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 } from '../wire/numbers.ts'
import type { Reader } from '../wire/reader.ts'
import { struct } from '../wire/struct.ts'
import { fixedText, hexadecimal, latin1, latin1Bytes, longString, shortString, utf8, utf8Bytes } from '../wire/text.ts'
import type { Writer } from '../wire/writer.ts'
import { paddedEPath } from './epath.ts'

/** BOOL: one byte, zero is false, anything else true; 0x00 or 0x01 is written. */
export const bool: Codec<boolean> = { read: (r) => r.u8() !== 0, write: (w, value) => w.u8(value ? 1 : 0) }

/** DATE_AND_TIME: UDINT milliseconds since midnight, UINT days since 1972-01-01. */
export const dateAndTime = struct({ milliseconds: u32, days: u16 })
/** DATE_AND_TIME. */
export interface DateAndTime extends Value<typeof dateAndTime> {}

/** STRING2: UINT count of UTF-16 units, those units little-endian. Any sequence of units is kept as it came. */
export const string2: Codec<string> = {
  read: (r) => utf16(r, r.u16()),
  write: (w, text) => {
    w.u16(text.length)
    for (let i = 0; i < text.length; i++) w.u16(text.charCodeAt(i))
  },
}

/** A string whose characters have a size of their own. */
export interface StringN {
  /** Bytes of a character, 1..65535. */
  readonly characterSize: number
  /** The characters; a whole number of them. */
  readonly characters: Uint8Array
}

/** STRINGN: UINT bytes per character, UINT count of characters, the characters. */
export const stringN: Codec<StringN> = {
  read: (r) => {
    const characterSize = r.u16()
    if (characterSize === 0) throw r.malformed('out-of-range', 'expected characters of at least one byte')
    return { characterSize, characters: r.copy(r.u16() * characterSize) }
  },
  write: (w, value) => {
    const count = value.characters.length / value.characterSize
    if (!Number.isInteger(count)) {
      throw new UsageError('bad-value', `expected whole characters of ${value.characterSize} bytes`)
    }
    w.u16(value.characterSize)
    w.u16(count)
    w.bytes(value.characters)
  },
}

function utf16(r: Reader, units: number): string {
  const section = r.section(units * 2)
  let text = ''
  while (section.remaining > 0) text += String.fromCharCode(section.u16())
  return text
}

/** Character sets of STRINGI as IANA MIBenum (cip-security-wire 2.6). The set is open. */
export const characterSets = { iso88591: 4, utf8: 106, ucs2: 1000 } as const

/** String types that STRINGI may hold, by data type code. */
export const stringTypes = { string: 0xd0, string2: 0xd5, stringN: 0xd9, shortString: 0xda } as const

/** One language of a STRINGI. */
export interface InternationalString {
  /** ISO 639-2/T, three lower-case letters, e.g. `eng`. */
  readonly language: string
  /** How the text is carried. */
  readonly type: keyof typeof stringTypes
  /** MIBenum. UTF-8 is decoded where characters are bytes; every other set is one code unit per character. */
  readonly charset: number
  readonly text: string
}

/** The same text in several languages. */
export type StringI = readonly InternationalString[]

const languageCode = fixedText(3)
const stringType = oneOf(u8, stringTypes)

const internationalString: Codec<InternationalString> = {
  read: (r) => {
    const head = { language: languageCode.read(r), type: stringType.read(r), charset: r.u16() }
    const units = readUnits(r, head.type)
    if (head.charset !== characterSets.utf8 || head.type === 'string2') return { ...head, text: units }
    const text = isBytes(units) ? utf8(latin1Bytes(units)) : undefined
    if (text === undefined) throw r.malformed('bad-text', 'expected UTF-8')
    return { ...head, text }
  },
  write: (w, value) => {
    languageCode.write(w, value.language)
    stringType.write(w, value.type)
    w.u16(value.charset)
    const encoded = value.charset === characterSets.utf8 && value.type !== 'string2'
    writeUnits(w, value.type, encoded ? latin1(utf8Bytes(value.text)) : value.text)
  },
}

function isBytes(units: string): boolean {
  for (let i = 0; i < units.length; i++) if (units.charCodeAt(i) > 0xff) return false
  return true
}

function readUnits(r: Reader, type: keyof typeof stringTypes): string {
  switch (type) {
    case 'string':
      return longString.read(r)
    case 'string2':
      return string2.read(r)
    case 'shortString':
      return shortString.read(r)
    case 'stringN': {
      const size = r.u16()
      if (size === 1) return latin1(r.view(r.u16()))
      if (size === 2) return utf16(r, r.u16())
      throw r.malformed('out-of-range', `expected characters of 1 or 2 bytes, got ${size}`)
    }
  }
}

function writeUnits(w: Writer, type: keyof typeof stringTypes, units: string): void {
  switch (type) {
    case 'string':
      longString.write(w, units)
      return
    case 'string2':
      string2.write(w, units)
      return
    case 'shortString':
      shortString.write(w, units)
      return
    case 'stringN': {
      const narrow = isBytes(units)
      w.u16(narrow ? 1 : 2)
      if (narrow) longString.write(w, units)
      else string2.write(w, units)
    }
  }
}

/** STRINGI: USINT count, then per language three letters, USINT string type, UINT character set, string. */
export const stringI: Codec<StringI> = counted(u8, internationalString)

/** A STRINGI of one language: English in ISO 8859-1 as SHORT_STRING, unless told. */
export function internationalText(text: string, language = 'eng'): StringI {
  return [{ language, type: 'shortString', charset: characterSets.iso88591, text }]
}

/** The text of a STRINGI in a language, else in its first one, else nothing. */
export function textOf(value: StringI, language = 'eng'): string {
  return (value.find((entry) => entry.language === language) ?? value[0])?.text ?? ''
}

/** A type of the specification: its code, its name and how a value is carried. */
export interface DataType<T = unknown> {
  /** Data type code, e.g. 0xC4. */
  readonly code: number
  /** The specification's name, e.g. `DINT`. */
  readonly name: DataTypeName
  readonly codec: Codec<T>
  /** Bytes of a value, left out where values differ in size. */
  readonly size?: number
}

/**
 * Every data type by name: code, format and size (Volume 1, C-6 via cip-security-wire 2.6). Times are plain integers:
 * STIME and NTIME nanoseconds, UTIME microseconds, FTIME and LTIME microseconds, ITIME and TIME milliseconds, DATE days
 * since 1972-01-01, TIME_OF_DAY milliseconds since midnight.
 */
export const dataTypes = {
  UTIME: { code: 0xc0, codec: u64, size: 8 },
  BOOL: { code: 0xc1, codec: bool, size: 1 },
  SINT: { code: 0xc2, codec: i8, size: 1 },
  INT: { code: 0xc3, codec: i16, size: 2 },
  DINT: { code: 0xc4, codec: i32, size: 4 },
  LINT: { code: 0xc5, codec: i64, size: 8 },
  USINT: { code: 0xc6, codec: u8, size: 1 },
  UINT: { code: 0xc7, codec: u16, size: 2 },
  UDINT: { code: 0xc8, codec: u32, size: 4 },
  ULINT: { code: 0xc9, codec: u64, size: 8 },
  REAL: { code: 0xca, codec: f32, size: 4 },
  LREAL: { code: 0xcb, codec: f64, size: 8 },
  /** Another public source gives it 4 bytes; 8 is taken. */
  STIME: { code: 0xcc, codec: i64, size: 8 },
  DATE: { code: 0xcd, codec: u16, size: 2 },
  TIME_OF_DAY: { code: 0xce, codec: u32, size: 4 },
  DATE_AND_TIME: { code: 0xcf, codec: dateAndTime, size: 6 },
  STRING: { code: 0xd0, codec: longString },
  BYTE: { code: 0xd1, codec: u8, size: 1 },
  WORD: { code: 0xd2, codec: u16, size: 2 },
  DWORD: { code: 0xd3, codec: u32, size: 4 },
  LWORD: { code: 0xd4, codec: u64, size: 8 },
  STRING2: { code: 0xd5, codec: string2 },
  FTIME: { code: 0xd6, codec: i32, size: 4 },
  LTIME: { code: 0xd7, codec: i64, size: 8 },
  ITIME: { code: 0xd8, codec: i16, size: 2 },
  STRINGN: { code: 0xd9, codec: stringN },
  SHORT_STRING: { code: 0xda, codec: shortString },
  TIME: { code: 0xdb, codec: i32, size: 4 },
  /** Up to the end of its section: what counts it depends on the context. */
  EPATH: { code: 0xdc, codec: paddedEPath },
  ENGUNIT: { code: 0xdd, codec: u16, size: 2 },
  STRINGI: { code: 0xde, codec: stringI },
  NTIME: { code: 0xdf, codec: i64, size: 8 },
} as const satisfies { readonly [name: string]: { code: number; codec: Codec<never> | Codec<unknown>; size?: number } }

/** The name of a data type. */
export type DataTypeName = keyof typeof dataTypes

/** What a value of a data type is here, e.g. `DataTypeValue<'DINT'>` is `number`. */
export type DataTypeValue<N extends DataTypeName> = Value<(typeof dataTypes)[N]['codec']>

const byCode = new Map<number, DataType>(
  Object.entries(dataTypes).map(([name, type]) => [
    type.code,
    // The table's keys and codecs, with the one type that all codecs share; values are checked when written.
    { ...type, name: name as DataTypeName, codec: type.codec as Codec<unknown> },
  ]),
)

/** The data type of a code or name, e.g. `dataType(0xc4)`; undefined where there is none. */
export function dataType(code: number | DataTypeName): DataType | undefined {
  return byCode.get(typeof code === 'number' ? code : dataTypes[code].code)
}

/** What people read: `DINT (0xC4)`, or the bare number. */
export function describeDataType(code: number): string {
  const type = byCode.get(code)
  return type === undefined ? `unlisted type ${hexadecimal(code, 2)}` : `${type.name} (${hexadecimal(code, 2)})`
}

/** ARRAY as the security objects carry it: an explicit USINT or UINT count, then the elements. */
export function array<T>(count: 'USINT' | 'UINT', element: Codec<T>): Codec<readonly T[]> {
  return counted(count === 'USINT' ? u8 : u16, element)
}
