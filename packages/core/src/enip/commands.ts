/**
 * Encapsulation commands by name (Volume 2, 2-3.2 via cip-security-wire 1.3). The set is open: a receiver answers an
 * unlisted command with encapsulation status `invalidCommand`.
 */
export const encapsulationCommands = {
  nop: 0x0000,
  listServices: 0x0004,
  listIdentity: 0x0063,
  listInterfaces: 0x0064,
  registerSession: 0x0065,
  unregisterSession: 0x0066,
  sendRRData: 0x006f,
  sendUnitData: 0x0070,
  /** Turns a UDP flow on 44818 into DTLS that carries whole encapsulation messages. */
  startDtls: 0x00c8,
} as const

/** The name of a listed encapsulation command. */
export type EncapsulationCommandName = keyof typeof encapsulationCommands

/** A command as decoded: its name, or the number of one that is not listed. */
export type EncapsulationCommand = EncapsulationCommandName | number
