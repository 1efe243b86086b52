import { UsageError } from '../errors.ts'
import type { Codec } from '../wire/codec.ts'

/** Address family of IPv4, the only one EtherNet/IP uses. */
export const addressFamilyInet = 2

/** A socket address as EtherNet/IP carries it (Volume 2, 2-6.3.3 via cip-security-wire 1.9). */
export interface SocketAddress {
  /** IPv4 address in dotted form. */
  readonly address: string
  /** UDP or TCP port, 0..65535. */
  readonly port: number
  /** Address family; left out for 2 (IPv4), kept where a peer sends another. */
  readonly family?: number
}

/**
 * Codec of {@link SocketAddress}, 16 bytes, fields big-endian: family 2, port, address, 8 zero bytes. The zeros are
 * ignored when read.
 */
export const socketAddress: Codec<SocketAddress> = {
  read: (r) => {
    const family = r.u16(false)
    const port = r.u16(false)
    const address = `${r.u8()}.${r.u8()}.${r.u8()}.${r.u8()}`
    r.take(8)
    return family === addressFamilyInet ? { address, port } : { address, port, family }
  },
  write: (w, value) => {
    w.u16(value.family ?? addressFamilyInet, false)
    w.u16(value.port, false)
    for (const part of addressParts(value.address)) w.u8(part)
    w.zeros(8)
  },
}

const dotted = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

function addressParts(address: string): number[] {
  const parts = dotted.exec(address)?.slice(1).map(Number)
  if (parts === undefined || parts.some((part) => part > 255)) {
    throw new UsageError('bad-value', `expected an IPv4 address like 192.0.2.1, got "${address}"`)
  }
  return parts
}
