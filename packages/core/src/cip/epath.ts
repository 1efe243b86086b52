import { UsageError } from '../errors.ts'
import type { Codec } from '../wire/codec.ts'
import { sized } from '../wire/list.ts'
import { u8, u16 } from '../wire/numbers.ts'
import { hexadecimal, latin1, latin1Bytes } from '../wire/text.ts'
import {
  type EPathSegment,
  type ElectronicKeySegment,
  type PortSegment,
  readSegment,
  writeSegment,
} from './epath-segment.ts'

/** A path through the object model of a device, or through a network (Volume 1, C-1 via cip-security-wire 2.2). */
export type EPath = readonly EPathSegment[]

/** Codec of a padded EPATH up to the end of its section: the form of every message path. */
export const paddedEPath: Codec<EPath> = epath(true)

/** Codec of a packed EPATH up to the end of its section: no byte between a logical segment's type and its value. */
export const packedEPath: Codec<EPath> = epath(false)

/** USINT size in words, padded EPATH: the form of the attributes of the security objects. */
export const sizedEPath: Codec<EPath> = sized(u8, paddedEPath, 2)

/** UINT size in words, padded EPATH: 0xF5 attribute 4, 0xF4 attribute 3. */
export const longSizedEPath: Codec<EPath> = sized(u16, paddedEPath, 2)

/** USINT size in words, a reserved byte, padded EPATH: Forward_Close and the route of Unconnected_Send. */
export const reservedSizedEPath: Codec<EPath> = {
  read: (r) => {
    const words = r.u8()
    r.u8()
    return paddedEPath.read(r.section(words * 2))
  },
  write: (w, value) => {
    const sizeAt = w.length
    w.u16(0)
    paddedEPath.write(w, value)
    w.patch8(sizeAt, (w.length - sizeAt - 2) / 2)
  },
}

function epath(padded: boolean): Codec<EPath> {
  return {
    read: (r) => {
      const segments: EPathSegment[] = []
      while (r.remaining > 0) {
        r.enter(`segment ${segments.length}`)
        segments.push(readSegment(r, padded))
        r.leave()
      }
      return segments
    },
    write: (w, value) => {
      for (const segment of value) writeSegment(w, segment, padded)
    },
  }
}

/** The numbers that {@link path} strings together, in the order of the fields here. */
export interface PathParts {
  readonly class?: number
  readonly instance?: number
  readonly member?: number
  readonly attribute?: number
  /** One per direction, originator to target first. */
  readonly connectionPoints?: readonly number[]
}

/** A logical path, e.g. `path({ class: 0x5e, instance: 1, attribute: 3 })`; each number in its narrowest form. */
export function path(parts: PathParts): EPath {
  const segments: EPathSegment[] = []
  if (parts.class !== undefined) segments.push({ kind: 'class', value: parts.class })
  if (parts.instance !== undefined) segments.push({ kind: 'instance', value: parts.instance })
  if (parts.attribute !== undefined) segments.push({ kind: 'attribute', value: parts.attribute })
  if (parts.member !== undefined) segments.push({ kind: 'member', value: parts.member })
  for (const value of parts.connectionPoints ?? []) segments.push({ kind: 'connectionPoint', value })
  return segments
}

/**
 * A hop out of a node: `port(1, 0)` is slot 0 of the backplane, `port(2, '192.0.2.1:2221')` a secure hop by address.
 * @throws UsageError `bad-value` for an address of more than 255 characters or beyond ISO 8859-1
 */
export function port(number: number, linkAddress: number | string): PortSegment {
  if (typeof linkAddress === 'string') return { kind: 'port', port: number, linkAddress: latin1Bytes(linkAddress) }
  if (!Number.isInteger(linkAddress) || linkAddress < 0 || linkAddress > 255) {
    throw new UsageError('bad-value', `expected a link address 0..255 or a string, got ${linkAddress}`)
  }
  return { kind: 'port', port: number, linkAddress: Uint8Array.of(linkAddress) }
}

/** The link address of a hop as people write it: `0` for one byte, else its characters. */
export function linkAddressText(segment: PortSegment): string {
  return segment.linkAddress.length === 1 ? String(segment.linkAddress[0]) : latin1(segment.linkAddress)
}

/** What a path says, by kind: the object it names, and what stands before and behind. */
export interface PathAddress {
  /** Hops before the object. */
  readonly route: readonly PortSegment[]
  readonly key?: ElectronicKeySegment
  readonly class?: number
  readonly instance?: number
  readonly attribute?: number
  readonly member?: number
  readonly connectionPoints: readonly number[]
  /** Names of a symbolic path, outermost first. */
  readonly symbols: readonly string[]
  /** Configuration data of a Forward_Open path. */
  readonly data?: Uint8Array
}

/** Takes a path apart; of class, instance, attribute, member, key and data the first counts. */
export function addressOf(value: EPath): PathAddress {
  const numbers: { class?: number; instance?: number; attribute?: number; member?: number } = {}
  const others: { key?: ElectronicKeySegment; data?: Uint8Array } = {}
  const route: PortSegment[] = []
  const connectionPoints: number[] = []
  const symbols: string[] = []
  for (const segment of value) {
    switch (segment.kind) {
      case 'port':
        route.push(segment)
        break
      case 'class':
      case 'instance':
      case 'attribute':
      case 'member':
        numbers[segment.kind] ??= segment.value
        break
      case 'connectionPoint':
        connectionPoints.push(segment.value)
        break
      case 'symbol':
      case 'symbolic':
        symbols.push(segment.name)
        break
      case 'electronicKey':
        others.key ??= segment
        break
      case 'data':
        others.data ??= segment.data
        break
      default:
        // The other kinds say nothing about what is addressed.
        break
    }
  }
  return { route, ...numbers, ...others, connectionPoints, symbols }
}

/** Splits the hops at the beginning of a path from what they lead to. */
export function splitRoute(value: EPath): { readonly route: readonly PortSegment[]; readonly rest: EPath } {
  const route: PortSegment[] = []
  for (const segment of value) {
    if (segment.kind !== 'port') break
    route.push(segment)
  }
  return { route, rest: value.slice(route.length) }
}

/** A path as people read it: `port 1 address 0, class 0x5E, instance 1, attribute 3`. */
export function describePath(value: EPath): string {
  return value.length === 0 ? 'empty path' : value.map(describeSegment).join(', ')
}

function describeSegment(segment: EPathSegment): string {
  switch (segment.kind) {
    case 'class':
      return `class ${hexadecimal(segment.value, 2)}`
    case 'instance':
    case 'attribute':
    case 'member':
      return `${segment.kind} ${segment.value}`
    case 'connectionPoint':
      return `connection point ${segment.value}`
    case 'serviceId':
      return `service ${hexadecimal(segment.value, 2)}`
    case 'extendedLogical':
      return `${segment.type} ${segment.value}`
    case 'electronicKey':
      return `key of vendor ${segment.vendorId}, type ${segment.deviceType}, product ${segment.productCode}, revision ${segment.majorRevision}.${segment.minorRevision}`
    case 'port':
      return `port ${segment.port} address ${printable(linkAddressText(segment))}`
    case 'schedule':
    case 'fixedTag':
      return `${segment.kind} ${segment.value}`
    case 'productionInhibit':
      return `production inhibit ${segment.milliseconds} ms`
    case 'productionInhibitMicroseconds':
      return `production inhibit ${segment.microseconds} us`
    case 'safety':
      return `safety segment of ${segment.data.length} bytes`
    case 'extendedNetwork':
      return `network segment ${hexadecimal(segment.subtype, 4)} of ${segment.data.length} bytes`
    case 'network':
      return `network segment ${hexadecimal(segment.subtype, 2)} of ${segment.data.length} bytes`
    case 'data':
      return `${segment.data.length} bytes of data`
    case 'symbol':
    case 'symbolic':
      return `"${printable(segment.name)}"`
    case 'numericSymbol':
      return `symbol ${segment.value}`
    case 'multibyteSymbol':
      return `symbol of ${segment.characters.length / segment.characterSize} characters`
    case 'elementaryType':
    case 'constructedType':
      return `type ${hexadecimal(segment.code, 2)}`
  }
}

/** Names come from the network and end in logs: nothing but visible ASCII gets there. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
