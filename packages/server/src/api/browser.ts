import type {} from '@fastify/cookie'
import type { OpenedSession, SessionUse } from '../users/sessions.ts'
import { useSession } from '../users/sessions.ts'
import type { KeySite } from '../users/security-keys.ts'
import type { Asker, Origin } from '../users/origin.ts'
import { sessionCookie, sessionCookieOptions } from './authenticate.ts'
import type { Route } from './contract/route.ts'
import type { Call } from './handler.ts'
import { RequestProblem } from './problem.ts'
import { userPolicy } from './user-policy.ts'

/** A request of whatever operation. */
type AnyCall = Pick<Call<Route>, 'caller' | 'request' | 'services' | 'fastify'>

/** Keeps the browser's half of a sign-in at a provider. The way back comes from another site, so it cannot be strict. */
export const providerCookie = '__Host-cordon-oidc'
/** What {@link providerCookie} is set with. */
export const providerCookieOptions = {
  secure: true,
  httpOnly: true,
  sameSite: 'lax',
  path: '/',
  maxAge: 600,
} as const

/** The address that the browser has the manager at: `https://host:port`. */
export function originOf({ fastify, request }: AnyCall): string {
  return `${fastify.request.protocol}://${request.host}`
}

/** The site that security keys of this browser are bound to. */
export function siteOf(call: AnyCall): KeySite {
  const origin = originOf(call)
  return { origin, host: new URL(origin).hostname }
}

/** Where a request came from, and when. */
export function visitorOf({ request }: AnyCall): Origin {
  return { address: request.address, userAgent: request.agent, request: request.id, now: Date.now() }
}

/** Who asks for a change, from where and when. */
export function askerOf(call: AnyCall): Asker {
  return { ...visitorOf(call), actor: call.caller.actor }
}

/** The secret of the session cookie; empty without one. */
export function cookieSecret({ fastify }: AnyCall): string {
  return fastify.request.cookies[sessionCookie] ?? ''
}

/**
 * The session of a browser's request.
 * @throws RequestProblem 401 without one
 */
export async function sessionOf(call: AnyCall): Promise<SessionUse> {
  const { store } = call.services
  const use = await useSession(store, await userPolicy(store.db), cookieSecret(call), Date.now())
  if (use === undefined) throw new RequestProblem(401, { code: 'not-signed-in', message: 'the session ended; sign in' })
  return use
}

/** Gives the browser the secret of its session. */
export function keepSession({ fastify }: AnyCall, { secret }: OpenedSession): void {
  fastify.reply.setCookie(sessionCookie, secret, sessionCookieOptions)
}

/** Takes the session cookie from the browser. */
export function dropSession({ fastify }: AnyCall): void {
  fastify.reply.clearCookie(sessionCookie, sessionCookieOptions)
}
