import type { MessageRouterReply, MessageRouterRequest } from '../cip/message-router.ts'
import type { SocketAddress } from '../enip/sockaddr.ts'
import type { Link } from './link.ts'

/** What came along with a request outside the message router: socket addresses of a Forward_Open. */
export interface RequestContext {
  /** Item 0x8000. */
  readonly originatorToTarget?: SocketAddress
  /** Item 0x8001. */
  readonly targetToOriginator?: SocketAddress
}

/** A reply, with the socket address item that goes along with some. */
export interface DeviceReply extends MessageRouterReply {
  /** Item 0x8001: the multicast group that the target produces to. */
  readonly targetToOriginator?: SocketAddress
}

/** How the encapsulation of a device behaves, beside its objects. */
export interface EncapsulationSettings {
  /** Seconds of silence after which a session is closed (0xF5 attribute 13); 0 never. */
  readonly inactivityTimeoutS: number
  /** Unconnected requests under way at the same time in one session. */
  readonly outstanding: number
  /** Sessions may exist over UDP on 44818, plain and after StartDTLS. */
  readonly udpOnly: 'no' | 'plain-and-dtls' | 'dtls'
  /** What ListServices says besides CIP over TCP: class 0/1 over UDP is offered. */
  readonly io: boolean
}

/** One of the five sockets a device may listen on (cip-security-wire 1.1). */
export interface DevicePort {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly open: boolean
}

/** What the packets of a device are marked with, 0..63: class 0/1 data by priority, and everything else (class 0x48). */
export interface Dscp {
  readonly urgent: number
  readonly scheduled: number
  readonly high: number
  readonly low: number
  readonly explicit: number
}

/** A rule that decides about an association before any byte of CIP: the 0x63 rules or their absence. */
export interface Admission {
  readonly allowed: boolean
  /** Suites this peer may use on this transport; `undefined` means the device's whole list. */
  readonly suites?: readonly number[]
  /** For the log, never for the peer. */
  readonly reason: string
}

/**
 * The active (D)TLS settings of a device, as Apply_Config left them: everything a host needs to build contexts.
 * A new object means new settings; associations opened under an older one live on unless Apply_Config closes them.
 */
export interface ActiveSecurity {
  /** Counts configurations: contexts, sessions and tickets of another generation are not used. */
  readonly generation: number
  /** IANA numbers, preference order, as target. */
  readonly suites: readonly number[]
  /** IANA numbers, preference order, as originator. */
  readonly originatorSuites: readonly number[]
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  /** PKCS#8 DER: stays inside the process of the device. */
  readonly key: Uint8Array
  readonly psk: readonly {
    readonly identity: Uint8Array
    readonly key: Uint8Array
    readonly usage: 'server' | 'client' | 'any'
  }[]
  readonly anchors: readonly Uint8Array[]
  readonly trusted: readonly Uint8Array[]
  readonly crls: readonly Uint8Array[]
  readonly verifyPeer: boolean
  readonly sendChain: boolean
  readonly checkExpiration: boolean
  readonly checkName: boolean
  /** Association closed after this silence, seconds (0x5E attribute 15). */
  readonly dtlsTimeoutS: number
}

/**
 * What a device asks of the host that owns its sockets; taken by {@link HostedDevice.takeActions} after each call and
 * carried out in order. Links are closed once the replies that are already given have left, then after `afterMs`.
 * `ports-changed` closes what listens on a closed port, and every link that came in there. `save` comes first: a host
 * that stores state does so before the reply leaves. `restart` is a power cycle: the host calls `restart` of the device.
 */
export type DeviceAction =
  | {
      readonly kind: 'close-links'
      readonly which: 'all-secure' | 'all' | readonly Link[]
      readonly afterMs: number
      readonly reason: string
    }
  | { readonly kind: 'ports-changed' }
  | { readonly kind: 'security-changed' }
  | { readonly kind: 'save' }
  | { readonly kind: 'restart' }
  | {
      readonly kind: 'send'
      readonly link: Link
      readonly datagram: Uint8Array
      /** What to mark it with, 0..63. */
      readonly dscp: number
    }
  | { readonly kind: 'event'; readonly event: DeviceEvent }

/** What a connected message is answered with. */
export interface ConnectedAnswer {
  /** T->O connection id. */
  readonly connectionId: number
  /** Message router reply. */
  readonly message: Uint8Array
}

/** Something that belongs in the device's log. No secret in it. */
export interface DeviceEvent {
  /** One of the event names of cip-security-wire 4.11, or another kebab-case word. */
  readonly name: string
  readonly severity: 'info' | 'notice' | 'warning' | 'error'
  readonly peer?: string
  readonly message: string
}

/**
 * A device as its host sees it, sans-I/O: the host feeds requests, datagrams and time, and takes actions and the next
 * deadline. All times are milliseconds of one clock that the host chooses.
 */
export interface HostedDevice {
  readonly address: string
  /** Which sockets to listen on now. */
  ports(): readonly DevicePort[]
  /** Active (D)TLS settings. */
  security(): ActiveSecurity
  /** May this peer come in on this port, and with which suites? */
  admit(peer: string, port: number, protocol: 'tcp' | 'udp'): Admission
  /** May this device reach out to that peer, securely or in plain? `secure` decides between :2221 and :44818/:2222. */
  egress(peer: string, protocol: 'tcp' | 'udp'): Admission & { readonly secure: boolean }
  /** A message router request that arrived over `link`. Slow services (Create_CSR) answer with a promise. */
  request(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    context?: RequestContext,
  ): DeviceReply | Promise<DeviceReply>
  /**
   * A connected message (class 2/3, SendUnitData): a message router request by the bytes. Gives the connection id and
   * the bytes of the reply, or nothing where the connection is not one of this link. Missing: no connected messages.
   */
  connected?(
    link: Link,
    connectionId: number,
    sequenceCount: number,
    message: Uint8Array,
    now: number,
  ): ConnectedAnswer | undefined | Promise<ConnectedAnswer | undefined>
  /** A handle for a session on this link, or undefined when there are enough. Missing: 1 for every link. */
  openSession?(link: Link): number | undefined
  /** Missing: 120 s, 16 requests, no sessions over UDP. */
  encapsulation?(): EncapsulationSettings
  /** Marks of its packets as they were when it last powered up. Missing: packets are not marked. */
  dscp?(): Dscp
  /** An encapsulation message came that carries no CIP. Missing: nobody counts them. */
  heardNonCip?(now: number): void
  /** The CPF items 0x000C, 0x0086, 0x0087, 0x0088 of ListIdentity, encoded data of the reply. */
  listIdentity(): Uint8Array
  /** A class 0/1 datagram: plain on 2222/udp, or one DTLS record's payload on 2221/udp. */
  datagram(link: Link, bytes: Uint8Array, now: number): void
  /** The association is gone: sessions, connections and configuration ownership that hang on it end. */
  linkClosed(link: Link, now: number): void
  /** When {@link tick} must be called next, or nothing to wait for. */
  deadline(): number | undefined
  /** Time has passed: what was due is done. */
  tick(now: number): void
  /** What the host is to do now, in this order; each is handed out once. */
  takeActions(): DeviceAction[]
}
