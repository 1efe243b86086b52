import { NotAllowed, UsageError } from '@cordon/core/errors'
import { type Kysely, sql } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { forgetFailures } from './attempts.ts'
import { checkedName, nameKey } from './names.ts'
import { type Asker, type Origin, recordChange, usersLock } from './origin.ts'
import { hashNewPassword } from './password-rules.ts'
import { needsSecondFactor, type UserPolicy } from './policy.ts'
import { isSecretText, makeSecretText, secretHash } from './secret-texts.ts'
import { beginSession, dropSessions, firstState, hasSecondFactor, type OpenedSession } from './sessions.ts'
import { isUsable, lockedUser, type User, userOf } from './user.ts'

/**
 * One-time links: nobody ever types a password for another person. A link is 32 random bytes of which the store keeps
 * the SHA-256, it runs out, and it is used up in the transaction that does what it is for.
 * @module
 */

/** A link to hand over. The secret is shown here and nowhere else. */
export interface OneTimeLink {
  readonly secret: string
  readonly expiresAt: Date
}

/** What a link is for, before it is used. */
export interface LinkPurpose {
  readonly kind: 'first-run' | 'invitation' | 'reset'
  /** Name of its user; undefined for the first run. */
  readonly name: string | undefined
  readonly expiresAt: Date
}

const refusal = 'the link was used, ran out or was replaced by a newer one; ask for a new one'
const firstRunRefusal = `${refusal}: while there is no user, each start of the manager prints one`

/**
 * The link that makes the first administrator, in place of the one that this manager made at an earlier start. Undefined
 * as soon as there is a user.
 * @param manager name of the manager among several on one database
 */
export async function createFirstRunLink(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  { manager, now }: { readonly manager: string; readonly now: number },
): Promise<OneTimeLink | undefined> {
  return await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    if (await hasUsers(tx)) return undefined
    await tx.deleteFrom('user_links').where('kind', '=', 'first-run').where('made_by', '=', manager).execute()
    return await insertLink(tx, {
      kind: 'first-run',
      made_by: manager,
      expires_at: new Date(now + policy.invitationMs),
    })
  })
}

async function insertLink(
  db: Kysely<Schema>,
  link: { kind: LinkPurpose['kind']; user_id?: string; made_by: string; expires_at: Date },
): Promise<OneTimeLink> {
  const secret = makeSecretText()
  await db
    .insertInto('user_links')
    .values({ ...link, hash: secretHash(secret) })
    .execute()
  return { secret, expiresAt: link.expires_at }
}

/** Waits for whoever else changes users. */
export async function lockUsers(db: Kysely<Schema>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${usersLock}, 0))`.execute(db)
}

/** Whether there is any user. */
export async function hasUsers(db: Kysely<Schema>): Promise<boolean> {
  return (await db.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined
}

/** Gives a user a link, in place of earlier ones. */
export async function linkFor(db: Kysely<Schema>, policy: UserPolicy, user: User, asker: Asker): Promise<OneTimeLink> {
  await db.deleteFrom('user_links').where('user_id', '=', user.id).execute()
  const kind = user.hasPassword ? 'reset' : 'invitation'
  return await insertLink(db, {
    kind,
    user_id: user.id,
    made_by: asker.actor.name,
    expires_at: new Date(asker.now + (kind === 'reset' ? policy.resetMs : policy.invitationMs)),
  })
}

/**
 * A new link for a user: an invitation where no password was set yet, else a reset. Sessions end; the old password stays in
 * force until the link is used.
 * @throws UsageError `missing` for no such user
 * @throws NotAllowed `refused` for a disabled one, or one whose sign-in is an identity provider's
 */
export async function createUserLink(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  userId: string,
  asker: Asker,
): Promise<OneTimeLink> {
  return await store.db.transaction().execute(async (tx) => {
    const user = userOf(await lockedUser(tx, userId))
    if (isUsable(user, asker.now).verdict !== 'usable')
      throw new NotAllowed('refused', `${user.name} is disabled; enable the user first`)
    if (user.providerId !== null)
      throw new NotAllowed('refused', `${user.name} signs in through an identity provider and has no password here`)
    const link = await linkFor(tx, policy, user, asker)
    const kind = user.hasPassword ? 'reset' : 'invitation'
    const ended = await dropSessions(tx, user.id)
    const detail = { kind, until: link.expiresAt.toISOString(), ended }
    await recordChange(tx, asker, { action: 'users.link', subject: user.name, detail })
    return link
  })
}

/** What a link is for; undefined for one that counts no more. Looking does not use it up. */
export async function readLink(
  store: Pick<Store, 'db'>,
  secret: string,
  now: number,
): Promise<LinkPurpose | undefined> {
  if (!isSecretText(secret)) return undefined
  const row = await store.db
    .selectFrom('user_links as l')
    .leftJoin('users as u', 'u.id', 'l.user_id')
    .select(['l.kind', 'l.expires_at', 'u.name'])
    .where('l.hash', '=', secretHash(secret))
    .where('l.expires_at', '>', new Date(now))
    .executeTakeFirst()
  return row === undefined ? undefined : { kind: row.kind, name: row.name ?? undefined, expiresAt: row.expires_at }
}

/** Takes a link out of the store. Of two who use it, the second finds it gone. */
async function takeLink(db: Kysely<Schema>, secret: string, isFirstRun: boolean, now: number): Promise<string | null> {
  const row = isSecretText(secret)
    ? await db
        .deleteFrom('user_links')
        .where('hash', '=', secretHash(secret))
        .where('kind', isFirstRun ? '=' : '<>', 'first-run')
        .where('expires_at', '>', new Date(now))
        .returning('user_id')
        .executeTakeFirst()
    : undefined
  if (row === undefined) throw new NotAllowed('refused', isFirstRun ? firstRunRefusal : refusal)
  return row.user_id
}

/**
 * Makes the first administrator, uses the link up with all others of the first run, and signs the administrator in.
 * @throws NotAllowed `refused` for a link that does not count, or when there is a user already
 * @throws UsageError `bad-value` for a name or password of the wrong form; the link stays
 */
export async function useFirstRunLink(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  given: { readonly secret: string; readonly name: string; readonly displayName?: string; readonly password: string },
  origin: Origin,
): Promise<OpenedSession> {
  // The hash is made before the transaction, and only for a link that counts: it costs a stranger nothing, us 11 ms.
  if ((await readLink(store, given.secret, origin.now))?.kind !== 'first-run')
    throw new NotAllowed('refused', firstRunRefusal)
  const name = checkedName(given.name)
  const displayName = checkedName(given.displayName ?? given.name, 'display name')
  const hash = await hashNewPassword(given.password, [name, displayName])
  return await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    await takeLink(tx, given.secret, true, origin.now)
    if (await hasUsers(tx)) throw new NotAllowed('refused', 'there is an administrator already')
    await tx.deleteFrom('user_links').where('kind', '=', 'first-run').execute()
    const at = new Date(origin.now)
    const row = await tx
      .insertInto('users')
      .values({
        name,
        name_key: nameKey(name),
        display_name: displayName,
        roles: ['administrator'],
        password_hash: hash,
        password_changed_at: at,
        signed_in_at: at,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    const user = userOf(row)
    const state = firstState(false, needsSecondFactor(policy, user.roles))
    const begun = await beginSession(tx, policy, user, { state, method: 'link', factorAt: null }, origin)
    await recordChange(
      tx,
      { ...origin, actor: begun.actor },
      { action: 'users.first', subject: name, detail: { roles: user.roles } },
    )
    return begun
  })
}

/**
 * Sets the password that an invitation or reset is for, ends the user's sessions and begins one. A second factor is asked
 * for as at any sign-in: a link does not stand in for it.
 * @throws NotAllowed `refused` for a link that does not count, or whose user is disabled
 * @throws UsageError `bad-value` for a password of the wrong form; the link stays
 */
export async function useLink(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  given: { readonly secret: string; readonly password: string },
  origin: Origin,
): Promise<OpenedSession> {
  const purpose = await readLink(store, given.secret, origin.now)
  if (purpose?.name === undefined) throw new NotAllowed('refused', refusal)
  const hash = await hashNewPassword(given.password, [purpose.name])
  return await store.db.transaction().execute(async (tx) => {
    const userId = await takeLink(tx, given.secret, false, origin.now)
    if (userId === null) throw new UsageError('missing', refusal)
    const user = userOf(await lockedUser(tx, userId))
    if (isUsable(user, origin.now).verdict !== 'usable') throw new NotAllowed('refused', refusal)
    const at = new Date(origin.now)
    await tx
      .updateTable('users')
      .set({ password_hash: hash, password_changed_at: at })
      .where('id', '=', userId)
      .execute()
    const has = await hasSecondFactor(tx, userId)
    // Failures at the second factor stay: a link must not buy new guesses.
    if (!has) await forgetFailures(tx, userId)
    const ended = await dropSessions(tx, userId)
    const state = firstState(has, needsSecondFactor(policy, user.roles))
    const begun = await beginSession(
      tx,
      policy,
      { ...user, hasPassword: true },
      { state, method: 'link', factorAt: null },
      origin,
    )
    await recordChange(
      tx,
      { ...origin, actor: begun.actor },
      {
        action: 'users.password',
        subject: user.name,
        detail: { by: purpose.kind, ended },
      },
    )
    return begun
  })
}
