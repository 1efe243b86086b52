import type { AuthorityState } from '@cordon/core/authority'
import { UsageError } from '@cordon/core/errors'
import { decodeCertificate } from '@cordon/core/x509'
import type { Kysely } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Means } from './means.ts'
import { readPlan } from './plan.ts'
import { type AuthorityRow, isProvisioning } from './signers.ts'

/** One of the certificates of a CA. After a rollover of the root an issuing CA has two. */
export interface CaCertificate {
  readonly der: Uint8Array
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  /** Where the root that signed it stands. */
  readonly rootState: AuthorityState
  readonly notAfter: number
}

/** A generation of an issuing CA with its certificates, the oldest first. */
export interface TrustedGeneration {
  readonly row: AuthorityRow
  readonly certificates: readonly CaCertificate[]
}

/** The generations of a zone's issuing CA, newest first. @throws UsageError `missing` when there is none */
export async function readGenerations(
  db: Kysely<Schema>,
  crypto: Means['crypto'],
  zone: string,
): Promise<readonly TrustedGeneration[]> {
  if (isProvisioning(zone)) throw new UsageError('missing', `no device may trust "${zone}"`)
  const rows = await db
    .selectFrom('authorities')
    .selectAll()
    .where('zone', '=', zone)
    .orderBy('generation', 'desc')
    .execute()
  if (rows.length === 0) throw new UsageError('missing', `no issuing CA for zone "${zone}"`)
  const held = await db
    .selectFrom('certificates as c')
    .innerJoin('authorities as r', 'r.id', 'c.issuer_id')
    .select(['c.certificate', 'c.fingerprint', 'c.key_hash', 'c.not_after', 'r.state'])
    .where('c.name', '=', zone)
    .where('c.profile', '=', 'issuing')
    .orderBy('c.created_at')
    .execute()
  return rows.map((row) => {
    const { publicKey } = decodeCertificate(new Uint8Array(row.certificate))
    const keyHash = crypto.digest('SHA-256', publicKey)
    const own = held.filter(({ key_hash: hash }) => Buffer.compare(hash, keyHash) === 0)
    const certificates = own.map(({ certificate, fingerprint, state, not_after }) => {
      return { der: new Uint8Array(certificate), fingerprint, rootState: state, notAfter: not_after.getTime() }
    })
    return { row, certificates }
  })
}

/**
 * The issuing CA certificates of a zone that devices are to hold, DER, newest generation first. Of a CA that the new
 * root certified again it is the earlier one until the old root is retired: nothing changes in the devices meanwhile.
 * @throws UsageError `missing` when the zone has none
 */
export async function readAnchors(means: Means, zone: string): Promise<readonly Uint8Array[]> {
  const generations = await readGenerations(means.store.db, means.crypto, zone)
  const now = means.now()
  return generations
    .filter(({ row }) => row.state !== 'retired')
    .map(({ row, certificates }) => {
      const oldest = certificates.find(({ rootState, notAfter }) => rootState !== 'retired' && notAfter > now)
      return oldest?.der ?? new Uint8Array(row.certificate)
    })
}

/**
 * Every CA certificate that a client of the plant may need to build a path, DER: cross certificates between generations
 * of the root, then the active root, then the others (RFC 7030 4.1.3). Nothing of a provisioning CA. The order matters to
 * builders that take the first match: a self-signed root that they do not trust would be the end of their path.
 * @throws UsageError `missing` before there is an authority
 */
export async function readCaCertificates(means: Means): Promise<readonly Uint8Array[]> {
  const { db } = means.store
  const plan = await readPlan(db)
  const rows = await db.selectFrom('authorities').selectAll().where('state', '!=', 'retired').execute()
  const own = rows.filter(({ zone }) => !isProvisioning(zone))
  const keys = new Set(own.map(({ certificate }) => keyOf(means, new Uint8Array(certificate))))
  const names = [plan.name, ...own.flatMap(({ zone }) => (zone === null ? [] : [zone]))]
  const found = await db
    .selectFrom('certificates as c')
    .innerJoin('authorities as i', 'i.id', 'c.issuer_id')
    .select(['c.certificate', 'c.profile', 'c.key_hash', 'i.state'])
    .where('c.name', 'in', names)
    .where('c.profile', 'in', ['root', 'cross', 'issuing'])
    .where('c.not_after', '>', new Date(means.now()))
    .where('i.state', '!=', 'retired')
    .orderBy('c.created_at', 'desc')
    .execute()
  const trusted = found.filter(({ key_hash: hash }) => keys.has(Buffer.from(hash).toString('hex')))
  const rankOf = ({ profile, state }: (typeof trusted)[number]) =>
    profile === 'cross' ? 0 : profile === 'root' && state === 'active' ? 1 : 2
  return [...trusted].sort((a, b) => rankOf(a) - rankOf(b)).map(({ certificate }) => new Uint8Array(certificate))
}

function keyOf(means: Means, der: Uint8Array): string {
  return Buffer.from(means.crypto.digest('SHA-256', decodeCertificate(der).publicKey)).toString('hex')
}
