import type { Actor } from '../audit/audit.ts'
import type { Role } from '../users/roles.ts'

/** How far somebody has come: a factor must be proven, one must be set up, or all is open that the roles permit. */
export type SignInState = 'signed-in' | 'second-factor' | 'must-enroll'

/** Who showed a session or a token that is good. */
export interface Identity {
  readonly actor: Actor
  readonly user: { readonly id: string; readonly name: string; readonly display: string }
  /** Those of this moment. */
  readonly roles: readonly Role[]
  /** A token is `signed-in` or is not known at all. */
  readonly state: SignInState
  /** Id of the session; undefined for a token. */
  readonly session: string | undefined
  /** Id of the token; undefined for a session. */
  readonly token: string | undefined
  /** Whether a text is what changes of this session must carry in `x-csrf-token`, in constant time. */
  isCsrfToken(text: string): boolean
}

/** Finds who a request comes from. Both answer undefined for what is unknown, ran out or was ended. */
export interface Authenticate {
  /** By the secret of the session cookie. */
  session(secret: string): Promise<Identity | undefined>
  /** By an API token, `cordon_…`. */
  token(secret: string): Promise<Identity | undefined>
}

/**
 * Name of the session cookie. The prefix makes browsers take it only with Secure, Path=/ and no Domain (RFC 6265bis
 * 4.1.3.2), so that no neighbour of the same domain can plant one.
 */
export const sessionCookie = '__Host-cordon'

/** What the session cookie is set with. */
export const sessionCookieOptions = { secure: true, httpOnly: true, sameSite: 'strict', path: '/' } as const

/** How an API token begins, for scanners of leaked secrets too. */
export const tokenPrefix = 'cordon_'
