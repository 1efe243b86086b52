import { Button, Group, SegmentedControl, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ask } from '../api.ts'
import type { Shapes } from '../api-types.ts'
import { stagesQuery } from '../data/model.ts'
import { usePermits } from '../data/session.ts'
import { counted, stages } from '../words/states.ts'
import { Failure } from './failure.tsx'
import { Loaded } from './loading.tsx'
import { Rows } from './rows.tsx'

type Stage = Shapes['StageEntry']['stage']
const order = ['observe', 'protect', 'enforce'] as const satisfies readonly Stage[]

/** How far each zone is enforced, with what follows from it, and a way to change it. */
export function Stages({ plant }: { readonly plant: string }) {
  const current = useQuery(stagesQuery(plant))
  const queries = useQueryClient()
  const [wanted, setWanted] = useState<Readonly<Record<string, Stage>>>({})
  const [message, setMessage] = useState('')
  const permitted = usePermits('deploy')
  const changes = (current.data?.items ?? []).filter(
    ({ zone, stage }) => wanted[zone] !== undefined && wanted[zone] !== stage,
  )
  const set = useMutation({
    mutationFn: () =>
      ask(
        'Setting the stages',
        api.PUT('/api/v1/plants/{plant}/stages', {
          params: { path: { plant } },
          body: {
            stages: Object.fromEntries(changes.map(({ zone }) => [zone, wanted[zone] ?? 'observe'])),
            message: message.trim(),
          },
        }),
      ),
    onSuccess: (data) => {
      queries.setQueryData(stagesQuery(plant).queryKey, data)
      setWanted({})
      setMessage('')
      void queries.invalidateQueries({ queryKey: ['topology'] })
    },
  })
  return (
    <Loaded query={current} lines={4}>
      {({ items }) => (
        <>
          <Rows
            label="Stages of the zones"
            rows={items}
            id={({ zone }) => zone}
            height={44}
            least="44rem"
            columns={[
              { key: 'zone', head: 'Zone', width: 'minmax(7rem, 0.5fr)', cell: ({ zone }) => <strong>{zone}</strong> },
              {
                key: 'stage',
                head: 'Stage',
                width: '17rem',
                cell: ({ zone, stage }) => (
                  <SegmentedControl
                    aria-label={`Stage of ${zone}`}
                    disabled={!permitted}
                    value={wanted[zone] ?? stage}
                    onChange={(value) => {
                      const chosen = order.find((word) => word === value)
                      if (chosen !== undefined) setWanted({ ...wanted, [zone]: chosen })
                    }}
                    data={order.map((value) => ({ value, label: stages[value].text }))}
                  />
                ),
              },
              {
                key: 'means',
                head: 'What that means',
                width: 'minmax(16rem, 1.5fr)',
                cell: ({ zone, stage, consequence }) => {
                  const chosen = wanted[zone] ?? stage
                  return (
                    <span style={{ whiteSpace: 'normal' }}>
                      {chosen === stage ? consequence : stages[chosen].meaning}
                    </span>
                  )
                },
              },
            ]}
          />
          {changes.length === 0 ? null : (
            <Group gap="sm" mt="md" align="flex-end">
              <TextInput
                label="Why"
                style={{ flex: '1 1 16rem', maxWidth: '32rem' }}
                value={message}
                maxLength={500}
                onChange={({ currentTarget }) => setMessage(currentTarget.value)}
              />
              <Button loading={set.isPending} disabled={message.trim() === ''} onClick={() => set.mutate()}>
                Set {counted(changes.length, 'stage')}
              </Button>
              <Button variant="default" onClick={() => setWanted({})}>
                Undo
              </Button>
            </Group>
          )}
          {set.error === null ? null : <Failure cause={set.error} retry={() => set.mutate()} />}
        </>
      )}
    </Loaded>
  )
}
