import { queryOptions, useQuery } from '@tanstack/react-query'
import { get, RequestFailure, send, setCsrfToken } from '../api.ts'
import type { Session } from '../api-types.ts'

/** Who is signed in; null for nobody. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      const session = await get<Session>('Reading who is signed in', '/session', {}, signal)
      setCsrfToken(session.csrfToken)
      return session
    } catch (cause) {
      if (cause instanceof RequestFailure && cause.status === 401) return null
      throw cause
    }
  },
})

/** Whether whoever is signed in has this permission. Only a courtesy: the manager decides again. */
export function usePermits(permission: string | undefined): boolean {
  const { data } = useQuery(sessionQuery)
  return permission === undefined || (data?.permissions.includes(permission) ?? false)
}

/** Ends the session here and at the manager, and begins again at the sign-in page. */
export async function signOut(): Promise<void> {
  await send<undefined>('Signing out', 'DELETE', '/session')
  window.location.assign('/sign-in')
}
