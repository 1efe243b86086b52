/**
 * The live tables of a device, as its pages show them and its JSON gives them (source 000, Figures 4-1 to 4-5). Data
 * only; every time is ISO 8601.
 * @module
 */

/** The tables of a device by name, as the paths under `/api/` have them. */
export const tableNames = ['identity', 'tcp', 'tls', 'dtls', 'bridge', 'security'] as const

/** Name of a table. */
export type TableName = (typeof tableNames)[number]

/** How data is protected on the network: as source 000 words it. */
export type Confidentiality = 'Encrypted' | 'Authenticated' | 'None'

/** Which end of a transport session the device is. */
export type LocalSide = 'client' | 'server'

/** Who a device says it is. */
export interface IdentityTable {
  /** Name that the plant has for it; its host name, or empty, where nobody named it. */
  readonly name: string
  readonly address: string
  readonly productName: string
  readonly vendorId: number
  readonly deviceType: number
  readonly productCode: number
  /** `major.minor` */
  readonly revision: string
  readonly serialNumber: number
  /** Its slot on the backplane. */
  readonly slot: number | undefined
  /** It has the security objects. */
  readonly cipSecurity: boolean
}

/** States of a TCP connection that a device tells apart. */
export type TcpState = 'LISTEN' | 'SYN_SENT' | 'ESTABLISHED' | 'CLOSE_WAIT' | 'TIME_WAIT' | 'CLOSED'

/** A row of the TCP connections page (Figures 4-1 and 4-2). */
export interface TcpRow {
  /** `CLOSED`: it was ended by a change of policy a short time ago. */
  readonly state: TcpState
  /** `0.0.0.0` for a port that serves pages. */
  readonly localAddress: string
  readonly localPort: number
  /** `0.0.0.0` and 0 for a port that listens. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** Name of the remote device where one is known. */
  readonly remoteName: string | undefined
  /** Undefined for a port that listens. */
  readonly side: LocalSide | undefined
  /** TLS runs over it. */
  readonly secured: boolean
  /** When it came into this state; undefined where that is not known. */
  readonly since: string | undefined
}

/** A row of the TLS or DTLS connections page (Figures 4-3 and 4-4). */
export interface SecuredRow {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly remoteName: string | undefined
  readonly localPort: number
  readonly side: LocalSide
  /** IANA number. */
  readonly suite: number
  readonly suiteName: string
  /** The suite in words. */
  readonly meaning: string
  readonly confidentiality: Confidentiality
  readonly since: string
  /** The handshake took up an earlier session. */
  readonly resumed: boolean
}

/** One direction of a bridge connection. */
export interface BridgeDirection {
  /** Connection size as Forward_Open carries it, bytes. */
  readonly size: number
  readonly variable: boolean
  /** Microseconds. */
  readonly rpiUs: number
  readonly multicast: boolean
}

/** An end of a bridge connection. */
export interface BridgeEnd {
  /** CIP port: 1 the backplane, its link a slot; 2 Ethernet, its link an address. */
  readonly port: number
  readonly link: string
  readonly name: string | undefined
}

/** A row of the bridge connections page (Figure 4-5). */
export interface BridgeRow {
  readonly class: 0 | 1 | 3
  /** `Active`; a connection that has ended is not in the table. */
  readonly state: string
  /** Seconds. */
  readonly uptimeS: number
  readonly originator: BridgeEnd
  readonly target: BridgeEnd
  readonly originatorToTarget: BridgeDirection
  readonly targetToOriginator: BridgeDirection
  /** Packets whose sequence number never came. */
  readonly missed: number
  /** Connection serial number. */
  readonly serial: number
  readonly confidentiality: Confidentiality
  /** What carries it on the network: `tcp` plain messages, `udp` plain class 0/1 data. */
  readonly transport: 'tcp' | 'udp' | 'tls' | 'dtls'
  /** Which end of it the device is. */
  readonly side: 'originator' | 'target'
}

/** A cipher suite with its meaning. */
export interface SuiteRow {
  /** IANA number. */
  readonly suite: number
  readonly suiteName: string
  readonly meaning: string
  readonly confidentiality: Confidentiality
}

/** A certificate that a device uses. */
export interface CertificateRow {
  /** `own`: it shows it; `authority`: it believes what that issued; `trusted`: it believes that holder. */
  readonly use: 'own' | 'authority' | 'trusted'
  readonly subject: string
  readonly issuer: string
  /** Lower-case hex. */
  readonly serial: string
  readonly notBefore: string
  /** Undefined: it has no well-defined end. */
  readonly notAfter: string | undefined
  readonly expired: boolean
  /** SHA-256 over the DER, lower-case hex. */
  readonly fingerprint: string
}

/** A port that a device administers. */
export interface PortRow {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly open: boolean
  /** Where it is served, while it is open and cannot be bound itself. */
  readonly instead: number | undefined
}

/** Somebody who was turned away. */
export interface RefusalRow {
  /** The last time. */
  readonly at: string
  /** Address. */
  readonly peer: string
  readonly peerName: string | undefined
  readonly port: number
  readonly reason: string
  /** How often, one after the other, for this reason. */
  readonly count: number
}

/** The security state of a device. */
export interface SecurityTable {
  /** It has the security objects; without them only ports and refusals say something. */
  readonly capable: boolean
  /** State of the CIP Security object 0x5D. */
  readonly cipSecurityState: string
  /** State of the EtherNet/IP Security object 0x5E. */
  readonly ethernetIpSecurityState: string
  /** Peers must show a certificate, or prove a pre-shared key. */
  readonly verifiesPeers: boolean
  readonly checksExpiration: boolean
  readonly preSharedKeys: number
  readonly revocationLists: number
  readonly suites: readonly SuiteRow[]
  readonly originatorSuites: readonly SuiteRow[]
  readonly certificates: readonly CertificateRow[]
  readonly ports: readonly PortRow[]
  /** The latest first; a limited number is kept. */
  readonly refusals: readonly RefusalRow[]
}

/** What each table holds. */
export interface Tables {
  readonly identity: IdentityTable
  readonly tcp: readonly TcpRow[]
  readonly tls: readonly SecuredRow[]
  readonly dtls: readonly SecuredRow[]
  readonly bridge: readonly BridgeRow[]
  readonly security: SecurityTable
}

/** A table as `/api/` answers it. */
export interface TableDocument<Name extends TableName = TableName> {
  readonly table: Name
  /** Name and address of the device. */
  readonly device: string
  readonly address: string
  /** When it was read. */
  readonly at: string
  /** Rows in all; 1 for a table that is one record. */
  readonly total: number
  /** The rows, or the record. A page of them where `from` and `limit` were given. */
  readonly data: Tables[Name]
}
