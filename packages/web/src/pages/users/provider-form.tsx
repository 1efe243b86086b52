import { Button, Checkbox, Group, MultiSelect, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { rolesQuery } from '../../data/people.ts'
import {
  draftOf,
  newProvider,
  type ProviderDraft,
  providerBody,
  providerProblem,
  type RoleLine,
} from './provider-draft.ts'

/** Adds an identity provider, or changes one. */
export function ProviderForm({
  provider,
  close,
}: {
  readonly provider: Shapes['IdentityProvider'] | undefined
  readonly close: () => void
}) {
  const [draft, setDraft] = useState<ProviderDraft>(provider === undefined ? newProvider : draftOf(provider))
  const roles = useQuery(rolesQuery)
  const queries = useQueryClient()
  const names = roles.data?.items.map(({ name }) => name) ?? []
  const set = (change: Partial<ProviderDraft>) => setDraft((before) => ({ ...before, ...change }))
  const setLine = (index: number, change: Partial<RoleLine>) =>
    set({ map: draft.map.map((line, at) => (at === index ? { ...line, ...change } : line)) })
  const keep = useMutation({
    mutationFn: () =>
      provider === undefined
        ? ask('Adding the identity provider', api.POST('/api/v1/identity-providers', { body: providerBody(draft) }))
        : ask(
            'Changing the identity provider',
            api.PUT('/api/v1/identity-providers/{id}', {
              params: { path: { id: provider.id } },
              body: providerBody(draft),
            }),
          ),
    onSuccess: async () => {
      close()
      await queries.invalidateQueries({ queryKey: ['users', 'providers'] })
    },
  })
  const problem = providerProblem(draft)
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (problem === undefined) keep.mutate()
  }
  return (
    <form onSubmit={send}>
      <Stack gap="md">
        <TextInput
          label="Name"
          description="On the button of the sign-in page."
          size="sm"
          data-autofocus
          maxLength={64}
          value={draft.name}
          onChange={({ currentTarget }) => set({ name: currentTarget.value })}
        />
        <TextInput
          label="Issuer"
          description="OpenID Connect; below it lies .well-known/openid-configuration."
          size="sm"
          maxLength={512}
          value={draft.issuer}
          onChange={({ currentTarget }) => set({ issuer: currentTarget.value })}
        />
        <TextInput
          label="Client id"
          size="sm"
          maxLength={256}
          value={draft.clientId}
          onChange={({ currentTarget }) => set({ clientId: currentTarget.value })}
        />
        <PasswordInput
          label="Client secret"
          description={
            provider?.hasSecret === true
              ? 'One is kept, sealed. Write another only to replace it.'
              : 'Empty for a public client.'
          }
          size="sm"
          autoComplete="off"
          maxLength={1024}
          value={draft.clientSecret}
          onChange={({ currentTarget }) => set({ clientSecret: currentTarget.value })}
        />
        <TextInput
          label="Where its roles are"
          description="Path in the ID token, such as realm_access.roles."
          size="sm"
          maxLength={256}
          value={draft.rolePath}
          onChange={({ currentTarget }) => set({ rolePath: currentTarget.value })}
        />
        <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
          <legend style={{ fontSize: 'var(--mantine-font-size-sm)', fontWeight: 500, padding: 0 }}>
            What its roles permit here
          </legend>
          <Stack gap="sm" mt="xs">
            {draft.map.map((line, index) => (
              // A line has nothing else that it could be known by while it is written.
              // biome-ignore lint/suspicious/noArrayIndexKey: as above
              <Group key={index} gap="sm" wrap="nowrap" align="flex-start">
                <TextInput
                  aria-label={`Role of the provider, line ${index + 1}`}
                  placeholder="Its role"
                  size="sm"
                  w="12rem"
                  maxLength={256}
                  value={line.theirs}
                  onChange={({ currentTarget }) => setLine(index, { theirs: currentTarget.value })}
                />
                <MultiSelect
                  aria-label={`Roles here, line ${index + 1}`}
                  placeholder={line.roles.length === 0 ? 'Roles here' : ''}
                  size="sm"
                  style={{ flex: 1 }}
                  data={names}
                  value={[...line.roles]}
                  onChange={(values) => setLine(index, { roles: names.filter((name) => values.includes(name)) })}
                />
                <Button
                  size="sm"
                  variant="default"
                  aria-label={`Remove line ${index + 1}`}
                  onClick={() => set({ map: draft.map.filter((_, at) => at !== index) })}
                >
                  Remove
                </Button>
              </Group>
            ))}
            <div>
              <Button variant="default" onClick={() => set({ map: [...draft.map, { theirs: '', roles: [] }] })}>
                Another role
              </Button>
            </div>
          </Stack>
        </fieldset>
        <Checkbox
          size="sm"
          label="Offered on the sign-in page"
          checked={draft.enabled}
          onChange={({ currentTarget }) => set({ enabled: currentTarget.checked })}
        />
        <Checkbox
          size="sm"
          label="Makes users at their first sign-in"
          description="Otherwise only who is a user already gets in."
          checked={draft.creates}
          onChange={({ currentTarget }) => set({ creates: currentTarget.checked })}
        />
        {problem === undefined ? null : <p style={{ color: 'var(--mantine-color-dimmed)' }}>{problem}</p>}
        <Refused cause={keep.error} />
        <Group gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={keep.isPending} disabled={problem !== undefined}>
            {provider === undefined ? 'Add' : 'Save'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
