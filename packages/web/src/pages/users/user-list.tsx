import { Button, Group, Modal } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useUrl } from '../../address/use-url.ts'
import { Empty } from '../../components/empty.tsx'
import { Filter } from '../../components/filter.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { NotOffered } from '../../components/permitted.tsx'
import { Rows } from '../../components/rows.tsx'
import { SearchBox } from '../../components/search-box.tsx'
import { Tone } from '../../components/tone.tsx'
import { usersQuery } from '../../data/people.ts'
import { usePermits } from '../../data/session.ts'
import { factorNames, userStates } from '../../words/people.ts'
import { NewUser } from './new-user.tsx'

const states = ['active', 'invited', 'locked', 'disabled'] as const

/** All users. */
export function UserList() {
  const [{ state: wantedState, search = '' }, change] = useUrl()
  const state = states.find((word) => word === wantedState)
  const query = useQuery(usersQuery)
  const canWrite = usePermits('user.write')
  const [isMaking, setMaking] = useState(false)
  return (
    <>
      <Group gap="sm" mb="sm" justify="space-between">
        <Group gap="sm">
          <Filter
            label="State"
            value={state ?? ''}
            choose={(value) => change({ state: value })}
            choices={[
              { value: '', label: 'All' },
              ...states.map((value) => ({
                value,
                label: userStates[value].text,
                ...(query.data === undefined
                  ? {}
                  : { count: query.data.items.filter((user) => user.state === value).length }),
              })),
            ]}
          />
          <SearchBox label="Name or role" value={search} search={(text) => change({ search: text })} />
        </Group>
        {canWrite ? <Button onClick={() => setMaking(true)}>New user</Button> : null}
      </Group>
      <NotOffered needs="user.write" what="change users" />
      <Loaded query={query}>
        {({ items }) => {
          const lower = search.toLowerCase()
          const rows = items.filter(
            (user) =>
              (state === undefined || user.state === state) &&
              [user.name, user.display, ...user.roles].some((text) => text.toLowerCase().includes(lower)),
          )
          return rows.length === 0 ? (
            <Empty title="Nobody is like that">
              <Button variant="default" onClick={() => change({ state: undefined, search: undefined })}>
                Show all
              </Button>
            </Empty>
          ) : (
            <Rows
              label="Users"
              least="58rem"
              rows={rows}
              id={({ id }) => id}
              columns={[
                {
                  key: 'name',
                  head: 'Name',
                  width: 'minmax(9rem, 0.8fr)',
                  cell: ({ id, name }) => <Link to={`/users/${encodeURIComponent(id)}`}>{name}</Link>,
                },
                {
                  key: 'display',
                  head: 'In full',
                  width: 'minmax(9rem, 1fr)',
                  cell: ({ display }) => (display === '' ? '–' : display),
                },
                {
                  key: 'roles',
                  head: 'Roles',
                  width: 'minmax(10rem, 1fr)',
                  cell: ({ roles }) => <span title={roles.join(', ')}>{roles.join(', ')}</span>,
                },
                { key: 'state', head: 'State', width: '8rem', cell: (user) => <Tone {...userStates[user.state]} /> },
                {
                  key: 'factors',
                  head: 'Second factor',
                  width: '11rem',
                  cell: ({ factors, provider }) =>
                    provider !== null ? (
                      `By ${provider}`
                    ) : factors.length === 0 ? (
                      <Tone tone="warn" text="None" />
                    ) : (
                      factors.map((factor) => factorNames[factor]).join(', ')
                    ),
                },
                { key: 'sessions', head: 'Sessions', width: '5.5rem', end: true, cell: ({ sessions }) => sessions },
                {
                  key: 'seen',
                  head: 'Last seen',
                  width: '10rem',
                  cell: ({ seenAt }) => <Moment at={seenAt} none="Never" />,
                },
              ]}
            />
          )
        }}
      </Loaded>
      <Modal
        opened={isMaking}
        onClose={() => setMaking(false)}
        title="New user"
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <NewUser close={() => setMaking(false)} />
      </Modal>
    </>
  )
}
