import {
  type ConnectionMove,
  type DeploymentEvent,
  type DeploymentPlan,
  type DeploymentReport,
  type DeviceTransaction,
  defaultConcurrency,
  message,
  type Outcome,
  outcomeOf,
  runDeployment,
  type TransactionMeans,
} from '@cordon/core/deployment'
import { nodeCrypto } from '@cordon/node/crypto'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { refuseOtherwise } from './agreed.ts'
import { addTargets, type Begun, Claims, createDeployment, findDeployment, type StoredDeployment } from './claims.ts'
import { deviceRecordWriter, type GivenKey, writeOrphans } from './device-records.ts'
import { EventQueue } from './event-queue.ts'
import { guardedPort } from './guarded-port.ts'
import { storedSecrets } from './pre-shared-keys.ts'
import { type DeployOptions, type DeployRequest, type Preparation, prepare } from './prepare.ts'
import { systemClock } from './system-clock.ts'

/** How a deployment is run, besides how devices are treated. */
export interface ApplyOptions extends DeployOptions {
  /** Reports of connections that moved: the plant's own devices, or what reads their pages. */
  readonly connectionMoves?: () => AsyncIterable<ConnectionMove>
  /** How long the move of a connection is waited for; default 30 s. */
  readonly moveTimeoutMs?: number
  /** Takes an earlier deployment up again: `true` for the newest of the plant, or its id. */
  readonly resume?: boolean | string
  /** How long a claim on a device holds without being renewed, milliseconds; default 60 s. */
  readonly leaseMs?: number
  /** Number of the plant's version that is deployed, for the record. */
  readonly version?: number | undefined
  /** Hears of a new deployment in the transaction that makes it. */
  readonly begun?: Begun
  /**
   * The plan that people agreed to some time ago. It is made anew, and devices that it would treat otherwise now are
   * refused; on resume those that were never begun and answer otherwise.
   */
  readonly agreed?: DeploymentPlan
  /** Whether devices may still be begun; asked for each, before it is claimed. What is begun is brought to its end. */
  readonly mayBegin?: () => boolean
}

/** A deployment, or the continuation of one. */
export interface ApplyRequest extends DeployRequest {
  readonly options?: ApplyOptions
  /** The plan that was shown and agreed to; without it one is made. A device that changed since is refused. */
  readonly preparation?: Preparation
}

/** A finished deployment. Plain data that survives JSON. */
export interface StoredReport extends DeploymentReport {
  /** Id of the deployment in the store; undefined when nothing was begun. */
  readonly deployment: string | undefined
  readonly plan: DeploymentPlan
}

/** A deployment under way: progress as an asynchronous iteration, which may be left at any time, and the report. */
export interface DeploymentRun extends AsyncIterable<DeploymentEvent> {
  readonly report: Promise<StoredReport>
}

const defaultMoveTimeoutMs = 30_000
const defaultCloseDelayMs = 3000

/**
 * Deploys a plant: plan, phases, report. It begins at once; an abort signal in the options leaves every device in its
 * old or its new settings. What fails at one device is in its result; the report rejects only when the store fails.
 */
export function deploy(request: ApplyRequest): DeploymentRun {
  const events = new EventQueue<DeploymentEvent>()
  const report = run(request, (event) => events.push(event)).finally(() => events.end())
  // Whoever only iterates must not bring the process down; whoever awaits the report still sees the failure.
  report.catch(() => {})
  return { report, [Symbol.asyncIterator]: () => events[Symbol.asyncIterator]() }
}

/** Takes up the newest deployment of the plant, or the one of that id, and brings it to its end. */
export function resume(request: ApplyRequest, deployment?: string): DeploymentRun {
  return deploy({ ...request, options: { ...request.options, resume: deployment ?? true } })
}

async function run(request: ApplyRequest, emit: (event: DeploymentEvent) => void): Promise<StoredReport> {
  const { plant, store, options = {} } = request
  const { resume: again = false } = options
  const earlier =
    again === false ? undefined : await findDeployment(store, plant.name, again === true ? undefined : again)
  const startedAt = systemClock.now()
  const preparation = request.preparation ?? (await prepare(request))
  const { agreed, mayBegin } = options
  const isAnew = earlier === undefined && agreed !== undefined
  const plan = isAnew ? refuseOtherwise(preparation.plan, agreed) : preparation.plan
  const refused = plan.messages.some(({ severity }) => severity === 'error')
  if (refused) {
    const tookMs = systemClock.now() - startedAt
    const devices = plan.devices.map(({ device, address, messages }) => {
      return { device, address, outcome: outcomeOf(messages), configuration: 'unchanged', messages, steps: [] } as const
    })
    const base = {
      plant: plant.name,
      outcome: 'not-complete',
      tookMs,
      devices,
      connections: [],
      messages: plan.messages,
    } as const
    return { ...base, deployment: undefined, plan }
  }
  const only = options.onlyDevices === undefined ? undefined : new Set(options.onlyDevices)
  const named = plan.devices.map(({ device }) => device).filter((device) => only === undefined || only.has(device))
  const deployment = await begin(store, plan, options, named, earlier?.id)
  const digests = plannedDigests(earlier, agreed)
  await writeOrphans(store, plant.name, former(preparation))
  const claims = new Claims(store, deployment, plant.name, options.leaseMs)
  try {
    const report = await runDeployment({
      plan,
      targets: preparation.targets,
      means: meansOf(request, preparation, claims, emit),
      options: ({ device, digest }) => ({
        ...preparation.knowledge(device),
        plannedDigest: digests(device, digest),
        configured: preparation.records.get(device)?.configured === true,
        closeDelayMs: options.closeDelayMs ?? defaultCloseDelayMs,
        closePorts: options.closePorts ?? 'now',
      }),
      claim: async (device) => {
        if (!(await claims.claim(device))) return undefined
        return { release: (result) => claims.release(result) }
      },
      clock: systemClock,
      emit,
      holdBack: (device) => (mayBegin?.() === false ? message('window-closed', device, 'it was not begun') : undefined),
      concurrency: options.concurrency ?? defaultConcurrency,
      only,
      moves: options.connectionMoves?.(),
      moveTimeoutMs: options.moveTimeoutMs ?? defaultMoveTimeoutMs,
      finished: recorder(request, preparation),
    })
    await finish(store, deployment, report.outcome, { ...report, plan: undefined }, options.signal?.aborted === true)
    return { ...report, deployment, plan }
  } catch (error) {
    await finish(store, deployment, 'not-complete', undefined, true).catch(() => {})
    throw error
  } finally {
    await claims[Symbol.asyncDispose]()
  }
}

/** What each device must still answer. Whatever was begun before has changed since, by our own hand. */
function plannedDigests(earlier: StoredDeployment | undefined, agreed: DeploymentPlan | undefined) {
  const begun = new Set(earlier?.begun)
  const promised = new Map(agreed?.devices.map(({ device, digest }) => [device, digest]))
  return (device: string, now: string | undefined): string | undefined => {
    if (earlier === undefined) return now
    return begun.has(device) ? undefined : promised.get(device)
  }
}

async function begin(
  store: Store,
  plan: DeploymentPlan,
  options: ApplyOptions,
  devices: readonly string[],
  earlier: string | undefined,
): Promise<string> {
  if (earlier === undefined) {
    const { closeConnections, closeDelayMs, closePorts, onlyDevices, concurrency, version } = options
    const kept = { closeConnections, closeDelayMs, closePorts, onlyDevices, concurrency, version }
    const made = { plant: plan.plant, kind: 'apply', plan, options: kept, devices } as const
    return await createDeployment(store, made, options.begun)
  }
  await addTargets(store.db, earlier, devices)
  await store.db
    .updateTable('deployments')
    .set({ status: 'running', plan: jsonText(plan), finished_at: null })
    .where('id', '=', earlier)
    .execute()
  return earlier
}

async function finish(
  store: Store,
  deployment: string,
  outcome: Outcome,
  result: unknown,
  aborted: boolean,
): Promise<void> {
  await store.db
    .updateTable('deployments')
    .set({ status: aborted ? 'aborted' : outcome, result: jsonText(result ?? null), finished_at: new Date() })
    .where('id', '=', deployment)
    .execute()
}

function former({ records, plan }: Preparation): readonly { readonly device: string; readonly address: string }[] {
  return plan.messages
    .filter(({ code }) => code === 'orphan-in-force')
    .map(({ subject }) => ({ device: subject, address: records.get(subject)?.address ?? '' }))
}

function meansOf(
  { authority, store, options }: ApplyRequest,
  { materials, manager, targets, ports }: Preparation,
  claims: Claims,
  emit: (event: DeploymentEvent) => void,
): (device: string) => TransactionMeans {
  const secrets = storedSecrets(store)
  return (device) => ({
    port: guardedPort(ports.port(targets.get(device)?.settings.address ?? ''), () => claims.check(device)),
    clock: systemClock,
    crypto: nodeCrypto,
    materials,
    manager,
    authority,
    secrets,
    journal: claims,
    emit,
    signal: options?.signal,
  })
}

/** Remembers what the next deployment must know about a device: the unit, what was pinned, which keys it holds. */
function recorder(
  { store, plant }: ApplyRequest,
  { targets, psks, records }: Preparation,
): (transaction: DeviceTransaction) => Promise<void> {
  const writer = deviceRecordWriter(store, plant.name)
  return async (transaction) => {
    const { reading, contact, device } = transaction
    const target = targets.get(device)
    const { configuration } = transaction.result()
    const earlier = records.get(device)
    // A unit that was refused is not the one to remember.
    if (reading === undefined || target === undefined || !transaction.isAccepted) return
    const isOurs = configuration !== 'old'
    const given = target.settings.psk.map(({ name, identity }): GivenKey => {
      return { name, identity, version: psks.find((psk) => psk.name === name)?.version ?? '' }
    })
    await writer.add({
      device,
      address: target.settings.address,
      zone: target.settings.zone,
      reading,
      pinned: contact?.fingerprint,
      configured: isOurs || earlier?.configured === true,
      keys: isOurs ? given : (earlier?.keys ?? []),
    })
  }
}
