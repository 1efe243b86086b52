import { NotAllowed, UsageError } from '@cordon/core/errors'
import { changeOwnPassword } from '../../users/changes.ts'
import {
  beginKey,
  beginTotp,
  type Enrolled,
  finishKey,
  finishTotp,
  readFactors,
  removeFactor,
  renewRecoveryCodes,
} from '../../users/second-factor.ts'
import { endSession, listSessions } from '../../users/sessions.ts'
import { readUser } from '../../users/user.ts'
import { askerOf, keepSession, sessionOf, siteOf } from '../browser.ts'
import type { Route } from '../contract/route.ts'
import type { signInRoutes } from '../contract/sign-in.ts'
import type { Call, Handlers } from '../handler.ts'
import { notFound, RequestProblem } from '../problem.ts'
import { userPolicy } from '../user-policy.ts'

type AnyCall = Pick<Call<Route>, 'caller' | 'request' | 'services' | 'fastify'>

/** A wrong password or code is no conflict of changes: pages show it at the field. */
async function checked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof NotAllowed)) throw cause
    throw new RequestProblem(403, { code: cause.code, message: cause.message }, { cause })
  }
}

/** The id of who asks: these routes have nobody else. */
function ownId({ caller }: AnyCall): string {
  if (caller.user === undefined) throw new UsageError('missing', 'nobody is signed in')
  return caller.user.id
}

/** Gives the browser the new secret of a session that has a factor now, and its codes. */
function enrolled(call: AnyCall, { opened, recoveryCodes }: Enrolled): { codes: string[] } {
  if (opened !== undefined) keepSession(call, opened)
  return { codes: [...recoveryCodes] }
}

/** One's own sessions, password and second factors. */
export const accountHandlers = {
  'account.sessions': async (call) => {
    const { store } = call.services
    const { session: current } = call.caller
    const policy = await userPolicy(store.db)
    const sessions = await listSessions(store, policy, { userId: ownId(call), now: Date.now() })
    return {
      items: sessions.map((session) => ({
        id: session.id,
        current: session.id === current,
        address: session.address,
        agent: session.userAgent,
        createdAt: session.createdAt.toISOString(),
        seenAt: session.seenAt.toISOString(),
        endsAt: session.endsAt.toISOString(),
        secondFactorAt: session.factorAt?.toISOString() ?? null,
      })),
    }
  },
  'account.endSession': async (call) => {
    await endSession(call.services.store, askerOf(call), call.params.id, ownId(call))
    return undefined
  },
  'account.factors': async (call) => {
    const { store } = call.services
    const { totpSince, keys, recoveryCodes } = await readFactors(store, ownId(call))
    const user = await readUser(store, ownId(call))
    if (user === undefined) throw notFound('such user')
    return {
      totp: totpSince === null ? null : { since: totpSince.toISOString() },
      webauthn: keys.map(({ id, name, createdAt, usedAt }) => ({
        id,
        name,
        createdAt: createdAt.toISOString(),
        usedAt: usedAt?.toISOString() ?? null,
      })),
      recovery: recoveryCodes,
      passwordSince: user.passwordChangedAt?.toISOString() ?? null,
    }
  },
  'account.password': async (call) => {
    const { store } = call.services
    const { current, next: password } = call.body
    const policy = await userPolicy(store.db)
    const use = await sessionOf(call)
    await checked(changeOwnPassword(store, policy, use, { current, password }, askerOf(call)))
    return undefined
  },
  'account.totpBegin': async (call) => {
    const { uri, secret } = await beginTotp(call.services.store, await sessionOf(call), `Cordon ${siteOf(call).host}`)
    return { uri, secret }
  },
  'account.totpConfirm': async (call) => {
    const { store } = call.services
    const use = await sessionOf(call)
    const confirmed = finishTotp(store, await userPolicy(store.db), use, call.body.code, askerOf(call))
    return enrolled(call, await checked(confirmed))
  },
  'account.totpRemove': async (call) => {
    const { store } = call.services
    const use = await sessionOf(call)
    const policy = await userPolicy(store.db)
    await checked(removeFactor(store, policy, use, { kind: 'totp' }, call.body.password, askerOf(call)))
    return undefined
  },
  'account.webauthnOptions': async (call) => {
    return { options: await beginKey(call.services.store, await sessionOf(call), siteOf(call), Date.now()) }
  },
  'account.webauthnAdd': async (call) => {
    const { store } = call.services
    const { name, response } = call.body
    const use = await sessionOf(call)
    const given = { name, response, site: siteOf(call) }
    return enrolled(call, await checked(finishKey(store, await userPolicy(store.db), use, given, askerOf(call))))
  },
  'account.webauthnRemove': async (call) => {
    const { store } = call.services
    const use = await sessionOf(call)
    const policy = await userPolicy(store.db)
    const what = { kind: 'webauthn', id: call.params.id } as const
    await checked(removeFactor(store, policy, use, what, call.body.password, askerOf(call)))
    return undefined
  },
  'account.recovery': async (call) => {
    const { store } = call.services
    const use = await sessionOf(call)
    const policy = await userPolicy(store.db)
    return { codes: [...(await checked(renewRecoveryCodes(store, policy, use, call.body.password, askerOf(call))))] }
  },
} satisfies Partial<Handlers<typeof signInRoutes>>
