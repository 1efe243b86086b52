import { suiteHex } from '@cordon/core/security'
import { type ScanResult, type ScanVerdict, type SuiteRow, scan } from '@cordon/node/scan'
import type { CommandContext } from '../context.ts'
import { parseNumber, parseTarget } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, table } from '../output.ts'
import { bar, withProgress } from '../progress.ts'

/** What `cordon scan` takes. */
export interface ScanFlags {
  readonly transport?: 'tls' | 'dtls'
  readonly timeout: string
  readonly from?: string
}

/** `cordon scan TARGET` */
export async function run(context: CommandContext, flags: ScanFlags, target: string): Promise<ExitCode> {
  const { output, signal } = context
  const { address, port } = parseTarget(target)
  const timeoutMs = parseNumber(flags.timeout, '--timeout', 60) * 1000
  const localAddress = flags.from ?? context.settings['localAddress']
  const transports = flags.transport === undefined ? (['tls', 'dtls'] as const) : [flags.transport]
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
          progress: (done, total) => show(bar(done, total)),
          ...(port === undefined ? {} : { port }),
          ...(localAddress === undefined ? {} : { localAddress }),
        })
        results.push(result)
      },
    })),
  )
  output.document({ target: address, port: port ?? 2221, scans: results }, () => scanText(output, results))
  if (!results.some(({ answered }) => answered)) return exitCodes.error
  return results.every(isComplete) ? exitCodes.ok : exitCodes.partly
}

/** Every version and suite got an answer. */
function isComplete(result: ScanResult): boolean {
  return [...result.versions, ...result.suites].every(({ verdict }) => verdict !== 'not-tested')
}

/** A scan of one or both transports for people: versions, then suites, then why something was not tested. */
export function scanText(output: Output, results: readonly ScanResult[]): string {
  const answered = results.filter((result) => result.answered)
  const [first] = answered
  // Nobody there: thirteen times "not tested" would say no more than the reason does.
  if (first === undefined) return results.flatMap((result) => untested(output, result)).join('\n')
  const versions = answered.flatMap((result) => result.versions)
  return [
    output.strong('Versions'),
    table(output, versions, [
      { title: 'version', value: (row) => row.version },
      { title: 'verdict', value: (row) => verdictText(output, row.verdict) },
      { title: 'reason', value: (row) => row.reason, rank: 1 },
    ]),
    '',
    output.strong('Cipher suites of CIP Security'),
    table(output, first.suites, [
      { title: 'number', value: (row) => `0x${suiteHex(row.suite)}` },
      { title: 'suite', value: (row) => row.name.replace(/^TLS_/, ''), rank: 1 },
      { title: 'gives', value: (row) => (row.encrypts ? 'confidentiality' : 'integrity only'), rank: 2 },
      { title: 'proof', value: (row) => proofs[row.authentication], rank: 3 },
      ...answered.map((result) => ({
        title: result.transport.toUpperCase(),
        value: (row: SuiteRow) => verdictText(output, verdictOf(result, row.suite)),
      })),
    ]),
    ...results.flatMap((result) => untested(output, result)).flatMap((line, i) => (i === 0 ? ['', line] : [line])),
  ].join('\n')
}

const proofs = { rsa: 'RSA certificate', ecdsa: 'ECDSA certificate', psk: 'pre-shared key' } as const

function verdictOf(result: ScanResult, suite: number): ScanVerdict {
  return result.suites.find((row) => row.suite === suite)?.verdict ?? 'not-tested'
}

/** An open door is neither good nor bad before somebody says what was wanted: only what stayed unknown is marked. */
function verdictText(output: Output, verdict: ScanVerdict): string {
  if (verdict === 'not-tested') return output.state('warning', 'not tested')
  return verdict === 'offered' ? output.state('good', 'offered') : output.state('neutral', 'refused')
}

/** Why DTLS gave no sign, as far as that can be known from here, and how to ask so that nothing stays unknown. */
const silence =
  'DTLS is silent where it lets an address not in, and where nothing is: ask from another with --from, or leave it out with --transport tls'

/** What stayed unknown, reason by reason. */
function untested(output: Output, result: ScanResult): string[] {
  const byReason = new Map<string, string[]>()
  for (const row of result.versions) {
    if (row.verdict === 'not-tested') byReason.set(row.reason, [...(byReason.get(row.reason) ?? []), row.version])
  }
  for (const row of result.suites) {
    if (row.verdict !== 'not-tested') continue
    byReason.set(row.reason, [...(byReason.get(row.reason) ?? []), `0x${suiteHex(row.suite)}`])
  }
  if (byReason.size === 0) return []
  const lines = [...byReason].map(([reason, subjects]) => {
    const all = subjects.length === result.versions.length + result.suites.length
    return `${all ? `all of ${result.transport.toUpperCase()}` : subjects.join(', ')}: ${reason}`
  })
  const silent = result.transport === 'dtls' && !result.answered ? [silence] : []
  return [
    output.strong(`Not tested over ${result.transport.toUpperCase()} (never counted as refused)`),
    ...lines,
    ...silent,
  ]
}
