import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '@cordon/core/errors'
import { listEnrollments, type QueueEntry, type QueueFilter } from '@cordon/server/enrollment'
import type { Store } from '@cordon/server/store'
import type { CommandContext } from '../context.ts'
import { queueTable } from '../enrollment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { openWorkspace } from '../workspace.ts'

const states = ['pending', 'granted', 'denied', 'expired'] as const

interface ListFlags {
  readonly in?: readonly string[]
  readonly all?: boolean
  readonly device?: string
  readonly label?: string
  readonly address?: string
  readonly since?: string
  readonly text?: string
  readonly limit: string
  readonly follow?: boolean
}

/** How often a followed queue is looked at, milliseconds. */
const pollMs = 1000

/** `cordon enrollment list` */
export async function run(context: CommandContext, flags: ListFlags): Promise<ExitCode> {
  const filter = filterOf(flags)
  const limit = Number(flags.limit)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new UsageError('bad-option', `--limit expects 1 to 100000, got "${flags.limit}"`)
  await using workspace = await openWorkspace(context)
  const { store } = workspace
  if (flags.follow === true) return await follow(context, store, filter)
  const { entries, isMore } = await upTo(store, filter, limit)
  const pending = flags.all !== true && flags.in === undefined
  context.output.document({ enrollments: entries, more: isMore }, () =>
    queueTable(
      context.output,
      entries,
      pending ? 'nobody waits; "cordon enrollment list --all" shows what was decided' : 'no enrollments',
    ),
  )
  if (isMore) context.output.note(`there are more than these ${limit}; say --limit, or what you look for`)
  return exitCodes.ok
}

function filterOf(flags: ListFlags): QueueFilter {
  const { device, label, address, text } = flags
  const wanted = flags.in?.map((word) => {
    const state = states.find((known) => known === word)
    if (state === undefined)
      throw new UsageError('bad-option', `--in expects one of ${states.join(', ')}, got "${word}"`)
    return state
  })
  return {
    ...(flags.all === true ? {} : { states: wanted ?? ['pending'] }),
    ...(device === undefined ? {} : { device }),
    // The path without a label is called default, as in the enrollment file.
    ...(label === undefined ? {} : { label: label === 'default' ? '' : label }),
    ...(address === undefined ? {} : { address }),
    ...(text === undefined ? {} : { text }),
    ...(flags.since === undefined ? {} : { since: dateOf(flags.since) }),
  }
}

function dateOf(text: string): Date {
  const date = new Date(text)
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(date.getTime()))
    throw new UsageError('bad-option', `--since expects a date or time such as 2026-12-24T18:00:00Z, got "${text}"`)
  return date
}

async function upTo(
  store: Store,
  filter: QueueFilter,
  limit: number,
): Promise<{ entries: readonly QueueEntry[]; isMore: boolean }> {
  const entries: QueueEntry[] = []
  for (let after = 0; ; ) {
    const most = Math.min(1000, limit - entries.length)
    const page = await listEnrollments(store, filter, { most, after })
    entries.push(...page.entries)
    if (page.next === null || entries.length >= limit) return { entries, isMore: page.next !== null }
    after = page.next
  }
}

/** Tells every change until Ctrl-C; what was told is the document then. */
async function follow(context: CommandContext, store: Store, filter: QueueFilter): Promise<ExitCode> {
  const { output, signal } = context
  const told: QueueEntry[] = []
  const last = new Map<number, number>()
  let since = filter.since
  while (!signal.aborted) {
    const { entries } = await upTo(store, { ...filter, ...(since === undefined ? {} : { since }) }, 100_000)
    for (const entry of entries) {
      const changed = entry.updatedAt.getTime()
      // The newest moment is asked for again: others may have changed in it.
      if (since === undefined || changed > since.getTime()) since = entry.updatedAt
      if (last.get(entry.id) === changed) continue
      last.set(entry.id, changed)
      told.push(entry)
      output.note(
        `${entry.updatedAt.toISOString()}  ${entry.id}  ${entry.state}  ${entry.device ?? entry.subject}  ${entry.address}  ${entry.reason}`,
      )
    }
    await sleep(pollMs, undefined, { signal }).catch(() => undefined)
  }
  output.document({ enrollments: told, more: false }, () => '')
  return exitCodes.ok
}
