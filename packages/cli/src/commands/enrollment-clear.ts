import { clearClone } from '@cordon/server/enrollment'
import { actingPerson, type PersonFlags } from '../acting-person.ts'
import type { CommandContext } from '../context.ts'
import { enrollmentNumber } from '../enrollment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon enrollment clear ID` */
export async function run(
  context: CommandContext,
  flags: PersonFlags & { readonly reason: string; readonly address?: string },
  id: string,
): Promise<ExitCode> {
  const number = enrollmentNumber(id)
  const { reason, address } = flags
  await using workspace = await openWorkspace(context)
  const by = await actingPerson(workspace.store, flags)
  const cleared = await clearClone(workspace.store, {
    id: number,
    by,
    reason,
    ...(address === undefined ? {} : { address }),
  })
  context.output.document(
    { id: number, by, cleared },
    () =>
      `declared harmless: that the key of enrollment ${number} was seen at ${cleared.join(', ')}. It is judged anew when the device asks again.`,
  )
  return exitCodes.ok
}
