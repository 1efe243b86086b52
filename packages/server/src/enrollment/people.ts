import { NotAllowed, UsageError } from '@cordon/core/errors'
import { type Kysely, sql, type Transaction } from 'kysely'
import { jsonText, type EnrollmentPersonTable, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { checkPassword, isTooLong, loadPasswordHasher } from '../users/passwords.ts'

/**
 * People with a password: holders of enrollment accounts, and administrators who approve.
 * @module
 */

/** What a person may do: enroll under an account, or approve. */
export type PersonKind = EnrollmentPersonTable['kind']

/** A person as registered. The hash stays in the store. */
export interface Person {
  readonly name: string
  readonly createdAt: Date
  readonly revokedAt: Date | null
  /** Certificates granted under an account; 0 for administrators. */
  readonly granted: number
}

/** The same form as the accounts of an enrollment file have. */
const nameForm = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/

/**
 * Registers a person, or gives a registered one another password.
 * @param by who does it, for the record
 * @returns whether the name is new
 * @throws UsageError `bad-value` for a name or password of the wrong form, `not-supported` where hashes cannot be made
 * @throws NotAllowed `refused` for a revoked name: what was done under it keeps its meaning
 */
export async function setPerson(
  store: Pick<Store, 'db'>,
  kind: PersonKind,
  name: string,
  password: string,
  by: string,
): Promise<boolean> {
  if (!nameForm.test(name)) {
    throw new UsageError(
      'bad-value',
      `expected a name of a letter, then letters, digits, "_" and "-", at most 63 in all, got "${name.slice(0, 80)}"`,
    )
  }
  checkPassword(password, name)
  const hash = await (await loadPasswordHasher()).hash(password)
  return await store.db.transaction().execute(async (tx) => {
    const row = await lockedPerson(tx, kind, name)
    if (row?.revoked_at instanceof Date) {
      throw new NotAllowed('refused', `${kind} ${name} is revoked for good; choose another name`)
    }
    await tx
      .insertInto('enrollment_people')
      .values({ kind, name, hash })
      .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet({ hash }))
      .execute()
    await record(tx, kind, row === undefined ? 'registered' : 'password-changed', name, { by })
    return row === undefined
  })
}

async function lockedPerson(tx: Transaction<Schema>, kind: PersonKind, name: string) {
  return await tx
    .selectFrom('enrollment_people')
    .select(['name', 'revoked_at'])
    .where('kind', '=', kind)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst()
}

async function record(
  tx: Transaction<Schema>,
  kind: PersonKind,
  what: string,
  name: string,
  detail: Readonly<Record<string, string>>,
): Promise<void> {
  await tx
    .insertInto('events')
    .values({ kind: `enrollment-${kind}-${what}`, subject: name, detail: jsonText(detail) })
    .execute()
}

/** Who is registered, by name. */
export async function listPeople(store: Pick<Store, 'db'>, kind: PersonKind): Promise<readonly Person[]> {
  const rows = await store.db
    .selectFrom('enrollment_people as p')
    .leftJoin('credential_uses as u', (join) =>
      join.onRef('u.kind', '=', 'p.kind').onRef('u.credential', '=', 'p.name'),
    )
    .where('p.kind', '=', kind)
    .groupBy(['p.kind', 'p.name'])
    .select(['p.name', 'p.created_at', 'p.revoked_at'])
    .select(({ fn }) => fn.count<number>('u.key').as('granted'))
    .orderBy('p.name')
    .execute()
  return rows.map(({ name, created_at: createdAt, revoked_at: revokedAt, granted }) => ({
    name,
    createdAt,
    revokedAt,
    granted,
  }))
}

/**
 * Revokes a person for good. What was issued through an account stays valid until it is revoked too; what an
 * administrator approved and was not issued yet is approved no more.
 * @throws UsageError `missing` for a name that is not registered, or revoked already
 * @throws NotAllowed `refused` for the last administrator: with none, everybody who opens the store could approve
 */
export async function revokePerson(
  store: Pick<Store, 'db'>,
  kind: PersonKind,
  name: string,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    // All of the kind are locked: two administrators must not revoke each other at once.
    const rows = await tx
      .selectFrom('enrollment_people')
      .select('name')
      .where('kind', '=', kind)
      .where('revoked_at', 'is', null)
      .orderBy('name')
      .forUpdate()
      .execute()
    if (!rows.some((row) => row.name === name)) {
      throw new UsageError('missing', `there is no ${kind} ${name} in force, so none can be revoked; list them first`)
    }
    if (kind === 'administrator' && rows.length === 1)
      throw new NotAllowed('refused', `${name} is the last administrator; register another one first`)
    await tx
      .updateTable('enrollment_people')
      .set({ revoked_at: new Date() })
      .where('kind', '=', kind)
      .where('name', '=', name)
      .execute()
    if (kind === 'administrator') await withdrawApprovals(tx, name, reason)
    if (kind === 'account') {
      await tx
        .insertInto('revoked_credentials')
        .values({ kind: 'account', credential: name, by, reason })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    await record(tx, kind, 'revoked', name, { by, reason })
  })
}

/** Takes back what a person approved and nothing was issued for. The rows are locked: the service issues before or after. */
async function withdrawApprovals(tx: Transaction<Schema>, name: string, reason: string): Promise<void> {
  await sql`
    with waiting as (select e.id from enrollments e where e.state = 'pending' and exists (select from enrollment_words w
      where w.enrollment = e.id and w.kind = 'approve' and w.by = ${name}) order by e.id for update)
    insert into enrollment_words (enrollment, kind, by, reason)
    select id, 'withdraw', ${name}, ${`revoked: ${reason}`} from waiting`.execute(tx)
}

/** Whether there is an administrator: then nobody approves without being one. */
export async function hasAdministrators(store: Pick<Store, 'db'>): Promise<boolean> {
  const row = await store.db
    .selectFrom('enrollment_people')
    .select('name')
    .where('kind', '=', 'administrator')
    .where('revoked_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** The hash of a person who may act; undefined for an unknown or revoked name. */
export async function currentHash(db: Kysely<Schema>, kind: PersonKind, name: string): Promise<string | undefined> {
  // PostgreSQL takes no NUL in text, and a name that long is nobody's.
  if (!nameForm.test(name)) return undefined
  const row = await db
    .selectFrom('enrollment_people')
    .select('hash')
    .where('kind', '=', kind)
    .where('name', '=', name)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return row?.hash
}

/**
 * Whether a password is an administrator's. Guesses are not counted: who can ask here has the store open already. They
 * are recorded.
 */
export async function verifyAdministrator(store: Pick<Store, 'db'>, name: string, password: string): Promise<boolean> {
  const hasher = await loadPasswordHasher()
  const hash = await currentHash(store.db, 'administrator', name)
  const accepted = hash !== undefined && !isTooLong(password) && (await hasher.verify(hash, password))
  if (!accepted) {
    await store.db.transaction().execute((tx) => record(tx, 'administrator', 'refused', name.slice(0, 64), {}))
  }
  return accepted
}
