import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { VerificationResult } from '@cordon/core/verification'
import { type DiscoveryRow, discover, discoveryRow } from '@cordon/node/originator'
import { keyLogFile, keyLogWarning } from '@cordon/node/transports'
import { deploy, managerOf, prepare, type StoredReport } from '@cordon/server/deploy'
import { addVendorAnchors } from '@cordon/server/settings'
import { type ConnectionStatus, defaultDirectory, type PlantControl } from '@cordon/simulator'
import { type AcceptedPlant, acceptedPlant } from '../accepted-plant.ts'
import { boughtUnit } from '../bought-unit.ts'
import { connectionsTable } from '../connections-table.ts'
import type { CommandContext } from '../context.ts'
import { addressesAreFree, type Demonstrated, runDemonstration } from '../demo-run.ts'
import { freshDemoState } from '../demo-state.ts'
import { deferred } from '../deferred-deployment.ts'
import { vendorRoots } from '../deploy-options.ts'
import { deploymentStep } from '../deployment-progress.ts'
import { reportText } from '../deployment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { managerPort, type Service, startService } from '../manager-service.ts'
import { plantMoves } from '../plant-moves.ts'
import { type ProgressStep, withProgress } from '../progress.ts'
import { importPlant } from './server.ts'
import { verificationStep, verificationText } from '../verification.ts'
import { type PlantProcess, startPlantProcess } from '../virtual-plant-process.ts'
import { openWorkspace, type Workspace } from '../workspace.ts'

interface DemoFlags {
  readonly once?: boolean
  /** The plant stays in plain, for the guided first hour in the browser. */
  readonly guided?: boolean
  readonly keyLog?: string
}

/** The plant that the demonstration runs, in a checkout of the sources. */
const plantFile = fileURLToPath(new URL('../../../../examples/cpwe/plant.yaml', import.meta.url))

/** How long the plant's own traffic may take to be up, milliseconds. */
const trafficTimeoutMs = 60_000

/** What the demonstration did, for programs. */
interface DemoResult {
  readonly verdict: 'pass' | 'fail'
  readonly plant: {
    readonly name: string
    readonly discovered: readonly DiscoveryRow[]
    readonly connections: readonly ConnectionStatus[]
  }
  readonly deployment: StoredReport
  readonly verification: VerificationResult
  /** File that gets the keys of every association, while one does. */
  readonly keyLog?: string
}

/** `cordon demo`: a plant in plain, secured while it runs, verified from outside. */
export async function run(context: CommandContext, flags: DemoFlags): Promise<ExitCode> {
  const { output } = context
  if (!existsSync(plantFile)) {
    throw new UsageError('missing', `${plantFile} is not there: the demonstration runs from a checkout of the sources`)
  }
  const accepted = await acceptedPlant(context, plantFile)
  if (accepted === undefined) return exitCodes.usage
  if (flags.keyLog !== undefined) output.note(keyLogWarning(flags.keyLog))
  await addressesAreFree(accepted.files.plant, 'cordon demo')
  await freshDemoState(context.state)
  const demonstration = new Demonstration(context, accepted, flags)
  if (flags.guided === true) return await runDemonstration(context, guided(demonstration, accepted), false)
  return await runDemonstration(context, demonstration, flags.once === true)
}

/** What the guided demonstration leaves to the person before the browser: everything but a plant that runs in plain. */
function guided(
  demonstration: Demonstration,
  { files: { plant } }: AcceptedPlant,
): Demonstrated<{ readonly verdict: 'pass'; readonly plant: { readonly name: string } }> {
  return {
    show: async () => {
      await demonstration.bringUp()
      return { verdict: 'pass', plant: { name: plant.name } }
    },
    text: () =>
      `${plant.name} runs in plain. Secure it from the browser, zone by zone: sign in and follow "First hour".`,
    untilEnded: async () => await demonstration.untilEnded(),
    end: async () => await demonstration.end(),
  }
}

class Demonstration implements Demonstrated<DemoResult> {
  readonly #context: CommandContext
  readonly #plant: AcceptedPlant
  readonly #flags: DemoFlags
  readonly #over = new AbortController()
  #process: PlantProcess | undefined
  #workspace: Workspace | undefined
  #service: Service | undefined

  constructor(context: CommandContext, plant: AcceptedPlant, flags: DemoFlags) {
    this.#context = context
    this.#plant = plant
    this.#flags = flags
  }

  async show(): Promise<DemoResult> {
    const { output, signal, state } = this.#context
    const { plant, capabilities, simulation } = this.#plant.files
    const directory = defaultDirectory(state, plant.name)
    let discovered: readonly DiscoveryRow[] = []
    let report: StoredReport | undefined
    let verification: VerificationResult | undefined
    let connections: readonly ConnectionStatus[] = []
    await withProgress(output, [
      this.#bringUpStep(),
      {
        title: 'Discover by ListIdentity',
        run: async (_show, rename) => {
          const from = managerOf(plant).addresses[0]
          const replies = await discover({
            broadcast: ['127.255.255.255'],
            ...(from === undefined ? {} : { localAddress: from }),
            signal,
          })
          discovered = replies.map(discoveryRow)
          const capable = discovered.filter(({ security }) => security !== 'none').length
          rename(
            `Discover by ListIdentity: ${discovered.length} devices answer, ${capable} of them capable of CIP Security`,
          )
        },
      },
      deploymentStep(
        'Secure the plant while it runs',
        () => this.#deploy(),
        (finished) => {
          report = finished
        },
      ),
      {
        title: 'Start what begins after the deployment',
        run: async (show, rename) => {
          const { started } = await this.#control.call('start-later', {})
          await this.#traffic(show)
          rename(`Started after the deployment: ${started.length} connections`)
        },
      },
      verificationStep(
        this.#context,
        async () => {
          connections = (await this.#control.call('connections', {})).connections
          return {
            plant,
            workspace: await this.#store(),
            capabilities,
            live: connections,
            ...(simulation === undefined ? {} : await boughtUnit(state, directory, simulation)),
          }
        },
        (finished) => {
          verification = finished
        },
      ),
    ])
    if (report === undefined || verification === undefined)
      throw new TransportError('aborted', 'the demonstration did not come to its end')
    // A verification is a thousand handshakes at once: a connection that lost its peer meanwhile comes back by itself.
    await this.#traffic(() => {})
    connections = (await this.#control.call('connections', {})).connections
    const isSecured =
      report.outcome !== 'not-complete' && connections.every((connection) => connection.state === 'open')
    // A machine without the openssl command skips its repetitions, and says so; every other check must be made and pass.
    const isProven = verification.checks.every(
      (check) => check.verdict === 'pass' || (check.id === 'openssl-agrees' && check.verdict === 'not-tested'),
    )
    const verdict = isProven && isSecured ? 'pass' : 'fail'
    const { keyLog } = this.#flags
    const told = keyLog === undefined ? {} : { keyLog }
    return { verdict, plant: { name: plant.name, discovered, connections }, deployment: report, verification, ...told }
  }

  /** Starts the plant and leaves it as it is. */
  async bringUp(): Promise<void> {
    await withProgress(this.#context.output, [this.#bringUpStep()])
  }

  #bringUpStep(): ProgressStep {
    const { signal, state } = this.#context
    const { plant } = this.#plant.files
    return {
      title: `Bring up ${plant.name}: virtual devices with real sockets`,
      run: async (show, rename) => {
        this.#process = await startPlantProcess({
          plantFile,
          directory: defaultDirectory(state, plant.name),
          state,
          keyLog: this.#flags.keyLog,
          signal,
          note: (line) => this.#log(line),
        })
        const running = await this.#traffic(show)
        rename(`${plant.name} runs in plain: ${plant.devices.length} devices, ${running} connections`)
      },
    }
  }

  #deploy(): ReturnType<typeof deploy> {
    const moves = (): ReturnType<typeof plantMoves> => plantMoves(this.#control, this.#over.signal)
    return deferred(async () => {
      const workspace = await this.#store()
      const { plant } = this.#plant.files
      const options = {
        signal: this.#context.signal,
        vendorAnchors: await vendorRoots(this.#process?.vendorRoots ?? ''),
        // The demonstration's software endpoints have self-signed certificates: the report carries a warning for each.
        acceptSelfSigned: 'all',
        connectionMoves: moves,
        ...(this.#flags.keyLog === undefined ? {} : { keyLog: keyLogFile(this.#flags.keyLog) }),
      } as const
      const request = { plant, store: workspace.store, authority: workspace.authority, options }
      return deploy({ ...request, preparation: await prepare(request) })
    })
  }

  /** Waits until every connection that was begun runs; returns how many do. */
  async #traffic(show: (text: string) => void): Promise<number> {
    const until = performance.now() + trafficTimeoutMs
    for (;;) {
      const { connections } = await this.#control.call('connections', {})
      const open = connections.filter(({ state, received }) => state === 'open' && received > 0)
      show(`connections ${open.length} of ${connections.length}`)
      if (open.length === connections.length) return open.length
      if (performance.now() > until) {
        const silent = connections
          .filter(({ state }) => state !== 'open')
          .map(({ name, problem }) => `${name} (${problem ?? 'no data'})`)
        throw new TransportError(
          'timeout',
          `the plant's own traffic is not up after ${trafficTimeoutMs / 1000} s: ${silent.join(', ')}`,
        )
      }
      await sleep(200, undefined, { signal: this.#context.signal })
    }
  }

  get #control(): PlantControl {
    if (this.#process === undefined) throw new TransportError('closed', 'the virtual plant does not run')
    return this.#process.control
  }

  async #store(): Promise<Workspace> {
    this.#workspace ??= await openWorkspace(this.#context)
    return this.#workspace
  }

  /** Lines of the plant that a person needs now; the rest is the plant's own business. */
  #log(line: string): void {
    if (process.env['CORDON_DEBUG'] !== undefined || line.startsWith('cordon:') || line.startsWith('  because:'))
      this.#context.output.note(line)
  }

  text(result: DemoResult): string {
    const { output } = this.#context
    const plain = result.plant.connections.filter(({ protection }) => protection === 'None')
    const why = new Map(
      result.deployment.plan.connections.map((connection) => [connection.connection, connection.reason]),
    )
    return [
      reportText(output, { ...result.deployment, connections: [] }),
      '',
      output.strong('Connections'),
      connectionsTable(output, result.plant.connections),
      '',
      output.strong('What stays plain, and why'),
      ...plain.map(({ name, from, to }) =>
        output.paragraph(`${from} - ${to}: ${why.get(name) ?? 'not in the policy'}`, 2),
      ),
      '',
      verificationText(output, result.verification, false),
      ...(result.keyLog === undefined ? [] : ['', output.state('warning', keyLogWarning(result.keyLog))]),
    ].join('\n')
  }

  /** Keeps the plant running until Ctrl-C, or until the plant itself ends. */
  async untilEnded(): Promise<void> {
    const { output, signal } = this.#context
    if (this.#flags.keyLog !== undefined) output.note(keyLogWarning(this.#flags.keyLog))
    output.note('The plant keeps running; end it with Ctrl-C. Try: npx --no-install cordon device connections')
    await this.#openManager()
    await new Promise<void>((done) => {
      if (signal.aborted) done()
      signal.addEventListener('abort', () => done(), { once: true })
      void this.#process?.ended.then((code) => {
        if (!signal.aborted) output.note(`the virtual plant ended by itself with ${code}`)
        done()
      })
    })
  }

  /** A manager over the same state, for the browser; where it cannot listen, the plant runs on without it. */
  async #openManager(): Promise<void> {
    const { output } = this.#context
    const { plant, file, simulationFile } = this.#plant.files
    const workspace = await this.#store()
    const virtual = {
      connectionMoves: () => () => plantMoves(this.#control, this.#over.signal),
      liveConnections: async () => (await this.#control.call('connections', {})).connections,
    }
    const start = async (port: number) =>
      await startService(this.#context, workspace, {
        listen: [{ address: '127.0.0.1', port }],
        log: { format: 'pretty', level: 'warn' },
        virtual,
      })
    try {
      this.#service = await start(managerPort)
    } catch (error) {
      if (!(error instanceof TransportError && error.code === 'address-in-use')) throw error
      output.note(`127.0.0.1:${managerPort} is in use by another program: the manager takes another port`)
      this.#service = await start(0)
    }
    await importPlant(this.#context, workspace, this.#service, { plant, file, simulationFile })
    const roots = await readFile(this.#process?.vendorRoots ?? '', 'utf8').catch(() => undefined)
    if (roots !== undefined)
      await addVendorAnchors(workspace.store, roots, { actor: { kind: 'system', name: 'cordon demo' } })
    const { url, fingerprint, firstRun, hasPages } = this.#service
    output.note('')
    output.note(`The manager: ${url}`)
    output.note(`  certificate SHA-256: ${fingerprint}`)
    if (firstRun !== undefined) output.note(`  become its first administrator, once: ${firstRun.url}`)
    if (!hasPages) output.note('  the web interface is not built here; the API and the command line work')
  }

  async end(): Promise<void> {
    this.#over.abort()
    await this.#service?.[Symbol.asyncDispose]()
    await this.#workspace?.[Symbol.asyncDispose]()
    await this.#process?.[Symbol.asyncDispose]()
  }
}
