import type { SourceMap } from '../document/read.ts'
import type { Plant, PlantConnection } from './model.ts'
import type { PolicyProblem } from './problem.ts'
import { ProblemList } from './problem.ts'
import type { SimulatedDevice, SimulatedTag, Simulation, TagType } from './simulation-model.ts'

/** Checks that a simulation fits its plant: each device has its unit, and units hold what connections open. */
export function validateSimulation(
  plant: Plant,
  simulation: Simulation,
  positions?: SourceMap,
): readonly PolicyProblem[] {
  const problems = new ProblemList(positions)
  const mismatch = (path: string, subject: string, reason: string, alternative: string): void =>
    problems.error('simulation-mismatch', path, subject, reason, alternative)
  if (simulation.plant !== plant.name) {
    mismatch(
      'plant',
      simulation.plant,
      `the simulation is for plant ${simulation.plant}, the plant file is ${plant.name}`,
      'use the files of one plant',
    )
  }
  const devices = new Map(plant.devices.map((device) => [device.name, device]))
  const units = new Map(simulation.devices.map((unit) => [unit.name, unit]))
  for (const device of plant.devices) {
    const unit = units.get(device.name)
    if (unit === undefined) {
      // The manager is Cordon itself, not a virtual unit.
      if (device.name !== plant.manager)
        mismatch('devices', device.name, `${device.name} has no unit in the simulation`, 'add it under devices')
      continue
    }
    const path = `devices.${device.name}`
    if (device.capability === 'none' && unit.security !== undefined) {
      mismatch(
        path,
        device.name,
        'the plant file says capability: none, its unit has CIP Security',
        'say `security: none`',
      )
    }
    if (device.capability !== 'none' && unit.security === undefined) {
      mismatch(path, device.name, 'the plant file counts on CIP Security, its unit has none', 'describe its security')
    }
    if (unit.pull !== undefined && device.address === undefined) {
      mismatch(
        `${path}.pull`,
        device.name,
        'a unit behind a backplane has no address from which it could pull',
        'remove pull, or give the device an address',
      )
    }
    const { vendor, type, product, serial } = { ...device.expect }
    const differs = Object.entries({ vendor, type, product, serial }).filter(
      ([key, value]) => value !== undefined && value !== unit.identity[key as 'vendor' | 'type' | 'product' | 'serial'], // keys of the literal above
    )
    if (differs.length > 0) {
      const which = differs.map(([key]) => key).join(', ')
      mismatch(
        `${path}.identity`,
        device.name,
        `${which} differ from what the plant file expects`,
        'let both files say the same',
      )
    }
  }
  for (const unit of simulation.devices) {
    if (!devices.has(unit.name))
      mismatch(
        `devices.${unit.name}`,
        unit.name,
        'the plant file has no such device',
        'remove it, or add the device to the plant',
      )
  }
  for (const connection of plant.connections) checkApplication(connection, units, mismatch)
  return problems.finish()
}

function checkApplication(
  connection: PlantConnection,
  units: ReadonlyMap<string, SimulatedDevice>,
  mismatch: (path: string, subject: string, reason: string, alternative: string) => void,
): void {
  const { application, target, name, reads } = connection
  const unit = units.get(target)
  if (unit === undefined) return
  const path = `devices.${target}`
  if (reads !== undefined && !unit.tags.some((tag) => tag.name === reads.tag)) {
    mismatch(path, name, `${target} has no tag ${reads.tag}, which ${name} reads`, 'add the tag to its unit')
  }
  if (application.kind === 'tag') {
    const tag = unit.tags.find((candidate) => candidate.name === application.tag)
    const size = tag === undefined ? 0 : tagSize(tag) + sequenceCount(connection)
    if (tag?.produced !== true)
      mismatch(
        path,
        name,
        `${target} does not produce ${application.tag}, which ${name} consumes`,
        'add it with `produced: true`',
      )
    else if (size !== connection.inputSize) {
      mismatch(
        `${path}.tags.${tag.name}`,
        name,
        `${tag.name} makes ${size} bytes T->O, ${name} expects ${connection.inputSize}`,
        'let both say the same size',
      )
    }
  }
  if (application.kind === 'assembly') {
    const header = sequenceCount(connection)
    checkAssembly(
      unit,
      application.output,
      'output',
      connection.outputSize - header - (connection.runIdle ? 4 : 0),
      name,
      mismatch,
    )
    checkAssembly(unit, application.input, 'input', connection.inputSize - header, name, mismatch)
    if (application.configuration !== undefined)
      checkAssembly(unit, application.configuration, 'configuration', undefined, name, mismatch)
  }
}

function checkAssembly(
  unit: SimulatedDevice,
  instance: number,
  direction: 'input' | 'output' | 'configuration',
  size: number | undefined,
  name: string,
  mismatch: (path: string, subject: string, reason: string, alternative: string) => void,
): void {
  const assembly = unit.assemblies.find((candidate) => candidate.instance === instance)
  const path = `devices.${unit.name}.assemblies.${instance}`
  if (assembly?.direction !== direction) {
    mismatch(
      path,
      name,
      `${unit.name} has no ${direction} assembly ${instance}, which ${name} opens`,
      'add it to its unit',
    )
  } else if (size !== undefined && assembly.size !== size) {
    mismatch(
      path,
      name,
      `assembly ${instance} has ${assembly.size} bytes, ${name} carries ${size}`,
      'let both say the same size',
    )
  }
}

function sequenceCount(connection: PlantConnection): number {
  return connection.class === 0 ? 0 : 2
}

const elementSize: Readonly<Record<TagType, number>> = {
  BOOL: 1,
  SINT: 1,
  INT: 2,
  DINT: 4,
  LINT: 8,
  REAL: 4,
  LREAL: 8,
  STRING: 88,
}

/** Bytes of a tag's value on the wire. */
export function tagSize(tag: SimulatedTag): number {
  return elementSize[tag.type] * tag.length
}
