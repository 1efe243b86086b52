import { type AuthorityPlan, issuingContents, makeCertificate, rootContents } from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import type { Certificate } from '@cordon/core/x509'
import { sql, type Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Means } from './means.ts'
import { checkZone, keepPlan } from './plan.ts'
import { certificateRow, recordCertificates } from './records.ts'
import { findSigner, type Signer } from './signers.ts'

/** The zone whose issuing CA signs the manager's own credential. Always there. */
export const operationsZone = 'operations'

/** Makes the root and issuing CAs of a plan that are missing. */
export async function makeMissing(means: Means, plan: AuthorityPlan): Promise<void> {
  const zones = [...new Set([...plan.zones, operationsZone])]
  for (const zone of zones) checkZone(zone)
  await means.store.db.transaction().execute(async (tx) => {
    // Two first commands at once make one root.
    await sql`lock table authorities in exclusive mode`.execute(tx)
    await keepPlan(tx, plan)
    const root = (await findSigner(tx, means.keys, null)) ?? (await makeRoot(tx, means, plan))
    const existing = await tx.selectFrom('authorities').select('zone').execute()
    for (const zone of zones) {
      if (!existing.some((row) => row.zone === zone)) await makeIssuing(tx, means, plan, zone, root)
    }
  })
}

async function makeRoot(tx: Transaction<Schema>, means: Means, plan: AuthorityPlan): Promise<Signer> {
  const key = await means.crypto.generateKey(plan.key)
  const now = means.now()
  const contents = rootContents(means.crypto, {
    plant: plan.name,
    subject: plan.subject,
    publicKey: key.publicKey,
    now,
  })
  const certificate = await makeCertificate(means.crypto, contents, key, { profile: 'root', issuer: undefined, now })
  return await keepAuthority(tx, means, {
    id: 'root-1',
    zone: null,
    key,
    certificate,
    issuerId: 'root-1',
    name: plan.name,
  })
}

async function makeIssuing(
  tx: Transaction<Schema>,
  means: Means,
  plan: AuthorityPlan,
  zone: string,
  root: Signer,
): Promise<Signer> {
  const key = await means.crypto.generateKey(plan.key)
  const now = means.now()
  const contents = issuingContents(means.crypto, {
    plant: plan.name,
    zone,
    subject: plan.subject,
    issuer: root.certificate,
    publicKey: key.publicKey,
    now,
  })
  const certificate = await makeCertificate(means.crypto, contents, root.key, {
    profile: 'issuing',
    issuer: root.certificate,
    now,
  })
  return await keepAuthority(tx, means, {
    id: `zone-${zone}-1`,
    zone,
    key,
    certificate,
    issuerId: root.id,
    name: zone,
  })
}

async function keepAuthority(
  tx: Transaction<Schema>,
  means: Means,
  made: {
    readonly id: string
    readonly zone: string | null
    readonly key: PrivateKey
    readonly certificate: Certificate
    readonly issuerId: string
    readonly name: string
  },
): Promise<Signer> {
  const { id, zone, key, certificate } = made
  await tx
    .insertInto('authorities')
    .values({ id, zone, generation: 1, certificate: certificate.der, ...means.keys.keep(id, key) })
    .execute()
  await recordCertificates(tx, [
    certificateRow(means.crypto, certificate, {
      issuerId: made.issuerId,
      profile: zone === null ? 'root' : 'issuing',
      zone,
      name: made.name,
      names: '',
    }),
  ])
  return { id, zone: zone ?? undefined, certificate, key }
}
