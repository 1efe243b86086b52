import type { PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import { type Certificate, decodeCertificate } from '@cordon/core/x509'
import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { AuthorityKeys } from './keys.ts'
import type { Means } from './means.ts'
import { noAuthority } from './plan.ts'

/** A CA that can sign. */
export interface Signer {
  /** Row of `authorities`. */
  readonly id: string
  readonly zone: string | undefined
  readonly certificate: Certificate
  readonly key: PrivateKey
}

/** The CA of a zone, or the root for null, with its key opened. */
export async function findSigner(
  db: Kysely<Schema>,
  keys: AuthorityKeys,
  zone: string | null,
): Promise<Signer | undefined> {
  const row = await db
    .selectFrom('authorities')
    .selectAll()
    .where('zone', zone === null ? 'is' : '=', zone)
    .orderBy('generation', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return {
    id: row.id,
    zone: row.zone ?? undefined,
    certificate: decodeCertificate(new Uint8Array(row.certificate)),
    key: keys.open(row),
  }
}

/** The issuing CAs of zones, each opened once per process. */
export class Signers {
  readonly #means: Means
  readonly #signers = new Map<string, Promise<Signer>>()
  #root: Promise<Uint8Array> | undefined

  constructor(means: Means) {
    this.#means = means
  }

  /** A zone's signer. A failure is not kept: the zone may be made in a moment. */
  async of(zone: string): Promise<Signer> {
    let found = this.#signers.get(zone)
    if (found === undefined) {
      found = findSigner(this.#means.store.db, this.#means.keys, zone).then((signer) => {
        if (signer === undefined) {
          throw new UsageError(
            'missing',
            `no issuing CA for zone "${zone}"; add the zone to the plant file and run: cordon ca init`,
          )
        }
        return signer
      })
      this.#signers.set(zone, found)
      found.catch(() => this.#signers.delete(zone))
    }
    return await found
  }

  /** The root certificate, DER, read once. */
  async root(): Promise<Uint8Array> {
    this.#root ??= readRoot(this.#means.store.db)
    const root = this.#root
    root.catch(() => {
      this.#root = undefined
    })
    return await root
  }
}

/** The root certificate, DER. @throws UsageError `missing` before there is one */
export async function readRoot(db: Kysely<Schema>): Promise<Uint8Array> {
  const row = await db
    .selectFrom('authorities')
    .select('certificate')
    .where('zone', 'is', null)
    .orderBy('generation', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) throw noAuthority()
  return new Uint8Array(row.certificate)
}

/** The issuing CA certificates of a zone, DER, newest first. @throws UsageError `missing` */
export async function readAnchors(db: Kysely<Schema>, zone: string): Promise<readonly Uint8Array[]> {
  const rows = await db
    .selectFrom('authorities')
    .select('certificate')
    .where('zone', '=', zone)
    .orderBy('generation', 'desc')
    .execute()
  if (rows.length === 0) throw new UsageError('missing', `no issuing CA for zone "${zone}"`)
  return rows.map(({ certificate }) => new Uint8Array(certificate))
}
