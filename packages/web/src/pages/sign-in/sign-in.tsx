// biome-ignore-all lint/correctness/useExhaustiveDependencies: only another state of the session leads on
import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { useUrl } from '../../address/use-url.ts'
import { Loaded } from '../../components/loading.tsx'
import { BarePage, SystemUseNotice } from '../../credentials/bare-page.tsx'
import classes from '../../credentials/credentials.module.css'
import { Refused } from '../../components/refused.tsx'
import { SessionSteps, useEnter, useTakeSession } from '../../credentials/session-steps.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'

/** Signing in: name and password or a provider, then what else the session needs. */
export function Page() {
  const [{ to, failed }] = useUrl()
  const enter = useEnter()
  const session = useQuery({
    queryKey: ['sign-in-session'],
    queryFn: async () => {
      const { data } = await api.GET('/api/v1/session')
      return data ?? null
    },
    gcTime: 0,
    staleTime: 0,
  })
  const [opened, setOpened] = useState<Shapes['Session']>()
  const take = useTakeSession()
  const current = opened ?? session.data ?? undefined

  useEffect(() => {
    if (session.data?.state === 'signed-in') enter(to)
    else if (session.data !== undefined && session.data !== null) take(session.data)
  }, [session.data?.state])

  if (current !== undefined && current.state !== 'signed-in') {
    return <SessionSteps session={current} done={() => enter(to)} />
  }
  return (
    <Form
      providerFailed={failed !== undefined}
      to={to}
      done={(next) => {
        take(next)
        if (next.state === 'signed-in') enter(to)
        else setOpened(next)
      }}
    />
  )
}

function Form({
  to,
  providerFailed,
  done,
}: {
  readonly to: string | undefined
  readonly providerFailed: boolean
  readonly done: (session: Shapes['Session']) => void
}) {
  const welcome = useQuery({
    queryKey: ['welcome'],
    queryFn: ({ signal }) => ask('Reading the sign-in page', api.GET('/api/v1/welcome', { signal })),
  })
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const signIn = useMutation({
    mutationFn: () => ask('Signing in', api.POST('/api/v1/session', { body: { name: name.trim(), password } })),
    onSuccess: done,
    onError: () => setPassword(''),
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    signIn.mutate()
  }
  return (
    <BarePage title="Sign in" below={<SystemUseNotice text={welcome.data?.notice ?? ''} />}>
      <Loaded query={welcome} lines={3}>
        {({ firstRun, providers }) =>
          firstRun ? (
            <div className={classes['lead']}>
              <p>Nobody has an account here yet.</p>
              <p>
                Open the one-time link that the manager printed when it started. Is it gone? Stop the manager and start
                it again: <code>cordon server</code> prints a new one at each start while nobody has an account.
              </p>
            </div>
          ) : (
            <>
              {providerFailed ? (
                <Refused
                  cause={
                    new Error(
                      'The identity provider did not let you in. Try again, or ask an administrator to look at the provider.',
                    )
                  }
                />
              ) : null}
              <form onSubmit={send}>
                <Stack gap="md">
                  <TextInput
                    label="Name"
                    size="sm"
                    autoComplete="username"
                    autoFocus
                    maxLength={128}
                    value={name}
                    onChange={({ currentTarget }) => setName(currentTarget.value)}
                  />
                  <PasswordInput
                    label="Password"
                    size="sm"
                    autoComplete="current-password"
                    maxLength={256}
                    value={password}
                    onChange={({ currentTarget }) => setPassword(currentTarget.value)}
                  />
                  <Refused cause={signIn.error} words={signInWords} />
                  <Button
                    type="submit"
                    size="sm"
                    fullWidth
                    loading={signIn.isPending}
                    disabled={name.trim() === '' || password === ''}
                  >
                    Sign in
                  </Button>
                </Stack>
              </form>
              {providers.length === 0 ? null : (
                <>
                  <p className={classes['or']}>or</p>
                  <Stack gap="sm">
                    {providers.map(({ id, name: provider }) => (
                      <Button
                        key={id}
                        component="a"
                        href={`/api/v1/oidc/${encodeURIComponent(id)}/start${to === undefined ? '' : `?to=${encodeURIComponent(to)}`}`}
                        variant="default"
                        size="sm"
                        fullWidth
                      >
                        Sign in with {provider}
                      </Button>
                    ))}
                  </Stack>
                </>
              )}
            </>
          )
        }
      </Loaded>
    </BarePage>
  )
}

/** One sentence for a wrong name, a wrong password, a locked or a disabled account: it tells nothing apart. */
function signInWords(status: number): string | undefined {
  if (status === 400 || status === 401 || status === 403 || status === 422)
    return 'Name or password is not right, or the account is locked for a while. After several failures wait 15 minutes.'
  return status === 429 ? 'Too many attempts from here. Wait a few minutes, then try again.' : undefined
}
