import { UsageError } from '@cordon/core/errors'
import { decodeCertificate, decodePem, fingerprint, formatName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { type Actor, recordAudit } from '../audit/audit.ts'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** A vendor's certificate that first contact with a device is checked by. */
export interface VendorAnchor {
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  readonly subject: string
  readonly notAfter: Date
  readonly addedBy: string
  readonly addedAt: Date
}

/** Who changes something, and by which request. */
export interface Change {
  readonly actor: Actor
  readonly address?: string
  readonly request?: string
}

const mostAtOnce = 32

/** Every vendor that is believed, by subject. */
export async function listVendorAnchors({ db }: Pick<Store, 'db'>): Promise<readonly VendorAnchor[]> {
  const rows = await db.selectFrom('vendor_anchors').selectAll().orderBy('subject').orderBy('fingerprint').execute()
  return rows.map((row) => ({
    fingerprint: row.fingerprint,
    subject: row.subject,
    notAfter: row.not_after,
    addedBy: row.added_by,
    addedAt: row.added_at,
  }))
}

/** Their certificates, DER: what a deployment takes. */
export async function vendorAnchorCertificates({ db }: Pick<Store, 'db'>): Promise<readonly Uint8Array[]> {
  const rows = await db.selectFrom('vendor_anchors').select('certificate').execute()
  return rows.map(({ certificate }) => new Uint8Array(certificate))
}

/**
 * Believes the CA certificates of a PEM text.
 * @throws UsageError `bad-value` for a text without certificates, with more than 32, or with one that is no CA's
 * @throws MalformedMessage for a certificate that does not decode
 */
export async function addVendorAnchors(store: Pick<Store, 'db'>, pem: string, by: Change): Promise<void> {
  const ders = decodePem(pem)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ bytes }) => bytes)
  if (ders.length === 0 || ders.length > mostAtOnce)
    throw new UsageError('bad-value', `expected 1 to ${mostAtOnce} certificates in PEM form, got ${ders.length}`)
  const rows = ders.map((der) => {
    const certificate = decodeCertificate(der)
    const subject = formatName(certificate.subject)
    if (certificate.extensions.basicConstraints?.ca !== true)
      throw new UsageError(
        'bad-value',
        `${subject} is no CA certificate; give the one that the vendor's devices are issued by`,
      )
    return {
      fingerprint: fingerprint(nodeCrypto, der),
      certificate: der,
      subject,
      not_after: new Date(certificate.notAfter),
      added_by: by.actor.name,
    }
  })
  await store.db.transaction().execute(async (tx) => {
    await tx
      .insertInto('vendor_anchors')
      .values(rows)
      .onConflict((conflict) => conflict.column('fingerprint').doNothing())
      .execute()
    for (const { fingerprint: print, subject } of rows)
      await recordAudit(tx, { ...by, action: 'anchors.add', subject: print, outcome: 'done', detail: { subject } })
    await tx
      .insertInto('events')
      .values({ kind: 'anchors', subject: 'added', detail: jsonText({ count: rows.length }) })
      .execute()
  })
}

/** Believes a vendor no more; false when there is none of that fingerprint. */
export async function removeVendorAnchor(store: Pick<Store, 'db'>, print: string, by: Change): Promise<boolean> {
  return await store.db.transaction().execute(async (tx) => {
    const gone = await tx
      .deleteFrom('vendor_anchors')
      .where('fingerprint', '=', print)
      .returning('subject')
      .executeTakeFirst()
    if (gone === undefined) return false
    const { subject } = gone
    await recordAudit(tx, { ...by, action: 'anchors.remove', subject: print, outcome: 'done', detail: { subject } })
    await tx
      .insertInto('events')
      .values({ kind: 'anchors', subject: 'removed', detail: jsonText({ print }) })
      .execute()
    return true
  })
}
