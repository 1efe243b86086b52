import { type Kysely, sql, type Transaction } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'
import { type Channel, longestSendMs, type Outcome } from './channel.ts'
import type { NotificationRow } from './message.ts'

/**
 * How far notifications came on each channel: the rows that notifiers share. Times are milliseconds since 1970.
 * @module
 */

type Named = Pick<Channel, 'name'>

/** How long claimed rows belong to who claimed them: longer than any sending, so that no two send one at a time. */
export const leaseMs = longestSendMs + 90_000

/** Attempts until a delivery is given up: some 17 hours. */
export const mostAttempts = 24

/** Rest after a failed attempt, the first being 1: 5 s doubling to 1 h, a quarter more or less by `random` of 0 to 1. */
export function backoffMs(attempt: number, random: number): number {
  const base = Math.min(5000 * 2 ** Math.min(attempt - 1, 16), 3_600_000)
  return Math.round(base * (0.75 + random / 2))
}

/** Claimed rows: the first of those that are due. */
export interface Claimed {
  readonly rows: readonly (NotificationRow & { readonly attempts: number })[]
  /** End of the lease, by which this claim is told from a later one. */
  readonly until: Date
}

const factOf = (name: string) => `notify ${name}`

/** Notes the first start of a channel: what happened before is not told by it. */
export async function enlist(db: Kysely<Schema>, { name }: Named): Promise<void> {
  await sql`insert into facts (name, value)
    select ${factOf(name)}, jsonb_build_object('after', coalesce(max(id), 0)) from notifications
    on conflict do nothing`.execute(db)
}

/**
 * Makes a delivery of every notification that the channel has none of. Numbers are given before transactions commit, so
 * that a lower one may appear later: the channel's mark moves only over what is an hour old.
 */
export async function keepUp(
  db: Kysely<Schema>,
  { name, kinds }: Pick<Channel, 'name' | 'kinds'>,
  now: number,
): Promise<void> {
  const wanted = kinds === undefined ? sql`true` : sql`n.kind = any(${[...kinds]}::text[])`
  await db.transaction().execute(async (tx) => {
    await sql`insert into notification_deliveries (notification, channel, state, next_at)
      select n.id, ${name}, 'waiting', ${new Date(now)} from notifications n
      where n.id > (select (value->>'after')::bigint from facts where name = ${factOf(name)}) and ${wanted}
        and not exists (select from notification_deliveries d where d.notification = n.id and d.channel = ${name})
      on conflict do nothing`.execute(tx)
    await sql`update facts set value = jsonb_build_object('after', old.id)
      from (select max(n.id) as id from notifications n where n.created_at < now() - interval '1 hour'
        and n.id > (select (value->>'after')::bigint from facts where name = ${factOf(name)})) as old
      where name = ${factOf(name)} and old.id is not null`.execute(tx)
  })
}

/** Most waiting rows that are counted: more make no difference to a channel. */
const mostCounted = 1000

/**
 * Claims as many of the channel's due rows as it takes at once, and counts the attempt. Rows that another notifier is
 * claiming are passed over.
 */
export async function claim(
  db: Kysely<Schema>,
  { name, take }: Pick<Channel, 'name' | 'take'>,
  now: number,
): Promise<Claimed | undefined> {
  const due = sql`channel = ${name} and state = 'waiting' and next_at <= ${new Date(now)}`
  const counted = await sql<{ waiting: number }>`select count(*) as waiting
    from (select from notification_deliveries where ${due} limit ${mostCounted}) as due`.execute(db)
  const waiting = counted.rows[0]?.waiting ?? 0
  if (waiting === 0) return undefined
  const until = new Date(now + leaseMs)
  const { rows } = await sql<Claimed['rows'][number]>`
    with claimed as materialized (
      select notification from notification_deliveries where ${due}
      order by notification limit ${take(waiting)} for update skip locked)
    update notification_deliveries d set next_at = ${until}, attempts = attempts + 1
    from claimed, notifications n
    where d.notification = claimed.notification and d.channel = ${name} and n.id = d.notification
    returning n.id, n.kind, n.subject, n.detail, n.created_at, d.attempts`.execute(db)
  return rows.length === 0 ? undefined : { rows: rows.toSorted((a, b) => a.id - b.id), until }
}

/** Writes down what became of claimed rows; those whose lease has passed on to another claim stay untouched. */
export async function settle(
  db: Kysely<Schema>,
  channel: Named,
  claimed: Claimed,
  outcome: Outcome,
  now: number,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    if (outcome.kind === 'sent') return await markSent(tx, channel, claimed)
    const { error } = outcome
    for (const { id, attempts } of claimed.rows) {
      if (outcome.kind === 'refused' || attempts >= mostAttempts) {
        await giveUp(tx, channel, claimed, { id, attempts, error })
        continue
      }
      const afterMs = Math.max(backoffMs(attempts, Math.random()), outcome.afterMs ?? 0)
      await own(tx, channel, claimed, [id])
        .set({ next_at: new Date(now + afterMs), error })
        .execute()
    }
  })
}

/** Gives claimed rows back as if they had not been claimed. */
export async function giveBack(db: Kysely<Schema>, channel: Named, claimed: Claimed, now: number): Promise<void> {
  await own(db, channel, claimed, idsOf(claimed))
    .set(({ eb }) => ({ next_at: new Date(now), attempts: eb('attempts', '-', 1) }))
    .execute()
}

async function markSent(tx: Transaction<Schema>, channel: Named, claimed: Claimed): Promise<void> {
  await own(tx, channel, claimed, idsOf(claimed)).set({ state: 'sent', error: null }).execute()
}

async function giveUp(
  tx: Transaction<Schema>,
  channel: Named,
  claimed: Claimed,
  { id, attempts, error }: { readonly id: number; readonly attempts: number; readonly error: string },
): Promise<void> {
  const { numUpdatedRows } = await own(tx, channel, claimed, [id]).set({ state: 'given-up', error }).executeTakeFirst()
  if (numUpdatedRows === 0n) return
  const detail = jsonText({ notification: id, attempts, error })
  await tx.insertInto('events').values({ kind: 'notification-given-up', subject: channel.name, detail }).execute()
}

function idsOf({ rows }: Claimed): readonly number[] {
  return rows.map(({ id }) => id)
}

function own(db: Kysely<Schema>, { name }: Named, { until }: Claimed, ids: readonly number[]) {
  return db
    .updateTable('notification_deliveries')
    .where('channel', '=', name)
    .where('state', '=', 'waiting')
    .where('next_at', '=', until)
    .where('notification', 'in', ids)
}
