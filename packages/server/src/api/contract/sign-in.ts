import { Type } from 'typebox'
import { permissions, roleNames } from '../../users/roles.ts'
import { anyJson, closed, list, name, named, nullable, time, words } from './common.ts'
import type { Routes } from './route.ts'

/** Name of a role. */
export const role = words(...roleNames)
const password = Type.String({ minLength: 1, maxLength: 256 })
const code = Type.String({ minLength: 6, maxLength: 32 })

/** What the sign-in page must know. */
const welcome = named(
  'Welcome',
  closed({
    product: Type.String(),
    /** System-use notification to be shown before signing in; empty for none. */
    notice: Type.String(),
    /** Nobody exists yet: only the one-time link opens. */
    firstRun: Type.Boolean(),
    providers: Type.Array(closed({ id: Type.String(), name: Type.String() })),
  }),
)

/** A session as its owner sees it. */
export const session = named(
  'Session',
  closed({
    /** `second-factor`: a factor must be proven; `must-enroll`: one must be set up; `signed-in`: all is open. */
    state: words('signed-in', 'second-factor', 'must-enroll'),
    user: closed({ id: Type.String(), name: Type.String(), display: Type.String() }),
    roles: Type.Array(role),
    permissions: Type.Array(words(...permissions)),
    /** Factors that can be proven now. */
    factors: Type.Array(words('totp', 'webauthn', 'recovery')),
    /** To be sent as `x-csrf-token` with every change. */
    csrf: Type.String(),
    idleUntil: time,
    endsAt: time,
  }),
)

const sessionEntry = named(
  'SessionEntry',
  closed({
    id: Type.String(),
    current: Type.Boolean(),
    address: Type.String(),
    agent: Type.String(),
    createdAt: time,
    seenAt: time,
    endsAt: time,
    secondFactorAt: nullable(time),
  }),
)

const factors = named(
  'Factors',
  closed({
    totp: nullable(closed({ since: time })),
    webauthn: Type.Array(closed({ id: Type.String(), name: Type.String(), createdAt: time, usedAt: nullable(time) })),
    /** Recovery codes that are left. */
    recovery: Type.Integer(),
    passwordSince: nullable(time),
  }),
)

const recoveryCodes = named('RecoveryCodes', closed({ codes: Type.Array(Type.String()) }))
const publicKeyOptions = named('PublicKeyOptions', closed({ options: anyJson }))
const idParams = closed({ id: Type.String({ maxLength: 128 }) })

/** Signing in, and one's own account. */
export const signInRoutes = {
  'welcome.read': {
    method: 'GET',
    path: '/welcome',
    access: 'public',
    summary: 'What the sign-in page shows',
    status: 200,
    response: welcome,
  },
  'firstRun.use': {
    method: 'POST',
    path: '/first-run',
    access: 'public',
    summary: 'Make the first administrator with the one-time link',
    status: 201,
    perMinute: 10,
    raw: true,
    body: closed({
      token: Type.String({ maxLength: 128 }),
      name,
      display: Type.Optional(Type.String({ maxLength: 128 })),
      password,
    }),
    response: session,
  },
  'invitation.use': {
    method: 'POST',
    path: '/invitation',
    access: 'public',
    summary: 'Set a password with an invitation or reset link',
    status: 201,
    perMinute: 10,
    raw: true,
    body: closed({ token: Type.String({ maxLength: 128 }), password }),
    response: session,
  },
  'session.start': {
    method: 'POST',
    path: '/session',
    access: 'public',
    summary: 'Sign in with name and password',
    status: 200,
    perMinute: 20,
    raw: true,
    body: closed({ name: Type.String({ minLength: 1, maxLength: 128 }), password }),
    response: session,
  },
  'session.read': {
    method: 'GET',
    path: '/session',
    access: 'signed-in',
    summary: 'Who I am and what I may do',
    status: 200,
    response: session,
  },
  'session.totp': {
    method: 'POST',
    path: '/session/totp',
    access: 'public',
    summary: 'Prove the second factor with a code',
    status: 200,
    perMinute: 20,
    raw: true,
    body: closed({ code }),
    response: session,
  },
  'session.recovery': {
    method: 'POST',
    path: '/session/recovery',
    access: 'public',
    summary: 'Prove the second factor with a recovery code',
    status: 200,
    perMinute: 10,
    raw: true,
    body: closed({ code }),
    response: session,
  },
  'session.webauthnOptions': {
    method: 'POST',
    path: '/session/webauthn/options',
    access: 'public',
    summary: 'Challenge for a security key',
    status: 200,
    perMinute: 30,
    raw: true,
    response: publicKeyOptions,
  },
  'session.webauthn': {
    method: 'POST',
    path: '/session/webauthn',
    access: 'public',
    summary: 'Prove the second factor with a security key',
    status: 200,
    perMinute: 20,
    raw: true,
    body: closed({ response: anyJson }),
    response: session,
  },
  'session.end': {
    method: 'DELETE',
    path: '/session',
    access: 'signed-in',
    summary: 'Sign out',
    status: 204,
    raw: true,
    sessionOnly: true,
  },
  'oidc.start': {
    method: 'GET',
    path: '/oidc/:id/start',
    access: 'public',
    summary: 'Sign in through an identity provider',
    status: 302,
    raw: true,
    perMinute: 20,
    params: idParams,
  },
  'oidc.callback': {
    method: 'GET',
    path: '/oidc/callback',
    access: 'public',
    summary: 'Return from an identity provider',
    status: 302,
    raw: true,
    perMinute: 20,
    query: Type.Object({}),
  },
  'account.sessions': {
    method: 'GET',
    path: '/account/sessions',
    access: 'signed-in',
    summary: 'My sessions',
    status: 200,
    response: list('SessionList', sessionEntry),
  },
  'account.endSession': {
    method: 'DELETE',
    path: '/account/sessions/:id',
    access: 'signed-in',
    summary: 'End one of my sessions',
    status: 204,
    params: idParams,
    sessionOnly: true,
  },
  'account.factors': {
    method: 'GET',
    path: '/account/factors',
    access: 'signed-in',
    summary: 'My password and second factors',
    status: 200,
    response: factors,
    sessionOnly: true,
  },
  'account.password': {
    method: 'POST',
    path: '/account/password',
    access: 'signed-in',
    summary: 'Change my password; my other sessions end',
    status: 204,
    perMinute: 10,
    sessionOnly: true,
    body: closed({ current: password, next: password }),
  },
  'account.totpBegin': {
    method: 'POST',
    path: '/account/totp',
    access: 'signed-in',
    summary: 'Begin to set up codes from an app',
    status: 200,
    perMinute: 10,
    sessionOnly: true,
    response: named('TotpSetup', closed({ uri: Type.String(), secret: Type.String() })),
  },
  'account.totpConfirm': {
    method: 'POST',
    path: '/account/totp/confirm',
    access: 'signed-in',
    summary: 'Confirm with a first code',
    status: 200,
    perMinute: 20,
    sessionOnly: true,
    raw: true,
    body: closed({ code }),
    response: recoveryCodes,
  },
  'account.totpRemove': {
    method: 'DELETE',
    path: '/account/totp',
    access: 'signed-in',
    summary: 'Remove codes from an app',
    status: 204,
    perMinute: 10,
    sessionOnly: true,
    body: closed({ password }),
  },
  'account.webauthnOptions': {
    method: 'POST',
    path: '/account/webauthn/options',
    access: 'signed-in',
    summary: 'Begin to add a security key',
    status: 200,
    perMinute: 20,
    sessionOnly: true,
    raw: true,
    response: publicKeyOptions,
  },
  'account.webauthnAdd': {
    method: 'POST',
    path: '/account/webauthn',
    access: 'signed-in',
    summary: 'Add a security key',
    status: 200,
    perMinute: 20,
    sessionOnly: true,
    raw: true,
    body: closed({ name: Type.String({ minLength: 1, maxLength: 64 }), response: anyJson }),
    response: recoveryCodes,
  },
  'account.webauthnRemove': {
    method: 'DELETE',
    path: '/account/webauthn/:id',
    access: 'signed-in',
    summary: 'Remove a security key',
    status: 204,
    sessionOnly: true,
    params: closed({ id: Type.String({ maxLength: 1024 }) }),
    body: closed({ password }),
  },
  'account.recovery': {
    method: 'POST',
    path: '/account/recovery',
    access: 'signed-in',
    summary: 'New recovery codes; the old ones end',
    status: 200,
    perMinute: 5,
    sessionOnly: true,
    body: closed({ password }),
    response: recoveryCodes,
  },
} as const satisfies Routes
