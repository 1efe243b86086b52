import { dirname } from 'node:path'
import { type ChannelSettings, type EnrollmentPolicy, parseEnrollmentPolicy } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import { maximumFileLength } from '@cordon/core/policy'
import { type Channel, type ChannelStatus, channelStatus, openChannel, testChannels } from '@cordon/server/notify'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readBounded } from '../input-file.ts'
import { table } from '../output.ts'
import { printProblems } from '../plant-file.ts'
import { openWorkspace } from '../workspace.ts'

interface Options {
  /** The enrollment file. */
  readonly rules: string
}

/** What became of the test of one channel. */
interface TestRow {
  readonly channel: string
  readonly kind: ChannelSettings['kind']
  readonly target: string
  readonly result: 'sent' | 'failed'
  readonly error: string | null
}

/** `cordon enrollment notify test [CHANNEL]` */
export async function runTest(context: CommandContext, { rules }: Options, name?: string): Promise<ExitCode> {
  const { output } = context
  const policy = await readRules(context, rules)
  if (policy === undefined) return exitCodes.usage
  const chosen = policy.notify.filter((each) => name === undefined || each.name === name)
  if (chosen.length === 0) throw new UsageError('missing', noChannel(policy, rules, name))
  const rows = await testAll(context, chosen, dirname(rules))
  output.document({ channels: rows }, () =>
    table(output, rows, [
      { title: 'channel', value: (row) => row.channel },
      { title: 'kind', value: (row) => row.kind, rank: 1 },
      { title: 'to', value: (row) => row.target, rank: 1 },
      { title: 'result', value: (row) => output.state(row.result === 'sent' ? 'good' : 'bad', row.result) },
      { title: 'error', value: (row) => row.error ?? '' },
    ]),
  )
  const failed = rows.filter(({ result }) => result === 'failed').length
  return failed === 0 ? exitCodes.ok : failed < rows.length ? exitCodes.partly : exitCodes.error
}

function noChannel({ notify }: EnrollmentPolicy, rules: string, name: string | undefined): string {
  if (notify.length === 0) return `${rules} has no channels; add a section "notify"`
  return `${rules} has no channel "${name}"; expected one of ${notify.map((each) => each.name).join(', ')}`
}

async function testAll(
  context: CommandContext,
  settings: readonly ChannelSettings[],
  directory: string,
): Promise<readonly TestRow[]> {
  await using workspace = await openWorkspace(context)
  const opened = await Promise.all(settings.map((each) => tryOpen(each, { store: workspace.store, directory })))
  const channels = opened.filter((each) => 'send' in each)
  try {
    const results = await testChannels(channels, undefined, Date.now(), context.signal)
    const sent = results.map(({ channel, kind, target, outcome }): TestRow => {
      const error = outcome.kind === 'sent' ? null : outcome.error
      return { channel, kind, target, result: error === null ? 'sent' : 'failed', error }
    })
    const rows = [...opened.filter((each) => 'result' in each), ...sent]
    return settings.flatMap(({ name }) => rows.filter(({ channel }) => channel === name))
  } finally {
    for (const { close } of channels) close()
  }
}

/** A channel that cannot be opened, for want of a secret perhaps, does not keep the others from their test. */
async function tryOpen(
  settings: ChannelSettings,
  sources: Parameters<typeof openChannel>[1],
): Promise<Channel | TestRow> {
  try {
    return await openChannel(settings, sources)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const { name, kind } = settings
    return { channel: name, kind, target: '', result: 'failed', error: error.message }
  }
}

interface StatusRow extends Omit<ChannelStatus, 'nextAt' | 'lastError'> {
  readonly configured: boolean
  readonly lastError: string | null
  readonly nextAt: string | null
}

/** `cordon enrollment notify status` */
export async function runStatus(context: CommandContext, { rules }: Options): Promise<ExitCode> {
  const { output } = context
  const policy = await readRules(context, rules)
  if (policy === undefined) return exitCodes.usage
  await using workspace = await openWorkspace(context)
  const rows = statusRows(policy, await channelStatus(workspace.store))
  output.document({ channels: rows }, () =>
    table(
      output,
      rows,
      [
        { title: 'channel', value: (row) => (row.configured ? row.channel : `${row.channel} (not in the file)`) },
        { title: 'waiting', value: (row) => String(row.waiting) },
        { title: 'sent', value: (row) => String(row.sent) },
        { title: 'given up', value: (row) => String(row.givenUp) },
        { title: 'next attempt', value: (row) => row.nextAt ?? '', rank: 1 },
        { title: 'last error', value: (row) => row.lastError ?? '' },
      ],
      `${rules} has no channels, and none was ever started`,
    ),
  )
  return exitCodes.ok
}

function statusRows({ notify }: EnrollmentPolicy, statuses: readonly ChannelStatus[]): readonly StatusRow[] {
  const names = new Set([...notify.map(({ name }) => name), ...statuses.map(({ channel }) => channel)])
  return [...names].map((channel) => {
    const status = statuses.find((each) => each.channel === channel)
    return {
      channel,
      configured: notify.some(({ name }) => name === channel),
      waiting: status?.waiting ?? 0,
      sent: status?.sent ?? 0,
      givenUp: status?.givenUp ?? 0,
      nextAt: status?.nextAt === undefined ? null : moment(status.nextAt),
      lastError: status?.lastError ?? null,
    }
  })
}

/** The rules of a file; undefined when it has problems, which are printed. */
async function readRules({ output }: CommandContext, file: string): Promise<EnrollmentPolicy | undefined> {
  let text: string
  try {
    text = Buffer.from(await readBounded(file, maximumFileLength + 1)).toString('utf8')
  } catch (cause) {
    throw new UsageError('missing', `cannot read ${file}; --rules names a readable enrollment file`, { cause })
  }
  const { policy, problems } = parseEnrollmentPolicy(text, file)
  if (policy === undefined) printProblems(output, problems)
  return policy
}
