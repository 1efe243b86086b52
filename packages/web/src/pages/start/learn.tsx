import { Button, Group, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { Failure } from '../../components/failure.tsx'
import { Loading } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import { latestJobsQuery } from '../../data/jobs.ts'
import { plantQuery, versionQuery } from '../../data/model.ts'
import { usePermits } from '../../data/session.ts'
import { counted, isActive, jobStates } from '../../words/states.ts'
import { keepDraft } from '../editor/draft.ts'
import { ModelChanges } from '../editor/model-changes.tsx'
import { Problems } from '../editor/problems.tsx'
import { useRouter } from '@tanstack/react-router'
import { useAddress } from '../../components/link.tsx'

const CodeDifference = lazy(async () => ({ default: (await import('../editor/code-view.tsx')).CodeDifference }))

/** Reads who talks to whom, proposes zones and conduits from it, and saves the proposal once it was looked at. */
export function Learn({ plant }: { readonly plant: string }) {
  const summary = useQuery(plantQuery(plant))
  const version = summary.data?.version ?? 0
  const current = useQuery(versionQuery(plant, version))
  const observations = useQuery(latestJobsQuery(plant, 'observe', 1))
  const queries = useQueryClient()
  const router = useRouter()
  const editor = useAddress({ to: '/editor', search: { view: 'changes' } })
  const mayOperate = usePermits('operate')
  const mayWrite = usePermits('plant.write')
  const [message, setMessage] = useState('Conduits from observed connections')
  const last = observations.data?.items[0]
  const observe = useMutation({
    mutationFn: () =>
      ask(
        'Starting to observe',
        api.POST('/api/v1/plants/{plant}/observations', { params: { path: { plant } }, body: {} }),
      ),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['jobs'] }),
  })
  const propose = useMutation({
    mutationFn: async () => {
      const proposal = await ask(
        'Making the proposal',
        api.POST('/api/v1/plants/{plant}/propose', { params: { path: { plant } } }),
      )
      const checked = await ask(
        'Checking the proposal',
        api.POST('/api/v1/plants/validate', { body: { text: proposal.text, against: { plant, version } } }),
      )
      return { ...proposal, changes: checked.changes, valid: checked.valid }
    },
  })
  const save = useMutation({
    mutationFn: (text: string) =>
      ask(
        'Saving the proposal',
        api.POST('/api/v1/plants/{plant}/versions', {
          params: { path: { plant } },
          body: { base: version, text, message: message.trim() },
        }),
      ),
    onSuccess: () => {
      propose.reset()
      void queries.invalidateQueries({
        predicate: ({ queryKey: [first] }) => ['plants', 'versions', 'topology', 'devices'].includes(String(first)),
      })
    },
  })
  const proposal = propose.data
  return (
    <>
      <Group gap="sm">
        <Button
          variant="default"
          disabled={!mayOperate || (last !== undefined && isActive(last.state))}
          loading={observe.isPending}
          onClick={() => observe.mutate()}
        >
          {last === undefined ? 'Read the devices’ tables' : 'Read them again'}
        </Button>
        {last === undefined ? (
          <span>Not read yet.</span>
        ) : (
          <span>
            Last read <Moment at={last.requestedAt} />: <Tone {...jobStates[last.state]} />
          </span>
        )}
      </Group>
      {observe.error === null ? null : <Failure cause={observe.error} retry={() => observe.mutate()} />}
      <Group gap="sm" mt="md">
        <Button
          disabled={!mayWrite || last === undefined || isActive(last.state)}
          loading={propose.isPending}
          onClick={() => propose.mutate()}
        >
          Propose conduits
        </Button>
        <span style={{ color: 'var(--mantine-color-dimmed)' }}>Nothing is saved by it.</span>
      </Group>
      {propose.error === null ? null : <Failure cause={propose.error} retry={() => propose.mutate()} />}
      {save.isSuccess && proposal === undefined ? (
        <Remark tone="good">Saved as version {save.data.version}.</Remark>
      ) : null}
      {proposal === undefined ? null : (
        <>
          {proposal.notes.length === 0 ? null : (
            <Section title={counted(proposal.notes.length, 'open question')}>
              <ul style={{ paddingLeft: 18, margin: 0 }}>
                {proposal.notes.map((note) => (
                  <li key={note}>{note}</li>
                ))}
              </ul>
            </Section>
          )}
          <Section title="What it would change">
            <ModelChanges changes={proposal.changes} />
          </Section>
          <Problems problems={proposal.problems} goTo={() => undefined} />
          <Section title="Line by line">
            <Suspense fallback={<Loading />}>
              {current.data === undefined ? (
                <Loading />
              ) : (
                <CodeDifference before={current.data.text} after={proposal.text} label="What the proposal changes" />
              )}
            </Suspense>
          </Section>
          {save.error === null ? null : <Failure cause={save.error} retry={() => save.mutate(proposal.text)} />}
          <Group gap="sm" mt="md" align="flex-end">
            <TextInput
              label="Message"
              style={{ flex: '1 1 14rem', maxWidth: '28rem' }}
              maxLength={500}
              value={message}
              onChange={({ currentTarget }) => setMessage(currentTarget.value)}
            />
            <Button
              disabled={!mayWrite || !proposal.valid || message.trim() === ''}
              loading={save.isPending}
              onClick={() => save.mutate(proposal.text)}
            >
              Save as a new version
            </Button>
            <Button
              variant="default"
              onClick={() => {
                keepDraft(sessionStorage, plant, { base: version, text: proposal.text })
                router.history.push(editor)
              }}
            >
              Go on in the editor
            </Button>
          </Group>
        </>
      )}
    </>
  )
}
