import { NotAllowed, UsageError } from '@cordon/core/errors'
import { type Kysely, type Selectable, sql } from 'kysely'
import type { Actor } from '../audit/audit.ts'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { UserTokenTable } from '../store/users-tables.ts'
import { checkedName } from './names.ts'
import { type Asker, recordChange } from './origin.ts'
import type { UserPolicy } from './policy.ts'
import type { Role } from './roles.ts'
import { isSecretText, makeSecretText, secretHash } from './secret-texts.ts'
import { checkedRoles, isId, isUsable, lockedUser, rolesOf, type User, userOf } from './user.ts'

/**
 * Tokens of programs: a secret that is shown once, with some of its owner's roles and an end.
 * @module
 */

/** A token without its secret. */
export interface ApiToken {
  readonly id: string
  readonly name: string
  /** Its first signs, to tell tokens apart. */
  readonly prefix: string
  readonly owner: string
  readonly roles: readonly Role[]
  readonly createdAt: Date
  readonly expiresAt: Date
  /** The last request, to the minute. */
  readonly usedAt: Date | null
  readonly revokedAt: Date | null
}

/** A token with its owner, as a request finds it. */
export interface TokenUse {
  readonly id: string
  readonly user: User
  /** Those of the token that its owner has at this moment. */
  readonly roles: readonly Role[]
  readonly actor: Actor
}

/** By this a leaked token is recognised. */
export const tokenMark = 'cordon_'
/** Signs of the secret that are kept in the clear. */
const prefixSigns = 6
/** Tokens of one user at once. */
const mostTokens = 100
const usedEveryMs = 60_000

/**
 * Makes a token for a user.
 * @throws UsageError `bad-value` for a wrong name, role or lifetime
 * @throws NotAllowed `role` for roles that the user has not
 */
export async function createToken(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  user: Pick<User, 'id'>,
  given: {
    readonly name: string
    readonly roles?: readonly string[] | undefined
    readonly lifetimeMs?: number | undefined
  },
  asker: Asker,
): Promise<{ readonly token: ApiToken; readonly secret: string }> {
  const name = checkedName(given.name, 'name of the token')
  const wanted = given.roles === undefined ? undefined : checkedRoles(given.roles)
  const lifetimeMs = given.lifetimeMs ?? policy.tokenLifetimeMs
  if (!(lifetimeMs > 0 && lifetimeMs <= policy.longestTokenLifetimeMs)) {
    const days = Math.floor(policy.longestTokenLifetimeMs / 86_400_000)
    throw new UsageError('bad-value', `expected a lifetime of at most ${days} days`)
  }
  const random = makeSecretText()
  const secret = tokenMark + random
  return await store.db.transaction().execute(async (tx) => {
    const owner = userOf(await lockedUser(tx, user.id))
    const missing = wanted?.find((role) => !owner.roles.includes(role))
    if (missing !== undefined)
      throw new NotAllowed('role', `a token has roles of its owner; ${owner.name} is no ${missing}`)
    await refuseTooMany(tx, user.id, asker.now)
    const row = await tx
      .insertInto('user_tokens')
      .values({
        hash: secretHash(secret),
        user_id: user.id,
        prefix: tokenMark + random.slice(0, prefixSigns),
        name,
        roles: wanted ?? owner.roles,
        expires_at: new Date(asker.now + lifetimeMs),
        created_at: new Date(asker.now),
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    const token = tokenOf({ ...row, owner: owner.name })
    const detail = { owner: owner.name, roles: token.roles, prefix: token.prefix, until: token.expiresAt.toISOString() }
    await recordChange(tx, asker, { action: 'tokens.create', subject: name, detail })
    return { token, secret }
  })
}

async function refuseTooMany(db: Kysely<Schema>, userId: string, now: number): Promise<void> {
  // Those that ended long ago are in the audit.
  const old = new Date(now - 90 * 86_400_000)
  await db
    .deleteFrom('user_tokens')
    .where('user_id', '=', userId)
    .where(({ or, eb }) => or([eb('expires_at', '<', old), eb('revoked_at', '<', old)]))
    .execute()
  const { n } = await db
    .selectFrom('user_tokens')
    .where('user_id', '=', userId)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  if (n >= mostTokens)
    throw new NotAllowed('refused', `there are ${n} tokens already; tokens that ended count for 90 days`)
}

function tokenOf(row: Selectable<UserTokenTable> & { readonly owner: string }): ApiToken {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    owner: row.owner,
    roles: rolesOf(row.roles),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
    revokedAt: row.revoked_at,
  }
}

/**
 * The token of a request; undefined for one that is not there, has ended, was revoked, or whose owner may use the manager
 * no more.
 */
export async function useToken(store: Pick<Store, 'db'>, token: string, now: number): Promise<TokenUse | undefined> {
  if (!token.startsWith(tokenMark) || !isSecretText(token.slice(tokenMark.length))) return undefined
  const row = await store.db
    .selectFrom('user_tokens')
    .selectAll()
    .where('hash', '=', secretHash(token))
    .executeTakeFirst()
  const user = row === undefined ? undefined : await userInForce(store.db, row, now)
  if (row === undefined || user === undefined) return undefined
  if (row.used_at === null || now - row.used_at.getTime() >= usedEveryMs) {
    await store.db
      .updateTable('user_tokens')
      .set({ used_at: sql<Date>`greatest(used_at, ${new Date(now)})` })
      .where('id', '=', row.id)
      .execute()
  }
  const roles = rolesOf(row.roles).filter((role) => user.roles.includes(role))
  return { id: row.id, user, roles, actor: { kind: 'token', name: `${row.name} of ${user.name}` } }
}

/** The owner of a token that is in force; undefined where it ended, or its owner may use the manager no more. */
async function userInForce(
  db: Kysely<Schema>,
  row: Selectable<UserTokenTable>,
  now: number,
): Promise<User | undefined> {
  if (row.revoked_at !== null || row.expires_at.getTime() <= now) return undefined
  const found = await db.selectFrom('users').selectAll().where('id', '=', row.user_id).executeTakeFirst()
  if (found === undefined) return undefined
  const user = userOf(found)
  return isUsable(user, now).verdict === 'usable' ? user : undefined
}

/** Whether a token is still in force, by its id: what lasts long asks now and then, and asking is no use of it. */
export async function isTokenInForce({ db }: Pick<Store, 'db'>, id: string, now: number): Promise<boolean> {
  const row = await db.selectFrom('user_tokens').selectAll().where('id', '=', id).executeTakeFirst()
  return row !== undefined && (await userInForce(db, row, now)) !== undefined
}

/** Tokens, the newest first: of one user, or of everybody. */
export async function listTokens(store: Pick<Store, 'db'>, userId?: string): Promise<readonly ApiToken[]> {
  if (userId !== undefined && !isId(userId)) return []
  const rows = await store.db
    .selectFrom('user_tokens as t')
    .innerJoin('users as u', 'u.id', 't.user_id')
    .selectAll('t')
    .select('u.name as owner')
    .$if(userId !== undefined, (query) => query.where('t.user_id', '=', userId ?? ''))
    .orderBy('t.created_at', 'desc')
    .execute()
  return rows.map(tokenOf)
}

/**
 * Revokes a token for good.
 * @param userId only if it is this user's
 * @throws UsageError `missing` where there is none in force
 */
export async function revokeToken(store: Pick<Store, 'db'>, asker: Asker, id: string, userId?: string): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    const row = isId(id)
      ? await tx
          .updateTable('user_tokens as t')
          .from('users as u')
          .whereRef('u.id', '=', 't.user_id')
          .set({ revoked_at: new Date(asker.now) })
          .where('t.id', '=', id)
          .where('t.revoked_at', 'is', null)
          .$if(userId !== undefined, (query) => query.where('t.user_id', '=', userId ?? ''))
          .returning(['t.name', 't.prefix', 'u.name as owner'])
          .executeTakeFirst()
      : undefined
    if (row === undefined) throw new UsageError('missing', 'there is no such token in force; list them first')
    await recordChange(tx, asker, {
      action: 'tokens.revoke',
      subject: row.name,
      detail: { owner: row.owner, prefix: row.prefix },
    })
  })
}
