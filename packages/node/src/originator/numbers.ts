import { randomInt } from 'node:crypto'

/** Who opens connections, as Forward_Open says it: vendor and serial number of the originating device. */
export interface OriginatorIdentity {
  readonly vendorId: number
  readonly serialNumber: number
}

let connectionId: number | undefined
let connectionSerial: number | undefined
let ownIdentity: OriginatorIdentity | undefined

/** A T->O connection id that no other open connection of this process has. It begins at random, so that a late packet of an earlier process does not fit. */
export function nextConnectionId(): number {
  connectionId = connectionId === undefined ? randomInt(1, 0xffff_fffe) : (connectionId % 0xffff_fffe) + 1
  return connectionId
}

/** A connection serial number for an originator that does not fix its own. */
export function nextConnectionSerial(): number {
  connectionSerial = connectionSerial === undefined ? randomInt(1, 0xfffe) : (connectionSerial % 0xfffe) + 1
  return connectionSerial
}

/** The identity of an originator that is no device: vendor 0 and a random serial number per process. */
export function processIdentity(): OriginatorIdentity {
  ownIdentity ??= { vendorId: 0, serialNumber: randomInt(1, 0xffff_ffff) }
  return ownIdentity
}
