import { ianaSuiteName } from './strength-suites.ts'

/**
 * How strong what protects a connection is, in bits, after NIST SP 800-57 part 1 revision 5. What a table there does not
 * name is `unknown`, and never counted as strong.
 * @module
 */

/** Security strength of one algorithm or key. */
export interface Strength {
  /** Bits; undefined where nothing can be said. 0: it protects nothing. */
  readonly bits: number | undefined
  /** True: less than `bits`, by an amount that nobody can state. */
  readonly below?: boolean
  /** True: NIST disallows it for new data, whatever its bits. */
  readonly disallowed?: boolean
  /** Where the number comes from, or why there is none. */
  readonly reason: string
}

/** What a part of a connection is for. */
export type StrengthRole =
  | 'cipher'
  | 'mac'
  | 'key-exchange'
  | 'handshake-signature'
  | 'peer-key'
  | 'issuer-key'
  | 'certificate-signature'

/** One part of what protects a connection: the chain is as strong as its weakest link. */
export interface StrengthLink extends Strength {
  readonly role: StrengthRole
  /** The algorithm or key, such as `AES-128-GCM`, `P-256` or `RSA 2048`. */
  readonly name: string
}

/** What NIST lets a strength be used for (SP 800-57 part 1 rev. 5, table 4). */
export type StrengthVerdict = 'acceptable' | 'disallowed' | 'unknown'

/** The strength of a whole connection. */
export interface StrengthReport {
  readonly links: readonly StrengthLink[]
  /** Whether the payload is secret at all: false for a NULL suite. */
  readonly encrypts: boolean
  /**
   * The weakest link of what is promised: a NULL cipher promises no secrecy and is left out. Of equals the last: keys and
   * certificates are what an operator can change.
   */
  readonly weakest: StrengthLink | undefined
  /** Links of which nothing can be said, so that the whole may be weaker than the weakest known link. */
  readonly unknown: readonly StrengthLink[]
  /** Through 2030. */
  readonly today: StrengthVerdict
  /** From 2031 on. */
  readonly after2030: StrengthVerdict
}

/** What can be seen of a certificate's key. */
export interface KeyFacts {
  /** `rsa`, `ec`, `ed25519`, `ed448`, `dsa`, or a name that is none of these. */
  readonly type: string
  /** RSA, DSA: bits of the modulus. */
  readonly bits?: number
  /** EC: name of the curve. */
  readonly curve?: string
}

/** What can be seen of a certificate in a chain. */
export interface ChainCertificate {
  /** For the name of the link. */
  readonly subject: string
  readonly key: KeyFacts
  /** Hash of its signature, such as `SHA-256`; undefined when it is not known. */
  readonly hash: string | undefined
  readonly selfSigned: boolean
}

/** What can be seen of a connection, or of what a target would agree to. */
export interface ConnectionFacts {
  /** IANA number. */
  readonly suite: number
  /** Ephemeral key exchange: a curve by name, or the bits of a Diffie-Hellman prime. */
  readonly group?: { readonly curve: string } | { readonly prime: number }
  /** Hash that the handshake is signed with; `MD5+SHA-1` before version 1.2. */
  readonly signatureHash?: string
  /** Leaf first. Empty where a pre-shared key stands for it. */
  readonly chain: readonly ChainCertificate[]
}

const table2 = 'SP 800-57 part 1 rev. 5, table 2'
const table3 = 'SP 800-57 part 1 rev. 5, table 3'

/** Strength from which on a use is acceptable (SP 800-57 part 1 rev. 5, table 4): through 2030, and from 2031 on. */
export const acceptableBits = { today: 112, after2030: 128 } as const

/** Steps of table 2: the least bits of an RSA or Diffie-Hellman modulus, and of the order of a curve, for a strength. */
const steps = [
  { bits: 256, modulus: 15_360, order: 512 },
  { bits: 192, modulus: 7680, order: 384 },
  { bits: 128, modulus: 3072, order: 256 },
  { bits: 112, modulus: 2048, order: 224 },
  { bits: 80, modulus: 1024, order: 160 },
] as const

const weak = (reason: string): Strength => ({ bits: 80, below: true, reason })
const unknown = (reason: string): Strength => ({ bits: undefined, reason })

/** Of a modulus of RSA, DSA or finite field Diffie-Hellman, by its bits: the step of table 2 that it reaches. */
export function modulusStrength(modulus: number): Strength {
  const step = steps.find((each) => modulus >= each.modulus)
  return step === undefined ? weak(`below the smallest modulus of ${table2}`) : { bits: step.bits, reason: table2 }
}

/** Orders of named curves, bits (SP 800-186; RFC 5639, RFC 7748), under every name that is met. */
const orders: Readonly<Record<string, number>> = {
  secp160r1: 160,
  secp192r1: 192,
  prime192v1: 192,
  secp224r1: 224,
  secp256r1: 256,
  prime256v1: 256,
  'p-256': 256,
  secp256k1: 256,
  secp384r1: 384,
  'p-384': 384,
  secp521r1: 521,
  'p-521': 521,
  sect163k1: 163,
  sect163r1: 162,
  sect163r2: 163,
  sect233k1: 232,
  sect233r1: 233,
  sect283k1: 281,
  sect283r1: 282,
  sect409k1: 407,
  sect409r1: 409,
  sect571k1: 570,
  sect571r1: 570,
  brainpoolp256r1: 256,
  brainpoolp384r1: 384,
  brainpoolp512r1: 512,
}

/** Of a curve by its name, in any case. Named groups `ffdhe…` are primes. */
export function curveStrength(name: string): Strength {
  const lower = name.toLowerCase()
  const prime = /^ffdhe(\d{4})$/.exec(lower)?.[1]
  if (prime !== undefined) return modulusStrength(Number(prime))
  if (lower === 'x25519' || lower === 'ed25519') return { bits: 128, reason: 'SP 800-186, table 1' }
  if (lower === 'x448' || lower === 'ed448') return { bits: 224, reason: 'SP 800-186, table 1' }
  const order = orders[lower]
  if (order === undefined) return unknown('the curve is in no table')
  const step = steps.find((each) => order >= each.order)
  return step === undefined ? weak(`below the smallest curve of ${table2}`) : { bits: step.bits, reason: table2 }
}

/** Of a key, by type and size. */
export function keyStrength(key: KeyFacts): Strength {
  if ((key.type === 'rsa' || key.type === 'rsa-pss' || key.type === 'dsa') && key.bits !== undefined) {
    return modulusStrength(key.bits)
  }
  if (key.type === 'ed25519' || key.type === 'ed448') return curveStrength(key.type)
  if (key.type === 'ec' && key.curve !== undefined) return curveStrength(key.curve)
  return unknown('the kind of key is in no table')
}

/** A key in words: `RSA 2048`, `EC P-256`. */
export function keyName(key: KeyFacts): string {
  if (key.curve !== undefined) return `EC ${curveName(key.curve)}`
  return key.bits === undefined ? key.type : `${key.type.toUpperCase()} ${key.bits}`
}

/** The name under which people know a curve. */
export function curveName(name: string): string {
  const known: Readonly<Record<string, string>> = {
    prime256v1: 'P-256',
    secp256r1: 'P-256',
    secp384r1: 'P-384',
    secp521r1: 'P-521',
    x25519: 'X25519',
    x448: 'X448',
  }
  return known[name.toLowerCase()] ?? name
}

const digestBits: Readonly<Record<string, number>> = {
  'SHA-224': 224,
  'SHA-256': 256,
  'SHA-384': 384,
  'SHA-512': 512,
  'SHA3-256': 256,
  'SHA3-384': 384,
  'SHA3-512': 512,
}

/**
 * Of a hash in a signature: its resistance to collisions, half of its length (table 3). `Ed25519` and `Ed448` have theirs
 * inside.
 */
export function signatureHashStrength(hash: string | undefined): Strength {
  if (hash === 'MD5+SHA-1') return weak(`${table3}: SHA-1 in signatures; versions before 1.2 have no other`)
  if (hash === 'SHA-1') return weak(`${table3}: SHA-1 in signatures`)
  if (hash === 'Ed25519' || hash === 'Ed448') return curveStrength(hash)
  if (hash === 'MD5' || hash === 'MD2') return weak('collisions are made on any computer (RFC 6151)')
  const bits = hash === undefined ? undefined : digestBits[hash]
  return bits === undefined ? unknown('the hash is in no table') : { bits: bits / 2, reason: table3 }
}

/** What a suite is made of, by its IANA name. */
export interface SuiteParts {
  readonly keyExchange: 'rsa' | 'dhe' | 'ecdhe' | 'psk' | 'any' | 'unknown'
  readonly authentication: 'rsa' | 'ecdsa' | 'dss' | 'psk' | 'none' | 'any' | 'unknown'
  /** In words: `AES-128-GCM`, `NULL`. */
  readonly cipher: string
  /** In words: `HMAC-SHA256`, `AEAD`. */
  readonly mac: string
  readonly encrypts: boolean
  /** True where a later theft of the long-term key opens nothing recorded before. */
  readonly forwardSecret: boolean
}

const keyExchanges: Readonly<Record<string, readonly [SuiteParts['keyExchange'], SuiteParts['authentication']]>> = {
  RSA: ['rsa', 'rsa'],
  RSA_EXPORT: ['rsa', 'rsa'],
  DHE_RSA: ['dhe', 'rsa'],
  DHE_RSA_EXPORT: ['dhe', 'rsa'],
  DHE_DSS: ['dhe', 'dss'],
  DHE_DSS_EXPORT: ['dhe', 'dss'],
  DH_anon: ['dhe', 'none'],
  DH_anon_EXPORT: ['dhe', 'none'],
  ECDH_anon: ['ecdhe', 'none'],
  ECDHE_RSA: ['ecdhe', 'rsa'],
  ECDHE_ECDSA: ['ecdhe', 'ecdsa'],
  PSK: ['psk', 'psk'],
  // RFC 6655 spells the CCM_8 suites of DHE_PSK so.
  PSK_DHE: ['dhe', 'psk'],
  DHE_PSK: ['dhe', 'psk'],
  ECDHE_PSK: ['ecdhe', 'psk'],
  RSA_PSK: ['rsa', 'psk'],
}

const noParts: SuiteParts = {
  keyExchange: 'unknown',
  authentication: 'unknown',
  cipher: 'unknown',
  mac: 'unknown',
  encrypts: false,
  forwardSecret: false,
}

/** Takes a suite apart by its IANA name; every part of a suite that is not in the table is `unknown`. */
export function suiteParts(suite: number): SuiteParts {
  const name = ianaSuiteName(suite)
  if (name === undefined) return noParts
  const [, kx, protection = ''] = /^TLS_(?:(.+?)_WITH_)?(.+)$/.exec(name) ?? []
  const [keyExchange, authentication] =
    kx === undefined ? (['any', 'any'] as const) : (keyExchanges[kx] ?? (['unknown', 'unknown'] as const))
  const [, cipherText = '', hash] = /^(.*?)(?:_(MD5|SHA|SHA256|SHA384))?$/.exec(protection) ?? []
  const aead = /GCM|CCM|POLY1305/.test(cipherText)
  return {
    keyExchange,
    authentication,
    cipher: cipherText.replaceAll('_', '-').replace('3DES-EDE', '3DES'),
    mac: aead ? 'AEAD' : hash === undefined ? 'unknown' : `HMAC-${hash === 'SHA' ? 'SHA1' : hash}`,
    encrypts: cipherText !== 'NULL',
    forwardSecret: keyExchange === 'ecdhe' || keyExchange === 'dhe' || keyExchange === 'any',
  }
}

/** Of a symmetric cipher, in the words of {@link suiteParts}. */
export function cipherStrength(cipher: string): Strength {
  if (cipher === 'NULL') return { bits: 0, reason: 'payload is readable on the wire' }
  const aes = /^AES-(128|256)-(?:CBC|GCM|CCM)(?:-8)?$/.exec(cipher)?.[1]
  if (aes !== undefined) return { bits: Number(aes), reason: table2 }
  if (cipher === 'CHACHA20-POLY1305')
    return { bits: 256, reason: 'length of its key (RFC 8439); SP 800-57 does not name it' }
  if (cipher === '3DES-CBC')
    return {
      bits: 112,
      disallowed: true,
      reason: `${table2}; disallowed for new data since 2024 (SP 800-131A rev. 2)`,
    }
  if (cipher === 'DES-CBC') return { bits: 56, reason: 'length of its key' }
  if (/40/.test(cipher)) return { bits: 40, reason: 'length of its key' }
  if (/^RC4/.test(cipher)) return weak('prohibited by RFC 7465')
  return unknown('the cipher is in no table of SP 800-57')
}

/** Of what protects records against change, in the words of {@link suiteParts} (table 3, HMAC). */
export function macStrength(mac: string, cipher: string): Strength {
  if (mac === 'AEAD') {
    if (/-8$/.test(cipher)) return { bits: 64, reason: 'a tag of 8 bytes (RFC 6655)' }
    return cipherStrength(cipher).bits === undefined
      ? unknown('the cipher is in no table of SP 800-57')
      : { bits: 128, reason: 'a tag of 16 bytes' }
  }
  if (mac === 'HMAC-SHA1') return { bits: 128, reason: table3 }
  if (mac === 'HMAC-SHA256' || mac === 'HMAC-SHA384') return { bits: 256, reason: table3 }
  return unknown('the code is in no table of SP 800-57')
}

/** Every link of a connection, each with its strength. */
export function strengthLinks(facts: ConnectionFacts): readonly StrengthLink[] {
  const parts = suiteParts(facts.suite)
  const { chain } = facts
  const links: StrengthLink[] = [
    { role: 'cipher', name: parts.cipher, ...cipherStrength(parts.cipher) },
    { role: 'mac', name: parts.mac, ...macStrength(parts.mac, parts.cipher) },
    keyExchangeLink(parts, facts),
  ]
  const signs = parts.keyExchange !== 'rsa' && parts.authentication !== 'psk' && parts.authentication !== 'none'
  if (signs) links.push(handshakeSignatureLink(parts, facts))
  if (parts.authentication === 'none') {
    links.push({
      role: 'peer-key',
      name: 'nobody',
      bits: 0,
      reason: 'an anonymous suite: anybody may be at the other end',
    })
  } else if (parts.authentication === 'psk') {
    links.push({
      role: 'peer-key',
      name: 'pre-shared key',
      ...unknown('its length and how it was made cannot be seen from outside'),
    })
  }
  chain.forEach((certificate, place) => {
    const role = place === 0 ? ('peer-key' as const) : ('issuer-key' as const)
    links.push({ role, name: keyName(certificate.key), ...keyStrength(certificate.key) })
    // What a certificate says of itself is believed for another reason, or not at all.
    if (certificate.selfSigned) return
    links.push({
      role: 'certificate-signature',
      name: certificate.hash ?? 'unknown',
      ...signatureHashStrength(certificate.hash),
    })
  })
  // Version 1.3 has suites that say nothing of the proof: without a chain it may be a pre-shared key, or anything.
  if (chain.length === 0 && parts.authentication !== 'none' && parts.authentication !== 'psk') {
    links.push({ role: 'peer-key', name: 'certificate', ...unknown('none was seen') })
  }
  return links
}

function handshakeSignatureLink(parts: SuiteParts, { signatureHash }: ConnectionFacts): StrengthLink {
  const role = 'handshake-signature' as const
  if (signatureHash !== undefined) return { role, name: signatureHash, ...signatureHashStrength(signatureHash) }
  if (parts.authentication === 'any') return { role, name: 'signature of version 1.3', ...unknown('it is encrypted') }
  return { role, name: 'signature of the handshake', ...unknown('it was not read') }
}

function keyExchangeLink(parts: SuiteParts, facts: ConnectionFacts): StrengthLink {
  const role = 'key-exchange' as const
  const { group } = facts
  if (group !== undefined && 'curve' in group)
    return { role, name: `ECDHE ${curveName(group.curve)}`, ...curveStrength(group.curve) }
  if (group !== undefined) return { role, name: `DHE ${group.prime}`, ...modulusStrength(group.prime) }
  if (parts.keyExchange === 'psk')
    return { role, name: 'pre-shared key alone', ...unknown('its length cannot be seen from outside') }
  const [leaf] = facts.chain
  if (parts.keyExchange === 'rsa' && leaf !== undefined)
    return { role, name: keyName(leaf.key), ...keyStrength(leaf.key) }
  return { role, name: parts.keyExchange.toUpperCase(), ...unknown('the size of the exchange was not seen') }
}

/** Judges a connection by its weakest link (SP 800-57 part 1 rev. 5, tables 2 to 4). */
export function connectionStrength(facts: ConnectionFacts): StrengthReport {
  const links = strengthLinks(facts)
  const { encrypts } = suiteParts(facts.suite)
  const promised = links.filter(({ role, name }) => role !== 'cipher' || name !== 'NULL')
  const unknowns = promised.filter(({ bits }) => bits === undefined)
  const weakest = promised
    .filter(({ bits }) => bits !== undefined)
    .reduce<StrengthLink | undefined>(
      (least, link) => (least === undefined || rank(link) <= rank(least) ? link : least),
      undefined,
    )
  return {
    links,
    encrypts,
    weakest,
    unknown: unknowns,
    today: verdictOf(weakest, unknowns.length > 0, acceptableBits.today),
    after2030: verdictOf(weakest, unknowns.length > 0, acceptableBits.after2030),
  }
}

/**
 * For comparing: "less than 80" comes before 80, and what is disallowed before all that is acceptable. An unknown strength
 * has no rank and comes first.
 */
function rank({ bits, below, disallowed }: Strength): number {
  if (bits === undefined) return -1
  return disallowed === true ? Math.min(bits, acceptableBits.today - 0.5) : bits - (below === true ? 0.5 : 0)
}

/** A weak link condemns the whole; an unknown one keeps it from being called acceptable. */
function verdictOf(weakest: Strength | undefined, hasUnknown: boolean, least: number): StrengthVerdict {
  if (weakest !== undefined && rank(weakest) < least) return 'disallowed'
  return weakest === undefined || hasUnknown ? 'unknown' : 'acceptable'
}

/** What one strength may be used for, through 2030 and from 2031 on (SP 800-57 part 1 rev. 5, table 4). */
export function strengthVerdicts(strength: Strength): {
  readonly today: StrengthVerdict
  readonly after2030: StrengthVerdict
} {
  const isUnknown = strength.bits === undefined
  const known = isUnknown ? undefined : strength
  return {
    today: verdictOf(known, isUnknown, acceptableBits.today),
    after2030: verdictOf(known, isUnknown, acceptableBits.after2030),
  }
}

/** A strength in words: `128 bits`, `less than 80 bits`, `none`, `unknown`. */
export function spellStrength({ bits, below }: Strength): string {
  if (bits === undefined) return 'unknown'
  if (bits === 0) return 'none'
  return below === true ? `less than ${bits} bits` : `${bits} bits`
}

/** The roles in words. */
export const strengthRoles: Readonly<Record<StrengthRole, string>> = {
  cipher: 'cipher',
  mac: 'integrity of records',
  'key-exchange': 'key exchange',
  'handshake-signature': 'signature of the handshake',
  'peer-key': 'key of the target',
  'issuer-key': 'key of an issuer',
  'certificate-signature': 'signature of a certificate',
}
