import { NotAllowed, UsageError } from '@cordon/core/errors'
import { type Kysely, type Selectable, sql } from 'kysely'
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  type Configuration,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
} from 'openid-client'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { IdentityProviderTable, SignInAttemptTable } from '../store/users-tables.ts'
import { insertUser } from './changes.ts'
import { lockUsers } from './links.ts'
import { checkedName, recordable } from './names.ts'
import { type Origin, recordChange } from './origin.ts'
import { needsSecondFactor, type UserPolicy } from './policy.ts'
import { plainReason, providerClient } from './provider-client.ts'
import { keepResult, listResults, providerOf, providerRow, type ProviderResult } from './providers.ts'
import { mapRoles, type MappedRoles, readClaim } from './role-mapping.ts'
import { isSecretText, makeSecretText, secretHash } from './secret-texts.ts'
import { beginSession, firstState, hasSecondFactor, type OpenedSession } from './sessions.ts'
import { recordFailure } from './sign-in.ts'
import { isUsable, type User, userOf } from './user.ts'

/**
 * Sign-in through OpenID Connect (Core 1.0): authorization code with PKCE, state and nonce. What is on its way lies in
 * the store for ten minutes, belongs to one browser and is used once, at whichever manager the browser comes back to.
 * @module
 */

/** Where the browser is sent. */
export interface ProviderSignIn {
  readonly url: string
  /** For a cookie of the browser, which must come back with it: nobody is signed in by a link that another person began. */
  readonly browserSecret: string
}

const attemptMs = 10 * 60_000
/** Sign-ins on their way at most; beyond, the oldest is given up. */
const mostAttempts = 5000

/** What the browser is told where a sign-in through a provider fails; why stands in the results of the provider. */
export const providerRefusal =
  'signing in through the identity provider did not succeed; an administrator finds the reason in its test'

/**
 * Begins a sign-in.
 * @param redirectUri the manager's own address for the way back, as it is registered at the provider
 * @throws UsageError `missing` for no such provider in use
 * @throws PeerError `unexpected-reply` when the provider is out of reach
 */
export async function startProviderSignIn(
  store: Pick<Store, 'db' | 'secrets'>,
  providerId: string,
  redirectUri: string,
  now: number,
): Promise<ProviderSignIn> {
  const row = await providerRow(store.db, providerId)
  if (!row.enabled) throw new UsageError('missing', 'this identity provider is not in use')
  const configuration = await providerClient(store, row, { now })
  const state = makeSecretText()
  const browserSecret = makeSecretText()
  const nonce = randomNonce()
  const verifier = randomPKCECodeVerifier()
  const url = buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: row.scopes.join(' '),
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  await store.db
    .insertInto('sign_in_attempts')
    .values({
      state: secretHash(state),
      provider_id: row.id,
      browser: secretHash(browserSecret),
      nonce,
      code_verifier: verifier,
      redirect_uri: redirectUri,
      expires_at: new Date(now + attemptMs),
    })
    .execute()
  await sql`delete from sign_in_attempts where expires_at <= ${new Date(now)} or expires_at < (
    select expires_at from sign_in_attempts order by expires_at desc offset ${mostAttempts} limit 1)`.execute(store.db)
  return { url: url.href, browserSecret }
}

/**
 * Ends a sign-in with what the browser brought back, and begins a session. Roles are what the provider's claims give at
 * this moment; a user who has none is not signed in. A user with a password of this manager keeps the roles given here.
 * `query` is that of the request, without `?`.
 * @throws NotAllowed `refused` with {@link providerRefusal}
 */
export async function finishProviderSignIn(
  store: Pick<Store, 'db' | 'secrets'>,
  policy: UserPolicy,
  given: { readonly query: string; readonly browserSecret: string },
  origin: Origin,
): Promise<OpenedSession> {
  const attempt = await takeAttempt(store.db, given, origin.now)
  if (attempt === undefined) {
    await recordFailure(store, origin, '', 'sign-in at a provider that was not begun here, or ran out', false)
    throw new NotAllowed('refused', providerRefusal)
  }
  const row = await providerRow(store.db, attempt.provider_id)
  const refuse = async (why: string, sub = '', cause?: unknown) => {
    const explanation = recordable(why, 2000)
    await keepResult(store.db, row.id, { at: new Date(origin.now), sub, outcome: 'refused', roles: [], explanation })
    await recordFailure(
      store,
      origin,
      recordable(sub === '' ? row.name : sub, 255),
      `${row.name}: ${explanation}`,
      false,
    )
    return new NotAllowed('refused', providerRefusal, { cause })
  }
  if (!row.enabled) throw await refuse('the provider is not in use')
  let identity: Identity
  try {
    identity = await redeem(store, row, attempt, given.query, origin.now)
  } catch (cause) {
    throw await refuse(plainReason(cause), '', cause)
  }
  const { claims, sub } = identity
  const mapped = mapRoles(claims, row.role_claim, providerOf(row).roleMap)
  try {
    const begun = await store.db.transaction().execute(async (tx) => {
      const user = await userFor(tx, row, identity, mapped, origin.now)
      if (user === undefined) return undefined
      const begun = await begin(tx, policy, user, claims, origin)
      const explanation =
        user.providerId === row.id ? mapped.explanation : `roles are given here; ${mapped.explanation}`
      const result: ProviderResult = {
        at: new Date(origin.now),
        sub,
        outcome: 'signed-in',
        roles: user.roles,
        explanation,
      }
      await keepResult(tx, row.id, result)
      const detail = { method: 'provider', provider: row.name, sub, roles: user.roles, state: begun.session.state }
      await recordChange(
        tx,
        { ...origin, actor: begun.actor },
        { action: 'sessions.begin', subject: user.name, detail },
      )
      return begun
    })
    if (begun !== undefined) return begun
  } catch (cause) {
    if (cause instanceof NotAllowed || cause instanceof UsageError) throw await refuse(cause.message, sub, cause)
    throw cause
  }
  throw await refuse(`no role: ${mapped.explanation}`, sub)
}

type AttemptRow = Selectable<SignInAttemptTable>

async function takeAttempt(
  db: Kysely<Schema>,
  { query, browserSecret }: { readonly query: string; readonly browserSecret: string },
  now: number,
): Promise<AttemptRow | undefined> {
  if (query.length > 8192 || !isSecretText(browserSecret)) return undefined
  const states = new URLSearchParams(query).getAll('state')
  const [state] = states
  if (state === undefined || states.length !== 1 || !isSecretText(state)) return undefined
  return await db
    .deleteFrom('sign_in_attempts')
    .where('state', '=', secretHash(state))
    .where('browser', '=', secretHash(browserSecret))
    .where('expires_at', '>', new Date(now))
    .returningAll()
    .executeTakeFirst()
}

/** A person as the provider knows them. */
interface Identity {
  readonly issuer: string
  readonly sub: string
  /** Of the ID token, and of the user info where the roles are not in that. */
  readonly claims: Readonly<Record<string, unknown>>
}

async function redeem(
  store: Pick<Store, 'secrets'>,
  row: Selectable<IdentityProviderTable>,
  attempt: AttemptRow,
  query: string,
  now: number,
): Promise<Identity> {
  const configuration = await providerClient(store, row, { now })
  const current = new URL(attempt.redirect_uri)
  current.search = query
  const tokens = await authorizationCodeGrant(configuration, current, {
    pkceCodeVerifier: attempt.code_verifier,
    expectedState: new URLSearchParams(query).get('state') ?? '',
    expectedNonce: attempt.nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  if (claims === undefined) throw new NotAllowed('refused', 'the provider sent no ID token')
  if (claims.sub.length > 255) throw new NotAllowed('refused', 'the identity (sub) is longer than 255 characters')
  const more = await moreClaims(configuration, row.role_claim, claims, tokens.access_token)
  return { issuer: claims.iss, sub: claims.sub, claims: more }
}

async function moreClaims(
  configuration: Configuration,
  roleClaim: string,
  claims: Readonly<Record<string, unknown>> & { readonly sub: string },
  accessToken: string,
): Promise<Readonly<Record<string, unknown>>> {
  const isThere = readClaim(claims, roleClaim) !== undefined && claims['preferred_username'] !== undefined
  if (isThere || configuration.serverMetadata().userinfo_endpoint === undefined) return claims
  const info = await fetchUserInfo(configuration, accessToken, claims.sub)
  // What is signed wins.
  return { ...info, ...claims }
}

/**
 * The user of an identity, with the roles that hold now; undefined for one without any. Linked by issuer and sub alone:
 * names and addresses change hands.
 */
async function userFor(
  tx: Kysely<Schema>,
  row: Selectable<IdentityProviderTable>,
  { issuer, sub, claims }: Identity,
  mapped: MappedRoles,
  now: number,
): Promise<User | undefined> {
  await lockUsers(tx)
  const link = await tx
    .updateTable('user_identities')
    .set({ signed_in_at: new Date(now) })
    .where('issuer', '=', issuer)
    .where('sub', '=', sub)
    .returning('user_id')
    .executeTakeFirst()
  if (link === undefined) return await newUser(tx, row, { issuer, sub, claims }, mapped, now)
  const found = await tx
    .selectFrom('users')
    .selectAll()
    .where('id', '=', link.user_id)
    .forUpdate()
    .executeTakeFirstOrThrow()
  const user = userOf(found)
  if (isUsable(user, now).verdict !== 'usable') throw new NotAllowed('refused', `the user ${user.name} is disabled`)
  if (user.providerId !== row.id) return user
  // Without any now, the roles of an earlier day go too: sessions and tokens live by them.
  await tx.updateTable('users').set({ roles: mapped.roles }).where('id', '=', user.id).execute()
  return mapped.roles.length === 0 ? undefined : { ...user, roles: mapped.roles }
}

async function newUser(
  tx: Kysely<Schema>,
  row: Selectable<IdentityProviderTable>,
  { issuer, sub, claims }: Identity,
  mapped: MappedRoles,
  now: number,
): Promise<User> {
  if (!row.allow_creation)
    throw new NotAllowed('refused', `the identity ${sub} is no user here, and this provider does not make any`)
  if (mapped.roles.length === 0)
    throw new NotAllowed('refused', `no role for the identity ${sub}: ${mapped.explanation}`)
  const text = (claim: string) => (typeof claims[claim] === 'string' ? claims[claim] : undefined)
  const name = checkedName(text('preferred_username') ?? text('email') ?? sub)
  const displayName = checkedName((text('name') ?? name).slice(0, 64), 'display name')
  const user = await insertUser(tx, { name, displayName, roles: mapped.roles, providerId: row.id })
  await tx
    .insertInto('user_identities')
    .values({ issuer, sub, user_id: user.id, signed_in_at: new Date(now) })
    .execute()
  return user
}

async function begin(
  tx: Kysely<Schema>,
  policy: UserPolicy,
  user: User,
  claims: Readonly<Record<string, unknown>>,
  origin: Origin,
): Promise<OpenedSession> {
  // RFC 8176: several factors were shown at the provider.
  const isProven = Array.isArray(claims['amr']) && claims['amr'].includes('mfa')
  const state = isProven
    ? 'full'
    : firstState(await hasSecondFactor(tx, user.id), needsSecondFactor(policy, user.roles))
  const at = new Date(origin.now)
  if (state === 'full') await tx.updateTable('users').set({ signed_in_at: at }).where('id', '=', user.id).execute()
  return await beginSession(tx, policy, user, { state, method: 'provider', factorAt: isProven ? at : null }, origin)
}

/** What a test of a provider found. */
export interface ProviderTest {
  readonly reachable: boolean
  /** What discovery told, or why it failed. */
  readonly explanation: string
  /** What came of the last sign-ins and why, the newest first. */
  readonly results: readonly ProviderResult[]
}

/**
 * Asks a provider anew for what it can do, and tells what came of the last sign-ins.
 * @throws UsageError `missing` for no such provider
 */
export async function testProvider(
  store: Pick<Store, 'db' | 'secrets'>,
  providerId: string,
  now: number,
): Promise<ProviderTest> {
  const row = await providerRow(store.db, providerId)
  const results = await listResults(store, providerId)
  try {
    const metadata = (await providerClient(store, row, { now, fresh: true })).serverMetadata()
    const missing = [
      ...(metadata.authorization_endpoint === undefined ? ['authorization endpoint'] : []),
      ...(metadata.token_endpoint === undefined ? ['token endpoint'] : []),
      ...(metadata.jwks_uri === undefined ? ['keys (jwks_uri)'] : []),
    ]
    if (missing.length > 0) return { reachable: true, explanation: `it names no ${missing.join(', no ')}`, results }
    const pkce = metadata.supportsPKCE() ? 'PKCE with S256' : 'no PKCE in its metadata, it is sent all the same'
    const scopes = metadata.scopes_supported
    const strange = scopes === undefined ? [] : row.scopes.filter((scope) => !scopes.includes(scope))
    const note = strange.length === 0 ? '' : `; it does not list the scope ${strange.join(', ')}`
    const answer = `issuer ${metadata.issuer}, ${pkce}${note}`
    return { reachable: true, explanation: recordable(answer, 2000), results }
  } catch (error) {
    return { reachable: false, explanation: recordable(plainReason(error), 2000), results }
  }
}
