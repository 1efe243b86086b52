import { NotAllowed } from '@cordon/core/errors'
import { sql } from 'kysely'
import type { Store } from '../store/store.ts'
import { type Attempt, beginAttempt, forgetFailures, takeBackAttempt } from './attempts.ts'
import { recordable, typedNameKey } from './names.ts'
import { type Origin, recordChange } from './origin.ts'
import { isTooLong, loadPasswordHasher, makePassword } from './passwords.ts'
import { needsSecondFactor, type UserPolicy } from './policy.ts'
import { beginSession, firstState, hasSecondFactor, type OpenedSession } from './sessions.ts'
import { isUsable, lockedUser, userOf } from './user.ts'

/**
 * The one answer to a failed sign-in, whatever was wrong: it does not tell whether there is such a user, or a lock-out.
 */
export const signInRefusal =
  'the name or the password is wrong, or the user may not sign in now; after several failures wait up to 15 minutes'

/** Failed sign-ins that are recorded in an hour: of one address, and of all together on top of real attempts. */
const recordedOfAddress = 10
const recordedOfAll = 200

let dummy: Promise<string> | undefined

/** What the password is compared with where there is nothing to compare: the same work for nobody. */
async function dummyHash(): Promise<string> {
  dummy ??= loadPasswordHasher().then((hasher) => hasher.hash(makePassword()))
  return await dummy
}

/**
 * Begins a session for a name and its password. Whatever is wrong, the answer and the work for it are the same.
 * @throws NotAllowed `refused` with {@link signInRefusal}
 */
export async function signIn(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  given: { readonly name: string; readonly password: string },
  origin: Origin,
): Promise<OpenedSession> {
  const key = typedNameKey(given.name)
  const row = await store.db
    .selectFrom('users')
    .selectAll()
    .where('name_key', '=', key ?? '')
    .executeTakeFirst()
  const usable = row !== undefined && isUsable(userOf(row), origin.now).verdict === 'usable'
  const attempt =
    usable && row.password_hash !== null ? await beginAttempt(store.db, row.id, policy, origin.now) : undefined
  const hash = attempt === undefined ? undefined : row?.password_hash
  const isRight = await verifies(hash ?? undefined, given.password)
  if (row === undefined || attempt === undefined || !isRight) {
    const why = attempt === undefined ? refusalReason(row !== undefined, usable) : 'wrong password'
    await recordFailure(store, origin, row?.name ?? recordable(given.name), why, attempt !== undefined)
    throw new NotAllowed('refused', signInRefusal)
  }
  return await store.db.transaction().execute(async (tx) => {
    const now = await lockedUser(tx, row.id)
    const user = userOf(now)
    // Disabled, or given another password, while the hash was computed.
    if (isUsable(user, origin.now).verdict !== 'usable' || now.password_hash !== row.password_hash) {
      throw new NotAllowed('refused', signInRefusal)
    }
    const state = firstState(await hasSecondFactor(tx, user.id), needsSecondFactor(policy, user.roles))
    if (state === 'second-factor') await takeBackAttempt(tx, attempt)
    else await forgetFailures(tx, user.id)
    if (state === 'full')
      await tx
        .updateTable('users')
        .set({ signed_in_at: new Date(origin.now) })
        .where('id', '=', user.id)
        .execute()
    const begun = await beginSession(tx, policy, user, { state, method: 'password', factorAt: null }, origin)
    await recordChange(
      tx,
      { ...origin, actor: begun.actor },
      { action: 'sessions.begin', subject: user.name, detail: { method: 'password', state } },
    )
    return begun
  })
}

function refusalReason(isKnown: boolean, isUsableNow: boolean): string {
  if (!isKnown) return 'unknown name'
  return isUsableNow ? 'locked, or without a password' : 'disabled'
}

/** Compares a password; without a hash to compare with it does the same work and fails. */
async function verifies(hash: string | undefined, password: string): Promise<boolean> {
  const hasher = await loadPasswordHasher()
  const isRight = await hasher.verify(hash ?? (await dummyHash()), isTooLong(password) ? '' : password)
  return hash !== undefined && isRight && !isTooLong(password)
}

/**
 * Whether a signed-in user knows the password, before a change that a forgotten screen must not allow. It counts as an
 * attempt.
 * @throws NotAllowed `refused` for a wrong one, or while attempts have to wait
 */
export async function provePassword(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  userId: string,
  password: string,
  origin: Origin,
): Promise<void> {
  const row = await store.db.selectFrom('users').selectAll().where('id', '=', userId).executeTakeFirst()
  const attempt: Attempt | undefined =
    row === undefined || row.password_hash === null
      ? undefined
      : await beginAttempt(store.db, userId, policy, origin.now)
  const isRight = await verifies(attempt === undefined ? undefined : (row?.password_hash ?? undefined), password)
  if (attempt === undefined || !isRight) {
    await recordFailure(
      store,
      origin,
      row?.name ?? '',
      attempt === undefined ? 'locked' : 'wrong password',
      attempt !== undefined,
    )
    throw new NotAllowed('refused', 'the password is wrong; after several failures wait up to 15 minutes')
  }
  await takeBackAttempt(store.db, attempt)
}

/**
 * Records a failed sign-in. What was really tried is always recorded: the lock-out bounds it. The rest (unknown names,
 * tries during a wait) is whatever strangers send, so it is recorded ten times in an hour for one address and 200 times
 * in all; the entry that fills the measure says so. Counted in the audit itself, it holds for all managers together.
 */
export async function recordFailure(
  store: Pick<Store, 'db'>,
  origin: Origin,
  subject: string,
  reason: string,
  isReal: boolean,
): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    let detail: Record<string, unknown> = { reason }
    if (!isReal) {
      const since = new Date(Date.now() - 3_600_000)
      const { rows } = await sql<{ own: number; all: number }>`
        select count(*) filter (where address = ${origin.address})::int as own, count(*)::int as all
        from audit where actor_kind = 'anonymous' and at > ${since}`.execute(tx)
      const { own, all } = rows[0] ?? { own: 0, all: 0 }
      if (own >= recordedOfAddress || all >= recordedOfAll) return
      const isLast = own + 1 >= recordedOfAddress || all + 1 >= recordedOfAll
      if (isLast) detail = { reason, further: 'not recorded within this hour' }
    }
    await recordChange(
      tx,
      { ...origin, actor: { kind: 'anonymous', name: 'anonymous' } },
      { action: 'sessions.begin', subject, outcome: 'refused', detail },
    )
  })
}

/** Ends the session of the browser that asks. */
export async function signOut(
  store: Pick<Store, 'db'>,
  use: { readonly session: { readonly id: string }; readonly user: { readonly name: string } },
  origin: Origin,
): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    const { numDeletedRows } = await tx.deleteFrom('user_sessions').where('id', '=', use.session.id).executeTakeFirst()
    if (numDeletedRows === 0n) return
    await recordChange(
      tx,
      { ...origin, actor: { kind: 'user', name: use.user.name } },
      { action: 'sessions.sign-out', subject: use.user.name },
    )
  })
}
