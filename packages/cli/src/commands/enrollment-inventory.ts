import { parseSerialList } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readBounded } from '../input-file.ts'
import { printProblems } from '../plant-file.ts'

/** One more byte than an inventory may have, so that a longer one is refused by its length. */
const longestFile = 8 * 1024 * 1024 + 1

/** `cordon enrollment inventory check FILE` */
export async function check(context: CommandContext, _flags: unknown, file: string): Promise<ExitCode> {
  const { output } = context
  const bytes = await readBounded(file, longestFile).catch((cause: unknown) => {
    throw new UsageError('missing', `cannot read ${file}; give the path of an existing file`, { cause })
  })
  const { list, problems } = parseSerialList(new TextDecoder().decode(bytes), file)
  if (list === undefined) {
    printProblems(output, problems)
    return exitCodes.usage
  }
  const counts = { entries: list.entries.length, serials: list.units.size, macs: list.macs.size }
  output.document({ verdict: 'accepted', file, ...counts, problems: [] }, () =>
    output.state(
      'good',
      `${file} is valid: ${counts.entries} units, ${counts.serials} by vendor and serial number, ${counts.macs} by MAC address`,
    ),
  )
  return exitCodes.ok
}
