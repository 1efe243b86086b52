import { Writer } from '../wire/writer.ts'

/**
 * Bytes of encapsulation and CIP as the reference has them, written and read without the codecs of this product: a test
 * of a target must not agree with it because both share a mistake, and must be able to write what is wrong.
 */

/** Encapsulation commands (cip-security-wire 1.3). */
export const commands = {
  nop: 0x0000,
  listServices: 0x0004,
  listIdentity: 0x0063,
  listInterfaces: 0x0064,
  registerSession: 0x0065,
  unregisterSession: 0x0066,
  sendRRData: 0x006f,
  sendUnitData: 0x0070,
  startDtls: 0x00c8,
} as const

/** Fields of an encapsulation header; what is missing is as it should be. */
export interface FrameFields {
  readonly command: number
  readonly session?: number
  readonly status?: number
  /** 8 bytes. */
  readonly context?: Uint8Array
  readonly options?: number
  readonly data?: Uint8Array
  /** A length that lies. */
  readonly length?: number
}

const noBytes = new Uint8Array(0)

/** An encapsulation message (1.2). */
export function frame(fields: FrameFields): Uint8Array {
  const { command, session = 0, status = 0, options = 0, data = noBytes } = fields
  const w = new Writer()
  w.u16(command)
  w.u16(fields.length ?? data.length)
  w.u32(session)
  w.u32(status)
  w.bytes(fields.context ?? new Uint8Array(8))
  w.u32(options)
  w.bytes(data)
  return w.finish()
}

/** A received encapsulation message. */
export interface Frame {
  readonly command: number
  readonly session: number
  readonly status: number
  readonly context: Uint8Array
  readonly options: number
  readonly data: Uint8Array
  readonly raw: Uint8Array
}

/** The message at the beginning of some bytes; nothing while it is not whole. */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < 24) return undefined
  const length = u16(bytes, 2)
  if (bytes.length < 24 + length) return undefined
  return {
    command: u16(bytes, 0),
    session: u32(bytes, 4),
    status: u32(bytes, 8),
    context: bytes.slice(12, 20),
    options: u32(bytes, 20),
    data: bytes.slice(24, 24 + length),
    raw: bytes.slice(0, 24 + length),
  }
}

/** A CPF item. */
export interface PacketItem {
  readonly type: number
  readonly data: Uint8Array
}

/** Common Packet Format (1.5). */
export function packet(...items: readonly PacketItem[]): Uint8Array {
  const w = new Writer()
  w.u16(items.length)
  for (const { type, data } of items) {
    w.u16(type)
    w.u16(data.length)
    w.bytes(data)
  }
  return w.finish()
}

/** Items of a packet; nothing where the bytes are none. */
export function readPacket(bytes: Uint8Array): PacketItem[] | undefined {
  if (bytes.length < 2) return undefined
  const items: PacketItem[] = []
  let at = 2
  for (let left = u16(bytes, 0); left > 0; left--) {
    if (at + 4 > bytes.length) return undefined
    const end = at + 4 + u16(bytes, at + 2)
    if (end > bytes.length) return undefined
    items.push({ type: u16(bytes, at), data: bytes.slice(at + 4, end) })
    at = end
  }
  return at === bytes.length ? items : undefined
}

/** Data of SendRRData and SendUnitData: interface handle, timeout, packet (1.3). */
export function sendData(cpf: Uint8Array, interfaceHandle = 0): Uint8Array {
  return concat(le32(interfaceHandle), le16(0), cpf)
}

/** The packet of an unconnected message: null address, then 0x00B2. */
export function unconnected(message: Uint8Array, ...more: readonly PacketItem[]): Uint8Array {
  return packet({ type: 0x0000, data: noBytes }, { type: 0x00b2, data: message }, ...more)
}

/** A padded path of class, instance and attribute, 8 bits where they fit. */
export function epath(classId: number, instance?: number, attribute?: number): Uint8Array {
  return concat(
    segment(0x20, classId),
    instance === undefined ? noBytes : segment(0x24, instance),
    attribute === undefined ? noBytes : segment(0x30, attribute),
  )
}

function segment(type: number, value: number): Uint8Array {
  return value <= 0xff ? Uint8Array.of(type, value) : concat(Uint8Array.of(type | 1, 0), le16(value))
}

/** A message router request (2.1). */
export function cipRequest(service: number, path: Uint8Array, data: Uint8Array = noBytes): Uint8Array {
  return concat(Uint8Array.of(service, path.length / 2), path, data)
}

/** A message router reply (2.1). */
export interface CipReply {
  /** As it came, bit 7 included. */
  readonly service: number
  readonly reserved: number
  readonly status: number
  readonly extended: readonly number[]
  readonly data: Uint8Array
  readonly raw: Uint8Array
}

/** The reply in some bytes; nothing where they are none. */
export function readReply(bytes: Uint8Array): CipReply | undefined {
  const [service, reserved, status, words] = bytes
  if (service === undefined || reserved === undefined || status === undefined || words === undefined) return undefined
  const end = 4 + words * 2
  if (bytes.length < end) return undefined
  return {
    service,
    reserved,
    status,
    extended: Array.from({ length: words }, (_, i) => u16(bytes, 4 + i * 2)),
    data: bytes.slice(end),
    raw: bytes,
  }
}

/** Bytes one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** UINT. */
export function le16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff)
}

/** UDINT. */
export function le32(value: number): Uint8Array {
  return concat(le16(value & 0xffff), le16(value >>> 16))
}

/** UINT, big-endian. */
export function be16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 0xff, value & 0xff)
}

/** UINT at a place; 0 beyond the end. */
export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}

/** UDINT at a place; 0 beyond the end. */
export function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) + u16(bytes, at + 2) * 0x1_0000
}

/** ASCII text as bytes. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff)
}

/** SHORT_STRING. */
export function shortText(text: string): Uint8Array {
  return concat(Uint8Array.of(text.length), ascii(text))
}

/** STRINGI in English, ISO-8859-1 (2.6). */
export function internationalText(text: string): Uint8Array {
  return concat(Uint8Array.of(1), ascii('eng'), Uint8Array.of(0xda), le16(4), shortText(text))
}
