import { isIP } from 'node:net'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { UserChallengeTable } from '../store/users-tables.ts'
import { checkedName } from './names.ts'
import type { SessionUse } from './sessions.ts'

/**
 * Security keys and passkeys as a second factor (WebAuthn Level 3). Challenges lie in the store, belong to one session
 * and are used once.
 * @module
 */

/** The site that a key is bound to: host without port, and origin, as the browser sees them. */
export interface KeySite {
  /** Such as `manager.example`; an address is none. */
  readonly host: string
  /** Such as `https://manager.example:8443`. */
  readonly origin: string
}

/** Keys of one user at most. */
const mostKeys = 10
/** How long a browser may take, milliseconds. */
const challengeMs = 5 * 60_000
/** Longest answer of a browser that is looked at, bytes of JSON. */
const longestResponse = 32 * 1024

type Purpose = UserChallengeTable['purpose']

/**
 * The name that keys are bound to.
 * @throws UsageError `not-supported` for an address: browsers bind keys to names only
 */
function relyingParty({ host }: KeySite): string {
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0 || host === '') {
    throw new UsageError(
      'not-supported',
      `browsers bind security keys to names, and the manager was opened as ${host}; open it by its host name`,
    )
  }
  return host
}

async function keepChallenge(
  db: Kysely<Schema>,
  use: SessionUse,
  purpose: Purpose,
  kept: { challenge: string; rp_id: string },
  now: number,
): Promise<void> {
  const row = { ...kept, expires_at: new Date(now + challengeMs) }
  await db
    .insertInto('user_challenges')
    .values({ session_id: use.session.id, purpose, ...row })
    .onConflict((conflict) => conflict.columns(['session_id', 'purpose']).doUpdateSet(row))
    .execute()
}

/** The challenge of a session, which is gone with this. */
async function takeChallenge(db: Kysely<Schema>, use: SessionUse, purpose: Purpose, now: number) {
  return await db
    .deleteFrom('user_challenges')
    .where('session_id', '=', use.session.id)
    .where('purpose', '=', purpose)
    .where('expires_at', '>', new Date(now))
    .returning(['challenge', 'rp_id'])
    .executeTakeFirst()
}

async function keysOf(db: Kysely<Schema>, userId: string) {
  return await db.selectFrom('user_keys').selectAll().where('user_id', '=', userId).orderBy('created_at').execute()
}

/** What the browser hands to `navigator.credentials.create` for a new key. */
export async function keyRegistrationOptions(
  store: Pick<Store, 'db'>,
  use: SessionUse,
  site: KeySite,
  now: number,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const rpID = relyingParty(site)
  const keys = await keysOf(store.db, use.user.id)
  if (keys.length >= mostKeys)
    throw new NotAllowed('refused', `there are ${keys.length} keys already; remove one first`)
  const options = await generateRegistrationOptions({
    rpName: 'Cordon',
    rpID,
    userName: use.user.name,
    userDisplayName: use.user.displayName,
    userID: new TextEncoder().encode(use.user.id),
    timeout: challengeMs,
    attestationType: 'none',
    excludeCredentials: keys
      .filter((key) => key.rp_id === rpID)
      .map(({ credential: id, transports }) => ({ id, transports })),
    // A second factor is looked up by its user, so the key need not remember who that is.
    authenticatorSelection: { residentKey: 'discouraged', userVerification: 'preferred' },
  })
  await keepChallenge(store.db, use, 'register', { challenge: options.challenge, rp_id: rpID }, now)
  return options
}

/** What the browser hands to `navigator.credentials.get`. */
export async function keyAuthenticationOptions(
  store: Pick<Store, 'db'>,
  use: SessionUse,
  site: KeySite,
  now: number,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const rpID = relyingParty(site)
  const keys = (await keysOf(store.db, use.user.id)).filter((key) => key.rp_id === rpID)
  if (keys.length === 0) {
    throw new UsageError('missing', `no security key is registered for ${rpID}; use another factor, or a recovery code`)
  }
  const options = await generateAuthenticationOptions({
    rpID,
    timeout: challengeMs,
    userVerification: 'preferred',
    allowCredentials: keys.map(({ credential: id, transports }) => ({ id, transports })),
  })
  await keepChallenge(store.db, use, 'authenticate', { challenge: options.challenge, rp_id: rpID }, now)
  return options
}

/** Whether a stranger's answer is worth a look: an object of bounded size with an id. The library looks at the rest. */
function isResponse(response: unknown): response is Readonly<Record<string, unknown>> & { readonly id: string } {
  return (
    typeof response === 'object' &&
    response !== null &&
    'id' in response &&
    typeof response.id === 'string' &&
    JSON.stringify(response).length <= longestResponse
  )
}

/** A new key, verified and not stored yet. */
export interface NewKey {
  readonly credential: string
  readonly publicKey: Uint8Array
  readonly counter: number
  readonly transports: readonly string[]
  readonly rpId: string
  readonly name: string
}

/**
 * Verifies a browser's answer for a new key. The challenge is used up.
 * @throws NotAllowed `refused` for an answer that does not hold
 */
export async function verifyNewKey(
  store: Pick<Store, 'db'>,
  use: SessionUse,
  given: { readonly name: string; readonly response: unknown; readonly site: KeySite },
  now: number,
): Promise<NewKey> {
  const name = checkedName(given.name, 'name of the key')
  const { response } = given
  const challenge = await takeChallenge(store.db, use, 'register', now)
  if (challenge === undefined) throw new NotAllowed('refused', 'the challenge was used or ran out; begin again')
  if (!isResponse(response)) throw new NotAllowed('refused', 'expected what the browser made of the options')
  const verified = await verifyRegistrationResponse({
    // The library reads it as a stranger's.
    response: response as unknown as RegistrationResponseJSON,
    expectedChallenge: challenge.challenge,
    expectedOrigin: given.site.origin,
    expectedRPID: challenge.rp_id,
    requireUserVerification: false,
  }).catch((cause: unknown) => {
    throw new NotAllowed('refused', `the key was not accepted: ${reason(cause)}`, { cause })
  })
  if (!verified.verified) throw new NotAllowed('refused', 'the key was not accepted: its signature does not hold')
  const { id, publicKey, counter } = verified.registrationInfo.credential
  const { transports } = verified.registrationInfo.credential
  return {
    credential: id,
    publicKey: new Uint8Array(publicKey),
    counter,
    transports: (transports ?? []).filter((transport) => /^[a-z-]{1,20}$/.test(transport)).slice(0, 8),
    rpId: challenge.rp_id,
    name,
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.slice(0, 200) : 'unknown'
}

/**
 * Stores a verified key, within a change.
 * @throws NotAllowed `refused` for one that is registered already
 */
export async function insertKey(db: Kysely<Schema>, userId: string, key: NewKey): Promise<void> {
  const row = await db
    .insertInto('user_keys')
    .values({
      user_id: userId,
      credential: key.credential,
      public_key: key.publicKey,
      counter: key.counter,
      transports: key.transports,
      rp_id: key.rpId,
      name: key.name,
    })
    .onConflict((conflict) => conflict.column('credential').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw new NotAllowed('refused', 'the key is registered already')
}

/** Whether a browser's answer proves one of the user's keys. The challenge is used up with the answer. */
export async function spendKey(
  store: Pick<Store, 'db'>,
  use: SessionUse,
  response: unknown,
  site: KeySite,
  now: number,
): Promise<boolean> {
  const challenge = await takeChallenge(store.db, use, 'authenticate', now)
  if (challenge === undefined || !isResponse(response)) return false
  const key = (await keysOf(store.db, use.user.id)).find(({ credential }) => credential === response.id)
  if (key === undefined || key.rp_id !== challenge.rp_id) return false
  // What does not hold is thrown: a wrong challenge, origin or host, a counter that went back, bytes that are no answer.
  const verified = await verifyAuthenticationResponse({
    // The library reads it as a stranger's.
    response: response as unknown as AuthenticationResponseJSON,
    expectedChallenge: challenge.challenge,
    expectedOrigin: site.origin,
    expectedRPID: challenge.rp_id,
    requireUserVerification: false,
    credential: { id: key.credential, publicKey: new Uint8Array(key.public_key), counter: key.counter },
  }).catch(() => undefined)
  if (verified?.verified !== true) return false
  const { numUpdatedRows } = await store.db
    .updateTable('user_keys')
    .set({ counter: verified.authenticationInfo.newCounter, used_at: new Date(now) })
    .where('id', '=', key.id)
    .where('counter', '=', key.counter)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
