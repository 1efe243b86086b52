import {
  type AuthorityPlan,
  type AuthorityState,
  issuingContents,
  makeCertificate,
  provisioningAuthorityContents,
  rootContents,
} from '@cordon/core/authority'
import type { Certificate } from '@cordon/core/x509'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { MadeKey } from './keys.ts'
import type { Means } from './means.ts'
import { checkZone, keepPlan, readPlan, type StoredPlan } from './plan.ts'
import { certificateRow, recordCertificates } from './records.ts'
import { activeRoot, provisioningZone, type Signer } from './signers.ts'

/** The zone whose issuing CA signs the manager's own credential. Always there. */
export const operationsZone = 'operations'

/** Which generation of a CA is made, and what it begins as. */
export interface NewGeneration {
  readonly generation: number
  readonly state: AuthorityState
}

const firstGeneration: NewGeneration = { generation: 1, state: 'active' }

/** Keeps everybody else from making or moving a generation until the transaction ends. */
export async function lockAuthorities(tx: Transaction<Schema>): Promise<void> {
  await sql`lock table authorities in exclusive mode`.execute(tx)
}

/** Makes the root and issuing CAs of a plan that are missing. */
export async function makeMissing(means: Means, plan: AuthorityPlan): Promise<void> {
  const zones = [...new Set([...plan.zones, operationsZone])]
  for (const zone of zones) checkZone(zone)
  await means.store.db.transaction().execute(async (tx) => {
    // Two first commands at once make one root.
    await lockAuthorities(tx)
    const kept = await keepPlan(tx, plan)
    const root = (await activeRoot(tx, means.keys)) ?? (await makeRoot(tx, means, kept, firstGeneration))
    const existing = await tx.selectFrom('authorities').select('zone').execute()
    for (const zone of zones) {
      if (!existing.some((row) => row.zone === zone)) await makeIssuing(tx, means, kept, zone, root, firstGeneration)
    }
  })
}

/** The certificate of a provisioning CA, DER; the CA is made where it is missing. */
export async function provisioningAuthority(means: Means, name?: string): Promise<Uint8Array> {
  if (name !== undefined) checkZone(name)
  const there = await findProvisioning(means.store.db, name)
  if (there !== undefined) return there
  return await means.store.db.transaction().execute(async (tx) => {
    await lockAuthorities(tx)
    return (await findProvisioning(tx, name)) ?? (await makeProvisioning(tx, means, await readPlan(tx), name))
  })
}

async function findProvisioning(db: Kysely<Schema>, name?: string): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom('authorities')
    .select('certificate')
    .where('zone', '=', provisioningZone(name))
    .executeTakeFirst()
  return row === undefined ? undefined : new Uint8Array(row.certificate)
}

async function makeProvisioning(
  tx: Transaction<Schema>,
  means: Means,
  plan: StoredPlan,
  name?: string,
): Promise<Uint8Array> {
  const id = name === undefined ? 'provisioning-1' : `provisioning-${name}-1`
  const made = await means.keys.make(plan, id)
  const now = means.now()
  const contents = provisioningAuthorityContents(means.crypto, {
    plant: plan.name,
    ...(name === undefined ? {} : { name }),
    subject: plan.subject,
    publicKey: made.key.publicKey,
    now,
  })
  const context = { profile: 'root', issuer: undefined, now } as const
  const { certificate } = await keepAuthority(tx, means, {
    id,
    zone: provisioningZone(name),
    made,
    certificate: await makeCertificate(means.crypto, contents, made.key, context),
    issuerId: id,
    name: name ?? 'provisioning',
    profile: 'root',
    ...firstGeneration,
  })
  return certificate.der
}

/** Makes a generation of the root. */
export async function makeRoot(
  tx: Transaction<Schema>,
  means: Means,
  plan: StoredPlan,
  which: NewGeneration,
): Promise<Signer> {
  const id = `root-${which.generation}`
  const made = await means.keys.make(plan, id)
  const now = means.now()
  const contents = rootContents(means.crypto, {
    plant: plan.name,
    subject: plan.subject,
    publicKey: made.key.publicKey,
    now,
  })
  const context = { profile: 'root', issuer: undefined, now } as const
  const certificate = await makeCertificate(means.crypto, contents, made.key, context)
  return await keepAuthority(tx, means, {
    id,
    zone: null,
    made,
    certificate,
    issuerId: id,
    name: plan.name,
    profile: 'root',
    ...which,
  })
}

/** Makes a generation of a zone's issuing CA under a root. */
export async function makeIssuing(
  tx: Transaction<Schema>,
  means: Means,
  plan: StoredPlan,
  zone: string,
  root: Signer,
  which: NewGeneration,
): Promise<Signer> {
  const id = `zone-${zone}-${which.generation}`
  const made = await means.keys.make(plan, id)
  const now = means.now()
  const contents = issuingContents(means.crypto, {
    plant: plan.name,
    zone,
    generation: which.generation,
    subject: plan.subject,
    issuer: root.certificate,
    publicKey: made.key.publicKey,
    now,
  })
  const context = { profile: 'issuing', issuer: root.certificate, now } as const
  const certificate = await makeCertificate(means.crypto, contents, root.key, context)
  return await keepAuthority(tx, means, {
    id,
    zone,
    made,
    certificate,
    issuerId: root.id,
    name: zone,
    profile: 'issuing',
    ...which,
  })
}

async function keepAuthority(
  tx: Transaction<Schema>,
  means: Means,
  about: NewGeneration & {
    readonly id: string
    readonly zone: string | null
    readonly made: MadeKey
    readonly certificate: Certificate
    readonly issuerId: string
    readonly name: string
    readonly profile: 'root' | 'issuing'
  },
): Promise<Signer> {
  const { id, zone, made, certificate, generation, state, issuerId, name, profile } = about
  await tx
    .insertInto('authorities')
    .values({ id, zone, generation, state, certificate: certificate.der, ...made.columns })
    .execute()
  await recordCertificates(tx, [
    certificateRow(means.crypto, certificate, { issuerId, profile, zone, name, names: '' }),
  ])
  return { id, zone: zone ?? undefined, certificate, key: made.key }
}
