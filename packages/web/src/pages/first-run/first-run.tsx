import { Button, Stack, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { BarePage } from '../../credentials/bare-page.tsx'
import { useLinkToken } from '../../credentials/link-token.ts'
import { isReady, NewPassword, noPassword } from '../../credentials/new-password.tsx'
import { Refused } from '../../components/refused.tsx'
import { SessionSteps, useEnter, useTakeSession } from '../../credentials/session-steps.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'

/** Makes the first administrator with the link that the manager printed. */
export function Page() {
  const linked = useLinkToken()
  const [pasted, setPasted] = useState('')
  const [name, setName] = useState('')
  const [display, setDisplay] = useState('')
  const [password, setPassword] = useState(noPassword)
  const [session, setSession] = useState<Shapes['Session']>()
  const take = useTakeSession()
  const enter = useEnter()
  const token = linked ?? pasted.trim().replace(/^.*#/, '')
  const make = useMutation({
    mutationFn: () =>
      ask(
        'Making the first administrator',
        api.POST('/api/v1/first-run', {
          body: {
            token,
            name: name.trim(),
            ...(display.trim() === '' ? {} : { display: display.trim() }),
            password: password.password,
          },
        }),
      ),
    onSuccess: (next) => {
      take(next)
      if (next.state === 'signed-in') enter('/start')
      else setSession(next)
    },
  })
  if (session !== undefined) return <SessionSteps session={session} done={() => enter('/start')} />
  const send = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <BarePage
      title="Welcome to Cordon"
      lead="Make the first account. It administers this manager and can invite everybody else."
    >
      <form onSubmit={send}>
        <Stack gap="md">
          {linked === undefined ? (
            <TextInput
              label="One-time link"
              description="The manager printed it when it started. The link works once."
              size="sm"
              value={pasted}
              maxLength={512}
              autoComplete="off"
              onChange={({ currentTarget }) => setPasted(currentTarget.value)}
            />
          ) : null}
          <TextInput
            label="Name"
            description="What you sign in with."
            size="sm"
            autoComplete="username"
            maxLength={128}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          <TextInput
            label="Your name in full"
            description="Optional. It stands in the audit and in versions."
            size="sm"
            autoComplete="name"
            maxLength={128}
            value={display}
            onChange={({ currentTarget }) => setDisplay(currentTarget.value)}
          />
          <NewPassword value={password} change={setPassword} name={name.trim()} />
          <Refused cause={make.error} words={(status) => (status === 403 || status === 410 ? gone : undefined)} />
          <Button
            type="submit"
            size="sm"
            fullWidth
            loading={make.isPending}
            disabled={token === '' || name.trim() === '' || !isReady(password, name.trim())}
          >
            Make the account
          </Button>
        </Stack>
      </form>
    </BarePage>
  )
}

const gone =
  'This link was used or has run out. Stop the manager and start it again: cordon server prints a new one at each start while nobody has an account.'
