import { Button, Progress } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, ask } from '../api.ts'
import type { Shapes } from '../api-types.ts'
import { usePermits } from '../data/session.ts'
import { isActive, jobKinds, jobStates, listed } from '../words/states.ts'
import { Failure } from './failure.tsx'
import classes from './job-progress.module.css'
import { Moment } from './moment.tsx'
import { Tone } from './tone.tsx'

/** A job that waits or runs: how far it is, on what it works, and a way to stop it. */
export function JobProgress({ job }: { readonly job: Shapes['Job'] }) {
  const { kind, state, progress, current, window: windowName, notBefore, cancelRequestedBy, attempts, manager } = job
  const queries = useQueryClient()
  const permitted = usePermits('deploy')
  const cancel = useMutation({
    mutationFn: () => ask('Cancelling', api.POST('/api/v1/jobs/{id}/cancel', { params: { path: { id: job.id } } })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['jobs'] }),
  })
  if (!isActive(state)) return null
  const share = progress === null || progress.total === 0 ? undefined : (100 * progress.done) / progress.total
  return (
    <section className={classes['job']} aria-label={`${jobKinds[kind]} in progress`}>
      <div className={classes['line']}>
        <Tone {...jobStates[state]} strong />
        <span className={classes['doing']} aria-live="polite">
          {state === 'waiting' ? waitingWords(windowName) : (progress?.doing ?? '')}
          {state === 'waiting' && notBefore !== null ? (
            <>
              {' '}
              until <Moment at={notBefore} />
            </>
          ) : null}
        </span>
        {progress === null ? null : (
          <span className={classes['numbers']}>
            {progress.done.toLocaleString('en-US')} of {progress.total.toLocaleString('en-US')}
          </span>
        )}
        {cancelRequestedBy !== null ? (
          <span>Stopping, as {cancelRequestedBy} asked. Each device keeps its old or gets its new settings.</span>
        ) : permitted ? (
          <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
            Cancel
          </Button>
        ) : null}
      </div>
      <Progress
        value={share ?? 100}
        animated={share === undefined && state === 'running'}
        striped={share === undefined}
        size="sm"
        aria-label={`Progress of the ${jobKinds[kind].toLowerCase()}`}
      />
      {current.length === 0 ? null : (
        <p className={classes['current']}>
          Now:{' '}
          {listed(
            current.map(({ device, step }) => `${device} (${step})`),
            4,
          )}
        </p>
      )}
      {attempts > 1 ? (
        <p className={classes['current']}>
          Taken over{manager === null ? '' : ` by ${manager}`} after another manager stopped answering; attempt{' '}
          {attempts}.
        </p>
      ) : null}
      {cancel.error === null ? null : <Failure cause={cancel.error} retry={() => cancel.mutate()} />}
    </section>
  )
}

function waitingWords(windowName: string | null): string {
  return windowName === null ? 'Waits for a free manager' : `Waits for the maintenance window ${windowName}`
}

/** How a job ended where it ended badly: what happened and what to do. */
export function JobError({ job: { error } }: { readonly job: Shapes['Job'] }) {
  if (error === null) return null
  return (
    <div role="alert" className={classes['error']}>
      <p>
        <strong>{error.message}</strong> <span className="mono">{error.code}</span>
      </p>
      {error.next === '' ? null : (
        <p>
          <strong>Next:</strong> {error.next}
        </p>
      )}
    </div>
  )
}
