import type { Plant, Simulation } from '@cordon/core/policy'
import { parsePlant, parseSimulation } from '@cordon/core/policy'

/** Network of the addresses that benchmarks use: no test and no demonstration uses it. */
const network = '127.9'

/** Address of the manager in a benchmark plant. */
export const benchManager = `${network}.255.254`

/** A plant of `count` equal virtual devices in one zone, with certificates, written as the files a person would write. */
export function benchPlant(count: number): { readonly plant: Plant; readonly simulation: Simulation } {
  const names = Array.from({ length: count }, (_, i) => ({
    name: `Device_${i + 1}`,
    address: `${network}.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`,
    serial: 0x0100_0000 + i,
  }))
  const plantText = [
    'version: 1',
    'plant: bench',
    'authority: { key: ecdsa-p256, subject: { organization: Bench }, device: { validity: 5y } }',
    'nonSecure: deny',
    'manager: Manager',
    'zones:',
    '  line: { authentication: certificate, messaging: confidentiality, io: confidentiality }',
    '  operations: { authentication: certificate, messaging: confidentiality, io: confidentiality }',
    'devices:',
    `  Manager: { address: ${benchManager}, zone: operations, role: originator }`,
    ...names.map(({ name, address }) => `  ${name}: { address: ${address}, zone: line }`),
  ].join('\n')
  const simulationText = [
    'version: 1',
    'plant: bench',
    'vendors:',
    '  maker: { vendor: 77, organization: Bench Maker, country: US }',
    'models:',
    '  unit:',
    '    kind: adapter',
    '    identity: { vendor: 77, type: 12, product: 1, revision: [1, 1], name: Bench Unit }',
    '    security: { credential: { vendor: maker } }',
    'devices:',
    ...names.map(({ name, serial }) => `  ${name}: { model: unit, identity: { serial: ${serial} } }`),
  ].join('\n')
  const plant = parsePlant(plantText, 'bench plant')
  const simulation = parseSimulation(simulationText, 'bench simulation')
  if (plant.plant === undefined || simulation.simulation === undefined) {
    throw new Error(
      [...plant.problems, ...simulation.problems]
        .map(({ line, message, remedy }) => `${line}: ${message}; ${remedy}`)
        .join('\n'),
    )
  }
  return { plant: plant.plant, simulation: simulation.simulation }
}
