import { UsageError } from '@cordon/core/errors'
import { completionScript, type Shell, shells } from '../completion.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon completion SHELL` */
export async function run(context: CommandContext, _options: unknown, shell: string): Promise<ExitCode> {
  if (!(shells as readonly string[]).includes(shell)) {
    throw new UsageError('bad-option', `expected one of ${shells.join(', ')}, got "${shell}"`)
  }
  process.stdout.write(completionScript(context.program, shell as Shell))
  return exitCodes.ok
}
