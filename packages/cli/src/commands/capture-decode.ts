import { once } from 'node:events'
import { AddressNames, type CaptureRow } from '@cordon/core/capture'
import { UsageError } from '@cordon/core/errors'
import { type CaptureFlags, openAnalysis, plantOf, readCapture } from '../capture-options.ts'
import { rowFilter, type RowFlags, rowText } from '../capture-rows.ts'
import type { CommandContext } from '../context.ts'
import { parseNumber } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { json } from '../output.ts'
import { printable } from '../printable.ts'

/** `cordon capture decode CAPTURE` */
export async function run(
  context: CommandContext,
  flags: CaptureFlags & RowFlags & { readonly limit: string },
  file: string,
): Promise<ExitCode> {
  const { output } = context
  if (output.format === 'yaml')
    throw new UsageError('bad-option', 'capture decode writes lines: table or json, not yaml')
  const plant = await plantOf(context, flags.plant)
  if (plant === 'refused') return exitCodes.usage
  const names = plant === undefined ? undefined : new AddressNames(plant.index)
  const nameOf = (address: string): string | undefined => names?.find(address)?.name
  const wanted = rowFilter(flags)
  const limit = parseNumber(flags.limit, '--limit', 2 ** 32)
  let written = 0
  let waiting = ''
  let began: number | undefined
  const analysis = await openAnalysis(flags, (row: CaptureRow) => {
    began ??= row.timeUs
    if (limit > 0 && written >= limit) return
    if (!wanted(row)) return
    written++
    waiting += output.format === 'json' ? `${json(row)}\n` : `${printable(rowText(row, began, nameOf))}\n`
  })
  const enough = (): boolean => limit > 0 && written >= limit
  const ready = (): Promise<unknown> | undefined => {
    const text = waiting
    waiting = ''
    return text === '' || process.stdout.write(text) ? undefined : once(process.stdout, 'drain')
  }
  await readCapture(context, analysis, file, { enough, ready })
  const report = analysis.end()
  if (waiting !== '') process.stdout.write(waiting)
  if (enough()) return exitCodes.ok
  for (const { what, count } of report.notRead) output.note(`not read: ${count} ${what}`)
  return exitCodes.ok
}
