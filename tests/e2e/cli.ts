import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { testAddress } from '../interop/address.ts'

/** The built command. */
export const cordonPath = resolve('packages/cli/bin/cordon.mjs')

/** A user who may do nothing special, where this process may become one; ordinary already otherwise. */
export const ordinaryUser = process.geteuid?.() === 0 ? 65_534 : undefined

/** How a command ended. */
export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How a command is run. */
export interface RunOptions {
  /** Replaces the environment but `PATH` and `HOME`. */
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
  readonly directory?: string
  /** Sends a signal once standard error or output holds this text. */
  readonly interrupt?: { readonly when: RegExp; readonly signal: NodeJS.Signals }
  /** User and group id, for what root may do and others may not. */
  readonly user?: number
  /** Command that runs instead, with the command line behind it: `['bash', '-c', '…']`. */
  readonly through?: readonly string[]
}

/** Longest time that a command may take before it is ended, milliseconds. */
const patienceMs = 60_000

/** Runs `cordon` as a person does and waits for its end. */
export async function cordon(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = start(args, options)
  let stdout = ''
  let stderr = ''
  const look = (): void => {
    const { interrupt } = options
    if (interrupt !== undefined && !child.killed && interrupt.when.test(stdout + stderr)) child.kill(interrupt.signal)
  }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    look()
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    look()
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input ?? '')
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      done({ status, signal, stdout, stderr })
    })
  })
}

/** Starts `cordon` as a person does. */
export function start(args: readonly string[], options: RunOptions): ChildProcess {
  const line = [...(options.through ?? []), process.execPath, cordonPath, ...args]
  const [command = '', ...rest] = line
  return spawn(command, rest, {
    cwd: options.directory,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.user === undefined ? {} : { uid: options.user, gid: options.user }),
  })
}

/** Addresses of the small plant: of this test process alone. */
export const plantAddresses = {
  plc: testAddress(10),
  io: testAddress(11),
  old: testAddress(12),
  manager: testAddress(2),
  nobody: testAddress(99),
} as const

const { plc, io, old, manager } = plantAddresses

/** A line with a controller, an adapter that speaks CIP Security and one that does not. */
export const plantText = `version: 1
plant: line
manager: Manager
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
  legacy: { authentication: none, nonSecure: allow }
devices:
  Line_PLC: { address: ${plc}, zone: line }
  Line_IO:  { address: ${io}, zone: line, role: target }
  Line_Old: { address: ${old}, zone: legacy, capability: none, role: target }
  Manager:  { address: ${manager}, zone: line, role: originator, io: deny }
conduits:
  - { between: [Line_PLC, Line_Old], authentication: trusted-ip, opens: Line_PLC }
connections:
  - { name: PLC_to_IO, from: Line_PLC, to: Line_IO, opens: { assembly: { output: 100, input: 101 } },
      class: 1, rpi: 50ms, outputSize: 14, inputSize: 10, serial: 1 }
  - { name: PLC_asks_IO, from: Line_PLC, to: Line_IO, class: 3, rpi: 1s, outputSize: 502, inputSize: 502, serial: 2 }
tests:
  - { from: Line_PLC, to: Line_IO, messaging: confidentiality, io: integrity }
`

/** What its virtual units are. */
export const simulationText = `version: 1
plant: line
vendors:
  acme: { vendor: 65001, organization: Acme Controls, country: US, commonName: '{name} {serial}' }
models:
  Block:
    kind: adapter
    identity: { vendor: 65001, type: 12, product: 7, revision: [1, 4], name: Acme Block IO 8 }
    assemblies:
      100: { direction: output, size: 8, onLoss: zero }
      101: { direction: input, size: 8, countEvery: 50ms }
devices:
  Line_PLC:
    kind: controller
    identity: { vendor: 65001, type: 14, product: 107, revision: [3, 11], serial: 0x00d10010, name: Acme Controller 33 }
    security: { credential: { vendor: acme } }
    tags:
      Part_Count: { type: DINT, value: 41 }
      Recipe: { type: STRING, value: Vanilla }
      Levels: { type: REAL, length: 3, value: [1.5, 2.5, 3.5] }
  Line_IO: { model: Block, identity: { serial: 0x00d10011 }, security: { credential: { vendor: acme } } }
  Line_Old: { model: Block, identity: { serial: 0x00d10012 }, security: none }
`

/** Writes the two files of the small plant into a directory and gives the path of the plant file. */
export async function writePlant(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'plant.yaml'), plantText)
  await writeFile(join(directory, 'simulation.yaml'), simulationText)
  return join(directory, 'plant.yaml')
}

/** A virtual plant in a process of its own. */
export interface RunningPlant {
  /** Document that it printed when every device listened. */
  readonly ready: {
    readonly ready: boolean
    readonly plant: string
    readonly devices: number
    readonly vendorRoots: string
  }
  /** Ends it as Ctrl-C does and gives its exit code. */
  stop(): Promise<number | null>
}

/** Starts `cordon simulate` and waits until its devices listen. */
export async function startPlant(args: readonly string[]): Promise<RunningPlant> {
  const child = start(['simulate', ...args, '--no-broadcast', '--output', 'json'], {})
  const ended = new Promise<number | null>((done) => child.once('close', (status) => done(status)))
  let stdout = ''
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const ready = await new Promise<RunningPlant['ready']>((done, fail) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      try {
        done(JSON.parse(stdout) as RunningPlant['ready'])
      } catch {
        // The document is not whole yet.
      }
    })
    void ended.then((status) => fail(new Error(`the plant did not come up (${status}):\n${stderr}`)))
  })
  clearTimeout(timer)
  return {
    ready,
    stop: () => {
      child.kill('SIGINT')
      return ended
    },
  }
}
