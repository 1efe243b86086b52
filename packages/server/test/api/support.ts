import {
  type ApiHandlers,
  type ApiOptions,
  type Authenticate,
  type Identity,
  openApi,
  type Route,
  routes,
  type SignInState,
} from '@cordon/server/api'
import { type Role, roleNames } from '@cordon/server/users'
import type { AuditTable } from '../../src/store/schema.ts'
import { sample } from './sample.ts'

/** Every operation of the contract. */
export const operations = Object.entries(routes) as readonly (readonly [string, Route])[]

export const csrf = 'the csrf token of the test'

/** Somebody for every role, state and kind of credential: the secret of `session:engineer:1` is of a first engineer. */
export const authenticate: Authenticate = {
  session: async (secret) => {
    const [kind, what = ''] = secret.split(':')
    if (kind === 'session') return identity([what as Role], 'signed-in', { session: secret })
    if (kind === 'half') return identity(['administrator'], what as SignInState, { session: secret })
    return undefined
  },
  token: async (secret) => {
    const role = roleNames.find((name) => secret === `cordon_${name}`)
    return role === undefined ? undefined : identity([role], 'signed-in', { token: secret })
  },
}

function identity(
  roles: readonly Role[],
  state: SignInState,
  by: { readonly session?: string; readonly token?: string },
): Identity {
  const name = roles.join()
  return {
    actor: { kind: by.token === undefined ? 'user' : 'token', name },
    user: { id: by.session ?? name, name, display: name },
    roles,
    state,
    session: by.session,
    token: by.token,
    isCsrfToken: (text) => text === csrf,
  }
}

/** Entries that the application wrote to the audit: a table in memory that knows nothing but to be written. */
export class AuditSink {
  readonly entries: Partial<AuditTable>[] = []
  readonly services = {
    store: {
      db: {
        insertInto: () => ({
          values: (entry: Partial<AuditTable>) => ({ execute: async () => void this.entries.push(entry) }),
        }),
      },
    },
    authority: {},
    // As much of a store as the application itself uses for refusals.
  } as unknown as ApiOptions['services']
}

/** Handlers that answer as the contract says, for every route. */
export function sampleHandlers(extra?: string): ApiHandlers {
  const handlers = operations.map(([name, { response, status, raw, download }]) => [
    name,
    async ({ fastify: { reply } }: { fastify: { reply: { code(n: number): { send(body?: unknown): unknown } } } }) => {
      if (response !== undefined) return sample(response, { full: true, ...(extra === undefined ? {} : { extra }) })
      if (raw === true && status !== 204) reply.code(status).send(download === undefined ? undefined : 'bytes')
      return undefined
    },
  ])
  // Made for all routes alike: their types are what the samples are made from.
  return Object.fromEntries(handlers) as ApiHandlers
}

/** A request that an operation takes. */
export function requestFor(route: Route) {
  const params = route.params === undefined ? {} : (sample(route.params, { full: true }) as Record<string, unknown>)
  const query = route.query === undefined ? {} : (sample(route.query, { full: false }) as Record<string, unknown>)
  const url = `/api/v1${route.path.replace(/:([a-zA-Z]+)/g, (_all, name: string) => String(params[name]))}`
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString()
  const isUpload = route.upload !== undefined
  return {
    method: route.method,
    url: search === '' ? url : `${url}?${search}`,
    headers: { host: 'localhost', ...(isUpload ? { 'content-type': route.upload } : {}) } as Record<string, string>,
    ...(isUpload ? { payload: Buffer.from('bytes') } : {}),
    // JSON text, as the types of what is sent are those of the schema.
    ...(route.body === undefined
      ? {}
      : {
          payload: JSON.stringify(sample(route.body, { full: false })),
          headers: { host: 'localhost', 'content-type': 'application/json' } as Record<string, string>,
        }),
  }
}

/** An application with handlers for all routes. */
export async function openSample(change: Partial<ApiOptions> = {}) {
  const sink = new AuditSink()
  const api = await openApi({
    services: sink.services,
    handlers: sampleHandlers(),
    authenticate,
    version: '0.0.0',
    ...change,
  })
  return { api, sink }
}
