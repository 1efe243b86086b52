import {
  type ClientRequest,
  clientContents,
  type DeviceRequest,
  defaultValidityMs,
  deviceContents,
  type EndEntityIssuance,
  type EndEntityProfile,
  type IssuedCertificate,
  type IssuedClient,
  makeCertificate,
  provisioningContents,
  serverContents,
} from '@cordon/core/authority'
import type { Crypto, KeyKind } from '@cordon/core/crypto'
import { NotTrusted } from '@cordon/core/errors'
import { type CertificateContents, type CertificateRequest, decodeRequest, isProven } from '@cordon/core/x509'
import { type GroupCommit, groupCommit } from '../store/group-commit.ts'
import { operationsZone, provisioningAuthority } from './generations.ts'
import { checkKeyHistory, earlierReader, hasLifeLeft } from './key-history.ts'
import type { Means } from './means.ts'
import { readPlan, type StoredPlan } from './plan.ts'
import { type CertificateRow, certificateRow, recordCertificates } from './records.ts'
import { provisioningZone, type Signers } from './signers.ts'

/** A certificate that was signed and is not recorded yet: it must not be handed out before it is. */
export interface SignedCertificate extends IssuedCertificate {
  /** Row of `authorities` of the one that signed it. */
  readonly issuerId: string
  /** What is to be recorded; undefined when it was issued before, and is handed out again. */
  readonly record: CertificateRow | undefined
}

/** What requests for a certificate have in common whose key may be made here. */
interface KeyedRequest {
  /** Becomes the common name. */
  readonly name: string
  readonly validityMs?: number
  /** PKCS#10, DER: proven, then used for its public key. Without it the authority makes a key and returns it. */
  readonly csr?: Uint8Array
  /** Kind of the key the authority makes; default P-256. */
  readonly key?: KeyKind
}

/** A device asks for its certificate; its request may have been read already. */
export type SigningRequest = Omit<DeviceRequest, 'csr'> & { readonly csr: Uint8Array | CertificateRequest }

/** An EST server asks for its certificate: at least one address or DNS name. Default one year. */
export interface ServerRequest extends KeyedRequest {
  readonly addresses: readonly string[]
  readonly dnsNames?: readonly string[]
}

/** Somebody is to be given a provisioning certificate. Default 90 days. */
export interface ProvisioningRequest extends KeyedRequest {
  /** Which of the plant's provisioning CAs signs; absent: the one without a name. Made when first used. */
  readonly authority?: string
}

/** What of a certificate the requester decides. */
type Wish = Omit<EndEntityIssuance, 'subject' | 'issuer' | 'now'>

interface Profile {
  readonly profile: EndEntityProfile
  readonly build: (crypto: Crypto, issuance: EndEntityIssuance) => CertificateContents
}

const device: Profile = { profile: 'device', build: deviceContents }
const client: Profile = { profile: 'client', build: clientContents }
const server: Profile = { profile: 'server', build: serverContents }
const provisioning: Profile = { profile: 'provisioning', build: provisioningContents }

/** A wish with what tells it from others. */
interface Order extends Profile {
  readonly wish: Wish
  readonly names: string
  readonly keyHash: Uint8Array
}

/** Issues end-entity certificates: the same key for the same name and addresses gets the same one again. */
export class Issuing {
  readonly #means: Means
  readonly #signers: Signers
  readonly #pending = new Map<string, Promise<IssuedCertificate>>()
  readonly #records: GroupCommit<CertificateRow>
  readonly #earlier: ReturnType<typeof earlierReader>
  #plan: Promise<StoredPlan> | undefined

  constructor(means: Means, signers: Signers) {
    this.#means = means
    this.#signers = signers
    this.#earlier = earlierReader(means.store.db)
    this.#records = groupCommit<CertificateRow>((rows) => recordCertificates(means.store.db, rows))
  }

  /** The plan was written anew. */
  forgetPlan(): void {
    this.#plan = undefined
  }

  async device(request: DeviceRequest): Promise<IssuedCertificate> {
    return await this.#issue(this.#deviceOrder(request))
  }

  /** As {@link Issuing.device}, not recorded. */
  async signDevice(request: SigningRequest): Promise<SignedCertificate> {
    return await this.#sign(this.#deviceOrder(request))
  }

  async client(request: ClientRequest): Promise<IssuedClient> {
    const { zone, addresses = [], dnsNames = [] } = request
    return await this.#keyed(client, request, { zone, addresses, dnsNames })
  }

  /** By the CA of the operations zone. */
  async server(request: ServerRequest): Promise<IssuedClient> {
    const { addresses, dnsNames = [] } = request
    return await this.#keyed(server, request, { zone: operationsZone, addresses, dnsNames })
  }

  async provisioning(request: ProvisioningRequest): Promise<IssuedClient> {
    await provisioningAuthority(this.#means, request.authority)
    const zone = provisioningZone(request.authority)
    return await this.#keyed(provisioning, request, { zone, addresses: [], dnsNames: [] })
  }

  async #keyed(
    profile: Profile,
    request: KeyedRequest,
    where: Pick<Wish, 'zone' | 'addresses' | 'dnsNames'>,
  ): Promise<IssuedClient> {
    const { name, validityMs, csr } = request
    const wish = { ...where, name, ...(validityMs === undefined ? {} : { validityMs }) }
    if (csr !== undefined) return await this.#issue(this.#order(profile, { ...wish, publicKey: this.#provenKey(csr) }))
    const key = await this.#means.crypto.generateKey(request.key ?? 'ecdsa-p256')
    const issued = await this.#issue(this.#order(profile, { ...wish, publicKey: key.publicKey }))
    return { ...issued, key }
  }

  #deviceOrder(request: SigningRequest): Order {
    return this.#order(device, { ...request, name: request.device, publicKey: this.#provenKey(request.csr) })
  }

  #order(profile: Profile, wish: Wish): Order {
    const keyHash = this.#means.crypto.digest('SHA-256', wish.publicKey)
    return { ...profile, wish, names: namesOf(wish), keyHash }
  }

  #provenKey(csr: Uint8Array | CertificateRequest): Uint8Array {
    const request = csr instanceof Uint8Array ? decodeRequest(csr) : csr
    if (!isProven(this.#means.crypto, request)) {
      throw new NotTrusted(
        'bad-signature',
        'the certificate request is not signed by its own key: the requester does not hold it',
      )
    }
    return request.publicKey
  }

  async #issue(order: Order): Promise<IssuedCertificate> {
    const { profile, wish, names, keyHash } = order
    const id = JSON.stringify([profile, wish.zone, wish.name, names, Buffer.from(keyHash).toString('hex')])
    // A repeated request while the first is under way waits for the same answer.
    const pending = this.#pending.get(id)
    if (pending !== undefined) return await pending
    const issuing = this.#issueOnce(order).finally(() => this.#pending.delete(id))
    this.#pending.set(id, issuing)
    return await issuing
  }

  async #issueOnce(order: Order): Promise<IssuedCertificate> {
    const { record, ...issued } = await this.#sign(order)
    if (record !== undefined) await this.#records.add(record)
    return issued
  }

  async #sign({ profile, build, wish, names, keyHash }: Order): Promise<SignedCertificate> {
    const { crypto } = this.#means
    const [{ signer, chain }, plan, earlier] = await Promise.all([
      this.#signers.active(wish.zone),
      this.#storedPlan(),
      this.#earlier(Buffer.from(keyHash).toString('hex')),
    ])
    const now = this.#means.now()
    checkKeyHistory(earlier, { name: wish.name, profile }, now)
    const same = earlier.find(
      (row) =>
        row.status === 'valid' &&
        row.issuer_id === signer.id &&
        row.profile === profile &&
        row.name === wish.name &&
        row.names === names &&
        hasLifeLeft(row, now, wish.validityMs ?? defaultValidityMs[profile]),
    )
    if (same !== undefined) {
      return {
        certificate: new Uint8Array(same.certificate),
        chain,
        serial: same.serial,
        notAfter: same.not_after.getTime(),
        issuerId: same.issuer_id,
        record: undefined,
      }
    }
    const contents = build(crypto, { ...wish, subject: plan.subject, issuer: signer.certificate, now })
    const context = { profile, issuer: signer.certificate, now }
    const certificate = await makeCertificate(crypto, contents, signer.key, context)
    const { serial, notAfter, der } = certificate
    const about = { issuerId: signer.id, profile, zone: wish.zone, name: wish.name, names }
    const record = certificateRow(crypto, certificate, about)
    return { certificate: der, chain, serial, notAfter, issuerId: signer.id, record }
  }

  async #storedPlan(): Promise<StoredPlan> {
    this.#plan ??= readPlan(this.#means.store.db)
    const plan = this.#plan
    plan.catch(() => {
      this.#plan = undefined
    })
    return await plan
  }
}

/** Addresses and names in one spelling. */
function namesOf(wish: Pick<Wish, 'addresses' | 'dnsNames'>): string {
  return [...wish.addresses, ...(wish.dnsNames ?? [])].sort().join(' ')
}
