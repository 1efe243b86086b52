import { MalformedMessage } from '../../errors.ts'
import { Reader } from '../../wire/reader.ts'
import type { HelloExtensions } from './detail.ts'
import { versionName } from './record.ts'
import { foreignText } from './text.ts'

/** Names of extensions (IANA TLS ExtensionType Values). */
const extensionNames: ReadonlyMap<number, string> = new Map([
  [0, 'server_name'],
  [1, 'max_fragment_length'],
  [5, 'status_request'],
  [10, 'supported_groups'],
  [11, 'ec_point_formats'],
  [13, 'signature_algorithms'],
  [14, 'use_srtp'],
  [15, 'heartbeat'],
  [16, 'application_layer_protocol_negotiation'],
  [18, 'signed_certificate_timestamp'],
  [20, 'server_certificate_type'],
  [21, 'padding'],
  [22, 'encrypt_then_mac'],
  [23, 'extended_master_secret'],
  [28, 'record_size_limit'],
  [35, 'session_ticket'],
  [41, 'pre_shared_key'],
  [42, 'early_data'],
  [43, 'supported_versions'],
  [44, 'cookie'],
  [45, 'psk_key_exchange_modes'],
  [47, 'certificate_authorities'],
  [49, 'post_handshake_auth'],
  [50, 'signature_algorithms_cert'],
  [51, 'key_share'],
  [54, 'connection_id'],
  [0xff01, 'renegotiation_info'],
])

const groupNames: ReadonlyMap<number, string> = new Map([
  [19, 'secp192r1'],
  [21, 'secp224r1'],
  [23, 'secp256r1'],
  [24, 'secp384r1'],
  [25, 'secp521r1'],
  [26, 'brainpoolP256r1'],
  [27, 'brainpoolP384r1'],
  [28, 'brainpoolP512r1'],
  [29, 'x25519'],
  [30, 'x448'],
  [256, 'ffdhe2048'],
  [257, 'ffdhe3072'],
  [258, 'ffdhe4096'],
  [259, 'ffdhe6144'],
  [260, 'ffdhe8192'],
])

const signatureNames: ReadonlyMap<number, string> = new Map([
  [0x0201, 'rsa_pkcs1_sha1'],
  [0x0202, 'dsa_sha1'],
  [0x0203, 'ecdsa_sha1'],
  [0x0301, 'rsa_pkcs1_sha224'],
  [0x0302, 'dsa_sha224'],
  [0x0303, 'ecdsa_sha224'],
  [0x0401, 'rsa_pkcs1_sha256'],
  [0x0402, 'dsa_sha256'],
  [0x0403, 'ecdsa_secp256r1_sha256'],
  [0x0501, 'rsa_pkcs1_sha384'],
  [0x0502, 'dsa_sha384'],
  [0x0503, 'ecdsa_secp384r1_sha384'],
  [0x0601, 'rsa_pkcs1_sha512'],
  [0x0602, 'dsa_sha512'],
  [0x0603, 'ecdsa_secp521r1_sha512'],
  [0x0804, 'rsa_pss_rsae_sha256'],
  [0x0805, 'rsa_pss_rsae_sha384'],
  [0x0806, 'rsa_pss_rsae_sha512'],
  [0x0807, 'ed25519'],
  [0x0808, 'ed448'],
  [0x0809, 'rsa_pss_pss_sha256'],
  [0x080a, 'rsa_pss_pss_sha384'],
  [0x080b, 'rsa_pss_pss_sha512'],
])

/** Most entries of any list in a handshake message that are kept. */
export const mostEntries = 256

function hexNumber(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}

/** The name of a group for key exchange (IANA TLS Supported Groups), else its number. */
export function groupName(id: number): string {
  return groupNames.get(id) ?? hexNumber(id)
}

/** The name of a signature scheme (RFC 8446 4.2.3; RFC 5246 7.4.1.4.1 for the older ones), else its number. */
export function signatureName(id: number): string {
  return signatureNames.get(id) ?? hexNumber(id)
}

/** Two-byte numbers to the end of a section, the first {@link mostEntries} of them. */
export function numberList(reader: Reader): number[] {
  const list: number[] = []
  while (reader.remaining >= 2) {
    const value = reader.u16(false)
    if (list.length < mostEntries) list.push(value)
  }
  return list
}

interface Collected {
  names: string[]
  problems: string[]
  serverName?: string
  groups?: readonly string[]
  signatureAlgorithms?: readonly string[]
  supportedVersions?: readonly string[]
  applicationProtocols?: readonly string[]
  connectionIdLength?: number
  extendedMasterSecret: boolean
  encryptThenMac: boolean
  sessionTicket: boolean
  renegotiationInfo: boolean
  ticketLength: number
}

/** What a hello's extensions say, with what the reader of records needs beyond it. */
export interface ReadExtensions {
  readonly extensions: HelloExtensions
  /** The ticket a client brings. */
  readonly ticket: Uint8Array | undefined
  /** Versions by number. */
  readonly versions: readonly number[]
}

/**
 * Reads what is left of a hello (RFC 5246 7.4.1.4). An extension that cannot be read is reported and does not stop the
 * others.
 * @throws MalformedMessage when the list itself is broken
 */
export function readExtensions(reader: Reader, from: 'client' | 'server'): ReadExtensions {
  const found: Collected = {
    names: [],
    problems: [],
    extendedMasterSecret: false,
    encryptThenMac: false,
    sessionTicket: false,
    renegotiationInfo: false,
    ticketLength: 0,
  }
  let ticket: Uint8Array | undefined
  let versions: readonly number[] = []
  if (reader.remaining > 0) {
    const list = reader.section(reader.u16(false))
    while (list.remaining > 0) {
      const type = list.u16(false)
      const content = list.section(list.u16(false))
      const name = extensionNames.get(type) ?? hexNumber(type)
      if (found.names.length < mostEntries) found.names.push(name)
      if (type === 35 && content.remaining > 0)
        ticket = new Reader(content.bytes, content.offset, content.end).copy(content.remaining)
      try {
        if (type === 43) versions = readVersions(new Reader(content.bytes, content.offset, content.end), from)
        readExtension(type, content, from, found)
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error
        if (found.problems.length < mostEntries) found.problems.push(`${name}: ${error.message}`)
      }
    }
  }
  return { extensions: found, ticket, versions }
}

function readVersions(content: Reader, from: 'client' | 'server'): number[] {
  return from === 'server' ? [content.u16(false)] : numberList(content.section(content.u8()))
}

function readExtension(type: number, content: Reader, from: 'client' | 'server', found: Collected): void {
  switch (type) {
    case 0:
      // A server answers with an empty one.
      if (content.remaining > 0) {
        const list = content.section(content.u16(false))
        const nameType = list.u8()
        const name = list.view(list.u16(false))
        if (nameType === 0) found.serverName = foreignText(name)
      }
      return
    case 10:
      found.groups = numberList(content.section(content.u16(false))).map(groupName)
      return
    case 13:
      found.signatureAlgorithms = numberList(content.section(content.u16(false))).map(signatureName)
      return
    case 16: {
      const list = content.section(content.u16(false))
      const protocols: string[] = []
      while (list.remaining > 0 && protocols.length < mostEntries) protocols.push(foreignText(list.view(list.u8())))
      found.applicationProtocols = protocols
      return
    }
    case 22:
      found.encryptThenMac = true
      return
    case 23:
      found.extendedMasterSecret = true
      return
    case 35:
      found.sessionTicket = true
      found.ticketLength = content.remaining
      return
    case 43:
      found.supportedVersions = readVersions(content, from).map(versionName)
      return
    case 54:
      found.connectionIdLength = content.u8()
      return
    case 0xff01:
      found.renegotiationInfo = true
  }
}
