import { Button, Checkbox, Group, Modal, Radio, Select, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { Failure } from '../../components/failure.tsx'
import { useAddress } from '../../components/link.tsx'
import { Remark } from '../../components/section.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { windowsQuery } from '../../data/jobs.ts'
import { counted, listed } from '../../words/states.ts'
import { moment } from '../../words/time.ts'
import type { Impact } from './impact.ts'

/** Asks once more before devices are changed, and names what will be interrupted. */
export function DeployDialog({
  job,
  plan,
  impact,
  close,
}: {
  readonly job: Shapes['Job']
  readonly plan: NonNullable<Shapes['Plan']['plan']>
  readonly impact: Impact
  readonly close: () => void
}) {
  const [timing, setTiming] = useState<'now' | 'window' | 'later'>('now')
  const [windowId, setWindowId] = useState<string | null>(null)
  const [notBefore, setNotBefore] = useState('')
  const [message, setMessage] = useState('')
  const [isAccepted, setAccepted] = useState(false)
  const windows = useQuery(windowsQuery(job.plant))
  const queries = useQueryClient()
  const router = useRouter()
  const address = useAddress({ to: '/jobs/ID' })
  const start = useMutation({
    mutationFn: () =>
      ask(
        'Starting the deployment',
        api.POST('/api/v1/plants/{plant}/deployments', {
          params: { path: { plant: job.plant } },
          body: {
            plan: job.id,
            ...(timing === 'window' && windowId !== null ? { window: windowId } : {}),
            ...(timing === 'later' ? { notBefore: new Date(notBefore).toISOString() } : {}),
            ...(message.trim() === '' ? {} : { message: message.trim() }),
          },
        }),
      ),
    onSuccess: ({ id, deployment }) => {
      void queries.invalidateQueries({ queryKey: ['jobs'] })
      void queries.invalidateQueries({ queryKey: ['deployments'] })
      const path =
        deployment === null ? `/jobs/${encodeURIComponent(id)}` : `/deployments/${encodeURIComponent(deployment)}`
      router.history.push(address.replace('/jobs/ID', path))
    },
  })
  const harm = impact.interrupted.length > 0 || plan.breaks.length > 0
  const timingIsReady =
    timing === 'now' || (timing === 'window' ? windowId !== null : !Number.isNaN(new Date(notBefore).getTime()))
  return (
    <Modal
      opened
      onClose={close}
      size="lg"
      title={`Deploy to ${counted(impact.touched, 'device')}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="md">
        {harm ? (
          <Remark tone="warn">
            {impact.interrupted.length === 0 ? null : (
              <p>
                <strong>Interrupted for a moment:</strong> {listed(impact.interrupted, 12)}.{' '}
                {impact.moving > 0
                  ? `${counted(impact.moving, 'connection')} ${impact.moving === 1 ? 'moves' : 'move'} to secure ports.`
                  : ''}
              </p>
            )}
            {plan.breaks.length === 0 ? null : (
              <p>
                <strong>Cut off:</strong>{' '}
                {listed(
                  plan.breaks.map(({ from, to }) => `${from} to ${to}`),
                  6,
                )}
                .
              </p>
            )}
          </Remark>
        ) : (
          <Remark tone="good">No observed connection is interrupted.</Remark>
        )}
        {impact.counts.refused > 0 ? (
          <Remark tone="bad">
            {counted(impact.counts.refused, 'device')} refused by the plan {impact.counts.refused === 1 ? 'is' : 'are'}{' '}
            left out.
          </Remark>
        ) : null}
        <Radio.Group
          label="When"
          value={timing}
          onChange={(value) => setTiming(value === 'window' ? 'window' : value === 'later' ? 'later' : 'now')}
        >
          <Stack gap="sm" mt="sm">
            <Radio value="now" label="Now" />
            <Radio
              value="window"
              label="In a maintenance window"
              disabled={(windows.data?.items.length ?? 0) === 0}
              description={windows.data?.items.length === 0 ? 'None is set up for this plant.' : undefined}
            />
            {timing === 'window' ? (
              <Select
                ml={28}
                size="sm"
                aria-label="Maintenance window"
                placeholder="Choose one"
                value={windowId}
                onChange={setWindowId}
                data={(windows.data?.items ?? []).map(({ id, name, open, nextOpening, zone }) => ({
                  value: id,
                  label: `${name}${zone === null ? '' : ` (${zone})`}, ${open ? 'open now' : nextOpening === null ? 'does not open again' : `opens ${moment(nextOpening)}`}`,
                }))}
              />
            ) : null}
            <Radio value="later" label="Not before" />
            {timing === 'later' ? (
              <TextInput
                ml={28}
                size="sm"
                aria-label="Not before"
                type="datetime-local"
                value={notBefore}
                onChange={({ currentTarget }) => setNotBefore(currentTarget.value)}
              />
            ) : null}
          </Stack>
        </Radio.Group>
        <TextInput
          label="Message"
          description="Optional. It stands in the audit."
          size="sm"
          maxLength={500}
          value={message}
          onChange={({ currentTarget }) => setMessage(currentTarget.value)}
        />
        {harm ? (
          <Checkbox
            label={plan.breaks.length > 0 ? 'These may be interrupted and cut off' : 'These may be interrupted'}
            checked={isAccepted}
            onChange={({ currentTarget }) => setAccepted(currentTarget.checked)}
          />
        ) : null}
        {start.error === null ? null : <Failure cause={start.error} retry={() => start.mutate()} />}
        <p style={{ color: 'var(--mantine-color-dimmed)' }}>
          A device that changed since the plan was made is refused, not overwritten. One that fails keeps its old
          settings.
        </p>
        <Group gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            loading={start.isPending}
            disabled={!timingIsReady || (harm && !isAccepted)}
            onClick={() => start.mutate()}
          >
            {timing === 'now' ? 'Deploy now' : 'Schedule'}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
