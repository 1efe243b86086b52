import { NotAllowed, PeerError, UsageError } from '@cordon/core/errors'
import type { Static } from 'typebox'
import { readSettings } from '../../settings/settings.ts'
import { hasUsers, useFirstRunLink, useLink } from '../../users/links.ts'
import { finishProviderSignIn, startProviderSignIn } from '../../users/provider-sign-in.ts'
import { listProviders } from '../../users/providers.ts'
import { permissions, permits, type Role } from '../../users/roles.ts'
import { type FactorProof, proveSecondFactor, readFactors } from '../../users/second-factor.ts'
import { keyAuthenticationOptions } from '../../users/security-keys.ts'
import { csrfToken, type OpenedSession, type SessionUse } from '../../users/sessions.ts'
import { signIn, signOut } from '../../users/sign-in.ts'
import { listTokens } from '../../users/tokens.ts'
import {
  cookieSecret,
  dropSession,
  keepSession,
  originOf,
  providerCookie,
  providerCookieOptions,
  sessionOf,
  siteOf,
  visitorOf,
} from '../browser.ts'
import type { Route } from '../contract/route.ts'
import type { session, signInRoutes } from '../contract/sign-in.ts'
import type { Call, Handlers } from '../handler.ts'
import { sessionStates } from '../identities.ts'
import { RequestProblem } from '../problem.ts'
import { userPolicy } from '../user-policy.ts'
import { accountHandlers } from './account.ts'

type SessionBody = Static<typeof session>
type AnyCall = Pick<Call<Route>, 'caller' | 'request' | 'services' | 'fastify'>

/** What a refusal is to who asks: the status that pages tell it from others by. */
async function refusedAs<T>(status: 401 | 403 | 410, code: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof NotAllowed)) throw cause
    throw new RequestProblem(status, { code, message: cause.message }, { cause })
  }
}

async function sessionBody(call: AnyCall, { session, user }: SessionUse, secret: string): Promise<SessionBody> {
  const { store } = call.services
  const { totpSince, keys, recoveryCodes } = await readFactors(store, user.id)
  const { host } = siteOf(call)
  const isOpen = session.state === 'full'
  return {
    state: sessionStates[session.state],
    user: { id: user.id, name: user.name, display: user.displayName },
    roles: [...user.roles],
    // Nothing is permitted before the sign-in is complete.
    permissions: isOpen ? permitted(user.roles) : [],
    factors: isOpen
      ? []
      : [
          ...(totpSince === null ? [] : (['totp'] as const)),
          ...(keys.some((key) => key.host === host) ? (['webauthn'] as const) : []),
          ...(recoveryCodes === 0 ? [] : (['recovery'] as const)),
        ],
    csrf: csrfToken(secret),
    idleUntil: session.idleUntil.toISOString(),
    endsAt: session.endsAt.toISOString(),
  }
}

function permitted(roles: readonly Role[]): SessionBody['permissions'] {
  return permissions.filter((permission) => permits(roles, permission))
}

/** Gives the browser its session, and says what it is. */
async function entered(call: AnyCall, opened: OpenedSession): Promise<SessionBody> {
  keepSession(call, opened)
  return await sessionBody(call, opened, opened.secret)
}

async function prove(call: AnyCall, proof: FactorProof): Promise<SessionBody> {
  const { store } = call.services
  const use = await sessionOf(call)
  const policy = await userPolicy(store.db)
  const proven = proveSecondFactor(store, policy, use, proof, visitorOf(call))
  return await entered(call, await refusedAs(403, 'factor-refused', proven))
}

/** A path of the web interface to go to afterwards; never another site. */
function wanted(to: unknown): string {
  return typeof to === 'string' && to.length <= 500 && /^\/(?![/\\])[\x21-\x7e]*$/.test(to) ? to : '/'
}

function redirectUri(call: AnyCall): string {
  return `${originOf(call)}/api/v1/oidc/callback`
}

/** The page that tells of a failed sign-in; why is for administrators. */
const failedPage = '/sign-in?failed=1'

const sessionHandlers = {
  'welcome.read': async ({ services: { store } }) => {
    const { notice } = await readSettings(store.db)
    const providers = (await listProviders(store)).filter(({ enabled }) => enabled)
    return {
      product: 'Cordon',
      notice,
      firstRun: !(await hasUsers(store.db)),
      providers: providers.map(({ id, name }) => ({ id, name })),
    }
  },
  'firstRun.use': async (call) => {
    const { store } = call.services
    const { token: secret, name, display, password } = call.body
    const given = { secret, name, password, ...(display === undefined ? {} : { displayName: display }) }
    const used = useFirstRunLink(store, await userPolicy(store.db), given, visitorOf(call))
    return await entered(call, await refusedAs(410, 'link-gone', used))
  },
  'invitation.use': async (call) => {
    const { store } = call.services
    const { token: secret, password } = call.body
    const used = useLink(store, await userPolicy(store.db), { secret, password }, visitorOf(call))
    return await entered(call, await refusedAs(410, 'link-gone', used))
  },
  'session.start': async (call) => {
    const { store } = call.services
    const signed = signIn(store, await userPolicy(store.db), call.body, visitorOf(call))
    return await entered(call, await refusedAs(401, 'sign-in-refused', signed))
  },
  'session.read': async (call) => {
    const { caller, services } = call
    const { user } = caller
    if (caller.token === undefined || user === undefined)
      return await sessionBody(call, await sessionOf(call), cookieSecret(call))
    const token = (await listTokens(services.store, user.id)).find(({ id }) => id === caller.token)
    const endsAt = (token?.expiresAt ?? new Date()).toISOString()
    return {
      state: 'signed-in',
      user: { id: user.id, name: user.name, display: user.display },
      roles: [...caller.roles],
      permissions: permitted(caller.roles),
      factors: [],
      // A token carries no cookie that a page could abuse.
      csrf: '',
      idleUntil: endsAt,
      endsAt,
    }
  },
  'session.totp': async (call) => await prove(call, { kind: 'totp', code: call.body.code }),
  'session.recovery': async (call) => await prove(call, { kind: 'recovery', code: call.body.code }),
  'session.webauthnOptions': async (call) => {
    const use = await sessionOf(call)
    return { options: await keyAuthenticationOptions(call.services.store, use, siteOf(call), Date.now()) }
  },
  'session.webauthn': async (call) => {
    return await prove(call, { kind: 'webauthn', response: call.body.response, site: siteOf(call) })
  },
  'session.end': async (call) => {
    await signOut(call.services.store, await sessionOf(call), visitorOf(call))
    dropSession(call)
    return undefined
  },
  'oidc.start': async (call) => {
    const { store } = call.services
    const { request, reply } = call.fastify
    // As the router parsed it: an object of texts.
    const to = wanted((request.query as Readonly<Record<string, unknown>>)['to'])
    try {
      const { url, browserSecret } = await startProviderSignIn(store, call.params.id, redirectUri(call), Date.now())
      reply.setCookie(
        providerCookie,
        `${browserSecret}.${Buffer.from(to).toString('base64url')}`,
        providerCookieOptions,
      )
      await reply.redirect(url, 302)
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof PeerError)) throw error
      request.log.warn({ err: error }, 'sign-in at a provider cannot begin')
      await reply.redirect(failedPage, 302)
    }
    return undefined
  },
  'oidc.callback': async (call) => {
    const { store } = call.services
    const { request, reply } = call.fastify
    const [browserSecret = '', path = ''] = (request.cookies[providerCookie] ?? '').split('.')
    const to = wanted(Buffer.from(path, 'base64url').toString())
    reply.clearCookie(providerCookie, providerCookieOptions)
    const [, query = ''] = /^[^?]*\?(.*)$/s.exec(request.url) ?? []
    try {
      const opened = await finishProviderSignIn(
        store,
        await userPolicy(store.db),
        { query, browserSecret },
        visitorOf(call),
      )
      keepSession(call, opened)
      const next = opened.session.state === 'full' ? to : `/sign-in?to=${encodeURIComponent(to)}`
      await reply.redirect(next, 302)
    } catch (error) {
      if (!(error instanceof NotAllowed || error instanceof UsageError || error instanceof PeerError)) throw error
      await reply.redirect(failedPage, 302)
    }
    return undefined
  },
} satisfies Partial<Handlers<typeof signInRoutes>>

/** Signing in, and one's own account. */
export const signInHandlers = { ...sessionHandlers, ...accountHandlers } satisfies Handlers<typeof signInRoutes>
