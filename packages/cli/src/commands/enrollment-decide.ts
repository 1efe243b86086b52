import { decide, type Decision } from '@cordon/server/enrollment'
import { actingPerson, type PersonFlags } from '../acting-person.ts'
import type { CommandContext } from '../context.ts'
import { enrollmentNumber, exitCodeOf } from '../enrollment-text.ts'
import type { ExitCode } from '../exit-codes.ts'
import { table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

interface DecideFlags extends PersonFlags {
  readonly reason?: string
}

/** `cordon enrollment approve ID…` */
export async function approve(context: CommandContext, flags: DecideFlags, ids: readonly string[]): Promise<ExitCode> {
  return await say(context, 'approve', flags, ids)
}

/** `cordon enrollment deny ID…` */
export async function deny(context: CommandContext, flags: DecideFlags, ids: readonly string[]): Promise<ExitCode> {
  return await say(context, 'deny', flags, ids)
}

/** `cordon enrollment withdraw ID…` */
export async function withdraw(context: CommandContext, flags: DecideFlags, ids: readonly string[]): Promise<ExitCode> {
  return await say(context, 'withdraw', flags, ids)
}

async function say(
  context: CommandContext,
  verdict: Decision['verdict'],
  flags: DecideFlags,
  texts: readonly string[],
): Promise<ExitCode> {
  const { output } = context
  const ids = texts.map(enrollmentNumber)
  await using workspace = await openWorkspace(context)
  const by = await actingPerson(workspace.store, flags)
  const results = await decide(workspace.store, { ids, verdict, by, reason: flags.reason ?? '' })
  output.document({ verdict, by, results }, () =>
    table(output, results, [
      { title: 'id', value: ({ id }) => String(id) },
      { title: 'device', value: ({ device }) => device ?? '-' },
      { title: 'subject', value: ({ subject }) => subject ?? '', rank: 1 },
      { title: 'result', value: ({ result }) => output.state(result === 'done' ? 'good' : 'bad', result) },
      { title: 'why', value: ({ reason }) => reason },
    ]),
  )
  return exitCodeOf(results)
}
