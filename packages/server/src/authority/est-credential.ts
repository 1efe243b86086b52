import { type Certificate, decodeCertificate } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { keepCredential, readCredential, type StoredCredential } from '../store/credential.ts'
import type { Store } from '../store/store.ts'
import type { StoreAuthority } from './authority.ts'

/** Share of its lifetime after which the server's credential is renewed. */
const renewAt = 0.5

/**
 * The credential of the EST server: issued by the CA of the operations zone, kept sealed in the store, renewed at half
 * of its life, when its names change and when its CA is being retired. It is durable before it is used. Its chain ends
 * below the root, and holds the cross certificate while the root is rolled over.
 * @param date milliseconds since 1970
 * @throws UsageError `bad-value` without an address and a DNS name
 */
export async function estCredential(
  store: Store,
  authority: Pick<StoreAuthority, 'issueServer' | 'list' | 'caCertificates'>,
  server: { readonly name: string; readonly addresses: readonly string[]; readonly dnsNames: readonly string[] },
  date: number = Date.now(),
): Promise<StoredCredential> {
  const name = `est ${server.name}`
  const held = await readCredential(store, name)
  const good = held !== undefined && (await isGood(held, authority, server, date)) ? held : undefined
  const credential = good ?? (await issue(authority, server))
  if (good === undefined) await keepCredential(store, name, credential)
  // The generations of the CAs above it come and go during its life.
  return { ...credential, chain: chainOf(credential, await authority.caCertificates()) }
}

async function issue(
  authority: Pick<StoreAuthority, 'issueServer'>,
  server: { readonly name: string; readonly addresses: readonly string[]; readonly dnsNames: readonly string[] },
): Promise<StoredCredential> {
  const issued = await authority.issueServer(server)
  if (issued.key === undefined) throw new Error('the authority gave no key with the credential of the EST server')
  return { chain: [issued.certificate], key: issued.key, serial: issued.serial, notAfter: issued.notAfter }
}

async function isGood(
  held: StoredCredential,
  authority: Pick<StoreAuthority, 'list'>,
  server: { readonly addresses: readonly string[]; readonly dnsNames: readonly string[] },
  date: number,
): Promise<boolean> {
  const { notBefore, notAfter, extensions } = leafOf(held)
  if (date > notBefore + (notAfter - notBefore) * renewAt) return false
  const names = (extensions.subjectAlternativeNames ?? []).map(({ value }) => value)
  const wanted = [...server.addresses, ...server.dnsNames]
  if (names.length !== wanted.length || !wanted.every((one) => names.includes(one))) return false
  const record = (await authority.list()).find(({ serial }) => serial === held.serial)
  return record?.status === 'valid' && record.issuerState === 'active'
}

function leafOf({ chain: [leaf] }: StoredCredential): Certificate {
  if (leaf === undefined) throw new Error('a kept credential without a certificate')
  return decodeCertificate(leaf)
}

/** The leaf, its issuing CA under the root that signs now, and what leads from that root to another generation of it. */
function chainOf(credential: StoredCredential, authorities: readonly Uint8Array[]): readonly Uint8Array[] {
  const leaf = leafOf(credential)
  const above = authorities.map((der) => decodeCertificate(der))
  const issuer = above.find((one) => isIssuedBy(leaf, one))
  if (issuer === undefined) return [leaf.der]
  const crosses = above.filter((one) => isIssuedBy(issuer, one) && !isIssuedBy(one, one))
  return [leaf.der, issuer.der, ...crosses.map(({ der }) => der)]
}

function isIssuedBy({ extensions }: Certificate, issuer: Certificate): boolean {
  const [authority, subject] = [extensions.authorityKeyIdentifier, issuer.extensions.subjectKeyIdentifier]
  return authority !== undefined && subject !== undefined && nodeCrypto.equal(authority, subject)
}
