import { UsageError } from '../errors.ts'
import type { Codec, Value } from '../wire/codec.ts'
import { bytes } from '../wire/bytes.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { reserved, struct } from '../wire/struct.ts'
import { reservedSizedEPath, sizedEPath } from './epath.ts'
import { largeNetworkParameters, networkParameters } from './network-parameters.ts'
import { unconnectedTimeout } from './unconnected-timeout.ts'

/** What makes the producer produce, three bits (Volume 1, 3-4.4.3 via cip-security-wire 3.3). The set is open. */
export const productionTriggers = { cyclic: 0, changeOfState: 1, application: 2 } as const

/** Transport class and trigger, one byte: 0x01 is class 1 cyclic as client, 0xA3 explicit messaging. */
export interface TransportClassTrigger {
  /** Bit 7. */
  readonly direction: 'client' | 'server'
  /** Bits 6..4. */
  readonly trigger: keyof typeof productionTriggers | number
  /** Bits 3..0: 0 and 1 are I/O, 3 is explicit messaging. */
  readonly transportClass: number
}

const triggerNames: readonly (keyof typeof productionTriggers)[] = ['cyclic', 'changeOfState', 'application']

/** Codec of {@link TransportClassTrigger}. */
export const transportClassTrigger: Codec<TransportClassTrigger> = {
  read: (r) => {
    const byte = r.u8()
    const trigger = (byte >> 4) & 7
    return {
      direction: (byte & 0x80) === 0 ? 'client' : 'server',
      trigger: triggerNames[trigger] ?? trigger,
      transportClass: byte & 0x0f,
    }
  },
  write: (w, value) => {
    const trigger = typeof value.trigger === 'number' ? value.trigger : productionTriggers[value.trigger]
    if (!Number.isInteger(trigger) || trigger < 0 || trigger > 7) {
      throw new UsageError('bad-value', `expected a trigger 0..7, got ${trigger}`)
    }
    if (!Number.isInteger(value.transportClass) || value.transportClass < 0 || value.transportClass > 15) {
      throw new UsageError('bad-value', `expected a transport class 0..15, got ${value.transportClass}`)
    }
    w.u8((value.direction === 'server' ? 0x80 : 0) | (trigger << 4) | value.transportClass)
  },
}

/** Who opened a connection and as which: the identity of a connection, called the triad. */
export const connectionTriad = struct({
  connectionSerialNumber: u16,
  originatorVendorId: u16,
  originatorSerialNumber: u32,
})
/** Connection serial number, originator vendor id, originator serial number. */
export interface ConnectionTriad extends Value<typeof connectionTriad> {}

/** Do two triads name the same connection? */
export function sameTriad(a: ConnectionTriad, b: ConnectionTriad): boolean {
  return (
    a.connectionSerialNumber === b.connectionSerialNumber &&
    a.originatorVendorId === b.originatorVendorId &&
    a.originatorSerialNumber === b.originatorSerialNumber
  )
}

const threeZeros = new Uint8Array(3)

/** Forward_Open and Large_Forward_Open differ only in the width of the network parameters. */
function request(parameters: typeof networkParameters) {
  return struct({
    /** Of the request itself, see {@link unconnectedTimeout}. */
    timeout: unconnectedTimeout,
    /** O->T network connection id; 0 or anything where the target picks it (point to point). */
    otConnectionId: u32,
    /** T->O network connection id; the originator picks it for point to point. */
    toConnectionId: u32,
    ...connectionTriad.fields,
    /** Code 0..7; the watchdog is 4 << code packets. Others are refused by extended status 0x0133. */
    timeoutMultiplier: u8,
    reserved: reserved(bytes(3), threeZeros),
    /** O->T requested packet interval, microseconds. */
    otRpi: u32,
    otParameters: parameters,
    /** T->O requested packet interval, microseconds. */
    toRpi: u32,
    toParameters: parameters,
    transport: transportClassTrigger,
    /** Hops, electronic key, application path, connection points, configuration data, in this order. */
    path: sizedEPath,
  })
}

/** Data of a Forward_Open request, service 0x54 (Volume 1, 3-5.5.2 via cip-security-wire 3.2). */
export const forwardOpenRequest = request(networkParameters)
/** Data of a Forward_Open or Large_Forward_Open request. */
export interface ForwardOpenRequest extends Value<typeof forwardOpenRequest> {}

/** Data of a Large_Forward_Open request, service 0x5B: 32-bit network parameters. */
export const largeForwardOpenRequest: Codec<ForwardOpenRequest> = request(largeNetworkParameters)

/** Both directions null: tests, reconfigures or pings a target without a connection. */
export function isNullForwardOpen(open: ForwardOpenRequest): boolean {
  return open.otParameters.type === 'null' && open.toParameters.type === 'null'
}

/** Application reply: USINT words, a reserved byte, that many words. */
const applicationReply: Codec<Uint8Array> = {
  read: (r) => {
    const words = r.u8()
    r.u8()
    return r.copy(words * 2)
  },
  write: (w, value) => {
    if (value.length % 2 !== 0) {
      throw new UsageError('bad-value', `expected an even number of application reply bytes, got ${value.length}`)
    }
    w.u8(value.length / 2)
    w.u8(0)
    w.bytes(value)
  },
}

/** Data of a Forward_Open or Large_Forward_Open reply that succeeded (cip-security-wire 3.4). */
export const forwardOpenReply = struct({
  /** O->T network connection id: what the originator puts before its data. */
  otConnectionId: u32,
  /** T->O network connection id. */
  toConnectionId: u32,
  ...connectionTriad.fields,
  /** O->T actual packet interval, microseconds: the target watches the originator by it. */
  otApi: u32,
  /** T->O actual packet interval, microseconds: the originator watches the target by it. */
  toApi: u32,
  /** Data from the application, an even number of bytes. */
  applicationReply,
})
/** Data of a Forward_Open reply that succeeded. */
export interface ForwardOpenReply extends Value<typeof forwardOpenReply> {}

/** Data of a refused Forward_Open or Forward_Close. Real devices leave out the remaining path, or everything. */
export interface ConnectionFailure {
  readonly triad?: ConnectionTriad
  /** Words of the path that the refusing node did not consume; only with a triad. */
  readonly remainingPathSize?: number
}

/** Codec of {@link ConnectionFailure}: nothing, 8 bytes of triad, or 10 with USINT words and a reserved byte. */
export const connectionFailure: Codec<ConnectionFailure> = {
  read: (r) => {
    if (r.remaining === 0) return {}
    const triad = connectionTriad.read(r)
    if (r.remaining === 0) return { triad }
    const remainingPathSize = r.u8()
    r.u8()
    return { triad, remainingPathSize }
  },
  write: (w, value) => {
    if (value.triad !== undefined) connectionTriad.write(w, value.triad)
    if (value.remainingPathSize === undefined) return
    if (value.triad === undefined) {
      throw new UsageError('bad-value', 'expected a triad before the remaining path of a connection failure')
    }
    w.u8(value.remainingPathSize)
    w.u8(0)
  },
}

/** Data of a Forward_Close request, service 0x4E (Volume 1, 3-5.5.3 via cip-security-wire 3.5). */
export const forwardCloseRequest = struct({
  timeout: unconnectedTimeout,
  ...connectionTriad.fields,
  /** The path of the Forward_Open, without key and data. */
  path: reservedSizedEPath,
})
/** Data of a Forward_Close request. */
export interface ForwardCloseRequest extends Value<typeof forwardCloseRequest> {}

/** Data of a Forward_Close reply that succeeded. */
export const forwardCloseReply = struct({ ...connectionTriad.fields, applicationReply })
/** Data of a Forward_Close reply that succeeded. */
export interface ForwardCloseReply extends Value<typeof forwardCloseReply> {}
