import type { Requester } from '../client/requester.ts'
import type { PrivateKey } from '../crypto/provider.ts'

/** Time as a deployment uses it: the core has no clock of its own. */
export interface Clock {
  /** Milliseconds of a clock that never goes back; for durations. */
  now(): number
  /** Milliseconds since 1970; for certificates. */
  date(): number
  /** Resolves after so many milliseconds, or at once when the promise given resolves before. */
  wait(ms: number, cut?: Promise<unknown>): Promise<void>
}

/** The credential by which Cordon itself is known to configured devices. */
export interface ManagerCredential {
  /** DER, leaf first, without the root. */
  readonly chain: readonly Uint8Array[]
  readonly key: PrivateKey
  /** Lower-case hex. */
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

/** A pre-shared key with its identity. A secret: never logged, never journaled. */
export interface PskCredential {
  /** Name under which it is stored. */
  readonly name: string
  readonly identity: Uint8Array
  readonly key: Uint8Array
}

/**
 * How a device is opened. `commissioning` takes any certificate and reports it: the caller judges before it sends
 * anything of worth. `certificate` shows the manager's credential and refuses a device whose certificate does not end at
 * the anchors. `psk` proves both ends by a shared key. `plain` is EtherNet/IP without security on 44818/tcp.
 */
export type Access =
  | { readonly kind: 'commissioning' }
  | {
      readonly kind: 'certificate'
      readonly credential: ManagerCredential
      /** Issuing CA certificates of the device's zone, DER. */
      readonly anchors: readonly Uint8Array[]
    }
  | { readonly kind: 'psk'; readonly psk: PskCredential }
  | { readonly kind: 'plain' }

/** The word for a kind of {@link Access}. */
export type AccessKind = Access['kind']

/** An open session with a device. Several requests may be outstanding. */
export interface DeviceSession extends Requester {
  readonly access: AccessKind
  /** The certificates the device showed, DER, leaf first; empty for `psk` and `plain`. */
  readonly presented: readonly Uint8Array[]
  /** IANA number of the suite; undefined for `plain`. */
  readonly suite: number | undefined
  /** Address from which the device sees us; undefined when the transport has none. */
  readonly localAddress: string | undefined
  /** Ends the session; outstanding requests fail. */
  close(): Promise<void>
}

/** The way to one device. */
export interface DevicePort {
  readonly address: string
  /**
   * Connects to 2221/tcp (44818/tcp for `plain`), does the handshake and registers a session.
   * @throws TransportError when nothing answers, PeerError `alert` or `handshake` when the device refuses us,
   * NotTrusted when its certificate is not believed
   */
  open(access: Access): Promise<DeviceSession>
  /** Whether something listens on a plain port; `unknown` where that cannot be told (UDP without an answer). */
  listens(port: number, protocol: 'tcp' | 'udp'): Promise<'open' | 'closed' | 'unknown'>
}

/** Pre-shared keys by name. */
export interface Secrets {
  /** The key of that name, or undefined. */
  psk(name: string): Promise<Uint8Array | undefined>
}
