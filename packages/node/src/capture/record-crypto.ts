import {
  constants,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto'
import type { CaptureRsaKey, RecordAead, RecordCrypto, RecordHash } from '@cordon/core/capture'
import { MalformedMessage } from '@cordon/core/errors'

/** Names of hash functions as OpenSSL spells them. */
const hashNames: Readonly<Record<RecordHash, string>> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
}

function openAead(
  cipher: RecordAead,
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
  tagLength: number,
): Uint8Array | undefined {
  const length = sealed.length - tagLength
  if (length < 0) return undefined
  const body = sealed.subarray(0, length)
  const tag = sealed.subarray(length)
  try {
    const decipher = makeDecipher(cipher, key, nonce, tagLength)
    decipher.setAuthTag(tag)
    decipher.setAAD(associated, { plaintextLength: length })
    const plain = decipher.update(body)
    decipher.final()
    return new Uint8Array(plain)
  } catch {
    // Node tells neither in its types nor by a code whether the tag or the cipher was refused; both mean: not opened.
    return undefined
  }
}

function makeDecipher(cipher: RecordAead, key: Uint8Array, nonce: Uint8Array, authTagLength: number) {
  // Each mode has a type of its own in Node.
  switch (cipher) {
    case 'aes-128-gcm':
    case 'aes-256-gcm':
      return createDecipheriv(cipher, key, nonce, { authTagLength })
    case 'aes-128-ccm':
    case 'aes-256-ccm':
      return createDecipheriv(cipher, key, nonce, { authTagLength })
    case 'chacha20-poly1305':
      return createDecipheriv(cipher, key, nonce, { authTagLength })
  }
}

function decryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(key.length === 16 ? 'aes-128-cbc' : 'aes-256-cbc', key, iv)
  decipher.setAutoPadding(false)
  const first = decipher.update(data)
  const last = decipher.final()
  return new Uint8Array(last.length === 0 ? first : Buffer.concat([first, last]))
}

/** What the padding of RSAES-PKCS1-v1_5 (RFC 8017 7.2.2) holds, or undefined where it is none. */
function unpad(block: Uint8Array): Uint8Array | undefined {
  const end = block.indexOf(0, 2)
  // At least eight bytes of padding that are not zero.
  if (block[0] !== 0 || block[1] !== 2 || end < 10) return undefined
  return new Uint8Array(block.subarray(end + 1))
}

class RsaKey implements CaptureRsaKey {
  readonly #key: KeyObject

  constructor(key: KeyObject) {
    this.#key = key
  }

  decrypt(encrypted: Uint8Array): Uint8Array | undefined {
    try {
      // Without padding: OpenSSL may answer a wrong one with made-up bytes, as it should to a stranger (implicit
      // rejection). Here nobody waits for an answer, and whether the key fits is the question.
      return unpad(privateDecrypt({ key: this.#key, padding: constants.RSA_NO_PADDING }, encrypted))
    } catch {
      // A number larger than the modulus, or of another length: not for this key.
      return undefined
    }
  }
}

function importRsaKey(pkcs8: Uint8Array): CaptureRsaKey {
  let key: KeyObject | undefined
  try {
    key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  } catch {
    // The cause is dropped on purpose: OpenSSL's text may quote the input.
  }
  if (key?.asymmetricKeyType !== 'rsa') {
    throw new MalformedMessage(
      'bad-encoding',
      key === undefined
        ? 'expected the private key of a server as DER PKCS#8; OpenSSL could not read it'
        : `expected an RSA private key, got ${key.asymmetricKeyType}: with other keys every handshake has secrets of its own, which only a key log has`,
    )
  }
  return new RsaKey(key)
}

/** {@link RecordCrypto} on Node's own OpenSSL. */
export const nodeRecordCrypto: RecordCrypto = {
  hash: (algorithm, data) => new Uint8Array(createHash(hashNames[algorithm]).update(data).digest()),
  hmac: (algorithm, key, data) => new Uint8Array(createHmac(hashNames[algorithm], key).update(data).digest()),
  decryptCbc,
  openAead,
  importRsaKey,
}
