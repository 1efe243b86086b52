import type { Crypto } from '@cordon/core/crypto'
import {
  attributesAnswer,
  type BasicCredentials,
  certificatesAnswer,
  type ChannelBindings,
  decodeEstRequest,
  dialectOf,
  type EstAnswer,
  type EstDialect,
  estMediaTypes,
  type EstOperation,
  estOperations,
  type estRefusals,
  isMediaType,
  judgeLinking,
  longestRetryS,
  parseEstPath,
  pendingAnswer,
  readBasic,
  refusalAnswer,
  serverKeyAnswer,
} from '@cordon/core/enrollment'
import { MalformedMessage, TransportError } from '@cordon/core/errors'
import { type Certificate, type CertificateRequest, decodeCertificate, isProven } from '@cordon/core/x509'
import type { EnrollmentAnswer, EnrollmentRequest, EnrollmentService } from '../enrollment/service.ts'

/**
 * What EST answers to a request, without sockets. A request is judged in two steps: by its head, before a byte of the
 * body is read, and with the body.
 * @module
 */

/** Request line and headers of a request. */
export interface EstHead {
  readonly method: string
  /** As in the request line, with its query. */
  readonly path: string
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** Who asks, as its connection shows it. */
export interface EstPeer {
  readonly address: string
  /** Certificates of the TLS handshake as sent, leaf first, DER. The client proved to hold the key of the first. */
  readonly certificates: readonly Uint8Array[]
  readonly bindings: ChannelBindings
}

/** What a handler is made of. */
export interface EstHandlerOptions {
  readonly service: EnrollmentService
  readonly crypto: Crypto
  /** Layout of base64 by label, instead of by User-Agent; the label '' is the path without one. */
  readonly dialects?: Readonly<Record<string, EstDialect>>
  /** Whether `serverkeygen` exists; default not. */
  readonly serverKeyGeneration?: boolean
  /** Most bytes of a body. */
  readonly bodyBytes: number
}

/** An operation that a head asks for. */
export interface EstRoute {
  readonly operation: Exclude<EstOperation, 'fullcmc'>
  readonly label: string | undefined
  readonly dialect: EstDialect
  /** The Authorization header; undefined without one. */
  readonly basic: BasicCredentials | undefined
}

/** An answer with what only the log may know. */
export interface EstOutcome {
  readonly answer: EstAnswer
  /** The error behind a 500. */
  readonly error?: unknown
}

/** Longest reason that a client is told, in characters. */
const longestReason = 240

/** Judges a head: the route, or the refusal that no body could change. */
export function routeEst(head: EstHead, options: EstHandlerOptions): EstRoute | EstAnswer {
  try {
    const target = parseEstPath(head.path.split('?', 1)[0] ?? '')
    if (target === undefined) return refusal('unknown', 'no operation of EST has this path')
    return routeTarget(head, target.operation, target.label, options)
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return refusal('malformed', error.message)
  }
}

/** Whether a head was refused. */
export function isAnswer(routed: EstRoute | EstAnswer): routed is EstAnswer {
  return 'status' in routed
}

function routeTarget(
  head: EstHead,
  operation: EstOperation,
  label: string | undefined,
  options: EstHandlerOptions,
): EstRoute | EstAnswer {
  // RFC 7030 4.3.1 and 4.4 leave both operations to the server; what is not offered does not exist.
  if (operation === 'fullcmc') return refusal('unknown', 'fullcmc is not offered here; use simpleenroll')
  if (operation === 'serverkeygen' && options.serverKeyGeneration !== true) {
    return refusal('unknown', 'serverkeygen is not offered here; make the key yourself and use simpleenroll')
  }
  if (!options.service.hasLabel(label)) return refusal('unknown', 'this label is not known here')
  const method = estOperations[operation]
  if (head.method !== method && !(method === 'GET' && head.method === 'HEAD')) return wrongMethod(method)
  if (method === 'POST') {
    const refused = judgeBodyHead(head, options.bodyBytes)
    if (refused !== undefined) return refused
  }
  const override = options.dialects?.[label ?? '']
  const basic = readBasic(header(head, 'authorization'))
  return { operation, label, basic, dialect: dialectOf(header(head, 'user-agent'), override) }
}

function wrongMethod(method: 'GET' | 'POST'): EstAnswer {
  const { status, headers, body } = refusal('method', `expected ${method}`)
  return { status, headers: { ...headers, allow: method === 'GET' ? 'GET, HEAD' : method }, body }
}

function judgeBodyHead(head: EstHead, bodyBytes: number): EstAnswer | undefined {
  if (!isMediaType(header(head, 'content-type'), estMediaTypes.request)) {
    return refusal('mediaType', `expected Content-Type ${estMediaTypes.request}`)
  }
  if (Number(header(head, 'content-length') ?? 0) > bodyBytes) return tooLarge(bodyBytes)
  if (header(head, 'authorization') !== undefined && readBasic(header(head, 'authorization')) === undefined) {
    return refusal('authenticate', 'expected an Authorization header of the Basic scheme')
  }
  return undefined
}

/** The answer to a body that is too long. */
export function tooLarge(bodyBytes: number): EstAnswer {
  return refusal('tooLarge', `expected a body of at most ${bodyBytes} bytes`)
}

function header(head: EstHead, name: string): string | undefined {
  const value = head.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** Answers a routed request. Never throws: what the service throws is a 500 or 503 to the client, and an error for the log. */
export async function answerEst(
  route: EstRoute,
  body: Uint8Array,
  peer: EstPeer,
  options: EstHandlerOptions,
): Promise<EstOutcome> {
  try {
    return { answer: await answerOperation(route, body, peer, options) }
  } catch (error) {
    if (error instanceof MalformedMessage) return { answer: refusal('malformed', error.message) }
    if (error instanceof TransportError) {
      return { answer: refusal('unavailable', 'the store does not answer; ask again', storeRetryS), error }
    }
    return { answer: refusal('failed', 'the server failed; nothing was issued'), error }
  }
}

/** When to ask again once the store did not answer, seconds. */
const storeRetryS = 10

/** Both steps in one, for a request that is whole. */
export async function handleEst(
  request: EstHead & { readonly body: Uint8Array; readonly peer: EstPeer },
  options: EstHandlerOptions,
): Promise<EstOutcome> {
  const routed = routeEst(request, options)
  if (isAnswer(routed)) return { answer: routed }
  if (request.body.length > options.bodyBytes) return { answer: tooLarge(options.bodyBytes) }
  return await answerEst(routed, request.body, request.peer, options)
}

async function answerOperation(
  { operation, label, dialect, basic }: EstRoute,
  body: Uint8Array,
  peer: EstPeer,
  { service, crypto }: EstHandlerOptions,
): Promise<EstAnswer> {
  switch (operation) {
    case 'cacerts':
      return certificatesAnswer('cacerts', await service.authorities(label), dialect)
    case 'csrattrs':
      return attributesAnswer(await service.attributes(label), dialect)
    case 'simpleenroll':
    case 'simplereenroll':
    case 'serverkeygen': {
      const request = readRequest(body, crypto)
      const shown = readShown(peer)
      if (typeof shown === 'string') return refusal('forbidden', shown)
      const linking = judgeLinking(crypto, request, peer.bindings)
      const asked = { operation, label, request, address: peer.address, shown, basic, linking }
      return enrollmentAnswer(operation, await service.enroll(asked), dialect, crypto)
    }
  }
}

function readRequest(body: Uint8Array, crypto: Crypto): CertificateRequest {
  const request = decodeEstRequest(body)
  if (isProven(crypto, request)) return request
  throw new MalformedMessage('bad-encoding', 'certificate request: it is not signed by the key that it names')
}

/** What the client showed; a text says why its certificate is not even one to look at. */
function readShown({ certificates }: EstPeer): EnrollmentRequest['shown'] | string {
  const [first, ...intermediates] = certificates
  if (first === undefined) return undefined
  try {
    const leaf: Certificate = decodeCertificate(first)
    return { leaf, intermediates }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return `the client certificate of the TLS handshake is refused: ${error.message}`
  }
}

function enrollmentAnswer(
  operation: EnrollmentRequest['operation'],
  answer: EnrollmentAnswer,
  dialect: EstDialect,
  crypto: Crypto,
): EstAnswer {
  switch (answer.kind) {
    case 'granted':
      return grantedAnswer(operation, answer, dialect, crypto)
    case 'pending':
      return pendingAnswer(wholeSeconds(answer.retryAfterS), plainReason(answer.reason))
    case 'malformed':
      return refusal('malformed', answer.reason)
    case 'authenticate':
      return refusal('authenticate', answer.reason)
    case 'denied':
      return refusal('forbidden', answer.reason)
    case 'tooMany':
      return refusal('tooMany', answer.reason, answer.retryAfterS)
    case 'unavailable':
      return refusal('unavailable', answer.reason, answer.retryAfterS)
  }
}

function grantedAnswer(
  operation: EnrollmentRequest['operation'],
  { certificate, chain, key }: Extract<EnrollmentAnswer, { kind: 'granted' }>,
  dialect: EstDialect,
  crypto: Crypto,
): EstAnswer {
  const certificates = [certificate, ...chain]
  if (operation !== 'serverkeygen') return certificatesAnswer(operation, certificates, dialect)
  if (key === undefined) return refusal('failed', 'the server made no key')
  return serverKeyAnswer(key, certificates, Buffer.from(crypto.random(18)).toString('base64url'), dialect)
}

/** A refusal with a reason that fits on a line, and with whole seconds. */
export function refusal(kind: keyof typeof estRefusals, reason: string, retryAfterS?: number): EstAnswer {
  return refusalAnswer(kind, plainReason(reason), retryAfterS === undefined ? undefined : wholeSeconds(retryAfterS))
}

function wholeSeconds(seconds: number): number {
  return Math.min(Math.max(Math.ceil(seconds) || 1, 1), longestRetryS)
}

/** One line of visible characters, bounded: reasons may quote what a client sent. */
function plainReason(reason: string): string {
  const line = reason.replace(/[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd]+/g, ' ').trim()
  return line.length <= longestReason ? line : `${line.slice(0, longestReason - 1)}…`
}
