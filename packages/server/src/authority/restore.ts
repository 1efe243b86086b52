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
  /** Issuing CAs whose key opened, fits its certificate and chains to the root. */
  readonly zones: readonly string[]
}

/**
 * Fills an empty store from a backup and proves that the authority in it works: every key opens, fits its certificate,
 * and every issuing CA chains to the root.
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
  for (const row of rows) {
    const certificate = decodeCertificate(new Uint8Array(row.certificate))
    if (row.sealed === null) continue
    if (!crypto.equal((await keys.open(row)).publicKey, certificate.publicKey)) {
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
  return { ...summary, zones: [...zones] }
}
