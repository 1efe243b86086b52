/** Stream (`tls`, RFC 5246) or datagram (`dtls`, RFC 6347). */
export type Protocol = 'tls' | 'dtls'

/** Which end of the handshake. */
export type Role = 'server' | 'client'

/** Protocol versions that a probing context can be limited to. */
export type ProbeVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | 'DTLSv1' | 'DTLSv1.2'

/** How a certificate revocation list takes part: not at all, where the issuer has one, or always. */
export type CrlPolicy = 'off' | 'ifPresent' | 'required'

/** How the peer's certificate is judged (cip-security-wire 5.3). */
export interface VerifyPolicy {
  /**
   * Server: whether a client certificate is not wanted (`none`), asked for, or insisted on; one that is sent is always
   * verified. Client: `none` accepts any server and is for commissioning only; everything else means `require`.
   * Default: `require` for a client, `none` for a server.
   */
  readonly peer: 'none' | 'request' | 'require'
  /** Check notBefore and notAfter of certificates, thisUpdate and nextUpdate of CRLs. Default `false`. */
  readonly time: boolean
  /** Default `ifPresent`: an issuer without a CRL is accepted, a revoked certificate never. */
  readonly crl: CrlPolicy
  /**
   * The subject alternative name must hold the peer's IP address (iPAddress) or the expected name (dNSName, compared
   * whole, no wildcards). Default `false`.
   */
  readonly name: boolean
}

/** One row of a pre-shared key table. */
export interface PskEntry {
  /** 1 to 128 bytes without a zero byte. */
  readonly identity: Uint8Array
  /** 1 to 64 bytes. */
  readonly key: Uint8Array
  /** Which role may use this key. Default `any`. */
  readonly usage?: 'server' | 'client' | 'any'
}

/** A certificate chain with its private key. */
export interface Credential {
  /** DER certificates, leaf first. */
  readonly chain: readonly Uint8Array[]
  /** The leaf's private key, PKCS#8 DER, not encrypted. */
  readonly key: Uint8Array
}

/** Everything that sessions of one configuration have in common. */
export interface ContextOptions {
  readonly role: Role
  readonly protocol: Protocol
  /** IANA ids in order of preference; a server's order decides. Nothing else is ever offered or accepted. */
  readonly suites: readonly number[]
  /** Key exchange groups in order of preference; must contain the curve of an ECDSA certificate. Default P-256, P-384, P-521, X25519. */
  readonly groups?: readonly string[]
  readonly identity?: Credential
  /** `false` sends the leaf only (EtherNet/IP Security Object attribute 10). Default `true`. */
  readonly sendChain?: boolean
  /** A server looks identities up here; a client uses the first row that its role may use. */
  readonly psk?: readonly PskEntry[]
  /** DER certificates of authorities. Any of them ends a chain, self-issued or not. */
  readonly anchors?: readonly Uint8Array[]
  /** DER end-entity certificates accepted by exact match, without a chain; dates, usage, name and CRLs still count. */
  readonly trusted?: readonly Uint8Array[]
  /** DER certificate revocation lists. */
  readonly crls?: readonly Uint8Array[]
  readonly verify?: Partial<VerifyPolicy>
  /** DTLS: largest UDP payload in bytes, without IP and UDP headers; 256 to 16384. Default 1400. */
  readonly mtu?: number
  /** DTLS: first retransmission time-out in milliseconds, doubled up to 60 s; 20 to 60000. Default 1000. */
  readonly retransmitMs?: number
  /** Allow resumption by ticket and session id, within this context only. Default `true`. */
  readonly resumption?: boolean
  /** Emit `keylog` events (lines of the NSS key log format). Default `false`. */
  readonly keyLog?: boolean
  /** For probing only: other versions than exactly 1.2. Any suite that OpenSSL knows is then accepted in `suites`. */
  readonly versions?: { readonly min: ProbeVersion; readonly max: ProbeVersion }
  /** Milliseconds from the first byte to the end of the handshake; 1 to 3600000. Default 30000. */
  readonly handshakeTimeoutMs?: number
  /**
   * DTLS: the `now` of these sessions does not follow the machine's clock, as in a simulated network. OpenSSL times its
   * retransmissions with the machine's clock; with this on, `tick` holds it still for up to 10 ms where needed.
   * Default `false`.
   */
  readonly virtualTime?: boolean
}
