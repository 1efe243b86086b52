import { NotAllowed, UsageError } from '@cordon/core/errors'
import type { Kysely, Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { beginAttempt } from './attempts.ts'
import { type Asker, type Origin, recordChange } from './origin.ts'
import { needsSecondFactor, type UserPolicy } from './policy.ts'
import { makeRecoveryCodes, recoveryCodesLeft, spendRecoveryCode } from './recovery-codes.ts'
import { insertKey, type KeySite, keyRegistrationOptions, spendKey, verifyNewKey } from './security-keys.ts'
import { completeSession, dropSessions, hasSecondFactor, type OpenedSession, type SessionUse } from './sessions.ts'
import { provePassword, recordFailure } from './sign-in.ts'
import { confirmTotp, makeTotp, spendTotp, type TotpSetup } from './totp.ts'
import { isId, isUsable, lockedUser, userOf } from './user.ts'

/** How a second factor is shown. */
export type FactorProof =
  | { readonly kind: 'totp'; readonly code: string }
  | { readonly kind: 'recovery'; readonly code: string }
  | { readonly kind: 'webauthn'; readonly response: unknown; readonly site: KeySite }

/** A security key in a list. */
export interface SecurityKey {
  readonly id: string
  readonly name: string
  /** The host that it was registered for. */
  readonly host: string
  readonly createdAt: Date
  readonly usedAt: Date | null
}

/** The second factors of a user. */
export interface Factors {
  /** Since when an app is set up; null for none. */
  readonly totpSince: Date | null
  readonly keys: readonly SecurityKey[]
  /** Recovery codes that are left. */
  readonly recoveryCodes: number
}

/** A factor that was set up: the session with all rights, and recovery codes if there were none before. */
export interface Enrolled {
  /** Under a new secret; undefined where the session had all rights before. */
  readonly opened: OpenedSession | undefined
  /** Shown once; empty where there are unused ones. */
  readonly recoveryCodes: readonly string[]
}

/** What is set up for a user. */
export async function readFactors(store: Pick<Store, 'db'>, userId: string): Promise<Factors> {
  const totp = await store.db
    .selectFrom('user_totp')
    .select('confirmed_at')
    .where('user_id', '=', userId)
    .where('confirmed_at', 'is not', null)
    .executeTakeFirst()
  const keys = await store.db
    .selectFrom('user_keys')
    .select(['id', 'name', 'rp_id', 'created_at', 'used_at'])
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .execute()
  return {
    totpSince: totp?.confirmed_at ?? null,
    keys: keys.map((key) => ({
      id: key.id,
      name: key.name,
      host: key.rp_id,
      createdAt: key.created_at,
      usedAt: key.used_at,
    })),
    recoveryCodes: await recoveryCodesLeft(store.db, userId),
  }
}

/**
 * Shows the second factor and so completes a sign-in. A wrong one counts as a failed attempt, as a password does.
 * @returns the session under a new secret
 * @throws NotAllowed `refused` for a wrong one, one that was used before, or while attempts have to wait
 */
export async function proveSecondFactor(
  store: Pick<Store, 'db' | 'secrets'>,
  policy: UserPolicy,
  use: SessionUse,
  proof: FactorProof,
  origin: Origin,
): Promise<OpenedSession> {
  const { session, user } = use
  if (session.state !== 'second-factor') throw new NotAllowed('refused', 'this session asks for no second factor')
  const attempt = await beginAttempt(store.db, user.id, policy, origin.now)
  const isRight = attempt !== undefined && (await spend(store, use, proof, origin.now))
  if (!isRight) {
    const why = attempt === undefined ? 'locked' : `wrong ${proof.kind}`
    await recordFailure(store, origin, user.name, why, attempt !== undefined)
    throw new NotAllowed(
      'refused',
      'the second factor is wrong or was used; after several failures wait up to 15 minutes',
    )
  }
  return await store.db.transaction().execute(async (tx) => {
    const now = userOf(await lockedUser(tx, user.id))
    if (isUsable(now, origin.now).verdict !== 'usable') throw new NotAllowed('refused', 'the user is disabled')
    const opened = await completeSession(tx, policy, use, origin.now)
    const detail = { factor: proof.kind, state: 'full' }
    await recordChange(tx, { ...origin, actor: use.actor }, { action: 'sessions.factor', subject: user.name, detail })
    return opened
  })
}

async function spend(
  store: Pick<Store, 'db' | 'secrets'>,
  use: SessionUse,
  proof: FactorProof,
  now: number,
): Promise<boolean> {
  switch (proof.kind) {
    case 'totp':
      return await spendTotp(store, use.user.id, proof.code, now)
    case 'recovery':
      return await spendRecoveryCode(store.db, use.user.id, proof.code, now)
    case 'webauthn':
      return await spendKey(store, use, proof.response, proof.site, now)
  }
}

/** A session that only waits for its second factor must not set another one up. */
function mayEnrol({ session }: SessionUse): void {
  if (session.state === 'second-factor') throw new NotAllowed('role', 'show the second factor first')
}

/** Begins to set up an app. @throws NotAllowed `role` for a session without the second factor that there is */
export async function beginTotp(
  store: Pick<Store, 'db' | 'secrets'>,
  use: SessionUse,
  issuer: string,
): Promise<TotpSetup> {
  mayEnrol(use)
  return await makeTotp(store, use.user, issuer)
}

/**
 * Takes the app into use with a first code of it.
 * @throws NotAllowed `refused` for a wrong code
 */
export async function finishTotp(
  store: Pick<Store, 'db' | 'secrets'>,
  policy: UserPolicy,
  use: SessionUse,
  code: string,
  asker: Asker,
): Promise<Enrolled> {
  mayEnrol(use)
  return await store.db.transaction().execute(async (tx) => {
    await lockedUser(tx, use.user.id)
    await confirmTotp(store, tx, use.user.id, code, asker.now)
    return await enrolled(tx, policy, use, { factor: 'totp' }, asker)
  })
}

/** Begins to add a security key. @throws NotAllowed `role` for a session without the second factor that there is */
export async function beginKey(
  store: Pick<Store, 'db'>,
  use: SessionUse,
  site: KeySite,
  now: number,
): Promise<Awaited<ReturnType<typeof keyRegistrationOptions>>> {
  mayEnrol(use)
  return await keyRegistrationOptions(store, use, site, now)
}

/**
 * Adds a security key.
 * @throws NotAllowed `refused` for an answer that does not hold
 */
export async function finishKey(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  use: SessionUse,
  given: { readonly name: string; readonly response: unknown; readonly site: KeySite },
  asker: Asker,
): Promise<Enrolled> {
  mayEnrol(use)
  const key = await verifyNewKey(store, use, given, asker.now)
  return await store.db.transaction().execute(async (tx) => {
    await lockedUser(tx, use.user.id)
    await insertKey(tx, use.user.id, key)
    return await enrolled(tx, policy, use, { factor: 'webauthn', name: key.name, host: key.rpId }, asker)
  })
}

async function enrolled(
  tx: Transaction<Schema>,
  policy: UserPolicy,
  use: SessionUse,
  detail: Readonly<Record<string, unknown>>,
  asker: Asker,
): Promise<Enrolled> {
  const left = await recoveryCodesLeft(tx, use.user.id)
  const recoveryCodes = left === 0 ? await makeRecoveryCodes(tx, use.user.id) : []
  // Other sessions began without the factor that there is now.
  await dropSessions(tx, use.user.id, use.session.id)
  const opened = await completeSession(tx, policy, use, asker.now)
  await recordChange(tx, asker, { action: 'factors.add', subject: use.user.name, detail })
  return { opened, recoveryCodes }
}

/**
 * Takes one's own app, or one of one's keys, out of use. Recovery codes end with the last factor.
 * @throws NotAllowed `refused` for a wrong password, or the last factor where one is required
 * @throws UsageError `missing` when there is none
 */
export async function removeFactor(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  use: SessionUse,
  what: { readonly kind: 'totp' } | { readonly kind: 'webauthn'; readonly id: string },
  password: string,
  asker: Asker,
): Promise<void> {
  mayEnrol(use)
  const { user } = use
  await provePassword(store, policy, user.id, password, asker)
  await store.db.transaction().execute(async (tx) => {
    await lockedUser(tx, user.id)
    const removed = await deleteFactor(tx, user.id, what)
    if (!removed) throw new UsageError('missing', 'there is no such factor; it may have been removed already')
    if (!(await hasSecondFactor(tx, user.id))) {
      if (needsSecondFactor(policy, user.roles))
        throw new NotAllowed('refused', 'a second factor is required here; set up another one first')
      await tx.deleteFrom('user_recovery_codes').where('user_id', '=', user.id).execute()
    }
    await recordChange(tx, asker, { action: 'factors.remove', subject: user.name, detail: { factor: what.kind } })
  })
}

async function deleteFactor(
  db: Kysely<Schema>,
  userId: string,
  what: { readonly kind: 'totp' } | { readonly kind: 'webauthn'; readonly id: string },
): Promise<boolean> {
  if (what.kind === 'totp') {
    const { numDeletedRows } = await db.deleteFrom('user_totp').where('user_id', '=', userId).executeTakeFirst()
    return numDeletedRows > 0n
  }
  if (!isId(what.id)) return false
  const { numDeletedRows } = await db
    .deleteFrom('user_keys')
    .where('user_id', '=', userId)
    .where('id', '=', what.id)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

/**
 * New recovery codes in place of one's old ones.
 * @throws NotAllowed `refused` for a wrong password, or without a second factor
 */
export async function renewRecoveryCodes(
  store: Pick<Store, 'db'>,
  policy: UserPolicy,
  use: SessionUse,
  password: string,
  asker: Asker,
): Promise<readonly string[]> {
  mayEnrol(use)
  await provePassword(store, policy, use.user.id, password, asker)
  return await store.db.transaction().execute(async (tx) => {
    await lockedUser(tx, use.user.id)
    if (!(await hasSecondFactor(tx, use.user.id)))
      throw new NotAllowed('refused', 'recovery codes stand in for a second factor; set one up first')
    const codes = await makeRecoveryCodes(tx, use.user.id)
    await recordChange(tx, asker, { action: 'factors.recovery', subject: use.user.name })
    return codes
  })
}

/**
 * Takes all second factors of a user out of use, for one who lost them; sessions end.
 * @throws UsageError `missing` for no such user
 */
export async function removeFactors(store: Pick<Store, 'db'>, userId: string, asker: Asker): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    const { name } = await lockedUser(tx, userId)
    await tx.deleteFrom('user_totp').where('user_id', '=', userId).execute()
    await tx.deleteFrom('user_keys').where('user_id', '=', userId).execute()
    await tx.deleteFrom('user_recovery_codes').where('user_id', '=', userId).execute()
    const ended = await dropSessions(tx, userId)
    await recordChange(tx, asker, { action: 'factors.reset', subject: name, detail: { ended } })
  })
}
