import type { KeyKind, PrivateKey } from '../crypto/provider.ts'

/** The parts of a subject that every certificate of a plant shares (RFC 5280 4.1.2.6). Each at most 64 characters. */
export interface SubjectTemplate {
  readonly organization?: string
  readonly organizationalUnit?: string
  readonly locality?: string
  readonly state?: string
  /** ISO 3166 code of two letters. */
  readonly country?: string
}

/** What an authority is made for: a plant with its zones. */
export interface AuthorityPlan {
  /** The plant's name, as in its file. */
  readonly name: string
  /** Kind of the CA keys. */
  readonly key: KeyKind
  /** PKCS#11 URI (RFC 7512), without a PIN, of the token that the CA keys are made in; absent: they are sealed in the store. */
  readonly hardware?: string | undefined
  readonly subject: SubjectTemplate
  /** Zones that need an issuing CA. `operations` is always added: the manager's own credential comes from there. */
  readonly zones: readonly string[]
}

/** A certificate as handed out. */
export interface IssuedCertificate {
  /** DER. */
  readonly certificate: Uint8Array
  /** What goes with it up to and including the root, issuing CA first, DER. */
  readonly chain: readonly Uint8Array[]
  /** Serial number, lower-case hex. */
  readonly serial: string
  /** End of validity, milliseconds since 1970. */
  readonly notAfter: number
}

/** A device asks for its operational certificate. */
export interface DeviceRequest {
  readonly zone: string
  /** The device's name in the plant file; becomes the common name. */
  readonly device: string
  /** PKCS#10, DER. Proof of possession is checked; of its contents only the public key is used. */
  readonly csr: Uint8Array
  /** IP addresses for the subject alternative name: the plant file's, not the request's. At least one. */
  readonly addresses: readonly string[]
  readonly dnsNames?: readonly string[]
  /** Default five years; never beyond the issuing CA. */
  readonly validityMs?: number
}

/** A client asks: the manager, a verifier, a probe, a workstation program. */
export interface ClientRequest {
  readonly zone: string
  /** Becomes the common name. */
  readonly name: string
  readonly addresses?: readonly string[]
  readonly dnsNames?: readonly string[]
  /** Default one year; probes ask for minutes. */
  readonly validityMs?: number
  /** PKCS#10, DER: proven, then used for its public key. Without it the authority makes a key and returns it. */
  readonly csr?: Uint8Array
  /** Kind of the key the authority makes; default P-256. */
  readonly key?: KeyKind
}

/** A client's certificate, with its key when the authority made one. */
export interface IssuedClient extends IssuedCertificate {
  /** Only when no CSR was given. It is not kept. */
  readonly key?: PrivateKey
}

/**
 * What a certificate is for, which decides its contents. `cross`: one root by another, at a rollover. `server`: an EST
 * server. `provisioning`: lets its holder ask for one certificate, and is believed by no device.
 */
export type CertificateProfile = 'root' | 'issuing' | 'cross' | 'device' | 'client' | 'server' | 'provisioning'

/**
 * Where a generation of a CA stands in its rollover. `next`: trusted already, does not sign yet. `active`: signs.
 * `retiring`: signs revocation lists only, still trusted. `retired`: neither.
 */
export type AuthorityState = 'next' | 'active' | 'retiring' | 'retired'

/** Why a certificate is revoked (RFC 5280 5.3.1). */
export type RevocationReason =
  | 'unspecified'
  | 'keyCompromise'
  | 'affiliationChanged'
  | 'superseded'
  | 'cessationOfOperation'
  | 'privilegeWithdrawn'

/** A revocation, in force from the moment it is returned: the list is durable and newer than every one before. */
export interface Revocation {
  readonly zone: string
  /** The zone's new revocation list, DER. */
  readonly crl: Uint8Array
  /** Its CRL number (RFC 5280 5.2.3). */
  readonly number: number
  /** Serial numbers that were revoked now, lower-case hex. Empty when they had been before. */
  readonly serials: readonly string[]
  /** The same for further zones, when a device held certificates of several. */
  readonly further: readonly Revocation[]
}

/** A certificate as the authority remembers it. */
export interface CertificateRecord {
  readonly serial: string
  readonly zone: string | undefined
  readonly profile: CertificateProfile
  /** The device's or client's name. */
  readonly name: string
  /** Text form of the subject. */
  readonly subject: string
  readonly issuer: string
  /** Where the CA that signed it stands in its rollover; absent where there are no rollovers. */
  readonly issuerState?: AuthorityState
  /** SHA-256 over the DER certificate, lower-case hex. */
  readonly fingerprint: string
  readonly notBefore: number
  readonly notAfter: number
  readonly status: 'valid' | 'revoked'
  readonly revokedAt: number | undefined
  readonly reason: RevocationReason | undefined
  /** DER. */
  readonly certificate: Uint8Array
}

/**
 * The certificate authority of a plant: a root, and under it one issuing CA per zone, so that trust is segmented as the
 * zones are. Every certificate is durably recorded before it is handed out.
 */
export interface Authority {
  /** Makes root and issuing CAs that are missing. Does nothing to those that exist, so it may be called every time. */
  initialize(plan: AuthorityPlan): Promise<void>
  /**
   * The issuing CA certificates of a zone, DER, newest generation first: what the zone's members are to trust. During a
   * rollover those of two generations.
   * @throws UsageError `missing` when the zone has none
   */
  anchors(zone: string): Promise<readonly Uint8Array[]>
  /** The root certificate, DER. @throws UsageError `missing` before {@link Authority.initialize} */
  root(): Promise<Uint8Array>
  /**
   * Issues a device certificate. The same key for the same device and addresses gets the same certificate again, so that
   * a request whose answer was lost may be repeated.
   * @throws MalformedMessage for a CSR that is no strict PKCS#10
   * @throws NotTrusted `bad-signature` when the CSR does not prove possession of its key
   * @throws NotAllowed `refused` for a key whose certificate was revoked as compromised
   */
  issueDevice(request: DeviceRequest): Promise<IssuedCertificate>
  /** Issues a client certificate; errors as {@link Authority.issueDevice}. */
  issueClient(request: ClientRequest): Promise<IssuedClient>
  /**
   * Revokes one certificate by serial number (hex), or all unexpired ones of a device or client by name.
   * @throws UsageError `missing` when nothing of that serial or name was issued
   */
  revoke(serialOrName: string, reason: RevocationReason): Promise<Revocation>
  /**
   * The newest revocation list of the CA that signs for a zone, DER; undefined while nothing was ever revoked there. A
   * list past half of its life is made anew.
   */
  crl(zone: string): Promise<Uint8Array | undefined>
  /** As {@link Authority.crl}, of every generation that is trusted, newest first; those without a list are left out. */
  crls(zone: string): Promise<readonly Uint8Array[]>
  /** Every certificate ever issued, oldest first. */
  list(): Promise<readonly CertificateRecord[]>
  /** Everything that a new machine needs to go on as this authority, encrypted under a passphrase. */
  backup(passphrase: string): Promise<Uint8Array>
}
