import type { Crypto } from '@cordon/core/crypto'
import { type Certificate, decodeCertificate, isSignedBy } from '@cordon/core/x509'
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
  readonly #crypto: Crypto
  #kept: { readonly at: number; readonly found: Promise<OwnAuthorities> } | undefined

  constructor(store: Pick<Store, 'db'>, crypto: Crypto) {
    this.#store = store
    this.#crypto = crypto
  }

  async read(now: number): Promise<OwnAuthorities> {
    if (this.#kept === undefined || Math.abs(now - this.#kept.at) >= keptMs) {
      const kept = { at: now, found: this.#load(now) }
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

  async #load(now: number): Promise<OwnAuthorities> {
    const { db } = this.#store
    const [rows, crosses] = await Promise.all([
      db
        .selectFrom('authorities as a')
        .select(['a.id', 'a.zone', 'a.certificate'])
        .where('a.state', '!=', 'retired')
        // A CA of provisioning certificates is none of the plant: no device may believe it.
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('certificates as c')
              .select('c.serial')
              .whereRef('c.certificate', '=', 'a.certificate')
              .where('c.profile', 'in', ['root', 'issuing']),
          ),
        )
        .orderBy('a.zone', (order) => order.asc().nullsFirst())
        .orderBy('a.generation', 'desc')
        .execute(),
      db
        .selectFrom('certificates')
        .select('certificate')
        .where('profile', '=', 'cross')
        .where('status', '=', 'valid')
        .where('not_after', '>', new Date(now))
        .execute(),
    ])
    const all = rows.map(({ id, zone, certificate }) => ({
      id,
      zone,
      certificate: decodeCertificate(new Uint8Array(certificate)),
    }))
    const anchors = all.map(({ certificate }) => certificate.der)
    return {
      all,
      anchors,
      published: [...anchors, ...crosses.map(({ certificate }) => new Uint8Array(certificate))],
      subjects: new Set(all.map(({ certificate }) => Buffer.from(certificate.subject.der).toString('hex'))),
    }
  }
}
