import {
  type Authority,
  type CertificateRecord,
  clientContents,
  type DeviceRequest,
  deviceContents,
  type IssuedCertificate,
  issuingContents,
  rootContents,
  signCertificate,
} from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import type { ManagerCredential } from '@cordon/core/deployment'
import { NotTrusted } from '@cordon/core/errors'
import {
  buildRevocationList,
  type Certificate,
  decodeCertificate,
  decodeRequest,
  fingerprint,
  formatName,
  isProven,
  keyIdentifier,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'

interface Issuer {
  readonly key: PrivateKey
  readonly certificate: Certificate
  crl: Uint8Array | undefined
  number: number
  readonly revoked: string[]
}

const keys = new Map<string, Promise<PrivateKey>>()

/** One key for each name, made once: what tests are about are the keys of devices. */
function fixedKey(name: string): Promise<PrivateKey> {
  const known = keys.get(name)
  if (known !== undefined) return known
  const made = nodeCrypto.generateKey('ecdsa-p256')
  keys.set(name, made)
  return made
}

/** An authority in memory: what a deployment asks of one, without a store. */
export class MemoryAuthority implements Pick<Authority, 'anchors' | 'crls' | 'list' | 'issueDevice'> {
  readonly #date: () => number
  readonly #issuers = new Map<string, Issuer>()
  readonly #records: CertificateRecord[] = []
  readonly #byKey = new Map<string, IssuedCertificate>()
  #root: { key: PrivateKey; certificate: Certificate } | undefined
  /** Answers with this instead of issuing. */
  failure: Error | undefined

  constructor(date: () => number) {
    this.#date = date
  }

  static async create(zones: readonly string[], date: () => number): Promise<MemoryAuthority> {
    const authority = new MemoryAuthority(date)
    const key = await fixedKey('root')
    const now = date()
    const contents = rootContents(nodeCrypto, { plant: 'test', subject: {}, publicKey: key.publicKey, now })
    const der = await signCertificate(nodeCrypto, contents, key, { profile: 'root', issuer: undefined, now })
    authority.#root = { key, certificate: decodeCertificate(der) }
    for (const zone of zones) await authority.#addZone(zone)
    return authority
  }

  async #addZone(zone: string): Promise<void> {
    const root = this.#root
    if (root === undefined) throw new Error('no root')
    const key = await fixedKey(zone)
    const now = this.#date()
    const contents = issuingContents(nodeCrypto, {
      plant: 'test',
      zone,
      subject: {},
      publicKey: key.publicKey,
      issuer: root.certificate,
      now,
    })
    const der = await signCertificate(nodeCrypto, contents, root.key, {
      profile: 'issuing',
      issuer: root.certificate,
      now,
    })
    this.#issuers.set(zone, { key, certificate: decodeCertificate(der), crl: undefined, number: 0, revoked: [] })
  }

  #issuer(zone: string): Issuer {
    const issuer = this.#issuers.get(zone)
    if (issuer === undefined) throw new Error(`no zone ${zone}`)
    return issuer
  }

  anchors(zone: string): Promise<readonly Uint8Array[]> {
    return Promise.resolve([this.#issuer(zone).certificate.der])
  }

  crls(zone: string): Promise<readonly Uint8Array[]> {
    const { crl } = this.#issuer(zone)
    return Promise.resolve(crl === undefined ? [] : [crl])
  }

  list(): Promise<readonly CertificateRecord[]> {
    return Promise.resolve([...this.#records])
  }

  async issueDevice(request: DeviceRequest): Promise<IssuedCertificate> {
    if (this.failure !== undefined) throw this.failure
    const csr = decodeRequest(request.csr)
    if (!isProven(nodeCrypto, csr)) throw new NotTrusted('bad-signature', 'the request is not signed by its key')
    const same = `${request.device} ${fingerprint(nodeCrypto, csr.publicKey)}`
    const known = this.#byKey.get(same)
    if (known !== undefined) return known
    const issuer = this.#issuer(request.zone)
    const now = this.#date()
    const contents = deviceContents(nodeCrypto, {
      subject: {},
      issuer: issuer.certificate,
      zone: request.zone,
      name: request.device,
      addresses: request.addresses,
      dnsNames: request.dnsNames ?? [],
      publicKey: csr.publicKey,
      now,
      ...(request.validityMs === undefined ? {} : { validityMs: request.validityMs }),
    })
    const der = await signCertificate(nodeCrypto, contents, issuer.key, {
      profile: 'device',
      issuer: issuer.certificate,
      now,
    })
    const issued = this.#record('device', request.zone, request.device, der)
    this.#byKey.set(same, issued)
    return issued
  }

  async manager(zone: string, name = 'manager'): Promise<ManagerCredential> {
    const issuer = this.#issuer(zone)
    const key = await fixedKey(name)
    const now = this.#date()
    const contents = clientContents(nodeCrypto, {
      subject: {},
      issuer: issuer.certificate,
      zone,
      name,
      addresses: [],
      publicKey: key.publicKey,
      now,
    })
    const der = await signCertificate(nodeCrypto, contents, issuer.key, {
      profile: 'client',
      issuer: issuer.certificate,
      now,
    })
    const issued = this.#record('client', zone, name, der)
    return {
      chain: [issued.certificate, issuer.certificate.der],
      key,
      serial: issued.serial,
      notAfter: issued.notAfter,
    }
  }

  /** Revokes by name and makes the zone's new list. */
  async revoke(name: string): Promise<void> {
    for (const [place, record] of this.#records.entries()) {
      if (record.name !== name || record.zone === undefined) continue
      this.#records[place] = { ...record, status: 'revoked', revokedAt: this.#date(), reason: 'unspecified' }
      const issuer = this.#issuer(record.zone)
      issuer.revoked.push(record.serial)
      issuer.number++
      const contents = {
        issuer: issuer.certificate.subject,
        issuerKey: keyIdentifier(nodeCrypto, issuer.certificate.publicKey),
        number: issuer.number,
        thisUpdate: this.#date(),
        nextUpdate: this.#date() + 30 * 86_400_000,
        entries: issuer.revoked.map((serial) => ({ serial, revokedAt: this.#date() })),
      }
      issuer.crl = await buildRevocationList(contents, issuer.key)
    }
  }

  #record(profile: 'device' | 'client', zone: string, name: string, der: Uint8Array): IssuedCertificate {
    const certificate = decodeCertificate(der)
    const { serial, notAfter, notBefore } = certificate
    this.#records.push({
      serial,
      zone,
      profile,
      name,
      subject: formatName(certificate.subject),
      issuer: formatName(certificate.issuer),
      fingerprint: fingerprint(nodeCrypto, der),
      notBefore,
      notAfter,
      status: 'valid',
      revokedAt: undefined,
      reason: undefined,
      certificate: der,
    })
    const chain = [this.#issuer(zone).certificate.der]
    return { certificate: der, chain, serial, notAfter }
  }
}
