import { effectiveSettings } from './assess.ts'
import type { Clock } from './device-port.ts'
import { type Message, message } from './messages.ts'
import { type ConnectionMove, MoveWatch } from './move-watch.ts'
import type { ConnectionPlan, DeploymentPlan, DevicePlan } from './plan.ts'
import { type ConnectionResult, type DeviceResult, type Outcome, outcomeOf, worst } from './results.ts'
import { needsCertificate, type DeviceTarget } from './target.ts'
import type { DeploymentEvent } from './step-log.ts'
import { DeviceTransaction, type TransactionMeans, type TransactionOptions } from './transaction.ts'

/** The claim to work on a device, against other processes. */
export interface Claim {
  /** Gives the device back, with how it ended. */
  release(result: DeviceResult): Promise<void>
}

/** What a deployment needs to run. */
export interface RunRequest {
  readonly plan: DeploymentPlan
  readonly targets: ReadonlyMap<string, DeviceTarget>
  /** What surrounds the transaction of a device. */
  readonly means: (device: string) => TransactionMeans
  /** How a device is treated. */
  readonly options: (plan: DevicePlan) => TransactionOptions
  /** Claims a device; undefined when another process has it. */
  readonly claim?: (device: string) => Promise<Claim | undefined>
  /** Why a device is not begun now; undefined: it may be. Asked once, before it is claimed. */
  readonly holdBack?: ((device: string) => Message | undefined) | undefined
  readonly clock: Clock
  /** Hears of progress. */
  readonly emit: (event: DeploymentEvent) => void
  /** Devices at a time. */
  readonly concurrency: number
  /** Only these devices; all when absent. */
  readonly only?: ReadonlySet<string> | undefined
  /** Reports of connections that moved; absent on a plant where nobody can tell. */
  readonly moves?: AsyncIterable<ConnectionMove> | undefined
  /** How long the move of a connection is waited for, milliseconds. */
  readonly moveTimeoutMs: number
  /** Called when a device is done, before its claim is released. */
  readonly finished?: (transaction: DeviceTransaction) => Promise<void>
}

/** How a deployment ended. Plain data that survives JSON. */
export interface DeploymentReport {
  readonly plant: string
  readonly outcome: Outcome
  /** Milliseconds. */
  readonly tookMs: number
  readonly devices: readonly DeviceResult[]
  readonly connections: readonly ConnectionResult[]
  /** Messages about what is no device of the plan: orphans. */
  readonly messages: readonly Message[]
}

/** How many devices are worked on at a time when nothing else is said. */
export const defaultConcurrency = 64

/**
 * Runs a plan over the whole plant in three phases: all ends accept old and new; originators switch, connection by
 * connection, each gap measured; final rules, then plain ports close. Devices that are the way in to others come last in
 * each. What fails at one device is that device's result; the others go on.
 */
export async function runDeployment(request: RunRequest): Promise<DeploymentReport> {
  const { plan, clock } = request
  const startedAt = clock.now()
  const watch = request.moves === undefined ? undefined : new MoveWatch(request.moves)
  try {
    const run = new DeploymentRun(request, watch)
    await run.phase('certificates', run.needingCertificatesFirst(), (one) => one.prepare())
    await run.phase('identities', run.all, (one) => one.configure())
    const connections = await run.switchConnections()
    await run.phase('final rules', run.all, (one) => one.finalRules())
    await run.phase('plain ports', run.all, (one) => one.closePorts())
    const devices = await run.finish()
    const outcome = worst([
      outcomeOf(plan.messages),
      ...devices.map((result) => result.outcome),
      ...connections.map((result) => result.outcome),
    ])
    return {
      plant: plan.plant,
      outcome,
      tookMs: clock.now() - startedAt,
      devices,
      connections,
      messages: plan.messages,
    }
  } finally {
    watch?.close()
  }
}

/** One device of a run: its transaction, claimed and read with the first thing that is done to it. */
class RunDevice {
  readonly plan: DevicePlan
  readonly target: DeviceTarget
  readonly transaction: DeviceTransaction
  readonly #request: RunRequest
  #claim: Claim | undefined
  #isRead = false
  /** Connections of this device that did not move: what they need stays open. */
  readonly waitingFor: string[] = []

  constructor(request: RunRequest, plan: DevicePlan, target: DeviceTarget) {
    this.plan = plan
    this.target = target
    this.#request = request
    this.transaction = new DeviceTransaction(target, request.means(plan.device), request.options(plan))
  }

  async prepare(): Promise<void> {
    await this.#begin()
    await this.transaction.prepareCertificate()
  }

  async configure(): Promise<void> {
    await this.#begin()
    await this.transaction.configure()
  }

  async finalRules(): Promise<void> {
    if (!this.transaction.isGoing) return
    if (this.waitingFor.length > 0) {
      const evidence = `still needed by ${this.waitingFor.join(', ')}`
      this.transaction.stop(message('ports-left-open', this.plan.device, evidence))
      return
    }
    await this.transaction.finalRules()
  }

  async closePorts(): Promise<void> {
    await this.transaction.closePorts()
  }

  async #begin(): Promise<void> {
    if (this.#isRead || !this.transaction.isGoing) return
    this.#isRead = true
    const { claim, holdBack } = this.#request
    const obstacle = holdBack?.(this.plan.device)
    if (obstacle !== undefined) {
      this.transaction.stop(obstacle)
      return
    }
    if (claim !== undefined) {
      this.#claim = await claim(this.plan.device)
      if (this.#claim === undefined) {
        this.transaction.stop(message('taken-over', this.plan.device, 'another process works on it'))
        return
      }
    }
    // What only a plan can say belongs to the result as well.
    for (const carried of this.plan.messages) if (carriedCodes.includes(carried.code)) this.transaction.note(carried)
    await this.transaction.read()
  }

  async finish(): Promise<DeviceResult> {
    await this.transaction.complete()
    await this.transaction.end()
    if (this.#claim !== undefined) await this.#request.finished?.(this.transaction)
    const result = this.transaction.result()
    await this.#claim?.release(result)
    this.#request.emit({ kind: 'device', result, at: this.#request.clock.now() })
    return result
  }
}

const carriedCodes: readonly Message['code'][] = ['not-enforceable', 'crl-one-only']

class DeploymentRun {
  /** Devices that are worked on, in the order of the plan. */
  readonly all: readonly RunDevice[]
  readonly #still: readonly DevicePlan[]
  readonly #request: RunRequest
  readonly #watch: MoveWatch | undefined
  readonly #byName: ReadonlyMap<string, RunDevice>

  constructor(request: RunRequest, watch: MoveWatch | undefined) {
    this.#request = request
    this.#watch = watch
    const { plan, targets, only } = request
    const all: RunDevice[] = []
    const still: DevicePlan[] = []
    for (const device of plan.devices) {
      if (only !== undefined && !only.has(device.device)) continue
      const target = targets.get(device.device)
      if (target === undefined || device.action === 'leave' || device.action === 'refused') still.push(device)
      else all.push(new RunDevice(request, device, target))
    }
    this.all = all
    this.#still = still
    this.#byName = new Map(all.map((one) => [one.plan.device, one]))
  }

  /** Devices that know peers by their certificates, and those peers: all certificates are made before any is needed. */
  needingCertificatesFirst(): readonly RunDevice[] {
    const names = new Set<string>()
    for (const { target, plan } of this.all) {
      const { materials } = this.#request.means(plan.device)
      const { identities } = effectiveSettings(target.settings, materials)
      if (identities.length === 0) continue
      names.add(plan.device)
      for (const name of identities) names.add(name)
    }
    return this.all.filter(({ plan, target }) => names.has(plan.device) && needsCertificate(target.settings))
  }

  /** Does one thing to many devices, rank by rank, so many at a time. */
  async phase(phase: string, devices: readonly RunDevice[], work: (one: RunDevice) => Promise<void>): Promise<void> {
    const going = devices.filter(({ transaction }) => transaction.isGoing)
    if (going.length === 0) return
    const { emit, clock, concurrency } = this.#request
    emit({ kind: 'phase', phase, devices: going.length, at: clock.now() })
    const ranks = [...new Set(going.map(({ plan }) => plan.rank))].sort((a, b) => a - b)
    for (const rank of ranks) {
      await eachOf(
        going.filter(({ plan }) => plan.rank === rank),
        concurrency,
        work,
      )
    }
  }

  /** Phase 2: originators switch, one peer and transport after the other; every move is waited for and measured. */
  async switchConnections(): Promise<readonly ConnectionResult[]> {
    const { plan, only } = this.#request
    const moving = plan.connections.filter(({ moves, from }) => moves && (only === undefined || only.has(from)))
    const results = new Map<string, ConnectionResult>()
    const originators = new Map<string, ConnectionPlan[]>()
    for (const connection of moving) {
      originators.set(connection.from, [...(originators.get(connection.from) ?? []), connection])
    }
    await eachOf([...originators], this.#request.concurrency, async ([from, connections]) => {
      const ways = new Map<string, ConnectionPlan[]>()
      for (const connection of connections) {
        const key = `${connection.protocol} ${connection.to}`
        ways.set(key, [...(ways.get(key) ?? []), connection])
      }
      for (const together of ways.values()) {
        for (const result of await this.#switchWay(from, together)) results.set(result.connection, result)
      }
    })
    return plan.connections
      .filter(({ moves }) => moves)
      .map((connection) => results.get(connection.connection))
      .filter((result) => result !== undefined)
  }

  /** All connections of one originator to one peer over one transport: a rule cannot tell them apart. */
  async #switchWay(from: string, connections: readonly ConnectionPlan[]): Promise<readonly ConnectionResult[]> {
    const originator = this.#byName.get(from)
    const [first] = connections
    if (first === undefined) return []
    const obstacle = this.#obstacle(from, originator, first.to)
    if (obstacle === undefined && originator !== undefined) {
      const peer = this.#addressOf(first.to)
      if (peer !== undefined) await originator.transaction.switchOver([{ ip: peer, protocol: first.protocol }])
    }
    const failed = obstacle ?? (originator?.transaction.isGoing === false ? `${from} is not complete` : undefined)
    return Promise.all(connections.map((connection) => this.#await(connection, failed)))
  }

  /** Why a connection must not be switched: an end that is not ready would refuse it. */
  #obstacle(from: string, originator: RunDevice | undefined, to: string): string | undefined {
    if (originator === undefined) return this.#whyAbsent(from)
    if (!originator.transaction.isGoing) return `${from} is not complete`
    const target = this.#byName.get(to)
    if (target !== undefined) return target.transaction.isGoing ? undefined : `${to} is not complete`
    return this.#actionOf(to) === 'nothing' ? undefined : this.#whyAbsent(to)
  }

  #whyAbsent(device: string): string {
    return this.#actionOf(device) === 'refused'
      ? `${device} was refused, see there`
      : `${device} is not part of this deployment`
  }

  #actionOf(name: string) {
    return this.#request.plan.devices.find(({ device }) => device === name)?.action
  }

  #addressOf(device: string): string | undefined {
    return this.#request.plan.devices.find((plan) => plan.device === device)?.address
  }

  async #await(connection: ConnectionPlan, obstacle: string | undefined): Promise<ConnectionResult> {
    const { clock, moveTimeoutMs, emit } = this.#request
    const { connection: name, from, to, hops } = connection
    const base = { connection: name, from, to, hops }
    const notMoved = (evidence: string): ConnectionResult => {
      for (const device of [from, to]) this.#byName.get(device)?.waitingFor.push(name)
      const messages = [message('connection-not-moved', name, evidence)]
      return { ...base, outcome: outcomeOf(messages), messages }
    }
    if (obstacle !== undefined) return notMoved(obstacle)
    if (this.#watch === undefined) {
      const messages = [message('connection-not-measured', name, 'nobody reports moves on this plant')]
      return { ...base, outcome: outcomeOf(messages), messages }
    }
    const move = await this.#watch.moved(name, clock, moveTimeoutMs)
    emit({ kind: 'connection', connection: name, moved: move !== undefined, gapMs: move?.gapMs, at: clock.now() })
    if (move === undefined) return notMoved(`no report within ${moveTimeoutMs} ms`)
    const messages = [message('connection-moved', name, spell(move))]
    const { movedAt, gapMs, suite, from: way } = move
    return {
      ...base,
      outcome: outcomeOf(messages),
      movedAt,
      ...(gapMs === undefined ? {} : { gapMs }),
      ...(way === undefined ? {} : { before: { transport: way } }),
      after: { transport: move.to, ...(suite === undefined ? {} : { suite }) },
      messages,
    }
  }

  /** Ends all transactions and gives the results in the order of the plan. */
  async finish(): Promise<readonly DeviceResult[]> {
    const { concurrency, plan } = this.#request
    const results = new Map<string, DeviceResult>()
    await eachOf(this.all, concurrency, async (one) => {
      results.set(one.plan.device, await one.finish())
    })
    for (const { device, address, messages } of this.#still) {
      results.set(device, {
        device,
        address,
        outcome: outcomeOf(messages),
        configuration: 'unchanged',
        messages,
        steps: [],
      })
    }
    return plan.devices.map(({ device }) => results.get(device)).filter((result) => result !== undefined)
  }
}

function spell({ from, to, gapMs }: ConnectionMove): string {
  if (from === undefined || gapMs === undefined) return `over ${to} now; it did not run before`
  return `from ${from} to ${to}, data interrupted for ${Math.round(gapMs)} ms`
}

/** Runs a piece of work for each item, at most so many at a time. The first error stops what has not begun. */
export async function eachOf<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const workers = Array.from({ length: Math.min(limit, items.length) }, async () => {
    for (let place = next++; place < items.length; place = next++) {
      const item = items[place]
      if (item !== undefined) await work(item)
    }
  })
  await Promise.all(workers)
}
