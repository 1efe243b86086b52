import { parseAddress } from '../policy/address.ts'
import type { ConnectionApplication } from '../policy/model.ts'
import type { Confidentiality } from '../tables/tables.ts'

/**
 * What was seen of a plant's traffic: by a capture, or by the devices' own tables. Observations of one connection by
 * several witnesses become one.
 * @module
 */

/** An end of a connection on the network, and what is known of the unit behind it. */
export interface ObservedEnd {
  /** Dotted IPv4. */
  readonly address: string
  /** Slot on the backplane behind that address, where the connection goes on to it or comes from it. */
  readonly slot?: number | undefined
  /** What the witness calls the unit in that slot. */
  readonly name?: string | undefined
}

/** What an opened connection is like, as its Forward_Open says. */
export interface ConnectionShape {
  /** O->T connection size, bytes. */
  readonly outputSize: number
  /** T->O connection size, bytes. */
  readonly inputSize: number
  readonly variable: boolean
  /** T->O is multicast. */
  readonly multicast: boolean
  /** O->T requested packet interval, microseconds. */
  readonly rpiUs: number
  /** T->O requested packet interval, microseconds. */
  readonly targetRpiUs: number
  /** What it opens at its target; undefined where the witness does not say. */
  readonly application?: ConnectionApplication | undefined
}

/** One connection, or one session, as one witness saw it. */
export interface Observation {
  readonly originator: ObservedEnd
  readonly target: ObservedEnd
  /** Transport class. Undefined: a session was seen, and not what was opened in it. */
  readonly class: 0 | 1 | 3 | undefined
  /** Of a session: explicit messages without a connection were seen in it. */
  readonly messages?: boolean | undefined
  readonly over: 'plain' | 'tls' | 'dtls'
  /** What its protection was, where the witness says. */
  readonly confidentiality?: Confidentiality | undefined
  readonly shape?: ConnectionShape | undefined
  /** Connection serial number. */
  readonly serial?: number | undefined
  /** Who says so: `packet 12 of line.pcap`, `bridge page of 127.17.81.51 at 2026-11-28T12:00:00Z`. */
  readonly source: string
  /** Milliseconds since 1970. */
  readonly firstSeen?: number | undefined
  /** Milliseconds since 1970. */
  readonly lastSeen?: number | undefined
  /** How often it was opened while somebody watched. */
  readonly count: number
  /** What the witness could not tell, each in a sentence without its end. */
  readonly questions?: readonly string[] | undefined
}

/** A connection with everybody who saw it. */
export interface ObservedConnection extends Omit<Observation, 'source'> {
  /** In the order of their times, at most {@link mostSources}; `witnesses` counts all. */
  readonly sources: readonly string[]
  readonly witnesses: number
}

/** Observations, told apart and put in order, and those that nothing can be said about. */
export interface Observed {
  /** By originator, target, class and slots. */
  readonly connections: readonly ObservedConnection[]
  /** Each in a sentence, with who saw it. */
  readonly leftOut: readonly string[]
}

/** Most witnesses whose words are kept for one connection. */
export const mostSources = 4

/** Most sentences about what was left out; the last one counts the rest. */
const mostLeftOut = 50

/**
 * Joins what several witnesses, or one at several times, saw of the same connection. Equal observations in any order give
 * the same result.
 */
export function mergeObservations(observations: readonly Observation[]): Observed {
  const usable: Observation[] = []
  const leftOut: string[] = []
  let more = 0
  for (const observation of inOrder(observations)) {
    const problem = unusable(observation)
    if (problem === undefined) usable.push(withRealSlots(observation))
    else if (leftOut.length < mostLeftOut) leftOut.push(`${problem} (${observation.source})`)
    else more++
  }
  if (more > 0) leftOut.push(`and ${more} more that could not be used`)
  const pairs = new Map<string, ObservedConnection[]>()
  for (const observation of usable) {
    const key = `${observation.originator.address} ${observation.target.address}`
    let found = pairs.get(key)
    if (found === undefined) {
      found = []
      pairs.set(key, found)
    }
    add(found, observation)
  }
  const connections = [...pairs.values()].flatMap(withoutExplainedSessions)
  return { connections: connections.sort(compareConnections), leftOut }
}

function unusable({ originator, target }: Observation): string | undefined {
  const problem = unusableAddress(originator.address) ?? unusableAddress(target.address)
  if (problem !== undefined) return problem
  if (originator.address === target.address) return `${originator.address} speaks to itself`
  return undefined
}

/** Why an address cannot be that of a device in a plant file; undefined where it can. */
export function unusableAddress(address: string): string | undefined {
  const number = parseAddress(address)
  if (number === undefined) return `${address} is no IPv4 address, and a plant file takes no other`
  return number >>> 28 >= 14 || number === 0 ? `${address} is no address of one device` : undefined
}

/** A slot as a plant file takes it; anything else that a device states is none. */
export function realSlot(slot: number | undefined): number | undefined {
  return slot !== undefined && Number.isInteger(slot) && slot >= 0 && slot <= 255 ? slot : undefined
}

function withRealSlots(seen: Observation): Observation {
  const { originator, target } = seen
  if ([originator, target].every(({ slot }) => slot === realSlot(slot))) return seen
  return {
    ...seen,
    originator: { ...originator, slot: realSlot(originator.slot) },
    target: { ...target, slot: realSlot(target.slot) },
  }
}

/** Witnesses in an order of their own, so that the result does not depend on who was asked first. */
function inOrder(observations: readonly Observation[]): readonly Observation[] {
  const first = (seen: Observation): number => seen.firstSeen ?? Number.POSITIVE_INFINITY
  return [...observations].sort(
    (a, b) =>
      first(a) - first(b) ||
      compareText(a.source, b.source) ||
      compareEnds(a, b) ||
      compareText(JSON.stringify(a), JSON.stringify(b)),
  )
}

function add(found: ObservedConnection[], seen: Observation): void {
  const place = found.findIndex((other) => isSame(other, seen))
  const other = found[place]
  if (other === undefined) {
    const { source, ...rest } = seen
    found.push({ ...rest, sources: [source], witnesses: 1 })
  } else found[place] = join(other, seen)
}

/** One connection seen twice: by its serial number at one time, or the same again after it had ended. */
function isSame(one: ObservedConnection, other: Observation): boolean {
  if (one.class !== other.class || !isSameShape(one.shape, other.shape)) return false
  if (!fits(one.originator.slot, other.originator.slot) || !fits(one.target.slot, other.target.slot)) return false
  if (one.class === undefined) return one.over === other.over && carriesMessages(one) === carriesMessages(other)
  if (one.serial !== undefined && one.serial === other.serial) return true
  if (one.serial === undefined || other.serial === undefined) return true
  return one.shape !== undefined && other.shape !== undefined && isApart(one, other)
}

function isApart(one: Omit<Observation, 'source'>, other: Observation): boolean {
  if (one.firstSeen === undefined || one.lastSeen === undefined) return false
  if (other.firstSeen === undefined || other.lastSeen === undefined) return false
  return one.lastSeen < other.firstSeen || other.lastSeen < one.firstSeen
}

function fits<Value>(one: Value | undefined, other: Value | undefined): boolean {
  return one === undefined || other === undefined || one === other
}

function isSameShape(one: ConnectionShape | undefined, other: ConnectionShape | undefined): boolean {
  if (one === undefined || other === undefined) return true
  return (
    one.outputSize === other.outputSize &&
    one.inputSize === other.inputSize &&
    one.multicast === other.multicast &&
    one.rpiUs === other.rpiUs &&
    one.targetRpiUs === other.targetRpiUs &&
    fits(spellApplication(one.application), spellApplication(other.application))
  )
}

function spellApplication(application: ConnectionApplication | undefined): string | undefined {
  return application === undefined ? undefined : JSON.stringify(application)
}

function join(one: ObservedConnection, other: Observation): ObservedConnection {
  const isLater = (other.lastSeen ?? 0) > (one.lastSeen ?? 0)
  const isAnother = one.serial !== other.serial && isApart(one, other)
  const isKnown = one.sources.includes(other.source)
  return {
    ...one,
    originator: joinEnds(one.originator, other.originator),
    target: joinEnds(one.target, other.target),
    // What protects it now counts, not what protected it once.
    ...(isLater ? { over: other.over, confidentiality: other.confidentiality } : {}),
    shape:
      one.shape === undefined
        ? other.shape
        : { ...one.shape, application: one.shape.application ?? other.shape?.application },
    serial: (isLater ? other.serial : one.serial) ?? one.serial ?? other.serial,
    sources: isKnown || one.sources.length >= mostSources ? one.sources : [...one.sources, other.source],
    witnesses: one.witnesses + (isKnown ? 0 : 1),
    firstSeen: least(one.firstSeen, other.firstSeen),
    lastSeen: isLater ? other.lastSeen : one.lastSeen,
    // One witness that knows answers the questions of the other.
    questions: (one.questions?.length ?? 0) <= (other.questions?.length ?? 0) ? one.questions : other.questions,
    count: isAnother ? one.count + other.count : Math.max(one.count, other.count),
  }
}

function joinEnds(one: ObservedEnd, other: ObservedEnd): ObservedEnd {
  return { address: one.address, slot: one.slot ?? other.slot, name: one.name ?? other.name }
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined ? other : other === undefined ? one : Math.min(one, other)
}

/**
 * A session says nothing that what was seen in it under the same protection does not say: plain I/O, too, is opened over
 * 44818/tcp. Messages without a connection are traffic of their own, which a class 3 connection alone stands for.
 */
function withoutExplainedSessions(found: readonly ObservedConnection[]): readonly ObservedConnection[] {
  const opened = found.filter((one) => one.class !== undefined || carriesMessages(one))
  return found.filter((one) => {
    if (one.class !== undefined) return true
    const alike = opened.filter(({ over }) => over === one.over)
    return carriesMessages(one) ? !alike.some((other) => other.class === 3) : alike.length === 0
  })
}

function carriesMessages({ class: transportClass, messages }: Pick<Observation, 'class' | 'messages'>): boolean {
  return transportClass === undefined && messages === true
}

/** Over which transport of the policy it runs: explicit messages `tcp`, class 0/1 `udp`. */
export function transportOf(seen: Pick<Observation, 'class' | 'over' | 'messages'>): 'tcp' | 'udp' {
  if (carriesMessages(seen)) return 'tcp'
  if (seen.class === undefined) return seen.over === 'dtls' ? 'udp' : 'tcp'
  return seen.class === 3 ? 'tcp' : 'udp'
}

function compareConnections(a: ObservedConnection, b: ObservedConnection): number {
  return (
    compareEnds(a, b) ||
    (a.class ?? 4) - (b.class ?? 4) ||
    (a.originator.slot ?? -1) - (b.originator.slot ?? -1) ||
    (a.target.slot ?? -1) - (b.target.slot ?? -1) ||
    (a.serial ?? -1) - (b.serial ?? -1) ||
    (a.firstSeen ?? 0) - (b.firstSeen ?? 0)
  )
}

function compareEnds(a: Pick<Observation, 'originator' | 'target'>, b: Pick<Observation, 'originator' | 'target'>) {
  return (
    compareAddresses(a.originator.address, b.originator.address) || compareAddresses(a.target.address, b.target.address)
  )
}

/** The order of IPv4 addresses by number. */
export function compareAddresses(a: string, b: string): number {
  return (parseAddress(a) ?? 0) - (parseAddress(b) ?? 0)
}

/** The order of texts by code unit, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
