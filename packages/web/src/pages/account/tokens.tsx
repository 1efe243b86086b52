import { Button, Checkbox, Code, CopyButton, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Empty } from '../../components/empty.tsx'
import { Failure } from '../../components/failure.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'

type Role = Shapes['Session']['roles'][number]

/** One's API tokens. */
export function Tokens({ roles }: { readonly roles: readonly Role[] }) {
  const tokens = useQuery({
    queryKey: ['tokens', 'mine'],
    queryFn: ({ signal }) => ask('Reading your tokens', api.GET('/api/v1/tokens', { signal })),
  })
  const queries = useQueryClient()
  const [isMaking, setMaking] = useState(false)
  const changed = () => void queries.invalidateQueries({ queryKey: ['tokens'] })
  const revoke = useMutation({
    mutationFn: (id: string) =>
      ask('Revoking the token', api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } })),
    onSettled: changed,
  })
  return (
    <Section
      title="API tokens"
      lead="For scripts and the command line: cordon --server uses one. A token never has more rights than you."
      actions={
        <Button variant="default" onClick={() => setMaking(true)}>
          New token
        </Button>
      }
    >
      {revoke.error === null ? null : <Failure cause={revoke.error} />}
      <Loaded query={tokens} lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No tokens">Make one for a script or for the command line on another machine.</Empty>
          ) : (
            <Rows
              label="My API tokens"
              least="46rem"
              rows={items}
              id={({ id }) => id}
              columns={[
                { key: 'name', head: 'Name', width: 'minmax(9rem, 1fr)', cell: ({ name }) => name },
                {
                  key: 'prefix',
                  head: 'Begins with',
                  width: '8rem',
                  cell: ({ prefix }) => <span className="mono">{prefix}</span>,
                },
                { key: 'roles', head: 'Roles', width: 'minmax(7rem, 0.7fr)', cell: (row) => row.roles.join(', ') },
                {
                  key: 'used',
                  head: 'Last used',
                  width: '11rem',
                  cell: ({ usedAt }) => <Moment at={usedAt} none="Never" />,
                },
                {
                  key: 'ends',
                  head: 'Ends',
                  width: '11rem',
                  cell: ({ expiresAt, revokedAt }) =>
                    revokedAt === null ? <Moment at={expiresAt} /> : <Tone tone="none" text="Revoked" />,
                },
                {
                  key: 'do',
                  head: <span className="visually-hidden">Revoke</span>,
                  width: '6rem',
                  end: true,
                  cell: ({ id, name, revokedAt }) =>
                    revokedAt === null ? (
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={`Revoke ${name}`}
                        loading={revoke.isPending && revoke.variables === id}
                        onClick={() => revoke.mutate(id)}
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
      <Modal
        opened={isMaking}
        onClose={() => {
          setMaking(false)
          changed()
        }}
        title="New API token"
        closeButtonProps={{ 'aria-label': 'Close' }}
        closeOnClickOutside={false}
      >
        <NewToken
          held={roles}
          close={() => {
            setMaking(false)
            changed()
          }}
        />
      </Modal>
    </Section>
  )
}

const lifetimes = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: '1 year' },
  { value: '730', label: '2 years' },
]

function NewToken({ held, close }: { readonly held: readonly Role[]; readonly close: () => void }) {
  const [name, setName] = useState('')
  const [days, setDays] = useState('90')
  const [chosen, setChosen] = useState<readonly Role[]>(held)
  const make = useMutation({
    mutationFn: () =>
      ask(
        'Making the token',
        api.POST('/api/v1/tokens', { body: { name: name.trim(), roles: [...chosen], days: Number(days) } }),
      ),
  })
  if (make.data !== undefined) {
    const { secret } = make.data
    return (
      <>
        <Remark tone="warn">This is shown only now. Copy it to where it will be used.</Remark>
        <Code block style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
          {secret}
        </Code>
        <Group mt="md" gap="sm" justify="flex-end">
          <CopyButton value={secret}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
          <Button onClick={close}>Done</Button>
        </Group>
      </>
    )
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <form onSubmit={send}>
      <Stack gap="md">
        <TextInput
          label="Name"
          description="What it is for: “backup script on line 7”."
          size="sm"
          data-autofocus
          maxLength={64}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <NativeSelect
          label="Ends after"
          size="sm"
          data={lifetimes}
          value={days}
          onChange={({ currentTarget }) => setDays(currentTarget.value)}
        />
        <Checkbox.Group
          label="Roles"
          description="Give it no more than it needs."
          value={[...chosen]}
          onChange={(values) => setChosen(held.filter((role) => values.includes(role)))}
        >
          <Group gap="md" mt="sm">
            {held.map((role) => (
              <Checkbox key={role} value={role} label={role} />
            ))}
          </Group>
        </Checkbox.Group>
        <Refused cause={make.error} />
        <Group gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending} disabled={name.trim() === '' || chosen.length === 0}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
