import type { Plant } from './model.ts'
import { pairKey } from './plant-index.ts'

/** What a part of a plant is. */
export type ModelPart =
  | 'plant'
  | 'authority'
  | 'zone'
  | 'device'
  | 'conduit'
  | 'range'
  | 'chassis'
  | 'connection'
  | 'test'

/** What became of one part of a plant between two versions of its file. */
export interface ModelChange {
  readonly kind: 'added' | 'removed' | 'changed'
  readonly what: ModelPart
  /** Its name; both ends of a conduit; empty for the plant itself. */
  readonly name: string
  /** Of a changed one: the fields that differ, as the model calls them. */
  readonly fields: readonly string[]
}

/** What two versions of a plant differ in by meaning: comments, order and layout are no difference. */
export function modelDifference(before: Plant, after: Plant): readonly ModelChange[] {
  const changes: ModelChange[] = []
  const whole = (what: ModelPart, from: object, to: object): void => {
    const fields = differingFields(from, to)
    if (fields.length > 0) changes.push({ kind: 'changed', what, name: '', fields })
  }
  const settings = ({ name, nonSecure, suites, manager }: Plant) => ({ name, nonSecure, suites, manager })
  whole('plant', settings(before), settings(after))
  whole('authority', before.authority, after.authority)
  const parts = <Part extends object>(
    what: ModelPart,
    from: readonly Part[],
    to: readonly Part[],
    nameOf: (part: Part) => string,
  ): void => {
    const old = byName(from, nameOf)
    for (const [name, part] of byName(to, nameOf)) {
      const was = old.get(name)
      old.delete(name)
      if (was === undefined) changes.push({ kind: 'added', what, name, fields: [] })
      else if (was !== part) {
        const fields = differingFields(was, part)
        if (fields.length > 0) changes.push({ kind: 'changed', what, name, fields })
      }
    }
    for (const name of old.keys()) changes.push({ kind: 'removed', what, name, fields: [] })
  }
  const named = ({ name }: { readonly name: string }) => name
  parts('zone', before.zones, after.zones, named)
  parts('device', before.devices, after.devices, named)
  parts('range', before.ranges, after.ranges, named)
  parts('chassis', before.chassis, after.chassis, named)
  parts('conduit', before.conduits, after.conduits, ({ between }) => pairKey(...between).replace('|', ' - '))
  parts('connection', before.connections, after.connections, named)
  // An entry for a zone stands for many pairs; its place in the file is no part of what it states.
  const statements = (plant: Plant) => plant.tests.map(({ entry: _, ...statement }) => statement)
  parts('test', statements(before), statements(after), ({ from, to }) => `${from} to ${to}`)
  return changes
}

/** By name; a second one of the same name, which only an invalid plant or two statements about one pair have, gets a number. */
function byName<Part>(parts: readonly Part[], nameOf: (part: Part) => string): Map<string, Part> {
  const found = new Map<string, Part>()
  const counts = new Map<string, number>()
  for (const part of parts) {
    const name = nameOf(part)
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    found.set(count === 1 ? name : `${name} ${count}`, part)
  }
  return found
}

function differingFields(before: object, after: object): readonly string[] {
  const [from, to] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  return [...new Set([...from.keys(), ...to.keys()])].filter((field) => !isEqual(from.get(field), to.get(field)))
}

/** Equality of plain data as the model has it. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  return differingFields(a, b).length === 0
}
