import type { AuthorityPlan, SubjectTemplate } from '@cordon/core/authority'
import type { KeyKind } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import type { Kysely, Transaction } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'

/** What an authority remembers of the plan that it was made by. */
export interface StoredPlan {
  readonly name: string
  readonly subject: SubjectTemplate
  /** Kind of the CA keys. */
  readonly key: KeyKind
  /** PKCS#11 URI of the token that they are made in. */
  readonly hardware: string | undefined
}

type PlanValue = Pick<StoredPlan, 'name' | 'subject'> & Partial<Pick<StoredPlan, 'key' | 'hardware'>>

const planFact = 'authority'

/** Keeps the plan. @throws UsageError `bad-value` when this state is the authority of another plant, or for a PIN in a URI */
export async function keepPlan(tx: Transaction<Schema>, plan: AuthorityPlan): Promise<StoredPlan> {
  const { name, subject, key, hardware } = plan
  const known = await findPlan(tx)
  if (known !== undefined && known.name !== name) {
    throw new UsageError(
      'bad-value',
      `this state is the authority of plant "${known.name}", not of "${name}"; give each plant a state of its own: CORDON_STATE=…`,
    )
  }
  if (hardware !== undefined && /[;?&]pin-value=/i.test(hardware)) {
    throw new UsageError('bad-value', 'the PKCS#11 URI of the authority holds a PIN; name a file: pin-source=file:…')
  }
  const kept: PlanValue = { name, subject, key, ...(hardware === undefined ? {} : { hardware }) }
  const value = jsonText(kept)
  await tx
    .insertInto('facts')
    .values({ name: planFact, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
  return { name, subject, key, hardware }
}

/** @throws UsageError `missing` before an authority was made */
export async function readPlan(db: Kysely<Schema>): Promise<StoredPlan> {
  const plan = await findPlan(db)
  if (plan === undefined) throw noAuthority()
  return plan
}

async function findPlan(db: Kysely<Schema>): Promise<StoredPlan | undefined> {
  const row = await db.selectFrom('facts').select('value').where('name', '=', planFact).executeTakeFirst()
  if (row === undefined) return undefined
  // Written by this file alone, formerly without the key.
  const { name, subject, key = 'ecdsa-p256', hardware } = row.value as PlanValue
  return { name, subject, key, hardware }
}

/** There is no root yet. */
export function noAuthority(): UsageError {
  return new UsageError('missing', 'there is no authority yet; run: cordon ca init --plant PLANT')
}

/** Zone names become part of row ids and common names. @throws UsageError `bad-value` */
export function checkZone(zone: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(zone)) {
    throw new UsageError(
      'bad-value',
      `expected a zone name of 1 to 32 letters, digits, ".", "_" or "-", got "${zone.slice(0, 64)}"`,
    )
  }
}
