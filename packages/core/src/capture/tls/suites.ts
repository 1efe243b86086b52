import { suiteHex } from '../../security/cipher-suites.ts'
import { suiteNames } from './suite-names.ts'

/** How the two ends come to a common secret. `tls13`: by the extensions of TLS 1.3, always with fresh keys. */
export type KeyExchange = 'rsa' | 'ecdhe' | 'dhe' | 'psk' | 'ecdhe-psk' | 'dhe-psk' | 'rsa-psk' | 'tls13'

/** Hash functions that records and key derivation of TLS use. */
export type RecordHash = 'MD5' | 'SHA-1' | 'SHA-256' | 'SHA-384'

/** How records are protected (RFC 5246 6.2.3, RFC 7905 2). `unsupported`: a cipher that is named and never opened here. */
export type RecordCipher =
  | { readonly kind: 'null'; readonly mac: RecordHash }
  | { readonly kind: 'cbc'; readonly mac: RecordHash; readonly keyLength: number }
  | { readonly kind: 'gcm' | 'ccm' | 'ccm-8'; readonly keyLength: number }
  | { readonly kind: 'chacha20'; readonly keyLength: 32 }
  | { readonly kind: 'unsupported' }

/** What a suite means for whoever reads its records. */
export interface SuiteFacts {
  /** IANA number. */
  readonly id: number
  /** IANA name. */
  readonly name: string
  readonly exchange: KeyExchange
  readonly cipher: RecordCipher
  /** The hash of key derivation in TLS 1.2 and 1.3; older versions have their own. */
  readonly prf: 'SHA-256' | 'SHA-384'
}

/** Bytes of a hash. */
export const hashLengths: Readonly<Record<RecordHash, number>> = { MD5: 16, 'SHA-1': 20, 'SHA-256': 32, 'SHA-384': 48 }

const exchanges: Readonly<Record<string, KeyExchange>> = {
  RSA: 'rsa',
  ECDHE_ECDSA: 'ecdhe',
  ECDHE_RSA: 'ecdhe',
  DHE_RSA: 'dhe',
  DHE_DSS: 'dhe',
  PSK: 'psk',
  ECDHE_PSK: 'ecdhe-psk',
  DHE_PSK: 'dhe-psk',
  PSK_DHE: 'dhe-psk',
  RSA_PSK: 'rsa-psk',
}

const macs: Readonly<Record<string, RecordHash>> = { SHA: 'SHA-1', SHA256: 'SHA-256', SHA384: 'SHA-384' }

/** A suite's name says everything about it, so nothing else is written down. */
const shape =
  /^TLS_(?:(?<exchange>\w+)_WITH_)?(?<cipher>NULL|AES_(?<bits>128|256)_(?<mode>CBC|GCM|CCM_8|CCM)|CHACHA20_POLY1305|\w+?)(?:_(?<hash>SHA|SHA256|SHA384))?$/

function readName(id: number, name: string): SuiteFacts | undefined {
  const { exchange: how, cipher = '', bits, mode, hash } = shape.exec(name)?.groups ?? {}
  const exchange = how === undefined ? 'tls13' : exchanges[how]
  // The signals among the suites look like none.
  if (exchange === undefined || name.endsWith('_SCSV')) return undefined
  const prf = hash === 'SHA384' ? 'SHA-384' : 'SHA-256'
  return { id, name, exchange, prf, cipher: readCipher(cipher, bits, mode, macs[hash ?? '']) }
}

function readCipher(
  cipher: string,
  bits: string | undefined,
  mode: string | undefined,
  mac: RecordHash | undefined,
): RecordCipher {
  const keyLength = Number(bits) / 8
  if (cipher === 'CHACHA20_POLY1305') return { kind: 'chacha20', keyLength: 32 }
  if (mode === 'GCM') return { kind: 'gcm', keyLength }
  if (mode === 'CCM') return { kind: 'ccm', keyLength }
  if (mode === 'CCM_8') return { kind: 'ccm-8', keyLength }
  if (mode === 'CBC' && mac !== undefined) return { kind: 'cbc', mac, keyLength }
  if (cipher === 'NULL' && mac !== undefined) return { kind: 'null', mac }
  return { kind: 'unsupported' }
}

const facts: ReadonlyMap<number, SuiteFacts> = new Map(
  [...suiteNames].flatMap(([id, name]) => {
    const read = readName(id, name)
    return read === undefined ? [] : [[id, read] as const]
  }),
)

/** What a suite means for a reader of its records, or undefined for one that is not known. */
export function suiteFacts(id: number): SuiteFacts | undefined {
  return facts.get(id)
}

/**
 * The IANA name of a suite that was offered or chosen: wider than `@cordon/core/security`, which knows those of CIP
 * Security. Numbers that exist to keep others tolerant are called `GREASE` (RFC 8701).
 */
export function offeredSuiteName(id: number): string {
  if ((id & 0x0f0f) === 0x0a0a && id >>> 8 === (id & 0xff)) return 'GREASE'
  return suiteNames.get(id) ?? `0x${suiteHex(id)}`
}

/** The word of a device's own connection pages for what an association promises (source figures 4-3 to 4-5). */
export type ProtectionWord = 'Encrypted' | 'Authenticated' | 'None'

/** What records under this suite are, in the words of a device's own pages; `None` where there is no suite yet. */
export function protectionWord(suite: SuiteFacts | undefined): ProtectionWord {
  if (suite === undefined) return 'None'
  return suite.cipher.kind === 'null' ? 'Authenticated' : 'Encrypted'
}
