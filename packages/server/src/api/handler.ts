import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import type { Actor } from '../audit/audit.ts'
import type { Permission, Role } from '../users/roles.ts'
import type { SignInState } from './authenticate.ts'
import type { Route, Routes } from './contract/route.ts'
import type { Services } from './services.ts'

type Of<S> = S extends TSchema ? Static<S> : undefined

/** Who asks. */
export interface Caller {
  readonly actor: Actor
  /** Undefined for who is not signed in. */
  readonly user: { readonly id: string; readonly name: string; readonly display: string } | undefined
  readonly roles: readonly Role[]
  /** How far the sign-in has come. */
  readonly state: SignInState | 'anonymous'
  /** Id of the session, or of the token. */
  readonly session: string | undefined
  readonly token: string | undefined
  /** Whether the caller's roles permit it. */
  may(permission: Permission): boolean
}

/** A request as a handler gets it. */
export interface Call<R extends Route> {
  readonly params: Of<R['params']>
  readonly query: Of<R['query']>
  /** As validated; for an upload the stream of its bytes. */
  readonly body: R['upload'] extends string ? Upload : Of<R['body']>
  readonly caller: Caller
  readonly request: { readonly id: string; readonly address: string; readonly agent: string; readonly host: string }
  readonly services: Services
  /** Aborted when the client goes away or the manager ends. */
  readonly signal: AbortSignal
  /** For `raw` routes and uploads. */
  readonly fastify: { readonly request: FastifyRequest; readonly reply: FastifyReply }
}

/** The body of an upload: its bytes as they come, which end with an error where they are more than the route takes. */
export type Upload = Readable

/** Answers one operation: with the body of its success, or nothing for 204 and for a raw route that answered by itself. */
export type Handler<R extends Route> = (
  call: Call<R>,
) => Promise<
  R['response'] extends TSchema ? Static<R['response']> | (R['raw'] extends true ? undefined : never) : undefined
>

/** A handler for every route of a table. */
export type Handlers<T extends Routes> = { readonly [Name in keyof T]: Handler<T[Name]> }

/** Who changes something by this request: for the audit. */
export function changeBy({ caller, request }: Pick<Call<Route>, 'caller' | 'request'>): {
  readonly actor: Actor
  readonly address: string
  readonly request: string
} {
  return { actor: caller.actor, address: request.address, request: request.id }
}
/** Handlers for some routes of a table. */
export type SomeHandlers<T extends Routes> = { readonly [Name in keyof T]?: Handler<T[Name]> }
