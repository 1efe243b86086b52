import type { CertificateProfile } from '@cordon/core/authority'
import { decodeCertificate, formatName } from '@cordon/core/x509'
import { type Kysely, sql } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/**
 * The certificates that were ever issued, as people look for them: by expiry, by holder, by number.
 * @module
 */

/** A certificate of the inventory. */
export interface InventoryEntry {
  /** Row of `authorities`. */
  readonly issuer: string
  /** Lower-case hex. */
  readonly serial: string
  readonly profile: CertificateProfile
  readonly zone: string | null
  readonly name: string
  readonly subject: string
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly status: 'valid' | 'revoked'
  /** DER. */
  readonly certificate: Uint8Array
  /** Device that was last seen to use it. */
  readonly inUse: string | null
  readonly revokedAt: Date | null
  readonly reason: string | null
}

/** Which certificates are listed; what is absent does not matter. */
export interface InventoryFilter {
  readonly status?: 'valid' | 'revoked' | 'expired'
  /** They end within so many days from now. */
  readonly withinDays?: number
  readonly zone?: string
  readonly profile?: string
  /** A device uses it, or none does. */
  readonly inUse?: boolean
  /** Part of name, subject, serial number or fingerprint, in any case. */
  readonly search?: string
}

function inventory(db: Kysely<Schema>) {
  return db
    .selectFrom('certificates as c')
    .leftJoin('revocations as r', (join) =>
      join.onRef('r.issuer_id', '=', 'c.issuer_id').onRef('r.serial', '=', 'c.serial'),
    )
    .leftJoin('devices as d', 'd.certificate_fingerprint', 'c.fingerprint')
    .select([
      'c.issuer_id as issuer',
      'c.serial',
      'c.profile',
      'c.zone',
      'c.name',
      'c.subject',
      'c.fingerprint',
      'c.not_before as notBefore',
      'c.not_after as notAfter',
      'c.status',
      'c.certificate',
      'd.name as inUse',
      'r.revoked_at as revokedAt',
      'r.reason',
    ])
}

/**
 * Certificates by their end, the earliest first, in pages.
 * @param page `cursor`: the `next` of an earlier page
 */
export async function listInventory(
  { db }: Pick<Store, 'db'>,
  { status, withinDays, zone, profile, inUse, search }: InventoryFilter,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<{ readonly entries: readonly InventoryEntry[]; readonly next: string | null }> {
  let query = inventory(db)
  if (status === 'revoked') query = query.where('c.status', '=', 'revoked')
  if (status === 'valid') query = query.where('c.status', '=', 'valid').where('c.not_after', '>=', sql<Date>`now()`)
  if (status === 'expired') query = query.where('c.status', '=', 'valid').where('c.not_after', '<', sql<Date>`now()`)
  if (withinDays !== undefined)
    query = query.where('c.not_after', '<', sql<Date>`now() + ${withinDays} * interval '1 day'`)
  if (zone !== undefined) query = query.where('c.zone', '=', zone)
  if (profile !== undefined) query = query.where(sql<boolean>`c.profile = ${profile}`)
  if (inUse !== undefined) query = query.where('d.name', inUse ? 'is not' : 'is', null)
  if (search !== undefined) {
    const like = `%${search.replaceAll(/[\\%_]/g, '\\$&')}%`
    query = query.where((eb) =>
      eb.or((['c.name', 'c.subject', 'c.serial', 'c.fingerprint'] as const).map((column) => eb(column, 'ilike', like))),
    )
  }
  const place = placeOf(cursor)
  if (place !== undefined)
    query = query.where(
      sql<boolean>`(c.not_after, c.issuer_id, c.serial) > (${place.notAfter}::timestamptz, ${place.issuer}, ${place.serial})`,
    )
  const rows = await query
    .orderBy('c.not_after')
    .orderBy('c.issuer_id')
    .orderBy('c.serial')
    .limit(limit + 1)
    .execute()
  const entries = rows.slice(0, limit).map((row) => ({ ...row, certificate: new Uint8Array(row.certificate) }))
  const last = rows.length > limit ? entries.at(-1) : undefined
  return { entries, next: last === undefined ? null : `${last.notAfter.toISOString()}~${last.issuer}~${last.serial}` }
}

function placeOf(cursor: string | undefined): { notAfter: string; issuer: string; serial: string } | undefined {
  const [, notAfter, issuer, serial] = /^(\d{4,6}-\d\d-\d\dT[\d:.]+Z)~([^~]+)~([0-9a-f]+)$/.exec(cursor ?? '') ?? []
  if (notAfter === undefined || issuer === undefined || serial === undefined) return undefined
  return { notAfter, issuer, serial }
}

/** One certificate, by issuer and serial number or by fingerprint. */
export async function findCertificate(
  { db }: Pick<Store, 'db'>,
  which: { readonly issuer: string; readonly serial: string } | { readonly fingerprint: string },
): Promise<InventoryEntry | undefined> {
  const query = inventory(db)
  const row = await ('fingerprint' in which
    ? query.where('c.fingerprint', '=', which.fingerprint)
    : query.where('c.issuer_id', '=', which.issuer).where('c.serial', '=', which.serial)
  ).executeTakeFirst()
  return row === undefined ? undefined : { ...row, certificate: new Uint8Array(row.certificate) }
}

/** How many certificates end when. */
export interface CertificateSummary {
  readonly expired: number
  /** Within 7 days; those of each later member are not counted in an earlier one. */
  readonly days7: number
  readonly days30: number
  readonly days90: number
  readonly later: number
  readonly revoked: number
}

/** Counts the certificates of devices, clients and servers by their end. */
export async function certificateSummary({ db }: Pick<Store, 'db'>, now: number): Promise<CertificateSummary> {
  const day = 86_400_000
  const at = (days: number) => new Date(now + days * day)
  const { rows } = await sql<CertificateSummary>`
    select count(*) filter (where status = 'revoked') as revoked,
      count(*) filter (where status = 'valid' and not_after < ${at(0)}) as expired,
      count(*) filter (where status = 'valid' and not_after >= ${at(0)} and not_after < ${at(7)}) as days7,
      count(*) filter (where status = 'valid' and not_after >= ${at(7)} and not_after < ${at(30)}) as days30,
      count(*) filter (where status = 'valid' and not_after >= ${at(30)} and not_after < ${at(90)}) as days90,
      count(*) filter (where status = 'valid' and not_after >= ${at(90)}) as later
    from certificates where profile in ('device', 'client', 'server', 'provisioning')`.execute(db)
  const [row] = rows
  return row ?? { expired: 0, days7: 0, days30: 0, days90: 0, later: 0, revoked: 0 }
}

/** What an authority issued. */
export interface AuthorityFacts {
  readonly subject: string
  /** DER. */
  readonly certificate: Uint8Array
  readonly isRoot: boolean
  readonly crlNumber: number
  readonly issued: number
}

/** Every authority by its id. */
export async function issuedByAuthority({ db }: Pick<Store, 'db'>): Promise<ReadonlyMap<string, AuthorityFacts>> {
  const rows = await db
    .selectFrom('authorities as a')
    .select(['a.id', 'a.zone', 'a.certificate', 'a.crl_number'])
    .select((eb) =>
      eb
        .selectFrom('certificates as c')
        .whereRef('c.issuer_id', '=', 'a.id')
        .select((inner) => inner.fn.countAll<number>().as('n'))
        .as('issued'),
    )
    .execute()
  return new Map(
    rows.map(({ id, zone, certificate, crl_number: crlNumber, issued }) => {
      const der = new Uint8Array(certificate)
      const subject = formatName(decodeCertificate(der).subject)
      return [id, { subject, certificate: der, isRoot: zone === null, crlNumber, issued: Number(issued ?? 0) }]
    }),
  )
}
