import type { Crypto } from '../crypto/provider.ts'
import { type ConnectionHop, decideConnection } from '../policy/connection.ts'
import type { PlantConnection } from '../policy/model.ts'
import type { PlantIndex } from '../policy/plant-index.ts'
import { matchEgress } from '../policy/rules.ts'
import { spellUnenforceable } from '../policy/promises.ts'
import { utf8Bytes } from '../wire/text.ts'
import { hex } from '../x509/der.ts'
import { assess, type Assessment, type PlannedChange, wantedTrust } from './assess.ts'
import { judgeDevice, type Knowledge, keyChange, spellSerial, unexpectedUnit } from './judge.ts'
import type { StepName } from './journal.ts'
import type { Materials } from './materials.ts'
import { type Message, message, type MessageCode } from './messages.ts'
import { type DeviceReading, parsedRules, type UnitIdentity } from './observe.ts'
import { type Outcome, outcomeOf, worst } from './results.ts'
import { type DeviceTarget, needsCertificate } from './target.ts'

/** What was found at a device's address. */
export type Observation =
  | { readonly kind: 'read'; readonly reading: DeviceReading; readonly knowledge: Knowledge }
  /** It could not be read, and why: `unreachable`, `not-capable`, `already-configured-elsewhere`… */
  | { readonly kind: 'failed'; readonly code: MessageCode; readonly evidence: string }

/** A device that holds a policy of this plant and that the plant file does not name any more. */
export interface FormerDevice {
  readonly device: string
  readonly address: string
}

/** What is done to a device, in one word. */
export type PlannedAction =
  /** First contact: it gets identity and settings. */
  | 'commission'
  /** It has settings, and gets other ones. */
  | 'reconfigure'
  /** An earlier deployment stopped after Apply_Config. */
  | 'finish'
  /** Only rules or ports change. */
  | 'adjust'
  /** Everything is as wanted. */
  | 'nothing'
  /** The policy gives it no settings. */
  | 'leave'
  /** Something stands against it: a message says what. */
  | 'refused'

/** What a deployment would do to one device. */
export interface DevicePlan {
  readonly device: string
  readonly address: string
  readonly zone: string
  readonly action: PlannedAction
  readonly changes: readonly PlannedChange[]
  readonly steps: readonly StepName[]
  /** What is interrupted, in words; empty when nothing is. */
  readonly interrupts: readonly string[]
  /** Devices of a higher rank come later: they are the way in to others. */
  readonly rank: number
  /** Digest of the reading that this plan was made against. */
  readonly digest: string | undefined
  /** SHA-256 of the default certificate, where the device shows it: what a person compares. */
  readonly fingerprint: string | undefined
  readonly messages: readonly Message[]
}

/** What becomes of one connection of the plant. */
export interface ConnectionPlan {
  readonly connection: string
  /** Device from whose address it is opened. */
  readonly from: string
  /** Device to whose address it is opened. */
  readonly to: string
  readonly class: 0 | 1 | 3
  readonly protocol: 'tcp' | 'udp'
  readonly verdict: 'secure' | 'plain' | 'denied'
  /** IANA numbers. */
  readonly suites: readonly number[]
  readonly reason: string
  /** The stretches of its way: its protection holds on the network alone, a backplane is plain. */
  readonly hops: readonly ConnectionHop[]
  /** It runs before and after and changes its way in between, so that its move is waited for and measured. */
  readonly moves: boolean
}

/** What a deployment would do, in the order in which it would. Plain data that survives JSON. */
export interface DeploymentPlan {
  readonly plant: string
  readonly devices: readonly DevicePlan[]
  readonly connections: readonly ConnectionPlan[]
  /** Messages about what is no device of the plan: orphans. */
  readonly messages: readonly Message[]
  readonly outcome: Outcome
  /** SHA-256 over what the plan rests on, lower-case hex: names this plan. */
  readonly digest: string
}

/** What ListIdentity says about a device that is not opened. */
export interface Discovered {
  readonly unit: UnitIdentity
  /** It has the security item 0x0086: it can speak CIP Security. */
  readonly capable: boolean
}

/** What a plan is made from. */
export interface PlanRequest {
  readonly index: PlantIndex
  /** By device name; devices without settings of their own are left. */
  readonly targets: ReadonlyMap<string, DeviceTarget>
  readonly observations: ReadonlyMap<string, Observation>
  readonly former: readonly FormerDevice[]
  /** Devices whose last deployment was not finished. */
  readonly unfinished: ReadonlySet<string>
  /** Names of the stored pre-shared keys. */
  readonly storedKeys: ReadonlySet<string>
  readonly materials: Materials
  readonly crypto: Crypto
  /** Milliseconds since 1970. */
  readonly date: number
  /** Who answered ListIdentity at the addresses of devices that are not opened, by device name. */
  readonly discovered?: ReadonlyMap<string, Discovered> | undefined
  /** Devices that Cordon reaches only through another one, by name, with that one. */
  readonly routes?: ReadonlyMap<string, string>
  readonly closePorts: 'now' | 'later'
}

/** Makes the plan of a deployment. Nothing is sent to any device. */
export function planDeployment(request: PlanRequest): DeploymentPlan {
  const ranks = rankDevices(request)
  const devices = [...request.targets.values()]
    .map((target) => planDevice(request, target, ranks.get(target.settings.device) ?? 0))
    .sort((a, b) => a.rank - b.rank)
  const messages = request.former.map(({ device, address }) => message('orphan-in-force', device, `at ${address}`))
  const changing = new Set(
    devices.filter(({ action }) => action !== 'nothing' && action !== 'leave').map(({ device }) => device),
  )
  const connections = request.index.plant.connections
    .filter(({ when }) => when !== 'before')
    .map((connection) => planConnection(request, connection, changing))
  const outcome = worst([outcomeOf(messages), ...devices.map((device) => outcomeOf(device.messages))])
  const basis = devices.map(({ device, digest, changes, action }) => [device, action, digest, changes])
  const digest = hex(request.crypto.digest('SHA-256', utf8Bytes(JSON.stringify([request.index.plant.name, basis]))))
  return { plant: request.index.plant.name, devices, connections, messages, outcome, digest }
}

/**
 * Which devices come last: the further a device's way in depends on others, the earlier it is done, and a device that
 * others are reached through comes after all of them. Modules in front of a chassis come after what sits behind.
 */
function rankDevices({ index, targets, routes }: PlanRequest): ReadonlyMap<string, number> {
  const through = new Map<string, Set<string>>()
  const lead = (behind: string, front: string) => through.set(front, (through.get(front) ?? new Set()).add(behind))
  for (const [behind, front] of routes ?? []) lead(behind, front)
  for (const { from, originator, to, target } of index.plant.connections) {
    if (originator !== from) lead(originator, from)
    if (target !== to) lead(target, to)
  }
  for (const chassis of index.plant.chassis) {
    const fronts = chassis.slots.filter(({ device }) => index.endpoints.has(device))
    const behind = chassis.slots.filter(({ device }) => !index.endpoints.has(device))
    for (const front of fronts) for (const one of behind) lead(one.device, front.device)
  }
  const ranks = new Map<string, number>()
  const rankOf = (device: string, seen: ReadonlySet<string>): number => {
    const known = ranks.get(device)
    if (known !== undefined) return known
    if (seen.has(device)) return 0
    let rank = 0
    for (const behind of through.get(device) ?? [])
      rank = Math.max(rank, 1 + rankOf(behind, new Set([...seen, device])))
    ranks.set(device, rank)
    return rank
  }
  for (const device of targets.keys()) rankOf(device, new Set())
  return ranks
}

function planDevice(request: PlanRequest, target: DeviceTarget, rank: number): DevicePlan {
  const { settings } = target
  const { device, address, zone } = settings
  const base = { device, address, zone, rank, digest: undefined, fingerprint: undefined }
  const still = (action: PlannedAction, messages: readonly Message[]): DevicePlan => {
    return { ...base, action, changes: [], steps: [], interrupts: [], messages }
  }
  if (settings.enforcement === 'none') {
    const isIncapable = request.index.devices.get(device)?.capability === 'none'
    return still('leave', [...(isIncapable ? leftMessages(request, target) : []), ...promiseMessages(target)])
  }
  const observation = request.observations.get(device) ?? {
    kind: 'failed',
    code: 'unreachable',
    evidence: 'it was not asked',
  }
  if (observation.kind === 'failed') return still('refused', [message(observation.code, device, observation.evidence)])
  const { reading, knowledge } = observation
  const { materials, crypto, date } = request
  const judged = judgeDevice(target, reading, knowledge, materials, crypto)
  const messages = [...judged.notes]
  const read = { ...base, digest: reading.digest, fingerprint: judged.fingerprint }
  if (judged.refusal !== undefined) {
    return {
      ...read,
      action: 'refused',
      changes: [],
      steps: [],
      interrupts: [],
      messages: [...messages, judged.refusal],
    }
  }
  for (const { name } of settings.psk) {
    if (!request.storedKeys.has(name)) messages.push(message('psk-missing', device, `stored key ${name}`))
  }
  if (request.unfinished.has(device))
    messages.push(message('unfinished', device, 'by the journal of the last deployment'))
  const assessment = withChangedKeys(assess(target, reading, materials, crypto, date), knowledge)
  const trust = wantedTrust(settings, materials)
  const isSingleList = trust.lists.length > 1 && (reading.revisions.ethernetIpSecurity ?? 0) < 9
  if (isSingleList) messages.push(message('crl-one-only', device, `${trust.lists.length} lists are needed`))
  messages.push(...promiseMessages(target))
  if (request.closePorts === 'later' && assessment.ports) {
    messages.push(message('ports-left-open', device, 'closing them was put off'))
  }
  const interrupts =
    keyChange(settings, reading, knowledge) === 'interrupt' ? ['connections that use the old pre-shared key'] : []
  if (knowledge.closeConnections && assessment.configuration)
    interrupts.push('all TLS and DTLS connections of the device')
  const action = actionOf(assessment, reading)
  if (action === 'nothing') messages.push(message('nothing-to-do', device, 'every setting reads back as wanted'))
  return {
    ...read,
    action: messages.some(({ severity }) => severity === 'error') ? 'refused' : action,
    changes: assessment.changes,
    steps: stepsOf(assessment, target, reading, request),
    interrupts,
    messages,
  }
}

function withChangedKeys(assessment: Assessment, knowledge: Knowledge): Assessment {
  const changed = knowledge.changedKeys ?? []
  if (changed.length === 0) return assessment
  const changes = changed.map(
    (name): PlannedChange => ({
      what: 'pskKey',
      from: `earlier value of ${name}`,
      to: 'stored value',
      interrupts: true,
      part: 'configuration',
    }),
  )
  return { ...assessment, configuration: true, changes: [...assessment.changes, ...changes] }
}

function actionOf(assessment: Assessment, reading: DeviceReading): PlannedAction {
  if (assessment.configuration) return reading.access === 'commissioning' ? 'commission' : 'reconfigure'
  if (assessment.unfinished) return 'finish'
  return assessment.rules || assessment.ports ? 'adjust' : 'nothing'
}

function stepsOf(
  assessment: Assessment,
  target: DeviceTarget,
  reading: DeviceReading,
  request: PlanRequest,
): readonly StepName[] {
  const steps: StepName[] = ['read']
  if (assessment.configuration) {
    if (assessment.certificate !== undefined) steps.push('key', 'certificate')
    steps.push('begin-config')
    if (needsCertificate(target.settings)) steps.push('files')
    if (assessment.certificate !== undefined) steps.push('install')
    steps.push('settings', 'review', 'apply', 'identity', 'end-config', 'read-back', 'clean-up')
  } else if (assessment.unfinished) steps.push('end-config', 'read-back', 'clean-up')
  if (assessment.rules && reading.rules !== undefined) {
    steps.push('overlap-rules')
    const { device } = target.settings
    if (request.index.plant.connections.some(({ from, when }) => from === device && when === 'both'))
      steps.push('switch')
    steps.push('final-rules')
  }
  if (assessment.ports && request.closePorts === 'now') steps.push('ports')
  return [...steps, 'complete']
}

/** A device that cannot speak CIP Security, as far as the plant file knows. */
function leftMessages({ discovered }: PlanRequest, { settings, expect }: DeviceTarget): readonly Message[] {
  const { device, address } = settings
  const seen = discovered?.get(device)
  if (seen === undefined) return [message('capability-none', device, `at ${address}`)]
  const wrong = unexpectedUnit(expect, seen.unit)
  if (wrong !== undefined) return [message('wrong-device', device, wrong)]
  const who = `${seen.unit.productName} ${spellSerial(seen.unit.serialNumber)} at ${address}`
  return [message(seen.capable ? 'capable-after-all' : 'capability-none', device, who)]
}

/** What the policy promises about this device and nobody can keep. */
function promiseMessages({ settings }: DeviceTarget): readonly Message[] {
  return spellUnenforceable(settings.promises).map((evidence) => message('not-enforceable', settings.device, evidence))
}

function planConnection(
  request: PlanRequest,
  connection: PlantConnection,
  changing: ReadonlySet<string>,
): ConnectionPlan {
  const { name, from, to, when } = connection
  const protocol = connection.class === 3 ? 'tcp' : 'udp'
  const { decision, hops } = decideConnection(request.index, connection)
  const changes = changing.has(from) || changing.has(to)
  return {
    connection: name,
    from,
    to,
    class: connection.class,
    protocol,
    verdict: decision.verdict,
    suites: decision.suites,
    reason: decision.reason,
    hops,
    moves: when === 'both' && decision.verdict === 'secure' && changes && isPlainBefore(request, from, to, protocol),
  }
}

/** Whether the originator's rules still send this traffic in plain: what runs secured already does not move. */
function isPlainBefore(request: PlanRequest, from: string, to: string, protocol: 'tcp' | 'udp'): boolean {
  const observation = request.observations.get(from)
  if (observation?.kind !== 'read' || observation.reading.rules === undefined) return true
  const address = request.index.endpoints.get(to)?.address
  const rules = parsedRules(observation.reading.rules)
  if (address === undefined || rules === undefined) return true
  return !matchEgress(rules.egress, { ip: address, protocol }).secure
}
