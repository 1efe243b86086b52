import { UsageError } from '@cordon/core/errors'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon psk remove NAME` */
export async function run(context: CommandContext, _options: unknown, name: string): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const removed = await workspace.store.db.deleteFrom('psks').where('name', '=', name).executeTakeFirst()
  if (removed.numDeletedRows === 0n)
    throw new UsageError('missing', `there is no key "${name}"; "cordon psk list" shows the stored ones`)
  context.output.document(
    { removed: name },
    () => `removed ${name} from the store; devices that hold it keep it until they get another`,
  )
  return exitCodes.ok
}
