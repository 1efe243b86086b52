import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** How far notifications came on one channel. */
export interface ChannelStatus {
  readonly channel: string
  readonly waiting: number
  readonly sent: number
  readonly givenUp: number
  /** Of the newest notification that failed and was not sent since. */
  readonly lastError: string | undefined
  /** When the next attempt is due, milliseconds since 1970. */
  readonly nextAt: number | undefined
}

/** Every channel that was ever started, by name. */
export async function channelStatus(store: Pick<Store, 'db'>): Promise<readonly ChannelStatus[]> {
  const { db } = store
  const [started, counts] = await Promise.all([startedChannels(db), countDeliveries(db)])
  const names = new Set([...started, ...counts.map(({ channel }) => channel)])
  const statuses: ChannelStatus[] = []
  for (const channel of [...names].toSorted()) {
    const count = counts.find((each) => each.channel === channel)
    statuses.push({
      channel,
      waiting: count?.waiting ?? 0,
      sent: count?.sent ?? 0,
      givenUp: count?.givenUp ?? 0,
      lastError: await lastError(db, channel),
      nextAt: count?.nextAt?.getTime(),
    })
  }
  return statuses
}

async function startedChannels(db: Kysely<Schema>): Promise<readonly string[]> {
  const prefix = 'notify '
  const rows = await db.selectFrom('facts').select('name').where('name', 'like', `${prefix}%`).execute()
  return rows.map(({ name }) => name.slice(prefix.length))
}

function countDeliveries(db: Kysely<Schema>) {
  return db
    .selectFrom('notification_deliveries')
    .select(({ fn }) => [
      'channel',
      fn.countAll<number>().filterWhere('state', '=', 'waiting').as('waiting'),
      fn.countAll<number>().filterWhere('state', '=', 'sent').as('sent'),
      fn.countAll<number>().filterWhere('state', '=', 'given-up').as('givenUp'),
      fn.min('next_at').filterWhere('state', '=', 'waiting').as('nextAt'),
    ])
    .groupBy('channel')
    .execute()
}

async function lastError(db: Kysely<Schema>, channel: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('notification_deliveries')
    .select('error')
    .where('channel', '=', channel)
    .where('error', 'is not', null)
    .orderBy('notification', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.error ?? undefined
}
