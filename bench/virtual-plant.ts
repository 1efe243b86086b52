import type { Plant, Simulation } from '@cordon/core/policy'
import { parsePlant, parseSimulation } from '@cordon/core/policy'

/** Address of a device by its place in a benchmark plant; `network` is the first two numbers. */
export function benchAddress(network: string, place: number): string {
  return `${network}.${1 + Math.floor(place / 250)}.${1 + (place % 250)}`
}

/**
 * A plant of `count` equal virtual devices with certificates, written as the files a person would write, in zones of
 * `zoneSize`. No test and no demonstration may use its network.
 */
export function benchPlant(
  count: number,
  network: string,
  zoneSize = count,
): { readonly plant: Plant; readonly simulation: Simulation } {
  const units = Array.from({ length: count }, (_, place) => ({
    name: `Device_${place + 1}`,
    address: benchAddress(network, place),
    serial: 0x0200_0000 + place,
    zone: `zone${Math.floor(place / zoneSize) + 1}`,
  }))
  const zones = [...new Set(units.map(({ zone }) => zone))]
  const plantText = [
    'version: 1',
    'plant: bench',
    'authority: { key: ecdsa-p256, subject: { organization: Bench }, device: { validity: 5y } }',
    'nonSecure: deny',
    'manager: Manager',
    'zones:',
    ...zones.map(
      (zone) => `  ${zone}: { authentication: certificate, messaging: confidentiality, io: confidentiality }`,
    ),
    '  operations: { authentication: certificate, messaging: confidentiality, io: deny }',
    'devices:',
    `  Manager: { address: ${network}.255.254, zone: operations, role: originator, io: deny }`,
    ...units.map(({ name, address, zone }) => `  ${name}: { address: ${address}, zone: ${zone} }`),
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
    ...units.map(({ name, serial }) => `  ${name}: { model: unit, identity: { serial: ${serial} } }`),
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
