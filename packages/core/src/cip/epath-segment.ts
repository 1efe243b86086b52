import { UsageError } from '../errors.ts'
import type { Reader } from '../wire/reader.ts'
import { latin1, latin1Bytes } from '../wire/text.ts'
import { Writer } from '../wire/writer.ts'

/** Bits of the number a logical segment carries. */
export type LogicalWidth = 8 | 16 | 32

/** What a logical segment names. */
export type LogicalKind = 'class' | 'instance' | 'member' | 'connectionPoint' | 'attribute'

/** Logical segment `001 ttt ff`: the number of a class, instance, member, connection point or attribute. */
export interface LogicalSegment {
  readonly kind: LogicalKind
  /** 0..2^32-1. */
  readonly value: number
  /** Left out for the narrowest that holds the value; kept where a peer sent a wider one. */
  readonly width?: LogicalWidth
}

/** Service id segment `38 vv`. */
export interface ServiceIdSegment {
  readonly kind: 'serviceId'
  /** Service code, 0..255. */
  readonly value: number
}

/** What an extended logical segment names; the set is open. */
export const extendedLogicalTypes = {
  arrayIndex: 1,
  indirectArrayIndex: 2,
  bitIndex: 3,
  indirectBitIndex: 4,
  structureMemberNumber: 5,
  structureMemberHandle: 6,
} as const

/** Extended logical segment `001 111 ff`, USINT type, value. */
export interface ExtendedLogicalSegment {
  readonly kind: 'extendedLogical'
  readonly type: keyof typeof extendedLogicalTypes | number
  /** 0..2^32-1. */
  readonly value: number
  /** Left out for the narrowest that holds the value. */
  readonly width?: LogicalWidth
}

/** Electronic key `34 04` or `34 05`: which product the path expects. A zero field matches anything. */
export interface ElectronicKeySegment {
  readonly kind: 'electronicKey'
  readonly vendorId: number
  readonly deviceType: number
  readonly productCode: number
  /** A compatible device may stand in (bit 7 of the major revision byte). */
  readonly compatibility: boolean
  /** 0..127. */
  readonly majorRevision: number
  readonly minorRevision: number
  /** Present in key format 5 only. */
  readonly serialNumber?: number
}

/**
 * Port segment: the way out of a node. Layout: byte with port 0..14 (15: an extended number follows) and bit 4 for a
 * sized link address, USINT size if bit 4, UINT extended port if 15, link address, pad to even length.
 */
export interface PortSegment {
  readonly kind: 'port'
  /** 0..65535; 1 is the backplane, 2 usually Ethernet. */
  readonly port: number
  /** Slot number in one byte, or the ASCII of an IP address, also with `:2221` for a secure hop. */
  readonly linkAddress: Uint8Array
}

/** Schedule network segment `41 vv`. */
export interface ScheduleSegment {
  readonly kind: 'schedule'
  readonly value: number
}

/** Fixed tag network segment `42 vv`. */
export interface FixedTagSegment {
  readonly kind: 'fixedTag'
  readonly value: number
}

/** Production inhibit time, `43 vv` milliseconds. */
export interface ProductionInhibitSegment {
  readonly kind: 'productionInhibit'
  /** 0..255. */
  readonly milliseconds: number
}

/** Production inhibit time in microseconds, `51 02` UDINT. */
export interface ProductionInhibitMicrosecondsSegment {
  readonly kind: 'productionInhibitMicroseconds'
  readonly microseconds: number
}

/** Safety network segment `50 words data`. */
export interface SafetySegment {
  readonly kind: 'safety'
  /** An even number of bytes, not 4 (those are a production inhibit time, see {@link legacyMicrosecondInhibit}). */
  readonly data: Uint8Array
}

/** Extended network segment `5F words`, UINT subtype, data. */
export interface ExtendedNetworkSegment {
  readonly kind: 'extendedNetwork'
  /** 0..65535. */
  readonly subtype: number
  /** An even number of bytes. */
  readonly data: Uint8Array
}

/** A network segment of a subtype without a meaning here: one byte below 0x10, counted words from there on. */
export interface OtherNetworkSegment {
  readonly kind: 'network'
  /** 0..0x1F. */
  readonly subtype: number
  /** One byte for subtypes below 0x10, else an even number of bytes. */
  readonly data: Uint8Array
}

/** Simple data segment `80 words data`, as configuration data in a Forward_Open. */
export interface DataSegment {
  readonly kind: 'data'
  /** An even number of bytes. */
  readonly data: Uint8Array
}

/** ANSI extended symbol `91 len ascii [pad]`: the name of a tag or of a member. */
export interface SymbolSegment {
  readonly kind: 'symbol'
  /** One byte per character, at most 255. */
  readonly name: string
}

/** Symbolic segment `6n` and n ASCII bytes. */
export interface SymbolicSegment {
  readonly kind: 'symbolic'
  /** One byte per character, 1 to 31. */
  readonly name: string
}

/** Numeric symbol `60 C6`, `60 C7` or `60 C8` and the number. */
export interface NumericSymbolSegment {
  readonly kind: 'numericSymbol'
  /** 0..2^32-1. */
  readonly value: number
  /** Left out for the narrowest that holds the value. */
  readonly width?: LogicalWidth
}

/** Symbol of double or triple byte characters, `60 2n` or `60 4n` and n characters. */
export interface MultibyteSymbolSegment {
  readonly kind: 'multibyteSymbol'
  /** Bytes of a character. */
  readonly characterSize: 2 | 3
  /** At most 31 characters. */
  readonly characters: Uint8Array
}

/** Elementary data type segment, one byte 0xC0..0xDF. */
export interface ElementaryTypeSegment {
  readonly kind: 'elementaryType'
  /** Data type code. */
  readonly code: number
}

/** Constructed data type segment: one byte 0xA0..0xBF, USINT count of bytes, those bytes. */
export interface ConstructedTypeSegment {
  readonly kind: 'constructedType'
  readonly code: number
  /** At most 255 bytes. */
  readonly data: Uint8Array
}

/** A segment of an EPATH (Volume 1, C-1 via cip-security-wire 2.2). */
export type EPathSegment =
  | LogicalSegment
  | ServiceIdSegment
  | ExtendedLogicalSegment
  | ElectronicKeySegment
  | PortSegment
  | ScheduleSegment
  | FixedTagSegment
  | ProductionInhibitSegment
  | ProductionInhibitMicrosecondsSegment
  | SafetySegment
  | ExtendedNetworkSegment
  | OtherNetworkSegment
  | DataSegment
  | SymbolSegment
  | SymbolicSegment
  | NumericSymbolSegment
  | MultibyteSymbolSegment
  | ElementaryTypeSegment
  | ConstructedTypeSegment

/**
 * Deviation: public sources disagree whether the production inhibit time in microseconds is 0x50 or 0x51; 0x51 is
 * written and both are read, 0x50 where it counts two words (wire-open-questions 2.28).
 */
export const legacyMicrosecondInhibit = 0x50
const microsecondInhibit = 0x51

const logicalKinds: readonly (LogicalKind | undefined)[] = [
  'class',
  'instance',
  'member',
  'connectionPoint',
  'attribute',
]
const logicalTypes: Readonly<Record<LogicalKind, number>> = {
  class: 0x20,
  instance: 0x24,
  member: 0x28,
  connectionPoint: 0x2c,
  attribute: 0x30,
}

const extendedLogicalNames = new Map<number, keyof typeof extendedLogicalTypes>(
  // Object.entries widens the keys of the table to string.
  Object.entries(extendedLogicalTypes).map(([name, type]) => [type, name as keyof typeof extendedLogicalTypes]),
)

/** Reads one segment; `padded` says in which form of EPATH. @throws MalformedMessage */
export function readSegment(r: Reader, padded: boolean): EPathSegment {
  const start = r.offset
  const first = r.u8()
  switch (first >> 5) {
    case 0:
      return readPort(r, start, first)
    case 1:
      return readLogical(r, first, padded)
    case 2:
      return readNetwork(r, first)
    case 3:
      return aligned(r, start, padded, readSymbolic(r, first))
    case 4:
      return readData(r, start, first)
    case 5:
      return aligned(r, start, padded, { kind: 'constructedType', code: first, data: r.copy(r.u8()) })
    case 6:
      return aligned(r, start, padded, { kind: 'elementaryType', code: first })
    default:
      throw r.malformed('unknown-value', `0x${first.toString(16)} is not a segment type`)
  }
}

/** In a padded path every segment fills whole words. */
function aligned(r: Reader, start: number, padded: boolean, segment: EPathSegment): EPathSegment {
  if (padded && (r.offset - start) % 2 === 1) r.u8()
  return segment
}

function readPort(r: Reader, start: number, first: number): PortSegment {
  const size = (first & 0x10) === 0 ? 1 : r.u8()
  const low = first & 0x0f
  const port = low === 15 ? r.u16() : low
  const linkAddress = r.copy(size)
  // The pad belongs to the segment itself, so packed paths have it too.
  if ((r.offset - start) % 2 === 1 && (first & 0x10) !== 0) r.u8()
  return { kind: 'port', port, linkAddress }
}

function readLogical(r: Reader, first: number, padded: boolean): EPathSegment {
  const type = (first >> 2) & 7
  const width = widthOf(r, first & 3)
  if (type === 5) return readElectronicKey(r, width)
  if (type === 6) {
    if (width !== 8) throw r.malformed('unknown-value', `expected a service id of 8 bits, got ${width}`)
    return { kind: 'serviceId', value: r.u8() }
  }
  if (type === 7) {
    const code = r.u8()
    const value = readNumber(r, width)
    if (padded && width === 8) r.u8()
    return { kind: 'extendedLogical', type: extendedLogicalNames.get(code) ?? code, ...withWidth(value, width) }
  }
  const kind = logicalKinds[type]
  if (kind === undefined) throw r.malformed('unknown-value', `${type} is not a logical type`)
  if (padded && width !== 8) r.u8()
  return { kind, ...withWidth(readNumber(r, width), width) }
}

function widthOf(r: Reader, format: number): LogicalWidth {
  if (format === 3) throw r.malformed('unknown-value', 'logical format 3 is reserved')
  return format === 0 ? 8 : format === 1 ? 16 : 32
}

function readNumber(r: Reader, width: LogicalWidth): number {
  return width === 8 ? r.u8() : width === 16 ? r.u16() : r.u32()
}

function narrowest(value: number): LogicalWidth {
  return value <= 0xff ? 8 : value <= 0xffff ? 16 : 32
}

function withWidth(value: number, width: LogicalWidth): { readonly value: number; readonly width?: LogicalWidth } {
  return width === narrowest(value) ? { value } : { value, width }
}

function readElectronicKey(r: Reader, width: LogicalWidth): ElectronicKeySegment {
  if (width !== 8) throw r.malformed('unknown-value', 'expected special segment 0x34')
  const format = r.u8()
  if (format !== 4 && format !== 5) throw r.malformed('unknown-value', `expected key format 4 or 5, got ${format}`)
  const vendorId = r.u16()
  const deviceType = r.u16()
  const productCode = r.u16()
  const major = r.u8()
  const key = {
    kind: 'electronicKey',
    vendorId,
    deviceType,
    productCode,
    compatibility: (major & 0x80) !== 0,
    majorRevision: major & 0x7f,
    minorRevision: r.u8(),
  } as const
  return format === 4 ? key : { ...key, serialNumber: r.u32() }
}

function readNetwork(r: Reader, first: number): EPathSegment {
  const subtype = first & 0x1f
  if (subtype < 0x10) {
    if (first === 0x41) return { kind: 'schedule', value: r.u8() }
    if (first === 0x42) return { kind: 'fixedTag', value: r.u8() }
    if (first === 0x43) return { kind: 'productionInhibit', milliseconds: r.u8() }
    return { kind: 'network', subtype, data: r.copy(1) }
  }
  const words = r.u8()
  if (words === 2 && (first === microsecondInhibit || first === legacyMicrosecondInhibit)) {
    return { kind: 'productionInhibitMicroseconds', microseconds: r.u32() }
  }
  if (first === 0x50) return { kind: 'safety', data: r.copy(words * 2) }
  if (first === 0x5f) {
    if (words === 0) throw r.malformed('bad-length', 'expected a subtype in an extended network segment')
    return { kind: 'extendedNetwork', subtype: r.u16(), data: r.copy(words * 2 - 2) }
  }
  return { kind: 'network', subtype, data: r.copy(words * 2) }
}

function readSymbolic(r: Reader, first: number): EPathSegment {
  const length = first & 0x1f
  if (length > 0) return { kind: 'symbolic', name: latin1(r.view(length)) }
  const format = r.u8()
  const count = format & 0x1f
  switch (format >> 5) {
    case 1:
      return { kind: 'multibyteSymbol', characterSize: 2, characters: r.copy(count * 2) }
    case 2:
      return { kind: 'multibyteSymbol', characterSize: 3, characters: r.copy(count * 3) }
    case 6: {
      const width = count === 6 ? 8 : count === 7 ? 16 : count === 8 ? 32 : undefined
      if (width !== undefined) return { kind: 'numericSymbol', ...withWidth(readNumber(r, width), width) }
    }
  }
  throw r.malformed('unknown-value', `0x${format.toString(16)} is not a format of an extended symbol`)
}

function readData(r: Reader, start: number, first: number): EPathSegment {
  if (first === 0x80) return { kind: 'data', data: r.copy(r.u8() * 2) }
  if (first !== 0x91) throw r.malformed('unknown-value', `0x${first.toString(16)} is not a data segment`)
  const name = latin1(r.view(r.u8()))
  if ((r.offset - start) % 2 === 1) r.u8()
  return { kind: 'symbol', name }
}

/** Appends one segment; `padded` says in which form of EPATH. @throws UsageError `bad-value` */
export function writeSegment(w: Writer, segment: EPathSegment, padded: boolean): void {
  const start = w.length
  switch (segment.kind) {
    case 'class':
    case 'instance':
    case 'member':
    case 'connectionPoint':
    case 'attribute': {
      const width = segment.width ?? narrowest(segment.value)
      w.u8(logicalTypes[segment.kind] | formatOf(width))
      if (padded && width !== 8) w.u8(0)
      writeNumber(w, segment.value, width)
      return
    }
    case 'serviceId':
      w.u8(0x38)
      w.u8(segment.value)
      return
    case 'extendedLogical': {
      const width = segment.width ?? narrowest(segment.value)
      w.u8(0x3c | formatOf(width))
      w.u8(typeof segment.type === 'number' ? segment.type : extendedLogicalTypes[segment.type])
      writeNumber(w, segment.value, width)
      break
    }
    case 'electronicKey':
      writeElectronicKey(w, segment)
      return
    case 'port':
      writePort(w, segment)
      return
    case 'schedule':
      w.u8(0x41)
      w.u8(segment.value)
      return
    case 'fixedTag':
      w.u8(0x42)
      w.u8(segment.value)
      return
    case 'productionInhibit':
      w.u8(0x43)
      w.u8(segment.milliseconds)
      return
    case 'productionInhibitMicroseconds':
      w.u8(microsecondInhibit)
      w.u8(2)
      w.u32(segment.microseconds)
      return
    case 'safety':
      if (segment.data.length === 4) {
        throw new UsageError('bad-value', 'a safety segment of 4 bytes would be read as a production inhibit time')
      }
      writeWords(w, 0x50, segment.data)
      return
    case 'extendedNetwork':
      writeExtendedNetwork(w, segment)
      return
    case 'network':
      if (!Number.isInteger(segment.subtype) || segment.subtype < 0 || segment.subtype > 0x1f) {
        throw new UsageError('bad-value', `expected a network segment subtype 0..31, got ${segment.subtype}`)
      }
      if (segment.subtype >= 0x10) writeWords(w, 0x40 | segment.subtype, segment.data)
      else {
        if (segment.data.length !== 1) {
          throw new UsageError('bad-value', `expected one byte in network segment ${segment.subtype}`)
        }
        w.u8(0x40 | segment.subtype)
        w.bytes(segment.data)
      }
      return
    case 'data':
      writeWords(w, 0x80, segment.data)
      return
    case 'symbol': {
      const bytes = latin1Bytes(segment.name)
      w.u8(0x91)
      w.u8(bytes.length)
      w.bytes(bytes)
      if (bytes.length % 2 === 1) w.u8(0)
      return
    }
    case 'symbolic': {
      const bytes = latin1Bytes(segment.name)
      if (bytes.length < 1 || bytes.length > 31) {
        throw new UsageError('bad-value', `expected a symbolic segment of 1 to 31 characters, got ${bytes.length}`)
      }
      w.u8(0x60 | bytes.length)
      w.bytes(bytes)
      break
    }
    case 'numericSymbol': {
      const width = segment.width ?? narrowest(segment.value)
      w.u8(0x60)
      w.u8(0xc6 + formatOf(width))
      writeNumber(w, segment.value, width)
      break
    }
    case 'multibyteSymbol': {
      const count = segment.characters.length / segment.characterSize
      if (!Number.isInteger(count) || count > 31) {
        throw new UsageError('bad-value', `expected at most 31 characters of ${segment.characterSize} bytes`)
      }
      w.u8(0x60)
      w.u8((segment.characterSize === 2 ? 0x20 : 0x40) | count)
      w.bytes(segment.characters)
      break
    }
    case 'elementaryType':
      w.u8(typeCode(segment.code, 0xc0))
      break
    case 'constructedType':
      w.u8(typeCode(segment.code, 0xa0))
      w.u8(segment.data.length)
      w.bytes(segment.data)
      break
  }
  if (padded && (w.length - start) % 2 === 1) w.u8(0)
}

function formatOf(width: LogicalWidth): number {
  return width === 8 ? 0 : width === 16 ? 1 : 2
}

function writeNumber(w: Writer, value: number, width: LogicalWidth): void {
  if (width === 8) w.u8(value)
  else if (width === 16) w.u16(value)
  else w.u32(value)
}

function typeCode(code: number, low: number): number {
  if (!Number.isInteger(code) || code < low || code > low + 0x1f) {
    throw new UsageError('bad-value', `expected a type code ${low}..${low + 0x1f}, got ${code}`)
  }
  return code
}

function writeWords(w: Writer, first: number, data: Uint8Array): void {
  if (data.length % 2 !== 0 || data.length > 510) {
    throw new UsageError('bad-value', `expected an even number of at most 510 bytes, got ${data.length}`)
  }
  w.u8(first)
  w.u8(data.length / 2)
  w.bytes(data)
}

function writeExtendedNetwork(w: Writer, segment: ExtendedNetworkSegment): void {
  const inner = new Writer(segment.data.length + 2)
  inner.u16(segment.subtype)
  inner.bytes(segment.data)
  writeWords(w, 0x5f, inner.finish())
}

function writeElectronicKey(w: Writer, key: ElectronicKeySegment): void {
  if (!Number.isInteger(key.majorRevision) || key.majorRevision < 0 || key.majorRevision > 0x7f) {
    throw new UsageError('bad-value', `expected a major revision 0..127, got ${key.majorRevision}`)
  }
  w.u8(0x34)
  w.u8(key.serialNumber === undefined ? 4 : 5)
  w.u16(key.vendorId)
  w.u16(key.deviceType)
  w.u16(key.productCode)
  w.u8(key.majorRevision | (key.compatibility ? 0x80 : 0))
  w.u8(key.minorRevision)
  if (key.serialNumber !== undefined) w.u32(key.serialNumber)
}

function writePort(w: Writer, segment: PortSegment): void {
  if (!Number.isInteger(segment.port) || segment.port < 0 || segment.port > 0xffff) {
    throw new UsageError('bad-value', `expected a port number 0..65535, got ${segment.port}`)
  }
  const start = w.length
  const extended = segment.port > 14
  const plain = segment.linkAddress.length === 1
  w.u8((extended ? 15 : segment.port) | (plain ? 0 : 0x10))
  if (!plain) w.u8(segment.linkAddress.length)
  if (extended) w.u16(segment.port)
  w.bytes(segment.linkAddress)
  if ((w.length - start) % 2 === 1) w.u8(0)
}
