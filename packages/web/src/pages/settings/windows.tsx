import { Button, Checkbox, Group, Modal, NativeSelect, SegmentedControl, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Confirm, type Wanted } from '../../components/confirm.tsx'
import { Empty } from '../../components/empty.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { NotOffered } from '../../components/permitted.tsx'
import { Rows } from '../../components/rows.tsx'
import { Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { windowsQuery } from '../../data/jobs.ts'
import { zonesQuery } from '../../data/model.ts'
import { usePlant } from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { dayNames, newWindow, ruleText, type WindowDraft, windowBody, windowProblem } from './window-draft.ts'

/** When devices of the plant may be changed. */
export function Windows() {
  const plant = usePlant()
  const query = useQuery(windowsQuery(plant))
  const canChange = usePermits('deploy')
  const [isAdding, setAdding] = useState(false)
  const [wanted, setWanted] = useState<Wanted>()
  const queries = useQueryClient()
  const changed = () => queries.invalidateQueries({ queryKey: ['jobs'] })
  if (plant === '')
    return (
      <Empty title="No plant yet">
        Windows belong to a plant. <Link to="/editor">Write one</Link> first.
      </Empty>
    )
  return (
    <Section
      title={`Maintenance windows of ${plant}`}
      lead="A deployment can wait for one, so that devices are changed only while it is open."
      actions={canChange ? <Button onClick={() => setAdding(true)}>Add a window</Button> : null}
    >
      <NotOffered needs="deploy" what="add or remove windows" />
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No window">
              Deployments begin at once, or at a time that you say. Add a window to bind them to the hours of the plant.
            </Empty>
          ) : (
            <Rows
              label="Maintenance windows"
              least="52rem"
              rows={items}
              id={({ id }) => id}
              columns={[
                { key: 'name', head: 'Name', width: 'minmax(9rem, 0.8fr)', cell: ({ name }) => name },
                { key: 'zone', head: 'Zone', width: 'minmax(7rem, 0.6fr)', cell: ({ zone }) => zone ?? 'All' },
                {
                  key: 'rule',
                  head: 'When',
                  width: 'minmax(15rem, 1.4fr)',
                  cell: ({ rule }) => <span title={ruleText(rule)}>{ruleText(rule)}</span>,
                },
                {
                  key: 'open',
                  head: 'State',
                  width: '7rem',
                  cell: ({ open }) => <Tone tone={open ? 'good' : 'none'} text={open ? 'Open' : 'Closed'} />,
                },
                {
                  key: 'next',
                  head: 'Opens',
                  width: '10rem',
                  cell: ({ nextOpening, open }) => (open ? 'Is open' : <Moment at={nextOpening} none="Never again" />),
                },
                ...(canChange
                  ? [
                      {
                        key: 'do',
                        head: <span className="visually-hidden">Remove</span>,
                        width: '6.5rem',
                        end: true,
                        cell: ({ id, name }: Shapes['MaintenanceWindow']) => (
                          <Button
                            size="compact-xs"
                            variant="default"
                            aria-label={`Remove ${name}`}
                            onClick={() =>
                              setWanted({
                                title: `Remove ${name}`,
                                words: 'Jobs that wait for it would wait for ever: cancel them, or ask for them again.',
                                button: 'Remove',
                                harms: true,
                                work: async () => {
                                  await ask(
                                    'Removing the window',
                                    api.DELETE('/api/v1/plants/{plant}/windows/{id}', {
                                      params: { path: { plant, id } },
                                    }),
                                  )
                                  await changed()
                                },
                              })
                            }
                          >
                            Remove
                          </Button>
                        ),
                      },
                    ]
                  : []),
              ]}
            />
          )
        }
      </Loaded>
      <Modal
        opened={isAdding}
        onClose={() => setAdding(false)}
        title="New maintenance window"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <NewWindow
          plant={plant}
          close={() => setAdding(false)}
          added={() => {
            setAdding(false)
            void changed()
          }}
        />
      </Modal>
      <Confirm wanted={wanted} close={() => setWanted(undefined)} />
    </Section>
  )
}

function NewWindow({
  plant,
  close,
  added,
}: {
  readonly plant: string
  readonly close: () => void
  readonly added: () => void
}) {
  const [draft, setDraft] = useState<WindowDraft>(() => newWindow(Intl.DateTimeFormat().resolvedOptions().timeZone))
  const zones = useQuery(zonesQuery(plant))
  const set = (change: Partial<WindowDraft>) => setDraft((before) => ({ ...before, ...change }))
  const add = useMutation({
    mutationFn: () =>
      ask(
        'Adding the window',
        api.POST('/api/v1/plants/{plant}/windows', { params: { path: { plant } }, body: windowBody(draft) }),
      ),
    onSuccess: added,
  })
  const problem = windowProblem(draft)
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (problem === undefined) add.mutate()
  }
  return (
    <form onSubmit={send}>
      <Stack gap="md">
        <TextInput
          label="Name"
          size="sm"
          data-autofocus
          maxLength={64}
          value={draft.name}
          onChange={({ currentTarget }) => set({ name: currentTarget.value })}
        />
        <NativeSelect
          label="Zone"
          size="sm"
          value={draft.zone}
          onChange={({ currentTarget }) => set({ zone: currentTarget.value })}
          data={[{ value: '', label: 'All zones' }, ...(zones.data?.items.map(({ name }) => name) ?? [])]}
        />
        <SegmentedControl
          aria-label="How often"
          value={draft.kind}
          onChange={(value) => set({ kind: value === 'once' ? 'once' : 'weekly' })}
          data={[
            { value: 'weekly', label: 'Every week' },
            { value: 'once', label: 'Once' },
          ]}
        />
        {draft.kind === 'weekly' ? (
          <>
            <Checkbox.Group
              label="Days"
              value={draft.days.map(String)}
              onChange={(values) => set({ days: values.map(Number) })}
            >
              <Group gap="md" mt="xs">
                {dayNames.map((name, index) => (
                  <Checkbox key={name} size="xs" value={String(index + 1)} label={name} />
                ))}
              </Group>
            </Checkbox.Group>
            <Group gap="md" grow>
              <TextInput
                type="time"
                label="From"
                size="sm"
                value={draft.from}
                onChange={({ currentTarget }) => set({ from: currentTarget.value })}
              />
              <TextInput
                type="time"
                label="To"
                size="sm"
                value={draft.to}
                onChange={({ currentTarget }) => set({ to: currentTarget.value })}
              />
            </Group>
            <TextInput
              label="Time zone"
              description="It keeps to the clock there, summer time included."
              size="sm"
              maxLength={64}
              value={draft.timeZone}
              onChange={({ currentTarget }) => set({ timeZone: currentTarget.value })}
            />
          </>
        ) : (
          <Group gap="md" grow>
            <TextInput
              type="datetime-local"
              label="From"
              size="sm"
              value={draft.start}
              onChange={({ currentTarget }) => set({ start: currentTarget.value })}
            />
            <TextInput
              type="datetime-local"
              label="To"
              size="sm"
              value={draft.end}
              onChange={({ currentTarget }) => set({ end: currentTarget.value })}
            />
          </Group>
        )}
        {problem === undefined ? null : <p style={{ color: 'var(--mantine-color-dimmed)' }}>{problem}</p>}
        <Refused cause={add.error} />
        <Group gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending} disabled={problem !== undefined}>
            Add
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
