import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransportError } from '@cordon/core/errors'
import type { Capabilities, Plant, Simulation } from '@cordon/core/policy'
import {
  buildTwin,
  checkLimits,
  type KnownPlant,
  type RehearsalReport,
  reportRehearsal,
  type Twin,
  twinSuffix,
  writeTwin,
} from '@cordon/core/rehearsal'
import type { VerificationResult } from '@cordon/core/verification'
import { openAuthority } from '@cordon/server/authority'
import { type ApplyOptions, deploy, prepare, type StoredReport, storePsk } from '@cordon/server/deploy'
import { openStore } from '@cordon/server/store'
import { type ConnectionStatus, defaultDirectory } from '@cordon/simulator'
import { boughtUnit } from './bought-unit.ts'
import type { CommandContext } from './context.ts'
import { vendorRoots } from './deploy-options.ts'
import { deferred } from './deferred-deployment.ts'
import { deploymentStep } from './deployment-progress.ts'
import { plantMoves } from './plant-moves.ts'
import { withProgress } from './progress.ts'
import { ownEnvironment, takePlace } from './rehearsal-place.ts'
import { verificationStep } from './verification.ts'
import { type PlantProcess, startPlantProcess } from './virtual-plant-process.ts'
import type { Workspace } from './workspace.ts'

/** What a rehearsal is made of. */
export interface RehearsalRequest {
  /** The plant as it is to be deployed. */
  readonly plant: Plant
  readonly known: KnownPlant
  /** The simulation of a plant that is virtual itself. */
  readonly simulation?: Simulation | undefined
  /** Devices that the deployment touches; all when absent. */
  readonly onlyDevices?: readonly string[] | undefined
  readonly closeConnections?: boolean | undefined
  /** False: the deployment and the connections are looked at, and nothing is verified after. */
  readonly verify: boolean
}

/** How long no further connection may come up until those that did not are left, milliseconds. */
const quietMs = 4000

/** How long the move of a connection is waited for: at the least, and for each device besides, milliseconds. */
const shortestMoveMs = 5000
const moveMsEach = 50

/**
 * Runs a whole deployment on the virtual twin of a plant, in a network and with a store of its own: the real plant, its
 * store and its authority are not touched, and nothing is left however it ends.
 *
 * @throws UsageError `bad-option` for a plant that fits no twin, or when no network is free; TransportError when the
 * twin does not come up, or `aborted`
 */
export async function rehearse(context: CommandContext, request: RehearsalRequest): Promise<RehearsalReport> {
  await using place = await takePlace()
  const { plant, known, simulation } = request
  const twin = buildTwin({ plant, known: known.devices, seen: known.connections, simulation, network: place.network })
  const rehearsal = new Rehearsal({ ...context, state: place.state }, request, twin)
  try {
    return await rehearsal.run()
  } finally {
    await rehearsal.end()
  }
}

class Rehearsal {
  readonly #context: CommandContext
  readonly #request: RehearsalRequest
  readonly #twin: Twin
  readonly #over = new AbortController()
  readonly #tookMs: Record<string, number> = {}
  #process: PlantProcess | undefined
  #workspace: Workspace | undefined

  constructor(context: CommandContext, request: RehearsalRequest, twin: Twin) {
    this.#context = context
    this.#request = request
    this.#twin = twin
  }

  async run(): Promise<RehearsalReport> {
    const { output } = this.#context
    const { plant } = this.#twin
    const startedAt = performance.now()
    let before: readonly ConnectionStatus[] = []
    let after: readonly ConnectionStatus[] = []
    let deployment: StoredReport | undefined
    let verification: VerificationResult | undefined
    await withProgress(output, [
      {
        title: `Build the twin of ${plant.name} in ${this.#twin.addresses.network}`,
        run: async (show, rename) =>
          this.#timed('start', async () => {
            await this.#start()
            before = await this.#traffic(show)
            rename(`The twin of ${plant.name} runs in plain: ${counted(plant.devices.length - 1, before)}`)
          }),
      },
      this.#timedStep(
        'deployment',
        deploymentStep(
          'Rehearse the deployment',
          () => this.#deploy(),
          (finished) => {
            deployment = finished
          },
        ),
      ),
      {
        title: 'Look at the connections',
        run: async (show, rename) =>
          this.#timed('connections', async () => {
            if (deployment?.deployment !== undefined) await this.#control.call('start-later', {})
            after = await this.#traffic(show)
            rename(`After the deployment: ${counted(plant.devices.length - 1, after)}`)
          }),
      },
    ])
    // Where nothing was changed there is nothing to verify: every check would fail, and say nothing.
    const isChanged =
      deployment?.deployment !== undefined &&
      deployment.devices.some(({ configuration }) => configuration === 'new' || configuration === 'unchanged')
    if (isChanged && this.#request.verify) {
      await withProgress(output, [
        this.#timedStep(
          'verification',
          verificationStep(
            this.#context,
            async () => ({
              plant,
              workspace: await this.#store(),
              capabilities: this.#capabilities(),
              live: after,
              ...(await boughtUnit(this.#context.state, this.#directory, this.#twin.simulation)),
            }),
            (finished) => {
              verification = finished
            },
          ),
        ),
      ])
      // A verification is many handshakes at once: a connection that lost its peer meanwhile comes back by itself.
      after = await this.#traffic(() => undefined)
    }
    this.#tookMs['total'] = Math.round(performance.now() - startedAt)
    return reportRehearsal({
      twin: this.#twin,
      plant: this.#request.plant,
      findings: checkLimits(plant, this.#request.known.devices),
      before,
      deployment,
      after,
      isVerified: this.#request.verify,
      verification,
      tookMs: this.#tookMs,
    })
  }

  async #start(): Promise<void> {
    const { state, signal } = this.#context
    const file = join(state, `plant${twinSuffix}`)
    await writeFile(file, writeTwin(this.#twin), { mode: 0o600 })
    this.#process = await startPlantProcess({
      plantFile: file,
      directory: this.#directory,
      state,
      broadcast: false,
      signal,
      note: (line) => this.#log(line),
    })
  }

  #deploy(): ReturnType<typeof deploy> {
    const { plant, simulation } = this.#twin
    const { onlyDevices, closeConnections } = this.#request
    return deferred(async () => {
      const { store, authority } = await this.#store()
      for (const name of keysOf(plant)) await storePsk(store, { name })
      const anchors = simulation.vendors.some(({ trusted }) => trusted)
      const options: ApplyOptions = {
        signal: this.#context.signal,
        vendorAnchors: anchors ? await vendorRoots(this.#process?.vendorRoots ?? '') : [],
        acceptSelfSigned: 'all',
        moveTimeoutMs: shortestMoveMs + moveMsEach * plant.devices.length,
        connectionMoves: () => plantMoves(this.#control, this.#over.signal),
        ...(onlyDevices === undefined ? {} : { onlyDevices }),
        ...(closeConnections === undefined ? {} : { closeConnections }),
      }
      const request = { plant, store, authority, options }
      return deploy({ ...request, preparation: await prepare(request) })
    })
  }

  /** What the units of the twin can do, for the verification. */
  #capabilities(): Capabilities {
    return new Map(
      [...this.#request.known.devices].flatMap(([name, { capabilities }]) =>
        capabilities === undefined ? [] : [[name, capabilities]],
      ),
    )
  }

  /** The connections once all run, or once no more of them come up. */
  async #traffic(show: (text: string) => void): Promise<readonly ConnectionStatus[]> {
    let best = -1
    let since = performance.now()
    for (;;) {
      const { connections } = await this.#control.call('connections', {})
      const open = connections.filter(({ state, received }) => state === 'open' && received > 0).length
      show(`connections ${open} of ${connections.length}`)
      if (open === connections.length) return connections
      if (open > best) {
        best = open
        since = performance.now()
      } else if (performance.now() - since > quietMs) return connections
      await sleep(200, undefined, { signal: this.#context.signal })
    }
  }

  get #directory(): string {
    return defaultDirectory(this.#context.state, this.#twin.plant.name)
  }

  get #control(): PlantProcess['control'] {
    if (this.#process === undefined) throw new TransportError('closed', 'the twin does not run')
    return this.#process.control
  }

  async #store(): Promise<Workspace> {
    if (this.#workspace !== undefined) return this.#workspace
    const store = await openStore({ state: this.#context.state, env: ownEnvironment() })
    this.#workspace = {
      store,
      authority: openAuthority(store),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }
    return this.#workspace
  }

  async #timed<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      this.#tookMs[what] = Math.round(performance.now() - startedAt)
    }
  }

  #timedStep(what: string, step: Parameters<typeof withProgress>[1][number]): typeof step {
    return { ...step, run: (show, rename) => this.#timed(what, () => step.run(show, rename)) }
  }

  /** Lines of the twin that a person needs now; what a unit refuses is in the report. */
  #log(line: string): void {
    if (process.env['CORDON_DEBUG'] !== undefined || line.startsWith('cordon:') || line.startsWith('  because:'))
      this.#context.output.note(line)
  }

  async end(): Promise<void> {
    this.#over.abort()
    await this.#workspace?.[Symbol.asyncDispose]()
    await this.#process?.[Symbol.asyncDispose]()
  }
}

function counted(devices: number, connections: readonly ConnectionStatus[]): string {
  const open = connections.filter(({ state }) => state === 'open').length
  return `${devices} devices, ${open} of ${connections.length} connections`
}

/** Names of every pre-shared key that the plant refers to: in the twin each is a random one. */
function keysOf({ zones, conduits }: Plant): ReadonlySet<string> {
  return new Set([...zones, ...conduits].flatMap(({ psk }) => psk ?? []))
}
