import { randomUUID } from 'node:crypto'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import type { Kysely } from 'kysely'
import { Secret, TOTP } from 'otpauth'
import type { Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/**
 * Time-based one-time passwords (RFC 6238) as every authenticator app makes them.
 * @module
 */

const form = { algorithm: 'SHA1', digits: 6, period: 30 } as const
/** Steps before and after the present one that are accepted: clocks differ (RFC 6238, 5.2). */
const window = 1

/** A secret to put into an app, shown once. */
export interface TotpSetup {
  /** `otpauth://totp/…`, for a QR code. */
  readonly uri: string
  /** The same secret in base32, for typing. */
  readonly secret: string
}

/** Makes a secret for a user; it counts only when {@link confirmTotp} was given a code of it. One that waits is replaced. */
export async function makeTotp(
  store: Pick<Store, 'db' | 'secrets'>,
  user: { readonly id: string; readonly name: string },
  issuer: string,
): Promise<TotpSetup> {
  // 160 bits, as RFC 4226 recommends.
  const bytes = nodeCrypto.random(20)
  const id = randomUUID()
  const sealed = store.secrets.seal({ table: 'user_totp', id }, bytes)
  await store.db.transaction().execute(async (tx) => {
    await tx.deleteFrom('user_totp').where('user_id', '=', user.id).where('confirmed_at', 'is', null).execute()
    await tx.insertInto('user_totp').values({ id, user_id: user.id, sealed }).execute()
  })
  const secret = secretFrom(bytes)
  const totp = new TOTP({ ...form, issuer, label: user.name, secret })
  return { uri: totp.toString(), secret: secret.base32 }
}

function secretFrom(bytes: Uint8Array): Secret {
  return new Secret({ buffer: new Uint8Array(bytes).buffer })
}

/** The time step that a code belongs to; undefined for a wrong one. */
function stepOf(code: string, secret: Uint8Array, now: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined
  const delta = TOTP.validate({ ...form, token: code, secret: secretFrom(secret), timestamp: now, window })
  return delta === null ? undefined : Math.floor(now / 1000 / form.period) + delta
}

/** Digits as people copy them: `123 456`. */
function digits(code: string): string {
  return code.replaceAll(/[\s-]/g, '')
}

/**
 * Takes the secret that is being set up into use, in place of an earlier one, within a change.
 * @throws NotAllowed `refused` for a wrong code
 * @throws UsageError `missing` when none is being set up
 */
export async function confirmTotp(
  store: Pick<Store, 'secrets'>,
  db: Kysely<Schema>,
  userId: string,
  code: string,
  now: number,
): Promise<void> {
  const row = await db
    .selectFrom('user_totp')
    .selectAll()
    .where('user_id', '=', userId)
    .where('confirmed_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) throw new UsageError('missing', 'no app is being set up; begin again')
  const step = stepOf(digits(code), store.secrets.open({ table: 'user_totp', id: row.id }, row.sealed), now)
  if (step === undefined) {
    throw new NotAllowed('refused', 'the code is wrong; check that the clock of the device with the app is right')
  }
  await db.deleteFrom('user_totp').where('user_id', '=', userId).where('confirmed_at', 'is not', null).execute()
  await db
    .updateTable('user_totp')
    .set({ confirmed_at: new Date(now), last_step: step })
    .where('id', '=', row.id)
    .execute()
}

/** Whether a code is right and was not used before; it is used up with the answer. */
export async function spendTotp(
  store: Pick<Store, 'db' | 'secrets'>,
  userId: string,
  code: string,
  now: number,
): Promise<boolean> {
  const row = await store.db
    .selectFrom('user_totp')
    .selectAll()
    .where('user_id', '=', userId)
    .where('confirmed_at', 'is not', null)
    .executeTakeFirst()
  if (row === undefined) return false
  const step = stepOf(digits(code), store.secrets.open({ table: 'user_totp', id: row.id }, row.sealed), now)
  if (step === undefined) return false
  // Of two who show one code at once, one moves the step.
  const { numUpdatedRows } = await store.db
    .updateTable('user_totp')
    .set({ last_step: step })
    .where('id', '=', row.id)
    .where('last_step', '<', step)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
