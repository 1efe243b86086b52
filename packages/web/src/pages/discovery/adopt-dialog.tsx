import { Button, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Failure } from '../../components/failure.tsx'
import { Rows } from '../../components/rows.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { plantQuery, zonesQuery } from '../../data/model.ts'
import { counted } from '../../words/states.ts'
import { namePattern } from '../editor/plant-form.ts'
import { suggestedName } from './targets.ts'

type Found = Shapes['Discovered']
const newZone = ''

/** Takes devices into a zone, existing or new, as a new version of the plant. */
export function AdoptDialog({
  plant,
  found,
  close,
  done,
}: {
  readonly plant: string
  readonly found: readonly Found[]
  readonly close: () => void
  readonly done: (version: number) => void
}) {
  const zones = useQuery(zonesQuery(plant))
  const summary = useQuery(plantQuery(plant))
  const [zone, setZone] = useState<string>()
  const [zoneName, setZoneName] = useState('')
  const [authentication, setAuthentication] = useState('certificate')
  const [messaging, setMessaging] = useState('confidentiality')
  const [io, setIo] = useState('integrity')
  const [names, setNames] = useState(() => suggestedNames(found))
  const queries = useQueryClient()
  const chosen = zone ?? zones.data?.items[0]?.name ?? newZone
  const target = chosen === newZone ? zoneName.trim() : chosen
  const adopt = useMutation({
    mutationFn: () =>
      ask(
        'Adopting',
        api.POST('/api/v1/plants/{plant}/discovered/adopt', {
          params: { path: { plant } },
          body: {
            base: summary.data?.version ?? 1,
            devices: found.map(({ address }) => ({ address, name: names.get(address) ?? '', zone: target })),
            ...(chosen === newZone ? { newZone: { name: target, authentication, messaging, io } } : {}),
            message: `Adopt ${counted(found.length, 'device')} into ${target}`,
          },
        }),
      ),
    onSuccess: ({ version }) => {
      void queries.invalidateQueries({
        predicate: ({ queryKey: [first] }) =>
          ['plants', 'versions', 'topology', 'devices', 'discovery'].includes(String(first)),
      })
      done(version)
    },
  })
  const used = [...names.values()]
  const isWrong = (name: string) => !namePattern.test(name) || used.filter((other) => other === name).length > 1
  const isReady = namePattern.test(target) && summary.data !== undefined && !used.some(isWrong)
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (isReady) adopt.mutate()
  }
  const words = ['none', 'integrity', 'confidentiality', 'deny']
  return (
    <Modal
      opened
      onClose={close}
      size="xl"
      title={`Adopt ${counted(found.length, 'device')}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form onSubmit={send}>
        <Stack gap="md">
          <Group gap="sm" align="flex-end">
            <NativeSelect
              size="sm"
              label="Zone"
              value={chosen}
              onChange={({ currentTarget }) => setZone(currentTarget.value)}
              data={[
                ...(zones.data?.items ?? []).map(({ name }) => ({ value: name, label: name })),
                { value: newZone, label: 'a new zone…' },
              ]}
            />
            {chosen === newZone ? (
              <>
                <TextInput
                  size="sm"
                  label="Name of the zone"
                  maxLength={63}
                  value={zoneName}
                  onChange={({ currentTarget }) => setZoneName(currentTarget.value)}
                />
                <NativeSelect
                  size="sm"
                  label="Authentication"
                  data={['certificate', 'psk', 'none']}
                  value={authentication}
                  onChange={({ currentTarget }) => setAuthentication(currentTarget.value)}
                />
                <NativeSelect
                  size="sm"
                  label="Messages"
                  data={words}
                  value={messaging}
                  onChange={({ currentTarget }) => setMessaging(currentTarget.value)}
                />
                <NativeSelect
                  size="sm"
                  label="I/O"
                  data={words}
                  value={io}
                  onChange={({ currentTarget }) => setIo(currentTarget.value)}
                />
              </>
            ) : null}
          </Group>
          <Rows
            label="Names of the devices"
            rows={found}
            height={40}
            id={({ address }) => address}
            columns={[
              {
                key: 'address',
                head: 'Address',
                width: '9rem',
                cell: ({ address }) => <span className="mono">{address}</span>,
              },
              {
                key: 'product',
                head: 'Product',
                width: 'minmax(9rem, 1fr)',
                cell: ({ identity }) => identity?.productName ?? 'unknown',
              },
              {
                key: 'name',
                head: 'Name in the plant',
                width: 'minmax(11rem, 1.2fr)',
                cell: ({ address }) => {
                  const name = names.get(address) ?? ''
                  return (
                    <TextInput
                      aria-label={`Name of ${address}`}
                      value={name}
                      maxLength={63}
                      aria-invalid={isWrong(name)}
                      error={isWrong(name)}
                      title={isWrong(name) ? 'A letter, then letters, digits, _ or -, and each name once' : undefined}
                      onChange={({ currentTarget }) => setNames(new Map(names).set(address, currentTarget.value))}
                    />
                  )
                },
              },
            ]}
          />
          {adopt.error === null ? null : <Failure cause={adopt.error} retry={() => adopt.mutate()} />}
          <p style={{ color: 'var(--mantine-color-dimmed)' }}>
            This saves a new version of the plant. No device is touched until you deploy it.
          </p>
          <Group gap="sm" justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={adopt.isPending} disabled={!isReady}>
              Adopt
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function suggestedNames(found: readonly Found[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { address, identity } of found)
    names.set(address, suggestedName(identity?.productName ?? '', address, new Set(names.values())))
  return names
}
