import {
  type Authority,
  type CertificateProfile,
  type CertificateRecord,
  type ClientRequest,
  clientContents,
  deviceContents,
  type IssuedClient,
  issuingContents,
  rootContents,
  signCertificate,
} from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import {
  buildRevocationList,
  type Certificate,
  type CertificateContents,
  decodeCertificate,
  fingerprint,
  formatName,
  keyIdentifier,
} from '@cordon/core/x509'
import { nodeCrypto } from '../../src/crypto.ts'

interface Issuer {
  readonly key: PrivateKey
  readonly certificate: Certificate
  readonly revoked: string[]
  crl: Uint8Array | undefined
}

/** How a certificate of a test differs from a proper one. */
export interface Oddity {
  readonly addresses?: readonly string[]
  /** Milliseconds: the moment it was issued, default now. */
  readonly at?: number
  readonly validityMs?: number
}

const day = 24 * 60 * 60_000

/** A plant's authority in memory, with everything a verification asks of one and what tests do to it. */
export class TestPlantAuthority implements Pick<Authority, 'anchors' | 'crls' | 'list' | 'issueClient'> {
  readonly #issuers = new Map<string, Issuer>()
  readonly #records: CertificateRecord[] = []

  static async create(plant: string, zones: readonly string[]): Promise<TestPlantAuthority> {
    const authority = new TestPlantAuthority()
    const now = Date.now() - 60 * day
    const rootKey = await nodeCrypto.generateKey('ecdsa-p256')
    const rootDer = await signCertificate(
      nodeCrypto,
      rootContents(nodeCrypto, { plant, subject: {}, publicKey: rootKey.publicKey, now }),
      rootKey,
      { profile: 'root', issuer: undefined, now },
    )
    const root = decodeCertificate(rootDer)
    for (const zone of zones) {
      const key = await nodeCrypto.generateKey('ecdsa-p256')
      const contents = issuingContents(nodeCrypto, {
        plant,
        zone,
        subject: {},
        publicKey: key.publicKey,
        issuer: root,
        now,
      })
      const der = await signCertificate(nodeCrypto, contents, rootKey, { profile: 'issuing', issuer: root, now })
      authority.#issuers.set(zone, { key, certificate: decodeCertificate(der), revoked: [], crl: undefined })
    }
    return authority
  }

  issuer(zone: string): Issuer {
    const issuer = this.#issuers.get(zone)
    if (issuer === undefined) throw new Error(`no authority of zone ${zone}`)
    return issuer
  }

  async anchors(zone: string): Promise<readonly Uint8Array[]> {
    return [this.issuer(zone).certificate.der]
  }

  async crls(zone: string): Promise<readonly Uint8Array[]> {
    const { crl } = this.issuer(zone)
    return crl === undefined ? [] : [crl]
  }

  async list(): Promise<readonly CertificateRecord[]> {
    return this.#records
  }

  async issueClient(request: ClientRequest): Promise<IssuedClient> {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const { name, zone } = request
    const odd = {
      addresses: request.addresses ?? [],
      ...(request.validityMs === undefined ? {} : { validityMs: request.validityMs }),
    }
    const certificate = await this.issue('client', name, zone, key.publicKey, odd)
    const { serial, notAfter } = decodeCertificate(certificate)
    return { certificate, chain: [this.issuer(zone).certificate.der], serial, notAfter, key }
  }

  async issue(
    profile: 'device' | 'client',
    name: string,
    zone: string,
    publicKey: Uint8Array,
    { addresses = [], at = Date.now(), validityMs }: Oddity,
  ): Promise<Uint8Array> {
    const issuer = this.issuer(zone)
    const facts = {
      subject: {},
      issuer: issuer.certificate,
      zone,
      name,
      addresses,
      publicKey,
      now: at,
      ...(validityMs === undefined ? {} : { validityMs }),
    }
    const contents: CertificateContents =
      profile === 'device' ? deviceContents(nodeCrypto, facts) : clientContents(nodeCrypto, facts)
    const der = await signCertificate(nodeCrypto, contents, issuer.key, {
      profile,
      issuer: issuer.certificate,
      now: at,
    })
    this.#records.push(recordOf(der, profile, name, zone))
    return der
  }

  /** A client credential; `revoked` puts it on the list of its zone. */
  async credential(name: string, zone: string, odd: Oddity = {}) {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const certificate = await this.issue('client', name, zone, key.publicKey, odd)
    return { chain: [certificate, this.issuer(zone).certificate.der], key: key.export() ?? new Uint8Array(0) }
  }

  async revoke(zone: string, certificate: Uint8Array): Promise<Uint8Array> {
    const issuer = this.issuer(zone)
    issuer.revoked.push(decodeCertificate(certificate).serial)
    issuer.crl = await buildRevocationList(
      {
        issuer: issuer.certificate.subject,
        issuerKey: keyIdentifier(nodeCrypto, issuer.certificate.publicKey),
        number: issuer.revoked.length,
        thisUpdate: Date.now() - day,
        nextUpdate: Date.now() + 30 * day,
        entries: issuer.revoked.map((serial) => ({ serial, revokedAt: Date.now() - day })),
      },
      issuer.key,
    )
    return issuer.crl
  }
}

function recordOf(der: Uint8Array, profile: CertificateProfile, name: string, zone: string): CertificateRecord {
  const certificate = decodeCertificate(der)
  return {
    serial: certificate.serial,
    zone,
    profile,
    name,
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    fingerprint: fingerprint(nodeCrypto, der),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    status: 'valid',
    revokedAt: undefined,
    reason: undefined,
    certificate: der,
  }
}
