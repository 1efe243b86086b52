/** What went wrong with a request, in words for a person: what failed, why, and what to do. */
export class RequestFailure extends Error {
  override readonly name = 'RequestFailure'
  readonly what: string
  /** HTTP status; 0 where no answer came. */
  readonly status: number
  readonly code: string
  readonly remedy: string

  constructor(what: string, answer: { status: number; code: string; reason: string; remedy: string }) {
    super(answer.reason)
    this.what = what
    this.status = answer.status
    this.code = answer.code
    this.remedy = answer.remedy
  }
}

type Listener = (failure: RequestFailure | undefined) => void

const listeners = new Set<Listener>()

/** Tells after each request how it went: undefined when it was answered. Returns what ends the listening. */
export function listenToRequests(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

let token = ''

/** Sets the token that proves that a change comes from this page. */
export function setCsrfToken(value: string): void {
  token = value
}

/** Fields of a query; what is empty or undefined is left out. */
export type Query = Readonly<Record<string, string | number | undefined>>

/**
 * Reads from the manager.
 * @throws RequestFailure
 */
export function get<Answer>(what: string, path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  return request(what, 'GET', withQuery(path, query), undefined, signal)
}

/**
 * Changes something at the manager.
 * @throws RequestFailure
 */
export function send<Answer>(
  what: string,
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Answer> {
  return request(what, method, path, body, undefined)
}

function withQuery(path: string, query: Query): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') given.set(name, String(value))
  }
  return given.size === 0 ? path : `${path}?${given}`
}

async function request<Answer>(
  what: string,
  method: string,
  path: string,
  body: unknown,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  try {
    const answer = await fetched(what, method, path, body, signal)
    for (const listener of listeners) listener(undefined)
    // The manager answers by the schema of the route; nothing else is served from our origin.
    return answer as Answer
  } catch (cause) {
    if (cause instanceof RequestFailure) for (const listener of listeners) listener(cause)
    throw cause
  }
}

async function fetched(
  what: string,
  method: string,
  path: string,
  body: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (method !== 'GET') headers['x-csrf-token'] = token
  if (body !== undefined) headers['content-type'] = 'application/json'
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers,
    credentials: 'same-origin',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new RequestFailure(what, {
      status: 0,
      code: 'no-answer',
      reason: 'The manager did not answer.',
      remedy: 'Check the network between this browser and the manager, then try again.',
    })
  })
  if (response.status === 204) return undefined
  const text = await response.text()
  const value = parsed(text)
  if (response.ok && value !== undefined) return value
  throw failureOf(what, response.status, value)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function failureOf(what: string, status: number, value: unknown): RequestFailure {
  const field = (name: string): string | undefined => {
    if (typeof value !== 'object' || value === null || !(name in value)) return undefined
    const found = (value as Readonly<Record<string, unknown>>)[name] // it is an object that has the field
    return typeof found === 'string' && found !== '' ? found : undefined
  }
  const known = remedies[status]
  return new RequestFailure(what, {
    status,
    code: field('code') ?? `http-${status}`,
    reason: field('message') ?? known?.reason ?? `The manager answered with status ${status}.`,
    remedy: field('remedy') ?? known?.remedy ?? 'Try again; if it stays, the log of the manager tells more.',
  })
}

const remedies: Readonly<Record<number, { readonly reason: string; readonly remedy: string }>> = {
  401: { reason: 'You are not signed in.', remedy: 'Sign in again.' },
  403: { reason: 'Your roles do not permit this.', remedy: 'Ask an administrator for a role that does.' },
  404: { reason: 'It is not there.', remedy: 'It may have been removed or renamed: look for it in its list.' },
  409: { reason: 'Somebody changed it meanwhile.', remedy: 'Load it again, then repeat your change.' },
  429: { reason: 'Too many requests.', remedy: 'Wait a minute, then try again.' },
  503: {
    reason: 'The manager cannot reach its database.',
    remedy: 'Nothing that was acknowledged is lost. Work goes on as soon as the database is back.',
  },
}
