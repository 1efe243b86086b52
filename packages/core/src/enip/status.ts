import { hexadecimal } from '../wire/text.ts'

/** Encapsulation status codes by name (Volume 2, 2-3.5 via cip-security-wire 1.4). The set is open. */
export const encapsulationStatuses = {
  success: 0x0000,
  invalidCommand: 0x0001,
  insufficientMemory: 0x0002,
  incorrectData: 0x0003,
  invalidSessionHandle: 0x0064,
  invalidLength: 0x0065,
  unsupportedProtocolRevision: 0x0069,
  /** CIP Security: the policy forbids this service on this port. */
  serviceNotAllowedOnPort: 0x006a,
} as const

/** The name of a listed encapsulation status. */
export type EncapsulationStatusName = keyof typeof encapsulationStatuses

/** A status as decoded: its name, or the number of one that is not listed. */
export type EncapsulationStatus = EncapsulationStatusName | number

const meanings: Readonly<Record<EncapsulationStatusName, string>> = {
  success: 'success',
  invalidCommand: 'invalid or unsupported command',
  insufficientMemory: 'insufficient memory',
  incorrectData: 'poorly formed or incorrect data',
  invalidSessionHandle: 'invalid session handle',
  invalidLength: 'invalid length',
  unsupportedProtocolRevision: 'unsupported protocol revision',
  serviceNotAllowedOnPort: 'CIP service not allowed on this port',
}

/** What people read: `invalid session handle (0x0064)`, or the bare number of an unlisted status. */
export function describeEncapsulationStatus(status: EncapsulationStatus): string {
  if (typeof status === 'number') {
    const name = names.get(status)
    return name === undefined
      ? `unlisted encapsulation status ${hexadecimal(status, 4)}`
      : describeEncapsulationStatus(name)
  }
  return `${meanings[status]} (${hexadecimal(encapsulationStatuses[status], 4)})`
}

const names = new Map<number, EncapsulationStatusName>(
  // Object.entries widens the keys of the table to string.
  Object.entries(encapsulationStatuses).map(([name, code]) => [code, name as EncapsulationStatusName]),
)
