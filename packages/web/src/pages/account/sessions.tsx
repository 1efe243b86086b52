import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Failure } from '../../components/failure.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import { agentWords } from './agent-words.ts'

/** Where one is signed in, with a way to end it. */
export function Sessions() {
  const sessions = useQuery({
    queryKey: ['account', 'sessions'],
    queryFn: ({ signal }) => ask('Reading your sessions', api.GET('/api/v1/account/sessions', { signal })),
  })
  const queries = useQueryClient()
  const end = useMutation({
    mutationFn: (id: string) =>
      ask('Ending the session', api.DELETE('/api/v1/account/sessions/{id}', { params: { path: { id } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['account', 'sessions'] }),
  })
  return (
    <Section title="Sessions" lead="Where you are signed in. End what you do not know, then change your password.">
      {end.error === null ? null : <Failure cause={end.error} />}
      <Loaded query={sessions} lines={3}>
        {({ items }) => (
          <Rows
            label="My sessions"
            least="44rem"
            rows={items}
            id={({ id }) => id}
            columns={[
              {
                key: 'where',
                head: 'Browser',
                width: 'minmax(12rem, 1fr)',
                cell: ({ agent, current }) => (
                  <>
                    {agentWords(agent)} {current ? <Tone tone="good" text="This one" /> : null}
                  </>
                ),
              },
              {
                key: 'address',
                head: 'Address',
                width: '9rem',
                cell: ({ address }) => <span className="mono">{address}</span>,
              },
              { key: 'since', head: 'Since', width: '11rem', cell: ({ createdAt }) => <Moment at={createdAt} /> },
              { key: 'seen', head: 'Last seen', width: '11rem', cell: ({ seenAt }) => <Moment at={seenAt} /> },
              {
                key: 'do',
                head: <span className="visually-hidden">End</span>,
                width: '5rem',
                end: true,
                cell: ({ id, current, address }) =>
                  current ? null : (
                    <Button
                      size="compact-xs"
                      variant="default"
                      aria-label={`End the session from ${address}`}
                      loading={end.isPending && end.variables === id}
                      onClick={() => end.mutate(id)}
                    >
                      End
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </Loaded>
    </Section>
  )
}
