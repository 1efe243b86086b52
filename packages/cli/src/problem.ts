import { ApiProblem } from '@cordon/client'
import { MalformedMessage, NotAllowed, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** An error as a person reads it, and how the command ends because of it. */
export interface Problem {
  readonly code: string
  readonly message: string
  /** What led to it, outermost first. */
  readonly causes: readonly string[]
  /** What could not be cleared up because of it. */
  readonly afterwards: readonly string[]
  readonly exitCode: ExitCode
}

/** Judges an error that ended a command. What nobody expected is called so, with its causes and no bare stack. */
export function problemOf(error: unknown): Problem {
  const afterwards = suppression(error)
  if (afterwards !== undefined) {
    // What went wrong first is the problem; that it could not be cleared up either is told behind it.
    const problem = problemOf(afterwards.suppressed)
    const later = problemOf(afterwards.error)
    return { ...problem, afterwards: [...problem.afterwards, later.message] }
  }
  const causes = causesOf(error)
  if (error instanceof UsageError)
    return { code: error.code, message: error.message, causes, afterwards: [], exitCode: exitCodes.usage }
  const isRefusal = error instanceof PeerError && (error.code === 'general-status' || error.code === 'alert')
  if (error instanceof NotAllowed || error instanceof NotTrusted || isRefusal) {
    return { code: error.code, message: error.message, causes, afterwards: [], exitCode: exitCodes.refused }
  }
  if (error instanceof PeerError || error instanceof TransportError || error instanceof MalformedMessage) {
    return { code: error.code, message: error.message, causes, afterwards: [], exitCode: exitCodes.error }
  }
  if (error instanceof ApiProblem) return managerProblem(error)
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'unexpected',
    message: `unexpected: ${message} (set CORDON_DEBUG=1 for the stack)`,
    causes,
    afterwards: [],
    exitCode: exitCodes.error,
  }
}

/** What a manager said, with its remedy and the places of a text that it found fault with. */
function managerProblem({ status, problem }: ApiProblem): Problem {
  const { code, message, remedy, problems = [], request } = problem
  const places = problems.map(({ file, line, column, message: what, remedy: how }) =>
    [`${file}:${line}:${column} ${what}`, how].filter((part) => part !== undefined).join('; '),
  )
  const isOurs = status >= 500 && request !== undefined
  return {
    code,
    message: [
      message,
      ...(remedy === undefined ? [] : [remedy]),
      ...(isOurs ? [`request ${request} in its log`] : []),
    ].join('; '),
    causes: places,
    afterwards: [],
    exitCode: exitCodeOfStatus(status),
  }
}

function exitCodeOfStatus(status: number): ExitCode {
  if (status === 400 || status === 404 || status === 413 || status === 422) return exitCodes.usage
  return status === 401 || status === 403 || status === 409 ? exitCodes.refused : exitCodes.error
}

/** The two errors of a `SuppressedError`, which is not a global yet in Node 20: `await using` throws it. */
function suppression(error: unknown): { readonly error: unknown; readonly suppressed: unknown } | undefined {
  return error instanceof Error && error.name === 'SuppressedError' && 'error' in error && 'suppressed' in error
    ? error
    : undefined
}

/** Deepest chain of causes that is followed: one may lead back to itself. */
const deepest = 8

/** What led to an error, outermost first; what an earlier message repeats in full is left out. */
function causesOf(error: unknown): readonly string[] {
  const told = [error instanceof Error ? error.message : '']
  let cause = error instanceof Error ? error.cause : undefined
  for (let depth = 0; depth < deepest && cause instanceof Error; depth++) {
    const { message } = cause
    // Most of our messages have the system's own words in them already.
    if (!told.some((text) => text.includes(message))) told.push(message)
    cause = cause.cause
  }
  return told.slice(1)
}
