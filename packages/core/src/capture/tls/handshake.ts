import { MalformedMessage } from '../../errors.ts'
import { Reader } from '../../wire/reader.ts'
import { decodeName, formatName } from '../../x509/name.ts'
import type {
  CertificateRequestDetail,
  ClientKeyExchangeDetail,
  NewSessionTicketDetail,
  ServerKeyExchangeDetail,
} from './detail.ts'
import { groupName, mostEntries, numberList, signatureName } from './extensions.ts'
import type { KeyExchange } from './suites.ts'
import { foreignText, visible } from './text.ts'

/** Handshake message types (IANA TLS HandshakeType; RFC 5246 7.4, RFC 6347 4.2.1, RFC 8446 4). */
export const handshakeTypes = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  newSessionTicket: 4,
  endOfEarlyData: 5,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
  certificateStatus: 22,
  keyUpdate: 24,
} as const

/** Names as protocol analysers write them. */
const messageNames: Readonly<Record<number, string>> = {
  0: 'Hello Request',
  1: 'Client Hello',
  2: 'Server Hello',
  3: 'Hello Verify Request',
  4: 'New Session Ticket',
  5: 'End of Early Data',
  6: 'Hello Retry Request',
  8: 'Encrypted Extensions',
  11: 'Certificate',
  12: 'Server Key Exchange',
  13: 'Certificate Request',
  14: 'Server Hello Done',
  15: 'Certificate Verify',
  16: 'Client Key Exchange',
  20: 'Finished',
  21: 'Certificate URL',
  22: 'Certificate Status',
  23: 'Supplemental Data',
  24: 'Key Update',
}

/** The name of a handshake message, or undefined for a type that does not exist. */
export function messageName(type: number): string | undefined {
  return messageNames[type]
}

/** Most certificates of a chain that are read: chains in plants have three. */
const mostCertificates = 16

/**
 * The certificates of a Certificate message (RFC 5246 7.4.2), or of one of TLS 1.3 (RFC 8446 4.4.2), which has a context
 * before and extensions between them. What comes before a broken place is kept.
 */
export function readCertificateList(
  body: Uint8Array,
  modern: boolean,
): { readonly list: readonly Uint8Array[]; readonly problem?: string } {
  const list: Uint8Array[] = []
  try {
    const reader = new Reader(body, 0, body.length, ['Certificate'])
    if (modern) reader.take(reader.u8())
    const all = reader.section(u24(reader))
    while (all.remaining > 0) {
      if (list.length === mostCertificates) return { list, problem: `more than ${mostCertificates} certificates` }
      list.push(all.copy(u24(all)))
      if (modern) all.take(all.u16(false))
    }
    return { list }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return { list, problem: error.message }
  }
}

/** Next 3 bytes, big-endian. */
export function u24(reader: Reader): number {
  return (reader.u8() << 16) | reader.u16(false)
}

const certificateTypes: Readonly<Record<number, string>> = {
  1: 'rsa_sign',
  2: 'dss_sign',
  3: 'rsa_fixed_dh',
  4: 'dss_fixed_dh',
  64: 'ecdsa_sign',
  65: 'rsa_fixed_ecdh',
  66: 'ecdsa_fixed_ecdh',
}

/**
 * Reads a Certificate Request (RFC 5246 7.4.4). A name that cannot be read is shown by its bytes.
 * @throws MalformedMessage
 */
export function readCertificateRequest(body: Uint8Array, withSignatures: boolean): CertificateRequestDetail {
  const reader = new Reader(body, 0, body.length, ['Certificate Request'])
  const types = [...reader.view(reader.u8())].map((type) => certificateTypes[type] ?? `type ${type}`)
  const signatureAlgorithms = withSignatures ? numberList(reader.section(reader.u16(false))).map(signatureName) : []
  const names = reader.section(reader.u16(false))
  const authorities: string[] = []
  while (names.remaining > 0) {
    const der = names.view(names.u16(false))
    if (authorities.length < mostEntries) authorities.push(nameText(der))
  }
  return { kind: 'certificate-request', types, signatureAlgorithms, authorities }
}

function nameText(der: Uint8Array): string {
  try {
    return visible(formatName(decodeName(der)).slice(0, 1024))
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return `not a name: ${foreignText(der)}`
  }
}

/**
 * Reads a Server Key Exchange (RFC 5246 7.4.3, RFC 8422 5.4, RFC 4279 2 and 3, RFC 5489 2).
 * @throws MalformedMessage
 */
export function readServerKeyExchange(
  body: Uint8Array,
  exchange: KeyExchange | undefined,
  withSignatures: boolean,
): ServerKeyExchangeDetail {
  const reader = new Reader(body, 0, body.length, ['Server Key Exchange'])
  const kind = 'server-key-exchange'
  if (exchange === undefined) return { kind, exchange: 'unknown' }
  const hint = exchange.endsWith('psk') ? foreignText(reader.view(reader.u16(false))) : undefined
  let key: Pick<ServerKeyExchangeDetail, 'group' | 'primeBits'> = {}
  if (exchange === 'ecdhe' || exchange === 'ecdhe-psk') {
    const named = reader.u8() === 3
    if (!named) throw reader.malformed('unknown-value', 'expected a named curve')
    key = { group: groupName(reader.u16(false)) }
    reader.take(reader.u8())
  } else if (exchange === 'dhe' || exchange === 'dhe-psk') {
    key = { primeBits: reader.view(reader.u16(false)).length * 8 }
    reader.take(reader.u16(false))
    reader.take(reader.u16(false))
  }
  const signed = withSignatures && (exchange === 'ecdhe' || exchange === 'dhe') && reader.remaining >= 2
  return {
    kind,
    exchange,
    ...key,
    ...(signed ? { signatureAlgorithm: signatureName(reader.u16(false)) } : {}),
    ...(hint === undefined || hint === '' ? {} : { identityHint: hint }),
  }
}

/** A Client Key Exchange, with the encrypted premaster secret of RSA key exchange. */
export interface ReadClientKeyExchange {
  readonly detail: ClientKeyExchangeDetail
  readonly encrypted?: Uint8Array
}

/**
 * Reads a Client Key Exchange (RFC 5246 7.4.7, RFC 4279 2).
 * @throws MalformedMessage
 */
export function readClientKeyExchange(body: Uint8Array, exchange: KeyExchange | undefined): ReadClientKeyExchange {
  const reader = new Reader(body, 0, body.length, ['Client Key Exchange'])
  const kind = 'client-key-exchange'
  if (exchange === undefined) return { detail: { kind, exchange: 'unknown' } }
  if (exchange.endsWith('psk')) {
    return { detail: { kind, exchange, identity: foreignText(reader.view(reader.u16(false))) } }
  }
  if (exchange === 'rsa') return { detail: { kind, exchange }, encrypted: reader.copy(reader.u16(false)) }
  return { detail: { kind, exchange } }
}

/**
 * Reads a New Session Ticket (RFC 5077 3.3).
 * @throws MalformedMessage
 */
export function readNewSessionTicket(body: Uint8Array): { detail: NewSessionTicketDetail; ticket: Uint8Array } {
  const reader = new Reader(body, 0, body.length, ['New Session Ticket'])
  const lifetimeSeconds = reader.u32(false)
  const ticket = reader.copy(reader.u16(false))
  return { detail: { kind: 'new-session-ticket', lifetimeSeconds, ticketLength: ticket.length }, ticket }
}
