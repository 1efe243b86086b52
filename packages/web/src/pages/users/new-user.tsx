import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { OneTimeLink } from './one-time-link.tsx'
import { RoleChoice } from './role-choice.tsx'

/** Makes a user; who it is sets the password with a link. */
export function NewUser({ close }: { readonly close: () => void }) {
  const [name, setName] = useState('')
  const [display, setDisplay] = useState('')
  const [chosen, setChosen] = useState<Shapes['User']['roles']>(['observer'])
  const queries = useQueryClient()
  const make = useMutation({
    mutationFn: () =>
      ask(
        'Making the user',
        api.POST('/api/v1/users', {
          body: { name: name.trim(), roles: chosen, ...(display.trim() === '' ? {} : { display: display.trim() }) },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['users'] }),
  })
  if (make.data !== undefined)
    return <OneTimeLink name={make.data.user.name} link={make.data.invitation} done={close} />
  const send = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <form onSubmit={send}>
      <Stack gap="md">
        <TextInput
          label="Name"
          description="To sign in with. It stays in the audit for ever."
          size="sm"
          data-autofocus
          autoComplete="off"
          maxLength={128}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <TextInput
          label="In full"
          size="sm"
          autoComplete="off"
          maxLength={128}
          value={display}
          onChange={({ currentTarget }) => setDisplay(currentTarget.value)}
        />
        <RoleChoice chosen={chosen} choose={(roles) => setChosen([...roles])} />
        <Refused cause={make.error} />
        <Group gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending} disabled={name.trim() === '' || chosen.length === 0}>
            Make the user
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
