/** How the two ends of an association prove who they are: an RSA or ECDSA certificate, or a pre-shared key. */
export type SuiteAuthentication = 'rsa' | 'ecdsa' | 'psk'

/** What an association promises: secrecy and integrity, or integrity alone (a NULL suite). */
export type SuiteProtection = 'confidentiality' | 'integrity'

/** One cipher suite of CIP Security (Volume 8 via cip-security-wire 5.2). */
export interface CipherSuite {
  /** IANA number, as attributes 3, 4, 18 and 19 of class 0x5E carry it (big-endian there). */
  readonly id: number
  /** IANA name. */
  readonly name: string
  /** True when payload is encrypted; false for the NULL suites, which give integrity only. */
  readonly encrypts: boolean
  readonly authentication: SuiteAuthentication
}

/**
 * The thirteen suites of CIP Security, in our order of preference: within each authentication GCM before
 * ChaCha20-Poly1305 before CBC and the longer key first, integrity-only suites last (Volume 8 via cip-security-wire 5.2).
 *
 * Deviation: the specification's own default order is not public; the certificate part is `C02C C02B CCA9 C024 C023`.
 */
export const cipherSuites: readonly CipherSuite[] = [
  { id: 0xc02c, name: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', encrypts: true, authentication: 'ecdsa' },
  { id: 0xc02b, name: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', encrypts: true, authentication: 'ecdsa' },
  { id: 0xcca9, name: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', encrypts: true, authentication: 'ecdsa' },
  { id: 0xc024, name: 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384', encrypts: true, authentication: 'ecdsa' },
  { id: 0xc023, name: 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', encrypts: true, authentication: 'ecdsa' },
  { id: 0x003d, name: 'TLS_RSA_WITH_AES_256_CBC_SHA256', encrypts: true, authentication: 'rsa' },
  { id: 0x003c, name: 'TLS_RSA_WITH_AES_128_CBC_SHA256', encrypts: true, authentication: 'rsa' },
  { id: 0xd001, name: 'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256', encrypts: true, authentication: 'psk' },
  { id: 0xccac, name: 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256', encrypts: true, authentication: 'psk' },
  { id: 0xc037, name: 'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256', encrypts: true, authentication: 'psk' },
  { id: 0xc006, name: 'TLS_ECDHE_ECDSA_WITH_NULL_SHA', encrypts: false, authentication: 'ecdsa' },
  { id: 0x003b, name: 'TLS_RSA_WITH_NULL_SHA256', encrypts: false, authentication: 'rsa' },
  { id: 0xc03a, name: 'TLS_ECDHE_PSK_WITH_NULL_SHA256', encrypts: false, authentication: 'psk' },
]

/** Every suite number in our order of preference. */
export const defaultSuiteOrder: readonly number[] = cipherSuites.map((suite) => suite.id)

/**
 * What attribute 4 of class 0x5E holds in factory default: confidentiality suites only and no pre-shared key
 * (Volume 8 1.13 via cip-security-wire 5.2).
 *
 * Deviation: the order is ours.
 */
export const defaultAllowedSuites: readonly number[] = [0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023]

const byId: ReadonlyMap<number, CipherSuite> = new Map(cipherSuites.map((suite) => [suite.id, suite]))

/** The suite of this IANA number, or undefined when CIP Security does not name it. */
export function findSuite(id: number): CipherSuite | undefined {
  return byId.get(id)
}

/**
 * The suites that give exactly this promise: `integrity` means an integrity-only suite (0xC006, 0x003B, 0xC03A), never
 * "or better". Ordered by `order`; a suite that `order` does not list is left out.
 */
export function suitesFor(
  authentication: SuiteAuthentication,
  protection: SuiteProtection,
  order: readonly number[] = defaultSuiteOrder,
): readonly number[] {
  return order.filter((id) => {
    const suite = byId.get(id)
    return (
      suite !== undefined &&
      suite.authentication === authentication &&
      suite.encrypts === (protection === 'confidentiality')
    )
  })
}

/** Rules are written and compared by the thousand. */
const hexById: ReadonlyMap<number, string> = new Map(cipherSuites.map(({ id }) => [id, spellHex(id)]))

/** The IANA name of a suite, or its number in hex when CIP Security does not name it: for people, never for decisions. */
export function suiteName(id: number): string {
  return byId.get(id)?.name ?? `0x${suiteHex(id)}`
}

/** A suite number as four upper-case hex digits, the way rules of class 0x63 spell it: `C023`. */
export function suiteHex(id: number): string {
  return hexById.get(id) ?? spellHex(id)
}

function spellHex(id: number): string {
  return id.toString(16).toUpperCase().padStart(4, '0')
}

/** True for the NULL suites: the payload is authenticated and readable by everybody on the wire. */
export function isIntegrityOnly(id: number): boolean {
  return byId.get(id)?.encrypts === false
}

/** What an association with this suite promises, or undefined for a suite that CIP Security does not name. */
export function suiteProtection(id: number): SuiteProtection | undefined {
  const suite = byId.get(id)
  if (suite === undefined) return undefined
  return suite.encrypts ? 'confidentiality' : 'integrity'
}

/** A suite from a person's text: IANA name, `0xC023` or `C023`, in any case; undefined when it is none of the thirteen. */
export function suiteFromText(text: string): number | undefined {
  const upper = text.trim().toUpperCase()
  const hex = /^(?:0X)?([0-9A-F]{4})$/.exec(upper)?.[1]
  if (hex !== undefined) {
    const id = Number.parseInt(hex, 16)
    return byId.has(id) ? id : undefined
  }
  return cipherSuites.find((suite) => suite.name === upper)?.id
}
