import { Button, Stack } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from '../../components/link.tsx'
import { BarePage } from '../../credentials/bare-page.tsx'
import { useLinkToken } from '../../credentials/link-token.ts'
import { isReady, NewPassword, noPassword } from '../../credentials/new-password.tsx'
import { Refused } from '../../components/refused.tsx'
import { SessionSteps, useEnter, useTakeSession } from '../../credentials/session-steps.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'

/** Sets a password with the link of an invitation or a reset. */
export function Page() {
  const token = useLinkToken()
  const [password, setPassword] = useState(noPassword)
  const [session, setSession] = useState<Shapes['Session']>()
  const take = useTakeSession()
  const enter = useEnter()
  const set = useMutation({
    mutationFn: (given: string) =>
      ask(
        'Setting the password',
        api.POST('/api/v1/invitation', { body: { token: given, password: password.password } }),
      ),
    onSuccess: (next) => {
      take(next)
      if (next.state === 'signed-in') enter('/')
      else setSession(next)
    },
  })
  if (session !== undefined) return <SessionSteps session={session} done={() => enter('/')} />
  if (token === undefined) {
    return (
      <BarePage title="This link is not complete">
        <p>
          Open the whole link that you were given: a part of it is missing here. It works once and for a limited time;
          an administrator can make a new one. <Link to="/sign-in">Go to the sign-in page</Link>.
        </p>
      </BarePage>
    )
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    set.mutate(token)
  }
  return (
    <BarePage title="Choose a password" lead="With it your account is ready. The link you came with ends when you do.">
      <form onSubmit={send}>
        <Stack gap="md">
          <NewPassword value={password} change={setPassword} name="" />
          <Refused
            cause={set.error}
            words={(status) =>
              status === 403 || status === 410
                ? 'This link was used or has run out. Ask an administrator for a new one.'
                : undefined
            }
          />
          <Button type="submit" size="sm" fullWidth loading={set.isPending} disabled={!isReady(password, '')}>
            Set the password
          </Button>
        </Stack>
      </form>
    </BarePage>
  )
}
