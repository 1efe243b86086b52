import type { ConnectionRow, Device } from '@cordon/core/device'
import { type AnyError, MalformedMessage } from '@cordon/core/errors'
import { isIntegrityOnly, suiteMeaning, suiteName } from '@cordon/core/security'
import type {
  BridgeEnd,
  BridgeRow,
  CertificateRow,
  Confidentiality,
  IdentityTable,
  RefusalRow,
  SecuredRow,
  SecurityTable,
  SuiteRow,
  TcpRow,
} from '@cordon/core/tables'
import { decodeCertificate, fingerprint, formatName, noExpiry } from '@cordon/core/x509'
import { nodeCrypto } from '../crypto.ts'
import type { ConnectionStatus as OriginatedRow } from '../originator/configured-connection.ts'
import type { OriginatorHost } from '../originator/originator-host.ts'
import type { AssociationRow, TargetHost } from '../target/target-host.ts'

/** Where the pages of a device take their rows from; each table is made when it is asked for. */
export interface PageSource {
  /** What the device is. */
  readonly identity: () => IdentityTable
  /** TCP connections (Figures 4-1 and 4-2). */
  readonly tcp: () => readonly TcpRow[]
  /** TLS connections (Figure 4-3). */
  readonly tls: () => readonly SecuredRow[]
  /** DTLS connections (Figure 4-4). */
  readonly dtls: () => readonly SecuredRow[]
  /** Bridge connections (Figure 4-5) from row `from` on, at most `limit` rows, each made when it is taken, and how many there are in all: no other table is as long. */
  readonly bridge: (from: number, limit: number) => { readonly rows: Iterable<BridgeRow>; readonly total: number }
  /** Objects 0x5D and 0x5E, certificates, ports and refusals. */
  readonly security: () => SecurityTable
}

/** What the pages of a device show: the device and the hosts of its sockets, each as it is at the moment. */
export interface DeviceParts {
  /** Another object after each power cycle. */
  readonly device: () => Device
  /** Undefined for software that listens on no port of EtherNet/IP. */
  readonly target: () => TargetHost | undefined
  /** Undefined for a device that opens no connections. */
  readonly originator: () => OriginatorHost | undefined
  /** Connections of the pages themselves. */
  readonly web: () => readonly TcpRow[]
  /** Port at which the pages are served now. */
  readonly webPort: () => number | undefined
  /** Milliseconds, of the clock that device and target go by. */
  readonly now: () => number
  readonly name: string
  /** Name of whoever has this address. */
  readonly nameOf: (address: string) => string | undefined
  /** Name of what sits in this slot of the device's chassis. */
  readonly nameOfSlot?: (slot: number) => string | undefined
}

/** CIP ports as modules number them (demonstration-plant 1, rule 1). */
const backplanePort = 1
const ethernetPort = 2

const anybody = '0.0.0.0'
const webPort = 80

/** The tables of a device, from its live sockets and connections. */
export function deviceSource(parts: DeviceParts): PageSource {
  return {
    identity: () => identityOf(parts),
    tcp: () => tcpRows(parts),
    tls: () => securedRows(parts, 'tls'),
    dtls: () => securedRows(parts, 'dtls'),
    bridge: (from, limit) => bridgeRows(parts, from, limit),
    security: () => securityOf(parts),
  }
}

function identityOf({ device, name }: DeviceParts): IdentityTable {
  const { address, options } = device()
  const { identity } = options
  return {
    name,
    address,
    productName: identity.productName,
    vendorId: identity.vendorId,
    deviceType: identity.deviceType,
    productCode: identity.productCode,
    revision: `${identity.majorRevision}.${identity.minorRevision}`,
    serialNumber: identity.serialNumber,
    slot: options.slot,
    cipSecurity: options.security !== undefined,
  }
}

/** Milliseconds of the host's clock as a date. */
function dating(now: number): (when: number) => string {
  const epoch = Date.now() - now
  return (when) => new Date(epoch + when).toISOString()
}

/** A row at the device's own address. */
type OwnRow = Omit<TcpRow, 'localAddress' | 'remoteName'>

function tcpRows(parts: DeviceParts): readonly TcpRow[] {
  const { device, target, originator, web, now, nameOf } = parts
  const { address } = device()
  const date = dating(now())
  const host = target()
  const rows: TcpRow[] = web().map((row) => ({ ...row, remoteName: nameOf(row.remoteAddress) }))
  const add = ({ state, localPort, remoteAddress, remotePort, side, secured, since }: OwnRow) => {
    const remote = { remoteAddress, remotePort, remoteName: nameOf(remoteAddress) }
    rows.push({ state, localAddress: address, localPort, ...remote, side, secured, since })
  }
  for (const name of host?.ports() ?? []) {
    const [port, protocol] = name.split('/')
    if (protocol !== 'tcp' || Number(port) === webPort) continue
    const nobody = { remoteAddress: anybody, remotePort: 0, side: undefined, secured: false, since: undefined }
    add({ state: 'LISTEN', localPort: Number(port), ...nobody })
  }
  for (const { localPort, peer } of host?.handshakes() ?? []) {
    const remote = { remoteAddress: peer.address, remotePort: peer.port }
    add({ state: 'ESTABLISHED', localPort, ...remote, side: 'server', secured: false, since: undefined })
  }
  for (const row of host?.associations() ?? []) {
    if (isStream(row)) add(serverRow('ESTABLISHED', row, date(row.openedAt)))
  }
  for (const row of host?.endedByPolicy() ?? []) {
    if (isStream(row)) add(serverRow('CLOSED', row, date(row.endedAt)))
  }
  for (const { address: to, transport, peer, since } of originator()?.sessions() ?? []) {
    if (transport === 'dtls') continue
    add({
      state: peer === undefined ? 'SYN_SENT' : 'ESTABLISHED',
      localPort: peer?.localEndpoint.port ?? 0,
      remoteAddress: to,
      remotePort: peer?.endpoint.port ?? (transport === 'tls' ? 2221 : 44818),
      side: 'client',
      secured: transport === 'tls',
      since: new Date(since).toISOString(),
    })
  }
  for (const { peer, endedAt } of originator()?.endedSessions() ?? []) {
    add({
      state: 'CLOSED',
      localPort: peer.localEndpoint.port,
      remoteAddress: peer.endpoint.address,
      remotePort: peer.endpoint.port,
      side: 'client',
      secured: peer.transport === 'tls',
      since: new Date(endedAt).toISOString(),
    })
  }
  return rows
}

function isStream({ transport }: AssociationRow): boolean {
  return transport === 'tcp' || transport === 'tls'
}

function serverRow(state: TcpRow['state'], { localPort, peer, transport }: AssociationRow, since: string): OwnRow {
  const remote = { remoteAddress: peer.address, remotePort: peer.port }
  return { state, localPort, ...remote, side: 'server', secured: transport === 'tls', since }
}

function securedRows(parts: DeviceParts, kind: 'tls' | 'dtls'): readonly SecuredRow[] {
  const { target, originator, now, nameOf } = parts
  const date = dating(now())
  const rows: SecuredRow[] = []
  const add = (
    row: Pick<SecuredRow, 'remoteAddress' | 'remotePort' | 'localPort' | 'side' | 'since' | 'resumed'>,
    suite: number,
  ) => rows.push({ ...row, remoteName: nameOf(row.remoteAddress), ...suiteRow(suite) })
  for (const { transport, localPort, peer, suite, resumed, openedAt } of target()?.associations() ?? []) {
    if (transport !== kind || suite === undefined) continue
    const remote = { remoteAddress: peer.address, remotePort: peer.port }
    add({ ...remote, localPort, side: 'server', since: date(openedAt), resumed }, suite)
  }
  for (const { transport, peer, since } of originator()?.sessions() ?? []) {
    const security = peer?.security
    if (transport !== kind || peer === undefined || security === undefined) continue
    const { endpoint, localEndpoint } = peer
    const ends = { remoteAddress: endpoint.address, remotePort: endpoint.port, localPort: localEndpoint.port }
    const { resumed } = security
    add({ ...ends, side: 'client', since: new Date(since).toISOString(), resumed }, security.suite)
  }
  return rows
}

/** A suite as tables show it. */
function suiteRow(suite: number): SuiteRow {
  return {
    suite,
    suiteName: suiteName(suite),
    meaning: suiteMeaning(suite),
    confidentiality: isIntegrityOnly(suite) ? 'Authenticated' : 'Encrypted',
  }
}

function bridgeRows(parts: DeviceParts, from: number, limit: number): ReturnType<PageSource['bridge']> {
  const { device, originator, now } = parts
  const accepted = device().networkConnections(now(), from, limit)
  const opened = (originator()?.connections() ?? []).filter(isOpen)
  const until = from + limit - accepted.total
  const shown = opened.slice(Math.max(0, from - accepted.total), Math.max(0, until))
  return { rows: bridgeRowsOf(parts, accepted.rows, shown), total: accepted.total + opened.length }
}

function* bridgeRowsOf(
  parts: DeviceParts,
  accepted: Iterable<ConnectionRow>,
  opened: readonly OpenedRow[],
): Generator<BridgeRow> {
  const ends = endsOf(parts)
  for (const row of accepted) if (row.transport !== 'backplane') yield targetRow(ends, row, row.transport)
  for (const row of opened) yield originatorRow(ends, row)
}

/** The ends of a reading's rows: the same few for thousands of connections, so each is made once. */
interface Ends {
  readonly at: (address: string) => BridgeEnd
  /** The device itself, or what sits in a slot of its chassis. */
  readonly here: (slot: number | undefined) => BridgeEnd
}

function endsOf({ device, name, nameOf, nameOfSlot }: DeviceParts): Ends {
  const own: BridgeEnd = { port: ethernetPort, link: device().address, name }
  const byAddress = new Map<string, BridgeEnd>()
  const bySlot = new Map<number, BridgeEnd>()
  return {
    at: (address) =>
      byAddress.get(address) ?? kept(byAddress, address, { port: ethernetPort, link: address, name: nameOf(address) }),
    here: (slot) =>
      slot === undefined
        ? own
        : (bySlot.get(slot) ??
          kept(bySlot, slot, { port: backplanePort, link: String(slot), name: nameOfSlot?.(slot) })),
  }
}

function kept<Key>(ends: Map<Key, BridgeEnd>, key: Key, end: BridgeEnd): BridgeEnd {
  ends.set(key, end)
  return end
}

const protections: Readonly<Record<string, Confidentiality>> = {
  none: 'None',
  integrity: 'Authenticated',
  authenticated: 'Authenticated',
  confidentiality: 'Encrypted',
  encrypted: 'Encrypted',
}

function targetRow({ at, here }: Ends, row: ConnectionRow, transport: BridgeRow['transport']): BridgeRow {
  return {
    class: row.transportClass,
    state: 'Active',
    uptimeS: Math.round(row.uptimeMs / 1000),
    originator: at(row.peer.address),
    target: here(row.slot),
    originatorToTarget: {
      size: row.outputSize,
      variable: row.outputVariable,
      rpiUs: row.outputApiUs,
      multicast: row.outputType === 'multicast',
    },
    targetToOriginator: {
      size: row.inputSize,
      variable: row.inputVariable,
      rpiUs: row.inputApiUs,
      multicast: row.multicast,
    },
    missed: row.missed,
    serial: row.triad.connectionSerialNumber,
    confidentiality: protections[row.protection] ?? 'None',
    transport,
    side: 'target',
  }
}

type OpenedRow = OriginatedRow & { readonly openedAt: number; readonly serial: number }

function isOpen(row: OriginatedRow): row is OpenedRow {
  return row.state === 'open' && row.openedAt !== undefined && row.serial !== undefined
}

function originatorRow({ at, here }: Ends, row: OpenedRow): BridgeRow {
  const variable = row.class === 3
  return {
    class: row.class,
    state: 'Active',
    uptimeS: Math.max(0, Math.round((Date.now() - row.openedAt) / 1000)),
    originator: here(row.slot),
    target: at(row.address),
    originatorToTarget: { size: row.outputSize, variable, rpiUs: Math.round(row.rpiMs * 1000), multicast: false },
    targetToOriginator: { size: row.inputSize, variable, rpiUs: Math.round(row.targetRpiMs * 1000), multicast: false },
    missed: row.missed,
    serial: row.serial,
    confidentiality: protections[row.protection ?? 'none'] ?? 'None',
    transport: row.transport === 'tcp' && row.class !== 3 ? 'udp' : (row.transport ?? 'tcp'),
    side: 'originator',
  }
}

function securityOf(parts: DeviceParts): SecurityTable {
  const { device, target, webPort: servedAt } = parts
  const unit = device()
  const security = unit.security()
  const now = Date.now()
  const certificates = [
    ...security.chain.map((der) => certificateRow('own', der, now)),
    ...security.anchors.map((der) => certificateRow('authority', der, now)),
    ...security.trusted.map((der) => certificateRow('trusted', der, now)),
  ]
  return {
    capable: unit.options.security !== undefined,
    cipSecurityState: unit.securityState(),
    ethernetIpSecurityState: unit.ethernetIpSecurityState(),
    verifiesPeers: security.verifyPeer,
    checksExpiration: security.checkExpiration,
    preSharedKeys: security.psk.length,
    revocationLists: security.crls.length,
    suites: security.suites.map(suiteRow),
    originatorSuites: security.originatorSuites.map(suiteRow),
    certificates,
    ports: target() === undefined && servedAt() === undefined ? [] : portRows(parts),
    refusals: refusalRows(parts),
  }
}

function portRows({ device, target, webPort: servedAt }: DeviceParts): SecurityTable['ports'] {
  const listening = target()?.ports()
  return device()
    .ports()
    .filter(({ port }) => listening !== undefined || port === webPort)
    .map(({ port, protocol, open }) => {
      const at = port === webPort && open ? servedAt() : undefined
      return { port, protocol, open, instead: at === port ? undefined : at }
    })
}

function refusalRows({ target, now, nameOf }: DeviceParts): readonly RefusalRow[] {
  const date = dating(now())
  return (target()?.refusals() ?? []).map(({ address, port, reason, at, count }) => ({
    at: date(at),
    peer: address,
    peerName: nameOf(address),
    port,
    reason,
    count,
  }))
}

/** A certificate is decoded once: pages are asked for again and again, and its bytes stay the same object. */
const decoded = new WeakMap<Uint8Array, Omit<CertificateRow, 'use' | 'expired'> & { readonly endsAt: number }>()

function certificateRow(use: CertificateRow['use'], der: Uint8Array, now: number): CertificateRow {
  const known = decoded.get(der) ?? contentsOf(der)
  decoded.set(der, known)
  const { endsAt, ...contents } = known
  return { use, ...contents, expired: endsAt <= now }
}

function contentsOf(der: Uint8Array): Omit<CertificateRow, 'use' | 'expired'> & { readonly endsAt: number } {
  const sha256 = fingerprint(nodeCrypto, der)
  try {
    const { subject, issuer, serial, notBefore, notAfter } = decodeCertificate(der)
    return {
      subject: formatName(subject),
      issuer: formatName(issuer),
      serial,
      notBefore: new Date(notBefore).toISOString(),
      notAfter: notAfter === noExpiry ? undefined : new Date(notAfter).toISOString(),
      fingerprint: sha256,
      endsAt: notAfter,
    }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return unreadable(sha256, error)
  }
}

function unreadable(sha256: string, error: AnyError): ReturnType<typeof contentsOf> {
  const subject = `unreadable: ${error.message}`
  const epoch = new Date(0).toISOString()
  return { subject, issuer: '', serial: '', notBefore: epoch, notAfter: epoch, fingerprint: sha256, endsAt: 0 }
}
