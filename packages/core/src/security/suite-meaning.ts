import { findSuite, suiteHex } from './cipher-suites.ts'

/** What the parts of a suite's name say, in words. */
const agreements: Readonly<Record<string, string>> = {
  ECDHE_ECDSA: 'keys agreed by ephemeral elliptic-curve Diffie-Hellman, peers proven by ECDSA certificates',
  RSA: 'keys sent under RSA, peers proven by RSA certificates',
  ECDHE_PSK: 'keys agreed by ephemeral elliptic-curve Diffie-Hellman, peers proven by a pre-shared key',
}

const ciphers: Readonly<Record<string, string>> = {
  AES_128_CBC: 'AES-128 in CBC mode',
  AES_256_CBC: 'AES-256 in CBC mode',
  AES_128_GCM: 'AES-128 in GCM mode',
  AES_256_GCM: 'AES-256 in GCM mode',
  CHACHA20_POLY1305: 'ChaCha20-Poly1305',
}

const hashes: Readonly<Record<string, string>> = { SHA: 'SHA-1', SHA256: 'SHA-256', SHA384: 'SHA-384' }

/** A suite in words, from the parts of its name; its number where CIP Security does not name it. */
export function suiteMeaning(id: number): string {
  const known = meanings.get(id) ?? spell(id)
  meanings.set(id, known)
  return known
}

/** Tables ask for the same few suites again and again. No more entries than there are numbers. */
const meanings = new Map<number, string>()

function spell(id: number): string {
  const suite = findSuite(id)
  const parts = suite === undefined ? null : /^TLS_(.+)_WITH_(.+)_(SHA\d*)$/.exec(suite.name)
  if (suite === undefined || parts === null) return `suite 0x${suiteHex(id)}, which CIP Security does not name`
  const [, agreement = '', cipher = '', hash = ''] = parts
  const promise = suite.encrypts
    ? 'encrypted and authenticated'
    : 'authenticated, and readable by everybody on the network'
  const secrecy = suite.encrypts ? `${ciphers[cipher] ?? cipher} with` : 'no encryption, integrity by'
  return `${secrecy} ${hashes[hash] ?? hash}: ${promise}; ${agreements[agreement] ?? agreement}`
}
