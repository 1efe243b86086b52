import createClient, { type Client } from 'openapi-fetch'
import type { components, paths } from './schema.ts'

/** How the manager is reached. */
export interface ApiOptions {
  /** Origin of the manager, such as `https://manager.example:8443`; empty for the origin of the page. */
  readonly server: string
  /** An API token, sent as a bearer; without one the browser's session counts. */
  readonly token?: string
  /** The token of the session that guards changes, asked for at each of them. */
  readonly csrf?: () => string | undefined
  /** Default the platform's. */
  readonly fetch?: (request: Request) => Promise<Response>
}

/** Typed requests by path and method. */
export type ApiClient = Client<paths>

/** A client for a manager. */
export function apiClient({ server, token, csrf, fetch }: ApiOptions): ApiClient {
  const client = createClient<paths>({
    baseUrl: server,
    credentials: 'same-origin',
    ...(fetch === undefined ? {} : { fetch }),
  })
  client.use({
    onRequest({ request }) {
      if (token !== undefined) request.headers.set('authorization', `Bearer ${token}`)
      const guard = request.method === 'GET' ? undefined : csrf?.()
      if (guard !== undefined) request.headers.set('x-csrf-token', guard)
      return request
    },
  })
  return client
}

/** An answer of the manager that is no success. */
export class ApiProblem extends Error {
  /** HTTP status. */
  readonly status: number
  /** What the manager says about it. */
  readonly problem: components['schemas']['Problem']

  constructor(status: number, problem: components['schemas']['Problem']) {
    super(problem.message)
    this.name = 'ApiProblem'
    this.status = status
    this.problem = problem
  }
}

/**
 * The body of an answer.
 * @throws ApiProblem when the answer is no success
 */
export async function answered<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer
  if (response.ok) return data as T
  const problem =
    typeof error === 'object' && error !== null && 'code' in error && 'message' in error
      ? (error as components['schemas']['Problem'])
      : { code: 'unexpected', message: `the manager answered ${response.status}` }
  throw new ApiProblem(response.status, problem)
}
