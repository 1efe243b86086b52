/*
 * The contract of the API: every route as data. From it follow validation, serialisation, the rights that are asked for,
 * the OpenAPI document, the typed client and the test that tries every route with every role.
 *
 * A resource has its schemas and routes in a file here, and its handlers in `../routes/<resource>.ts`:
 *
 *   export const plantHandlers = {
 *     'plants.list': async ({ query, caller, services }) => ({ items: …, next: null }),
 *     …
 *   } satisfies Handlers<typeof plantRoutes>
 *
 * `Handlers` (in `../handler.ts`) gives each handler the types of its route: `params`, `query`, `body` as validated,
 * `caller` (actor, roles, session), `request` (id, address), `services` (store, authority, settings …) and `signal`. It
 * returns the body of the success status, and throws for anything else: `RequestProblem` of `../problem.ts` with a status and
 * a code, or one of Cordon's own errors, which the application turns into a status. A route that is `raw` gets
 * Fastify's request and reply as well: streams, downloads, redirects, cookies. Handlers are thin: the work is in functions that know no HTTP.
 */
import type { TSchema } from 'typebox'
import type { Permission } from '../../users/roles.ts'

/** What a request must have: nothing, a session or token of anybody, or a permission. */
export type Access = 'public' | 'signed-in' | Permission

/** One operation of the API. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/api/v1`, with parameters as `:name`. */
  readonly path: string
  readonly access: Access
  /** One sentence for the document. */
  readonly summary: string
  readonly params?: TSchema
  readonly query?: TSchema
  readonly body?: TSchema
  /** Largest body in bytes; default 64 KiB. */
  readonly bodyLimit?: number
  /** Body that is no JSON: its media type. It is streamed to the handler. */
  readonly upload?: string
  /** Status of success. */
  readonly status: 200 | 201 | 202 | 204 | 302
  /** Body of success; absent for 204 and 302. */
  readonly response?: TSchema
  /** Media type of a response that is no JSON. */
  readonly download?: string
  /** The handler answers by itself: streams, downloads, redirects, cookies. */
  readonly raw?: true
  /** Requests per minute and caller, where fewer than the default are allowed. */
  readonly perMinute?: number
  /** Only a session of the web interface, no token: what is about the person's own credentials. */
  readonly sessionOnly?: true
}

/** Routes by operation name, such as `plants.list`. */
export type Routes = Readonly<Record<string, Route>>
