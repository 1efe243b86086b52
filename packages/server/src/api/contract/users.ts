import { Type } from 'typebox'
import { permissions } from '../../users/roles.ts'
import { closed, list, name, named, nullable, time, words } from './common.ts'
import type { Routes } from './route.ts'
import { role } from './sign-in.ts'

const display = Type.String({ maxLength: 128 })
const someRoles = Type.Array(role, { minItems: 1, maxItems: 16 })
const id = closed({ id: Type.String({ maxLength: 128 }) })

const user = named(
  'User',
  closed({
    id: Type.String(),
    name: Type.String(),
    display: Type.String(),
    roles: Type.Array(role),
    state: words('active', 'invited', 'locked', 'disabled'),
    lockedUntil: nullable(time),
    /** Identity provider, for who signs in through one. */
    provider: nullable(Type.String()),
    factors: Type.Array(words('totp', 'webauthn')),
    sessions: Type.Integer(),
    createdAt: time,
    seenAt: nullable(time),
  }),
)

/** A link that is shown once. */
const link = named('OneTimeLink', closed({ url: Type.String(), expiresAt: time }))

const token = named(
  'Token',
  closed({
    id: Type.String(),
    name: Type.String(),
    prefix: Type.String(),
    owner: Type.String(),
    roles: Type.Array(role),
    createdAt: time,
    expiresAt: time,
    usedAt: nullable(time),
    revokedAt: nullable(time),
  }),
)

const providerFields = {
  name: Type.String({ minLength: 1, maxLength: 64 }),
  issuer: Type.String({ minLength: 8, maxLength: 512 }),
  clientId: Type.String({ minLength: 1, maxLength: 256 }),
  /** Such as `realm_access.roles`. */
  rolePath: Type.String({ maxLength: 256 }),
  roleMap: Type.Record(Type.String({ maxLength: 256 }), Type.Array(role)),
  enabled: Type.Boolean(),
  /** Makes users at their first sign-in. */
  creates: Type.Boolean(),
}
const providerBody = closed({ ...providerFields, clientSecret: Type.Optional(Type.String({ maxLength: 1024 })) })
const provider = named('IdentityProvider', closed({ id: Type.String(), ...providerFields, hasSecret: Type.Boolean() }))

/** Users, their tokens, and identity providers. */
export const userRoutes = {
  'roles.list': {
    method: 'GET',
    path: '/roles',
    access: 'signed-in',
    summary: 'Roles and what each permits',
    status: 200,
    response: list(
      'RoleList',
      named('RoleEntry', closed({ name: role, permissions: Type.Array(words(...permissions)) })),
    ),
  },
  'users.list': {
    method: 'GET',
    path: '/users',
    access: 'user.read',
    summary: 'All users',
    status: 200,
    response: list('UserList', user),
  },
  'users.create': {
    method: 'POST',
    path: '/users',
    access: 'user.write',
    summary: 'A new user, with a link to set a password',
    status: 201,
    body: closed({ name, display: Type.Optional(display), roles: someRoles }),
    response: named('NewUser', closed({ user, invitation: link })),
  },
  'users.read': {
    method: 'GET',
    path: '/users/:id',
    access: 'user.read',
    summary: 'One user',
    status: 200,
    params: id,
    response: user,
  },
  'users.change': {
    method: 'PATCH',
    path: '/users/:id',
    access: 'user.write',
    summary: 'Change roles, display name, or disable',
    status: 200,
    params: id,
    body: closed({
      display: Type.Optional(display),
      roles: Type.Optional(someRoles),
      disabled: Type.Optional(Type.Boolean()),
    }),
    response: user,
  },
  'users.reset': {
    method: 'POST',
    path: '/users/:id/reset',
    access: 'user.write',
    summary: 'A link to set a new password; sessions end',
    status: 201,
    params: id,
    response: link,
  },
  'users.unlock': {
    method: 'POST',
    path: '/users/:id/unlock',
    access: 'user.write',
    summary: 'End a lock after failed attempts',
    status: 204,
    params: id,
  },
  'users.removeFactors': {
    method: 'DELETE',
    path: '/users/:id/factors',
    access: 'user.write',
    summary: 'Remove all second factors; sessions end',
    status: 204,
    params: id,
  },
  'users.endSessions': {
    method: 'DELETE',
    path: '/users/:id/sessions',
    access: 'user.write',
    summary: 'End all sessions',
    status: 204,
    params: id,
  },
  'tokens.list': {
    method: 'GET',
    path: '/tokens',
    access: 'signed-in',
    summary: 'My API tokens; all of them with `all=true` and user.read',
    status: 200,
    query: closed({ all: Type.Optional(Type.Boolean()) }),
    response: list('TokenList', token),
  },
  'tokens.create': {
    method: 'POST',
    path: '/tokens',
    access: 'signed-in',
    summary: 'A new API token of mine, shown once',
    status: 201,
    sessionOnly: true,
    body: closed({
      name: Type.String({ minLength: 1, maxLength: 64 }),
      roles: Type.Optional(someRoles),
      days: Type.Optional(Type.Integer({ minimum: 1, maximum: 730 })),
    }),
    response: named('NewToken', closed({ token, secret: Type.String() })),
  },
  'tokens.revoke': {
    method: 'DELETE',
    path: '/tokens/:id',
    access: 'signed-in',
    summary: 'Revoke a token: one’s own, or any with user.write',
    status: 204,
    params: id,
  },
  'providers.list': {
    method: 'GET',
    path: '/identity-providers',
    access: 'user.read',
    summary: 'Identity providers',
    status: 200,
    response: list('IdentityProviderList', provider),
  },
  'providers.create': {
    method: 'POST',
    path: '/identity-providers',
    access: 'user.write',
    summary: 'Add an identity provider',
    status: 201,
    body: providerBody,
    response: provider,
  },
  'providers.change': {
    method: 'PUT',
    path: '/identity-providers/:id',
    access: 'user.write',
    summary: 'Change an identity provider',
    status: 200,
    params: id,
    body: providerBody,
    response: provider,
  },
  'providers.remove': {
    method: 'DELETE',
    path: '/identity-providers/:id',
    access: 'user.write',
    summary: 'Remove an identity provider; its users can sign in no more',
    status: 204,
    params: id,
  },
  'providers.test': {
    method: 'POST',
    path: '/identity-providers/:id/test',
    access: 'user.write',
    summary: 'Reach it, and explain the last sign-ins',
    status: 200,
    params: id,
    response: named(
      'ProviderTest',
      closed({
        reachable: Type.Boolean(),
        explanation: Type.String(),
        attempts: Type.Array(
          closed({
            at: time,
            subject: Type.String(),
            outcome: Type.String(),
            roles: Type.Array(role),
            explanation: Type.String(),
          }),
        ),
      }),
    ),
  },
} as const satisfies Routes
