import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

export async function run(_context: CommandContext): Promise<ExitCode> {
  return exitCodes.error
}
