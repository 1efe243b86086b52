import type { SourceMap } from '../document/read.ts'
import { checkNames } from './names.ts'
import type { PlantIndex } from './plant-index.ts'
import type { PolicyProblem } from './problem.ts'
import { ProblemList } from './problem.ts'
import type { Simulation } from './simulation-model.ts'
import { checkConduits } from './validate-conduits.ts'
import { checkConnections } from './validate-connections.ts'
import { checkCapabilities } from './validate-devices.ts'
import { checkGroups, checkPairs } from './validate-pairs.ts'
import { validateSimulation } from './validate-simulation.ts'
import { checkAddresses, checkChassis, checkManager } from './validate-structure.ts'
import { checkDeviceSettings, checkZone } from './validate-zones.ts'

/** What validation may know besides the plant. */
export interface ValidationSources {
  /** Where the parts of the plant file stand. */
  readonly positions?: SourceMap | undefined
  /** The simulation beside it, which must fit. */
  readonly simulation?: Simulation | undefined
  /** Where the parts of the simulation file stand. */
  readonly simulationPositions?: SourceMap | undefined
}

/**
 * Checks a plant for contradictions and holes, and for promises that its devices cannot keep. A plant with an error is
 * refused as a whole; warnings say what is not enforceable or was assumed. Time is linear in devices, and quadratic only
 * in the kinds of device that one zone holds.
 */
export function validate(index: PlantIndex, sources: ValidationSources = {}): readonly PolicyProblem[] {
  const problems = new ProblemList(sources.positions)
  checkNames(index.plant, problems)
  checkAddresses(index, problems)
  checkChassis(index, problems)
  checkManager(index, problems)
  const inhabited = new Set([...index.plant.devices, ...index.plant.ranges].map((part) => part.zone))
  for (const zone of index.plant.zones) checkZone(zone, inhabited.has(zone.name), problems)
  for (const device of index.plant.devices) checkDeviceSettings(device, index, problems)
  checkConduits(index, problems)
  checkPairs(index, problems)
  checkGroups(index, problems)
  checkCapabilities(index, problems)
  checkConnections(index, problems)
  const simulated =
    sources.simulation === undefined
      ? []
      : validateSimulation(index.plant, sources.simulation, sources.simulationPositions)
  return [...problems.finish(), ...simulated]
}
