import { addressOf } from '../cip/epath.ts'
import { ObjectClient } from '../client/object-client.ts'
import { NotTrusted, PeerError, TransportError } from '../errors.ts'
import { suiteName } from '../security/cipher-suites.ts'
import { cipSecurity } from '../objects/cip-security.ts'
import { file } from '../objects/file.ts'
import { ingressEgress } from '../objects/ingress-egress.ts'
import { tcpIp } from '../objects/tcp-ip.ts'
import { isOfThisPlant, openDevice } from './contact.ts'
import type { DeviceSession, PskCredential } from './device-port.ts'
import { describeFailure } from './failure.ts'
import { spellSerial } from './judge.ts'
import { message } from './messages.ts'
import { type DeviceReading, isConfigured, readDevice, type UnitIdentity } from './observe.ts'
import { type Configuration, type DeviceResult, outcomeOf } from './results.ts'
import { cleanUp, StepFailure } from './step.ts'
import { StepLog } from './step-log.ts'
import type { TransactionMeans } from './transaction.ts'

/** A device that is to be taken off the policy. */
export interface ReleaseRequest {
  readonly device: string
  readonly address: string
  /** Keys that the device was given. */
  readonly psk: readonly PskCredential[]
  /** The unit that was commissioned under this name. */
  readonly knownUnit?: Pick<UnitIdentity, 'serialNumber'> | undefined
}

/** Attempts to meet the device again after its reset, and the pause between them, milliseconds. */
const attempts = 10
const pauseMs = 1000
/** Capability bit of 0xF5 attribute 14. */
const portConfigurable = 0x01

/**
 * Takes the policy off a device and proves it: rules go, plain ports open, 0x5D Reset over the authenticated link; then a
 * fresh connection must show the default credentials and open plain ports, and the device must not stand by the identity
 * that Cordon gave it any more.
 */
export async function releaseDevice(request: ReleaseRequest, means: TransactionMeans): Promise<DeviceResult> {
  const { device, address } = request
  const log = new StepLog(device, means)
  let configuration: Configuration = 'new'
  let session: DeviceSession | undefined
  let proof: readonly string[] | undefined
  try {
    const opened = await openDevice(means, { device, psk: request.psk, configured: true })
    session = opened
    const reading = await log.take('read', {}, async () => {
      const found = await read(opened, request, means)
      return { detail: { serial: found.unit.serialNumber, digest: found.digest }, value: found }
    })
    refuseStranger(request, reading)
    if (isConfigured(reading)) {
      await log.run('release', compensation(reading), async () => {
        await reset(opened, reading)
        return {}
      })
    }
    configuration = 'unknown'
    await opened.close()
    const proven = await prove(request, means, log, reading)
    session = proven.session
    proof = proven.evidence
    configuration = 'old'
    log.note(message('released', device, proof.join('; ')))
    log.write('complete', 'done', { released: true })
  } catch (error) {
    log.note(describeFailure(device, log.failed, error))
  } finally {
    await session?.close().catch(() => {})
  }
  try {
    await log.flush()
  } catch (error) {
    log.note(describeFailure(device, undefined, error))
  }
  const { messages, steps } = log
  const result = { device, address, outcome: outcomeOf(messages), configuration, messages, steps }
  return proof === undefined ? result : { ...result, proof }
}

async function read(
  session: DeviceSession,
  { device, address }: ReleaseRequest,
  means: TransactionMeans,
): Promise<DeviceReading> {
  const reading = await readDevice(session, { device, address, crypto: means.crypto })
  if (reading === undefined) throw new StepFailure('not-capable', 'it has no CIP Security object (class 0x5D)')
  return reading
}

function refuseStranger(
  { knownUnit }: ReleaseRequest,
  { unit, access, protectionMode, ...reading }: DeviceReading,
): void {
  if (knownUnit !== undefined && knownUnit.serialNumber !== unit.serialNumber) {
    const evidence = `commissioned: ${spellSerial(knownUnit.serialNumber)}, found: ${spellSerial(unit.serialNumber)}`
    throw new StepFailure('device-replaced', evidence)
  }
  if (access === 'commissioning' && isConfigured(reading)) {
    throw new StepFailure('already-configured-elsewhere', `0x5D is ${reading.cipSecurityState}`)
  }
  if (protectionMode !== 0) throw new StepFailure('protection-mode', `Identity attribute 19 is ${protectionMode}`)
}

/** What was in force, for the journal: without secrets. */
function compensation({ rules, ports }: DeviceReading) {
  return {
    rules: rules === undefined ? null : { ingress: [...rules.ingress], egress: [...rules.egress] },
    ports: ports.map(({ port, protocol, open }) => ({ port, protocol, open })),
  }
}

async function reset(session: DeviceSession, { rules, ports }: DeviceReading): Promise<void> {
  const client = new ObjectClient(session)
  if (rules !== undefined && rules.ingress.length + rules.egress.length > 0) {
    const { changeCount, instance } = rules
    await client.call(ingressEgress, 0, 'setRules', {
      changeCount,
      behaviour: 0,
      instances: [{ instance, ingress: [], egress: [] }],
    })
  }
  const closed = ports.filter(({ open, capability }) => !open && (capability & portConfigurable) !== 0)
  if (closed.length > 0) {
    const request = closed.map(({ port, protocol }) => ({ port, protocol, open: true }))
    await client.call(tcpIp, 1, 'setPortAdminState', request)
  }
  // The device may hang up before its answer is out: what came of it is seen when it is opened again.
  await client.call(cipSecurity, 1, 'reset').catch((error: unknown) => {
    if (!(error instanceof TransportError)) throw error
  })
}

/** A release that is proven: the session that proved it, and what was seen, in words. */
interface Proof {
  readonly session: DeviceSession
  readonly evidence: readonly string[]
}

/** Everything that a device without policy must show, seen over fresh connections. */
async function prove(
  request: ReleaseRequest,
  means: TransactionMeans,
  log: StepLog,
  before: DeviceReading,
): Promise<Proof> {
  const session = await comeBack(means)
  const evidence: string[] = []
  await log.run('read-back', {}, async () => {
    const wrong = (evidence: string) => new StepFailure('release-not-proved', evidence)
    if (isOfThisPlant(means, session)) throw wrong('it still shows a certificate of this plant')
    const now = await read(session, request, means)
    if (now.unit.serialNumber !== before.unit.serialNumber) throw wrong('another unit answered')
    const { security, rules, ports } = now
    if (now.cipSecurityState !== 'factoryDefault') throw wrong(`0x5D is ${now.cipSecurityState}`)
    if (security.state !== 'factoryDefault' && security.state !== 'pullModelInProgress')
      throw wrong(`0x5E is ${security.state}`)
    const left = [security.trustedAuthorities, security.trustedIdentities, security.preSharedKeys].some(
      (list) => list.length > 0,
    )
    if (left) throw wrong('it still holds authorities, identities or keys')
    if (rules !== undefined && rules.ingress.length + rules.egress.length > 0) throw wrong('it still holds rules')
    const shut = ports.filter(({ open, capability }) => !open && (capability & portConfigurable) !== 0)
    if (shut.length > 0)
      throw wrong(`ports are still closed: ${shut.map(({ protocol, port }) => `${protocol}/${port}`).join(', ')}`)
    const suite = session.suite === undefined ? '' : ` with ${suiteName(session.suite)}`
    evidence.push(
      `a fresh handshake${suite} showed its default certificate, serial number ${spellSerial(now.unit.serialNumber)}`,
      `read back: 0x5D ${now.cipSecurityState}, 0x5E ${security.state}, no authorities, identities${rules === undefined ? ' or keys' : ', keys or rules'}`,
    )
    for (const { port, protocol, open } of ports) {
      if (!open || protocol !== 'tcp' || port !== plainPort) continue
      const answer = await means.port.listens(port, protocol)
      if (answer === 'closed') throw wrong(`${protocol}/${port} does not answer`)
      if (answer === 'open') evidence.push(`${protocol}/${port} answers in plain`)
    }
    evidence.push(await refusedIdentity(means, wrong))
    return { digest: now.digest, proof: evidence }
  })
  await log.run('clean-up', {}, async () => ({ removed: await removeFiles(session, before) }))
  return { session, evidence }
}

const plainPort = 44818

async function comeBack(means: TransactionMeans): Promise<DeviceSession> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await means.port.open({ kind: 'commissioning' })
    } catch (error) {
      const isTemporary = error instanceof TransportError || error instanceof PeerError
      if (!isTemporary) throw error
      if (attempt >= attempts) throw new StepFailure('release-not-proved', error.message, error)
    }
    await means.clock.wait(pauseMs)
  }
}

/** By the identity that Cordon gave it the device must not open any more. Gives what came of the attempt. */
async function refusedIdentity(means: TransactionMeans, wrong: (evidence: string) => StepFailure): Promise<string> {
  const { manager, materials, port } = means
  if (manager === undefined) return 'a handshake as the manager was not tried: there is no certificate for it'
  let session: DeviceSession
  try {
    session = await port.open({ kind: 'certificate', credential: manager, anchors: materials.allAnchors() })
  } catch (error) {
    if (error instanceof NotTrusted) return `to the manager it shows no certificate of this plant: ${error.message}`
    if (error instanceof PeerError) return `it refuses the manager's certificate: ${error.message}`
    throw error
  }
  await session.close()
  throw wrong('it still opens by the identity that Cordon gave it')
}

async function removeFiles(session: DeviceSession, before: DeviceReading): Promise<boolean> {
  const client = new ObjectClient(session)
  try {
    return await cleanUp(client)
  } catch (error) {
    if (!(error instanceof PeerError)) throw error
  }
  // Without Object_Cleanup what is known to be ours goes one by one.
  const paths = [
    ...before.security.trustedAuthorities,
    ...before.security.trustedIdentities,
    ...before.security.revocationLists,
  ]
  for (const path of paths) {
    const { instance } = addressOf(path)
    if (instance !== undefined) await client.call(file, instance, 'delete').catch(() => {})
  }
  return true
}
