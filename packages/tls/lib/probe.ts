import { randomBytes } from 'node:crypto'
import { alertName } from './alerts.ts'
import { TlsError } from './errors.ts'
import type { Protocol } from './policy.ts'

/** What a server's first record says. */
export type FirstRecord =
  | { readonly kind: 'server-hello'; readonly suite: number; readonly version: string }
  | { readonly kind: 'alert'; readonly name: string; readonly code: number }
  | { readonly kind: 'hello-verify'; readonly cookie: Uint8Array }

const versionNames: Readonly<Record<number, string>> = {
  768: 'SSLv3',
  769: 'TLSv1',
  770: 'TLSv1.1',
  771: 'TLSv1.2',
  772: 'TLSv1.3',
  65279: 'DTLSv1',
  65277: 'DTLSv1.2',
}

/** One random for all probes of a process: the hello that returns a cookie must repeat the first (RFC 6347 4.2.1). */
let probeRandom: Uint8Array | undefined

/**
 * A version 1.2 ClientHello that offers just these suites, as the first bytes of a connection: asks a server about a suite
 * that OpenSSL does not have, such as 0xD001. It can begin no session. `cookie` repeats the hello after a
 * HelloVerifyRequest.
 *
 * @throws TlsError `bad-option`.
 */
export function probeClientHello(options: {
  readonly protocol: Protocol
  readonly suites: readonly number[]
  readonly cookie?: Uint8Array
}): Uint8Array {
  const { protocol, suites, cookie } = options
  if (
    suites.length === 0 ||
    suites.length > 256 ||
    suites.some((id) => !Number.isInteger(id) || id < 0 || id > 0xffff)
  ) {
    throw new TlsError('bad-option', 'Option suites: expected 1 to 256 IANA suite ids')
  }
  if (cookie !== undefined && (protocol !== 'dtls' || cookie.length > 255)) {
    throw new TlsError('bad-option', 'Option cookie: expected at most 255 bytes, and with DTLS only')
  }
  probeRandom ??= randomBytes(32)
  const isDatagram = protocol === 'dtls'
  const version = isDatagram ? [0xfe, 0xfd] : [3, 3]
  const body = [
    ...version,
    ...probeRandom,
    0, // no session to resume
    ...(isDatagram ? vector(1, cookie === undefined ? [] : [...cookie]) : []),
    // TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746), so that strict servers answer
    ...vector(
      2,
      [...suites, 0x00ff].flatMap((id) => integer(2, id)),
    ),
    ...vector(1, [0]), // compression: null
    ...vector(2, helloExtensions()),
  ]
  // After a HelloVerifyRequest the message and the record are number 1.
  const sequence = cookie === undefined ? 0 : 1
  const handshake = [
    1, // ClientHello
    ...integer(3, body.length),
    ...(isDatagram ? [...integer(2, sequence), ...integer(3, 0), ...integer(3, body.length)] : []),
    ...body,
  ]
  // The record of a first hello carries the lowest version (RFC 5246 E.1, RFC 6347 4.2.1).
  const record = isDatagram ? [22, 0xfe, 0xff, ...integer(2, 0), ...integer(6, sequence)] : [22, 3, 1]
  return Uint8Array.from([...record, ...vector(2, handshake)])
}

function helloExtensions(): number[] {
  const groups = [0x0017, 0x0018, 0x0019, 0x001d]
  const signatures = [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601]
  return [
    ...extension(
      10,
      vector(
        2,
        groups.flatMap((id) => integer(2, id)),
      ),
    ), // supported_groups
    ...extension(11, vector(1, [0])), // ec_point_formats: uncompressed
    ...extension(
      13,
      vector(
        2,
        signatures.flatMap((id) => integer(2, id)),
      ),
    ), // signature_algorithms
    ...extension(22, []), // encrypt_then_mac
    ...extension(23, []), // extended_master_secret
  ]
}

function extension(id: number, data: number[]): number[] {
  return [...integer(2, id), ...vector(2, data)]
}

function vector(lengthBytes: number, data: number[]): number[] {
  return [...integer(lengthBytes, data.length), ...data]
}

function integer(size: number, value: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** (size - 1 - index)) % 256)
}

/**
 * Reads a server's answer to `probeClientHello`: the first record of the stream, or the datagram.
 *
 * @returns `undefined` where the bytes are incomplete or something else.
 */
export function readFirstRecord(protocol: Protocol, bytes: Uint8Array): FirstRecord | undefined {
  const isDatagram = protocol === 'dtls'
  const header = isDatagram ? 13 : 5
  if (bytes.length < header || bytes[1] !== (isDatagram ? 0xfe : 3)) return undefined
  const length = ((bytes[header - 2] ?? 0) << 8) | (bytes[header - 1] ?? 0)
  if (bytes.length < header + length) return undefined
  const record = bytes.subarray(header, header + length)
  if (bytes[0] === 21) {
    const code = record[1]
    return record.length !== 2 || code === undefined ? undefined : { kind: 'alert', name: alertName(code), code }
  }
  if (bytes[0] !== 22) return undefined
  const body = record.subarray(isDatagram ? 12 : 4)
  if (record[0] === 2) return readServerHello(body)
  return record[0] === 3 && isDatagram ? readHelloVerify(body) : undefined
}

function readServerHello(body: Uint8Array): FirstRecord | undefined {
  const sessionIdLength = body[34]
  if (sessionIdLength === undefined) return undefined
  const [high, low] = body.subarray(35 + sessionIdLength, 37 + sessionIdLength)
  if (high === undefined || low === undefined) return undefined
  const version = ((body[0] ?? 0) << 8) | (body[1] ?? 0)
  return {
    kind: 'server-hello',
    suite: (high << 8) | low,
    version: versionNames[version] ?? `0x${version.toString(16).padStart(4, '0')}`,
  }
}

function readHelloVerify(body: Uint8Array): FirstRecord | undefined {
  const length = body[2]
  if (length === undefined || body.length < 3 + length) return undefined
  return { kind: 'hello-verify', cookie: body.slice(3, 3 + length) }
}
