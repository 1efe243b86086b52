import { type Kysely, sql, type Transaction } from 'kysely'
import type { CountedUse, Evaluation, ReplacementVerdict } from '@cordon/core/enrollment'
import type { SignedCertificate } from '../authority/issuing.ts'
import { recordCertificates } from '../authority/records.ts'
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
  const commits = groupCommit<Item>((items) => write(store.db, items), 64)
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
    const rows = await lockRows(tx, items)
    const unchanged = await unchangedOf(tx, items, rows)
    const vacant = await vacantOf(tx, unchanged)
    const accepted = await coveredOf(tx, vacant)
    await writeAll(tx, accepted)
    for (const { item, id } of accepted) results.set(item, { kind: 'written', id })
    await dropUndecided(tx, items, rows, results)
  })
  for (const item of items) item.result = results.get(item) ?? { kind: 'again' }
}

function rowKey({ label, key }: { readonly label: string; readonly key: string }): string {
  return `${label} ${key}`
}

/** Locks the row of each decision, made where there is none. In order, so that two processes cannot wait for each other. */
async function lockRows(tx: Transaction<Schema>, items: readonly Item[]): Promise<ReadonlyMap<string, LockedRow>> {
  const values = items.map(({ record }) => ({
    plant: record.plant,
    label: record.label,
    key: record.key,
    operation: record.operation,
    requester: record.requester,
    address: record.address,
    subject: record.subject,
    request: Buffer.from(record.request).toString('hex'),
    facts: record.facts,
    evaluation: record.evaluation,
  }))
  const { rows } = await sql<LockedRow>`
    insert into enrollments as e (plant, label, key, operation, requester, address, subject, request, facts, evaluation,
      state, reason)
    select v.plant, v.label, v.key, v.operation, v.requester, v.address, v.subject, decode(v.request, 'hex'), v.facts,
      v.evaluation, 'denied', 'not decided yet'
    from jsonb_to_recordset(${jsonText(values)}::jsonb) as v(plant text, label text, key text, operation text,
      requester text, address text, subject text, request text, facts jsonb, evaluation jsonb)
    order by v.label, v.key
    on conflict (label, key) do update set updated_at = e.updated_at
    returning e.id, e.label, e.key, e.state, e.serial, (e.xmax = 0) as fresh`.execute(tx)
  return new Map(rows.map((row) => [rowKey(row), row]))
}

/** Decisions whose row is as it was when they were made. */
async function unchangedOf(
  tx: Transaction<Schema>,
  items: readonly Item[],
  rows: ReadonlyMap<string, LockedRow>,
): Promise<readonly Accepted[]> {
  const words = await newestWords(
    tx,
    [...rows.values()].flatMap(({ id, fresh }) => (fresh ? [] : [id])),
  )
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

async function newestWords(tx: Transaction<Schema>, ids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  if (ids.length === 0) return new Map()
  const rows = await tx
    .selectFrom('enrollment_words')
    .select(({ fn }) => ['enrollment', fn.max('id').as('newest')])
    .where('enrollment', 'in', [...ids])
    .groupBy('enrollment')
    .execute()
  return new Map(rows.map(({ enrollment, newest }) => [enrollment, newest]))
}

/** Locks that last until the commit, always taken in the same order. */
async function lockNames(tx: Transaction<Schema>, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  await sql`select pg_advisory_xact_lock(h) from (
    select distinct hashtextextended(n, 0) as h from unnest(${[...names]}::text[]) as n order by h) as locks`.execute(
    tx,
  )
}

function credentialOf(use: CountedUse): string {
  return use.kind === 'account' ? use.account : use.fingerprint
}

/** Decisions whose credentials are neither used up nor revoked. Each use is written here, so that the next is counted. */
async function coveredOf(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<readonly Accepted[]> {
  const counting = accepted.filter(({ record }) => record.uses.length > 0)
  if (counting.length === 0) return accepted
  const names = counting.flatMap(({ record }) => record.uses.map((use) => `cordon ${use.kind} ${credentialOf(use)}`))
  await lockNames(tx, names)
  const refused = new Set<Accepted>()
  for (const each of counting) if (!(await isCovered(tx, each))) refused.add(each)
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
async function vacantOf(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<readonly Accepted[]> {
  const granted = accepted.filter(({ record }) => record.signed !== undefined)
  if (granted.length === 0) return accepted
  const names = [...new Set(granted.flatMap(({ record }) => record.device ?? []))]
  await lockNames(
    tx,
    names.map((name) => `cordon name ${name}`),
  )
  const now = Math.max(...granted.map(({ record }) => record.now))
  const rows = await tx
    .selectFrom('certificates')
    .select(['name', 'serial'])
    .where('name', 'in', names)
    .where('profile', 'in', ['device', 'client', 'server'])
    .where('status', '=', 'valid')
    .where('not_after', '>', new Date(now))
    .execute()
  const taken = new Set<string>()
  return accepted.filter(({ record }) => {
    if (record.signed === undefined) return true
    const name = record.device ?? ''
    const live = rows.flatMap((row) => (row.name === name ? [row.serial] : [])).sort()
    const isSame = !taken.has(name) && live.join() === record.basis.live.join()
    if (isSame) taken.add(name)
    return isSame
  })
}

async function writeAll(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<void> {
  if (accepted.length === 0) return
  await recordCertificates(
    tx,
    accepted.flatMap(({ record }) => record.signed?.record ?? []),
  )
  await updateRows(tx, accepted)
  await writeWords(tx, accepted)
  await writeSightings(tx, accepted)
  await writeNotices(tx, accepted)
  for (const { record } of accepted) {
    if (record.signed !== undefined && record.replacement !== undefined)
      await acceptReplacement(tx, record.plant, record.replacement.device)
  }
}

async function updateRows(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<void> {
  const values = accepted
    .filter(({ record }) => !record.keepRow)
    .map(({ record, id }) => ({
      id,
      operation: record.operation,
      requester: record.requester,
      address: record.address,
      subject: record.subject,
      request: Buffer.from(record.request).toString('hex'),
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
  if (values.length === 0) return
  await sql`
    update enrollments e set operation = v.operation, requester = v.requester, address = v.address, subject = v.subject,
      request = decode(v.request, 'hex'), facts = v.facts, evaluation = v.evaluation,
      replacement = nullif(v.replacement, 'null'::jsonb), state = v.state,
      reason = v.reason, device = v.device, zone = v.zone, issuer_id = coalesce(v.issuer_id, e.issuer_id),
      serial = coalesce(v.serial, e.serial), expires_at = v.expires_at, updated_at = v.now
    from jsonb_to_recordset(${jsonText(values)}::jsonb) as v(id bigint, operation text, requester text, address text,
      subject text, request text, facts jsonb, evaluation jsonb, replacement jsonb, state text, reason text, device text,
      zone text, issuer_id text, serial text, expires_at timestamptz, now timestamptz)
    where e.id = v.id`.execute(tx)
}

async function writeWords(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<void> {
  const words = accepted.flatMap(({ record, id }) =>
    record.words.map(({ kind, by, reason, detail }) => ({
      enrollment: id,
      kind,
      by,
      reason,
      detail: detail === undefined ? null : jsonText(detail),
    })),
  )
  if (words.length > 0) await tx.insertInto('enrollment_words').values(words).execute()
}

async function writeSightings(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<void> {
  const seen = accepted
    .flatMap(({ record: { key, address, sighting } }) =>
      sighting === undefined ? [] : [{ key, address, ...sighting }],
    )
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  if (seen.length === 0) return
  await tx
    .insertInto('enrollment_sightings')
    .values(seen)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

async function writeNotices(tx: Transaction<Schema>, accepted: readonly Accepted[]): Promise<void> {
  const rows = accepted.flatMap(({ record, id }) =>
    record.notices.map(({ kind, detail }) => ({
      kind,
      subject: `enrollment ${id}`,
      detail: jsonText({ enrollment: id, ...detail }),
    })),
  )
  if (rows.length === 0) return
  await tx.insertInto('notifications').values(rows).execute()
  await tx.insertInto('events').values(rows).execute()
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
