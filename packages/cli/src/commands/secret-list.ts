import { listSecrets } from '@cordon/server/store'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon secret list` */
export async function run(context: CommandContext): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const secrets = (await listSecrets(workspace.store)).map(({ name, storedAt }) => ({
    name,
    storedAt: moment(storedAt),
  }))
  context.output.document({ secrets }, () =>
    table(
      context.output,
      secrets,
      [
        { title: 'name', value: (secret) => secret.name },
        { title: 'stored', value: (secret) => secret.storedAt },
      ],
      'no stored secrets; store one with "cordon secret add NAME --file FILE"',
    ),
  )
  return exitCodes.ok
}
