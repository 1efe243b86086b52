import { type Plant, parsePlant, parseSimulation, type Simulation } from '@cordon/core/policy'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type PlantLogEntry, type PlantOptions, VirtualPlant } from '../src/plant.ts'

/**
 * Loopback addresses of this test process alone, out of 127.64.0.0/10: two processes that run at the same time get
 * different ones, so tests can use the standard ports.
 */
export function testAddress(host: number): string {
  const process14 = process.pid & 0x3fff
  return `127.${64 + (process14 >> 8)}.${process14 & 0xff}.${host}`
}

let nextHost = 1

/** An address that no other test of this process uses. */
export function freshAddress(): string {
  return testAddress(nextHost++)
}

/** 32 bytes that seal the state of test plants. */
export const sealingKey = new Uint8Array(32).fill(0x5a)

const removed: string[] = []

/** A directory of this test; {@link removeDirectories} takes it away. */
export async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cordon-simulator-'))
  removed.push(directory)
  return directory
}

/** For `afterEach`. */
export async function removeDirectories(): Promise<void> {
  for (const directory of removed.splice(0)) await rm(directory, { recursive: true, force: true })
}

/** The two files of a small plant. `plant` and `simulation` are the parts behind their heads, as YAML. */
export function files(plant: string, simulation: string): { plant: Plant; simulation: Simulation } {
  const plantText = `version: 1
plant: small
authority: { key: ecdsa-p256, subject: { organization: Example }, device: { validity: 5y } }
nonSecure: allow
zones:
  line: { authentication: none, messaging: none, io: none, nonSecure: allow }
${plant}`
  const simulationText = `version: 1
plant: small
vendors:
  maker: { vendor: 77, organization: Example Maker, country: US, signature: ecdsa-sha256, commonName: '{name} {serial}' }
${simulation}`
  const readPlant = parsePlant(plantText, 'plant.yaml')
  const readSimulation = parseSimulation(simulationText, 'simulation.yaml')
  expect([...readPlant.problems, ...readSimulation.problems]).toEqual([])
  if (readPlant.plant === undefined || readSimulation.simulation === undefined) throw new Error('unreachable')
  return { plant: readPlant.plant, simulation: readSimulation.simulation }
}

/** A running test plant with its log. */
export interface TestPlant {
  readonly plant: VirtualPlant
  readonly log: PlantLogEntry[]
  readonly directory: string
}

const running: VirtualPlant[] = []

/** Starts a plant; {@link stopPlants} ends it. */
export async function startPlant(
  written: { plant: Plant; simulation: Simulation },
  more: Partial<PlantOptions> = {},
): Promise<TestPlant> {
  const log: PlantLogEntry[] = []
  const directory = more.directory ?? (await freshDirectory())
  const plant = await VirtualPlant.start({
    ...written,
    directory,
    sealingKey,
    broadcast: null,
    log: (entry) => log.push(entry),
    ...more,
  })
  running.push(plant)
  return { plant, log, directory }
}

/** For `afterEach`. */
export async function stopPlants(): Promise<void> {
  for (const plant of running.splice(0).reverse()) await plant.stop()
}

/** Waits until something is so; fails when it does not become so in the time given, which is no bound of the product. */
export async function until(condition: () => boolean, what: string, ms = 20_000): Promise<void> {
  const end = performance.now() + ms
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never came about: ${what}`)
    await new Promise((resume) => setTimeout(resume, 5))
  }
}

/** The row of a connection. */
export function row(plant: VirtualPlant, name: string): ReturnType<VirtualPlant['connections']>[number] {
  const found = plant.connections().find((connection) => connection.name === name)
  if (found === undefined) throw new Error(`no connection ${name}`)
  return found
}

/** A virtual device of a plant. */
export function device(plant: VirtualPlant, name: string): NonNullable<ReturnType<VirtualPlant['device']>> {
  const found = plant.device(name)
  if (found === undefined) throw new Error(`no device ${name}`)
  return found
}

/** Waits until connections run and have brought data. */
export async function allRun(plant: VirtualPlant, ...names: string[]): Promise<void> {
  const wanted = names.length === 0 ? plant.connections().map(({ name }) => name) : names
  await until(
    () => wanted.every((name) => row(plant, name).state === 'open' && row(plant, name).received > 0),
    `${wanted.join(', ')} run`,
  )
}

let serial = 1

/** A line of the simulation file for a unit; serial numbers are counted. */
export function unit(name: string, kind: string, more: string): string {
  return `  ${name}: { kind: ${kind}, identity: { vendor: 77, type: 12, product: 3, revision: [2, 5], serial: ${0x2000 + serial++}, name: Test ${kind} }, ${more} }`
}

/** CIP Security as the units of these tests have it. */
export const security = 'security: { suites: [0xC02B, 0xC023, 0xC006], pskSlots: 2, credential: { vendor: maker } }'

/** Two controllers behind modules, an adapter, a client: each kind of connection that a plant file knows. */
export function linePlant(
  extra = '',
): { plant: Plant; simulation: Simulation } & Record<'a' | 'b' | 'io' | 'panel', string> {
  const [a, b, io, panel] = [freshAddress(), freshAddress(), freshAddress(), freshAddress()]
  const written = files(
    `chassis:
  left: { slots: { 0: Left_PLC, 1: Left_Module } }
  right: { slots: { 0: Right_PLC, 1: Right_Module } }
devices:
  Left_Module: { address: ${a}, zone: line }
  Left_PLC: { zone: line }
  Right_Module: { address: ${b}, zone: line }
  Right_PLC: { zone: line }
  Remote_IO: { address: ${io}, zone: line }
  Panel: { address: ${panel}, zone: line, role: originator }
connections:
  - { name: consumes, from: Left_Module, originator: Left_PLC, to: Right_Module, target: Right_PLC, opens: { tag: Produced }, class: 1, rpi: 20ms, outputSize: 2, inputSize: 42, serial: 101 }
  - { name: keepalive, from: Left_Module, originator: Left_PLC, to: Right_Module, opens: identity, class: 1, rpi: 50ms, outputSize: 2, inputSize: 2, serial: 102 }
  - { name: io, from: Left_Module, originator: Left_PLC, to: Remote_IO, opens: { assembly: { configuration: 102, output: 100, input: 101 } }, class: 0, rpi: 20ms, outputSize: 12, inputSize: 16, serial: 103 }
  - { name: messages, from: Left_Module, originator: Left_PLC, to: Right_Module, target: Right_PLC, class: 3, rpi: 100ms, outputSize: 502, inputSize: 502, serial: 104 }
  - { name: reads, from: Panel, to: Right_Module, target: Right_PLC, reads: { tag: Greeting, every: 50ms }, class: 3, rpi: 50ms, outputSize: 502, inputSize: 502 }
  - { name: back, from: Right_Module, originator: Right_PLC, to: Left_Module, target: Left_PLC, opens: { tag: Answer }, class: 1, rpi: 20ms, outputSize: 2, inputSize: 6 }
  - { name: later, from: Panel, to: Remote_IO, opens: identity, class: 1, rpi: 50ms, outputSize: 2, inputSize: 2, when: after }
${extra}`,
    `devices:
${unit('Left_Module', 'module', 'security: none')}
${unit('Left_PLC', 'controller', 'security: none, tags: { Answer: { type: DINT, produced: true, value: 42 } }')}
${unit('Right_Module', 'module', security)}
${unit('Right_PLC', 'controller', `${security}, tags: { Produced: { type: DINT, length: 10, produced: true, countEvery: 20ms }, Greeting: { type: STRING, value: Hello }, Level: { type: REAL, value: 1.5 } }`)}
${unit('Remote_IO', 'adapter', 'security: none, assemblies: { 100: { direction: output, size: 8, onLoss: zero }, 101: { direction: input, size: 16, countEvery: 20ms }, 102: { direction: configuration, size: 0 } }')}
${unit('Panel', 'client', 'security: none, listens: false')}`,
  )
  return { ...written, a, b, io, panel }
}
