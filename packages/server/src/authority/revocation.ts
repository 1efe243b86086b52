import {
  backdateMs,
  type CertificateProfile,
  type Revocation,
  type RevocationReason,
  revocationListValidityMs,
} from '@cordon/core/authority'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import { buildRevocationList, keyIdentifier } from '@cordon/core/x509'
import type { Kysely, Transaction } from 'kysely'
import type { Schema } from '../store/schema.ts'
import type { Means } from './means.ts'
import type { Signer, Signers } from './signers.ts'

/** Profiles that are retired, not revoked. */
const authorityProfiles: readonly CertificateProfile[] = ['root', 'issuing', 'cross']

/** Revokes certificates, and makes the lists that say so. */
export class Revoking {
  readonly #means: Means
  readonly #signers: Signers

  constructor(means: Means, signers: Signers) {
    this.#means = means
    this.#signers = signers
  }

  async revoke(serialOrName: string, reason: RevocationReason): Promise<Revocation> {
    const serial = serialOrName.toLowerCase().replaceAll(':', '')
    const rows = await this.#means.store.db
      .selectFrom('certificates')
      .select(['issuer_id', 'serial', 'profile', 'status', 'not_after'])
      .where((eb) => eb.or([eb('serial', '=', serial), eb('name', '=', serialOrName)]))
      .orderBy('created_at', 'desc')
      .execute()
    const found = rows.filter(({ profile }) => !authorityProfiles.includes(profile))
    if (found.length === 0) {
      const isAuthority = rows.length > 0
      throw isAuthority
        ? new NotAllowed(
            'refused',
            `"${serialOrName}" is a CA of this plant; retire a CA with "cordon ca rollover", or by removing its zone, not by revocation`,
          )
        : new UsageError('missing', `no certificate with the serial number or name "${serialOrName}" was issued`)
    }
    const now = this.#means.now()
    const due = found.filter(
      (row) => row.status === 'valid' && (row.serial === serial || row.not_after.getTime() > now),
    )
    const revocations: Revocation[] = []
    // Where all of it was revoked before, the answer is the list that says so.
    for (const issuer of new Set((due.length > 0 ? due : found.slice(0, 1)).map((row) => row.issuer_id))) {
      const serials = due.filter((row) => row.issuer_id === issuer).map((row) => row.serial)
      revocations.push(await this.#publish(issuer, serials, reason))
    }
    const [first, ...further] = revocations
    if (first === undefined) throw new UsageError('missing', `"${serialOrName}" has no issuer`)
    return { ...first, further }
  }

  async crl(zone: string): Promise<Uint8Array | undefined> {
    const { signer } = await this.#signers.active(zone)
    return await this.#current(signer.id)
  }

  /** Of every generation that is trusted, newest first; `again`: made anew, however young. */
  async crls(zone: string, again = false): Promise<readonly Uint8Array[]> {
    const rows = await this.#means.store.db
      .selectFrom('authorities')
      .select('id')
      .where('zone', '=', zone)
      .where('state', '!=', 'retired')
      .orderBy('generation', 'desc')
      .execute()
    if (rows.length === 0) throw new UsageError('missing', `no issuing CA for zone "${zone}"`)
    const lists: Uint8Array[] = []
    for (const { id } of rows) {
      const list = await this.#current(id, again)
      if (list !== undefined) lists.push(list)
    }
    return lists
  }

  async #current(issuer: string, again = false): Promise<Uint8Array | undefined> {
    const current = await newestList(this.#means.store.db, issuer)
    if (current === undefined) return undefined
    // A list in the second half of its life is made anew, so that what is pushed lasts.
    if (!again && current.nextUpdate - this.#means.now() > revocationListValidityMs / 2) return current.der
    const { crl } = await this.#publish(issuer, [], 'unspecified', true)
    return crl
  }

  /** Revokes and makes the next list, in one transaction; without serial numbers the list is made only where none is. */
  async #publish(
    issuer: string,
    serials: readonly string[],
    reason: RevocationReason,
    isRefresh = false,
  ): Promise<Revocation> {
    return await this.#means.store.db.transaction().execute(async (tx) => {
      // Lists of one issuer are made one after another, or two would share a number.
      const row = await tx
        .selectFrom('authorities')
        .selectAll()
        .where('id', '=', issuer)
        .forUpdate()
        .executeTakeFirstOrThrow()
      const signer = await this.#signers.of(row)
      const zone = row.zone ?? ''
      const now = this.#means.now()
      const fresh =
        serials.length === 0
          ? []
          : await tx
              .updateTable('certificates')
              .set({ status: 'revoked' })
              .where('issuer_id', '=', issuer)
              .where('serial', 'in', serials)
              .where('status', '=', 'valid')
              .returning('serial')
              .execute()
      if (fresh.length === 0 && !isRefresh) {
        const current = await newestList(tx, issuer)
        if (current !== undefined) return { zone, crl: current.der, number: current.number, serials: [], further: [] }
      }
      const number = row.crl_number + 1
      if (fresh.length > 0) {
        await tx
          .insertInto('revocations')
          .values(
            fresh.map(({ serial }) => ({
              issuer_id: issuer,
              serial,
              reason,
              revoked_at: new Date(now),
              crl_number: number,
            })),
          )
          .execute()
      }
      const crl = await this.#makeList(tx, signer, number, now)
      return { zone, crl, number, serials: fresh.map(({ serial }) => serial), further: [] }
    })
  }

  async #makeList(tx: Transaction<Schema>, signer: Signer, number: number, now: number): Promise<Uint8Array> {
    const entries = await tx
      .selectFrom('revocations as r')
      .innerJoin('certificates as c', (join) =>
        join.onRef('c.issuer_id', '=', 'r.issuer_id').onRef('c.serial', '=', 'r.serial'),
      )
      .select(['r.serial', 'r.reason', 'r.revoked_at'])
      .where('r.issuer_id', '=', signer.id)
      // An entry stays for one list's life after its certificate has expired (RFC 5280 3.3).
      .where('c.not_after', '>', new Date(now - revocationListValidityMs))
      .orderBy('r.crl_number')
      .orderBy('r.serial')
      .execute()
    // Dated back like certificates: a device whose clock is behind must not refuse the list as not yet valid.
    const thisUpdate = now - backdateMs
    const nextUpdate = now + revocationListValidityMs
    const der = await buildRevocationList(
      {
        issuer: signer.certificate.subject,
        issuerKey: keyIdentifier(this.#means.crypto, signer.certificate.publicKey),
        number,
        thisUpdate,
        nextUpdate,
        entries: entries.map((row) => ({
          serial: row.serial,
          revokedAt: row.revoked_at.getTime(),
          // Written by this class from its own type.
          reason: row.reason as RevocationReason,
        })),
      },
      signer.key,
    )
    await tx
      .insertInto('revocation_lists')
      .values({
        issuer_id: signer.id,
        number,
        der,
        this_update: new Date(thisUpdate),
        next_update: new Date(nextUpdate),
      })
      .execute()
    await tx.updateTable('authorities').set({ crl_number: number }).where('id', '=', signer.id).execute()
    return der
  }
}

async function newestList(
  db: Kysely<Schema>,
  issuerId: string,
): Promise<{ der: Uint8Array; number: number; nextUpdate: number } | undefined> {
  const row = await db
    .selectFrom('revocation_lists')
    .select(['der', 'number', 'next_update'])
    .where('issuer_id', '=', issuerId)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined
    ? undefined
    : { der: new Uint8Array(row.der), number: row.number, nextUpdate: row.next_update.getTime() }
}
