import { suiteHex } from '../security/cipher-suites.ts'

/** The secured transports of EtherNet/IP: TLS on 2221/tcp, DTLS on 2221/udp. */
export type SecureTransport = 'tls' | 'dtls'

/** Protocol versions that must be refused: everything but TLS 1.2 and DTLS 1.2. */
export type OtherVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.3' | 'DTLSv1'

/** What an attempt proves itself with; who makes the attempt finds the credential by these words. */
export type CredentialChoice =
  /** The verifier's own certificate; the manager's where the device knows peers by their certificates alone. */
  | { readonly kind: 'verifier' }
  /** A short-lived certificate of the zone of this endpoint, made out for its address. */
  | { readonly kind: 'probe'; readonly endpoint: string }
  /** A short-lived certificate of this zone, made out for nobody's address. */
  | { readonly kind: 'zone'; readonly zone: string }
  /** The pre-shared key of this name. */
  | { readonly kind: 'psk'; readonly name: string }
  /** The identity of this pre-shared key with another key. */
  | { readonly kind: 'wrong-psk'; readonly name: string }
  /** An identity that nobody knows. */
  | { readonly kind: 'unknown-psk' }
  /** A certificate of an authority made up for the occasion. */
  | { readonly kind: 'foreign' }
  /** A certificate of the maker of devices. */
  | { readonly kind: 'vendor' }
  /** A certificate of this zone that its revocation list names. */
  | { readonly kind: 'revoked'; readonly zone: string }
  /** A certificate of this zone whose time is over. */
  | { readonly kind: 'expired'; readonly zone: string }
  | { readonly kind: 'none' }

/** From where an attempt is made, and as whom. */
export interface Source {
  /** Device or range of the plant, or `verifier`. */
  readonly name: string
  /** Local address that the socket is bound to; undefined: the system's choice. */
  readonly address: string | undefined
  readonly credential: CredentialChoice
}

/** One try at a device from outside. */
export type Attempt =
  /** A whole handshake that offers these suites. */
  | {
      readonly kind: 'handshake'
      readonly transport: SecureTransport
      readonly target: string
      readonly source: Source
      readonly suites: readonly number[]
    }
  /** A ClientHello that offers these suites, and the server's first word: needs no library that knows them. */
  | {
      readonly kind: 'hello'
      readonly transport: SecureTransport
      readonly target: string
      readonly source: Source
      readonly suites: readonly number[]
    }
  /** A handshake in another version of the protocol. */
  | {
      readonly kind: 'version'
      readonly transport: SecureTransport
      readonly target: string
      readonly source: Source
      readonly version: OtherVersion
    }
  /** Does a plain port listen? For udp/44818 by ListIdentity, for 2222/udp by the absence of a port-unreachable. */
  | {
      readonly kind: 'port'
      readonly protocol: 'tcp' | 'udp'
      readonly port: number
      readonly target: string
      readonly source: Source
    }
  /** A plain EtherNet/IP session on tcp/44818. */
  | { readonly kind: 'plain-session'; readonly target: string; readonly source: Source }
  /**
   * A Forward_Open of class 1 in a plain session, whose data would go over udp/2222. It names the Identity object, which
   * takes no outputs, no data is ever sent, and what is opened is closed at once.
   */
  | { readonly kind: 'plain-io'; readonly target: string; readonly source: Source }

/** How a target said no. Each is the doing of the target; what is the network's doing is `error`. */
export type RefusalForm =
  /** A TLS alert. */
  | 'alert'
  /** It closed the connection after it was opened. */
  | 'closed'
  /** Datagrams of a kind that a willing target answers were sent several times and not answered. */
  | 'silence'
  /** Nothing listens on the port. */
  | 'port-closed'
  /** It answered that a rule of its class 0x63 forbids it. */
  | 'rule'

/** What came of an {@link Attempt}. */
export type AttemptOutcome =
  | {
      readonly kind: 'accepted'
      /** IANA number, where there was a handshake. */
      readonly suite?: number | undefined
      /** `TLSv1.2`, where there was a handshake. */
      readonly version?: string | undefined
      /** DER certificates that the target showed, leaf first. */
      readonly chain?: readonly Uint8Array[] | undefined
    }
  | { readonly kind: 'refused'; readonly form: RefusalForm; readonly detail: string }
  /** It said no for a reason that would have met anybody, so that nothing is known about this source. */
  | { readonly kind: 'undecided'; readonly detail: string }
  /** Neither: the network failed, an answer made no sense, or the attempt could not be made. */
  | { readonly kind: 'error'; readonly detail: string }
  /** This machine may not send from that address. */
  | { readonly kind: 'no-address'; readonly detail: string }
  /** The credential or tool for it is not at hand. */
  | { readonly kind: 'no-means'; readonly detail: string }

/** The same attempts have the same key, so that each is made once. */
export function attemptKey(attempt: Attempt): string {
  const { kind, target, source } = attempt
  const common = `${kind} ${target} ${source.name} ${source.address ?? '*'} ${JSON.stringify(source.credential)}`
  switch (attempt.kind) {
    case 'handshake':
    case 'hello':
      return `${common} ${attempt.transport} ${attempt.suites.map(suiteHex).join(',')}`
    case 'version':
      return `${common} ${attempt.transport} ${attempt.version}`
    case 'port':
      return `${common} ${attempt.protocol}/${attempt.port}`
    case 'plain-session':
    case 'plain-io':
      return common
  }
}
