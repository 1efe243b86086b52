import type { EnrollmentFacts, Evaluation, Sighting, UnitIdentity } from '@cordon/core/enrollment'
import { type Kysely, type Selectable, sql } from 'kysely'
import { groupedRead } from '../store/grouped-read.ts'
import type { EnrollmentSightingTable, EnrollmentTable, EnrollmentWordTable, Schema } from '../store/schema.ts'
import type { Observation } from './observe.ts'

/**
 * What the store knows of a key, of credentials and of a device, read for a decision. Whoever commits checks under a lock
 * that nothing of it changed.
 * @module
 */

/** The facts of a request as they are kept. */
export interface StoredFacts extends EnrollmentFacts {
  /** What the network said, where it was asked. */
  readonly observed?: Observation['identity']
  /** The key of the certificate that a renewal renews: what was held against it is held against the new one. */
  readonly renews?: string
}

/** A row of `enrollments` with the certificate that was issued for it. */
export interface EnrollmentRow extends Selectable<EnrollmentTable> {
  readonly facts: StoredFacts
  readonly evaluation: Evaluation
  readonly certificate: Uint8Array | null
  readonly status: 'valid' | 'revoked' | null
  readonly names: string | null
  readonly not_before: Date | null
  readonly not_after: Date | null
}

/** A word about a row. */
export type RowWord = Omit<Selectable<EnrollmentWordTable>, 'at'>

/** What is known of a key. */
export interface KeyRecords {
  /** Of the label; undefined: it never asked there. */
  readonly row: EnrollmentRow | undefined
  /** About that row, in their order. */
  readonly words: readonly RowWord[]
  /** Denials of people, under any label. */
  readonly denials: readonly { readonly by: string; readonly reason: string }[]
  /** Where it was seen, what was declared harmless left out. */
  readonly sightings: readonly Sighting[]
  /** Whether it was seen just so before. */
  readonly places: ReadonlySet<string>
}

/** Columns of the primary key of a sighting as one text. */
export function placeKey({ address, unit, mac }: { address: string; unit: string; mac: string }): string {
  return `${address} ${unit} ${mac}`
}

/** What is known of a key under all labels. */
interface KeyRows {
  readonly rows: readonly EnrollmentRow[]
  readonly words: readonly RowWord[]
  readonly seen: readonly Seen[]
}

type Seen = Pick<Selectable<EnrollmentSightingTable>, 'address' | 'unit' | 'mac' | 'cleared_by'>

/** Reads what is known of a key under a label (empty: the path without one). */
export type KeyReader = (label: string, key: string) => Promise<KeyRecords>

/** A {@link KeyReader} whose askers share queries. */
export function keyReader(db: Kysely<Schema>): KeyReader {
  const read = groupedRead<KeyRows>((keys) => loadKeys(db, keys))
  return async (label, key) => {
    const { rows, words, seen } = (await read(key)) ?? { rows: [], words: [], seen: [] }
    const row = rows.find((each) => each.label === label)
    return {
      row,
      words: words.filter(({ enrollment }) => enrollment === row?.id),
      denials: denialsIn(words),
      sightings: seen.filter((each) => each.cleared_by === null).map(sightingOf),
      places: new Set(seen.map(placeKey)),
    }
  }
}

/** A row of a key, or none, with all words about it and all that is known of where the key was seen. */
type KeyRow = { readonly asked: string; readonly words: readonly RowWord[]; readonly seen: readonly Seen[] } & (
  | EnrollmentRow
  | { readonly id: null }
)

/** One statement: each costs a journey to the database and back. */
async function loadKeys(db: Kysely<Schema>, keys: readonly string[]): Promise<ReadonlyMap<string, KeyRows>> {
  const { rows } = await sql<KeyRow>`
    select k.key as asked, e.*, c.certificate, c.status, c.names, c.not_before, c.not_after,
      coalesce(w.words, '[]') as words, coalesce(s.seen, '[]') as seen
    from unnest(${[...keys]}::text[]) as k(key)
    left join enrollments e on e.key = k.key
    left join certificates c on c.issuer_id = e.issuer_id and c.serial = e.serial
    left join lateral (
      select jsonb_agg(jsonb_build_object('id', id, 'enrollment', enrollment, 'kind', kind, 'by', by, 'reason', reason,
        'detail', detail) order by id) as words
      from enrollment_words where enrollment = e.id
    ) as w on true
    left join lateral (
      select jsonb_agg(jsonb_build_object('address', address, 'unit', unit, 'mac', mac, 'cleared_by', cleared_by)) as seen
      from enrollment_sightings where key = k.key
    ) as s on true`.execute(db)
  const found = new Map<string, KeyRow[]>()
  for (const row of rows) found.set(row.asked, [...(found.get(row.asked) ?? []), row])
  return new Map(
    [...found].map(([key, own]) => {
      const words = own.flatMap((row) => row.words).sort((a, b) => a.id - b.id)
      const real = own.filter((row): row is KeyRow & EnrollmentRow => row.id !== null)
      return [key, { rows: real, words, seen: own[0]?.seen ?? [] }]
    }),
  )
}

/** A comparison with so many values that its text is the same for any number of them. */
function anyOf(values: readonly string[]) {
  return sql<string>`any(${[...values]}::text[])`
}

/** Denials that nobody took back, of words about several rows in their order. */
function denialsIn(words: readonly RowWord[]): KeyRecords['denials'] {
  const standing = new Map<string, { by: string; reason: string; enrollment: number }>()
  for (const { enrollment, kind, by, reason } of words) {
    if (kind === 'deny') standing.set(`${enrollment} ${by}`, { by, reason, enrollment })
    else if (kind === 'withdraw' || kind === 'approve') standing.delete(`${enrollment} ${by}`)
    else if (kind === 'expire')
      for (const [key, word] of standing) if (word.enrollment === enrollment) standing.delete(key)
  }
  return [...standing.values()].map(({ by, reason }) => ({ by, reason }))
}

function sightingOf({ address, unit, mac }: { address: string; unit: string; mac: string }): Sighting {
  return { address, unit: unitOf(unit), mac: mac === '' ? undefined : mac }
}

/** Reverses `unitKey`. */
function unitOf(text: string): UnitIdentity | undefined {
  if (text === '') return undefined
  const key = Number(text)
  return { vendorId: Math.floor(key / 2 ** 32), serialNumber: key % 2 ** 32 }
}

/** A credential that counts uses. */
export interface Credential {
  readonly kind: 'account' | 'provisioning'
  readonly credential: string
}

/** What was granted under a credential. */
export interface CredentialRecord {
  /** To other keys than the one that asks. */
  readonly granted: number
  /** One of these. */
  readonly consumedBy: string | undefined
  readonly revoked: boolean
}

/** How far a credential is used up, the uses of `key` itself not counted. */
export async function readCredential(
  db: Kysely<Schema>,
  { kind, credential }: Credential,
  key: string,
): Promise<CredentialRecord> {
  const { rows } = await sql<{ granted: number; consumed_by: string | null; own: string | null; revoked: boolean }>`
    select count(*) filter (where key <> ${key}) as granted, min(key) filter (where key <> ${key}) as consumed_by,
      min(key) filter (where key = ${key}) as own,
      exists (select from revoked_credentials r where r.kind = ${kind} and r.credential = ${credential}) as revoked
    from credential_uses where kind = ${kind} and credential = ${credential}`.execute(db)
  const [row] = rows
  return {
    granted: row?.granted ?? 0,
    consumedBy: row?.own ?? row?.consumed_by ?? undefined,
    revoked: row?.revoked ?? false,
  }
}

/** A certificate of the plant as it is recorded. */
export interface CertificateStanding {
  readonly profile: string
  readonly status: 'valid' | 'revoked'
  readonly name: string
  readonly zone: string | null
  readonly names: string
}

/** Reads the record of a certificate that was shown, by its key and fingerprint; undefined: none was ever made. */
export type CertificateReader = (key: string, fingerprint: string) => Promise<CertificateStanding | undefined>

/** A {@link CertificateReader} whose askers share queries. */
export function certificateReader(db: Kysely<Schema>): CertificateReader {
  const read = groupedRead<CertificateStanding & { readonly key: string }>(async (fingerprints) => {
    const rows = await db
      .selectFrom('certificates')
      .select(['fingerprint', 'key_hash', 'profile', 'status', 'name', 'zone', 'names'])
      .where('fingerprint', '=', anyOf(fingerprints))
      .execute()
    return new Map(
      rows.map(({ fingerprint, key_hash: hash, ...row }) => [
        fingerprint,
        { ...row, key: Buffer.from(hash).toString('hex') },
      ]),
    )
  })
  return async (key, fingerprint) => {
    const found = await read(fingerprint)
    return found?.key === key ? found : undefined
  }
}

/**
 * Reads what is held against a key and those that it renewed: a denial of a person, or a credential that was revoked
 * since. Undefined: nothing. Askers share queries.
 */
export function reproachReader(db: Kysely<Schema>): (key: string) => Promise<string | undefined> {
  return groupedRead<string>(async (keys) => {
    const { rows } = await sql<{ asked: string; reason: string }>`
      with recursive line(asked, key) as (
        select k, k from unnest(${[...keys]}::text[]) as k
        union select line.asked, e.facts->>'renews' from enrollments e join line on e.key = line.key
        where e.facts->>'renews' is not null
      )
      select line.asked, r.kind || ' ' || r.credential || ' was revoked by ' || r.by || ': ' || r.reason as reason
      from line join credential_uses u on u.key = line.key
      join revoked_credentials r on r.kind = u.kind and r.credential = u.credential
      union all
      select line.asked, w.by || ' denied it: ' || w.reason from line join enrollments e on e.key = line.key
      join enrollment_words w on w.enrollment = e.id
      where w.kind = 'deny' and not exists (select from enrollment_words l where l.enrollment = w.enrollment
        and l.id > w.id and (l.kind = 'expire' or l.kind in ('withdraw', 'approve') and l.by = w.by))`.execute(db)
    return new Map(rows.map(({ asked, reason }) => [asked, reason]))
  })
}

/** Whether somebody took over a device from the holder of a certificate, which may be waiting for its revocation. */
export async function readReplaced(db: Kysely<Schema>, name: string, serial: string): Promise<boolean> {
  const { rows } = await sql<{ replaced: boolean }>`
    select exists (select from enrollments e join enrollment_words w on w.enrollment = e.id
      where e.device = ${name} and w.kind = 'issue' and jsonb_typeof(w.detail->'supersedes') = 'array'
        and w.detail->'supersedes' @> to_jsonb(${serial}::text)) as replaced`.execute(db)
  return rows[0]?.replaced === true
}

/** What is known of a name in the plant. */
export interface NameRecords {
  /** Certificates in force under that name, whatever key they have. */
  readonly live: readonly {
    readonly issuerId: string
    readonly serial: string
    /** SHA-256 of the SubjectPublicKeyInfo, hex. */
    readonly key: string
    readonly profile: string
  }[]
  /** The unit under a policy of ours, as a deployment met it. */
  readonly met: { readonly address: string; readonly identity: unknown; readonly serial: number } | undefined
  /** The request of another key that was granted under that name: one whose certificate is in force, else the newest. */
  readonly earlier: { readonly address: string; readonly facts: StoredFacts } | undefined
}

/** Reads what is known of a device, or of the name that the holder of a key is to get. */
export type NameReader = (name: string, key: string, now: number) => Promise<NameRecords>

interface NameRows {
  readonly live: readonly (NameRecords['live'][number] & { readonly until: number })[]
  readonly met: NameRecords['met']
  /** One of each key, in the order in which they count. */
  readonly granted: readonly { readonly key: string; readonly address: string; readonly facts: unknown }[]
}

/** A {@link NameReader} for a plant, whose askers share queries. */
export function nameReader(db: Kysely<Schema>, plant: string): NameReader {
  const read = groupedRead<NameRows>((names) => loadNames(db, plant, names))
  return async (name, key, now) => {
    const { live, met, granted } = (await read(name)) ?? { live: [], met: undefined, granted: [] }
    const earlier = granted.find((each) => each.key !== key)
    return {
      live: live.filter(({ until }) => until > now),
      met,
      // Written by this folder alone.
      earlier: earlier && { address: earlier.address, facts: earlier.facts as StoredFacts },
    }
  }
}

/** One statement. Of who was granted a name, those come first whose certificate is not revoked, then the newest. */
async function loadNames(
  db: Kysely<Schema>,
  plant: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, NameRows>> {
  const { rows } = await sql<{
    name: string
    live: NameRows['live']
    met: NameRecords['met'] | null
    granted: NameRows['granted']
  }>`
    select n.name, coalesce(live.rows, '[]') as live, met.row as met, coalesce(granted.rows, '[]') as granted
    from unnest(${[...names]}::text[]) as n(name)
    left join lateral (
      select jsonb_agg(jsonb_build_object('issuerId', issuer_id, 'serial', serial, 'key', encode(key_hash, 'hex'),
        'profile', profile, 'until', extract(epoch from not_after) * 1000)) as rows
      from certificates
      where name = n.name and profile in ('device', 'client', 'server') and status = 'valid'
    ) as live on true
    left join lateral (
      select jsonb_build_object('address', address, 'identity', identity, 'serial', serial) as row
      from devices
      where plant = ${plant} and name = n.name and serial is not null and (observed->>'configured')::boolean
    ) as met on true
    left join lateral (
      select jsonb_agg(jsonb_build_object('key', key, 'address', address, 'facts', facts)
        order by valid desc, updated_at desc, id desc) as rows
      from (
        select distinct on (e.key) e.key, e.address, e.facts, e.id, e.updated_at,
          c.status is not distinct from 'valid' as valid
        from enrollments e left join certificates c on c.issuer_id = e.issuer_id and c.serial = e.serial
        where e.device = n.name and e.plant = ${plant} and e.state = 'granted'
        order by e.key, e.id desc
      ) as newest
    ) as granted on true`.execute(db)
  return new Map(rows.map(({ name, live, met, granted }) => [name, { live, met: met ?? undefined, granted }]))
}
