import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** An EST listener as it makes itself known to other commands on the same store. Nothing of it is secret. */
export interface ListenerStatus {
  readonly plant: string
  /** Such as `127.60.34.2:8444`. */
  readonly addresses: readonly string[]
  /** Labels with rules; an empty text is the path without a label. */
  readonly labels: readonly string[]
  /** Names under which it is announced by DNS-SD; empty when it is not. */
  readonly announced: readonly string[]
  /** Path of the enrollment file. */
  readonly rules: string
  /** What a person must know while it lasts, such as a global grant. */
  readonly banners: readonly string[]
  readonly host: string
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly seenAt: number
}

/** What a listener says of itself. */
export type ListenerReport = Omit<ListenerStatus, 'host' | 'pid' | 'startedAt' | 'seenAt'>

/** Keeps a listener known until it is closed. */
export interface ListenerNotice extends AsyncDisposable {
  /** The first word is in the store. */
  readonly ready: Promise<void>
}

const prefix = 'est listener '
const beatMs = 5_000
/** A listener that was silent for so long is gone, whatever became of its process. */
const goneMs = 20_000

/**
 * Makes a listener known to everyone who reads the store, with a sign of life every few seconds.
 * @param report asked at each of them
 */
export function publishListener(store: Store, report: () => ListenerReport): ListenerNotice {
  const name = `${prefix}${randomUUID()}`
  const startedAt = Date.now()
  const write = async () => {
    const status = { ...report(), host: hostname(), pid: process.pid, startedAt, seenAt: Date.now() }
    const value = jsonText(status satisfies ListenerStatus)
    await store.db
      .insertInto('facts')
      .values({ name, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute()
  }
  let beat = write()
  // The listener itself goes on while the store is away; whoever reads then sees it as gone.
  const timer = setInterval(() => {
    beat = beat.catch(() => undefined).then(write)
    beat.catch(() => undefined)
  }, beatMs)
  return {
    ready: beat,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await beat.catch(() => undefined)
      await store.db
        .deleteFrom('facts')
        .where('name', '=', name)
        .execute()
        .catch(() => undefined)
    },
  }
}

/** The listeners that gave a sign of life lately; those that ended without a word are forgotten. */
export async function readListeners(store: Store, now: number = Date.now()): Promise<readonly ListenerStatus[]> {
  const rows = await store.db.selectFrom('facts').selectAll().where('name', 'like', `${prefix}%`).execute()
  // Written by this file alone.
  const found = rows.map(({ name, value }) => ({ name, status: value as ListenerStatus }))
  const gone = found.filter(({ status }) => now - status.seenAt > goneMs).map(({ name }) => name)
  if (gone.length > 0) await store.db.deleteFrom('facts').where('name', 'in', gone).execute()
  return found.filter(({ name }) => !gone.includes(name)).map(({ status }) => status)
}

/** The address of one of {@link ListenerStatus.addresses}. */
export function listenerAddress(place: string): string {
  return place.slice(0, place.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}
