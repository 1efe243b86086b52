import type { AuthorityState } from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import { type Certificate, decodeCertificate } from '@cordon/core/x509'
import { type Kysely, sql } from 'kysely'
import { groupedRead } from '../store/grouped-read.ts'
import type { Schema } from '../store/schema.ts'
import type { AuthorityKeys, KeyRow } from './keys.ts'
import type { Means } from './means.ts'
import { noAuthority } from './plan.ts'

/** A row of `authorities`. */
export interface AuthorityRow extends KeyRow {
  readonly zone: string | null
  readonly generation: number
  readonly state: AuthorityState
  readonly certificate: Uint8Array
  readonly key_kind: string
}

/** A CA that can sign. */
export interface Signer {
  /** Row of `authorities`. */
  readonly id: string
  readonly zone: string | undefined
  readonly certificate: Certificate
  readonly key: PrivateKey
}

/** The CA that signs for a zone, and what goes with its certificates: its own, and the root above it. */
export interface ActiveSigner {
  readonly signer: Signer
  /** DER, issuing CA first. */
  readonly chain: readonly Uint8Array[]
}

interface ActiveRows {
  readonly row: AuthorityRow
  readonly root: AuthorityRow | undefined
}

async function activeRows(db: Kysely<Schema>, zones: readonly string[]): Promise<ReadonlyMap<string, ActiveRows>> {
  const rows = await db
    .selectFrom('authorities')
    .selectAll()
    .where('state', '=', 'active')
    .where((eb) => eb.or([eb('zone', '=', sql<string>`any(${[...zones]}::text[])`), eb('zone', 'is', null)]))
    .execute()
  const root = rows.find(({ zone }) => zone === null)
  return new Map(rows.flatMap((row) => (row.zone === null ? [] : [[row.zone, { row, root }]])))
}

/** A CA with its key opened. */
export async function signerOf(keys: AuthorityKeys, row: AuthorityRow): Promise<Signer> {
  const key = await keys.open(row)
  return {
    id: row.id,
    zone: row.zone ?? undefined,
    certificate: decodeCertificate(new Uint8Array(row.certificate)),
    key,
  }
}

/** The root that signs, with its key opened. */
export async function activeRoot(db: Kysely<Schema>, keys: AuthorityKeys): Promise<Signer | undefined> {
  const row = await db
    .selectFrom('authorities')
    .selectAll()
    .where('zone', 'is', null)
    .where('state', '=', 'active')
    .executeTakeFirst()
  return row === undefined ? undefined : await signerOf(keys, row)
}

/**
 * The CAs that sign. Which one signs for a zone is asked of the store every time, because another process may have
 * activated the next generation; only what never changes is kept.
 */
export class Signers {
  readonly #means: Means
  readonly #signers = new Map<string, Signer>()
  /** Of a zone; askers share queries. */
  readonly #read: (zone: string) => Promise<ActiveRows | undefined>

  constructor(means: Means) {
    this.#means = means
    this.#read = groupedRead((zones) => activeRows(means.store.db, zones))
  }

  /** The CA that signs for a zone. @throws UsageError `missing` */
  async active(zone: string): Promise<ActiveSigner> {
    const { row, root } = (await this.#read(zone)) ?? {}
    if (row === undefined) {
      throw new UsageError(
        'missing',
        `no issuing CA for zone "${zone}"; add the zone to the plant file and run: cordon ca init`,
      )
    }
    const signer = await this.of(row)
    const above = root === undefined || isProvisioning(zone) ? [] : [new Uint8Array(root.certificate)]
    return { signer, chain: [signer.certificate.der, ...above] }
  }

  /** A CA with its key, opened once per process and read anew when it has another certificate. */
  async of(row: AuthorityRow): Promise<Signer> {
    const known = this.#signers.get(row.id)
    if (known !== undefined && Buffer.compare(known.certificate.der, row.certificate) === 0) return known
    const signer = await signerOf(this.#means.keys, row)
    this.#signers.set(row.id, signer)
    return signer
  }
}

/** The zone of a provisioning CA: no zone of the plant can have such a name. */
export function provisioningZone(name?: string): string {
  return name === undefined ? '.provisioning' : `.provisioning.${name}`
}

/** Whether a row's zone is that of a provisioning CA. */
export function isProvisioning(zone: string | null): boolean {
  return zone?.startsWith('.') === true
}

/** The certificate of the root that signs, DER. @throws UsageError `missing` before there is one */
export async function readRoot(db: Kysely<Schema>): Promise<Uint8Array> {
  const row = await db
    .selectFrom('authorities')
    .select('certificate')
    .where('zone', 'is', null)
    .where('state', '=', 'active')
    .executeTakeFirst()
  if (row === undefined) throw noAuthority()
  return new Uint8Array(row.certificate)
}
