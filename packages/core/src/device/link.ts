/** How a peer reaches a device: the four transports of EtherNet/IP, or the backplane behind a module. */
export type LinkTransport = 'tcp' | 'tls' | 'udp' | 'dtls' | 'backplane'

/** What a (D)TLS handshake proved about the peer and promises for the data. */
export interface LinkSecurity {
  /** IANA number of the negotiated suite. */
  readonly suite: number
  /** False for the integrity-only suites. */
  readonly encrypts: boolean
  /** How the peer proved itself; `none` where no client certificate was asked for. */
  readonly authenticated: 'certificate' | 'psk' | 'none'
  /** The peer's end-entity certificate, DER. */
  readonly peerCertificate?: Uint8Array
  /** The peer's PSK identity as it came. */
  readonly pskIdentity?: Uint8Array
}

/**
 * One association with a peer, as the objects of a device see it: identity is by object (`===`). Connections, sessions
 * and configuration ownership hang on it and end with it.
 */
export interface Link {
  readonly transport: LinkTransport
  /** Port of the device that was reached: 44818, 2221 or 2222. */
  readonly localPort: number
  /** The peer's IP address and port. For `backplane`: the address of the link the request arrived on, see {@link outer}. */
  readonly peer: { readonly address: string; readonly port: number }
  readonly security?: LinkSecurity
  /** For `backplane`: the network link of the module in front. Protection is per hop and ends there. */
  readonly outer?: Link
}

/**
 * A link whose peer was authenticated by a verified client certificate or a PSK; before a device is configured any
 * TLS association counts, because only default credentials exist (cip-security-wire 4, "Secure link").
 */
export function isSecureLink(link: Link, configured: boolean): boolean {
  if (link.security === undefined) return false
  return !configured || link.security.authenticated !== 'none'
}

/** May secrets (PSKs, passwords, tokens) cross this link? Deviation: a NULL suite is not enough (cip-security-wire 4). */
export function isConfidentialLink(link: Link): boolean {
  return link.security?.encrypts === true
}
