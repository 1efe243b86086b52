import { load } from './load.ts'

/** A cipher suite of CIP Security and whether the running OpenSSL has it. */
export interface SuiteInfo {
  /** IANA id, for example 0xC02B. */
  readonly id: number
  /** IANA name. */
  readonly name: string
  /** OpenSSL's name; `undefined` where OpenSSL has no such suite. */
  readonly openssl: string | undefined
  /** `false` for the suites that protect integrity only. */
  readonly encrypts: boolean
  readonly authentication: 'rsa' | 'ecdsa' | 'psk'
  readonly available: boolean
  /** Why it is not available. */
  readonly reason?: string | undefined
}

type Row = readonly [
  id: number,
  name: string,
  openssl: string | undefined,
  encrypts: boolean,
  authentication: SuiteInfo['authentication'],
]

/** cip-security-wire 5.2. */
const rows: readonly Row[] = [
  [0x003b, 'TLS_RSA_WITH_NULL_SHA256', 'NULL-SHA256', false, 'rsa'],
  [0x003c, 'TLS_RSA_WITH_AES_128_CBC_SHA256', 'AES128-SHA256', true, 'rsa'],
  [0x003d, 'TLS_RSA_WITH_AES_256_CBC_SHA256', 'AES256-SHA256', true, 'rsa'],
  [0xc006, 'TLS_ECDHE_ECDSA_WITH_NULL_SHA', 'ECDHE-ECDSA-NULL-SHA', false, 'ecdsa'],
  [0xc023, 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ECDHE-ECDSA-AES128-SHA256', true, 'ecdsa'],
  [0xc024, 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384', 'ECDHE-ECDSA-AES256-SHA384', true, 'ecdsa'],
  [0xc02b, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256', true, 'ecdsa'],
  [0xc02c, 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384', true, 'ecdsa'],
  [0xc037, 'TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256', 'ECDHE-PSK-AES128-CBC-SHA256', true, 'psk'],
  [0xc03a, 'TLS_ECDHE_PSK_WITH_NULL_SHA256', 'ECDHE-PSK-NULL-SHA256', false, 'psk'],
  [0xcca9, 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305', true, 'ecdsa'],
  [0xccac, 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-PSK-CHACHA20-POLY1305', true, 'psk'],
  [0xd001, 'TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256', undefined, true, 'psk'],
]

/** The suites that CIP Security names (cip-security-wire 5.2), by id. Availability is asked of OpenSSL at first use. */
export const suites: readonly SuiteInfo[] = rows.map(([id, name, openssl, encrypts, authentication]) => ({
  id,
  name,
  openssl,
  encrypts,
  authentication,
  get available() {
    return unavailableReason(id) === undefined
  },
  get reason() {
    return unavailableReason(id)
  },
}))

let known: ReadonlyMap<number, string> | undefined

/** Suites of the running OpenSSL, IANA id to OpenSSL name. */
export function opensslSuites(): ReadonlyMap<number, string> {
  known ??= new Map(load().ciphers())
  return known
}

/** Why a suite cannot be used here; `undefined` when it can. */
export function unavailableReason(id: number): string | undefined {
  const row = rows.find((candidate) => candidate[0] === id)
  if (row !== undefined && row[2] === undefined) return `OpenSSL does not implement ${row[1]} (RFC 8442)`
  try {
    if (opensslSuites().has(id)) return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return `the running OpenSSL has no suite ${formatSuite(id)}; it was built or configured without it`
}

/** The IANA name of a suite of CIP Security, else OpenSSL's name, else its number. */
export function suiteName(id: number): string {
  return rows.find((row) => row[0] === id)?.[1] ?? opensslSuites().get(id) ?? formatId(id)
}

/** How a suite of CIP Security authenticates the server; `undefined` for any other suite. */
export function authenticationOf(id: number): SuiteInfo['authentication'] | undefined {
  return rows.find((row) => row[0] === id)?.[4]
}

/** A suite for messages: name and number. */
export function formatSuite(id: number): string {
  const row = rows.find((candidate) => candidate[0] === id)
  return row === undefined ? formatId(id) : `${row[1]} (${formatId(id)})`
}

function formatId(id: number): string {
  return `0x${id.toString(16).toUpperCase().padStart(4, '0')}`
}
