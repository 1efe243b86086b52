import { nearest, type ParseProblem, type SourceMap } from '../document/read.ts'
import type { ProblemList } from './problem.ts'
import { nameConduit } from './wording.ts'

/** What a plant file gives names to. */
type NamedKind = 'zone' | 'device' | 'range'

/** Names and where they are used: of a plant, or of as much of a broken file as can be read. */
export interface PlantNames {
  readonly manager?: string | undefined
  readonly zones: readonly { readonly name: string }[]
  readonly devices: readonly Resident[]
  readonly ranges: readonly Resident[]
  readonly chassis: readonly {
    readonly name: string
    readonly slots: readonly { readonly slot: number; readonly device: string | undefined }[]
  }[]
  readonly conduits: readonly { readonly between: readonly (string | undefined)[] }[]
  readonly connections: readonly {
    readonly name?: string | undefined
    readonly from: string | undefined
    readonly originator: string | undefined
    readonly to: string | undefined
    readonly target: string | undefined
  }[]
  readonly tests: readonly {
    readonly entry: number
    readonly from: string | undefined
    readonly to: string | undefined
  }[]
  /** Kinds of which names may be missing here: nothing is said about a name that could be one of them. */
  readonly unsure?: ReadonlySet<NamedKind>
  /** Names that stand in the file at something that cannot be read. */
  readonly unreadable?: ReadonlySet<string>
}

/** What has a name and lies in a zone. */
interface Resident {
  readonly name: string
  readonly zone: string | undefined
}

/** How many names that do not exist get a suggestion: the search goes through all names. */
const maximumSuggestions = 20

/** Names that mean two things, and names that mean nothing. */
export function checkNames(plant: PlantNames, problems: Pick<ProblemList, 'error'>): void {
  const owners = new Map<string, NamedKind>()
  const own = (kind: NamedKind, name: string, path: string): void => {
    const other = owners.get(name)
    if (other === undefined) owners.set(name, kind)
    else {
      const alternative = 'rename one of them: conduits and tests could mean either'
      problems.error('name-twice', path, name, `${name} is the name of a ${other} and of a ${kind}`, alternative)
    }
  }
  for (const zone of plant.zones) own('zone', zone.name, `zones.${zone.name}`)
  for (const device of plant.devices) own('device', device.name, `devices.${device.name}`)
  for (const range of plant.ranges) own('range', range.name, `ranges.${range.name}`)

  const unsure = plant.unsure ?? new Set()
  let suggestions = 0
  const refer = (name: string | undefined, kinds: readonly NamedKind[], path: string, subject: string): void => {
    if (name === undefined || kinds.some((kind) => kind === owners.get(name) || unsure.has(kind))) return
    if (plant.unreadable?.has(name) === true) return
    const near = ++suggestions > maximumSuggestions ? undefined : nearest(name, known(owners, kinds))
    const spelled = kinds.join(' or ')
    const alternative = near === undefined ? `name a ${spelled} that exists, or add it` : `did you mean ${near}?`
    problems.error('unknown-name', path, subject, `there is no ${spelled} ${name}`, alternative)
  }
  for (const device of plant.devices) refer(device.zone, ['zone'], `devices.${device.name}.zone`, device.name)
  for (const range of plant.ranges) refer(range.zone, ['zone'], `ranges.${range.name}.zone`, range.name)
  refer(plant.manager, ['device'], 'manager', 'manager')
  for (const chassis of plant.chassis) {
    for (const { slot, device } of chassis.slots)
      refer(device, ['device'], `chassis.${chassis.name}.slots.${slot}`, chassis.name)
  }
  for (const [place, conduit] of plant.conduits.entries()) {
    const subject = nameConduit(conduit)
    for (const [side, end] of conduit.between.entries())
      refer(end, ['zone', 'device', 'range'], `conduits[${place}].between[${side}]`, subject)
  }
  for (const [place, connection] of plant.connections.entries()) {
    const path = `connections[${place}]`
    const subject = connection.name ?? path
    refer(connection.from, ['device'], `${path}.from`, subject)
    refer(connection.to, ['device'], `${path}.to`, subject)
    if (connection.originator !== connection.from)
      refer(connection.originator, ['device'], `${path}.originator`, subject)
    if (connection.target !== connection.to) refer(connection.target, ['device'], `${path}.target`, subject)
  }
  const tested = new Set<string>()
  for (const test of plant.tests) {
    for (const end of [test.from, test.to]) {
      if (end === undefined) continue
      const seen = `${test.entry} ${end}`
      if (!tested.has(seen)) refer(end, ['device', 'range'], `tests[${test.entry}]`, 'tests')
      tested.add(seen)
    }
  }
}

function known(owners: ReadonlyMap<string, NamedKind>, kinds: readonly NamedKind[]): readonly string[] {
  return [...owners].flatMap(([name, kind]) => (kinds.includes(kind) ? [name] : []))
}

/** The same as problems of form, for a file that does not get as far as validation. */
export function nameProblems(names: PlantNames, positions: SourceMap): readonly ParseProblem[] {
  const problems: ParseProblem[] = []
  checkNames(names, {
    error: (code, path, _subject, reason, remedy) => {
      const expected = code === 'unknown-name' ? 'a name that this file declares' : 'one meaning for each name'
      problems.push({
        file: positions.file,
        ...positions.at(path),
        path,
        message: `${path}: ${reason}`,
        expected,
        remedy,
      })
    },
  })
  return problems
}

/** The names in a file that does not fit its schema: `value` is what could be read, `problems` what could not. */
export function readNames(value: unknown, problems: readonly ParseProblem[]): PlantNames {
  const file = isRecord(value) ? value : {}
  const stray = problems.some(({ path }) => /^[^.[]+$/.test(path) && !Object.hasOwn(file, path))
  const unsure = new Set<NamedKind>()
  const unreadable = new Set<string>()
  for (const [kind, section] of [
    ['zone', 'zones'],
    ['device', 'devices'],
    ['range', 'ranges'],
  ] as const) {
    // Without ranges a file has none, unless a misspelt key is meant to be theirs.
    const isMissing = !Object.hasOwn(file, section) && (kind !== 'range' || stray)
    if (isMissing || problems.some(({ path }) => path === section)) unsure.add(kind)
    for (const { path } of problems) {
      if (!path.startsWith(`${section}.`)) continue
      const rest = path.slice(section.length + 1)
      unreadable.add(rest).add(rest.replace(/[.[].*$/s, ''))
    }
  }
  const zones = entries(file['zones']).map(([name]) => ({ name }))
  const isZone = new Set(zones.map(({ name }) => name))
  return {
    manager: text(file['manager']),
    zones,
    devices: residents(file['devices']),
    ranges: residents(file['ranges']),
    chassis: entries(file['chassis']).map(([name, { slots }]) => ({
      name,
      slots: isRecord(slots)
        ? Object.entries(slots).map(([slot, device]) => ({ slot: Number(slot), device: text(device) }))
        : [],
    })),
    conduits: items(file['conduits']).map(({ between }) => ({
      between: Array.isArray(between) ? between.map(text) : [],
    })),
    connections: items(file['connections']).map((connection) => {
      const [from, to] = [text(connection['from']), text(connection['to'])]
      return {
        name: text(connection['name']),
        from,
        to,
        originator: text(connection['originator']) ?? from,
        target: text(connection['target']) ?? to,
      }
    }),
    tests: unsure.has('zone')
      ? []
      : items(file['tests']).flatMap(({ from, to }, entry) =>
          [from, to]
            .flat()
            .map(text)
            .filter((name) => name === undefined || !isZone.has(name))
            .map((name) => ({ entry, from: name, to: undefined })),
        ),
    unsure,
    unreadable,
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function entries(section: unknown): readonly (readonly [string, Readonly<Record<string, unknown>>])[] {
  if (!isRecord(section)) return []
  return Object.entries(section).map(([name, entry]) => [name, isRecord(entry) ? entry : {}])
}

function residents(section: unknown): readonly Resident[] {
  return entries(section).map(([name, { zone }]) => ({ name, zone: text(zone) }))
}

/** One for each item of a list, so that places stay right. */
function items(section: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(section) ? section.map((item: unknown) => (isRecord(item) ? item : {})) : []
}
