import { NotAllowed, UsageError } from '@cordon/core/errors'
import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { forgetFailures } from './attempts.ts'
import { linkFor, lockUsers, type OneTimeLink } from './links.ts'
import { checkedName, nameKey } from './names.ts'
import { type Asker, recordChange } from './origin.ts'
import { hashNewPassword } from './password-rules.ts'
import type { UserPolicy } from './policy.ts'
import type { Role } from './roles.ts'
import { dropSessions, type SessionUse } from './sessions.ts'
import { provePassword } from './sign-in.ts'
import { checkedRoles, lockedUser, type User, userOf } from './user.ts'

/** A user who was invited, and the link to hand over. */
export interface InvitedUser {
  readonly user: User
  readonly link: OneTimeLink
}

/** What administrators change of a user; what is not named stays. */
export interface UserChange {
  readonly displayName?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly disabled?: boolean | undefined
}

/**
 * Registers a user without a password; the link sets one.
 * @throws UsageError `bad-value` for a wrong name or role
 * @throws NotAllowed `refused` for a name that is taken
 */
export async function createUser(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  given: { readonly name: string; readonly displayName?: string | undefined; readonly roles: readonly string[] },
  asker: Asker,
): Promise<InvitedUser> {
  const roles = checkedRoles(given.roles)
  const name = checkedName(given.name)
  const displayName = checkedName(given.displayName ?? given.name, 'display name')
  return await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    const user = await insertUser(tx, { name, displayName, roles, providerId: null })
    const link = await linkFor(tx, policy, user, asker)
    await recordChange(tx, asker, { action: 'users.create', subject: name, detail: { roles } })
    return { user, link }
  })
}

/** Registers a user under the lock of all users. */
export async function insertUser(
  db: Kysely<Schema>,
  given: Pick<User, 'name' | 'displayName' | 'roles' | 'providerId'>,
): Promise<User> {
  const row = await db
    .insertInto('users')
    .values({
      name: given.name,
      name_key: nameKey(given.name),
      display_name: given.displayName,
      roles: given.roles,
      provider_id: given.providerId,
    })
    .onConflict((conflict) => conflict.column('name_key').doNothing())
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw new NotAllowed('refused', `there is a user ${given.name} already; choose another name`)
  return userOf(row)
}

/**
 * Changes a user. Roles hold from the next request on, sessions and tokens included; disabling ends all sessions.
 * @throws UsageError `missing` for no such user, `bad-value` for a wrong name or role
 * @throws NotAllowed `refused` for the last administrator, or roles that an identity provider gives
 */
export async function changeUser(
  store: Pick<Store, 'db'>,
  id: string,
  change: UserChange,
  asker: Asker,
): Promise<User> {
  const displayName = change.displayName === undefined ? undefined : checkedName(change.displayName, 'display name')
  const roles = change.roles === undefined ? undefined : checkedRoles(change.roles)
  return await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    const before = userOf(await lockedUser(tx, id))
    if (roles !== undefined && before.providerId !== null && roles.join() !== before.roles.join()) {
      throw new NotAllowed(
        'refused',
        `the roles of ${before.name} come from an identity provider; change them there, or its map of roles`,
      )
    }
    const disabledAt =
      change.disabled === undefined
        ? before.disabledAt
        : change.disabled
          ? (before.disabledAt ?? new Date(asker.now))
          : null
    const row = await tx
      .updateTable('users')
      .set({ display_name: displayName ?? before.displayName, roles: roles ?? before.roles, disabled_at: disabledAt })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const after = userOf(row)
    await keepAnAdministrator(tx, before)
    if (after.disabledAt !== null && before.disabledAt === null) {
      await dropSessions(tx, id)
      await tx.deleteFrom('user_links').where('user_id', '=', id).execute()
    }
    await recordChange(tx, asker, { action: 'users.change', subject: after.name, detail: differences(before, after) })
    return after
  })
}

function differences(before: User, after: User): Record<string, unknown> {
  return {
    ...(before.displayName === after.displayName ? {} : { displayName: after.displayName }),
    ...(before.roles.join() === after.roles.join() ? {} : { roles: after.roles, rolesBefore: before.roles }),
    ...((before.disabledAt === null) === (after.disabledAt === null) ? {} : { disabled: after.disabledAt !== null }),
  }
}

/**
 * Refuses a change that leaves nobody who administers with a password of this manager: users of an identity provider
 * do not count, for it may be out of reach.
 */
async function keepAnAdministrator(db: Kysely<Schema>, changed: User): Promise<void> {
  if (!isStanding(changed)) return
  const rows = await db.selectFrom('users').selectAll().execute()
  if (!rows.some((row) => isStanding(userOf(row)))) {
    throw new NotAllowed('refused', `${changed.name} is the last administrator; make another user administrator first`)
  }
}

function isStanding(user: User): boolean {
  const administrator: Role = 'administrator'
  return user.roles.includes(administrator) && user.hasPassword && user.disabledAt === null && user.providerId === null
}

/**
 * Removes a user with sessions, tokens and factors. What the audit tells of the name stays.
 * @throws UsageError `missing` for no such user
 * @throws NotAllowed `refused` for the last administrator
 */
export async function removeUser(store: Pick<Store, 'db'>, id: string, asker: Asker): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    const user = userOf(await lockedUser(tx, id))
    await tx.deleteFrom('users').where('id', '=', id).execute()
    await keepAnAdministrator(tx, user)
    await recordChange(tx, asker, { action: 'users.remove', subject: user.name })
  })
}

/**
 * Changes one's own password, which ends one's other sessions.
 * @throws NotAllowed `refused` for a wrong old password
 * @throws UsageError `bad-value` for a new one of the wrong form
 */
export async function changeOwnPassword(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  { session, user }: SessionUse,
  given: { readonly current: string; readonly password: string },
  asker: Asker,
): Promise<void> {
  if (session.state === 'second-factor') throw new NotAllowed('role', 'show the second factor first')
  await provePassword(store, policy, user.id, given.current, asker)
  if (given.current === given.password)
    throw new UsageError('bad-value', 'the new password is the old one; choose another')
  const hash = await hashNewPassword(given.password, [user.name, user.displayName])
  await store.db.transaction().execute(async (tx) => {
    await lockedUser(tx, user.id)
    await tx
      .updateTable('users')
      .set({ password_hash: hash, password_changed_at: new Date(asker.now) })
      .where('id', '=', user.id)
      .execute()
    const ended = await dropSessions(tx, user.id, session.id)
    await tx.deleteFrom('user_links').where('user_id', '=', user.id).execute()
    await recordChange(tx, asker, { action: 'users.password', subject: user.name, detail: { by: 'user', ended } })
  })
}

/**
 * Ends a lock-out: failed attempts are forgotten.
 * @throws UsageError `missing` for no such user
 */
export async function unlockUser(store: Pick<Store, 'db'>, id: string, asker: Asker): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    const { name, failures } = await lockedUser(tx, id)
    await forgetFailures(tx, id)
    await recordChange(tx, asker, { action: 'users.unlock', subject: name, detail: { failures } })
  })
}
