import { generalStatus } from '@cordon/core/cip'
import { isStatus, ObjectClient } from '@cordon/core/client'
import { readUnit, spellSerial, type UnitIdentity, unexpectedUnit } from '@cordon/core/deployment'
import { PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { identity } from '@cordon/core/objects'
import type { Device } from '@cordon/core/policy'
import { connect, type Session } from '@cordon/node/originator'
import { jsonText } from '../store/schema.ts'
import type { DeviceStanding, Lookout, StandingRequest } from './foreign.ts'
import { systemClock } from './system-clock.ts'

/**
 * What came of it: `taken-back` shows its default certificate, or already one of this plant; `not-foreign` needed nothing;
 * `wrong-unit`, `plain-closed` and `refused` were not touched; `caught-again` has another foreign certificate;
 * `unchanged` was reset and shows no other.
 */
export type TakeBackOutcome =
  | 'taken-back'
  | 'not-foreign'
  | 'wrong-unit'
  | 'plain-closed'
  | 'refused'
  | 'caught-again'
  | 'unchanged'

/** A device that was to be taken back. */
export interface TakeBackResult {
  readonly device: string
  readonly address: string
  readonly outcome: TakeBackOutcome
  readonly reason: string
  /** What a person must do; undefined where nothing is left to do. */
  readonly remedy: string | undefined
  readonly before: DeviceStanding
  /** As it stands afterwards; undefined where nothing was done. */
  readonly after: DeviceStanding | undefined
}

/** Looks after the reset, and the pause between them, milliseconds. */
const attempts = 20
const pauseMs = 1_000
const connectMs = 5_000

/**
 * Takes a device back from a foreign authority: checks in plain that it is the unit that the plant expects, resets it to
 * its factory default (Identity Reset type 1), and waits until it shows no foreign certificate any more. Written down as
 * the event `device-taken-back`.
 *
 * @throws UsageError `missing` for a device that the plant file does not name, or without an address
 */
export async function takeBack(request: StandingRequest, lookout: Lookout, name: string): Promise<TakeBackResult> {
  const device = request.plant.devices.find((one) => one.name === name)
  if (device?.address === undefined) throw new UsageError('missing', `the plant file gives no address of ${name}`)
  const { address } = device
  const before = await lookout.one(name, address)
  const end = (outcome: TakeBackOutcome, reason: string, after?: DeviceStanding): TakeBackResult => ({
    device: name,
    address,
    outcome,
    reason,
    remedy: remedies[outcome],
    before,
    after,
  })
  if (before.standing !== 'foreign') return end('not-foreign', `${before.standing}: ${before.reason}`)
  const reset = await resetPlain(lookout, device, address)
  if (reset.kind !== 'reset') return end(reset.kind, reset.reason)
  const after = await comeBack(lookout, before, reset.unit)
  if (after.kind !== 'taken-back') return end(after.kind, after.standing.reason, after.standing)
  await record(request, before, after.standing, reset.unit)
  return end('taken-back', after.standing.reason, after.standing)
}

const person = 'use its reset switch (factory default), or its maker’s tool; then it pulls anew, or: cordon apply'

const remedies: Readonly<Record<TakeBackOutcome, string | undefined>> = {
  'taken-back': undefined,
  'not-foreign': undefined,
  'wrong-unit': 'compare the label of the unit with `expect` in the plant file; correct what is wrong',
  'plain-closed': `nobody can reset it over the network: ${person}`,
  refused: `it takes no reset in plain: ${person}`,
  'caught-again': 'find the foreign server and end it, then take the device back again',
  unchanged: `the reset changed nothing: ${person}`,
}

type ResetEnd =
  | { readonly kind: 'reset'; readonly unit: UnitIdentity }
  | { readonly kind: 'wrong-unit' | 'plain-closed' | 'refused'; readonly reason: string }

/** Checks and resets over one connection, so that what was checked is what is reset. */
async function resetPlain(lookout: Lookout, device: Device, address: string): Promise<ResetEnd> {
  let session: Session
  try {
    session = await connect({ ...lookout.reach, address, transport: 'tcp', connectTimeoutMs: connectMs })
  } catch (error) {
    if (!(error instanceof TransportError) && !(error instanceof PeerError)) throw error
    if (error instanceof TransportError && error.code === 'aborted') throw error
    return { kind: 'plain-closed', reason: `44818/tcp does not open: ${error.message}` }
  }
  try {
    const unit = await readUnit(session)
    const wrong = unexpectedUnit(device.expect, unit) ?? otherUnit(lookout.record(device.name)?.serial, unit)
    if (wrong !== undefined) return { kind: 'wrong-unit', reason: wrong }
    await new ObjectClient(session).call(identity, 1, 'reset', { type: 'factoryDefault' }).catch(ignoreHangUp)
    return { kind: 'reset', unit }
  } catch (error) {
    if (!(error instanceof PeerError) && !(error instanceof TransportError)) throw error
    return { kind: 'refused', reason: refusal(error) }
  } finally {
    await session.close()
  }
}

/** A device may hang up before its answer is out: what came of it is seen when it is looked at again. */
function ignoreHangUp(error: unknown): void {
  if (!(error instanceof TransportError)) throw error
}

function refusal(error: PeerError | TransportError): string {
  if (isStatus(error, generalStatus.privilegeViolation)) return 'it answers that only its own authority may reset it'
  if (isStatus(error, generalStatus.deviceStateConflict)) return 'its protection mode forbids a reset'
  return error.message
}

function otherUnit(serial: number | undefined, unit: UnitIdentity): string | undefined {
  if (serial === undefined || serial === unit.serialNumber) return undefined
  return `commissioned: ${spellSerial(serial)}, found: ${spellSerial(unit.serialNumber)}`
}

async function comeBack(
  lookout: Lookout,
  { device, address, certificate }: DeviceStanding,
  unit: UnitIdentity,
): Promise<{
  readonly kind: 'taken-back' | 'wrong-unit' | 'caught-again' | 'unchanged'
  readonly standing: DeviceStanding
}> {
  let wasFactory = false
  for (let attempt = 1; ; attempt++) {
    await systemClock.wait(pauseMs)
    const standing = await lookout.one(device, address)
    const isBack = standing.standing === 'factory' || standing.standing === 'ours'
    if (isBack && standing.unit !== undefined && standing.unit.serialNumber !== unit.serialNumber)
      return { kind: 'wrong-unit', standing }
    // A device that pulls again at once is a foreign one a moment later.
    if (standing.standing === 'ours' || (isBack && wasFactory)) return { kind: 'taken-back', standing }
    wasFactory = isBack
    const isOther = standing.standing === 'foreign' && standing.certificate?.fingerprint !== certificate?.fingerprint
    if (isOther) return { kind: 'caught-again', standing }
    if (attempt >= attempts) return { kind: 'unchanged', standing }
  }
}

async function record(
  { store, plant }: StandingRequest,
  before: DeviceStanding,
  after: DeviceStanding,
  unit: UnitIdentity,
): Promise<void> {
  const { device, address, certificate } = before
  const detail = {
    plant: plant.name,
    address,
    serial: unit.serialNumber,
    vendorId: unit.vendorId,
    issuer: certificate?.issuer ?? null,
    fingerprint: certificate?.fingerprint ?? null,
    standing: after.standing,
  }
  await store.db
    .insertInto('events')
    .values({ kind: 'device-taken-back', subject: device, detail: jsonText(detail) })
    .execute()
}
