import { answered } from '@cordon/client'
import { UsageError } from '@cordon/core/errors'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { pairs, table } from '../output.ts'
import { managerClient } from './manager.ts'

/** The number of a request. @throws UsageError `bad-option` */
function numberOf(text: string): number {
  const id = Number(text)
  if (!Number.isInteger(id) || id < 1)
    throw new UsageError('bad-option', `expected the number of a request, got "${text}"`)
  return id
}

/** `cordon enrollment list` */
export async function enrollments(
  context: CommandContext,
  { all, plant }: { readonly all?: boolean; readonly plant?: string },
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const query = {
    limit: 200,
    ...(all === true ? {} : { state: 'pending' as const }),
    ...(plant === undefined ? {} : { plant }),
  }
  const page = await answered(client.GET('/api/v1/enrollments', { params: { query } }))
  output.document(page, () =>
    table(
      output,
      page.items,
      [
        { title: 'id', value: ({ id }) => String(id) },
        { title: 'device', value: ({ device }) => device ?? '-' },
        { title: 'state', value: ({ state }) => state },
        { title: 'from', value: ({ address }) => address },
        { title: 'asks as', value: ({ requester }) => requester, rank: 1 },
        { title: 'why', value: ({ reason }) => reason },
      ],
      'nobody waits',
    ),
  )
  return exitCodes.ok
}

/** `cordon enrollment show ID` */
export async function showEnrollment(context: CommandContext, _: unknown, id: string): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const found = await answered(client.GET('/api/v1/enrollments/{id}', { params: { path: { id: numberOf(id) } } }))
  output.document(found, () =>
    [
      pairs(output, [
        ['state', `${found.state}: ${found.reason}`],
        ['would be', found.device === null ? 'no device of the plant file' : `${found.device} in ${found.zone ?? '?'}`],
        ['asks as', found.requester],
        ['from', found.address],
        ['subject', found.subject],
        ['key', `SHA-256 ${found.key}`],
      ]),
      '',
      ...found.explanation,
      '',
      table(
        output,
        found.words,
        [
          { title: 'when', value: ({ at }) => at },
          { title: 'who', value: ({ by }) => by },
          { title: 'said', value: ({ kind }) => kind },
          { title: 'why', value: ({ reason }) => reason },
        ],
        'nobody said anything yet',
      ),
    ].join('\n'),
  )
  return exitCodes.ok
}

interface DecideFlags {
  readonly reason?: string
}

/** `cordon enrollment approve ID…` */
export async function approve(context: CommandContext, flags: DecideFlags, ids: readonly string[]): Promise<ExitCode> {
  return await decideMany(context, 'approve', flags, ids)
}

/** `cordon enrollment deny ID…` */
export async function deny(context: CommandContext, flags: DecideFlags, ids: readonly string[]): Promise<ExitCode> {
  return await decideMany(context, 'deny', flags, ids)
}

/** `cordon enrollment withdraw ID…` */
export async function withdraw(context: CommandContext, flags: DecideFlags, ids: readonly string[]): Promise<ExitCode> {
  const client = await managerClient(context)
  for (const id of ids)
    await answered(
      client.POST('/api/v1/enrollments/{id}/withdraw', {
        params: { path: { id: numberOf(id) } },
        body: { reason: reasonOf(flags) },
      }),
    )
  context.output.document({ ids: ids.map(numberOf), withdrawn: true }, () => `taken back for ${ids.join(', ')}`)
  return exitCodes.ok
}

function reasonOf({ reason }: DecideFlags): string {
  if (reason === undefined || reason.trim() === '') throw new UsageError('missing', 'say why: --reason TEXT')
  return reason
}

async function decideMany(
  context: CommandContext,
  decision: 'approve' | 'deny',
  flags: DecideFlags,
  ids: readonly string[],
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const body = { ids: ids.map(numberOf), decision, reason: reasonOf(flags) }
  const { items } = await answered(client.POST('/api/v1/enrollments/decisions', { body }))
  output.document({ decision, results: items }, () =>
    table(output, items, [
      { title: 'id', value: ({ id }) => String(id) },
      { title: 'result', value: ({ state }) => output.state(state === 'done' ? 'good' : 'bad', state) },
      { title: 'why', value: ({ error }) => error ?? '' },
    ]),
  )
  const refused = items.filter(({ error }) => error !== null).length
  if (refused === 0) return exitCodes.ok
  return refused === items.length ? exitCodes.refused : exitCodes.partly
}

/** `cordon ca expiring` */
export async function expiring(context: CommandContext, { within }: { readonly within: string }): Promise<ExitCode> {
  const { output } = context
  const days = Number(within.replace(/d$/, ''))
  if (!Number.isInteger(days) || days < 0)
    throw new UsageError('bad-option', `--within expects days such as 30d, got "${within}"`)
  const client = await managerClient(context)
  const query = { withinDays: days, status: 'valid' as const, inUse: true, limit: 200 }
  const page = await answered(client.GET('/api/v1/certificates', { params: { query } }))
  output.document(page, () =>
    table(
      output,
      page.items,
      [
        { title: 'name', value: ({ name }) => name },
        { title: 'ends', value: ({ notAfter }) => notAfter },
        { title: 'zone', value: ({ zone }) => zone ?? '-' },
        { title: 'serial', value: ({ serial }) => serial, rank: 1 },
      ],
      `no certificate in use ends within ${days} days`,
    ),
  )
  return exitCodes.ok
}
