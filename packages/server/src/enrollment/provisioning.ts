import { UsageError } from '@cordon/core/errors'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Kysely } from 'kysely'

/**
 * Provisioning certificates that were handed out, and what came in through a credential that counts its uses.
 * @module
 */

/** A provisioning certificate and what became of it. */
export interface ProvisioningCertificate {
  readonly name: string
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  readonly serial: string
  /** `used` also where it may be used again. */
  readonly state: 'unused' | 'used' | 'revoked' | 'expired'
  readonly notAfter: Date
  /** What was granted under it, oldest first. */
  readonly uses: readonly {
    readonly key: string
    readonly enrollment: number
    readonly device: string | null
    readonly at: Date
  }[]
  readonly revoked: { readonly by: string; readonly reason: string; readonly at: Date } | null
}

/** Every provisioning certificate that was ever issued, oldest first. */
export async function listProvisioning(
  store: Pick<Store, 'db'>,
  now = Date.now(),
): Promise<readonly ProvisioningCertificate[]> {
  const { db } = store
  const [rows, uses, revocations] = await Promise.all([
    db
      .selectFrom('certificates')
      .select(['name', 'fingerprint', 'serial', 'not_after'])
      .where('profile', '=', 'provisioning')
      .orderBy('created_at')
      .orderBy('name')
      .execute(),
    db
      .selectFrom('credential_uses as u')
      .innerJoin('enrollments as e', 'e.id', 'u.enrollment')
      .select(['u.credential', 'u.key', 'u.enrollment', 'u.at', 'e.device'])
      .where('u.kind', '=', 'provisioning')
      .orderBy('u.at')
      .execute(),
    db.selectFrom('revoked_credentials').selectAll().where('kind', '=', 'provisioning').execute(),
  ])
  const revokedBy = new Map(revocations.map((row) => [row.credential, { by: row.by, reason: row.reason, at: row.at }]))
  const usedFor = new Map<string, (typeof uses)[number][]>()
  for (const use of uses) usedFor.set(use.credential, [...(usedFor.get(use.credential) ?? []), use])
  return rows.map((row) => {
    const used = usedFor.get(row.fingerprint) ?? []
    const revoked = revokedBy.get(row.fingerprint) ?? null
    return {
      name: row.name,
      fingerprint: row.fingerprint,
      serial: row.serial,
      state:
        revoked !== null ? 'revoked' : row.not_after.getTime() <= now ? 'expired' : used.length > 0 ? 'used' : 'unused',
      notAfter: row.not_after,
      uses: used.map(({ key, enrollment, device, at }) => ({ key, enrollment, device, at })),
      revoked,
    }
  })
}

/** Shortest beginning of a fingerprint that names a certificate, in hex digits. */
const shortestPrefix = 8

/**
 * Revokes provisioning certificates, by name or by fingerprint or its first 8 digits at least: they enroll nobody any
 * more. What was issued through them stays valid until it is revoked too.
 * @returns the fingerprints that were revoked now
 * @throws UsageError `missing` when there is none of that name, or the beginning fits several; `bad-value` without reason
 */
export async function revokeProvisioning(
  store: Pick<Store, 'db'>,
  nameOrFingerprint: string,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<readonly string[]> {
  if (reason.trim() === '') throw new UsageError('bad-value', 'a revocation needs a reason; say --reason TEXT')
  const found = await provisioningOf(store.db, nameOrFingerprint)
  return await store.db.transaction().execute(async (tx) => {
    const fresh = await tx
      .insertInto('revoked_credentials')
      .values(found.map((credential) => ({ kind: 'provisioning' as const, credential, by, reason })))
      .onConflict((conflict) => conflict.doNothing())
      .returning('credential')
      .execute()
    for (const { credential } of fresh) {
      const detail = jsonText({ fingerprint: credential, by, reason })
      await tx
        .insertInto('events')
        .values({ kind: 'enrollment-provisioning-revoked', subject: nameOrFingerprint.slice(0, 64), detail })
        .execute()
    }
    return fresh.map(({ credential }) => credential)
  })
}

/** Fingerprints of the provisioning certificates that are meant. */
async function provisioningOf(db: Kysely<Schema>, nameOrFingerprint: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('certificates')
    .select(['name', 'fingerprint'])
    .where('profile', '=', 'provisioning')
    .execute()
  const named = rows.filter(({ name }) => name === nameOrFingerprint)
  const prefix = nameOrFingerprint.toLowerCase().replaceAll(':', '')
  const isPrefix = prefix.length >= shortestPrefix && /^[0-9a-f]+$/.test(prefix)
  const found = named.length > 0 ? named : rows.filter(({ fingerprint }) => isPrefix && fingerprint.startsWith(prefix))
  if (found.length === 0 || (named.length === 0 && found.length > 1)) {
    const what = found.length === 0 ? 'no provisioning certificate has' : 'several provisioning certificates have'
    throw new UsageError(
      'missing',
      `${what} the name or fingerprint "${nameOrFingerprint.slice(0, 64)}"; "cordon enrollment provisioning list" shows them`,
    )
  }
  return found.map(({ fingerprint }) => fingerprint)
}

/** A certificate that came in through a credential. */
export interface IssuedThrough {
  readonly enrollment: number
  readonly device: string
  readonly zone: string | null
  readonly address: string
  readonly serial: string
  readonly status: 'valid' | 'revoked'
  readonly notAfter: Date
  /** `grant`: for the key that the credential was used for. `renewal`: for the next key of the same device. */
  readonly through: 'grant' | 'renewal'
}

/** Everything that was issued through a credential. */
export interface IssuedReport {
  readonly kind: 'account' | 'provisioning'
  /** Name of the account, or fingerprint of the certificate. */
  readonly credential: string
  readonly revoked: boolean
  readonly certificates: readonly IssuedThrough[]
}

/**
 * Everything that was issued through an account, or through a provisioning certificate by fingerprint: the certificates
 * of each key that it was used for, and those that the devices renewed them into since.
 * @throws UsageError `missing` for what is neither an account nor a provisioning certificate
 */
export async function issuedThrough(store: Pick<Store, 'db'>, accountOrFingerprint: string): Promise<IssuedReport> {
  const { db } = store
  const { kind, credential } = await credentialOf(db, accountOrFingerprint)
  const revocation = await db
    .selectFrom('revoked_credentials')
    .select('credential')
    .where('kind', '=', kind)
    .where('credential', '=', credential)
    .executeTakeFirst()
  const uses = await db
    .selectFrom('credential_uses as u')
    .innerJoin('enrollments as e', 'e.id', 'u.enrollment')
    .select(['u.key', 'u.at', 'e.id', 'e.device', 'e.address'])
    .where('u.kind', '=', kind)
    .where('u.credential', '=', credential)
    .orderBy('u.at')
    .execute()
  const found = new Map<string, IssuedThrough>()
  for (const use of uses) {
    const renewed = await renewals(db, use.device, use.at)
    const keys = [
      { key: use.key, through: 'grant' as const },
      ...renewed.map((key) => ({ key, through: 'renewal' as const })),
    ]
    for (const { key, through } of keys) {
      for (const { issuer_id: issuer, ...row } of await certificatesOf(db, key)) {
        const { name: device, zone, serial, status, not_after: notAfter } = row
        const { id: enrollment, address } = use
        const id = `${issuer} ${serial}`
        if (!found.has(id)) found.set(id, { enrollment, device, zone, address, serial, status, notAfter, through })
      }
    }
  }
  return { kind, credential, revoked: revocation !== undefined, certificates: [...found.values()] }
}

async function credentialOf(
  db: Kysely<Schema>,
  accountOrFingerprint: string,
): Promise<Pick<IssuedReport, 'kind' | 'credential'>> {
  const account = await db
    .selectFrom('enrollment_people')
    .select('name')
    .where('kind', '=', 'account')
    .where('name', '=', accountOrFingerprint)
    .executeTakeFirst()
  if (account !== undefined) return { kind: 'account', credential: account.name }
  const fingerprints = await provisioningOf(db, accountOrFingerprint).catch((cause: unknown) => {
    const text = accountOrFingerprint.slice(0, 64)
    throw new UsageError('missing', `"${text}" is neither an account nor one provisioning certificate`, { cause })
  })
  const [credential, ...others] = fingerprints
  if (credential === undefined || others.length > 0) {
    const text = `there are ${fingerprints.length} provisioning certificates "${accountOrFingerprint.slice(0, 64)}"`
    throw new UsageError('missing', `${text}; name one by its fingerprint`)
  }
  return { kind: 'provisioning', credential }
}

/** Keys that a device has renewed its certificate to since: who came in by a stolen credential may have done so. */
async function renewals(db: Kysely<Schema>, device: string | null, since: Date): Promise<readonly string[]> {
  if (device === null) return []
  const rows = await db
    .selectFrom('enrollments')
    .select('key')
    .where('device', '=', device)
    .where('operation', '=', 'simplereenroll')
    .where('state', '=', 'granted')
    .where('created_at', '>=', since)
    .execute()
  return rows.map(({ key }) => key)
}

async function certificatesOf(db: Kysely<Schema>, key: string) {
  return await db
    .selectFrom('certificates')
    .select(['issuer_id', 'name', 'zone', 'serial', 'status', 'not_after'])
    .where('key_hash', '=', new Uint8Array(Buffer.from(key, 'hex')))
    .where('profile', '!=', 'provisioning')
    .orderBy('created_at')
    .execute()
}
