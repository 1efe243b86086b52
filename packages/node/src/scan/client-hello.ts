import { UsageError } from '@cordon/core/errors'
import type { ProbeVersion, Protocol } from '@cordon/tls'
import { curveIds, primeGroupIds } from './named-groups.ts'

/**
 * What one ClientHello offers. It is the first message of a handshake that goes no further: nothing is agreed on, and
 * nothing that needs a key is ever computed.
 */
export interface Offer {
  readonly version: ProbeVersion
  /** IANA numbers, 1 to 512. */
  readonly suites: readonly number[]
  /** IANA numbers of groups in order; default all curves, for version 1.3 the finite field groups too. */
  readonly groups?: readonly number[]
  /** Offers DEFLATE besides no compression (RFC 3749). */
  readonly compression?: boolean
  /** Says that a higher version failed before (TLS_FALLBACK_SCSV, RFC 7507). */
  readonly fallback?: boolean
}

const wireVersions: Readonly<Record<ProbeVersion, readonly [number, number]>> = {
  TLSv1: [3, 1],
  'TLSv1.1': [3, 2],
  'TLSv1.2': [3, 3],
  // A TLS 1.3 hello carries the number of 1.2 and says 1.3 in an extension (RFC 8446 4.1.2).
  'TLSv1.3': [3, 3],
  DTLSv1: [0xfe, 0xff],
  'DTLSv1.2': [0xfe, 0xfd],
}

/** SHA-1 and MD5 are offered too: a target that has nothing better is to be found, not left out. */
const signatureSchemes = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601,
  0x0402, 0x0303, 0x0301, 0x0203, 0x0201, 0x0202, 0x0101,
]

/**
 * A ClientHello as the first bytes of a connection or the first datagram (RFC 5246 7.4.1.2, RFC 6347 4.2, RFC 8446 4.1.2).
 * `random` is 32 bytes; the hello that returns a cookie must repeat it.
 *
 * @throws UsageError `bad-value`
 */
export function clientHello(protocol: Protocol, offer: Offer, random: Uint8Array, cookie?: Uint8Array): Uint8Array {
  const { suites, version } = offer
  if (suites.length === 0 || suites.length > 512 || random.length !== 32) {
    throw new UsageError('bad-value', `ClientHello: expected 1 to 512 suites and 32 random bytes, got ${suites.length}`)
  }
  const isDatagram = protocol === 'dtls'
  const is13 = version === 'TLSv1.3'
  const signals = [...(is13 ? [] : [0x00ff]), ...(offer.fallback === true ? [0x5600] : [])]
  const body = [
    ...wireVersions[version],
    ...random,
    0, // no session to resume
    ...(isDatagram ? vector(1, cookie === undefined ? [] : [...cookie]) : []),
    // With TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746), so that strict servers answer.
    ...vector(2, [...suites, ...signals].flatMap(two)),
    ...vector(1, offer.compression === true ? [1, 0] : [0]),
    ...vector(2, extensions(offer, is13)),
  ]
  // After a HelloVerifyRequest the message and the record are number 1.
  const sequence = cookie === undefined ? 0 : 1
  const handshake = [
    1, // ClientHello
    ...integer(3, body.length),
    ...(isDatagram ? [...two(sequence), ...integer(3, 0), ...integer(3, body.length)] : []),
    ...body,
  ]
  // The record of a first hello carries the lowest version (RFC 5246 E.1, RFC 6347 4.2.1).
  const record = isDatagram ? [22, 0xfe, 0xff, 0, 0, ...integer(6, sequence)] : [22, 3, 1]
  return Uint8Array.from([...record, ...vector(2, handshake)])
}

function extensions(offer: Offer, is13: boolean): number[] {
  const groups = offer.groups ?? (is13 ? [...curveIds, ...primeGroupIds] : curveIds)
  return [
    ...extension(10, vector(2, groups.flatMap(two))), // supported_groups
    ...extension(13, vector(2, signatureSchemes.flatMap(two))), // signature_algorithms
    ...(is13
      ? [
          ...extension(43, vector(1, [3, 4])), // supported_versions
          // key_share without a share: the target names the group that it wants (RFC 8446 4.2.8).
          ...extension(51, vector(2, [])),
        ]
      : [
          ...extension(11, vector(1, [0])), // ec_point_formats: uncompressed
          ...extension(22, []), // encrypt_then_mac
          ...extension(23, []), // extended_master_secret
          ...extension(35, []), // session_ticket
        ]),
  ]
}

function extension(id: number, data: readonly number[]): number[] {
  return [...two(id), ...vector(2, data)]
}

function vector(lengthBytes: number, data: readonly number[]): number[] {
  return [...integer(lengthBytes, data.length), ...data]
}

function two(value: number): number[] {
  return [value >> 8, value & 0xff]
}

function integer(size: number, value: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** (size - 1 - index)) % 256)
}
