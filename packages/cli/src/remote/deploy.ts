import { answered, type operations } from '@cordon/client'
import { UsageError } from '@cordon/core/errors'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, pairs, table } from '../output.ts'
import { exitOfJob, followed } from './jobs.ts'
import { type Api, managerClient } from './manager.ts'
import { discoveredTable } from './plants.ts'

/** Flags of plan, apply and rehearse that a manager takes too. */
interface ScopeFlags {
  readonly only?: readonly string[]
  readonly zone?: readonly string[]
  readonly closeConnections?: boolean
  readonly closePorts?: 'now' | 'later'
  readonly fingerprint?: readonly string[]
  readonly version?: string
  readonly window?: string
  readonly yes?: boolean
  readonly message?: string
  readonly dryRun?: boolean
}

type Scope = NonNullable<operations['plans.create']['requestBody']>['content']['application/json']

function scopeOf({ only, zone, closeConnections, closePorts, fingerprint }: ScopeFlags): Scope {
  const prints = Object.fromEntries(
    (fingerprint ?? []).map((flag) => {
      const [device = '', print = ''] = flag.split('=')
      return [device, print.replaceAll(':', '').toLowerCase()]
    }),
  )
  return {
    ...(only === undefined ? {} : { only: [...only] }),
    ...(zone === undefined ? {} : { zones: [...zone] }),
    ...(closeConnections === undefined ? {} : { closeConnections }),
    ...(closePorts === undefined ? {} : { closePorts }),
    ...(fingerprint === undefined ? {} : { fingerprints: prints }),
  }
}

async function planned(context: CommandContext, flags: ScopeFlags, plant: string): Promise<Api['Plan']> {
  const client = await managerClient(context)
  const job = await answered(
    client.POST('/api/v1/plants/{plant}/plans', { params: { path: { plant } }, body: scopeOf(flags) }),
  )
  await followed(context, client, job, `Read the devices of ${plant}`)
  return await answered(client.GET('/api/v1/plans/{id}', { params: { path: { id: job.id } } }))
}

/** `cordon plan PLANT` */
export async function plan(context: CommandContext, flags: ScopeFlags, plant: string): Promise<ExitCode> {
  const made = await planned(context, flags, plant)
  context.output.document(made, () => planText(context.output, made))
  if (made.plan === null) return exitOfJob(made.job)
  return made.plan.outcome === 'not-complete' ? exitCodes.refused : exitCodes.ok
}

/** `cordon apply PLANT` */
export async function apply(context: CommandContext, flags: ScopeFlags, plant: string): Promise<ExitCode> {
  const { output } = context
  const made = await planned(context, flags, plant)
  if (made.plan === null) return exitOfJob(made.job)
  if (flags.dryRun === true) {
    output.document(made, () => planText(output, made))
    return made.plan.outcome === 'not-complete' ? exitCodes.refused : exitCodes.ok
  }
  const changing = made.plan.devices.filter(({ action }) => !['nothing', 'leave', 'refused'].includes(action))
  if (changing.length > 0 && flags.yes !== true) {
    output.note(planText(output, made))
    if (!(await confirmed(context, flags.yes, `Change ${changing.length} devices of ${plant}?`)))
      return exitCodes.refused
  }
  const client = await managerClient(context)
  const begun = await answered(
    client.POST('/api/v1/plants/{plant}/deployments', {
      params: { path: { plant } },
      body: {
        plan: made.job.id,
        ...(flags.window === undefined ? {} : { window: flags.window }),
        ...(flags.message === undefined ? {} : { message: flags.message }),
      },
    }),
  )
  const job = await followed(context, client, begun, `Deploy ${plant}`)
  if (job.deployment === null) {
    output.document(job, () => job.error?.message ?? job.state)
    return exitOfJob(job)
  }
  const deployment = await answered(
    client.GET('/api/v1/deployments/{id}', { params: { path: { id: job.deployment } } }),
  )
  output.document({ ...deployment, job }, () => deploymentText(output, deployment))
  return exitOfJob(job)
}

/** `cordon verify PLANT` */
export async function verify(
  context: CommandContext,
  { only, details }: { readonly only?: string[]; readonly details?: boolean },
  plant: string,
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const begun = await answered(
    client.POST('/api/v1/plants/{plant}/verifications', {
      params: { path: { plant } },
      body: only === undefined ? {} : { only },
    }),
  )
  const job = await followed(context, client, begun, `Verify ${plant} from outside`)
  const verification = await answered(client.GET('/api/v1/verifications/{id}', { params: { path: { id: job.id } } }))
  const { result } = verification
  if (result === null) {
    output.document(verification, () => job.error?.message ?? job.state)
    return exitCodes.error
  }
  const shown = result.checks.filter(({ verdict }) => details === true || verdict !== 'pass')
  output.document(verification, () =>
    [
      table(
        output,
        shown,
        [
          { title: 'check', value: ({ id }) => id },
          { title: 'subject', value: ({ subject }) => subject },
          {
            title: 'verdict',
            value: ({ verdict }) =>
              output.state(verdict === 'pass' ? 'good' : verdict === 'fail' ? 'bad' : 'warning', verdict),
          },
          { title: 'evidence', value: ({ evidence }) => evidence, rank: 1 },
        ],
        'every check passes',
      ),
      `${result.counts['pass'] ?? 0} of ${result.checks.length} checks pass: ${output.state(result.verdict === 'pass' ? 'good' : 'bad', result.verdict)}`,
    ].join('\n'),
  )
  return result.verdict === 'pass' ? exitCodes.ok : exitCodes.error
}

/** `cordon drift PLANT` */
export async function drift(context: CommandContext, _: unknown, plant: string): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const path = { plant }
  const begun = await answered(client.POST('/api/v1/plants/{plant}/drift-checks', { params: { path }, body: {} }))
  const job = await followed(context, client, begun, `Compare ${plant} with its model`)
  const page = await answered(
    client.GET('/api/v1/plants/{plant}/findings', { params: { path, query: { limit: 200 } } }),
  )
  output.document({ job, findings: page.items }, () =>
    table(
      output,
      page.items,
      [
        { title: 'device', value: ({ device }) => device },
        { title: 'difference', value: ({ text }) => text },
        { title: 'weight', value: ({ weight }) => weight, rank: 1 },
        { title: 'who', value: ({ explanation }) => explanation, rank: 2 },
        { title: 'since', value: ({ foundAt }) => foundAt, rank: 1 },
      ],
      'the plant is as its model says',
    ),
  )
  if (exitOfJob(job) !== exitCodes.ok) return exitOfJob(job)
  return page.items.some(({ weight }) => weight === 'drift') ? exitCodes.error : exitCodes.ok
}

/** `cordon discover TARGET… --into PLANT` */
export async function discover(
  context: CommandContext,
  { into: plant }: { readonly into?: string },
  targets: readonly string[],
): Promise<ExitCode> {
  if (plant === undefined)
    throw new UsageError('missing', 'say whose inbox the answers go to: --into PLANT, and which addresses to ask')
  const client = await managerClient(context)
  const path = { plant }
  const begun = await answered(
    client.POST('/api/v1/plants/{plant}/discoveries', { params: { path }, body: { targets: [...targets] } }),
  )
  const job = await followed(context, client, begun, `Ask ${targets.join(', ')}`)
  const found = await answered(client.GET('/api/v1/plants/{plant}/discovered', { params: { path } }))
  context.output.document({ job, items: found.items }, () => discoveredTable(context.output, found.items))
  return exitOfJob(job)
}

/** `cordon connections PLANT` */
export async function connections(
  context: CommandContext,
  { zone, read }: { readonly zone?: string; readonly read?: boolean },
  plant: string,
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const path = { plant }
  if (read !== false) {
    const begun = await answered(client.POST('/api/v1/plants/{plant}/observations', { params: { path }, body: {} }))
    await followed(context, client, begun, `Read the connections of ${plant}`)
  }
  const query = { limit: 200, ...(zone === undefined ? {} : { zone }) }
  const page = await answered(client.GET('/api/v1/plants/{plant}/connections', { params: { path, query } }))
  output.document(page, () =>
    table(
      output,
      page.items,
      [
        { title: 'from', value: ({ fromName, from }) => fromName ?? from },
        { title: 'to', value: ({ toName, to }) => toName ?? to },
        { title: 'class', value: (row) => (row.class === null ? 'session' : String(row.class)) },
        { title: 'protection', value: ({ confidentiality }) => confidentiality },
        { title: 'verdict', value: ({ verdict }) => output.state(verdict === 'allowed' ? 'good' : 'bad', verdict) },
        { title: 'why', value: ({ reason }) => reason, rank: 1 },
      ],
      'no connections were observed',
    ),
  )
  return page.items.every(({ verdict }) => verdict === 'allowed') ? exitCodes.ok : exitCodes.error
}

/** `cordon rehearse PLANT` */
export async function rehearse(context: CommandContext, flags: ScopeFlags, plant: string): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const begun = await answered(
    client.POST('/api/v1/plants/{plant}/rehearsals', { params: { path: { plant } }, body: scopeOf(flags) }),
  )
  const job = await followed(context, client, begun, `Rehearse on a twin of ${plant}`)
  const rehearsal = await answered(client.GET('/api/v1/rehearsals/{id}', { params: { path: { id: job.id } } }))
  const { result } = rehearsal
  output.document(rehearsal, () =>
    result === null
      ? (job.error?.message ?? job.state)
      : [
          table(output, result.devices, [
            { title: 'device', value: ({ device }) => device },
            { title: 'result', value: ({ outcome }) => outcomeWord(output, outcome) },
            { title: 'why', value: ({ messages }) => messages.map(({ text }) => text).join('; ') },
          ]),
          ...result.assumptions.map((line) => `assumed: ${line}`),
          `rehearsal: ${outcomeWord(output, result.outcome)}`,
        ].join('\n'),
  )
  if (result === null) return exitOfJob(job)
  return result.outcome === 'not-complete' ? exitCodes.error : exitCodes.ok
}

/** `cordon release PLANT DEVICE…` */
export async function release(
  context: CommandContext,
  { yes, message }: { readonly yes?: boolean; readonly message?: string },
  plant: string,
  devices: readonly string[],
): Promise<ExitCode> {
  if (!(await confirmed(context, yes, `Take the policy off ${devices.join(', ')}?`))) return exitCodes.refused
  const client = await managerClient(context)
  const begun = await answered(
    client.POST('/api/v1/plants/{plant}/releases', {
      params: { path: { plant } },
      body: { devices: [...devices], message: message ?? 'by the command line' },
    }),
  )
  const job = await followed(context, client, begun, `Release ${devices.length} devices of ${plant}`)
  context.output.document(job, () => `${job.kind} of ${job.plant}: ${job.state}`)
  return exitOfJob(job)
}

function outcomeWord(output: Output, outcome: 'complete' | 'complete-with-warnings' | 'not-complete'): string {
  const kind = { complete: 'good', 'complete-with-warnings': 'warning', 'not-complete': 'bad' } as const
  return output.state(kind[outcome], outcome)
}

function planText(output: Output, { plan: made, job }: Api['Plan']): string {
  if (made === null) return job.error?.message ?? job.state
  const messages = [...made.devices.flatMap((device) => device.messages), ...made.messages]
  return [
    table(output, made.devices, [
      { title: 'device', value: ({ device }) => device },
      { title: 'zone', value: ({ zone }) => zone, rank: 1 },
      { title: 'action', value: ({ action }) => (action === 'refused' ? output.state('bad', action) : action) },
      { title: 'changes', value: ({ changes }) => String(changes.length) },
      { title: 'interrupts', value: ({ interrupts }) => (interrupts.length === 0 ? 'nothing' : interrupts.join('; ')) },
      { title: 'default certificate', value: ({ fingerprint }) => fingerprint?.slice(0, 16) ?? '-', rank: 2 },
    ]),
    ...messagesText(output, messages),
    ...made.breaks.map(({ from, to, reason }) => output.state('bad', `would break ${from} - ${to}: ${reason}`)),
    `plan ${made.digest.slice(0, 16)}: ${outcomeWord(output, made.outcome)}`,
  ].join('\n')
}

function messagesText(output: Output, messages: readonly Api['Message'][]): string[] {
  return messages
    .filter(({ severity }) => severity !== 'information')
    .map(({ severity, text, evidence, next }) =>
      output.state(severity === 'error' ? 'bad' : 'warning', `${text} (${evidence}); ${next}`),
    )
}

function deploymentText(output: Output, deployment: Api['DeploymentDetail']): string {
  const { targets, devices, messages } = deployment
  return [
    table(output, targets, [
      { title: 'device', value: ({ device }) => device },
      { title: 'result', value: ({ state }) => state },
      { title: 'configuration', value: ({ configuration }) => configuration ?? '-' },
      { title: 'steps', value: ({ steps }) => String(steps.filter(({ result }) => result === 'done').length), rank: 1 },
    ]),
    ...messagesText(output, [...targets.flatMap((target) => target.messages), ...messages]),
    pairs(output, [
      ['deployment', deployment.id],
      ['complete', `${devices.complete + devices.warnings} of ${devices.total}`],
      ['not complete', String(devices.failed)],
    ]),
  ].join('\n')
}
