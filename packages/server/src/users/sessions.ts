import { createHmac } from 'node:crypto'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import { type Kysely, type Selectable, sql } from 'kysely'
import type { Actor } from '../audit/audit.ts'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { UserSessionTable } from '../store/users-tables.ts'
import { recordable } from './names.ts'
import { type Asker, type Origin, recordChange } from './origin.ts'
import { needsSecondFactor, type UserPolicy } from './policy.ts'
import { isSameText, isSecretText, makeSecretText, secretHash } from './secret-texts.ts'
import { isId, isUsable, type User, userOf } from './user.ts'

/**
 * What a session permits: nothing but showing the second factor, nothing but setting one up, or all that the roles do.
 */
export type SessionState = UserSessionTable['state']

/** A session of a browser. */
export interface Session {
  /** For lists and for ending it; not the secret. */
  readonly id: string
  readonly state: SessionState
  /** By what it began. */
  readonly method: UserSessionTable['method']
  readonly address: string
  readonly userAgent: string
  /** When the second factor was shown; null without. */
  readonly factorAt: Date | null
  readonly createdAt: Date
  /** The last request, to the minute. */
  readonly seenAt: Date
  /** When it ends if nothing is asked meanwhile. */
  readonly idleUntil: Date
  /** When it ends in any case. */
  readonly endsAt: Date
}

/** A session in a list of several users'. */
export interface ListedSession extends Session {
  readonly userId: string
  readonly userName: string
}

/** A session with its user, as a request finds it. */
export interface SessionUse {
  readonly session: Session
  readonly user: User
  readonly actor: Actor
}

/** A session that just began or got more rights, and the secret that only its browser may have. */
export interface OpenedSession extends SessionUse {
  /** For a cookie that is Secure, HttpOnly and SameSite. */
  readonly secret: string
  /** What requests that change something must carry besides the cookie. */
  readonly csrf: string
}

/** Sessions of one user at once; the one unused for longest ends. */
const mostSessions = 32
/** How exact {@link Session.seenAt} is: a request does not write more often. */
const seenEveryMs = 60_000
const longestUserAgent = 200

type SessionRow = Selectable<UserSessionTable>

function sessionOf(row: SessionRow, state: SessionState, policy: UserPolicy): Session {
  return {
    id: row.id,
    state,
    method: row.method,
    address: row.address,
    userAgent: row.user_agent,
    factorAt: row.factor_at,
    createdAt: row.created_at,
    seenAt: row.seen_at,
    idleUntil: new Date(row.seen_at.getTime() + policy.idleTimeoutMs),
    endsAt: new Date(row.created_at.getTime() + policy.sessionLifetimeMs),
  }
}

/** Whether a user has a second factor in use. */
export async function hasSecondFactor(db: Kysely<Schema>, userId: string): Promise<boolean> {
  const { rows } = await sql<{ has: boolean }>`
    select exists (select from user_totp where user_id = ${userId} and confirmed_at is not null)
      or exists (select from user_keys where user_id = ${userId}) as has`.execute(db)
  return rows[0]?.has === true
}

/** What a new session permits. */
export function firstState(has: boolean, needs: boolean): SessionState {
  if (has) return 'second-factor'
  return needs ? 'must-enrol' : 'full'
}

/** Begins a session, in the transaction of what proved the user. */
export async function beginSession(
  db: Kysely<Schema>,
  policy: UserPolicy,
  user: User,
  begin: Pick<Session, 'state' | 'method' | 'factorAt'>,
  origin: Origin,
): Promise<OpenedSession> {
  const at = new Date(origin.now)
  const secret = makeSecretText()
  const row = await db
    .insertInto('user_sessions')
    .values({
      hash: secretHash(secret),
      user_id: user.id,
      state: begin.state,
      method: begin.method,
      address: recordable(origin.address, 64),
      user_agent: recordable(origin.userAgent ?? '', longestUserAgent),
      factor_at: begin.factorAt,
      created_at: at,
      seen_at: at,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await sql`delete from user_sessions where user_id = ${user.id} and id not in (
    select id from user_sessions where user_id = ${user.id} order by seen_at desc, created_at desc, id = ${row.id} desc limit ${mostSessions})`.execute(
    db,
  )
  return opened({ session: sessionOf(row, row.state, policy), user, actor: { kind: 'user', name: user.name } }, secret)
}

function opened(use: SessionUse, secret: string): OpenedSession {
  return { ...use, secret, csrf: csrfToken(secret) }
}

/**
 * Gives a session all rights after the second factor was shown or set up, under a new secret: what was known of it
 * before is worth nothing.
 * @throws NotAllowed `refused` for a session that ended meanwhile
 */
export async function completeSession(
  db: Kysely<Schema>,
  policy: UserPolicy,
  { session, user, actor }: SessionUse,
  now: number,
): Promise<OpenedSession> {
  const at = new Date(now)
  const secret = makeSecretText()
  const row = await db
    .updateTable('user_sessions')
    .set({ hash: secretHash(secret), state: 'full', factor_at: at, seen_at: at })
    .where('id', '=', session.id)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) throw new NotAllowed('refused', 'the session ended; sign in again')
  await db
    .updateTable('users')
    .set({ failures: 0, failed_at: null, signed_in_at: at })
    .where('id', '=', user.id)
    .execute()
  return opened({ session: sessionOf(row, row.state, policy), user, actor }, secret)
}

/**
 * The session of a request; undefined for one that is not there, has ended, or whose user may use the manager no more.
 * Roles are those of this moment, and a second factor that is required since the session began is asked for.
 */
export async function useSession(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  secret: string,
  now: number,
): Promise<SessionUse | undefined> {
  if (!isSecretText(secret)) return undefined
  const row = await store.db
    .selectFrom('user_sessions')
    .selectAll()
    .where('hash', '=', secretHash(secret))
    .executeTakeFirst()
  if (row === undefined) return undefined
  const user = await userOfOpen(store.db, policy, row, now)
  if (user === undefined) {
    await store.db.deleteFrom('user_sessions').where('id', '=', row.id).execute()
    return undefined
  }
  if (now - row.seen_at.getTime() >= seenEveryMs) {
    row.seen_at = new Date(now)
    await store.db.updateTable('user_sessions').set({ seen_at: row.seen_at }).where('id', '=', row.id).execute()
  }
  const state = await stateNow(store, policy, row, user)
  return { session: sessionOf(row, state, policy), user, actor: { kind: 'user', name: user.name } }
}

/** The user of a session that is open; undefined where it ran out or its user may use the manager no more. */
async function userOfOpen(
  db: Kysely<Schema>,
  policy: UserPolicy,
  row: SessionRow,
  now: number,
): Promise<User | undefined> {
  const found = await db.selectFrom('users').selectAll().where('id', '=', row.user_id).executeTakeFirst()
  if (found === undefined) return undefined
  const user = userOf(found)
  const { idleUntil, endsAt } = sessionOf(row, row.state, policy)
  const isOver = idleUntil.getTime() <= now || endsAt.getTime() <= now
  return isOver || isUsable(user, now).verdict !== 'usable' ? undefined : user
}

/** Whether a session is still open, by its id: what lasts long asks now and then, and asking is no use of it. */
export async function isSessionOpen(
  { db }: Pick<Store, 'db'>,
  policy: UserPolicy,
  id: string,
  now: number,
): Promise<boolean> {
  const row = await db.selectFrom('user_sessions').selectAll().where('id', '=', id).executeTakeFirst()
  return row !== undefined && (await userOfOpen(db, policy, row, now)) !== undefined
}

/** A policy that became stricter holds for sessions that are open already. */
async function stateNow(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  row: SessionRow,
  user: User,
): Promise<SessionState> {
  if (row.state === 'second-factor' || row.factor_at !== null) return row.state
  if (!needsSecondFactor(policy, user.roles)) return 'full'
  return firstState(await hasSecondFactor(store.db, user.id), true)
}

/** What requests that change something carry besides the cookie: only who has the secret can make it. */
export function csrfToken(secret: string): string {
  return createHmac('sha256', secret).update('cordon csrf').digest('base64url')
}

/** Whether a CSRF token is the one of a session, in constant time. */
export function isCsrfToken(secret: string, token: string): boolean {
  return isSameText(csrfToken(secret), token)
}

/** Open sessions, the last used first: of one user, or of everybody. */
export async function listSessions(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  { userId, now }: { readonly userId?: string; readonly now: number },
): Promise<readonly ListedSession[]> {
  if (userId !== undefined && !isId(userId)) return []
  let query = store.db
    .selectFrom('user_sessions as s')
    .innerJoin('users as u', 'u.id', 's.user_id')
    .selectAll('s')
    .select('u.name as user_name')
    .where('s.seen_at', '>', new Date(now - policy.idleTimeoutMs))
    .where('s.created_at', '>', new Date(now - policy.sessionLifetimeMs))
    .orderBy('s.seen_at', 'desc')
  if (userId !== undefined) query = query.where('s.user_id', '=', userId)
  const rows = await query.execute()
  return rows.map((row) => ({ ...sessionOf(row, row.state, policy), userId: row.user_id, userName: row.user_name }))
}

/**
 * Ends one session.
 * @param userId only if it is this user's
 * @throws UsageError `missing` where there is none
 */
export async function endSession(store: Pick<Store, 'db'>, asker: Asker, id: string, userId?: string): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    const row = isId(id)
      ? await tx
          .deleteFrom('user_sessions as s')
          .using('users as u')
          .whereRef('u.id', '=', 's.user_id')
          .where('s.id', '=', id)
          .$if(userId !== undefined, (query) => query.where('s.user_id', '=', userId ?? ''))
          .returning(['u.name', 's.address'])
          .executeTakeFirst()
      : undefined
    if (row === undefined) throw new UsageError('missing', 'there is no such session; it may have ended already')
    await recordChange(tx, asker, {
      action: 'sessions.end',
      subject: row.name,
      detail: { session: id, from: row.address },
    })
  })
}

/** Ends all sessions of a user, but one if that is named. @returns how many */
export async function endSessions(
  store: Pick<Store, 'db'>,
  asker: Asker,
  user: Pick<User, 'id' | 'name'>,
  except?: string,
): Promise<number> {
  return await store.db.transaction().execute(async (tx) => {
    const ended = await dropSessions(tx, user.id, except)
    await recordChange(tx, asker, { action: 'sessions.end-all', subject: user.name, detail: { ended } })
    return ended
  })
}

/** Deletes the sessions of a user within a change that they must not outlive. */
export async function dropSessions(db: Kysely<Schema>, userId: string, except?: string): Promise<number> {
  let query = db.deleteFrom('user_sessions').where('user_id', '=', userId)
  if (except !== undefined) query = query.where('id', '<>', except)
  const { numDeletedRows } = await query.executeTakeFirst()
  return Number(numDeletedRows)
}

/** Forgets what has run out: sessions, links, challenges, sign-ins at providers. For a job that runs now and then. */
export async function forgetExpired(store: Pick<Store, 'db'>, policy: UserPolicy, now: number): Promise<void> {
  const at = new Date(now)
  await store.db
    .deleteFrom('user_sessions')
    .where(({ or, eb }) =>
      or([
        eb('seen_at', '<=', new Date(now - policy.idleTimeoutMs)),
        eb('created_at', '<=', new Date(now - policy.sessionLifetimeMs)),
      ]),
    )
    .execute()
  await store.db.deleteFrom('user_links').where('expires_at', '<=', at).execute()
  await store.db.deleteFrom('user_challenges').where('expires_at', '<=', at).execute()
  await store.db.deleteFrom('sign_in_attempts').where('expires_at', '<=', at).execute()
}
