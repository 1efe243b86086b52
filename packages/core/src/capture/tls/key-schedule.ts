import type { RecordCrypto } from './record-crypto.ts'
import { hashLengths, type RecordHash, type SuiteFacts } from './suites.ts'

/** Joins byte strings. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** ASCII text as bytes: labels of key derivation. */
function label(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** P_hash (RFC 5246 5). */
function expand(
  crypto: RecordCrypto,
  hash: RecordHash,
  secret: Uint8Array,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const output = new Uint8Array(length)
  let link = seed
  for (let at = 0; at < length; at += hashLengths[hash]) {
    link = crypto.hmac(hash, secret, link)
    output.set(crypto.hmac(hash, secret, join(link, seed)).subarray(0, length - at), at)
  }
  return output
}

/** Whether a version derives its keys by MD5 and SHA-1 together: everything before 1.2. */
export function isOldVersion(version: number): boolean {
  return version === 0x0301 || version === 0x0302 || version === 0xfeff
}

/** The pseudo-random function of TLS 1.2 (RFC 5246 5), or of the versions before it (RFC 4346 5). */
function prf(
  crypto: RecordCrypto,
  version: number,
  hash: RecordHash,
  secret: Uint8Array,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  if (!isOldVersion(version)) return expand(crypto, hash, secret, seed, length)
  const half = Math.ceil(secret.length / 2)
  const output = expand(crypto, 'MD5', secret.subarray(0, half), seed, length)
  const other = expand(crypto, 'SHA-1', secret.subarray(secret.length - half), seed, length)
  return output.map((byte, i) => byte ^ (other[i] ?? 0))
}

/** What a handshake hashes its own messages with, for the extended master secret (RFC 7627 3). */
export function transcriptHash(
  crypto: RecordCrypto,
  version: number,
  suite: SuiteFacts,
  messages: Uint8Array,
): Uint8Array {
  if (!isOldVersion(version)) return crypto.hash(suite.prf, messages)
  return join(crypto.hash('MD5', messages), crypto.hash('SHA-1', messages))
}

/** The master secret (RFC 5246 8.1), from the session hash where it is extended (RFC 7627 4). */
export function masterSecret(
  crypto: RecordCrypto,
  version: number,
  suite: SuiteFacts,
  premaster: Uint8Array,
  from: { readonly sessionHash: Uint8Array } | { readonly clientRandom: Uint8Array; readonly serverRandom: Uint8Array },
): Uint8Array {
  const seed =
    'sessionHash' in from
      ? join(label('extended master secret'), from.sessionHash)
      : join(label('master secret'), from.clientRandom, from.serverRandom)
  return prf(crypto, version, suite.prf, premaster, seed, 48)
}

/** What one side protects its records with. */
export interface DirectionKeys {
  readonly mac: Uint8Array
  readonly key: Uint8Array
  readonly iv: Uint8Array
}

/** The keys of both sides. */
export interface RecordKeys {
  readonly client: DirectionKeys
  readonly server: DirectionKeys
}

/** Bytes of the part of the nonce that comes from key derivation. */
function ivLength(version: number, { cipher }: SuiteFacts): number {
  switch (cipher.kind) {
    case 'gcm':
    case 'ccm':
    case 'ccm-8':
      return 4
    case 'chacha20':
      return 12
    case 'cbc':
      // TLS 1.0 begins with a derived vector; later versions send one with each record.
      return version === 0x0301 ? 16 : 0
    case 'null':
    case 'unsupported':
      return 0
  }
}

/** Cuts the key block (RFC 5246 6.3). */
export function recordKeys(
  crypto: RecordCrypto,
  version: number,
  suite: SuiteFacts,
  master: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): RecordKeys {
  const { cipher } = suite
  const mac = 'mac' in cipher ? hashLengths[cipher.mac] : 0
  const key = 'keyLength' in cipher ? cipher.keyLength : 0
  const iv = ivLength(version, suite)
  const seed = join(label('key expansion'), serverRandom, clientRandom)
  const block = prf(crypto, version, suite.prf, master, seed, 2 * (mac + key + iv))
  let at = 0
  const take = (length: number) => {
    at += length
    return block.subarray(at - length, at)
  }
  const macs = [take(mac), take(mac)] as const
  const keys = [take(key), take(key)] as const
  const ivs = [take(iv), take(iv)] as const
  return {
    client: { mac: macs[0], key: keys[0], iv: ivs[0] },
    server: { mac: macs[1], key: keys[1], iv: ivs[1] },
  }
}

/** HKDF-Expand-Label (RFC 8446 7.1). */
function expandLabel(
  crypto: RecordCrypto,
  hash: RecordHash,
  secret: Uint8Array,
  name: string,
  length: number,
): Uint8Array {
  const text = label(`tls13 ${name}`)
  const info = join(Uint8Array.of(length >>> 8, length & 0xff, text.length), text, Uint8Array.of(0))
  const output = new Uint8Array(length)
  let block = new Uint8Array()
  for (let at = 0, count = 1; at < length; at += hashLengths[hash], count++) {
    block = new Uint8Array(crypto.hmac(hash, secret, join(block, info, Uint8Array.of(count))))
    output.set(block.subarray(0, length - at), at)
  }
  return output
}

/** The keys of one side from a traffic secret of TLS 1.3 (RFC 8446 7.3). */
export function trafficKeys(crypto: RecordCrypto, suite: SuiteFacts, secret: Uint8Array): DirectionKeys {
  const keyLength = 'keyLength' in suite.cipher ? suite.cipher.keyLength : 0
  return {
    mac: new Uint8Array(),
    key: expandLabel(crypto, suite.prf, secret, 'key', keyLength),
    iv: expandLabel(crypto, suite.prf, secret, 'iv', 12),
  }
}

/** The traffic secret after a Key Update (RFC 8446 7.2). */
export function nextTrafficSecret(crypto: RecordCrypto, suite: SuiteFacts, secret: Uint8Array): Uint8Array {
  return expandLabel(crypto, suite.prf, secret, 'traffic upd', hashLengths[suite.prf])
}
