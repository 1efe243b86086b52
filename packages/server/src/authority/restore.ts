import type { Crypto } from '@cordon/core/crypto'
import { NotTrusted } from '@cordon/core/errors'
import { decodeCertificate } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { type BackupSummary, restoreStore } from '../store/dump.ts'
import type { Store } from '../store/store.ts'
import { AuthorityKeys } from './keys.ts'
import { isProvisioning } from './signers.ts'

/** What a restored authority proved about itself. */
export interface RestoreSummary extends BackupSummary {
  /** Zones with an issuing CA whose key opened, fits its certificate and chains to a root. */
  readonly zones: readonly string[]
  /** CAs whose key lies in hardware: the backup names the key and does not hold it. */
  readonly hardware: readonly HardwareReference[]
}

/** A key that did not come with the backup. */
export interface HardwareReference {
  /** Row of `authorities`. */
  readonly id: string
  /** PKCS#11 URI (RFC 7512), without a PIN. */
  readonly uri: string
}

/**
 * Fills an empty store from a backup and proves that the authority in it works: every sealed key opens and fits its
 * certificate, and every issuing CA chains to a root. Keys in hardware are named, not opened.
 * @throws as restoreStore; NotTrusted when a key does not fit or a chain does not hold
 */
export async function restoreAuthority(
  store: Store,
  backup: Uint8Array,
  passphrase: string,
  crypto: Crypto = nodeCrypto,
): Promise<RestoreSummary> {
  const summary = await restoreStore(store, backup, passphrase)
  const keys = new AuthorityKeys(store, crypto)
  const rows = await store.db.selectFrom('authorities').selectAll().orderBy('id').execute()
  const roots = rows.filter(({ zone }) => zone === null).map(({ certificate }) => new Uint8Array(certificate))
  const zones = new Set<string>()
  const hardware: HardwareReference[] = []
  for (const row of rows) {
    const certificate = decodeCertificate(new Uint8Array(row.certificate))
    if (row.sealed === null) hardware.push({ id: row.id, uri: row.key_uri ?? '' })
    else if (!crypto.equal((await keys.open(row)).publicKey, certificate.publicKey)) {
      throw new NotTrusted('wrong-identity', `the restored key of ${row.id} does not fit its certificate`)
    }
    if (row.zone === null || isProvisioning(row.zone)) continue
    const verdict = crypto.verifyChain({ leaf: certificate.der, anchors: roots, revocation: 'off' })
    if (!verdict.ok)
      throw new NotTrusted(
        verdict.code,
        `the restored issuing CA ${row.id} does not chain to the root: ${verdict.reason}`,
      )
    zones.add(row.zone)
  }
  return { ...summary, zones: [...zones], hardware }
}
