import { completionScript, type Shell } from '../completion.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon completion SHELL`; the command tree admits no other shell. */
export async function run(context: CommandContext, _options: unknown, shell: Shell): Promise<ExitCode> {
  process.stdout.write(completionScript(context.program, shell))
  return exitCodes.ok
}
