import { discover, discoveryRow } from '@cordon/node/originator'
import type { CommandContext } from '../context.ts'
import { parseNumber, parseTarget } from '../device-target.ts'
import { discoveryTable } from '../discovery.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon discover [TARGET…]` */
export async function run(
  context: CommandContext,
  options: { readonly broadcast: string; readonly wait: string; readonly from?: string },
  targets: readonly string[],
): Promise<ExitCode> {
  const { output } = context
  const waitMs = parseNumber(options.wait, '--wait', 3600) * 1000
  const addresses = targets.map((target) => parseTarget(target).address)
  const localAddress = options.from ?? context.settings['localAddress']
  if (output.interactive)
    output.note(
      `asking ${addresses.length === 0 ? options.broadcast : `${addresses.length} targets`} for ${options.wait} s …`,
    )
  const replies = await discover({
    ...(addresses.length === 0 ? { broadcast: [options.broadcast] } : { targets: addresses }),
    ...(localAddress === undefined ? {} : { localAddress }),
    waitMs,
    signal: context.signal,
  })
  const rows = replies.map(discoveryRow)
  output.document({ devices: rows }, () => discoveryTable(output, rows))
  const silent = addresses.filter((address) => !rows.some((row) => row.address === address))
  for (const address of silent)
    output.note(`${address}: no answer; it is off, elsewhere, or its udp/44818 is closed (a secured device may be)`)
  return silent.length === 0 ? exitCodes.ok : rows.length === 0 ? exitCodes.error : exitCodes.partly
}
