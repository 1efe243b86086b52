import { ApiProblem, answered, apiClient } from '@cordon/client'

/** What went wrong with a request, in words for a person: what failed, why, and what to do. */
export class RequestFailure extends Error {
  override readonly name = 'RequestFailure'
  /** What was being done, such as `Reading the plants`. */
  readonly what: string
  /** HTTP status; 0 where no answer came. */
  readonly status: number
  readonly code: string
  readonly remedy: string
  /** The whole answer, where the manager gave one: places in a text, a merge. */
  readonly problem: ApiProblem['problem'] | undefined

  constructor(what: string, cause: unknown) {
    const { status, problem } = cause instanceof ApiProblem ? cause : { status: 0, problem: undefined }
    const known = words[status]
    super(
      textOf(problem?.code === 'unexpected' ? undefined : problem?.message) ??
        known?.reason ??
        'The manager did not do it.',
      {
        cause,
      },
    )
    this.what = what
    this.status = status
    this.code = problem?.code ?? 'no-answer'
    this.problem = problem
    this.remedy =
      textOf(problem?.remedy) ?? known?.remedy ?? 'Try again; if it stays, the log of the manager tells more.'
  }
}

const words: Readonly<Record<number, { readonly reason: string; readonly remedy: string }>> = {
  0: {
    reason: 'The manager did not answer.',
    remedy: 'Check the network between this browser and the manager, then try again.',
  },
  401: { reason: 'You are not signed in.', remedy: 'Sign in again.' },
  403: { reason: 'Your roles do not permit this.', remedy: 'Ask an administrator for a role that does.' },
  404: { reason: 'It is not there.', remedy: 'It may have been removed or renamed: look for it in its list.' },
  409: { reason: 'Somebody changed it meanwhile.', remedy: 'Load it again, then repeat your change.' },
  429: { reason: 'There were too many requests.', remedy: 'Wait a minute, then try again.' },
  503: {
    reason: 'The manager cannot reach its database.',
    remedy: 'Nothing that was acknowledged is lost. Work goes on as soon as the database is back.',
  },
}

/** A sentence: the manager's messages begin with a small letter and have no full stop. */
function textOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

let token: string | undefined

/** Sets the token that proves that a change comes from this page. */
export function setCsrfToken(value: string): void {
  token = value
}

/** Requests to the manager that served this page; pass them through {@link ask}. */
export const api = apiClient({ server: '', csrf: () => token })

type Listener = (failure: RequestFailure | undefined) => void

const listeners = new Set<Listener>()

/** Tells after each request how it went: undefined when it was answered. Returns what ends the listening. */
export function listenToRequests(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/**
 * The body of an answer. `what` says what is being done, for the case that it fails.
 * @throws RequestFailure
 */
export async function ask<Body>(
  what: string,
  answer: Promise<{ data?: Body; error?: unknown; response: Response }>,
): Promise<Body> {
  try {
    const body = await answered(answer)
    for (const listener of listeners) listener(undefined)
    return body
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    const failure = new RequestFailure(what, cause)
    for (const listener of listeners) listener(failure)
    throw failure
  }
}
