/** Who we are in a handshake: what the operator gave us, nobody, or somebody whom the target cannot know. */
export type HandshakeIdentity = 'own' | 'nobody' | 'stranger' | 'unknown-psk'

/** What is opened: bytes as they are on a port, or application data of a (D)TLS association on 2221. */
export type Way =
  | { readonly carrier: 'tcp' | 'udp'; readonly port: number }
  | { readonly carrier: 'tls' | 'dtls'; readonly as: HandshakeIdentity; readonly suites?: readonly number[] }

/** What a handshake agreed on. */
export interface LineSecurity {
  /** IANA number. */
  readonly suite: number
  /** `TLSv1.2`, `DTLSv1.2`. */
  readonly version: string
  readonly encrypts: boolean
  /** DER, leaf first. */
  readonly peerChain: readonly Uint8Array[]
}

/** What came over a line. */
export type Arrival =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'silence' }
  | { readonly kind: 'closed'; readonly reason: string }

/** An open way to the target: a stream, or datagrams with their boundaries. */
export interface Line {
  readonly boundaries: 'stream' | 'datagram'
  readonly security: LineSecurity | undefined
  /** Port of our end. */
  readonly localPort: number
  /** Hands bytes to the target; a closed line drops them. */
  send(bytes: Uint8Array): void
  /** The next piece or datagram, or what happened instead of one. */
  receive(withinMs: number): Promise<Arrival>
  /** Ends it at once. */
  close(): void
}

/** What became of the wish to open a line. `refused`: the target said no; `unanswered`: nothing came at all. */
export type Opening =
  | { readonly kind: 'open'; readonly line: Line }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string }

/** What a target made of the wish to negotiate anew inside an association. */
export type Renegotiation = {
  readonly kind: 'accepted' | 'refused' | 'unanswered'
  readonly reason: string
}

/** A class 1 connection point pair of the target, which no device tells by itself. */
export interface IoDescription {
  /** O->T connection point and its bytes of data. */
  readonly output: { readonly point: number; readonly size: number }
  /** T->O connection point and its bytes of data. */
  readonly input: { readonly point: number; readonly size: number }
  /** Configuration assembly, where one is part of the path. */
  readonly configuration: number | undefined
}

/**
 * All that the cases know of the world: lines to one target, chance and time. A case that needs more than this does not
 * belong here.
 */
export interface ConformancePort {
  /** IP address of the target. */
  readonly target: string
  /** How {@link HandshakeIdentity} `own` proves itself: by a certificate, not at all (a factory-new target), or never. */
  readonly own: 'certificate' | 'anonymous' | 'none'
  /** Opens a line. Never rejects but for cancellation. */
  open(way: Way): Promise<Opening>
  /** Asks for a new handshake inside a TLS association. */
  renegotiate(as: HandshakeIdentity): Promise<Renegotiation>
  /** Unpredictable bytes. */
  random(length: number): Uint8Array
  /** Lets time pass. Rejects only by cancellation. */
  wait(ms: number): Promise<void>
  /** Holds cancellation off until what it returns is called: what a case changed is put back first. */
  hold(): () => void
  /** Milliseconds of a steady clock. */
  now(): number
}
