import { Reader } from '../../wire/reader.ts'
import { hex } from '../../x509/der.ts'
import type { ClientHelloDetail, HelloVerifyRequestDetail, ServerHelloDetail } from './detail.ts'
import { mostEntries, numberList, readExtensions } from './extensions.ts'
import { versionName } from './record.ts'
import { offeredSuiteName } from './suites.ts'

/** A Client Hello as a reader of records needs it. */
export interface ReadClientHello {
  readonly detail: ClientHelloDetail
  /** `client_version` by number: the premaster secret of RSA key exchange repeats it (RFC 5246 7.4.7.1). */
  readonly version: number
  readonly random: Uint8Array
  readonly sessionId: string
  /** The session ticket the client brings. */
  readonly ticket: Uint8Array | undefined
}

/** A Server Hello as a reader of records needs it. */
export interface ReadServerHello {
  readonly detail: ServerHelloDetail
  /** The version agreed on, by number. */
  readonly version: number
  readonly random: Uint8Array
  readonly sessionId: string
}

/**
 * Reads a Client Hello (RFC 5246 7.4.1.2, RFC 6347 4.2.1).
 * @throws MalformedMessage
 */
export function readClientHello(body: Uint8Array, dtls: boolean): ReadClientHello {
  const reader = new Reader(body, 0, body.length, ['Client Hello'])
  const version = reader.u16(false)
  const random = reader.copy(32)
  const sessionId = hex(reader.view(reader.u8()))
  const cookieLength = dtls ? reader.u8() : undefined
  if (cookieLength !== undefined) reader.take(cookieLength)
  const suites = numberList(reader.section(reader.u16(false))).map((id) => ({ id, name: offeredSuiteName(id) }))
  const compression = [...reader.view(reader.u8())].slice(0, mostEntries)
  const { extensions, ticket } = readExtensions(reader, 'client')
  return {
    detail: {
      kind: 'client-hello',
      version: versionName(version),
      random: hex(random),
      sessionId,
      suites,
      compression,
      ...(cookieLength === undefined ? {} : { cookieLength }),
      extensions,
    },
    version,
    random,
    sessionId,
    ticket,
  }
}

/** The random that makes a Server Hello of TLS 1.3 a Hello Retry Request (RFC 8446 4.1.3). */
const retryRandom = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'

/**
 * Reads a Server Hello (RFC 5246 7.4.1.3). `offered` is the session id of the Client Hello before it.
 * @throws MalformedMessage
 */
export function readServerHello(body: Uint8Array, offered: string | undefined): ReadServerHello {
  const reader = new Reader(body, 0, body.length, ['Server Hello'])
  const legacyVersion = reader.u16(false)
  const random = reader.copy(32)
  const sessionId = hex(reader.view(reader.u8()))
  const suite = reader.u16(false)
  const compression = reader.u8()
  const { extensions, versions } = readExtensions(reader, 'server')
  const version = versions[0] ?? legacyVersion
  const modern = version === 0x0304 || version === 0xfefc
  return {
    detail: {
      kind: 'server-hello',
      version: versionName(version),
      random: hex(random),
      sessionId,
      suite: { id: suite, name: offeredSuiteName(suite) },
      compression,
      // TLS 1.3 repeats the session id for the sake of boxes in between (RFC 8446 4.1.3).
      resumed: modern ? extensions.names.includes('pre_shared_key') : sessionId !== '' && sessionId === offered,
      retryRequest: hex(random) === retryRandom,
      extensions,
    },
    version,
    random,
    sessionId,
  }
}

/**
 * Reads a Hello Verify Request (RFC 6347 4.2.1).
 * @throws MalformedMessage
 */
export function readHelloVerifyRequest(body: Uint8Array): HelloVerifyRequestDetail {
  const reader = new Reader(body, 0, body.length, ['Hello Verify Request'])
  const version = versionName(reader.u16(false))
  const cookieLength = reader.u8()
  reader.take(cookieLength)
  return { kind: 'hello-verify-request', version, cookieLength }
}
