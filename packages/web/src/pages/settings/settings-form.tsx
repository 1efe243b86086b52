import { Button, Checkbox, Group, Stack, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Loaded } from '../../components/loading.tsx'
import { NotOffered } from '../../components/permitted.tsx'
import { Remark, Section } from '../../components/section.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { rolesQuery } from '../../data/people.ts'
import { usePermits } from '../../data/session.ts'
import { settingsQuery } from '../../data/settings.ts'
import { changesOf, type Draft, draftOf, isSound, type NumberField, numberFields, numberProblem } from './draft.ts'
import classes from './settings.module.css'

/** Settings of the manager, kept all at once. */
export function SettingsForm() {
  const query = useQuery(settingsQuery)
  return <Loaded query={query}>{(saved) => <Form saved={saved} />}</Loaded>
}

function Form({ saved }: { readonly saved: Shapes['Settings'] }) {
  const canWrite = usePermits('settings.write')
  // Undefined while nothing is changed: then it shows what others save.
  const [changed, setChanged] = useState<Draft>()
  const draft = changed ?? draftOf(saved)
  const roles = useQuery(rolesQuery)
  const queries = useQueryClient()
  const set = (change: Partial<Draft>) => setChanged({ ...draft, ...change })
  const sound = isSound(draft)
  const changes = sound ? changesOf(saved, draft) : {}
  const isSame = sound && Object.keys(changes).length === 0
  const save = useMutation({
    mutationFn: () => ask('Saving the settings', api.PATCH('/api/v1/settings', { body: changes as never })), // the document leaves the members of a partial body open
    onSuccess: async (after) => {
      queries.setQueryData(settingsQuery.queryKey, after)
      setChanged(undefined)
      await queries.invalidateQueries({ queryKey: ['welcome'] })
    },
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (sound && !isSame) save.mutate()
  }
  const numbers = (fields: readonly NumberField[]) =>
    fields.map((field) => (
      <TextInput
        key={field.name}
        label={field.label}
        description={field.says}
        error={numberProblem(field, draft.numbers[field.name])}
        inputMode="numeric"
        size="sm"
        maxLength={6}
        readOnly={!canWrite}
        className={classes['number'] ?? ''}
        rightSection={<span className={classes['unit']}>{field.unit}</span>}
        rightSectionWidth={72}
        value={draft.numbers[field.name]}
        onChange={({ currentTarget }) => set({ numbers: { ...draft.numbers, [field.name]: currentTarget.value } })}
      />
    ))
  return (
    <form onSubmit={send}>
      <NotOffered needs="settings.write" what="change settings" />
      <Section title="Notice" lead="Shown before people sign in, and at the foot of every page. Empty for none.">
        <Textarea
          aria-label="Notice"
          size="sm"
          maw="44rem"
          autosize
          minRows={2}
          maxRows={10}
          maxLength={4000}
          readOnly={!canWrite}
          value={draft.notice}
          onChange={({ currentTarget }) => set({ notice: currentTarget.value })}
        />
      </Section>
      <Section title="Sessions">
        <Stack gap="md">{numbers(numberFields.sessions)}</Stack>
      </Section>
      <Section
        title="Second factor"
        lead="Who has one of these roles must set up a second factor at the next sign-in, and prove it at each one after."
      >
        <Loaded query={roles} lines={2}>
          {({ items }) => (
            <Checkbox.Group
              aria-label="Roles that must have a second factor"
              value={[...draft.secondFactor]}
              onChange={(values) =>
                set({ secondFactor: items.map(({ name }) => name).filter((name) => values.includes(name)) })
              }
            >
              <Group gap="md">
                {items.map(({ name }) => (
                  <Checkbox key={name} size="xs" value={name} label={name} disabled={!canWrite} />
                ))}
              </Group>
            </Checkbox.Group>
          )}
        </Loaded>
      </Section>
      <Section title="What the manager does by itself">
        <Stack gap="md">{numbers(numberFields.work)}</Stack>
      </Section>
      <Section title="How long things are kept" lead="What is removed is gone: make a backup before you shorten it.">
        <Stack gap="md">{numbers(numberFields.retention)}</Stack>
      </Section>
      {canWrite ? (
        <div className={classes['foot']}>
          <Refused cause={save.error} />
          <Group gap="sm">
            <Button type="submit" loading={save.isPending} disabled={!sound || isSame}>
              Save
            </Button>
            <Button
              variant="default"
              disabled={changed === undefined || (sound && isSame)}
              onClick={() => {
                setChanged(undefined)
                save.reset()
              }}
            >
              Undo
            </Button>
            <span role="status">
              {isSame
                ? save.isSuccess && changed === undefined
                  ? 'Saved.'
                  : ''
                : sound
                  ? 'Not saved yet.'
                  : 'Correct what is marked.'}
            </span>
          </Group>
        </div>
      ) : (
        <Remark tone="info">You see these settings because you may read them.</Remark>
      )}
    </form>
  )
}
