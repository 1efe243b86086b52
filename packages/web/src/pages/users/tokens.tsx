import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Confirm, type Wanted } from '../../components/confirm.tsx'
import { Empty } from '../../components/empty.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { NotOffered } from '../../components/permitted.tsx'
import { Rows } from '../../components/rows.tsx'
import { Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import { allTokensQuery } from '../../data/people.ts'
import { usePermits } from '../../data/session.ts'

/** API tokens of everybody. */
export function AllTokens() {
  const query = useQuery(allTokensQuery)
  const canWrite = usePermits('user.write')
  const [wanted, setWanted] = useState<Wanted>()
  const queries = useQueryClient()
  return (
    <Section
      title="API tokens of everybody"
      lead={
        <>
          Each acts as its owner, with no more rights. Your own are made on <Link to="/account">your account</Link>.
        </>
      }
    >
      <NotOffered needs="user.write" what="revoke tokens of others" />
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nobody has a token">
              People make them on their account page, for scripts and the command line.
            </Empty>
          ) : (
            <Rows
              label="API tokens"
              least="58rem"
              rows={items}
              id={({ id }) => id}
              columns={[
                { key: 'name', head: 'Name', width: 'minmax(9rem, 1fr)', cell: ({ name }) => name },
                { key: 'owner', head: 'Owner', width: 'minmax(7rem, 0.6fr)', cell: ({ owner }) => owner },
                {
                  key: 'prefix',
                  head: 'Begins with',
                  width: '8rem',
                  cell: ({ prefix }) => <span className="mono">{prefix}</span>,
                },
                {
                  key: 'roles',
                  head: 'Roles',
                  width: 'minmax(8rem, 0.8fr)',
                  cell: ({ roles }) => <span title={roles.join(', ')}>{roles.join(', ')}</span>,
                },
                {
                  key: 'used',
                  head: 'Last used',
                  width: '10rem',
                  cell: ({ usedAt }) => <Moment at={usedAt} none="Never" />,
                },
                {
                  key: 'ends',
                  head: 'Ends',
                  width: '10rem',
                  cell: ({ expiresAt, revokedAt }) =>
                    revokedAt === null ? <Moment at={expiresAt} /> : <Tone tone="none" text="Revoked" />,
                },
                {
                  key: 'do',
                  head: <span className="visually-hidden">Revoke</span>,
                  width: '6rem',
                  end: true,
                  cell: ({ id, name, owner, revokedAt }) =>
                    revokedAt === null && canWrite ? (
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={`Revoke ${name} of ${owner}`}
                        onClick={() =>
                          setWanted({
                            title: `Revoke ${name} of ${owner}`,
                            words: 'Whatever uses it is refused from now on. It cannot be taken back.',
                            button: 'Revoke',
                            harms: true,
                            work: async () => {
                              await ask(
                                'Revoking the token',
                                api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } }),
                              )
                              await queries.invalidateQueries({ queryKey: ['tokens'] })
                            },
                          })
                        }
                      >
                        Revoke
                      </Button>
                    ) : null,
                },
              ]}
            />
          )
        }
      </Loaded>
      <Confirm wanted={wanted} close={() => setWanted(undefined)} />
    </Section>
  )
}
