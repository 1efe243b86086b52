import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Failure } from '../../components/failure.tsx'
import { api, ask } from '../../api.ts'
import { usePermits } from '../../data/session.ts'
import { parseTargets } from './targets.ts'

/** Asks addresses who is there. */
export function SearchForm({ plant }: { readonly plant: string }) {
  const [typed, setTyped] = useState('')
  const { targets, problem } = parseTargets(typed)
  const queries = useQueryClient()
  const permitted = usePermits('operate')
  const search = useMutation({
    mutationFn: () =>
      ask(
        'Starting the search',
        api.POST('/api/v1/plants/{plant}/discoveries', {
          params: { path: { plant } },
          body: { targets: [...targets] },
        }),
      ),
    onSuccess: () => {
      setTyped('')
      void queries.invalidateQueries({ queryKey: ['jobs'] })
      void queries.invalidateQueries({ queryKey: ['discovery'] })
    },
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (problem === undefined && targets.length > 0) search.mutate()
  }
  return (
    <form onSubmit={send} style={{ maxWidth: '44rem' }}>
      <div style={{ display: 'flex', gap: 8, alignItems: 'flex-end' }}>
        <TextInput
          style={{ flex: 1 }}
          size="sm"
          label="Addresses to ask"
          placeholder="192.0.2.17, 192.0.2.20-192.0.2.40, 198.51.100.0/24"
          value={typed}
          maxLength={2000}
          aria-describedby="search-note"
          error={typed.trim() === '' ? undefined : problem}
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        />
        <Button
          type="submit"
          size="sm"
          loading={search.isPending}
          disabled={!permitted || problem !== undefined || targets.length === 0}
          style={{ alignSelf: problem !== undefined && typed.trim() !== '' ? 'center' : undefined }}
        >
          Search
        </Button>
      </div>
      <p
        id="search-note"
        style={{ color: 'var(--mantine-color-dimmed)', fontSize: 'var(--mantine-font-size-sm)', marginTop: 4 }}
      >
        Each is asked once who it is (ListIdentity). Nothing is written to any device.
      </p>
      {search.error === null ? null : <Failure cause={search.error} retry={() => search.mutate()} />}
    </form>
  )
}
