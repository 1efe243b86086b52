import { UsageError } from '@cordon/core/errors'
import { removeSecret } from '@cordon/server/store'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon secret remove NAME` */
export async function run(context: CommandContext, _options: unknown, name: string): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  if (!(await removeSecret(workspace.store, name)))
    throw new UsageError('missing', `there is no secret "${name}"; "cordon secret list" shows the stored ones`)
  context.output.document(
    { removed: name },
    () => `removed ${name} from the store; a running manager keeps it until it ends`,
  )
  return exitCodes.ok
}
