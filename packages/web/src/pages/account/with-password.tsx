import { Button, Group, Modal, PasswordInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Refused } from '../../components/refused.tsx'

/** Something about one's credentials that is done only with the password typed again. */
export interface Guarded {
  readonly title: string
  readonly words: string
  readonly button: string
  readonly work: (password: string) => Promise<unknown>
}

/** Asks for the password, then does it. */
export function WithPassword({ wanted, close }: { readonly wanted: Guarded | undefined; readonly close: () => void }) {
  const [password, setPassword] = useState('')
  const leave = () => {
    setPassword('')
    act.reset()
    close()
  }
  const act = useMutation({
    mutationFn: ({ work }: Guarded) => work(password),
    onSuccess: leave,
    onError: () => setPassword(''),
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (wanted !== undefined) act.mutate(wanted)
  }
  return (
    <Modal
      opened={wanted !== undefined}
      onClose={leave}
      title={wanted?.title}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form onSubmit={send}>
        <p>{wanted?.words}</p>
        <PasswordInput
          mt="md"
          mb="md"
          size="sm"
          label="Your password"
          data-autofocus
          autoComplete="current-password"
          maxLength={256}
          value={password}
          onChange={({ currentTarget }) => setPassword(currentTarget.value)}
        />
        <Refused cause={act.error} />
        <Group mt="md" gap="sm" justify="flex-end">
          <Button variant="default" onClick={leave}>
            Cancel
          </Button>
          <Button type="submit" loading={act.isPending} disabled={password === ''}>
            {wanted?.button}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
