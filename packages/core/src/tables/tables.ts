/**
 * The live tables of a device, as its pages show them and its JSON gives them (source 000, Figures 4-1 to 4-5). Data
 * only; every time is ISO 8601.
 * @module
 */

/** How data is protected on the network: as source 000 words it. */
export type Confidentiality = 'Encrypted' | 'Authenticated' | 'None'

/** Which end of a transport session the device is. */
export type LocalSide = 'client' | 'server'

/** A row of the TCP connections page (Figures 4-1 and 4-2). */
export interface TcpRow {
  readonly state: 'LISTEN' | 'SYN_SENT' | 'ESTABLISHED' | 'CLOSE_WAIT' | 'TIME_WAIT' | 'CLOSED'
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
  readonly since: string
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

/** A row of the bridge connections page (Figure 4-5). */
export interface BridgeRow {
  readonly class: 0 | 1 | 3
  readonly state: string
  /** Seconds. */
  readonly uptimeS: number
  /** CIP port and link address of each end: port 1 is the backplane, its link a slot; port 2 Ethernet, its link an address. */
  readonly originator: { readonly port: number; readonly link: string; readonly name: string | undefined }
  readonly target: { readonly port: number; readonly link: string; readonly name: string | undefined }
  readonly originatorToTarget: BridgeDirection
  readonly targetToOriginator: BridgeDirection
  /** Packets whose sequence number never came. */
  readonly missed: number
  /** Connection serial number. */
  readonly serial: number
  readonly confidentiality: Confidentiality
}
