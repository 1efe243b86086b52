import type { Store } from '../store/store.ts'
import { isCsrfToken, type SessionState, useSession } from '../users/sessions.ts'
import { useToken } from '../users/tokens.ts'
import type { Authenticate, SignInState } from './authenticate.ts'
import { userPolicy } from './user-policy.ts'

/** States of a session in the words of the API. */
export const sessionStates = {
  full: 'signed-in',
  'second-factor': 'second-factor',
  'must-enrol': 'must-enroll',
} as const satisfies Readonly<Record<SessionState, SignInState>>

/** Finds who a request comes from by the users of a store. */
export function identitiesOf(store: Pick<Store, 'db'>): Authenticate {
  return {
    session: async (secret) => {
      const use = await useSession(store, await userPolicy(store.db), secret, Date.now())
      if (use === undefined) return undefined
      const { session, user, actor } = use
      return {
        actor,
        user: { id: user.id, name: user.name, display: user.displayName },
        roles: user.roles,
        state: sessionStates[session.state],
        session: session.id,
        token: undefined,
        isCsrfToken: (text) => isCsrfToken(secret, text),
      }
    },
    token: async (secret) => {
      const use = await useToken(store, secret, Date.now())
      if (use === undefined) return undefined
      const { id, user, roles, actor } = use
      return {
        actor,
        user: { id: user.id, name: user.name, display: user.displayName },
        roles,
        state: 'signed-in',
        session: undefined,
        token: id,
        isCsrfToken: () => false,
      }
    },
  }
}
