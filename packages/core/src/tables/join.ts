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
  readonly confidentiality: Confidentiality
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
  const suites = suitesByPair(readings)
  const found = new Map<string, JoinedConnection>()
  const carried = new Set<string>()
  for (const { address, bridge } of readings) {
    const places = new Map<string, number>()
    for (const row of bridge) {
      const ends = endsOf(row, address)
      if (ends === undefined) continue
      carried.add(carrierKey(ends.from, ends.to, row.transport))
      const base = `${ends.from}>${ends.to} ${row.class} ${row.serial}`
      // Several originators behind one address may use the same serial number.
      const place = (places.get(`${row.side} ${base}`) ?? 0) + 1
      places.set(`${row.side} ${base}`, place)
      const key = place === 1 ? base : `${base} ${place}`
      const seen = found.get(key)
      if (seen === undefined) found.set(key, fresh(key, ends, row, suites))
      else found.set(key, { ...seen, seenBy: 'both', missed: seen.missed + row.missed })
    }
  }
  for (const reading of readings) {
    for (const session of sessionsOf(reading)) {
      if (carried.has(carrierKey(session.from, session.to, session.transport))) continue
      const seen = found.get(session.key)
      found.set(session.key, seen === undefined ? session : { ...seen, seenBy: 'both' })
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

/** Plain class 0/1 data belongs to the plain session that opened it. */
function carrierKey(from: string, to: string, transport: BridgeRow['transport']): string {
  return `${from}>${to} ${transport === 'udp' ? 'tcp' : transport}`
}

function fresh(key: string, ends: Ends, row: BridgeRow, suites: ReadonlyMap<string, number>): JoinedConnection {
  return {
    key,
    kind: 'connection',
    ...ends,
    class: row.class,
    transport: row.transport,
    confidentiality: row.confidentiality,
    suite: suites.get(carrierKey(ends.from, ends.to, row.transport)),
    serial: row.serial,
    rpiUs: row.originatorToTarget.rpiUs,
    uptimeS: row.uptimeS,
    missed: row.missed,
    seenBy: row.side,
  }
}

function suitesByPair(readings: readonly ReadTables[]): ReadonlyMap<string, number> {
  const suites = new Map<string, number>()
  for (const { address, tls, dtls } of readings) {
    for (const [transport, rows] of [['tls', tls] as const, ['dtls', dtls] as const]) {
      for (const row of rows) {
        const { from, to } = sessionEnds(row, address)
        suites.set(carrierKey(from, to, transport), row.suite)
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
    suite,
    serial: undefined,
    rpiUs: undefined,
    uptimeS: undefined,
    missed: 0,
    seenBy: row.side === 'client' ? 'originator' : 'target',
  }
}
