import { concat, le16, le32, type PacketItem } from '../frames.ts'
import type { CipReply } from '../frames.ts'
import { u16, u32 } from '../frames.ts'

/** Who opens a connection (3.2). */
export interface Triad {
  readonly serial: number
  readonly vendor: number
  readonly originator: number
}

/** Vendor number of nobody that ODVA lists among makers of scanners; the serial is random, so runs do not meet. */
export function triadFrom(random: Uint8Array): Triad {
  return { serial: u16(random, 0), vendor: 0xfff0, originator: u32(random, 2) }
}

/** Fields of a Forward_Open; what is missing is an explicit connection to the Message Router (3.2). */
export interface OpenFields {
  readonly triad: Triad
  readonly multiplier?: number
  /** Microseconds. */
  readonly otRpi?: number
  readonly toRpi?: number
  /** 16-bit network connection parameters. */
  readonly otParameters?: number
  readonly toParameters?: number
  readonly transport?: number
  readonly path?: Uint8Array
  readonly otId?: number
  readonly toId?: number
}

/** Point to point, low priority, variable, 500 bytes: an explicit connection (vector 16 of 8.1). */
export const explicitParameters = 0x43f4

/** Path to the Message Router (3.2). */
export const routerPath = Uint8Array.of(0x20, 0x02, 0x24, 0x01)

/** Data of Forward_Open. */
export function forwardOpen(fields: OpenFields): Uint8Array {
  const { triad, path = routerPath } = fields
  return concat(
    Uint8Array.of(5, 100),
    le32(fields.otId ?? 0),
    le32(fields.toId ?? (0x8000_0000 | triad.serial) >>> 0),
    le16(triad.serial),
    le16(triad.vendor),
    le32(triad.originator),
    Uint8Array.of(fields.multiplier ?? 3, 0, 0, 0),
    le32(fields.otRpi ?? 2_000_000),
    le16(fields.otParameters ?? explicitParameters),
    le32(fields.toRpi ?? 2_000_000),
    le16(fields.toParameters ?? explicitParameters),
    Uint8Array.of(fields.transport ?? 0xa3, path.length / 2),
    path,
  )
}

/** Data of Forward_Close (3.5). */
export function forwardClose(triad: Triad, path: Uint8Array = routerPath): Uint8Array {
  return concat(
    Uint8Array.of(5, 100),
    le16(triad.serial),
    le16(triad.vendor),
    le32(triad.originator),
    Uint8Array.of(path.length / 2, 0),
    path,
  )
}

/** An electronic key segment (2.2). */
export function electronicKey(vendor: number, type: number, product: number, major: number, minor: number): Uint8Array {
  return concat(Uint8Array.of(0x34, 4), le16(vendor), le16(type), le16(product), Uint8Array.of(major, minor))
}

/** What a Forward_Open reply says (3.4). */
export function openReply(reply: CipReply): {
  readonly otId: number
  readonly toId: number
  readonly triad: Triad
  readonly otApi: number
  readonly toApi: number
} {
  const { data } = reply
  return {
    otId: u32(data, 0),
    toId: u32(data, 4),
    triad: { serial: u16(data, 8), vendor: u16(data, 10), originator: u32(data, 12) },
    otApi: u32(data, 16),
    toApi: u32(data, 20),
  }
}

/** A triad as people compare it. */
export function triadText({ serial, vendor, originator }: Triad): string {
  return `${serial}/${vendor}/${originator}`
}

/** Socket address item (1.9), big-endian. */
export function sockaddr(type: 0x8000 | 0x8001, port: number): PacketItem {
  return {
    type,
    data: concat(Uint8Array.of(0, 2, port >> 8, port & 0xff), new Uint8Array(12)),
  }
}
