import { UsageError } from '@cordon/core/errors'
import type { QueueEntry } from '@cordon/server/enrollment'
import { moment } from './dates.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { type Output, table } from './output.ts'

/** A moment or a dash. */
export function momentOf(date: Date | null): string {
  return date === null ? '-' : moment(date.getTime())
}

/** The beginning of a hash: enough to tell keys apart by eye. */
export function short(hash: string): string {
  return hash.length > 16 ? `${hash.slice(0, 16)}…` : hash
}

/** A state as a word with its sign. */
export function stateText(output: Output, state: QueueEntry['state']): string {
  const kinds = { pending: 'warning', granted: 'good', denied: 'bad', expired: 'neutral' } as const
  return output.state(kinds[state], state)
}

/** Requests for people. */
export function queueTable(output: Output, entries: readonly QueueEntry[], empty: string): string {
  return table(
    output,
    entries,
    [
      { title: 'id', value: ({ id }) => String(id) },
      { title: 'state', value: ({ state }) => stateText(output, state) },
      { title: 'device', value: ({ device }) => device ?? '-' },
      { title: 'address', value: ({ address }) => address },
      { title: 'subject', value: ({ subject }) => subject, rank: 1 },
      { title: 'requester', value: ({ requester }) => requester, rank: 2 },
      { title: 'approved by', value: ({ approvedBy }) => approvedBy.join(', '), rank: 1 },
      { title: 'alarms', value: ({ alarms }) => alarms.map((kind) => output.state('bad', kind)).join(', '), rank: 1 },
      { title: 'why', value: ({ reason }) => reason, rank: 1 },
      { title: 'label', value: ({ label }) => label ?? '', rank: 3 },
      { title: 'asked', value: ({ createdAt }) => momentOf(createdAt), rank: 3 },
      { title: 'until', value: ({ expiresAt }) => (expiresAt === null ? '' : momentOf(expiresAt)), rank: 3 },
      { title: 'key', value: ({ key }) => short(key), rank: 4 },
    ],
    empty,
  )
}

/** Numbers of requests as they are typed. @throws UsageError `bad-option` */
export function enrollmentNumber(text: string): number {
  const id = Number(text)
  if (!/^[0-9]{1,15}$/.test(text) || id < 1)
    throw new UsageError(
      'bad-option',
      `expected the number of an enrollment, as "cordon enrollment list" shows it, got "${text}"`,
    )
  return id
}

/** How a command over several things ends: all done, some, none. */
export function exitCodeOf(results: readonly { readonly result: 'done' | 'refused' }[]): ExitCode {
  const refused = results.filter(({ result }) => result === 'refused').length
  if (refused === 0) return exitCodes.ok
  return refused < results.length ? exitCodes.partly : exitCodes.refused
}
