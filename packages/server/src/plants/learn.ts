import {
  bridgeObservations,
  dryRun,
  type DryRunResult,
  type JudgedConnection,
  judgedConnections,
  type LearnedDevice,
  type Observation,
  propose,
  questionCount,
  tcpObservations,
  writeProposal,
} from '@cordon/core/learning'
import { nameOfAddress, type ObservedVerdict, type PlantIndex } from '@cordon/core/policy'
import type { Confidentiality, IdentityTable, ReadTables, SecurityTable } from '@cordon/core/tables'
import type { Model, PlantProblem } from './models.ts'

/**
 * What the live tables of devices say about a model, and the model that they suggest.
 * @module
 */

/** The live tables of a device as they were read once. */
export interface ObservedTables extends ReadTables {
  readonly identity?: IdentityTable | undefined
  readonly security?: SecurityTable | undefined
}

/** The tables of a device with the time when they were read. */
export interface ObservedReading {
  /** ISO 8601. */
  readonly at: string
  readonly tables: ObservedTables
}

/** Which connections are listed; what is absent does not matter. */
export interface ConnectionQuestion {
  /** One end is in this zone. */
  readonly zone?: string | undefined
  /** Name or address of one end. */
  readonly device?: string | undefined
  readonly protection?: Confidentiality | undefined
  readonly verdict?: ObservedVerdict | undefined
  /** Part of a name or address of one end. */
  readonly search?: string | undefined
  /** Key of the last one of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

/** An observed connection with the zones of its ends. */
export interface ListedConnection extends JudgedConnection {
  readonly fromZone: string | undefined
  readonly toZone: string | undefined
  /** ISO 8601: when the older of its ends was read. */
  readonly observedAt: string
}

/** A page of connections, by key. */
export interface ConnectionPage {
  readonly items: readonly ListedConnection[]
  /** Connections that the question is about, on all pages. */
  readonly total: number
  /** Key to go on after; undefined at the end. */
  readonly next: string | undefined
}

/** Readings as the store keeps them, as JSON. */
function parsed(readings: readonly string[]): readonly ObservedReading[] {
  return readings.map((text) => JSON.parse(text) as ObservedReading) // written by recordObserved alone
}

/** Joins the newest reading of each device and judges what runs by the model. */
export function connectionsOf(
  index: PlantIndex | undefined,
  readings: readonly string[],
  question: ConnectionQuestion,
): ConnectionPage {
  if (index === undefined) return { items: [], total: 0, next: undefined }
  const newest = new Map<string, ObservedReading>()
  for (const reading of parsed(readings)) {
    const known = newest.get(reading.tables.address)
    if (known === undefined || known.at < reading.at) newest.set(reading.tables.address, reading)
  }
  const zoneOf = (name: string | undefined) =>
    name === undefined ? undefined : index.endpoints.get(name)?.group.zone.name
  const timeOf = ({ from, to }: JudgedConnection): string => {
    const times = [newest.get(from)?.at, newest.get(to)?.at].filter((at) => at !== undefined).sort()
    return times[0] ?? ''
  }
  const matching = judgedConnections(
    index,
    [...newest.values()].map(({ tables }) => tables),
  ).filter((connection) => isAskedFor(question, connection, [zoneOf(connection.fromName), zoneOf(connection.toName)]))
  const { after, limit } = question
  const rest = after === undefined ? matching : matching.filter(({ key }) => key > after)
  const items = rest.slice(0, limit).map((connection) => ({
    ...connection,
    fromZone: zoneOf(connection.fromName),
    toZone: zoneOf(connection.toName),
    observedAt: timeOf(connection),
  }))
  return { items, total: matching.length, next: rest.length > limit ? items.at(-1)?.key : undefined }
}

function isAskedFor(
  { zone, device, protection, verdict, search }: ConnectionQuestion,
  connection: JudgedConnection,
  zones: readonly (string | undefined)[],
): boolean {
  const ends = [connection.from, connection.fromName, connection.to, connection.toName]
  if (zone !== undefined && !zones.includes(zone)) return false
  if (device !== undefined && !ends.includes(device)) return false
  if (protection !== undefined && connection.confidentiality !== protection) return false
  if (verdict !== undefined && connection.verdict !== verdict) return false
  if (search === undefined || search === '') return true
  const wanted = search.toLowerCase()
  return ends.some((end) => end?.toLowerCase().includes(wanted) === true)
}

function observationsOf(readings: readonly ObservedReading[]): readonly Observation[] {
  return readings.flatMap(({ at, tables }) => {
    const reading = { address: tables.address, readAt: Date.parse(at), at }
    return [...bridgeObservations(reading, tables.bridge), ...tcpObservations(reading, tables.tcp)]
  })
}

/** A connection that runs today and would not under a model. */
export interface Breakage extends DryRunResult {
  readonly fromAddress: string
  readonly toAddress: string
  /** Names in the plant; undefined where an end is none of it. */
  readonly fromName: string | undefined
  readonly toName: string | undefined
  /** What would keep it running. */
  readonly remedy: string
}

/** What a text would do to what runs. */
export interface DryRunAnswer {
  /** Connections that were seen. */
  readonly connections: number
  readonly counts: Readonly<Record<'breaks' | 'weakened' | 'ends' | 'moves' | 'keeps', number>>
  /** Those that break, then those that would be weakened: a limited number. */
  readonly breaks: readonly Breakage[]
  /** What could not be used, each in a sentence. */
  readonly leftOut: readonly string[]
  readonly problems: readonly PlantProblem[]
}

/** Most connections of a dry run that are listed. */
const mostBreaks = 1000

const remedies = {
  'no-device': 'add the device to the plant, or its address to a range',
  'no-conduit': 'add a conduit between its ends, or put them into one zone',
  direction: 'let the conduit be opened from this end too: remove `opens`',
  'plain-denied': 'secure both ends, or allow plain traffic: `nonSecure: allow` in their zones',
  denied: 'allow this traffic in the conduit and its zones',
  multicast: 'make the connection point to point before it is secured',
} as const

/** What becomes of the connections that were seen under a model. */
export function dryRunOf({ index, judgement }: Model, readings: readonly string[]): DryRunAnswer {
  const { problems } = judgement
  if (index === undefined) {
    const counts = { breaks: 0, weakened: 0, ends: 0, moves: 0, keeps: 0 }
    return { connections: 0, counts, breaks: [], leftOut: [], problems }
  }
  const { results, counts, leftOut } = dryRun(index, observationsOf(parsed(readings)))
  const listed = results.filter(({ verdict }) => verdict === 'breaks').slice(0, mostBreaks)
  return {
    connections: results.length,
    counts,
    breaks: listed.map((result) => {
      const [fromAddress, toAddress] = [result.seen.originator.address, result.seen.target.address]
      return {
        ...result,
        fromAddress,
        toAddress,
        fromName: nameOfAddress(index, fromAddress),
        toName: nameOfAddress(index, toAddress),
        remedy: result.code === undefined ? '' : remedies[result.code],
      }
    }),
    leftOut,
    problems,
  }
}

/** From what a plant file is proposed. */
export interface ProposeQuestion {
  readonly plant: string
  readonly readings: readonly string[]
  readonly devices: readonly LearnedDevice[]
  readonly manager?: string | undefined
}

/** A text to look at and save. */
export interface Proposal {
  readonly text: string
  /** What a person should know of it, each in a sentence. */
  readonly notes: readonly string[]
  /** What validation says of it. */
  readonly problems: readonly PlantProblem[]
}

/** A plant file from what was discovered and observed. */
export function proposeFrom({ plant, readings, devices, manager }: ProposeQuestion): Omit<Proposal, 'problems'> {
  const read = parsed(readings)
  const known = read.flatMap(({ tables: { address, identity } }): LearnedDevice[] => {
    if (identity === undefined) return []
    const { name, productName, vendorId, serialNumber, slot, cipSecurity } = identity
    return [
      {
        address,
        name,
        productName,
        vendorId,
        serialNumber,
        capable: cipSecurity,
        slot: slot ?? undefined,
        source: 'identity page',
      },
    ]
  })
  const proposal = propose({ plant, observations: observationsOf(read), devices: [...devices, ...known], manager })
  const questions = questionCount(proposal)
  const notes = [
    `${proposal.zones.length} zones, ${proposal.devices.length} devices, ${proposal.conduits.length} conduits and ${proposal.connections.length} connections from what was seen`,
    `${questions} ${questions === 1 ? 'question is' : 'questions are'} open: look for "# unknown" in the text`,
    ...proposal.questions,
  ]
  return { text: writeProposal(proposal), notes }
}
