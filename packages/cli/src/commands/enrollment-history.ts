import { enrollmentHistory } from '@cordon/server/enrollment'
import type { CommandContext } from '../context.ts'
import { momentOf } from '../enrollment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon enrollment history [DEVICE|SERIAL]` */
export async function run(context: CommandContext, _flags: unknown, subject?: string): Promise<ExitCode> {
  const { output } = context
  await using workspace = await openWorkspace(context)
  const history = await enrollmentHistory(workspace.store, subject)
  output.document({ enrollments: history }, () =>
    table(
      output,
      history.flatMap((entry) => entry.words.map((word) => ({ ...word, entry }))),
      [
        { title: 'id', value: ({ entry }) => String(entry.id) },
        { title: 'when', value: ({ at }) => momentOf(at) },
        { title: 'device', value: ({ entry }) => entry.device ?? '-' },
        { title: 'who', value: ({ by }) => by },
        { title: 'said', value: ({ kind }) => kind },
        { title: 'why', value: ({ reason }) => reason },
        { title: 'certificate', value: ({ entry }) => entry.serial ?? '', rank: 1 },
      ],
      subject === undefined ? 'nobody asked yet' : `nothing about ${subject}; give a device's name or a serial number`,
    ),
  )
  return exitCodes.ok
}
