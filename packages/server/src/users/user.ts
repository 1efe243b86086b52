import { UsageError } from '@cordon/core/errors'
import type { Kysely, Selectable } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { UserTable } from '../store/users-tables.ts'
import { nextAttemptAt } from './attempts.ts'
import { typedNameKey } from './names.ts'
import type { UserPolicy } from './policy.ts'
import { type Role, roleNames } from './roles.ts'

/** A person who uses the manager. What proves them stays in the store. */
export interface User {
  readonly id: string
  readonly name: string
  readonly displayName: string
  readonly roles: readonly Role[]
  /** Whether there is a password: not before an invitation was used, nor for users of an identity provider. */
  readonly hasPassword: boolean
  readonly passwordChangedAt: Date | null
  readonly disabledAt: Date | null
  /** Id of the identity provider that gives the roles at each sign-in; null where they are given here. */
  readonly providerId: string | null
  /** The last complete sign-in. */
  readonly signedInAt: Date | null
  readonly createdAt: Date
}

/** A user with what administrators need to know of sign-in. */
export interface ListedUser extends User {
  /** When the next attempt to sign in is looked at; null for now. */
  readonly lockedUntil: Date | null
  readonly factors: readonly ('totp' | 'webauthn')[]
  /** Open sessions. */
  readonly sessions: number
  /** An invitation or reset that was not used yet, and its end. */
  readonly linkUntil: Date | null
  /** Name of the identity provider that gives the roles. */
  readonly provider: string | null
}

/** A verdict with its reason. */
export type Usable = { readonly verdict: 'usable' } | { readonly verdict: 'refused'; readonly reason: 'disabled' }

/**
 * Whether somebody may use the manager at all. Everything asks here: signing in, every use of a session or token, an
 * identity provider's answer. A lock-out is not asked for: it bars attempts to sign in, so that guesses of a stranger
 * end nobody's session.
 * @param now milliseconds since 1970
 */
export function isUsable(user: Pick<User, 'disabledAt'>, now: number): Usable {
  const isDisabled = user.disabledAt !== null && user.disabledAt.getTime() <= now
  return isDisabled ? { verdict: 'refused', reason: 'disabled' } : { verdict: 'usable' }
}

/** Roles among these names; what is none any more permits nothing. */
export function rolesOf(names: readonly string[]): readonly Role[] {
  return roleNames.filter((role) => names.includes(role))
}

/**
 * Roles in their order, each once.
 * @throws UsageError `bad-value` for a name that is no role
 */
export function checkedRoles(names: readonly string[]): readonly Role[] {
  const unknown = names.find((name) => !roleNames.some((role) => role === name))
  if (unknown !== undefined) {
    throw new UsageError('bad-value', `no role is called "${unknown.slice(0, 40)}"; there are ${roleNames.join(', ')}`)
  }
  return rolesOf(names)
}

/** The row of a user as others see it. */
export function userOf(row: Selectable<UserTable>): User {
  return {
    id: row.id,
    name: row.name,
    displayName: row.display_name,
    roles: rolesOf(row.roles),
    hasPassword: row.password_hash !== null,
    passwordChangedAt: row.password_changed_at,
    disabledAt: row.disabled_at,
    providerId: row.provider_id,
    signedInAt: row.signed_in_at,
    createdAt: row.created_at,
  }
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether a text is an id of this store's making: PostgreSQL refuses others with an error. */
export function isId(text: string): boolean {
  return uuid.test(text)
}

/** The row of a user by id, locked by a transaction that changes it. */
export async function lockedUser(db: Kysely<Schema>, id: string): Promise<Selectable<UserTable>> {
  const row = isId(id)
    ? await db.selectFrom('users').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
    : undefined
  if (row === undefined) throw new UsageError('missing', 'there is no such user; list them with "cordon user list"')
  return row
}

/** A user by id; undefined where there is none. */
export async function readUser(store: Pick<Store, 'db'>, id: string): Promise<User | undefined> {
  if (!isId(id)) return undefined
  const row = await store.db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : userOf(row)
}

/** A user by name, in any case of its letters; undefined where there is none. */
export async function findUser(store: Pick<Store, 'db'>, name: string): Promise<User | undefined> {
  const key = typedNameKey(name)
  if (key === undefined) return undefined
  const row = await store.db.selectFrom('users').selectAll().where('name_key', '=', key).executeTakeFirst()
  return row === undefined ? undefined : userOf(row)
}

/** Everybody, or one of them, by name. */
export async function listUsers(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  { now, id }: { readonly now: number; readonly id?: string },
): Promise<readonly ListedUser[]> {
  if (id !== undefined && !isId(id)) return []
  const at = new Date(now)
  const rows = await store.db
    .selectFrom('users as u')
    .leftJoin('identity_providers as p', 'p.id', 'u.provider_id')
    .selectAll('u')
    .select('p.name as provider')
    .select(({ selectFrom, exists, fn }) => [
      exists(
        selectFrom('user_totp as t')
          .select('t.id')
          .whereRef('t.user_id', '=', 'u.id')
          .where('t.confirmed_at', 'is not', null),
      ).as('totp'),
      exists(selectFrom('user_keys as k').select('k.id').whereRef('k.user_id', '=', 'u.id')).as('webauthn'),
      selectFrom('user_sessions as s')
        .whereRef('s.user_id', '=', 'u.id')
        .where('s.seen_at', '>', new Date(now - policy.idleTimeoutMs))
        .where('s.created_at', '>', new Date(now - policy.sessionLifetimeMs))
        .select(fn.countAll<number>().as('n'))
        .as('sessions'),
      selectFrom('user_links as l')
        .whereRef('l.user_id', '=', 'u.id')
        .where('l.expires_at', '>', at)
        .select((of) => of.fn.max('l.expires_at').as('until'))
        .as('link_until'),
    ])
    .$if(id !== undefined, (query) => query.where('u.id', '=', id ?? ''))
    .orderBy('u.name_key')
    .execute()
  return rows.map((row) => {
    const next = nextAttemptAt({ failures: row.failures, failedAt: row.failed_at }, policy)
    return {
      ...userOf(row),
      lockedUntil: next > now ? new Date(next) : null,
      factors: [
        ...(row.totp === true ? (['totp'] as const) : []),
        ...(row.webauthn === true ? (['webauthn'] as const) : []),
      ],
      sessions: row.sessions ?? 0,
      linkUntil: row.link_until,
      provider: row.provider,
    }
  })
}
