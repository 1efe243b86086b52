import type { BridgeRow, Confidentiality, SecuredRow, Tables } from './tables.ts'

/** What one device showed of itself. */
export interface ReadTables extends Pick<Tables, 'tcp' | 'tls' | 'dtls' | 'bridge'> {
  readonly address: string
}

/**
 * A connection as the tables of its ends together show it; or a session that carries none: a TCP, TLS or DTLS association
 * over which messages may be asked without a connection.
 */
export interface JoinedConnection {
  /** The same as long as it lives: equal keys of two readings are the same connection. */
  readonly key: string
  readonly kind: 'connection' | 'session'
  /** Address of the end that opened it. */
  readonly from: string
  readonly to: string
  /** Undefined for a session. */
  readonly class: 0 | 1 | 3 | undefined
  /** `tcp` and `udp` are plain. */
  readonly transport: BridgeRow['transport']
  /** Where its ends disagree, the weaker of what they show. */
  readonly confidentiality: Confidentiality
  /** What each end shows, in words, where they disagree: one of them is wrong, or is not honest. */
  readonly disagree: string | undefined
  /** IANA number; undefined in plain, and where no end told it. */
  readonly suite: number | undefined
  /** Connection serial number. */
  readonly serial: number | undefined
  /** O->T, microseconds. */
  readonly rpiUs: number | undefined
  /** Seconds; undefined for a session. */
  readonly uptimeS: number | undefined
  /** Packets that did not come, at both ends together. */
  readonly missed: number
  /** Which of its ends showed it. */
  readonly seenBy: 'both' | 'originator' | 'target'
}

const ethernetPort = 2
const plainPort = 44818

/** Joins the rows of all devices: each connection once, however many of its ends were read. In order of their keys. */
export function joinConnections(readings: readonly ReadTables[]): readonly JoinedConnection[] {
  const suites = suitesByCarrier(readings)
  const found = new Map<string, JoinedConnection>()
  const carried = new Set<string>()
  const add = (row: JoinedConnection): void => {
    const seen = found.get(row.key)
    found.set(row.key, seen === undefined ? row : merged(seen, row))
  }
  for (const { address, bridge } of readings) {
    const places = new Map<string, number>()
    for (const row of bridge) {
      const ends = endsOf(row, address)
      if (ends === undefined) continue
      const base = `${ends.from}>${ends.to} ${row.class} ${row.serial}`
      // Several originators behind one address may use the same serial number.
      const place = (places.get(`${row.side} ${base}`) ?? 0) + 1
      places.set(`${row.side} ${base}`, place)
      const connection = fresh(place === 1 ? base : `${base} ${place}`, ends, row, suites)
      carried.add(`${carrierKey(connection)} ${connection.suite}`)
      add(connection)
    }
  }
  for (const reading of readings) {
    for (const session of sessionsOf(reading)) {
      if (!carried.has(`${carrierKey(session)} ${session.suite}`)) add(session)
    }
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

interface Ends {
  readonly from: string
  readonly to: string
}

/** The two addresses of a connection; undefined for one that never leaves the backplane. */
function endsOf({ side, originator, target }: BridgeRow, address: string): Ends | undefined {
  if (side === 'target') return originator.port === ethernetPort ? { from: originator.link, to: address } : undefined
  return target.port === ethernetPort ? { from: address, to: target.link } : undefined
}

/**
 * What may carry a connection. A session that is protected otherwise carries it not, and is told beside it. Plain class
 * 0/1 data belongs to the plain session that opened it.
 */
function carrierKey({
  from,
  to,
  transport,
  confidentiality,
}: Pick<JoinedConnection, 'from' | 'to' | 'transport' | 'confidentiality'>): string {
  return `${from}>${to} ${transport === 'udp' ? 'tcp' : transport} ${confidentiality}`
}

/** From weak to strong. */
const strengths: readonly Confidentiality[] = ['None', 'Authenticated', 'Encrypted']

/** What two rows say of one connection. */
function merged(seen: JoinedConnection, other: JoinedConnection): JoinedConnection {
  const isWeaker = strengths.indexOf(other.confidentiality) < strengths.indexOf(seen.confidentiality)
  const isAlike = seen.confidentiality === other.confidentiality && seen.suite === other.suite
  const isOtherEnd = other.seenBy !== seen.seenBy
  const [originator, target] = seen.seenBy === 'target' ? [other, seen] : [seen, other]
  const shown = ({ confidentiality, suite }: JoinedConnection): string =>
    suite === undefined
      ? confidentiality
      : `${confidentiality} (0x${suite.toString(16).toUpperCase().padStart(4, '0')})`
  return {
    ...(isWeaker ? other : seen),
    missed: seen.missed + other.missed,
    seenBy: isOtherEnd ? 'both' : seen.seenBy,
    disagree: isAlike
      ? seen.disagree
      : isOtherEnd
        ? `${seen.from} shows ${shown(originator)}, ${seen.to} shows ${shown(target)}`
        : `${seen.seenBy === 'target' ? seen.to : seen.from} shows ${shown(seen)} and ${shown(other)}`,
  }
}

function fresh(key: string, ends: Ends, row: BridgeRow, suites: ReadonlyMap<string, number>): JoinedConnection {
  const { transport, confidentiality } = row
  return {
    key,
    kind: 'connection',
    ...ends,
    class: row.class,
    transport,
    confidentiality,
    disagree: undefined,
    suite: suites.get(carrierKey({ ...ends, transport, confidentiality })),
    serial: row.serial,
    rpiUs: row.originatorToTarget.rpiUs,
    uptimeS: row.uptimeS,
    missed: row.missed,
    seenBy: row.side,
  }
}

/** The suite of the first session of each kind: a connection does not tell which of several alike ones carries it. */
function suitesByCarrier(readings: readonly ReadTables[]): ReadonlyMap<string, number> {
  const suites = new Map<string, number>()
  for (const { address, tls, dtls } of readings) {
    for (const [transport, rows] of [['tls', tls] as const, ['dtls', dtls] as const]) {
      for (const row of rows) {
        const { confidentiality } = row
        const key = carrierKey({ ...sessionEnds(row, address), transport, confidentiality })
        if (!suites.has(key)) suites.set(key, row.suite)
      }
    }
  }
  return suites
}

function sessionEnds({ side, remoteAddress }: { side: SecuredRow['side']; remoteAddress: string }, own: string): Ends {
  return side === 'client' ? { from: own, to: remoteAddress } : { from: remoteAddress, to: own }
}

function sessionsOf({ address, tcp, tls, dtls }: ReadTables): readonly JoinedConnection[] {
  const plain = tcp.flatMap((row) => {
    const { state, secured, side, localPort, remotePort } = row
    const port = side === 'client' ? remotePort : localPort
    if (state !== 'ESTABLISHED' || secured || side === undefined || port !== plainPort) return []
    const opened = { side, remoteAddress: row.remoteAddress, localPort, remotePort }
    return [session(opened, address, 'tcp', 'None', undefined)]
  })
  const secured = [['tls', tls] as const, ['dtls', dtls] as const].flatMap(([transport, rows]) =>
    rows.map((row) => session(row, address, transport, row.confidentiality, row.suite)),
  )
  return [...plain, ...secured]
}

function session(
  row: Pick<SecuredRow, 'side' | 'remoteAddress' | 'localPort' | 'remotePort'>,
  own: string,
  transport: 'tcp' | 'tls' | 'dtls',
  confidentiality: Confidentiality,
  suite: number | undefined,
): JoinedConnection {
  const ends = sessionEnds(row, own)
  const clientPort = row.side === 'client' ? row.localPort : row.remotePort
  return {
    key: `${ends.from}>${ends.to} ${transport} ${clientPort}`,
    kind: 'session',
    ...ends,
    class: undefined,
    transport,
    confidentiality,
    disagree: undefined,
    suite,
    serial: undefined,
    rpiUs: undefined,
    uptimeS: undefined,
    missed: 0,
    seenBy: row.side === 'client' ? 'originator' : 'target',
  }
}
