import { clientContents, issuingContents, rootContents, signCertificate } from '@cordon/core/authority'
import type { CredentialChoice } from '@cordon/core/verification'
import { decodeBase64, decodeCertificate } from '@cordon/core/x509'
import { randomBytes } from 'node:crypto'
import { nodeCrypto } from '../crypto.ts'
import type { Credentials, Psk } from '../transports/credentials.ts'
import type { StoredCredential, VerificationRequest } from './request.ts'

/** Certificate and key, or a pre-shared key, or nothing: what one end proves itself with. */
export type Proof = Pick<Credentials, 'chain' | 'key' | 'psk'>

/** The credentials of a verification by the words of its checks. */
export class CredentialBook {
  readonly #request: VerificationRequest
  readonly #foreign: Proof
  readonly #cache = new Map<string, Proof | undefined>()

  private constructor(request: VerificationRequest, foreign: Proof) {
    this.#request = request
    this.#foreign = foreign
  }

  /** Opens the book; a foreign authority is made up on the way. */
  static async open(request: VerificationRequest): Promise<CredentialBook> {
    return new CredentialBook(request, await makeForeign())
  }

  /**
   * The proof for a choice; undefined when it is not at hand.
   *
   * @param byCertificateAlone the device knows its peers by their certificates alone, so that the manager's must do
   */
  find(choice: CredentialChoice, byCertificateAlone = false): Proof | undefined {
    const key = `${JSON.stringify(choice)} ${byCertificateAlone}`
    if (!this.#cache.has(key)) this.#cache.set(key, this.#make(choice, byCertificateAlone))
    return this.#cache.get(key)
  }

  /** Everything that may open a device for reading: the verifier's certificate and the pre-shared keys. */
  reading(byCertificateAlone: boolean, way: 'certificate' | 'psk' | undefined, psk: readonly string[]): Proof {
    const certificate = this.find({ kind: 'verifier' }, byCertificateAlone)
    const keys = psk.flatMap((name) => this.find({ kind: 'psk', name })?.psk ?? [])
    return way === 'psk' ? { psk: keys } : { ...certificate }
  }

  #make(choice: CredentialChoice, byCertificateAlone: boolean): Proof | undefined {
    const { verifier, manager, probes, zoneProbes, vendor, revoked, expired } = this.#request
    switch (choice.kind) {
      case 'verifier':
        return proof(byCertificateAlone ? manager : (verifier ?? manager))
      case 'probe':
        return proof(own(probes, choice.endpoint))
      case 'zone':
        return proof(own(zoneProbes, choice.zone))
      case 'psk':
        return this.#psk(choice.name)
      case 'wrong-psk': {
        const psk = this.#psk(choice.name)?.psk
        return psk === undefined ? undefined : { psk: psk.map(({ identity }) => ({ identity, key: randomBytes(32) })) }
      }
      case 'unknown-psk':
        return {
          psk: [
            { identity: new TextEncoder().encode(`unknown-${randomBytes(6).toString('hex')}`), key: randomBytes(32) },
          ],
        }
      case 'foreign':
        return this.#foreign
      case 'vendor':
        return proof(vendor)
      case 'revoked':
        return proof(own(revoked ?? {}, choice.zone))
      case 'expired':
        return proof(own(expired ?? {}, choice.zone))
      case 'none':
        return {}
    }
  }

  #psk(name: string): { readonly psk: readonly Psk[] } | undefined {
    const stored = own(this.#request.psk, name)
    if (stored === undefined) return undefined
    const what = `pre-shared key ${name} of the request`
    return { psk: [{ identity: decodeBase64(stored.identity, what), key: decodeBase64(stored.key, what) }] }
  }
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

function proof(stored: StoredCredential | undefined): Proof | undefined {
  if (stored === undefined) return undefined
  const what = 'a credential of the request'
  return { chain: stored.chain.map((text) => decodeBase64(text, what)), key: decodeBase64(stored.key, what) }
}

const day = 24 * 60 * 60_000

/** A client certificate of an authority that nobody trusts: it looks like one of a plant. */
async function makeForeign(): Promise<Proof> {
  const now = Date.now()
  const subject = { organization: 'Nobody' } as const
  const rootKey = await nodeCrypto.generateKey('ecdsa-p256')
  const rootDer = await signCertificate(
    nodeCrypto,
    rootContents(nodeCrypto, { plant: 'elsewhere', subject, publicKey: rootKey.publicKey, now }),
    rootKey,
    { now, profile: 'root', issuer: undefined },
  )
  const root = decodeCertificate(rootDer)
  const issuingKey = await nodeCrypto.generateKey('ecdsa-p256')
  const issuing = decodeCertificate(
    await signCertificate(
      nodeCrypto,
      issuingContents(nodeCrypto, {
        plant: 'elsewhere',
        zone: 'foreign',
        subject,
        publicKey: issuingKey.publicKey,
        now,
        issuer: root,
      }),
      rootKey,
      { now, profile: 'issuing', issuer: root },
    ),
  )
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const leaf = await signCertificate(
    nodeCrypto,
    clientContents(nodeCrypto, {
      zone: 'foreign',
      name: 'stranger',
      subject,
      publicKey: key.publicKey,
      now,
      issuer: issuing,
      addresses: [],
      validityMs: day,
    }),
    issuingKey,
    { now, profile: 'client', issuer: issuing },
  )
  const pkcs8 = key.export()
  return pkcs8 === undefined ? {} : { chain: [leaf, issuing.der], key: pkcs8 }
}
