import { Button, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Refused } from '../components/refused.tsx'
import { addKey } from './security-key.ts'

/** Adds a security key under a name. */
export function KeySetup({ done }: { readonly done: (recoveryCodes: readonly string[]) => void }) {
  const [name, setName] = useState('')
  const add = useMutation({ mutationFn: () => addKey(name.trim()), onSuccess: done })
  const send = (event: FormEvent) => {
    event.preventDefault()
    add.mutate()
  }
  return (
    <form onSubmit={send}>
      <TextInput
        size="sm"
        label="Name of the key"
        description="So that you know later which one it is: “blue key on my ring”."
        maxLength={64}
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <div style={{ marginTop: 12 }}>
        <Refused cause={add.error} />
      </div>
      <Button type="submit" size="sm" mt="md" loading={add.isPending} disabled={name.trim() === ''}>
        Add security key
      </Button>
    </form>
  )
}
