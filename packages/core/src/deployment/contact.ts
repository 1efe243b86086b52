import type { Crypto } from '../crypto/provider.ts'
import { NotTrusted, PeerError, TransportError } from '../errors.ts'
import type { Access, Clock, DevicePort, DeviceSession, ManagerCredential, PskCredential } from './device-port.ts'
import type { Materials } from './materials.ts'
import { StepFailure } from './step.ts'

/** What it takes to open a device. */
export interface ContactMeans {
  readonly port: DevicePort
  readonly clock: Clock
  readonly crypto: Crypto
  readonly materials: Materials
  readonly manager: ManagerCredential | undefined
}

/** Which credentials may open a device, and which are tried first. */
export interface ContactRequest {
  readonly device: string
  /** Keys of the device's new and old settings that Cordon holds. */
  readonly psk: readonly PskCredential[]
  /** The device was configured by Cordon before, as far as is known: its own credentials come first. */
  readonly configured: boolean
}

/**
 * Opens a device by whichever credential that Cordon holds opens it: its default credentials, the manager's certificate,
 * or a pre-shared key. A device that shows a certificate of this plant is never treated as an unconfigured one.
 *
 * @throws StepFailure `unreachable`, `timed-out` when nothing answers, `already-configured-elsewhere` when it answers
 * and no credential opens it
 */
export async function openDevice(means: ContactMeans, request: ContactRequest): Promise<DeviceSession> {
  const own = ownAccesses(means, request.psk)
  const first: Access = { kind: 'commissioning' }
  const order = request.configured ? [...own, first] : [first, ...own]
  const refusals: string[] = []
  for (const access of order) {
    let session: DeviceSession
    try {
      session = await means.port.open(access)
    } catch (error) {
      if (error instanceof TransportError && error.code !== 'closed') throw unreachable(error)
      // A device that does not like us may simply hang up: the next credential may do better.
      const isRefusal = error instanceof PeerError || error instanceof NotTrusted || error instanceof TransportError
      if (!isRefusal) throw error
      refusals.push(`${access.kind}: ${error.message}`)
      continue
    }
    if (access.kind !== 'commissioning' || !isOfThisPlant(means, session)) return session
    await session.close()
    const certificate = own.find(({ kind }) => kind === 'certificate')
    if (certificate === undefined)
      throw new StepFailure('credential-missing', 'the device shows a certificate of this plant')
    try {
      return await means.port.open(certificate)
    } catch (error) {
      if (error instanceof TransportError) throw unreachable(error)
      if (error instanceof PeerError || error instanceof NotTrusted) refusals.push(`certificate: ${error.message}`)
      else throw error
    }
  }
  throw new StepFailure('already-configured-elsewhere', refusals.join('; '))
}

function ownAccesses({ manager, materials }: ContactMeans, psk: readonly PskCredential[]): readonly Access[] {
  const keys = psk.map((key) => ({ kind: 'psk', psk: key }) as const)
  if (manager === undefined) return keys
  return [{ kind: 'certificate', credential: manager, anchors: materials.allAnchors() }, ...keys]
}

/** Whether the device showed a certificate that an authority of this plant issued. */
export function isOfThisPlant(
  { crypto, materials }: Pick<ContactMeans, 'crypto' | 'materials'>,
  { presented }: Pick<DeviceSession, 'presented'>,
): boolean {
  const [leaf] = presented
  if (leaf === undefined) return false
  if (materials.holderOf(leaf) !== undefined) return true
  const anchors = materials.anchorsOf(leaf)
  return anchors.length > 0 && crypto.verifyChain({ leaf, anchors, revocation: 'off', purpose: 'any' }).ok
}

function unreachable(error: TransportError): StepFailure {
  return new StepFailure(error.code === 'timeout' ? 'timed-out' : 'unreachable', error.message, error)
}
