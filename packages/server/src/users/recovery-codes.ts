import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import { makeSigns } from './passwords.ts'
import { secretHash } from './secret-texts.ts'

/** How many codes there are at once. */
export const recoveryCodeCount = 10
/** Signs of a code: 79 bits, so that its hash needs no salt and no slowness. */
const signs = 16

/** New recovery codes in place of all earlier ones, shown once. */
export async function makeRecoveryCodes(db: Kysely<Schema>, userId: string): Promise<readonly string[]> {
  const codes = Array.from({ length: recoveryCodeCount }, () => makeSigns(signs))
  await db.deleteFrom('user_recovery_codes').where('user_id', '=', userId).execute()
  await db
    .insertInto('user_recovery_codes')
    .values(codes.map((code) => ({ user_id: userId, hash: secretHash(code) })))
    .execute()
  return codes.map((code) => code.replaceAll(/.{4}(?=.)/g, '$&-'))
}

/** Uses a code up. @returns whether it was one */
export async function spendRecoveryCode(
  db: Kysely<Schema>,
  userId: string,
  code: string,
  now: number,
): Promise<boolean> {
  const plain = code.toLowerCase().replaceAll(/[\s-]/g, '')
  if (plain.length !== signs) return false
  const { numUpdatedRows } = await db
    .updateTable('user_recovery_codes')
    .set({ used_at: new Date(now) })
    .where('user_id', '=', userId)
    .where('hash', '=', secretHash(plain))
    .where('used_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** How many codes are left. */
export async function recoveryCodesLeft(db: Kysely<Schema>, userId: string): Promise<number> {
  const { n } = await db
    .selectFrom('user_recovery_codes')
    .where('user_id', '=', userId)
    .where('used_at', 'is', null)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return n
}
