import { type ApiClient, answered } from '@cordon/client'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, pairs, table } from '../output.ts'
import { bar, withProgress } from '../progress.ts'
import { type Api, managerClient } from './manager.ts'

type Job = Api['Job']

/** States in which a job is over. */
function isOver({ state }: Job): boolean {
  return state !== 'waiting' && state !== 'running'
}

/** How often a job is asked for where no event tells of it, milliseconds: a stream may be cut by what lies between. */
const netMs = 5000
const leastMs = 250

/** Follows a job to its end with progress; Ctrl-C leaves it running at the manager and says so. */
export async function followed(context: CommandContext, client: ApiClient, begun: Job, title: string): Promise<Job> {
  const { output, signal } = context
  let job = begun
  await withProgress(output, [
    {
      title,
      run: async (show, rename) => {
        const stream = new EventWake(client, begun.plant)
        try {
          while (!isOver(job)) {
            show(progressText(job))
            await stream.next(signal)
            job = await readJob(client, job.id)
          }
        } catch (error) {
          if (signal.aborted)
            output.note(
              `the job goes on at the manager; look with \`cordon job show ${job.id}\`, end it with \`cordon job cancel ${job.id}\``,
            )
          throw error
        } finally {
          stream.end()
        }
        rename(`${title}: ${job.state}`)
      },
    },
  ])
  if (job.error !== null) output.note(`${job.error.message}; ${job.error.next}`)
  return job
}

function progressText({ state, progress, current, window }: Job): string {
  if (state === 'waiting') return window === null ? 'waits for its turn' : `waits for the maintenance window ${window}`
  const now = current.map(({ device, step }) => `${device}: ${step}`).join(', ')
  if (progress === null) return now
  const doing = now === '' ? progress.doing : now
  // Some work has no count.
  return progress.total === 0 ? doing : `${bar(progress.done, progress.total)}  ${doing}`
}

/** Wakes when the manager tells of anything at a plant. */
class EventWake {
  readonly #end = new AbortController()
  #heard = false
  #wake: (() => void) | undefined

  constructor(client: ApiClient, plant: string) {
    this.#listen(client, plant).catch(() => {
      // Without a stream the net below it finds the end a little later.
    })
  }

  /** The next event, at most {@link netMs} from now and at least {@link leastMs}. */
  async next(signal: AbortSignal): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, leastMs))
    signal.throwIfAborted()
    if (!this.#heard)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => done(), netMs)
        const done = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          resolve()
        }
        this.#wake = done
        signal.addEventListener('abort', done, { once: true })
      })
    signal.throwIfAborted()
    this.#heard = false
  }

  end(): void {
    this.#end.abort()
  }

  async #listen(client: ApiClient, plant: string): Promise<void> {
    const { data } = await client.GET('/api/v1/events', {
      params: { query: { plant } },
      parseAs: 'stream',
      signal: this.#end.signal,
    })
    if (data === null || data === undefined) return
    for await (const part of data as unknown as AsyncIterable<Uint8Array>) {
      // Comments that keep the stream open begin with a colon and are no news.
      if (part[0] === 0x3a) continue
      this.#heard = true
      this.#wake?.()
    }
  }
}

/** @throws ApiProblem 404 where there is none of that id */
export async function readJob(client: ApiClient, id: string): Promise<Job> {
  return await answered(client.GET('/api/v1/jobs/{id}', { params: { path: { id } } }))
}

/** How a command ends by how its job did. */
export function exitOfJob({ state }: Job): ExitCode {
  switch (state) {
    case 'complete':
    case 'complete-with-warnings':
      return exitCodes.ok
    case 'not-complete':
      return exitCodes.partly
    default:
      return exitCodes.error
  }
}

const kinds = {
  complete: 'good',
  'complete-with-warnings': 'warning',
  'not-complete': 'bad',
  failed: 'bad',
  cancelled: 'warning',
  waiting: 'neutral',
  running: 'neutral',
} as const

/** A state as a word with its sign. */
export function jobState(output: Output, state: Job['state']): string {
  return output.state(kinds[state], state)
}

/** `cordon job list` */
export async function list(
  context: CommandContext,
  { of: plant, kind, active }: { readonly of?: string; readonly kind?: Job['kind']; readonly active?: boolean },
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const query = {
    limit: 200,
    ...(plant === undefined ? {} : { plant }),
    ...(kind === undefined ? {} : { kind }),
    ...(active === undefined ? {} : { active }),
  }
  const page = await answered(client.GET('/api/v1/jobs', { params: { query } }))
  output.document(page, () =>
    table(
      output,
      page.items,
      [
        { title: 'id', value: ({ id }) => id },
        { title: 'kind', value: (job) => job.kind },
        { title: 'plant', value: (job) => job.plant },
        { title: 'state', value: ({ state }) => jobState(output, state) },
        { title: 'by', value: ({ requestedBy }) => requestedBy, rank: 1 },
        { title: 'requested', value: ({ requestedAt }) => requestedAt, rank: 2 },
        { title: 'finished', value: ({ finishedAt }) => finishedAt ?? '-', rank: 3 },
      ],
      'no jobs',
    ),
  )
  return exitCodes.ok
}

/** `cordon job show ID` */
export async function show(context: CommandContext, _: unknown, id: string): Promise<ExitCode> {
  const { output } = context
  const job = await readJob(await managerClient(context), id)
  output.document(job, () =>
    pairs(output, [
      ['job', `${job.kind} of ${job.plant}`],
      ['state', jobState(output, job.state)],
      ['requested', `${job.requestedAt} by ${job.requestedBy}`],
      ...(job.startedAt === null ? [] : [['started', job.startedAt] as const]),
      ...(job.finishedAt === null ? [] : [['finished', job.finishedAt] as const]),
      ...(job.window === null ? [] : [['window', job.window] as const]),
      ...(job.deployment === null ? [] : [['deployment', job.deployment] as const]),
      ...(isOver(job) ? [] : [['now', progressText(job)] as const]),
      ...(job.error === null ? [] : [['error', `${job.error.message}; ${job.error.next}`] as const]),
    ]),
  )
  return exitCodes.ok
}

/** `cordon job cancel ID` */
export async function cancel(context: CommandContext, _: unknown, id: string): Promise<ExitCode> {
  const client = await managerClient(context)
  const job = await answered(client.POST('/api/v1/jobs/{id}/cancel', { params: { path: { id } } }))
  context.output.document(
    job,
    () => `${job.kind} of ${job.plant}: asked to stop; each device keeps its old or gets its new settings`,
  )
  return exitCodes.ok
}
