import { MalformedMessage, UsageError } from '../errors.ts'
import { calendarMs } from '../wire/calendar.ts'
import { latin1, utf8, utf8Bytes } from '../wire/text.ts'
import type { Certificate } from '../x509/certificate.ts'
import { decodeCertsOnly, encodeCertsOnly } from '../x509/certs-only.ts'
import { decodeBase64, decodePem, encodeBase64 } from '../x509/pem.ts'
import { type CertificateRequest, decodeRequest } from '../x509/request.ts'
import { certificateLimits } from '../x509/strict.ts'

/**
 * Messages of Enrollment over Secure Transport (RFC 7030, as RFC 8951 and RFC 9908 amended it), without HTTP: what a
 * server or a client reads from a path, a header or a body, and what it answers.
 * @module
 */

/** The operations by their names in a path (RFC 7030 3.2.2), with their HTTP methods. */
export const estOperations = {
  cacerts: 'GET',
  simpleenroll: 'POST',
  simplereenroll: 'POST',
  fullcmc: 'POST',
  serverkeygen: 'POST',
  csrattrs: 'GET',
} as const

/** An operation of EST. */
export type EstOperation = keyof typeof estOperations

/** What a path asks for. */
export interface EstTarget {
  readonly operation: EstOperation
  /** The label between prefix and operation (RFC 7030 3.2.2): at a server of ours it names a set of rules. */
  readonly label: string | undefined
}

/** Where EST lives on every server (RFC 7030 3.2.2). */
export const estPrefix = '/.well-known/est'

const longestPath = 1024
/** Longest label, after decoding. */
const longestLabel = 64

/** Whether a word names an operation, which a label must not (RFC 7030 3.2.2). */
export function isEstOperation(word: string): word is EstOperation {
  return Object.hasOwn(estOperations, word)
}

/**
 * The target of a path without its query; undefined when the path is none of EST's (404). A label that is the name of an
 * operation leads nowhere.
 * @throws MalformedMessage for a percent sign without two hex digits, and for what hides behind one: separators, control
 * characters, broken UTF-8 (400)
 */
export function parseEstPath(path: string): EstTarget | undefined {
  if (path.length > longestPath) {
    throw new MalformedMessage('bad-length', `path: ${path.length} characters, expected at most ${longestPath}`)
  }
  if (!path.startsWith(`${estPrefix}/`)) return undefined
  const segments = path
    .slice(estPrefix.length + 1)
    .split('/')
    .map(decodeSegment)
  const operation = segments.at(-1) ?? ''
  const label = segments.length === 2 ? segments[0] : undefined
  if (segments.length > 2 || !isEstOperation(operation)) return undefined
  if (label !== undefined && !isEstLabel(label)) return undefined
  return { operation, label }
}

/** Whether a text may be a label: 1 to 64 characters, no operation's name, nothing that ends a path or hides in one. */
export function isEstLabel(text: string): boolean {
  return (
    text.length >= 1 &&
    text.length <= longestLabel &&
    !isEstOperation(text) &&
    text !== '.' &&
    text !== '..' &&
    !unsafe.test(text)
  )
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it finds
const unsafe = /[\u0000-\u001f\u007f-\u009f/\\?#]/

function decodeSegment(segment: string): string {
  const bytes: number[] = []
  for (let i = 0; i < segment.length; i++) {
    const code = segment.charCodeAt(i)
    if (code > 0x7e || code < 0x21) {
      throw new MalformedMessage('bad-text', `path: expected visible ASCII, other characters as %XX`)
    }
    if (code !== 0x25) {
      bytes.push(code)
      continue
    }
    const digits = segment.slice(i + 1, i + 3)
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) {
      throw new MalformedMessage('bad-encoding', `path: expected two hex digits after %, got "${digits}"`)
    }
    bytes.push(Number.parseInt(digits, 16))
    i += 2
  }
  const text = utf8(Uint8Array.from(bytes))
  if (text === undefined || unsafe.test(text)) {
    throw new MalformedMessage(
      'bad-text',
      'path: a segment that is no UTF-8, or hides a separator or control character',
    )
  }
  return text
}

/** The path of an operation, as a client writes it. @throws UsageError `bad-value` for a label that is none */
export function estPath(operation: EstOperation, label?: string, prefix: string = estPrefix): string {
  if (label === undefined) return `${prefix}/${operation}`
  if (!isEstLabel(label)) {
    throw new UsageError('bad-value', `label "${label}": expected 1 to 64 characters that are no operation of EST`)
  }
  const encoded = Array.from(utf8Bytes(label), (byte) => {
    const character = String.fromCharCode(byte)
    return /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  })
  return `${prefix}/${encoded.join('')}/${operation}`
}

/** Media types of EST (RFC 7030 3.2.4). */
export const estMediaTypes = {
  request: 'application/pkcs10',
  certificates: 'application/pkcs7-mime',
  attributes: 'application/csrattrs',
  privateKey: 'application/pkcs8',
  keyAndCertificate: 'multipart/mixed',
} as const

/** Whether a Content-Type header names a media type, whatever its parameters and case: peers differ in both. */
export function isMediaType(header: string | undefined, type: string): boolean {
  return header !== undefined && header.split(';', 1)[0]?.trim().toLowerCase() === type
}

/** Most bytes of a request's body: a request of 64 KiB in base64 with a line break behind each character pair. */
export const longestRequestBody = 128 * 1024

/** Most bytes of a response's body that a client reads: 1 MiB of certificates in base64. */
export const longestResponseBody = 1536 * 1024

/**
 * The DER in a body, however it is dressed: base64 in lines of any width or none (RFC 8951 3.1), PEM, or bare DER. Only
 * the wrapping is read tolerantly; what is inside is judged by its own strict reader. Content-Transfer-Encoding plays no
 * part (RFC 8951 section 3).
 * @throws MalformedMessage when it is none of these, or too long
 */
export function decodeEstBody(body: Uint8Array, what: string, longest: number, labels: readonly string[]): Uint8Array {
  if (body.length > longest) {
    throw new MalformedMessage('bad-length', `${what}: ${body.length} bytes, expected at most ${longest}`)
  }
  // DER of all that EST carries begins with a SEQUENCE, 0x30. In base64 that byte would begin no SEQUENCE.
  if (body[0] === 0x30) return body
  const text = latin1(body)
  // The minus sign is no base64: a text that has it is PEM or nothing.
  if (!text.includes('-----BEGIN ')) {
    const der = decodeBase64(text, what)
    if (der.length === 0) throw new MalformedMessage('truncated', `${what}: empty, expected base64 of DER`)
    return der
  }
  const [block, ...more] = decodePem(text).filter(({ label }) => labels.includes(label))
  if (block === undefined || more.length > 0) {
    throw new MalformedMessage('unknown-value', `${what}: expected one PEM block ${labels.join(' or ')}`)
  }
  return block.bytes
}

/** Reads the certification request that a client posted. @throws MalformedMessage for anything else */
export function decodeEstRequest(body: Uint8Array): CertificateRequest {
  const labels = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']
  return decodeRequest(decodeEstBody(body, 'request body', longestRequestBody, labels))
}

/** How base64 is laid out for a client: on one line, or in lines of 64 characters. */
export type EstDialect = 'line' | 'wrapped'

/**
 * The dialect a client can read. Deviation: RFC 8951 leaves the line breaks free and clients do not agree. One line with
 * one newline at its end suits all that were measured but libest, which reads longer bodies only in lines.
 */
export function dialectOf(userAgent: string | undefined, override?: EstDialect): EstDialect {
  return override ?? (userAgent?.trim().toLowerCase().startsWith('libest') ? 'wrapped' : 'line')
}

/** DER as the text of a body. */
export function encodeEstBody(der: Uint8Array, dialect: EstDialect = 'line'): string {
  const text = encodeBase64(der)
  return dialect === 'line' ? `${text}\n` : text.replace(/.{1,64}/g, '$&\n')
}

/** An answer of a server: status, headers in lower case, and a text. */
export interface EstAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The answer that carries certificates (RFC 7030 4.1.3, 4.2.3). `cacerts` has no parameter on its type, the others say
 * `certs-only`. The transfer encoding is named although receivers ignore it, as old ones ask for it.
 */
export function certificatesAnswer(
  operation: 'cacerts' | 'simpleenroll' | 'simplereenroll',
  certificates: readonly Uint8Array[],
  dialect?: EstDialect,
): EstAnswer {
  const parameter = operation === 'cacerts' ? '' : '; smime-type=certs-only'
  return encodedAnswer(`${estMediaTypes.certificates}${parameter}`, encodeCertsOnly(certificates), dialect)
}

/** The answer to `csrattrs` (RFC 7030 4.5.2): the attributes, or 204 when the server wishes for nothing. */
export function attributesAnswer(attributes: Uint8Array | undefined, dialect?: EstDialect): EstAnswer {
  return attributes === undefined
    ? { status: 204, headers: {}, body: '' }
    : encodedAnswer(estMediaTypes.attributes, attributes, dialect)
}

function encodedAnswer(type: string, der: Uint8Array, dialect?: EstDialect): EstAnswer {
  const headers = { 'content-type': type, 'content-transfer-encoding': 'base64' }
  return { status: 200, headers, body: encodeEstBody(der, dialect) }
}

/**
 * The answer to a request that waits for a decision (RFC 7030 4.2.3). Seconds and never a date: libest refuses dates.
 * @throws UsageError `bad-value` for anything but 1 to {@link longestRetryS} whole seconds
 */
export function pendingAnswer(retryAfterS: number, reason: string): EstAnswer {
  if (!Number.isInteger(retryAfterS) || retryAfterS < 1 || retryAfterS > longestRetryS) {
    throw new UsageError('bad-value', `expected 1 to ${longestRetryS} whole seconds, got ${retryAfterS}`)
  }
  return plainAnswer(202, reason, { 'retry-after': String(retryAfterS) })
}

/** The statuses with which a request is refused (est-pki 3): what each is for. */
export const estRefusals = {
  malformed: 400,
  authenticate: 401,
  forbidden: 403,
  unknown: 404,
  method: 405,
  mediaType: 415,
  tooLarge: 413,
  tooMany: 429,
  failed: 500,
  unavailable: 503,
} as const

/** A refusal with a short reason in plain text, which is all that a client may be told. */
export function refusalAnswer(refusal: keyof typeof estRefusals, reason: string, retryAfterS?: number): EstAnswer {
  const challenge: Record<string, string> =
    refusal === 'authenticate' ? { 'www-authenticate': 'Basic realm="est", charset="UTF-8"' } : {}
  const retry: Record<string, string> = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }
  return plainAnswer(estRefusals[refusal], reason, { ...challenge, ...retry })
}

function plainAnswer(status: number, reason: string, headers: Readonly<Record<string, string>>): EstAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body: `${reason}\n` }
}

/** Longest time that a client of ours lets itself be put off: a day. */
export const longestRetryS = 86_400

/**
 * A Retry-After header in seconds from now, tolerantly: whole or broken seconds, or a date (RFC 9110 10.2.3). Held within
 * 1 s and a day, so that a server can neither flood itself nor silence a device; undefined when it says nothing.
 * @param at now, milliseconds since 1970, for dates
 */
export function readRetryAfter(header: string | undefined, at: number): number | undefined {
  const text = header?.trim() ?? ''
  if (text.length > 64) return undefined
  const seconds = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Math.ceil(Number(text)) : secondsUntil(text, at)
  return seconds === undefined ? undefined : Math.min(Math.max(seconds, 1), longestRetryS)
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

function secondsUntil(date: string, at: number): number | undefined {
  const match = /^[A-Za-z]{3}, (\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(date)
  if (match === null) return undefined
  const [, day, name = '', year, hour, minute, second] = match
  const month = months.indexOf(name.toLowerCase()) + 1
  const then = calendarMs(Number(year), month, Number(day), Number(hour), Number(minute), Number(second))
  return then === undefined ? undefined : Math.ceil((then - at) / 1000)
}

/** Reads the certificates of an answer, in any order. @throws MalformedMessage for another type or content */
export function decodeCertificates(contentType: string | undefined, body: Uint8Array): Certificate[] {
  expectType(contentType, estMediaTypes.certificates)
  return decodeCertsOnly(decodeEstBody(body, 'certificates', longestResponseBody, ['PKCS7', 'CMS']))
}

/** The DER of a `csrattrs` answer. @throws MalformedMessage for another type or content */
export function decodeAttributesBody(contentType: string | undefined, body: Uint8Array): Uint8Array {
  expectType(contentType, estMediaTypes.attributes)
  return decodeEstBody(body, 'request attributes', certificateLimits.maxBytes * 2, [])
}

function expectType(header: string | undefined, type: string): void {
  if (isMediaType(header, type)) return
  throw new MalformedMessage('unknown-value', `expected content of type ${type}, got ${header?.slice(0, 80) ?? 'none'}`)
}

/** What a boundary may look like (RFC 2046 5.1.1), narrowed to what needs no quotes. */
const boundaryShape = /^[A-Za-z0-9_-]{1,70}$/

/**
 * The answer to `serverkeygen` (RFC 7030 4.4.2): the new private key, then its certificate. The key is readable for
 * whoever ends the TLS connection, so a server offers this only where it was switched on.
 * @param boundary random text from the caller; no base64 line can hold its separator, two hyphens
 */
export function serverKeyAnswer(
  pkcs8: Uint8Array,
  certificates: readonly Uint8Array[],
  boundary: string,
  dialect?: EstDialect,
): EstAnswer {
  if (!boundaryShape.test(boundary)) {
    throw new UsageError('bad-value', 'boundary: expected 1 to 70 letters, digits, _ or -')
  }
  const part = (type: string, der: Uint8Array) =>
    [
      `--${boundary}`,
      `Content-Type: ${type}`,
      'Content-Transfer-Encoding: base64',
      '',
      encodeEstBody(der, dialect).trimEnd().replaceAll('\n', '\r\n'),
    ].join('\r\n')
  const key = part(estMediaTypes.privateKey, pkcs8)
  const certificate = part(`${estMediaTypes.certificates}; smime-type=certs-only`, encodeCertsOnly(certificates))
  return {
    status: 200,
    headers: { 'content-type': `${estMediaTypes.keyAndCertificate}; boundary=${boundary}` },
    body: `${key}\r\n${certificate}\r\n--${boundary}--\r\n`,
  }
}

/** Name and password of HTTP Basic authentication (RFC 7617). */
export interface BasicCredentials {
  readonly name: string
  readonly password: string
}

/** Reads an Authorization header of the Basic scheme; undefined for another scheme or what is malformed. */
export function readBasic(header: string | undefined): BasicCredentials | undefined {
  const match = /^basic +([A-Za-z0-9+/]{1,2048}={0,2})$/i.exec(header?.trim() ?? '')
  if (match?.[1] === undefined) return undefined
  const text = basicText(match[1])
  const colon = text?.indexOf(':') ?? -1
  return text === undefined || colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}

function basicText(base64: string): string | undefined {
  try {
    return utf8(decodeBase64(base64))
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    // Not base64 is no credential; what was sent instead might be a secret and stands in no message.
    return undefined
  }
}

/** Writes an Authorization header of the Basic scheme. @throws UsageError `bad-value` for a name with a colon */
export function writeBasic({ name, password }: BasicCredentials): string {
  if (name === '' || name.includes(':'))
    throw new UsageError('bad-value', 'a user name needs a character and has no colon')
  return `Basic ${encodeBase64(utf8Bytes(`${name}:${password}`))}`
}
