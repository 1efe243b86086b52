import { sameBytes } from '../../x509/der.ts'
import { type DirectionKeys, join } from './key-schedule.ts'
import type { RecordAead, RecordCrypto } from './record-crypto.ts'
import { tlsHeaderLength } from './record.ts'
import { hashLengths, type RecordHash, type SuiteFacts } from './suites.ts'

/** What an opened record holds. */
export interface OpenedRecord {
  /** The type inside: TLS 1.3 hides it in what is sealed. */
  readonly type: number
  readonly content: Uint8Array
}

/** A record as it stands on the wire, without its number. */
export interface SealedRecord {
  readonly type: number
  /** Version of the record's header. */
  readonly version: number
  readonly fragment: Uint8Array
}

/** How the records of one side are opened. */
export interface RecordProtection {
  /** Opens a record that was sent under this number; undefined when it does not fit. */
  open(record: SealedRecord, sequence: Uint8Array): OpenedRecord | undefined
}

/** The number of a record as its protection takes it: 64 bits, the upper 16 being the epoch in DTLS (RFC 6347 4.1.2.1). */
export function sequenceBytes(epoch: number, number: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, epoch)
  view.setUint16(2, Math.floor(number / 2 ** 32))
  view.setUint32(4, number >>> 0)
  return bytes
}

/** The content of a record under a NULL suite: everything before the MAC. Undefined when it is shorter than a MAC. */
export function nullContent(suite: SuiteFacts, fragment: Uint8Array): Uint8Array | undefined {
  if (suite.cipher.kind !== 'null') return undefined
  const length = fragment.length - hashLengths[suite.cipher.mac]
  return length < 0 ? undefined : fragment.subarray(0, length)
}

/** The header that is authenticated with the content (RFC 5246 6.2.3.1). */
function macHeader(sequence: Uint8Array, { type, version }: SealedRecord, length: number): Uint8Array {
  return join(sequence, Uint8Array.of(type, version >>> 8, version & 0xff, length >>> 8, length & 0xff))
}

/** Whether what follows `macAt` is the MAC of what is before it. */
function macFits(
  crypto: RecordCrypto,
  hash: RecordHash,
  key: Uint8Array,
  record: SealedRecord,
  sequence: Uint8Array,
  content: Uint8Array,
  mac: Uint8Array,
): boolean {
  return sameBytes(crypto.hmac(hash, key, join(macHeader(sequence, record, content.length), content)), mac)
}

/** How records of TLS up to 1.2 and DTLS are opened; undefined for a cipher that is not opened here. */
export function makeProtection(
  crypto: RecordCrypto,
  version: number,
  suite: SuiteFacts,
  encryptThenMac: boolean,
  keys: DirectionKeys,
): RecordProtection | undefined {
  const { cipher } = suite
  switch (cipher.kind) {
    case 'null':
      return {
        open(record, sequence) {
          const content = nullContent(suite, record.fragment)
          if (content === undefined) return undefined
          const mac = record.fragment.subarray(content.length)
          const fits = macFits(crypto, cipher.mac, keys.mac, record, sequence, content, mac)
          return fits ? { type: record.type, content } : undefined
        },
      }
    case 'cbc':
      return cbcProtection(crypto, version, cipher.mac, encryptThenMac, keys)
    case 'gcm':
      return nonceProtection(crypto, cipher.keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm', 16, keys)
    case 'ccm':
      return nonceProtection(crypto, cipher.keyLength === 16 ? 'aes-128-ccm' : 'aes-256-ccm', 16, keys)
    case 'ccm-8':
      return nonceProtection(crypto, cipher.keyLength === 16 ? 'aes-128-ccm' : 'aes-256-ccm', 8, keys)
    case 'chacha20':
      return chachaProtection(crypto, keys)
    case 'unsupported':
      return undefined
  }
}

const block = 16

/** AES-CBC with a MAC inside (RFC 5246 6.2.3.2) or outside (RFC 7366 3). */
function cbcProtection(
  crypto: RecordCrypto,
  version: number,
  hash: RecordHash,
  encryptThenMac: boolean,
  keys: DirectionKeys,
): RecordProtection {
  const macLength = hashLengths[hash]
  // TLS 1.0 goes on with the last block of the record before.
  const chained = version === 0x0301
  let vector = keys.iv
  let nextVector = keys.iv
  let current: Uint8Array | undefined
  return {
    open(record, sequence) {
      const end = record.fragment.length - (encryptThenMac ? macLength : 0)
      const start = chained ? 0 : block
      if (end - start < block || (end - start) % block !== 0) return undefined
      const sealed = record.fragment.subarray(0, end)
      // The same record may be tried under several numbers.
      if (chained && record.fragment !== current) {
        current = record.fragment
        vector = nextVector
        nextVector = sealed.slice(-block)
      }
      if (encryptThenMac && !macFits(crypto, hash, keys.mac, record, sequence, sealed, record.fragment.subarray(end))) {
        return undefined
      }
      const plain = crypto.decryptCbc(keys.key, chained ? vector : sealed.subarray(0, block), sealed.subarray(start))
      const padding = plain.at(-1) ?? 0
      const length = plain.length - padding - 1 - (encryptThenMac ? 0 : macLength)
      if (length < 0 || !plain.subarray(plain.length - padding - 1).every((byte) => byte === padding)) return undefined
      const content = plain.subarray(0, length)
      const mac = plain.subarray(length, length + macLength)
      if (!encryptThenMac && !macFits(crypto, hash, keys.mac, record, sequence, content, mac)) return undefined
      return { type: record.type, content }
    },
  }
}

const explicitNonce = 8

/** AES-GCM (RFC 5288 3) and AES-CCM (RFC 6655 3): a part of the nonce travels with the record. */
function nonceProtection(
  crypto: RecordCrypto,
  aead: RecordAead,
  tagLength: number,
  keys: DirectionKeys,
): RecordProtection {
  return {
    open(record, sequence) {
      const length = record.fragment.length - explicitNonce - tagLength
      if (length < 0) return undefined
      const nonce = join(keys.iv, record.fragment.subarray(0, explicitNonce))
      const sealed = record.fragment.subarray(explicitNonce)
      const content = crypto.openAead(aead, keys.key, nonce, macHeader(sequence, record, length), sealed, tagLength)
      return content === undefined ? undefined : { type: record.type, content }
    },
  }
}

/** The nonce is the number of the record over the derived vector (RFC 7905 2, RFC 8446 5.3). */
function maskedNonce(iv: Uint8Array, sequence: Uint8Array): Uint8Array {
  return iv.map((byte, i) => byte ^ (i < 4 ? 0 : (sequence[i - 4] ?? 0)))
}

const fullTag = 16

/** ChaCha20-Poly1305 (RFC 7905 2). */
function chachaProtection(crypto: RecordCrypto, keys: DirectionKeys): RecordProtection {
  return {
    open(record, sequence) {
      const length = record.fragment.length - fullTag
      if (length < 0) return undefined
      const nonce = maskedNonce(keys.iv, sequence)
      const header = macHeader(sequence, record, length)
      const content = crypto.openAead('chacha20-poly1305', keys.key, nonce, header, record.fragment, fullTag)
      return content === undefined ? undefined : { type: record.type, content }
    },
  }
}

/** Records of TLS 1.3 (RFC 8446 5.2): the type is the last byte that is not zero. Undefined for a cipher not opened here. */
export function makeModernProtection(
  crypto: RecordCrypto,
  suite: SuiteFacts,
  keys: DirectionKeys,
): RecordProtection | undefined {
  const { cipher } = suite
  if (cipher.kind === 'null' || cipher.kind === 'cbc' || cipher.kind === 'unsupported') return undefined
  const tagLength = cipher.kind === 'ccm-8' ? 8 : fullTag
  const size = cipher.keyLength === 16 ? '128' : '256'
  const aead: RecordAead =
    cipher.kind === 'chacha20' ? 'chacha20-poly1305' : cipher.kind === 'gcm' ? `aes-${size}-gcm` : `aes-${size}-ccm`
  return {
    open({ type, version, fragment }, sequence) {
      const header = new Uint8Array(tlsHeaderLength)
      header.set([type, version >>> 8, version & 0xff, fragment.length >>> 8, fragment.length & 0xff])
      const nonce = maskedNonce(keys.iv, sequence)
      const inner =
        fragment.length < tagLength ? undefined : crypto.openAead(aead, keys.key, nonce, header, fragment, tagLength)
      if (inner === undefined) return undefined
      let end = inner.length
      while (end > 0 && inner[end - 1] === 0) end--
      return end === 0 ? undefined : { type: inner[end - 1] ?? 0, content: inner.subarray(0, end - 1) }
    },
  }
}
