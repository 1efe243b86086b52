/** A suite of CIP Security, as cip-security-wire 5.2 lists it. */
export interface SuiteRow {
  /** IANA number. */
  readonly id: number
  readonly name: string
  readonly encrypts: boolean
  readonly proof: 'rsa' | 'ecdsa' | 'psk'
  /** Block cipher mode, for which encrypt-then-MAC is mandatory. */
  readonly cbc: boolean
}

function row(id: number, name: string, proof: SuiteRow['proof']): SuiteRow {
  return { id, name, proof, encrypts: !name.includes('NULL'), cbc: name.includes('CBC') }
}

/** The suites of 5.2. */
export const suiteRows: readonly SuiteRow[] = [
  row(0x003b, 'TLS_RSA_WITH_NULL_SHA256', 'rsa'),
  row(0x003c, 'TLS_RSA_WITH_AES_128_CBC_SHA256', 'rsa'),
  row(0x003d, 'TLS_RSA_WITH_AES_256_CBC_SHA256', 'rsa'),
  row(0xc006, 'TLS_ECDHE_ECDSA_WITH_NULL_SHA', 'ecdsa'),
  row(0xc023, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ecdsa'),
  row(0xc024, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384', 'ecdsa'),
  row(0xc02b, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ecdsa'),
  row(0xc02c, 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ecdsa'),
  row(0xc037, 'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256', 'psk'),
  row(0xc03a, 'TLS_ECDHE_PSK_WITH_NULL_SHA256', 'psk'),
  row(0xcca9, 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ecdsa'),
  row(0xccac, 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256', 'psk'),
  row(0xd001, 'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256', 'psk'),
]

/** Suites that CIP Security does not have, and that servers are found to offer. */
export const foreignSuites: readonly (readonly [id: number, name: string])[] = [
  [0x0001, 'TLS_RSA_WITH_NULL_MD5'],
  [0x0005, 'TLS_RSA_WITH_RC4_128_SHA'],
  [0x000a, 'TLS_RSA_WITH_3DES_EDE_CBC_SHA'],
  [0x002f, 'TLS_RSA_WITH_AES_128_CBC_SHA'],
  [0x0034, 'TLS_DH_anon_WITH_AES_128_CBC_SHA'],
  [0x009e, 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256'],
  [0xc009, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'],
  [0xc018, 'TLS_ECDH_anon_WITH_AES_128_CBC_SHA'],
  [0xc02f, 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
]
