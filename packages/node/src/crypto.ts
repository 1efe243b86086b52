import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign as signBytes,
  timingSafeEqual,
  verify as verifyBytes,
} from 'node:crypto'
import type { ChainRequest, ChainVerdict, Crypto, DigestAlgorithm, KeyKind, PrivateKey } from '@cordon/core/crypto'
import { MalformedMessage, NotTrusted, type NotTrustedCode, UsageError } from '@cordon/core/errors'
import { checkPublicKey, signatureAlgorithms } from '@cordon/core/x509'
import { TlsError, verifyChain } from '@cordon/tls'

export { FileKeyStore } from './keys/file.ts'
export { MemoryKeyStore } from './keys/memory.ts'
export { loadStateKey, type StateKey } from './keys/state-key.ts'

/** Names of the hash functions as OpenSSL spells them. */
const digestNames = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const

interface KindFacts {
  readonly hash: 'sha256' | 'sha384' | 'sha512'
  /** True where one signature blocks for a millisecond or more: it then runs in the thread pool. */
  readonly slow: boolean
}

const kinds: Readonly<Record<KeyKind, KindFacts>> = {
  'ecdsa-p256': { hash: 'sha256', slow: false },
  'ecdsa-p384': { hash: 'sha384', slow: true },
  'ecdsa-p521': { hash: 'sha512', slow: true },
  'rsa-2048': { hash: 'sha256', slow: true },
  'rsa-3072': { hash: 'sha256', slow: true },
  'rsa-4096': { hash: 'sha256', slow: true },
}

const curves = { 'ecdsa-p256': 'prime256v1', 'ecdsa-p384': 'secp384r1', 'ecdsa-p521': 'secp521r1' } as const
const moduli = { 'rsa-2048': 2048, 'rsa-3072': 3072, 'rsa-4096': 4096 } as const

const privateEncoding = { format: 'der', type: 'pkcs8' } as const
const publicEncoding = { format: 'der', type: 'spki' } as const

/**
 * A key in this process's memory. Kept as its PKCS#8 bytes until the first signature, because a plant of a thousand
 * virtual devices holds more keys than it uses.
 */
class SoftwareKey implements PrivateKey {
  readonly kind: KeyKind
  readonly publicKey: Uint8Array
  readonly #pkcs8: Uint8Array
  #handle: KeyObject | undefined

  constructor(kind: KeyKind, publicKey: Uint8Array, pkcs8: Uint8Array) {
    this.kind = kind
    this.publicKey = publicKey
    this.#pkcs8 = pkcs8
  }

  async sign(data: Uint8Array): Promise<Uint8Array> {
    this.#handle ??= createPrivateKey({ key: Buffer.from(this.#pkcs8), ...privateEncoding })
    const { hash, slow } = kinds[this.kind]
    const handle = this.#handle
    if (!slow) return plain(signBytes(hash, data, handle))
    return await new Promise((resolve, reject) => {
      signBytes(hash, data, handle, (error, signature) => (error ? reject(error) : resolve(plain(signature))))
    })
  }

  export(): Uint8Array {
    return this.#pkcs8.slice()
  }
}

/** A copy without Buffer's habits: what leaves this module is a plain Uint8Array that owns its bytes. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer)
}

function isEllipticKind(kind: KeyKind): kind is keyof typeof curves {
  return kind in curves
}

const encodings = { privateKeyEncoding: privateEncoding, publicKeyEncoding: publicEncoding }

async function generateKey(kind: KeyKind): Promise<PrivateKey> {
  if (kind === 'ecdsa-p256') {
    const pair = generateKeyPairSync('ec', {
      namedCurve: curves[kind],
      publicKeyEncoding: { format: 'der', type: 'spki' },
      privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    })
    return new SoftwareKey(kind, plain(pair.publicKey), plain(pair.privateKey))
  }
  return await new Promise((resolve, reject) => {
    const done = (error: Error | null, publicKey: Buffer, privateKey: Buffer) =>
      error ? reject(error) : resolve(new SoftwareKey(kind, plain(publicKey), plain(privateKey)))
    if (isEllipticKind(kind)) generateKeyPair('ec', { namedCurve: curves[kind], ...encodings }, done)
    else generateKeyPair('rsa', { modulusLength: moduli[kind], publicExponent: 0x10001, ...encodings }, done)
  })
}

function importKey(pkcs8: Uint8Array): PrivateKey {
  let handle: KeyObject
  try {
    handle = createPrivateKey({ key: Buffer.from(pkcs8), ...privateEncoding })
  } catch {
    // The cause is dropped on purpose: OpenSSL's text may quote the input.
    throw new MalformedMessage('bad-encoding', 'expected a private key as DER PKCS#8; OpenSSL could not read it')
  }
  const publicKey = plain(createPublicKey(handle).export(publicEncoding))
  const { algorithm } = checkPublicKey(publicKey)
  if (!(algorithm in kinds)) {
    throw new MalformedMessage(
      'unknown-value',
      `expected a private key of a kind Cordon signs with (${Object.keys(kinds).join(', ')}), got ${algorithm}`,
    )
  }
  // The name was just looked up in the table of kinds.
  const kind = algorithm as KeyKind
  return new SoftwareKey(kind, publicKey, plain(handle.export(privateEncoding)))
}

function verify(publicKey: Uint8Array, signatureAlgorithm: string, data: Uint8Array, signature: Uint8Array): boolean {
  const algorithm = signatureAlgorithms.get(signatureAlgorithm)
  if (algorithm === undefined) return false
  try {
    if (checkPublicKey(publicKey).family !== algorithm.family) return false
    const key = createPublicKey({ key: Buffer.from(publicKey), ...publicEncoding })
    return verifyBytes(digestNames[algorithm.digest], data, key, signature)
  } catch {
    // A key or signature that OpenSSL cannot even read verifies nothing.
    return false
  }
}

/** Codes of the TLS package's path validation, by what they mean here. Anything else is a path that was not found. */
const trustCodes: Readonly<Record<string, NotTrustedCode>> = {
  'certificate-expired': 'expired',
  'certificate-not-yet-valid': 'not-yet-valid',
  'certificate-revoked': 'revoked',
  'crl-missing': 'no-revocation-list',
  'crl-expired': 'no-revocation-list',
  'crl-invalid': 'no-revocation-list',
  'name-mismatch': 'wrong-identity',
  'wrong-purpose': 'wrong-purpose',
  'bad-signature': 'bad-signature',
  'weak-key': 'bad-signature',
}

function judgeChain(request: ChainRequest): ChainVerdict {
  try {
    const result = verifyChain({
      leaf: request.leaf,
      intermediates: request.intermediates ?? [],
      anchors: request.anchors,
      trusted: request.trusted ?? [],
      crls: request.revocationLists ?? [],
      crl: request.revocation ?? 'ifPresent',
      time: request.at !== undefined,
      purpose: request.purpose ?? 'any',
      ...(request.at === undefined ? {} : { at: request.at }),
    })
    if (result.ok) return { ok: true, chain: result.chain }
    const code = trustCodes[result.code] ?? 'unknown-authority'
    return { ok: false, code, reason: result.message, depth: result.depth }
  } catch (cause) {
    if (!(cause instanceof TlsError) || (cause.code !== 'bad-certificate' && cause.code !== 'bad-crl')) throw cause
    throw new MalformedMessage('bad-encoding', `judging a certificate: ${cause.message}`, { cause })
  }
}

const envelopeVersion = 1
const nonceLength = 12
const tagLength = 16

function checkSealingKey(key: Uint8Array): void {
  if (key.length !== 32) throw new UsageError('bad-value', `expected a sealing key of 32 bytes, got ${key.length}`)
}

function seal(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  checkSealingKey(key)
  const nonce = randomBytes(nonceLength)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(associated)
  const body = cipher.update(plaintext)
  cipher.final()
  return plain(Buffer.concat([Uint8Array.of(envelopeVersion), nonce, body, cipher.getAuthTag()]))
}

function open(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array {
  checkSealingKey(key)
  if (sealed.length < 1 + nonceLength + tagLength) {
    throw new MalformedMessage('truncated', `expected a sealed secret of at least 29 bytes, got ${sealed.length}`)
  }
  if (sealed[0] !== envelopeVersion) {
    throw new MalformedMessage(
      'unknown-value',
      `expected a sealed secret of version ${envelopeVersion}, got ${sealed[0]}`,
    )
  }
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + nonceLength), {
    authTagLength: tagLength,
  })
  decipher.setAAD(associated)
  decipher.setAuthTag(sealed.subarray(sealed.length - tagLength))
  const body = decipher.update(sealed.subarray(1 + nonceLength, sealed.length - tagLength))
  try {
    decipher.final()
  } catch {
    throw new NotTrusted('bad-signature', 'a sealed secret was altered, or belongs to another place or another key')
  }
  return plain(body)
}

/** {@link Crypto} on Node's own OpenSSL; path validation on `@cordon/tls`. Keys live in this process's memory. */
export const nodeCrypto: Crypto = {
  random: (length) => plain(randomBytes(length)),
  digest: (algorithm: DigestAlgorithm, data) => plain(createHash(digestNames[algorithm]).update(data).digest()),
  generateKey,
  importKey,
  verify,
  verifyChain: judgeChain,
  seal,
  open,
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
}
