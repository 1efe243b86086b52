import type { Store } from '@cordon/server/store'
import {
  type Asker,
  createFirstRunLink,
  createUser,
  defaultUserPolicy,
  type OpenedSession,
  type Origin,
  type User,
  useFirstRunLink,
} from '@cordon/server/users'
import { loadPasswordHasher } from '../../src/users/passwords.ts'

export const policy = defaultUserPolicy
export const password = 'tramway quietly harvests 7 lanterns'
/** Where the tests' time begins. */
export const start = Date.UTC(2026, 0, 5, 8)
export const minute = 60_000

export function origin(now = start, address = '192.0.2.10'): Origin {
  return { address, userAgent: 'Mozilla/5.0 (X11; Linux x86_64)', request: 'r-1', now }
}

export function asker(name = 'anna', now = start): Asker {
  return { ...origin(now), actor: { kind: 'user', name } }
}

/** The first administrator, anna. */
export async function firstAdministrator(store: Store): Promise<OpenedSession> {
  const link = await createFirstRunLink(store, policy, { manager: 'm1', now: start })
  if (link === undefined) throw new Error('there is a user already')
  return await useFirstRunLink(store, policy, { secret: link.secret, name: 'anna', password }, origin())
}

let hash: Promise<string> | undefined

/**
 * A user with the password of the tests. It is written as an invitation writes it, without being scored each time, which
 * costs a fifth of a second.
 */
export async function person(store: Store, name: string, roles: readonly string[], now = start): Promise<User> {
  const { user } = await createUser(store, policy, { name, roles }, asker('anna', now))
  hash ??= loadPasswordHasher().then((hasher) => hasher.hash(password))
  await store.db
    .updateTable('users')
    .set({ password_hash: await hash, password_changed_at: new Date(now) })
    .where('id', '=', user.id)
    .execute()
  await store.db.deleteFrom('user_links').where('user_id', '=', user.id).execute()
  return { ...user, hasPassword: true }
}

/** The last entries of the audit, without what the database gives. */
export async function audited(store: Store, count: number) {
  const rows = await store.db
    .selectFrom('audit')
    .select(['actor_kind', 'actor', 'action', 'subject', 'outcome', 'detail'])
    .orderBy('id', 'desc')
    .limit(count)
    .execute()
  return rows.reverse()
}
