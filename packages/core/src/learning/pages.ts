import { parseAddress } from '../policy/address.ts'
import type { BridgeRow, TcpRow } from '../tables/tables.ts'
import type { ConnectionShape, Observation, ObservedEnd } from './observation.ts'

/** Whose table it is and when it was read. */
export interface PageReading {
  readonly address: string
  /** Milliseconds since 1970. */
  readonly readAt: number
  /** The same as people read it, ISO 8601. */
  readonly at: string
}

/** CIP port numbers on the pages (source 000, Figure 4-5): the backplane, whose links are slots, and Ethernet. */
const backplanePort = 1
const ethernetPort = 2

/** Ports of EtherNet/IP over TCP. */
const enipPort = 44_818
const securePort = 2221

/**
 * The connections on a device's bridge connections page. An end on the backplane is a slot behind the device itself;
 * rows whose ends are both on the backplane, or both elsewhere, run not through its network port and say nothing here.
 */
export function bridgeObservations(reading: PageReading, rows: readonly BridgeRow[]): Observation[] {
  const { address, readAt } = reading
  return rows.flatMap((row): Observation[] => {
    const originator = endOf(row.originator, address)
    const target = endOf(row.target, address)
    if (originator === undefined || target === undefined || originator.address === target.address) return []
    const { originatorToTarget: out, targetToOriginator: back } = row
    const shape: ConnectionShape = {
      outputSize: out.size,
      inputSize: back.size,
      variable: out.variable,
      multicast: back.multicast,
      rpiUs: out.rpiUs,
      targetRpiUs: back.rpiUs,
    }
    return [
      {
        originator,
        target,
        class: row.class,
        over: row.confidentiality === 'None' ? 'plain' : row.class === 3 ? 'tls' : 'dtls',
        confidentiality: row.confidentiality,
        shape,
        serial: row.serial,
        source: sourceOf('bridge', reading),
        firstSeen: readAt - row.uptimeS * 1000,
        lastSeen: readAt,
        count: 1,
      },
    ]
  })
}

function endOf({ port, link, name }: BridgeRow['originator'], own: string): ObservedEnd | undefined {
  if (port === ethernetPort) return parseAddress(link) === undefined ? undefined : { address: link }
  if (port !== backplanePort || !/^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/.test(link)) return undefined
  return { address: own, slot: Number(link), ...(name === undefined || name === '' ? {} : { name }) }
}

/** The sessions on a device's TCP connections page: who opened one to whom, and nothing of what runs in it. */
export function tcpObservations(reading: PageReading, rows: readonly TcpRow[]): Observation[] {
  const { address, readAt } = reading
  return rows.flatMap((row): Observation[] => {
    const served = row.side === 'server' ? row.localPort : row.remotePort
    if (row.state !== 'ESTABLISHED' || row.side === undefined) return []
    if (served !== enipPort && served !== securePort) return []
    const ends = [{ address }, { address: row.remoteAddress }] as const
    const [target, originator] = row.side === 'server' ? ends : [ends[1], ends[0]]
    return [
      {
        originator,
        target,
        class: undefined,
        over: row.secured ? 'tls' : 'plain',
        source: sourceOf('TCP', reading),
        lastSeen: readAt,
        count: 1,
      },
    ]
  })
}

function sourceOf(page: string, { address, at }: PageReading): string {
  return `${page} page of ${address} at ${at}`
}
