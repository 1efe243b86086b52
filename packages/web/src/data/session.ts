import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, ask, RequestFailure, setCsrfToken } from '../api.ts'
import type { Session } from '../api-types.ts'

/** Who is signed in; null for nobody. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      const session = await ask('Reading who is signed in', api.GET('/api/v1/session', { signal }))
      setCsrfToken(session.csrf)
      // With a factor still to be proven or set up, the sign-in page goes on.
      return session.state === 'signed-in' ? session : null
    } catch (cause) {
      if (cause instanceof RequestFailure && cause.status === 401) return null
      throw cause
    }
  },
})

/** What the manager says of itself to everybody: its name and the system-use notice. */
export const welcomeQuery = queryOptions({
  queryKey: ['welcome'],
  queryFn: ({ signal }) => ask('Reading the notice', api.GET('/api/v1/welcome', { signal })),
})

type Permission = Session['permissions'][number]

/** Whether whoever is signed in has this permission. Only a courtesy: the manager decides again. */
export function usePermits(permission: Permission | undefined): boolean {
  const { data } = useQuery(sessionQuery)
  return permission === undefined || (data?.permissions.includes(permission) ?? false)
}

/** Ends the session here and at the manager, and begins again at the sign-in page. */
export async function signOut(): Promise<void> {
  await ask('Signing out', api.DELETE('/api/v1/session'))
  window.location.assign('/sign-in')
}
