import { Button, PasswordInput, Stack } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Remark, Section } from '../../components/section.tsx'
import { isReady, NewPassword, noPassword } from '../../credentials/new-password.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'

/** Changes one's password. */
export function Password() {
  const [isOpen, setOpen] = useState(false)
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState(noPassword)
  const queries = useQueryClient()
  const change = useMutation({
    mutationFn: () =>
      ask('Changing the password', api.POST('/api/v1/account/password', { body: { current, next: next.password } })),
    onSuccess: () => {
      setOpen(false)
      setCurrent('')
      setNext(noPassword)
      void queries.invalidateQueries({ queryKey: ['account'] })
    },
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    change.mutate()
  }
  return (
    <Section
      title="Password"
      lead="Changing it ends your other sessions."
      actions={
        isOpen ? null : (
          <Button variant="default" onClick={() => setOpen(true)}>
            Change password
          </Button>
        )
      }
    >
      {change.isSuccess && !isOpen ? (
        <Remark tone="good">The password is changed. Your other sessions have ended.</Remark>
      ) : null}
      {isOpen ? (
        <form onSubmit={send} style={{ maxWidth: '24rem' }}>
          <Stack gap="md">
            <PasswordInput
              label="Current password"
              size="sm"
              autoComplete="current-password"
              autoFocus
              maxLength={256}
              value={current}
              onChange={({ currentTarget }) => setCurrent(currentTarget.value)}
            />
            <NewPassword value={next} change={setNext} name="" label="New password" />
            <Refused cause={change.error} />
            <div style={{ display: 'flex', gap: 8 }}>
              <Button type="submit" loading={change.isPending} disabled={current === '' || !isReady(next, '')}>
                Change password
              </Button>
              <Button variant="default" onClick={() => setOpen(false)}>
                Cancel
              </Button>
            </div>
          </Stack>
        </form>
      ) : null}
    </Section>
  )
}
