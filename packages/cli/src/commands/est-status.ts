import { readListeners } from '@cordon/server/enrollment'
import type { CommandContext } from '../context.ts'
import { labelText } from '../est-log.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon est status` */
export async function run(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  await using workspace = await openWorkspace(context)
  const listeners = await readListeners(workspace.store)
  output.document({ listeners }, () =>
    [
      ...listeners.flatMap(({ banners }) => banners.map((banner) => output.strong(`! ${banner}`))),
      table(
        output,
        listeners,
        [
          { title: 'plant', value: ({ plant }) => plant },
          { title: 'listens on', value: ({ addresses }) => addresses.join(' ') },
          { title: 'labels', value: ({ labels }) => labels.map(labelText).join(' '), rank: 1 },
          { title: 'announced as', value: ({ announced }) => announced.join(', ') || 'not announced', rank: 3 },
          { title: 'rules', value: ({ rules }) => rules, rank: 4 },
          { title: 'process', value: ({ host, pid }) => `${host} ${pid}`, rank: 5 },
          { title: 'since', value: ({ startedAt }) => new Date(startedAt).toISOString().slice(0, 19), rank: 2 },
        ],
        'no enrollment service runs on this state; start one with: cordon est serve PLANT --rules enrollment.yaml',
      ),
    ].join('\n'),
  )
  return exitCodes.ok
}
