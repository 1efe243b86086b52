import type { Crypto } from '@cordon/core/crypto'
import { type Certificate, decodeCertificate, isSignedBy } from '@cordon/core/x509'
import type { StoreAuthority } from '../authority/authority.ts'
import { isProvisioning } from '../authority/signers.ts'
import type { Store } from '../store/store.ts'

/** How long what was read of the authorities counts, milliseconds: a rollover takes days. */
const keptMs = 5000

/** A CA of the plant that is not retired. */
interface OwnAuthority {
  readonly id: string
  readonly zone: string | null
  readonly certificate: Certificate
}

/** The plant's authorities as they were a moment ago. */
export interface OwnAuthorities {
  readonly all: readonly OwnAuthority[]
  /** DER of root, issuing CAs and, in a rollover, cross certificates. */
  readonly published: readonly Uint8Array[]
  /** What ends a chain of an operational certificate, DER. */
  readonly anchors: readonly Uint8Array[]
  /** Their subjects, DER in hex: who else issued a certificate need not be judged. */
  readonly subjects: ReadonlySet<string>
}

/** Reads the plant's authorities, at most once in a while. */
export class AuthorityReader {
  readonly #store: Pick<Store, 'db'>
  readonly #authority: Pick<StoreAuthority, 'caCertificates'>
  readonly #crypto: Crypto
  #kept: { readonly at: number; readonly found: Promise<OwnAuthorities> } | undefined

  constructor(store: Pick<Store, 'db'>, authority: Pick<StoreAuthority, 'caCertificates'>, crypto: Crypto) {
    this.#store = store
    this.#authority = authority
    this.#crypto = crypto
  }

  async read(now: number): Promise<OwnAuthorities> {
    if (this.#kept === undefined || Math.abs(now - this.#kept.at) >= keptMs) {
      const kept = { at: now, found: this.#load() }
      this.#kept = kept
      kept.found.catch(() => {
        if (this.#kept === kept) this.#kept = undefined
      })
    }
    return await this.#kept.found
  }

  /** The certificates above one that an authority signed, issuing CA first, DER. */
  async chainOf(issuerId: string, now: number): Promise<readonly Uint8Array[]> {
    const { all } = await this.read(now)
    const issuer = all.find(({ id }) => id === issuerId)
    if (issuer === undefined) return []
    const root = all.find(
      ({ zone, certificate }) => zone === null && isSignedBy(this.#crypto, issuer.certificate, certificate.publicKey),
    )
    return [issuer, root].flatMap((each) => (each === undefined ? [] : [each.certificate.der]))
  }

  async #load(): Promise<OwnAuthorities> {
    const [rows, published] = await Promise.all([
      this.#store.db
        .selectFrom('authorities')
        .select(['id', 'zone', 'certificate'])
        .where('state', '!=', 'retired')
        .orderBy('zone', (order) => order.asc().nullsFirst())
        .orderBy('generation', 'desc')
        .execute(),
      this.#authority.caCertificates(),
    ])
    // A CA of provisioning certificates is none of the plant: no device may believe it.
    const all = rows
      .filter(({ zone }) => !isProvisioning(zone))
      .map(({ id, zone, certificate }) => ({ id, zone, certificate: decodeCertificate(new Uint8Array(certificate)) }))
    return {
      all,
      published,
      anchors: all.map(({ certificate }) => certificate.der),
      subjects: new Set(all.map(({ certificate }) => Buffer.from(certificate.subject.der).toString('hex'))),
    }
  }
}
