import type { CertificateProfile, CertificateRecord, RevocationReason } from '@cordon/core/authority'
import type { Crypto } from '@cordon/core/crypto'
import { type Certificate, fingerprint, formatName } from '@cordon/core/x509'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'

/** A certificate as the row that remembers it. */
export interface CertificateRow {
  readonly issuer_id: string
  readonly serial: string
  readonly profile: CertificateProfile
  readonly zone: string | null
  readonly name: string
  readonly subject: string
  readonly issuer: string
  readonly tbs_hash: Uint8Array
  readonly fingerprint: string
  readonly key_hash: Uint8Array
  readonly names: string
  readonly certificate: Uint8Array
  readonly not_before: Date
  readonly not_after: Date
  readonly status: 'valid'
}

/** What a row says that its certificate does not. */
export interface About {
  /** Row of `authorities` of the one that signed it. */
  readonly issuerId: string
  readonly profile: CertificateProfile
  readonly zone: string | null
  readonly name: string
  /** Addresses and DNS names in one spelling. */
  readonly names: string
}

/** The row of a certificate. */
export function certificateRow(crypto: Crypto, certificate: Certificate, about: About): CertificateRow {
  return {
    issuer_id: about.issuerId,
    serial: certificate.serial,
    profile: about.profile,
    zone: about.zone,
    name: about.name,
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    tbs_hash: crypto.digest('SHA-256', certificate.tbs),
    fingerprint: fingerprint(crypto, certificate.der),
    key_hash: crypto.digest('SHA-256', certificate.publicKey),
    names: about.names,
    certificate: certificate.der,
    not_before: new Date(certificate.notBefore),
    not_after: new Date(certificate.notAfter),
    status: 'valid',
  }
}

/**
 * Records certificates, such as those of {@link StoreAuthority.signDevice}: they may be handed out when the transaction
 * is committed.
 */
export async function recordCertificates(db: Kysely<Schema>, records: readonly CertificateRow[]): Promise<void> {
  if (records.length > 0) await certificatesInsert(records).execute(db)
}

/** What {@link recordCertificates} runs, for a statement that writes more than certificates. */
export function certificatesInsert(records: readonly CertificateRow[]): RawBuilder<unknown> {
  const values = records.map((record) => ({
    ...record,
    tbs_hash: base64(record.tbs_hash),
    key_hash: base64(record.key_hash),
    certificate: base64(record.certificate),
  }))
  return sql`
    insert into certificates (issuer_id, serial, profile, zone, name, subject, issuer, tbs_hash, fingerprint, key_hash,
      names, certificate, not_before, not_after, status)
    select issuer_id, serial, profile, zone, name, subject, issuer, decode(tbs_hash, 'base64'), fingerprint,
      decode(key_hash, 'base64'), names, decode(certificate, 'base64'), not_before, not_after, status
    from jsonb_to_recordset(${jsonText(values)}::jsonb) as v(issuer_id text, serial text, profile text, zone text,
      name text, subject text, issuer text, tbs_hash text, fingerprint text, key_hash text, names text,
      certificate text, not_before timestamptz, not_after timestamptz, status text)`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** Every certificate ever recorded, oldest first. */
export async function listCertificates(db: Kysely<Schema>): Promise<readonly CertificateRecord[]> {
  const rows = await db
    .selectFrom('certificates as c')
    .leftJoin('revocations as r', (join) =>
      join.onRef('r.issuer_id', '=', 'c.issuer_id').onRef('r.serial', '=', 'c.serial'),
    )
    .innerJoin('authorities as a', 'a.id', 'c.issuer_id')
    .selectAll('c')
    .select(['r.reason', 'r.revoked_at', 'a.state'])
    .orderBy('c.created_at')
    .orderBy('c.serial')
    .execute()
  return rows.map((row) => ({
    serial: row.serial,
    zone: row.zone ?? undefined,
    profile: row.profile,
    name: row.name,
    subject: row.subject,
    issuer: row.issuer,
    fingerprint: row.fingerprint,
    notBefore: row.not_before.getTime(),
    notAfter: row.not_after.getTime(),
    issuerState: row.state,
    status: row.status,
    revokedAt: row.revoked_at?.getTime(),
    // Written by this folder from its own type.
    reason: (row.reason as RevocationReason | null) ?? undefined,
    certificate: new Uint8Array(row.certificate),
  }))
}
