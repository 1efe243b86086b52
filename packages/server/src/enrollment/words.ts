import { type AdministratorWord, type EnrollmentFacts, unitKey } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import type { Selectable, Transaction } from 'kysely'
import { type EnrollmentSightingTable, type EnrollmentTable, jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { standing } from './standing.ts'

/**
 * What people say about requests for certificates. A word belongs to the row of one key under one label, so what was
 * approved cannot become another key's. Words are only ever added.
 * @module
 */

/** What a person may say about requests. */
export interface Decision {
  /** Numbers of 1 to 1000 requests. */
  readonly ids: readonly number[]
  /** `withdraw` takes one's own approval or denial back. */
  readonly verdict: 'approve' | 'deny' | 'withdraw'
  /** The person's name. */
  readonly by: string
  /** A denial needs one; at most 500 characters. */
  readonly reason: string
}

/** What became of a word about one request. */
export interface DecisionResult {
  readonly id: number
  readonly result: 'done' | 'refused'
  /** What was done, or why not and what to do instead. */
  readonly reason: string
  /** Whom it is about; null where there is no such request. */
  readonly device: string | null
  readonly subject: string | null
}

/** How decisions are taken. */
export interface DecisionOptions {
  /** Milliseconds since 1970; default now. */
  readonly now?: number
  /** Called in the transaction of each decision, last: what is written there is there with it, or not at all. */
  readonly told?: (tx: Transaction<Schema>, result: DecisionResult) => Promise<void>
}

/** How long a request is kept open once it was approved, so that the device may come for it, milliseconds: a day. */
const approvedLifeMs = 24 * 3_600_000

const longestReason = 500
const mostAtOnce = 1000

type Row = Selectable<EnrollmentTable>

/**
 * Approves, denies or takes back, each request in a transaction of its own: one that is refused holds up no other.
 * Takes effect when the device asks again, and never after its certificate was issued.
 * @throws UsageError `bad-value` for a decision that is none: no requests, too many, no name, no reason
 */
export async function decide(
  store: Pick<Store, 'db'>,
  decision: Decision,
  { now = Date.now(), told }: DecisionOptions = {},
): Promise<readonly DecisionResult[]> {
  check(decision)
  const results: DecisionResult[] = []
  for (const id of new Set(decision.ids)) {
    const result = await store.db.transaction().execute(async (tx) => {
      const one = await decideOne(tx, id, decision, now)
      await told?.(tx, one)
      return one
    })
    results.push(result)
  }
  return results
}

function check({ ids, verdict, by, reason }: Decision): void {
  if (ids.length === 0 || ids.length > mostAtOnce)
    throw new UsageError('bad-value', `expected 1 to ${mostAtOnce} requests, got ${ids.length}`)
  if (by.trim() === '') throw new UsageError('bad-value', 'nobody decides: expected the name of a person')
  if (verdict === 'deny' && reason.trim() === '')
    throw new UsageError('bad-value', 'a denial needs a reason; say --reason TEXT')
  checkReason(reason)
}

function checkReason(reason: string): void {
  if (reason.length > longestReason)
    throw new UsageError('bad-value', `the reason has ${reason.length} characters, at most ${longestReason} are kept`)
}

async function decideOne(
  tx: Transaction<Schema>,
  id: number,
  { verdict, by, reason }: Decision,
  now: number,
): Promise<DecisionResult> {
  const row = await locked(tx, id)
  if (row === undefined) {
    const why = 'there is no such request; "cordon enrollment list --all" shows those there are'
    return { id, result: 'refused', reason: why, device: null, subject: null }
  }
  const { device, subject } = row
  const words = await tx
    .selectFrom('enrollment_words')
    .select(['kind', 'by', 'reason', 'detail'])
    .where('enrollment', '=', id)
    .orderBy('id')
    .execute()
  const own = standing(words, row).find((word) => word.by === by)
  const refusal = refusalOf(row, verdict, own, now)
  if (refusal !== undefined) return { id, result: 'refused', reason: refusal, device, subject }
  await speak(tx, row, { kind: verdict, by, reason, detail: verdict === 'approve' ? { subject, device } : null })
  await tx
    .updateTable('enrollments')
    .set({ updated_at: new Date(now), ...changeOf(row, { verdict, by, reason }, own, now) })
    .where('id', '=', id)
    .execute()
  return { id, result: 'done', reason: doneText(verdict, own), device, subject }
}

/** The service locks the row too before it issues: a word comes before or after the certificate, never beside it. */
async function locked(tx: Transaction<Schema>, id: number): Promise<Row | undefined> {
  return await tx.selectFrom('enrollments').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
}

/** Why a word is not taken; undefined when it is. */
function refusalOf(
  row: Row,
  verdict: Decision['verdict'],
  own: AdministratorWord | undefined,
  now: number,
): string | undefined {
  if (row.state === 'granted') {
    return `its certificate ${row.serial ?? ''} was issued already; to take that back, revoke it with "cordon ca revoke"`
  }
  if (row.state === 'expired' || (row.state === 'pending' && isOver(row, now))) {
    return 'it expired; the device opens it again when it asks again'
  }
  if (verdict === 'withdraw') return own === undefined ? 'you have said nothing about it that counts' : undefined
  if (own?.verdict === 'deny') {
    return 'you have denied it; withdraw that first with "cordon enrollment withdraw"'
  }
  if (verdict === 'approve' && own?.verdict === 'approve') {
    return 'you have approved it already, and one person counts once; a second approval has to be another person’s'
  }
  if (row.state === 'denied') {
    return `it is denied already: ${row.reason}; whoever denied it may withdraw that, and what the rules deny waits for nobody`
  }
  return undefined
}

function isOver({ expires_at: expiresAt }: Row, now: number): boolean {
  return expiresAt !== null && expiresAt.getTime() <= now
}

/** What a word changes at once; all else is decided when the device asks again. */
function changeOf(
  row: Row,
  { verdict, by, reason }: Pick<Decision, 'verdict' | 'by' | 'reason'>,
  own: AdministratorWord | undefined,
  now: number,
): Partial<Pick<Row, 'state' | 'reason' | 'expires_at'>> {
  if (verdict === 'deny') return { state: 'denied', reason: `${by} denied it: ${reason}` }
  if (verdict === 'withdraw') {
    return own?.verdict === 'deny'
      ? { state: 'pending', reason: `${by} took the denial back; it is judged anew when the device asks again` }
      : {}
  }
  const least = now + approvedLifeMs
  return row.expires_at !== null && row.expires_at.getTime() < least ? { expires_at: new Date(least) } : {}
}

function doneText(verdict: Decision['verdict'], own: AdministratorWord | undefined): string {
  switch (verdict) {
    case 'approve':
      return 'approved; it is judged anew when the device asks again'
    case 'deny':
      return 'denied'
    case 'withdraw':
      return own?.verdict === 'deny' ? 'the denial is taken back' : 'the approval is taken back'
  }
}

/** What people are told of a word, by its kind. */
const notices = {
  approve: 'enrollment-approved',
  deny: 'enrollment-denied',
  withdraw: 'enrollment-withdrawn',
  clear: 'enrollment-cleared',
  expire: 'enrollment-expired',
} as const

interface Word {
  readonly kind: keyof typeof notices
  readonly by: string
  readonly reason: string
  readonly detail: unknown
}

async function speak(
  tx: Transaction<Schema>,
  row: Pick<Row, 'id' | 'plant' | 'subject' | 'address' | 'device'>,
  word: Word,
): Promise<void> {
  const { kind, by, reason, detail } = word
  await tx
    .insertInto('enrollment_words')
    .values({ enrollment: row.id, kind, by, reason, detail: detail === null ? null : jsonText(detail) })
    .execute()
  const { id, plant, subject, address, device } = row
  await tx
    .insertInto('notifications')
    .values({
      kind: notices[kind],
      subject: device ?? subject,
      detail: jsonText({ enrollment: id, plant, subject, address, device, by, reason }),
    })
    .execute()
}

/** How a clone alarm is declared harmless. */
export interface Clearance {
  readonly id: number
  readonly by: string
  readonly reason: string
  /** Where the key belongs; default the address of the newest request. */
  readonly address?: string
}

/**
 * Declares the other places harmless where a key was seen. The place where it belongs stays on record, so that the next
 * copy raises the alarm at its first request. Takes effect when the device asks again.
 * @returns the addresses that were cleared
 * @throws UsageError `missing` for no such request, an address where the key was not seen, or nothing to clear;
 * `bad-value` without name or reason
 */
export async function clearClone(store: Pick<Store, 'db'>, clearance: Clearance): Promise<readonly string[]> {
  const { id, by, reason } = clearance
  if (by.trim() === '' || reason.trim() === '')
    throw new UsageError('bad-value', 'an alarm is cleared by somebody and for a reason; say --reason TEXT')
  checkReason(reason)
  return await store.db.transaction().execute(async (tx) => {
    const row = await locked(tx, id)
    if (row === undefined) throw new UsageError('missing', `there is no enrollment ${id}`)
    const home = clearance.address ?? row.address
    const seen = await tx
      .selectFrom('enrollment_sightings')
      .selectAll()
      .where('key', '=', row.key)
      .where('cleared_by', 'is', null)
      .orderBy('seen_at')
      .execute()
    if (!seen.some(({ address }) => address === home))
      throw new UsageError('missing', `the key of enrollment ${id} was not seen at ${home}, or that is cleared`)
    // What the newest request says tells the unit at its own address; at another one nothing does.
    const facts = home === row.address ? (row.facts as EnrollmentFacts) : undefined // as the service wrote them
    const foreign = seen.filter((sighting) => !isAtHome(sighting, home, facts))
    if (foreign.length === 0)
      throw new UsageError('missing', `enrollment ${id} has no clone alarm: its key was seen at ${home} alone`)
    for (const { key, address, unit, mac } of foreign) {
      await tx
        .updateTable('enrollment_sightings')
        .set({ cleared_by: by })
        .where('key', '=', key)
        .where('address', '=', address)
        .where('unit', '=', unit)
        .where('mac', '=', mac)
        .execute()
    }
    const places = foreign.map(({ address, unit, mac }) => ({ address, unit, mac }))
    await speak(tx, row, { kind: 'clear', by, reason, detail: { home, places } })
    await tx.updateTable('enrollments').set({ updated_at: new Date() }).where('id', '=', id).execute()
    return [...new Set(places.map(({ address }) => address))]
  })
}

function isAtHome(
  { address, unit, mac }: Selectable<EnrollmentSightingTable>,
  home: string,
  facts: EnrollmentFacts | undefined,
): boolean {
  if (address !== home) return false
  if (facts === undefined) return true
  const { units, macs } = facts
  const isItsUnit = unit === '' || units.every(({ value }) => String(unitKey(value)) === unit)
  return isItsUnit && (mac === '' || macs.length === 0 || macs.some(({ value }) => value === mac))
}

/**
 * Gives up requests that waited past their time.
 * @returns their numbers
 */
export async function expireEnrollments(store: Pick<Store, 'db'>, now = Date.now()): Promise<readonly number[]> {
  return await store.db.transaction().execute(async (tx) => {
    const expired = await tx
      .updateTable('enrollments')
      .set({ state: 'expired', reason: 'nobody decided in time', updated_at: new Date(now) })
      .where('state', '=', 'pending')
      .where('expires_at', '<=', new Date(now))
      .returning(['id', 'plant', 'subject', 'address', 'device'])
      .execute()
    for (const row of expired) {
      await speak(tx, row, { kind: 'expire', by: 'policy', reason: 'nobody decided in time', detail: null })
    }
    return expired.map(({ id }) => id)
  })
}
