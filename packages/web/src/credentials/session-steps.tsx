import { useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { api, ask, setCsrfToken } from '../api.ts'
import type { Shapes } from '../api-types.ts'
import { sessionQuery } from '../data/session.ts'
import { BarePage } from './bare-page.tsx'
import { EnrollFactor } from './enroll-factor.tsx'
import { SecondFactor } from './second-factor.tsx'
import { whereTo } from './where-to.ts'

/** Keeps a session that was just opened, so that the next request is made with its token. */
export function useTakeSession(): (session: Shapes['Session']) => void {
  const queries = useQueryClient()
  return (session) => {
    setCsrfToken(session.csrf)
    // What was asked before was answered with “not signed in”.
    if (session.state !== 'signed-in') return
    queries.setQueryData(sessionQuery.queryKey, session)
    void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })
  }
}

/** Goes where the person wanted to go before signing in. */
export function useEnter(): (wanted: string | undefined) => void {
  const router = useRouter()
  return (wanted) => router.history.replace(whereTo(wanted))
}

/** What a session still needs before everything is open: a factor to be shown, or to be set up. */
export function SessionSteps({ session, done }: { readonly session: Shapes['Session']; readonly done: () => void }) {
  const take = useTakeSession()
  if (session.state === 'second-factor') {
    return (
      <BarePage
        title="Second factor"
        lead={`Signed in as ${session.user.display || session.user.name}. One more step.`}
      >
        <SecondFactor
          factors={session.factors}
          done={(next) => {
            take(next)
            if (next.state === 'signed-in') done()
          }}
        />
      </BarePage>
    )
  }
  return (
    <BarePage
      title="Set up a second factor"
      lead="Your role needs one, so that a password that leaks opens nothing. This takes a minute."
    >
      <EnrollFactor
        done={() =>
          void ask('Reading who is signed in', api.GET('/api/v1/session')).then((next) => {
            take(next)
            if (next.state === 'signed-in') done()
          })
        }
      />
    </BarePage>
  )
}
