import type { Value } from '../wire/codec.ts'
import { u16 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'

/** The only version of the encapsulation protocol. */
export const encapsulationProtocolVersion = 1

/**
 * Data of RegisterSession, request and reply: UINT version, UINT flags (Volume 2, 2-4.4 via cip-security-wire 1.3). A
 * target that does not speak the version answers status `unsupportedProtocolRevision` and its own version.
 */
export const registerSession = struct({
  /** {@link encapsulationProtocolVersion}. */
  protocolVersion: u16,
  /** 0. */
  flags: u16,
})
/** Data of RegisterSession, request and reply. */
export interface RegisterSession extends Value<typeof registerSession> {}
