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
  // While it asks, the terminal hands Ctrl-C to us as a key, and Ctrl-D as the end of input.
  terminal.once('SIGINT', () => process.emit('SIGINT'))
  const ended = new Promise<string>((done) => terminal.once('close', () => done('')))
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `, { signal: context.signal }), ended])
    const agreed = /^y(es)?$/i.test(answer.trim())
    if (!agreed) context.output.note('not confirmed: nothing was changed')
    return agreed
  } finally {
    terminal.close()
  }
}
