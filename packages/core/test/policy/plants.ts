import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type Capabilities,
  type DeviceCapabilities,
  indexPlant,
  type Plant,
  type PlantIndex,
  parsePlant,
  parseSimulation,
  type Simulation,
  type SourceMap,
  simulatedCapabilities,
} from '@cordon/core/policy'

/** Where a file of the examples is. */
export function example(path: string): string {
  return fileURLToPath(new URL(`../../../../examples/${path}`, import.meta.url))
}

/** A plant from text that must be well formed. */
export function plantOf(text: string): { readonly plant: Plant; readonly positions: SourceMap } {
  const result = parsePlant(text, 'plant.yaml')
  if (result.plant === undefined)
    throw new Error(result.problems.map((problem) => `${problem.line}: ${problem.message}`).join('\n'))
  return { plant: result.plant, positions: result.positions }
}

/** A plant from text, ready for questions. */
export function indexOf(text: string, capabilities: Capabilities = new Map()): PlantIndex {
  return indexPlant(plantOf(text).plant, capabilities)
}

/** An example with its simulation. */
export function exampleOf(name: string): {
  readonly plant: Plant
  readonly positions: SourceMap
  readonly simulation: Simulation
  readonly simulationPositions: SourceMap
  readonly index: PlantIndex
} {
  const { plant, positions } = plantOf(readFileSync(example(`${name}/plant.yaml`), 'utf8'))
  const simulated = parseSimulation(readFileSync(example(`${name}/simulation.yaml`), 'utf8'), 'simulation.yaml')
  if (simulated.simulation === undefined)
    throw new Error(simulated.problems.map((problem) => problem.message).join('\n'))
  const { simulation } = simulated
  const index = indexPlant(plant, simulatedCapabilities(simulation))
  return { plant, positions, simulation, simulationPositions: simulated.positions, index }
}

/** A device of the current generation. */
export const current: DeviceCapabilities = {
  capable: true,
  suites: [0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0xccac, 0xc037, 0xc006, 0xc03a],
  objectRevisions: { ethernetIpSecurity: 9, certificateManagement: 3 },
  pskSlots: 2,
  fileLimit: 16_384,
  ingressEgress: true,
  trustedIdentities: true,
  maxConnections: 64,
}

/** Two zones of certificates, a manager, and one conduit between the zones. */
export const twoZones = `
version: 1
plant: two
manager: Manager
nonSecure: deny
suites: [0xC023, 0xC024, 0xC006]
zones:
  left: { authentication: certificate, messaging: integrity, io: integrity }
  right: { authentication: certificate, messaging: confidentiality, io: integrity }
devices:
  A1: { address: 192.0.2.1, zone: left }
  A2: { address: 192.0.2.2, zone: left }
  B1: { address: 192.0.2.11, zone: right }
  B2: { address: 192.0.2.12, zone: right }
  Manager: { address: 192.0.2.100, zone: right, role: originator, io: deny }
conduits:
  - { between: [left, right], authentication: certificate, messaging: confidentiality, io: integrity }
`
