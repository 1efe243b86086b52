import type { CertificateProfile } from '@cordon/core/authority'
import { NotAllowed } from '@cordon/core/errors'
import { type Kysely, sql } from 'kysely'
import { groupedRead } from '../store/grouped-read.ts'
import type { Schema } from '../store/schema.ts'

/** Part of its life that a certificate must still have to be handed out again for the same key. */
const reuseShare = 1 / 3

/** Reasons that say nothing against the key, so that it may be certified again. */
const harmlessReasons: readonly string[] = ['superseded', 'cessationOfOperation']

/** A certificate that a key had before. */
export interface EarlierRow {
  readonly name: string
  readonly profile: CertificateProfile
  readonly status: string
  readonly reason: string | null
  readonly not_before: Date
  readonly not_after: Date
}

/** Reads every certificate that a key ever had, the longest-lived first, by its SHA-256 in hex. Askers share queries. */
export function earlierReader(db: Kysely<Schema>) {
  type Rows = Awaited<ReturnType<typeof earlierOf>>
  const read = groupedRead<Rows>(async (keys) => {
    const found = new Map<string, Rows>()
    for (const row of await earlierOf(
      db,
      keys.map((key) => Buffer.from(key, 'hex')),
    )) {
      const key = Buffer.from(row.key_hash).toString('hex')
      found.set(key, [...(found.get(key) ?? []), row])
    }
    return found
  })
  return async (key: string) => (await read(key)) ?? []
}

async function earlierOf(db: Kysely<Schema>, keyHashes: readonly Uint8Array[]) {
  return await db
    .selectFrom('certificates as c')
    .leftJoin('revocations as r', (join) =>
      join.onRef('r.issuer_id', '=', 'c.issuer_id').onRef('r.serial', '=', 'c.serial'),
    )
    .select([
      'c.issuer_id',
      'c.serial',
      'c.profile',
      'c.name',
      'c.names',
      'c.key_hash',
      'c.certificate',
      'c.not_before',
      'c.not_after',
      'c.status',
      'r.reason',
    ])
    .where('c.key_hash', '=', sql<Uint8Array>`any(${[...keyHashes]}::bytea[])`)
    .orderBy('c.not_after', 'desc')
    .execute()
}

/**
 * A key that was given up as compromised stays out, and one key belongs to one device: a copy is a theft or a mistake.
 * The key of a provisioning certificate, which passes through many hands, belongs to no device at all.
 * @throws NotAllowed `refused`
 */
export function checkKeyHistory(
  earlier: readonly EarlierRow[],
  wanted: { readonly name: string; readonly profile: CertificateProfile },
  now: number,
): void {
  const { name, profile } = wanted
  for (const row of earlier) {
    if (row.status === 'revoked' && !harmlessReasons.includes(row.reason ?? '')) {
      throw new NotAllowed(
        'refused',
        `the key was certified for "${row.name}" and revoked (${row.reason}); make a new key pair`,
      )
    }
    if ((row.profile === 'provisioning') !== (profile === 'provisioning')) {
      throw new NotAllowed(
        'refused',
        `the key belongs to the ${row.profile} certificate of "${row.name}"; make a new key pair for ${profile}`,
      )
    }
    if (row.status === 'valid' && row.name !== name && row.not_after.getTime() > now) {
      throw new NotAllowed('refused', `the key already belongs to "${row.name}"; every device needs a key of its own`)
    }
  }
}

/** Whether a certificate may be handed out again to somebody who wants one for so long. */
export function hasLifeLeft(row: EarlierRow, now: number, wantedMs: number): boolean {
  const left = row.not_after.getTime() - now
  // Measured against the life that is wanted now, so that a short-lived one is not handed out for a long one.
  return left > wantedMs * reuseShare && left <= wantedMs + 1000
}
