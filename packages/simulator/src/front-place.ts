import { UsageError } from '@cordon/core/errors'
import { formatAddress, parseAddress } from '@cordon/core/policy'
import type { PortName } from './hosted-unit.ts'

/** Where somebody stands who took the place of a unit. */
export interface FrontPlace {
  /** The unit's own address: peers come here. */
  readonly outside: string
  /** Where the unit's sockets on these ports are meanwhile. */
  readonly inside: string
  /** Ports that he stands in front of; the unit had them open. */
  readonly ports: readonly PortName[]
}

/** The bit that leads from a loopback address to another one that no plant uses. */
const insideBit = 0x0080_0000

/**
 * Where a unit answers while something stands in its place: the same address with the highest bit of its second byte
 * turned, 127.145.81.51 for 127.17.81.51.
 * @throws UsageError `not-supported` for an address that is not one of the loopback's
 */
export function insideAddress(address: string): string {
  const number = parseAddress(address)
  if (number === undefined || number >>> 24 !== 127) {
    throw new UsageError(
      'not-supported',
      `${address}: expected a loopback address, 127.x.y.z; elsewhere there is no free address to move the unit to`,
    )
  }
  return formatAddress((number ^ insideBit) >>> 0)
}
