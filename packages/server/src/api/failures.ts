import { MalformedMessage, NotAllowed, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import type { ErrorObject } from './validation.ts'
import { validationText } from './validation.ts'
import { type Problem, RequestProblem } from './problem.ts'

/** An answer that is no success, and whether the log must know more than its reader. */
export interface Failure {
  readonly status: number
  readonly body: Problem
  /** Ours to repair: the log gets the error, the reader only the request's id. */
  readonly unexpected: boolean
  /** Seconds after which it is worth another try. */
  readonly retryAfter?: number
}

/** Seconds that a client is told to wait for the database. */
const storeRetrySeconds = 5

/** Classes of PostgreSQL's appendix A that are the machine's: connection, resources, intervention, system. */
const machineClasses = /^(?:08|53|57|58)/
/** What Node says when nobody answers. */
const away = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN']

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}

/** Whether the database is away, whoever says so: ours, PostgreSQL, its driver or the system. */
export function isStoreAway(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = codeOf(at)
    if (at instanceof TransportError && at.message.startsWith('the store:')) return true
    if (at instanceof TransportError && at.message.startsWith('the database does not answer')) return true
    // The driver's own errors carry PostgreSQL's severity, or say what they waited for.
    if ('severity' in at && machineClasses.test(code)) return true
    if ('syscall' in at && away.includes(code) && isPostgres(at)) return true
    if (
      at.message.startsWith('Connection terminated') ||
      at.message.startsWith('timeout exceeded when trying to connect')
    )
      return true
  }
  return false
}

/** A failed connect to the database: by its usual port, or the socket in the file system that only it has. */
function isPostgres(error: Error): boolean {
  return ('address' in error && /\.s\.PGSQL\./.test(String(error.address))) || ('port' in error && error.port === 5432)
}

const usageStatus: Readonly<Record<UsageError['code'], number>> = {
  missing: 404,
  'not-open': 409,
  'not-supported': 422,
  'bad-option': 422,
  'bad-value': 422,
}

/** What an error is to who asked. */
export function failureOf(error: unknown, request: string): Failure {
  const say = (status: number, code: string, message: string, more: Partial<Failure> = {}): Failure => ({
    status,
    body: { code, message, request },
    unexpected: false,
    ...more,
  })
  if (error instanceof RequestProblem) {
    return {
      status: error.status,
      body: { ...error.body, request },
      unexpected: error.status === 500,
      ...(error.status === 503 ? { retryAfter: storeRetrySeconds } : {}),
    }
  }
  if (isStoreAway(error)) {
    return say(503, 'store-away', 'the database of the manager does not answer; nothing was changed', {
      retryAfter: storeRetrySeconds,
      unexpected: true,
    })
  }
  if (error instanceof UsageError) return say(usageStatus[error.code], error.code, error.message)
  if (error instanceof NotAllowed) return say(error.code === 'role' ? 403 : 409, error.code, error.message)
  if (error instanceof MalformedMessage) return say(400, error.code, error.message)
  if (error instanceof NotTrusted) return say(422, error.code, error.message)
  if (error instanceof PeerError) return say(502, error.code, error.message)
  if (error instanceof TransportError) return say(502, error.code, error.message)
  return frameworkFailure(error, say) ?? internal(say)
}

type Say = (status: number, code: string, message: string, more?: Partial<Failure>) => Failure

/** The log has the rest under this id. */
function internal(say: Say): Failure {
  return say(500, 'internal', 'something went wrong in the manager; its log has more under this request id', {
    unexpected: true,
  })
}

/** Codes of the HTTP layer, in words. */
const httpTexts: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'too-large', 'the body is larger than this operation takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'bad-media-type', 'expected content-type: application/json'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'bad-json', 'the body is empty, expected JSON'],
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'bad-json', 'the body is no JSON, or has members that no JSON of ours has'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'bad-length', 'the body is not as long as content-length says'],
  FST_ERR_BAD_URL: [400, 'bad-path', 'the path is not written as a path must be'],
  FST_ERR_ASYNC_CONSTRAINT: [400, 'bad-request', 'the request is not one that can be routed'],
}

function frameworkFailure(error: unknown, say: Say): Failure | undefined {
  if (!(error instanceof Error)) return undefined
  if ('validation' in error && Array.isArray(error.validation)) {
    const context = 'validationContext' in error ? String(error.validationContext) : 'request'
    const place = context === 'querystring' ? 'query' : context === 'params' ? 'path' : context
    // What the validator of the framework reports, by its declaration.
    return say(400, 'bad-request', validationText(place, error.validation as readonly ErrorObject[]))
  }
  const known = httpTexts[codeOf(error)]
  if (known !== undefined) return say(...known)
  const status = 'statusCode' in error ? Number(error.statusCode) : 500
  if (error instanceof SyntaxError && status === 400) return say(400, 'bad-json', 'the body is no JSON of ours')
  return status >= 400 && status < 500
    ? say(status, 'bad-request', 'the request is not one that can be answered')
    : undefined
}
