import { backdateMs, type CertificateProfile } from '@cordon/core/authority'
import { type Kysely, sql } from 'kysely'
import type { Schema } from '../store/schema.ts'

const dayMs = 86_400_000

/** A certificate that somebody works with. */
export interface CertificateInUse {
  readonly issuer_id: string
  readonly serial: string
  readonly profile: CertificateProfile
  readonly zone: string | null
  readonly name: string
  readonly not_before: Date
  readonly not_after: Date
  /** A device was seen to use it. */
  readonly is_held: boolean
  /** It was enrolled for by EST. */
  readonly is_enrolled: boolean
  /** Cordon keeps it with its key, and renews it. */
  readonly is_kept: boolean
}

/**
 * The certificates of devices, clients and servers that are not revoked and that nothing newer took the place of,
 * expired ones among them; those of a day or less, which are made anew for every use, are left out.
 */
export async function certificatesInUse(db: Kysely<Schema>): Promise<readonly CertificateInUse[]> {
  const { rows } = await sql<CertificateInUse>`
    select c.issuer_id, c.serial, c.profile, c.zone, c.name, c.not_before, c.not_after,
      d.name is not null as is_held,
      exists (select from enrollments e where e.issuer_id = c.issuer_id and e.serial = c.serial) as is_enrolled,
      exists (select from facts f where f.value->>'serial' = c.serial) as is_kept
    from certificates c left join devices d on d.certificate_fingerprint = c.fingerprint
    where c.status = 'valid' and c.profile in ('device', 'client', 'server', 'provisioning')
      and extract(epoch from c.not_after - c.not_before) * 1000 > ${backdateMs + dayMs}::float8
      and (d.name is not null or c.profile = 'provisioning' or not exists (
        select from certificates n where n.name = c.name and n.profile = c.profile and n.status = 'valid'
          and n.created_at > c.created_at))
    order by c.not_after, c.name, c.serial`.execute(db)
  return rows
}
