import { signVendorCertificate, vendorContents } from '@cordon/core/authority'
import { decodeCertificate, encodeName, fingerprint, nameAttribute, subjectAlternativeName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { keepCredential, readCredential, type StoredCredential } from '../store/credential.ts'
import type { Store } from '../store/store.ts'

const day = 86_400_000
/** Life of a certificate of the manager's own making: browsers take no more than 398 days from anybody. */
const validityMs = 397 * day
/** Time before its end at which it is renewed. */
const renewBeforeMs = 30 * day

/** Names by which a manager is reached. */
export interface ManagerNames {
  readonly host: string
  readonly addresses: readonly string[]
  readonly dnsNames: readonly string[]
}

/**
 * The manager's own certificate for HTTPS: self-signed, P-256, kept sealed in the store so that its fingerprint stays,
 * made anew before its end or when its names change. No authority of a plant signs it: the manager serves several plants,
 * and a browser that believed a plant's root would believe it for every site.
 * @param now milliseconds since 1970
 */
export async function managerCredential(store: Store, names: ManagerNames, now: number): Promise<StoredCredential> {
  const fact = `manager ${names.host}`
  const held = await readCredential(store, fact)
  if (held !== undefined && isGood(held, names, now)) return held
  const made = await makeCredential(names, now)
  await keepCredential(store, fact, made)
  return made
}

function isGood({ chain: [leaf], notAfter }: StoredCredential, { addresses, dnsNames }: ManagerNames, now: number) {
  if (leaf === undefined || now > notAfter - renewBeforeMs) return false
  const there = (decodeCertificate(leaf).extensions.subjectAlternativeNames ?? []).map(({ value }) => value)
  return [...addresses, ...dnsNames].every((name) => there.includes(name))
}

async function makeCredential({ host, addresses, dnsNames }: ManagerNames, now: number): Promise<StoredCredential> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const subject = encodeName([nameAttribute('O', 'Cordon manager'), nameAttribute('CN', host.slice(0, 64))])
  const contents = vendorContents(nodeCrypto, { subject, publicKey: key.publicKey, now })
  const der = await signVendorCertificate(
    {
      ...contents,
      notAfter: now + validityMs,
      extensions: [...contents.extensions, subjectAlternativeName(addresses, dnsNames)],
    },
    key,
  )
  const serial = Buffer.from(contents.serial).toString('hex')
  return { chain: [der], key, serial, notAfter: now + validityMs }
}

/** SHA-256 of a certificate as browsers show it: pairs of upper-case digits. */
export function shownFingerprint(der: Uint8Array): string {
  return fingerprint(nodeCrypto, der)
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:')
}
