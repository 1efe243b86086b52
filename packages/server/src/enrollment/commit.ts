import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { CountedUse, Evaluation, ReplacementVerdict } from '@cordon/core/enrollment'
import type { SignedCertificate } from '../authority/issuing.ts'
import { certificatesInsert } from '../authority/records.ts'
import { acceptReplacement } from '../deploy/device-records.ts'
import { groupCommit } from '../store/group-commit.ts'
import { type EnrollmentTable, jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { StoredFacts } from './records.ts'

/**
 * Makes decisions durable: certificate, decision, what was used up, words, sightings and notices in one transaction, which
 * many requests share. What a decision was made on is checked under a lock; where it changed, nothing is written and the
 * request is judged again.
 * @module
 */

/** A takeover as it is kept: the judgement, with the device and what its former unit held. */
export interface StoredReplacement extends ReplacementVerdict {
  readonly device: string
  /** Serial number of the certificate that the former unit held, the newest of several; null: none was in force. */
  readonly serial: string | null
  /** All of these. */
  readonly serials: readonly string[]
}

/** Something that people are told, and that goes into the events. */
export interface Notice {
  readonly kind: string
  /** Plain data without secrets. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** A word of the service's own. */
export interface ServiceWord {
  readonly kind: 'asked' | 'expire' | 'issue' | 'replace'
  readonly by: string
  readonly reason: string
  readonly detail?: unknown
}

/** A decision, ready to be written. */
export interface DecisionRecord {
  readonly plant: string
  /** Empty: the path without one. */
  readonly label: string
  readonly key: string
  readonly operation: EnrollmentTable['operation']
  readonly requester: string
  readonly address: string
  readonly subject: string
  readonly request: Uint8Array
  readonly facts: StoredFacts
  readonly evaluation: Evaluation
  readonly replacement: StoredReplacement | undefined
  readonly state: 'pending' | 'granted' | 'denied'
  readonly reason: string
  readonly device: string | null
  readonly zone: string | null
  readonly expiresAt: Date | null
  /** The row stays as it is: a refusal takes away no certificate, and no place in the queue. */
  readonly keepRow: boolean
  readonly signed: SignedCertificate | undefined
  readonly uses: readonly CountedUse[]
  readonly sighting: { readonly unit: string; readonly mac: string } | undefined
  readonly words: readonly ServiceWord[]
  readonly notices: readonly Notice[]
  /** What the decision was made on. */
  readonly basis: Basis
  /** Milliseconds since 1970, of the decision. */
  readonly now: number
}

/** What must still be so when a decision is written. */
export interface Basis {
  /** State and newest word of the row; undefined: there was none. */
  readonly row: { readonly state: string; readonly serial: string | null; readonly word: number } | undefined
  /** Serial numbers of the certificates in force under the name that a certificate gets, in order. */
  readonly live: readonly string[]
}

/** What became of a decision: written, under which number, or to be made again. */
export type CommitResult = { readonly kind: 'written'; readonly id: number } | { readonly kind: 'again' }

interface Item {
  readonly record: DecisionRecord
  result: CommitResult | undefined
}

/** Writes decisions, many in one commit. */
export function decisionWriter(store: Pick<Store, 'db'>): (record: DecisionRecord) => Promise<CommitResult> {
  const commits = groupCommit<Item>((items) => write(store.db, items))
  return async (record) => {
    const item: Item = { record, result: undefined }
    await commits.add(item)
    return item.result ?? { kind: 'again' }
  }
}

interface LockedRow {
  readonly id: number
  readonly label: string
  readonly key: string
  readonly state: string
  readonly serial: string | null
  readonly fresh: boolean
}

interface Accepted {
  readonly item: Item
  readonly record: DecisionRecord
  readonly id: number
}

async function write(db: Kysely<Schema>, items: readonly Item[]): Promise<void> {
  const results = new Map<Item, CommitResult>()
  await db.transaction().execute(async (tx) => {
    results.clear()
    const rows = await lockAll(tx, items)
    const now = await readNow(tx, items, rows)
    const unchanged = vacantOf(unchangedOf(items, rows, now.words), now.live)
    const accepted = await coveredOf(tx, unchanged)
    await writeAll(tx, accepted)
    for (const { item, id } of accepted) results.set(item, { kind: 'written', id })
    await dropUndecided(tx, items, rows, results)
  })
  for (const item of items) item.result = results.get(item) ?? { kind: 'again' }
}

function rowKey({ label, key }: { readonly label: string; readonly key: string }): string {
  return `${label} ${key}`
}

/**
 * Locks what the decisions are about, until the commit: names and credentials, then the row of each decision, made where
 * there is none. Each in order, so that two processes cannot wait for each other. What is found under these locks has to
 * be read with another statement, as this one sees what was there when it began to wait.
 */
async function lockAll(tx: Transaction<Schema>, items: readonly Item[]): Promise<ReadonlyMap<string, LockedRow>> {
  // What a row made here holds is written once its decision stands. What it is found by does not change then.
  const values = items.map(({ record: { plant, label, key, operation, state, device } }) => {
    return { plant, label, key, operation, state, device }
  })
  const { rows } = await sql<LockedRow>`
    with locks as materialized (
      select count(pg_advisory_xact_lock(h)) as held from (
        select distinct hashtextextended(n, 0) as h from unnest(${lockNames(items)}::text[]) as n order by h
      ) as hashes
    )
    insert into enrollments as e (plant, label, key, operation, requester, address, subject, request, facts, evaluation,
      state, reason, device)
    select v.plant, v.label, v.key, v.operation, '', '', '', '', '{}', '{}', v.state, 'not decided yet', v.device
    from locks, jsonb_to_recordset(${jsonText(values)}::jsonb) as v(plant text, label text, key text, operation text,
      state text, device text)
    where locks.held >= 0
    order by v.label, v.key
    on conflict (label, key) do update set updated_at = e.updated_at
    returning e.id, e.label, e.key, e.state, e.serial, (e.xmax = 0) as fresh`.execute(tx)
  return new Map(rows.map((row) => [rowKey(row), row]))
}

function lockNames(items: readonly Item[]): string[] {
  return items.flatMap(({ record }) => [
    ...(record.signed === undefined ? [] : [`cordon name ${record.device ?? ''}`]),
    ...record.uses.map((use) => `cordon ${use.kind} ${credentialOf(use)}`),
  ])
}

/** What decisions rest on, as it is under the locks. */
interface Found {
  /** Newest word by row. */
  readonly words: ReadonlyMap<number, number>
  /** Certificates in force: name and serial number. */
  readonly live: readonly (readonly [string, string])[]
}

async function readNow(
  tx: Transaction<Schema>,
  items: readonly Item[],
  rows: ReadonlyMap<string, LockedRow>,
): Promise<Found> {
  const ids = [...rows.values()].flatMap(({ id, fresh }) => (fresh ? [] : [id]))
  const granted = items.flatMap(({ record }) => (record.signed === undefined ? [] : [record]))
  if (ids.length === 0 && granted.length === 0) return { words: new Map(), live: [] }
  const names = granted.flatMap(({ device }) => device ?? [])
  const now = new Date(Math.max(0, ...granted.map((record) => record.now)))
  const found = await sql<{ words: [number, number][]; live: Found['live'] }>`
    select (
      select coalesce(jsonb_agg(jsonb_build_array(enrollment, newest)), '[]') from (
        select enrollment, max(id) as newest from enrollment_words where enrollment = any(${ids}::bigint[])
        group by enrollment
      ) as spoken
    ) as words, (
      select coalesce(jsonb_agg(jsonb_build_array(name, serial)), '[]') from certificates
      where name = any(${names}::text[]) and profile in ('device', 'client', 'server') and status = 'valid'
        and not_after > ${now}
    ) as live`.execute(tx)
  const [{ words, live } = { words: [], live: [] }] = found.rows
  return { words: new Map(words), live }
}

/** Decisions whose row is as it was when they were made. */
function unchangedOf(
  items: readonly Item[],
  rows: ReadonlyMap<string, LockedRow>,
  words: Found['words'],
): readonly Accepted[] {
  return items.flatMap((item) => {
    const { record } = item
    const row = rows.get(rowKey(record))
    if (row === undefined) return []
    const { row: before } = record.basis
    const isSame =
      before === undefined
        ? row.fresh
        : !row.fresh &&
          before.state === row.state &&
          before.serial === row.serial &&
          before.word === (words.get(row.id) ?? 0)
    return isSame ? [{ item, record, id: row.id }] : []
  })
}

function credentialOf(use: CountedUse): string {
  return use.kind === 'account' ? use.account : use.fingerprint
}

/** Decisions whose credentials are neither used up nor revoked. Each use is written here, so that the next is counted. */
async function coveredOf(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<readonly Accepted[]> {
  const refused = new Set<Accepted>()
  for (const each of accepted) {
    if (each.record.uses.length > 0 && !(await isCovered(tx, each))) refused.add(each)
  }
  return accepted.filter((each) => !refused.has(each))
}

async function isCovered(tx: Transaction<Schema>, { record, id }: Accepted): Promise<boolean> {
  for (const use of record.uses) if (!(await hasRoom(tx, use, record.key))) return false
  await tx
    .insertInto('credential_uses')
    .values(
      record.uses.map((use) => ({ kind: use.kind, credential: credentialOf(use), key: record.key, enrollment: id })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return true
}

async function hasRoom(tx: Transaction<Schema>, use: CountedUse, key: string): Promise<boolean> {
  const credential = credentialOf(use)
  const { rows } = await sql<{ others: number; revoked: boolean }>`
    select count(*) as others, exists (select from revoked_credentials r
      where r.kind = ${use.kind} and r.credential = ${credential}) as revoked
    from credential_uses where kind = ${use.kind} and credential = ${credential} and key <> ${key}`.execute(tx)
  const [{ others, revoked } = { others: 0, revoked: false }] = rows
  if (revoked) return false
  return use.kind === 'account' ? others < use.most : !use.once || others === 0
}

/** Grants whose name is held by whom it was when they were made. */
function vacantOf(accepted: readonly Accepted[], held: Found['live']): readonly Accepted[] {
  const serials = new Map<string, string[]>()
  for (const [name, serial] of held) serials.set(name, [...(serials.get(name) ?? []), serial])
  const taken = new Set<string>()
  return accepted.filter(({ record }) => {
    if (record.signed === undefined) return true
    const name = record.device ?? ''
    const live = (serials.get(name) ?? []).sort()
    const isSame = !taken.has(name) && live.join() === record.basis.live.join()
    if (isSame) taken.add(name)
    return isSame
  })
}

/** All in one statement: what it says refers to nothing else that it writes. */
async function writeAll(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<void> {
  if (accepted.length === 0) return
  await sql`
    with certified as (${certificatesInsert(accepted.flatMap(({ record }) => record.signed?.record ?? []))}),
      spoken as (${wordsInsert(accepted)}),
      seen as (${sightingsInsert(accepted)}),
      told as (${noticesInsert('notifications', accepted)}),
      kept as (${noticesInsert('events', accepted)})
    ${rowsUpdate(accepted)}`.execute(tx)
  for (const { record } of accepted) {
    if (record.signed !== undefined && record.replacement !== undefined)
      await acceptReplacement(tx, record.plant, record.replacement.device)
  }
}

function rowsUpdate(accepted: readonly Accepted[]): RawBuilder<unknown> {
  const values = accepted
    .filter(({ record }) => !record.keepRow)
    .map(({ record, id }) => ({
      id,
      operation: record.operation,
      requester: record.requester,
      address: record.address,
      subject: record.subject,
      request: Buffer.from(record.request).toString('base64'),
      facts: record.facts,
      evaluation: record.evaluation,
      replacement: record.replacement ?? null,
      state: record.state,
      reason: record.reason,
      device: record.device,
      zone: record.zone,
      issuer_id: record.signed?.issuerId ?? null,
      serial: record.signed?.serial ?? null,
      expires_at: record.expiresAt,
      now: new Date(record.now),
    }))
  return sql`
    update enrollments e set operation = v.operation, requester = v.requester, address = v.address, subject = v.subject,
      request = decode(v.request, 'base64'), facts = v.facts, evaluation = v.evaluation,
      replacement = nullif(v.replacement, 'null'::jsonb), state = v.state,
      reason = v.reason, device = v.device, zone = v.zone, issuer_id = coalesce(v.issuer_id, e.issuer_id),
      serial = coalesce(v.serial, e.serial), expires_at = v.expires_at, updated_at = v.now
    from jsonb_to_recordset(${jsonText(values)}::jsonb) as v(id bigint, operation text, requester text, address text,
      subject text, request text, facts jsonb, evaluation jsonb, replacement jsonb, state text, reason text, device text,
      zone text, issuer_id text, serial text, expires_at timestamptz, now timestamptz)
    where e.id = v.id`
}

/** In their order, as the newest is the one with the highest number. */
function wordsInsert(accepted: readonly Accepted[]): RawBuilder<unknown> {
  const words = accepted.flatMap(({ record, id }) => record.words.map((word) => ({ enrollment: id, ...word })))
  const values = words.map((word, place) => ({ ...word, place }))
  return sql`
    insert into enrollment_words (enrollment, kind, by, reason, detail)
    select enrollment, kind, by, reason, detail
    from jsonb_to_recordset(${jsonText(values)}::jsonb) as v(place integer, enrollment bigint, kind text, by text,
      reason text, detail jsonb)
    order by place`
}

function sightingsInsert(accepted: readonly Accepted[]): RawBuilder<unknown> {
  const seen = accepted.flatMap(({ record: { key, address, sighting } }) =>
    sighting === undefined ? [] : [{ key, address, ...sighting }],
  )
  return sql`
    insert into enrollment_sightings (key, address, unit, mac)
    select key, address, unit, mac
    from jsonb_to_recordset(${jsonText(seen)}::jsonb) as v(key text, address text, unit text, mac text)
    order by key
    on conflict do nothing`
}

function noticesInsert(table: 'notifications' | 'events', accepted: readonly Accepted[]): RawBuilder<unknown> {
  const notices = accepted.flatMap(({ record, id }) =>
    record.notices.map(({ kind, detail }) => ({
      kind,
      subject: `enrollment ${id}`,
      detail: { enrollment: id, ...detail },
    })),
  )
  const values = notices.map((notice, place) => ({ ...notice, place }))
  return sql`
    insert into ${sql.table(table)} (kind, subject, detail)
    select kind, subject, detail
    from jsonb_to_recordset(${jsonText(values)}::jsonb) as v(place integer, kind text, subject text, detail jsonb)
    order by place`
}

/** Rows that were made for the lock alone. */
async function dropUndecided(
  tx: Transaction<Schema>,
  items: readonly Item[],
  rows: ReadonlyMap<string, LockedRow>,
  results: ReadonlyMap<Item, CommitResult>,
): Promise<void> {
  const undecided = items.flatMap((item) => {
    const row = rows.get(rowKey(item.record))
    return row?.fresh === true && !results.has(item) ? [row.id] : []
  })
  if (undecided.length > 0) await tx.deleteFrom('enrollments').where('id', 'in', undecided).execute()
}
