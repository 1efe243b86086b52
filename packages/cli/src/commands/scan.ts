import { type ScanAnchors, type ScanResult, scan } from '@cordon/node/scan'
import type { CommandContext } from '../context.ts'
import { vendorRoots } from '../deploy-options.ts'
import { parseNumber, parseTarget } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { bar, withProgress } from '../progress.ts'
import { scanText } from '../scan-text.ts'

/** What `cordon scan` takes. */
export interface ScanFlags {
  readonly transport?: 'tls' | 'dtls'
  readonly timeout: string
  readonly from?: string
  readonly plant?: string
  readonly trustVendor?: readonly string[]
  readonly details?: boolean
}

/** `cordon scan TARGET` */
export async function run(context: CommandContext, flags: ScanFlags, target: string): Promise<ExitCode> {
  const { output, signal } = context
  const { address, port } = parseTarget(target)
  const timeoutMs = parseNumber(flags.timeout, '--timeout', 60) * 1000
  const localAddress = flags.from ?? context.settings['localAddress']
  const transports = flags.transport === undefined ? (['tls', 'dtls'] as const) : [flags.transport]
  const anchors = await scanAnchors(context, flags)
  const results: ScanResult[] = []
  await withProgress(
    output,
    transports.map((transport) => ({
      title: `Ask ${address} over ${transport.toUpperCase()}`,
      run: async (show) => {
        const result = await scan(address, {
          transport,
          timeoutMs: Math.max(100, timeoutMs),
          signal,
          anchors,
          progress: (done, total) => show(bar(done, total)),
          ...(port === undefined ? {} : { port }),
          ...(localAddress === undefined ? {} : { localAddress }),
        })
        results.push(result)
      },
    })),
  )
  output.document({ target: address, port: port ?? 2221, scans: results }, () =>
    scanText(output, results, flags.details === true),
  )
  if (!results.some(({ answered }) => answered)) return exitCodes.error
  return results.every(isComplete) ? exitCodes.ok : exitCodes.partly
}

/** Every version and suite got an answer, and so did the question for more with each version. */
export function isComplete({ versions, suites, offers }: ScanResult): boolean {
  return (
    [...versions, ...suites].every(({ verdict }) => verdict !== 'not-tested') &&
    offers.every(({ complete }) => complete)
  )
}

/** Whom the chains are judged by: the plant's authorities and those of vendors, as far as they were named. */
async function scanAnchors(context: CommandContext, flags: ScanFlags): Promise<ScanAnchors> {
  const vendor: Uint8Array[] = []
  for (const file of flags.trustVendor ?? []) vendor.push(...(await vendorRoots(file)))
  if (flags.plant === undefined) return { vendor }
  // The store and the policy are most of what a command loads, and only a plant needs them.
  const { managerAccess } = await import('../manager.ts')
  const { credentials } = await managerAccess(context, flags.plant)
  return { vendor, plant: credentials.anchors ?? [] }
}
