import type { AuditRecord, Finding } from '@cordon/core/drift'
import { sql } from 'kysely'
import type { Store } from '../store/store.ts'

/** Most records that are looked through for one comparison, of each kind. */
const mostRecords = 1000

/** Everything on record that may be why these findings are there, the newest first. */
export async function auditRecords(
  store: Pick<Store, 'db'>,
  plant: string,
  findings: readonly Finding[],
): Promise<readonly AuditRecord[]> {
  const devices = [...new Set(findings.map(({ device }) => device))]
  if (devices.length === 0) return []
  const all = await Promise.all([
    deployments(store, plant, devices),
    enrollments(store, plant, devices),
    takenBack(store, devices),
    revocations(store, devices),
    generations(store),
  ])
  return all.flat().sort((a, b) => b.at - a.at)
}

async function deployments(
  { db }: Pick<Store, 'db'>,
  plant: string,
  devices: readonly string[],
): Promise<readonly AuditRecord[]> {
  const { rows } = await sql<{
    id: string
    kind: string
    status: string
    device: string
    at: Date
    changes: unknown
  }>`
    select d.id, d.kind, t.status, t.device, t.updated_at as at,
      (select e->'changes' from jsonb_array_elements(d.plan->'devices') e where e->>'device' = t.device limit 1) as changes
    from deployment_targets t join deployments d on d.id = t.deployment
    where d.plant = ${plant} and t.device = any(${devices}::text[]) and t.attempts > 0
    order by t.updated_at desc limit ${mostRecords}`.execute(db)
  return rows.map(({ id, kind, status, device, at, changes }) => {
    const isWhole = status === 'complete' || status === 'complete-with-warnings'
    return {
      what: `${kind === 'release' ? 'release' : 'deployment'} ${id.slice(0, 8)}${isWhole ? '' : `, ${status}`}`,
      at: at.getTime(),
      by: undefined,
      device,
      settings: undefined,
      wrote: kind === 'apply' && isWhole ? writtenIn(changes) : undefined,
    }
  })
}

/** What a plan said that it would write. */
function writtenIn(changes: unknown): AuditRecord['wrote'] {
  const written: Record<string, string> = {}
  for (const change of Array.isArray(changes) ? changes : []) {
    if (typeof change !== 'object' || change === null || !('what' in change) || !('to' in change)) continue
    if (typeof change.what === 'string' && typeof change.to === 'string') written[change.what] = change.to
  }
  return written
}

async function enrollments(
  { db }: Pick<Store, 'db'>,
  plant: string,
  devices: readonly string[],
): Promise<readonly AuditRecord[]> {
  const rows = await db
    .selectFrom('enrollment_words as w')
    .innerJoin('enrollments as e', 'e.id', 'w.enrollment')
    .select(['e.id', 'e.device', 'w.kind', 'w.by', 'w.at'])
    .where('e.plant', '=', plant)
    .where('e.device', 'in', [...devices])
    .where('w.kind', 'in', ['issue', 'replace'])
    .orderBy('w.at', 'desc')
    .limit(mostRecords)
    .execute()
  return rows.map(({ id, device, kind, by, at }) => ({
    what: kind === 'replace' ? `replacement by enrollment ${id}` : `enrollment ${id}`,
    at: at.getTime(),
    by,
    device: device ?? undefined,
    // The certificate came by enrollment; a unit that takes over a role is another one altogether.
    settings: kind === 'replace' ? undefined : (['certificate', 'state'] as const),
    wrote: undefined,
  }))
}

async function takenBack({ db }: Pick<Store, 'db'>, devices: readonly string[]): Promise<readonly AuditRecord[]> {
  const rows = await db
    .selectFrom('events')
    .select(['subject', 'at'])
    .where('kind', '=', 'device-taken-back')
    .where('subject', 'in', [...devices])
    .orderBy('at', 'desc')
    .limit(mostRecords)
    .execute()
  return rows.map(({ subject, at }) => ({
    what: 'taking the device back from another manager',
    at: at.getTime(),
    by: undefined,
    device: subject,
    settings: undefined,
    wrote: undefined,
  }))
}

/** A revocation takes a certificate from one device, and makes a new list for all that trust its zone. */
async function revocations({ db }: Pick<Store, 'db'>, devices: readonly string[]): Promise<readonly AuditRecord[]> {
  const rows = await db
    .selectFrom('revocations as r')
    .innerJoin('certificates as c', (join) =>
      join.onRef('c.issuer_id', '=', 'r.issuer_id').onRef('c.serial', '=', 'r.serial'),
    )
    .select(['c.name', 'r.reason', 'r.revoked_at'])
    .orderBy('r.revoked_at', 'desc')
    .limit(mostRecords)
    .execute()
  return rows.flatMap(({ name, reason, revoked_at: at }): AuditRecord[] => {
    const record = { what: `the revocation of ${name} (${reason})`, at: at.getTime(), by: undefined, wrote: undefined }
    const lists: AuditRecord = { ...record, device: undefined, settings: ['revocationLists'] }
    return devices.includes(name) ? [{ ...record, device: name, settings: ['certificate'] }, lists] : [lists]
  })
}

async function generations({ db }: Pick<Store, 'db'>): Promise<readonly AuditRecord[]> {
  const rows = await db
    .selectFrom('authorities')
    .select(['id', 'created_at'])
    .orderBy('created_at', 'desc')
    .limit(mostRecords)
    .execute()
  return rows.map(({ id, created_at: at }) => ({
    what: `the new certificate authority ${id}`,
    at: at.getTime(),
    by: undefined,
    device: undefined,
    settings: ['authorities', 'authorityCertificates'] as const,
    wrote: undefined,
  }))
}
