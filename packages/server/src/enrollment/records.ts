import type { EnrollmentFacts, Evaluation, Sighting, UnitIdentity } from '@cordon/core/enrollment'
import { type Kysely, type Selectable, sql } from 'kysely'
import type { EnrollmentSightingTable, EnrollmentTable, EnrollmentWordTable, Schema } from '../store/schema.ts'
import { groupedRead } from './grouped-read.ts'
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

/** What is known of a key. */
export interface KeyRecords {
  /** Of the label; undefined: it never asked there. */
  readonly row: EnrollmentRow | undefined
  /** About that row, in their order. */
  readonly words: readonly Selectable<EnrollmentWordTable>[]
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
  readonly rows: readonly (Omit<EnrollmentRow, 'facts' | 'evaluation'> & { facts: unknown; evaluation: unknown })[]
  readonly words: readonly Selectable<EnrollmentWordTable>[]
  readonly seen: readonly Selectable<EnrollmentSightingTable>[]
}

/** Reads what is known of a key under a label (empty: the path without one). */
export type KeyReader = (label: string, key: string) => Promise<KeyRecords>

/** A {@link KeyReader} whose askers share queries. */
export function keyReader(db: Kysely<Schema>): KeyReader {
  const read = groupedRead<KeyRows>((keys) => loadKeys(db, keys))
  return async (label, key) => {
    const { rows, words, seen } = (await read(key)) ?? { rows: [], words: [], seen: [] }
    // Both columns are written by this folder alone.
    const row = rows.find((each) => each.label === label) as EnrollmentRow | undefined
    return {
      row,
      words: words.filter(({ enrollment }) => enrollment === row?.id),
      denials: denialsIn(words),
      sightings: seen.filter((each) => each.cleared_by === null).map(sightingOf),
      places: new Set(seen.map(placeKey)),
    }
  }
}

async function loadKeys(db: Kysely<Schema>, keys: readonly string[]): Promise<ReadonlyMap<string, KeyRows>> {
  const [rows, seen] = await Promise.all([
    db
      .selectFrom('enrollments as e')
      .leftJoin('certificates as c', (join) =>
        join.onRef('c.issuer_id', '=', 'e.issuer_id').onRef('c.serial', '=', 'e.serial'),
      )
      .selectAll('e')
      .select(['c.certificate', 'c.status', 'c.names', 'c.not_before', 'c.not_after'])
      .where('e.key', 'in', [...keys])
      .execute(),
    db
      .selectFrom('enrollment_sightings')
      .selectAll()
      .where('key', 'in', [...keys])
      .execute(),
  ])
  const ids = rows.map(({ id }) => id)
  const words =
    ids.length === 0
      ? []
      : await db.selectFrom('enrollment_words').selectAll().where('enrollment', 'in', ids).orderBy('id').execute()
  const wordsOf = grouped(words, ({ enrollment }) => enrollment)
  const rowsOf = grouped(rows, ({ key }) => key)
  const seenOf = grouped(seen, ({ key }) => key)
  return new Map(
    keys.map((key) => {
      const own = rowsOf.get(key) ?? []
      return [key, { rows: own, words: own.flatMap(({ id }) => wordsOf.get(id) ?? []), seen: seenOf.get(key) ?? [] }]
    }),
  )
}

function grouped<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

/** Denials that nobody took back, of words about several rows in their order. */
function denialsIn(words: readonly Selectable<EnrollmentWordTable>[]): KeyRecords['denials'] {
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

/** The record of a certificate that was shown; undefined: none was ever made. */
export async function readCertificate(
  db: Kysely<Schema>,
  key: string,
  fingerprint: string,
): Promise<CertificateStanding | undefined> {
  return await db
    .selectFrom('certificates')
    .select(['profile', 'status', 'name', 'zone', 'names'])
    .where('key_hash', '=', Buffer.from(key, 'hex'))
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst()
}

/**
 * What is held against a key and those that it renewed: a denial of a person, or a credential that was revoked since.
 * Undefined: nothing.
 */
export async function readReproach(db: Kysely<Schema>, key: string): Promise<string | undefined> {
  const { rows } = await sql<{ reason: string }>`
    with recursive line(key) as (
      select ${key}::text
      union select e.facts->>'renews' from enrollments e join line on e.key = line.key where e.facts->>'renews' is not null
    )
    select r.kind || ' ' || r.credential || ' was revoked by ' || r.by || ': ' || r.reason as reason
    from revoked_credentials r
    where exists (select from credential_uses u
      where u.kind = r.kind and u.credential = r.credential and u.key in (select key from line))
    union all
    select w.by || ' denied it: ' || w.reason from enrollments e join line on e.key = line.key
    join enrollment_words w on w.enrollment = e.id
    where w.kind = 'deny' and not exists (select from enrollment_words l where l.enrollment = w.enrollment
      and l.id > w.id and (l.kind = 'expire' or l.kind in ('withdraw', 'approve') and l.by = w.by))
    limit 1`.execute(db)
  return rows[0]?.reason
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

async function loadNames(
  db: Kysely<Schema>,
  plant: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, NameRows>> {
  const [live, met, granted] = await Promise.all([
    db
      .selectFrom('certificates')
      .select(['name', 'issuer_id', 'serial', 'key_hash', 'profile', 'not_after'])
      .where('name', 'in', [...names])
      .where('profile', 'in', ['device', 'client', 'server'])
      .where('status', '=', 'valid')
      .execute(),
    db
      .selectFrom('devices')
      .select(['name', 'address', 'identity', 'serial'])
      .where('plant', '=', plant)
      .where('name', 'in', [...names])
      .where(sql<boolean>`(observed->>'configured')::boolean`)
      .execute(),
    loadGranted(db, plant, names),
  ])
  return new Map(
    names.map((name) => {
      const device = met.find((each) => each.name === name)
      return [
        name,
        {
          live: live.flatMap((row) => (row.name === name ? [liveOf(row)] : [])),
          met: device === undefined || device.serial === null ? undefined : { ...device, serial: device.serial },
          granted: granted.filter((each) => each.device === name),
        },
      ]
    }),
  )
}

function liveOf(row: {
  issuer_id: string
  serial: string
  key_hash: Uint8Array
  profile: string
  not_after: Date
}): NameRows['live'][number] {
  const { issuer_id: issuerId, serial, profile } = row
  return { issuerId, serial, key: Buffer.from(row.key_hash).toString('hex'), profile, until: row.not_after.getTime() }
}

/** Who was granted a name: those first whose certificate is not revoked, then the newest. */
async function loadGranted(db: Kysely<Schema>, plant: string, names: readonly string[]) {
  const { rows } = await sql<{ device: string; key: string; address: string; facts: unknown }>`
    select device, key, address, facts from (
      select distinct on (e.device, e.key) e.device, e.key, e.address, e.facts, e.id, e.updated_at,
        c.status is not distinct from 'valid' as valid
      from enrollments e left join certificates c on c.issuer_id = e.issuer_id and c.serial = e.serial
      where e.device = any(${[...names]}::text[]) and e.plant = ${plant} and e.state = 'granted'
      order by e.device, e.key, e.id desc
    ) as newest
    order by device, valid desc, updated_at desc, id desc`.execute(db)
  return rows
}
