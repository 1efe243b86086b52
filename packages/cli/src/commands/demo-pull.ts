import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { VerificationResult } from '@cordon/core/verification'
import { managerOf } from '@cordon/server/deploy'
import { decide, listEnrollments, type QueueEntry } from '@cordon/server/enrollment'
import { type EstHost, estPort, openEstHost } from '@cordon/server/est'
import { type ConnectionStatus, defaultDirectory, type PlantControl } from '@cordon/simulator'
import { type AcceptedPlant, acceptedPlant } from '../accepted-plant.ts'
import { boughtUnit } from '../bought-unit.ts'
import { connectionsTable } from '../connections-table.ts'
import type { CommandContext } from '../context.ts'
import { addressesAreFree, type Demonstrated, runDemonstration } from '../demo-run.ts'
import { freshDemoState } from '../demo-state.ts'
import { printHostLog } from '../est-log.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { type ProgressStep, withProgress } from '../progress.ts'
import { preparePull, type PullFiles } from '../pull-materials.ts'
import { type VerifyInput, verificationStep, verificationText } from '../verification.ts'
import { type PlantProcess, startPlantProcess } from '../virtual-plant-process.ts'
import { authorityPlan, openWorkspace, type Workspace } from '../workspace.ts'

/** The plant that the demonstration runs, in a checkout of the sources. */
const example = fileURLToPath(new URL('../../../../examples/pull', import.meta.url))

/** Which device asks under which policy, and what must become of it. The labels are those of the example. */
const cast = [
  { policy: 'vendor certificate', label: 'vendor', device: 'Line_PLC', outcome: 'granted' },
  { policy: 'serial-number list', label: 'shipment', device: 'Filler_IO', outcome: 'granted' },
  { policy: 'user name and password', label: 'account', device: 'Capper_IO', outcome: 'granted' },
  { policy: 'provisioning certificate', label: 'provisioning', device: 'Labeler_IO', outcome: 'granted' },
  { policy: 'administrator approval', label: 'desk', device: 'Wrapper_IO', outcome: 'granted after approval' },
  { policy: 'global grant', label: 'open', device: 'Lift_IO', outcome: 'granted' },
  { policy: 'vendor certificate', label: 'vendor', device: 'Stranger', outcome: 'refused' },
] as const

/** The unit that dies, and the serial number of the one that takes its place. */
const replaced = { device: 'Filler_IO', unit: { serial: 0x00a1001f, major: 1, minor: 5 } } as const

/** How long each part may take, milliseconds. */
const patienceMs = 90_000
const lookMs = 200
const probeMs = 3_600_000

/** What became of a request under one policy. */
interface PullEntry {
  readonly policy: string
  readonly label: string
  readonly device: string
  readonly expected: string
  readonly outcome: string
  /** As the record has it. */
  readonly reason: string
  readonly serial: string | null
  readonly pass: boolean
}

/** What the demonstration did, for programs. */
interface PullResult {
  readonly verdict: 'pass' | 'fail'
  readonly plant: string
  readonly announced: readonly string[]
  readonly policies: readonly PullEntry[]
  readonly replacement: PullEntry & { readonly before: string | null; readonly backInServiceMs: number }
  readonly connections: readonly ConnectionStatus[]
  readonly verification: VerificationResult
}

/** `cordon demo pull`: devices find the authority and earn their certificates. */
export async function run(context: CommandContext, flags: { readonly once?: boolean }): Promise<ExitCode> {
  const file = join(example, 'plant.yaml')
  if (!existsSync(file)) {
    throw new UsageError('missing', `${file} is not there: the demonstration runs from a checkout of the sources`)
  }
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  await addressesAreFree(accepted.files.plant, 'cordon demo pull')
  await freshDemoState(context.state)
  return await runDemonstration(context, new PullDemonstration(context, accepted), flags.once === true)
}

class PullDemonstration implements Demonstrated<PullResult> {
  readonly #context: CommandContext
  readonly #plant: AcceptedPlant
  #workspace: Workspace | undefined
  #host: EstHost | undefined
  #process: PlantProcess | undefined
  #files: PullFiles | undefined
  #waited: string | undefined
  #revoked: VerifyInput['revoked']

  constructor(context: CommandContext, plant: AcceptedPlant) {
    this.#context = context
    this.#plant = plant
  }

  async show(): Promise<PullResult> {
    let verification: VerificationResult | undefined
    let replacement: PullResult['replacement'] | undefined
    let policies: readonly PullEntry[] = []
    await withProgress(this.#context.output, [
      { title: 'Open the authority and its enrollment service', run: (_, rename) => this.#open(rename) },
      { title: 'Power up factory-new devices', run: (_, rename) => this.#powerUp(rename) },
      { title: 'Devices ask for certificates', run: (show, rename) => this.#enroll(show, rename) },
      { title: 'An administrator approves the one that waits', run: (_, rename) => this.#approve(rename) },
      this.#pushed(),
      {
        title: `A unit dies and another takes its place: ${replaced.device}`,
        run: async (show, rename) => {
          policies = await this.#entries()
          replacement = await this.#replace(show)
          rename(
            `${replaced.device} was exchanged: back in service after ${(replacement.backInServiceMs / 1000).toFixed(1)} s`,
          )
        },
      },
      verificationStep(
        this.#context,
        async () => ({
          plant: this.#plant.files.plant,
          workspace: this.#store,
          capabilities: this.#plant.files.capabilities,
          live: await this.#connections(),
          ...(await boughtUnit(this.#context.state, this.#devices, this.#plant.files.simulation)),
          ...(this.#revoked === undefined ? {} : { revoked: this.#revoked }),
        }),
        (finished) => {
          verification = finished
        },
      ),
    ])
    if (verification === undefined || replacement === undefined)
      throw new TransportError('aborted', 'the demonstration did not come to its end')
    await this.#traffic()
    const connections = await this.#connections()
    const isProven = verification.checks.every(
      ({ id, verdict }) => verdict === 'pass' || (id === 'openssl-agrees' && verdict === 'not-tested'),
    )
    const isEncrypted = connections.every(({ state, protection }) => state === 'open' && protection === 'Encrypted')
    const isRight = policies.every(({ pass }) => pass) && replacement.pass
    return {
      verdict: isProven && isEncrypted && isRight ? 'pass' : 'fail',
      plant: this.#plant.files.plant.name,
      announced: this.#host?.status().announced ?? [],
      policies,
      replacement,
      connections,
      verification,
    }
  }

  async #open(rename: (title: string) => void): Promise<void> {
    const { output, state } = this.#context
    const { plant, simulation, capabilities } = this.#plant.files
    if (simulation === undefined) throw new UsageError('missing', 'the demonstration needs its simulation file')
    const workspace = await openWorkspace(this.#context)
    this.#workspace = workspace
    const { store, authority } = workspace
    await authority.initialize(authorityPlan(plant))
    const devices = this.#devices
    this.#files = await preparePull(example, join(state, 'pull'), { workspace, simulation, state, devices })
    this.#host = await openEstHost({
      store,
      authority,
      plant,
      rules: this.#files.rules,
      listen: managerOf(plant).addresses.map((address) => ({ address, port: estPort })),
      announcement: { subtypes: [`_${plant.name}`] },
      push: { deployment: { capabilities, closeDelayMs: 0 } },
      log: (entry) => {
        if (process.env['CORDON_DEBUG'] !== undefined) printHostLog(output, entry)
      },
    })
    const { addresses, labels } = this.#host.status()
    const where = addresses.map(({ address, port }) => `${address}:${port}`).join(', ')
    rename(`The enrollment service listens on ${where}, announced by DNS-SD under ${labels.length} labels`)
  }

  async #powerUp(rename: (title: string) => void): Promise<void> {
    const { state, signal, output } = this.#context
    this.#process = await startPlantProcess({
      plantFile: this.#files?.plant ?? '',
      directory: this.#devices,
      state,
      signal,
      note: (line) => {
        if (process.env['CORDON_DEBUG'] !== undefined || line.startsWith('cordon:')) output.note(line)
      },
    })
    rename(`${cast.length} factory-new devices are on the network`)
  }

  async #enroll(show: (text: string) => void, rename: (title: string) => void): Promise<void> {
    await this.#until('every device has asked', async () => {
      const entries = await this.#queue()
      const settled = cast.filter(({ device, outcome }) => {
        const entry = newest(entries, device, this.#address(device))
        if (entry === undefined) return false
        return outcome === 'granted after approval' ? entry.state === 'pending' : entry.state !== 'pending'
      })
      show(`asked ${settled.length} of ${cast.length}`)
      return settled.length === cast.length
    })
    const counts = new Map<string, number>()
    for (const { state } of await this.#queue()) counts.set(state, (counts.get(state) ?? 0) + 1)
    const of = (state: string) => counts.get(state) ?? 0
    rename(
      `Devices asked: ${of('granted')} granted, ${of('denied')} refused, ${of('pending')} waits for an administrator`,
    )
  }

  async #approve(rename: (title: string) => void): Promise<void> {
    const { store } = this.#store
    const waiting = (await this.#queue()).filter(({ state }) => state === 'pending')
    const ids = waiting.map(({ id }) => id)
    const by = 'demonstration'
    const [result] = await decide(store, { ids, verdict: 'approve', by, reason: 'seen on the line' })
    if (result?.result !== 'done')
      throw new TransportError('io', `the approval failed: ${result?.reason ?? 'nobody waits'}`)
    this.#waited = waiting[0]?.device ?? undefined
    await this.#until(`${this.#waited} has its certificate`, async () => {
      const entries = await this.#queue()
      return entries.every(({ state }) => state !== 'pending')
    })
    rename(`An administrator approved ${this.#waited}, which had waited`)
  }

  #pushed(): ProgressStep {
    return {
      title: 'Cordon pushes the rest of their configuration',
      run: async (show, rename) => {
        const open = await this.#secured(show)
        rename(`Cordon pushed the rest: ${open} connections run, all of them encrypted`)
      },
    }
  }

  /** Waits until every device that was granted is configured and its traffic protected. */
  async #secured(show: (text: string) => void): Promise<number> {
    let open = 0
    await this.#until('all connections are encrypted', async () => {
      const connections = await this.#connections()
      open = connections.filter(({ state, protection }) => state === 'open' && protection === 'Encrypted').length
      const waiting = [...(this.#host?.status().waiting ?? [])].map(([device, why]) => `${device} (${why})`)
      show(`encrypted ${open} of ${connections.length}${waiting.length > 0 ? `; waits: ${waiting.join(', ')}` : ''}`)
      return open === connections.length && waiting.length === 0 && (await this.#isConfigured())
    })
    return open
  }

  async #isConfigured(): Promise<boolean> {
    const { devices } = await this.#control.call('status', {})
    const granted = new Set<string>(cast.filter(({ outcome }) => outcome !== 'refused').map(({ device }) => device))
    return devices.every(
      ({ name, security, pull }) => !granted.has(name) || (security === 'configured' && pull === 'stopped'),
    )
  }

  async #replace(show: (text: string) => void): Promise<PullResult['replacement']> {
    const { device, unit } = replaced
    const before = newest(await this.#queue(), device, undefined)
    await this.#revoke()
    const begun = performance.now()
    await this.#control.call('exchange', { device, unit })
    await this.#until(`the new unit has the role of ${device}`, async () => {
      const entry = newest(await this.#queue(), device, undefined)
      show(entry === undefined || entry.id === before?.id ? 'the new unit looks for the authority' : entry.reason)
      return entry !== undefined && entry.id !== before?.id && entry.state !== 'pending'
    })
    await this.#secured(show)
    const entry = newest(await this.#queue(), device, undefined)
    const granted = entry?.state === 'granted' && entry.serial !== before?.serial
    return {
      policy: 'serial-number list',
      label: 'shipment',
      device,
      expected: 'replaced',
      outcome: granted ? 'replaced' : (entry?.state ?? 'nothing'),
      reason: entry?.reason ?? '',
      serial: entry?.serial ?? null,
      before: before?.serial ?? null,
      backInServiceMs: Math.round(performance.now() - begun),
      pass: granted && (await this.#isRevoked(before?.serial)),
    }
  }

  /** Revokes a certificate whose key is at hand: the verification tries it, as the key of the unit that is gone is gone. */
  async #revoke(): Promise<void> {
    const { authority } = this.#store
    const zone = this.#plant.files.plant.devices.find(({ name }) => name === replaced.device)?.zone ?? ''
    const issued = await authority.issueClient({ zone, name: 'revoked-probe', validityMs: probeMs })
    const key = issued.key?.export()
    await authority.revoke(issued.serial, 'cessationOfOperation')
    if (key !== undefined) this.#revoked = { zone, chain: [issued.certificate, ...issued.chain.slice(0, 1)], key }
  }

  /** The certificate of the unit that is gone opens nothing any more. */
  async #isRevoked(serial: string | null | undefined): Promise<boolean> {
    const records = await this.#store.authority.list()
    return records.some((record) => record.serial === serial && record.status === 'revoked')
  }

  async #entries(): Promise<readonly PullEntry[]> {
    const queue = await this.#queue()
    return cast.map(({ policy, label, device, outcome: expected }) => {
      const entry = newest(queue, device, this.#address(device))
      const waited = device === this.#waited && (entry?.approvedBy.length ?? 0) > 0
      const outcome = outcomeOf(entry, waited)
      return {
        policy,
        label,
        device,
        expected,
        outcome,
        reason: entry?.reason ?? 'it never asked',
        serial: entry?.serial ?? null,
        pass: outcome === expected && entry?.label === label,
      }
    })
  }

  async #queue(): Promise<readonly QueueEntry[]> {
    return (await listEnrollments(this.#store.store, { plant: this.#plant.files.plant.name })).entries
  }

  #address(device: string): string | undefined {
    return this.#plant.files.plant.devices.find(({ name }) => name === device)?.address
  }

  async #connections(): Promise<readonly ConnectionStatus[]> {
    return (await this.#control.call('connections', {})).connections
  }

  async #traffic(): Promise<void> {
    await this.#until('the traffic runs', async () =>
      (await this.#connections()).every(({ state, received }) => state === 'open' && received > 0),
    )
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + patienceMs
    while (!(await isSo())) {
      if (performance.now() > end) {
        throw new TransportError('timeout', `after ${patienceMs / 1000} s this is not so: ${what}`)
      }
      await sleep(lookMs, undefined, { signal: this.#context.signal })
    }
  }

  /** Where the virtual devices have their storage. */
  get #devices(): string {
    return defaultDirectory(this.#context.state, this.#plant.files.plant.name)
  }

  get #control(): PlantControl {
    if (this.#process === undefined) throw new TransportError('closed', 'the virtual plant does not run')
    return this.#process.control
  }

  get #store(): Workspace {
    if (this.#workspace === undefined) throw new TransportError('closed', 'the store is not open')
    return this.#workspace
  }

  text({ policies, replacement, connections, verification }: PullResult): string {
    const { output } = this.#context
    return [
      output.strong('Who asked, and what became of it'),
      table(
        output,
        [...policies, replacement],
        [
          { title: 'policy', value: ({ policy }) => policy },
          { title: 'device', value: ({ device }) => device },
          { title: 'outcome', value: ({ outcome, pass }) => (pass ? outcome : `${outcome} (expected another)`) },
          { title: 'why', value: ({ reason }) => reason, rank: 2 },
          { title: 'certificate', value: ({ serial }) => serial?.slice(0, 12) ?? '', rank: 3 },
        ],
        'nobody asked',
      ),
      '',
      output.strong('Connections'),
      connectionsTable(output, connections),
      '',
      verificationText(output, verification, false),
    ].join('\n')
  }

  /** Keeps everything running until Ctrl-C, or until the plant itself ends. */
  async untilEnded(): Promise<void> {
    const { output, signal } = this.#context
    output.note('The plant and the enrollment service keep running; end them with Ctrl-C. Try in another terminal:')
    output.note('  npx --no-install cordon enrollment list --all')
    output.note('  npx --no-install cordon est status')
    await new Promise<void>((done) => {
      if (signal.aborted) done()
      signal.addEventListener('abort', () => done(), { once: true })
      void this.#process?.ended.then(() => done())
    })
  }

  async end(): Promise<void> {
    await this.#host?.[Symbol.asyncDispose]()
    await this.#process?.[Symbol.asyncDispose]()
    await this.#workspace?.[Symbol.asyncDispose]()
  }
}

/** The newest request for a device, by its name or, where it got none, by the address that it came from. */
function newest(entries: readonly QueueEntry[], device: string, address: string | undefined): QueueEntry | undefined {
  return entries
    .filter((entry) => entry.device === device || (entry.device === null && entry.address === address))
    .reduce<QueueEntry | undefined>(
      (last, entry) => (last === undefined || entry.id > last.id ? entry : last),
      undefined,
    )
}

function outcomeOf(entry: QueueEntry | undefined, waited: boolean): string {
  switch (entry?.state) {
    case 'granted':
      return waited ? 'granted after approval' : 'granted'
    case 'denied':
      return 'refused'
    case 'pending':
    case 'expired':
      return entry.state
    case undefined:
      return 'nothing'
  }
}
