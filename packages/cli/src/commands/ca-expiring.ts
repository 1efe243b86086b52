import { UsageError } from '@cordon/core/errors'
import type { Expiring } from '@cordon/server/authority'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

const dayMs = 24 * 3_600_000
const unitDays = { d: 1, w: 7, y: 365 } as const

/** `cordon ca expiring` */
export async function run(context: CommandContext, options: { readonly within: string }): Promise<ExitCode> {
  const withinMs = duration(options.within)
  await using workspace = await openWorkspace(context)
  const expiring = await workspace.authority.expiring(withinMs)
  const now = Date.now()
  context.output.document({ within: options.within, expiring }, () =>
    expiringTable(context.output, expiring, options.within, now),
  )
  const helpless = expiring.filter(({ renewal, notAfter }) => renewal === 'nothing' || notAfter <= now)
  if (helpless.length === 0) return exitCodes.ok
  context.output.note(`${helpless.length} of them have ended or are renewed by nothing: somebody must act`)
  return exitCodes.error
}

function duration(text: string): number {
  const [, number, unit] = /^(\d{1,5})([dwy])$/.exec(text) ?? []
  if (number === undefined || (unit !== 'd' && unit !== 'w' && unit !== 'y'))
    throw new UsageError('bad-option', `--within expects a time such as 90d, 12w or 1y, got "${text}"`)
  return Number(number) * unitDays[unit] * dayMs
}

function expiringTable(output: Output, expiring: readonly Expiring[], within: string, now: number): string {
  return table(
    output,
    expiring,
    [
      { title: 'not after', value: ({ notAfter }) => moment(notAfter) },
      { title: 'what', value: ({ kind, profile }) => (kind === 'list' ? 'revocation list' : (profile ?? kind)) },
      { title: 'name', value: ({ name }) => name },
      { title: 'zone', value: ({ zone }) => zone ?? '-' },
      { title: 'renewed by', value: (one) => renewalText(output, one, now) },
      { title: 'how', value: ({ remedy }) => remedy },
      { title: 'serial', value: ({ serial }) => serial, rank: 2 },
    ],
    `nothing ends within ${within}`,
  )
}

function renewalText(output: Output, { renewal, notAfter }: Expiring, now: number): string {
  if (notAfter <= now) return output.state('bad', `${renewal}, has ended`)
  if (renewal === 'nothing') return output.state('warning', renewal)
  return output.state(renewal === 'pull' || renewal === 'automatic' ? 'good' : 'neutral', renewal)
}
