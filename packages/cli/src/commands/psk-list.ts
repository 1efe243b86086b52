import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon psk list` */
export async function run(context: CommandContext): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const rows = await workspace.store.db
    .selectFrom('psks')
    .select(['name', 'identity', 'created_at'])
    .orderBy('name')
    .execute()
  const keys = rows.map((row) => ({
    name: row.name,
    identity: row.identity,
    createdAt: moment(row.created_at.getTime()),
  }))
  context.output.document({ keys }, () =>
    table(
      context.output,
      keys,
      [
        { title: 'name', value: (key) => key.name },
        { title: 'identity', value: (key) => key.identity },
        { title: 'created', value: (key) => key.createdAt, rank: 1 },
      ],
      'no stored keys; store one with "cordon psk add NAME --generate"',
    ),
  )
  return exitCodes.ok
}
