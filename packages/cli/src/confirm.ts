import { createInterface } from 'node:readline/promises'
import { UsageError } from '@cordon/core/errors'
import type { CommandContext } from './context.ts'

/**
 * Asks before something that cannot be taken back. Without a terminal nobody is asked: the flag must say yes.
 * @throws UsageError `missing` without a terminal and without `--yes`
 */
export async function confirmed(context: CommandContext, yes: boolean | undefined, question: string): Promise<boolean> {
  if (yes === true) return true
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw new UsageError('missing', `${question} Nobody can be asked here: say --yes`)
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: context.signal })
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}
