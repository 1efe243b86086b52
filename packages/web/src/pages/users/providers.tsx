import { Button, Group, Modal } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Confirm, type Wanted } from '../../components/confirm.tsx'
import { Empty } from '../../components/empty.tsx'
import { Failure } from '../../components/failure.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { NotOffered } from '../../components/permitted.tsx'
import { Rows } from '../../components/rows.tsx'
import { Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { providersQuery } from '../../data/people.ts'
import { usePermits } from '../../data/session.ts'
import { ProviderForm } from './provider-form.tsx'

type Provider = Shapes['IdentityProvider']

/** Where people may sign in with the account of their company. */
export function Providers() {
  const query = useQuery(providersQuery)
  const canWrite = usePermits('user.write')
  const [form, setForm] = useState<{ readonly provider: Provider | undefined }>()
  const [wanted, setWanted] = useState<Wanted>()
  const queries = useQueryClient()
  const test = useMutation({
    mutationFn: ({ id }: Provider) =>
      ask(
        'Testing the identity provider',
        api.POST('/api/v1/identity-providers/{id}/test', { params: { path: { id } } }),
      ),
  })
  const remove = ({ id, name }: Provider) =>
    setWanted({
      title: `Remove ${name}`,
      words: `Whoever signs in through ${name} can sign in no more. Their names stay in the audit.`,
      button: 'Remove',
      harms: true,
      work: async () => {
        await ask(
          'Removing the identity provider',
          api.DELETE('/api/v1/identity-providers/{id}', { params: { path: { id } } }),
        )
        test.reset()
        await queries.invalidateQueries({ queryKey: ['users'] })
      },
    })
  return (
    <Section
      title="Identity providers"
      lead="People sign in with the account of their company, by OpenID Connect; their roles there become roles here."
      actions={canWrite ? <Button onClick={() => setForm({ provider: undefined })}>Add a provider</Button> : null}
    >
      <NotOffered needs="user.write" what="change or test them" />
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No identity provider">
              Everybody signs in with a password of this manager. Add a provider to use accounts that people have
              already.
            </Empty>
          ) : (
            <Rows
              label="Identity providers"
              least="58rem"
              rows={items}
              id={({ id }) => id}
              columns={[
                { key: 'name', head: 'Name', width: 'minmax(8rem, 0.7fr)', cell: ({ name }) => name },
                {
                  key: 'issuer',
                  head: 'Issuer',
                  width: 'minmax(12rem, 1.2fr)',
                  cell: ({ issuer }) => (
                    <span className="mono" title={issuer}>
                      {issuer}
                    </span>
                  ),
                },
                {
                  key: 'roles',
                  head: 'Roles',
                  width: 'minmax(9rem, 1fr)',
                  cell: ({ roleMap }) => <RoleMap map={roleMap} />,
                },
                {
                  key: 'state',
                  head: 'State',
                  width: '8rem',
                  cell: ({ enabled }) => <Tone tone={enabled ? 'good' : 'none'} text={enabled ? 'Offered' : 'Off'} />,
                },
                {
                  key: 'creates',
                  head: 'New people',
                  width: '8rem',
                  cell: ({ creates }) => (creates ? 'Let in' : 'Not let in'),
                },
                ...(canWrite
                  ? [
                      {
                        key: 'do',
                        head: <span className="visually-hidden">Test, change, remove</span>,
                        width: '14rem',
                        end: true,
                        cell: (provider: Provider) => (
                          <Group gap="xs" justify="flex-end" wrap="nowrap">
                            <Button
                              size="compact-xs"
                              variant="default"
                              aria-label={`Test ${provider.name}`}
                              loading={test.isPending && test.variables.id === provider.id}
                              onClick={() => test.mutate(provider)}
                            >
                              Test
                            </Button>
                            <Button
                              size="compact-xs"
                              variant="default"
                              aria-label={`Change ${provider.name}`}
                              onClick={() => setForm({ provider })}
                            >
                              Change
                            </Button>
                            <Button
                              size="compact-xs"
                              variant="default"
                              aria-label={`Remove ${provider.name}`}
                              onClick={() => remove(provider)}
                            >
                              Remove
                            </Button>
                          </Group>
                        ),
                      },
                    ]
                  : []),
              ]}
            />
          )
        }
      </Loaded>
      {test.error === null ? null : <Failure cause={test.error} />}
      {test.data === undefined || test.variables === undefined ? null : (
        <TestResult name={test.variables.name} result={test.data} />
      )}
      <Modal
        opened={form !== undefined}
        onClose={() => setForm(undefined)}
        size="lg"
        title={form?.provider === undefined ? 'Add an identity provider' : `Change ${form.provider.name}`}
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {form === undefined ? null : <ProviderForm provider={form.provider} close={() => setForm(undefined)} />}
      </Modal>
      <Confirm wanted={wanted} close={() => setWanted(undefined)} />
    </Section>
  )
}

function RoleMap({ map }: { readonly map: Provider['roleMap'] }) {
  const text = Object.entries(map)
    .map(([theirs, roles]) => `${theirs} → ${roles.join(', ')}`)
    .join('; ')
  return <span title={text}>{text === '' ? '–' : text}</span>
}

function TestResult({ name, result }: { readonly name: string; readonly result: Shapes['ProviderTest'] }) {
  const { reachable, explanation, attempts } = result
  return (
    <Section title={`Test of ${name}`}>
      <div role="status">
        <Remark tone={reachable ? 'good' : 'bad'}>
          <strong>{reachable ? 'It answers.' : 'It does not answer.'}</strong> {explanation}
        </Remark>
      </div>
      {attempts.length === 0 ? (
        <Empty title="Nobody has tried to sign in with it yet">
          Sign out and use its button on the sign-in page; what came of it is explained here.
        </Empty>
      ) : (
        <Rows
          label="Last sign-ins"
          least="48rem"
          rows={attempts}
          id={({ at }, index) => `${at} ${index}`}
          columns={[
            { key: 'at', head: 'When', width: '10rem', cell: ({ at }) => <Moment at={at} /> },
            {
              key: 'subject',
              head: 'Who',
              width: '10rem',
              cell: ({ subject }) => <span title={subject}>{subject}</span>,
            },
            { key: 'outcome', head: 'Outcome', width: '8rem', cell: ({ outcome }) => outcome },
            {
              key: 'roles',
              head: 'Roles',
              width: '10rem',
              cell: ({ roles }) => (roles.length === 0 ? 'None' : roles.join(', ')),
            },
            {
              key: 'why',
              head: 'Why',
              width: 'minmax(12rem, 1fr)',
              cell: (row) => <span title={row.explanation}>{row.explanation}</span>,
            },
          ]}
        />
      )}
    </Section>
  )
}
