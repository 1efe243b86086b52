import type { Static } from 'typebox'
import { changeUser, createUser, unlockUser } from '../../users/changes.ts'
import { createUserLink, type OneTimeLink } from '../../users/links.ts'
import { roleNames, roles } from '../../users/roles.ts'
import { removeFactors } from '../../users/second-factor.ts'
import { endSessions } from '../../users/sessions.ts'
import { type ApiToken, createToken, listTokens, revokeToken } from '../../users/tokens.ts'
import { type ListedUser, listUsers, readUser } from '../../users/user.ts'
import { askerOf, originOf } from '../browser.ts'
import type { Route } from '../contract/route.ts'
import type { userRoutes } from '../contract/users.ts'
import type { Call, Handlers } from '../handler.ts'
import { notFound, RequestProblem } from '../problem.ts'
import { userPolicy } from '../user-policy.ts'
import { providerHandlers } from './identity-providers.ts'

type AnyCall = Pick<Call<Route>, 'caller' | 'request' | 'services' | 'fastify'>
type UserBody = Static<(typeof userRoutes)['users.read']['response']>
type TokenBody = Static<(typeof userRoutes)['tokens.list']['response']>['items'][number]

const dayMs = 24 * 60 * 60_000

function stateOf({ disabledAt, lockedUntil, hasPassword, provider }: ListedUser): UserBody['state'] {
  if (disabledAt !== null) return 'disabled'
  if (lockedUntil !== null) return 'locked'
  return hasPassword || provider !== null ? 'active' : 'invited'
}

function userBody(user: ListedUser): UserBody {
  return {
    id: user.id,
    name: user.name,
    display: user.displayName,
    roles: [...user.roles],
    state: stateOf(user),
    lockedUntil: user.lockedUntil?.toISOString() ?? null,
    provider: user.provider,
    factors: [...user.factors],
    sessions: user.sessions,
    createdAt: user.createdAt.toISOString(),
    seenAt: user.signedInAt?.toISOString() ?? null,
  }
}

async function readBody({ services: { store } }: AnyCall, id: string): Promise<UserBody> {
  const [user] = await listUsers(store, await userPolicy(store.db), { now: Date.now(), id })
  if (user === undefined) throw notFound('such user')
  return userBody(user)
}

/** The secret stands behind `#`, so that no log of a server or proxy ever has it. */
function linkBody(call: AnyCall, { secret, expiresAt }: OneTimeLink): { url: string; expiresAt: string } {
  return { url: `${originOf(call)}/invitation#${secret}`, expiresAt: expiresAt.toISOString() }
}

function tokenBody(token: ApiToken): TokenBody {
  return {
    id: token.id,
    name: token.name,
    prefix: token.prefix,
    owner: token.owner,
    roles: [...token.roles],
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt.toISOString(),
    usedAt: token.usedAt?.toISOString() ?? null,
    revokedAt: token.revokedAt?.toISOString() ?? null,
  }
}

/** Users, their tokens, and identity providers. */
export const userHandlers = {
  'roles.list': async () => ({ items: roleNames.map((name) => ({ name, permissions: [...roles[name]] })) }),
  'users.list': async ({ services: { store } }) => {
    const users = await listUsers(store, await userPolicy(store.db), { now: Date.now() })
    return { items: users.map(userBody) }
  },
  'users.create': async (call) => {
    const { store } = call.services
    const { name, display, roles: names } = call.body
    const given = { name, displayName: display, roles: names }
    const { user, link } = await createUser(store, await userPolicy(store.db), given, askerOf(call))
    return { user: await readBody(call, user.id), invitation: linkBody(call, link) }
  },
  'users.read': async (call) => await readBody(call, call.params.id),
  'users.change': async (call) => {
    const { display, roles: names, disabled } = call.body
    const { id } = call.params
    await changeUser(call.services.store, id, { displayName: display, roles: names, disabled }, askerOf(call))
    return await readBody(call, id)
  },
  'users.reset': async (call) => {
    const { store } = call.services
    return linkBody(call, await createUserLink(store, await userPolicy(store.db), call.params.id, askerOf(call)))
  },
  'users.unlock': async (call) => {
    await unlockUser(call.services.store, call.params.id, askerOf(call))
    return undefined
  },
  'users.removeFactors': async (call) => {
    await removeFactors(call.services.store, call.params.id, askerOf(call))
    return undefined
  },
  'users.endSessions': async (call) => {
    const user = await readUser(call.services.store, call.params.id)
    if (user === undefined) throw notFound('such user')
    await endSessions(call.services.store, askerOf(call), user)
    return undefined
  },
  'tokens.list': async ({ services: { store }, query, caller }) => {
    if (query.all === true && !caller.may('user.read')) {
      throw new RequestProblem(403, { code: 'not-allowed', message: 'the tokens of everybody need user.read' })
    }
    const tokens = await listTokens(store, query.all === true ? undefined : (caller.user?.id ?? ''))
    return { items: tokens.map(tokenBody) }
  },
  'tokens.create': async (call) => {
    const { store } = call.services
    const { name, roles: names, days } = call.body
    const { user } = call.caller
    if (user === undefined) throw notFound('such user')
    const given = { name, roles: names, lifetimeMs: days === undefined ? undefined : days * dayMs }
    const { token, secret } = await createToken(store, await userPolicy(store.db), user, given, askerOf(call))
    return { token: tokenBody(token), secret }
  },
  'tokens.revoke': async (call) => {
    const { caller, services, params } = call
    const owner = caller.may('user.write') ? undefined : (caller.user?.id ?? '')
    await revokeToken(services.store, askerOf(call), params.id, owner)
    return undefined
  },
  ...providerHandlers,
} satisfies Handlers<typeof userRoutes>
