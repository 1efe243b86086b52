import type { CheckResult, VerificationResult } from '@cordon/core/verification'
import { type VerifyRequest, verifyDeployed } from '@cordon/server/deploy'
import type { CommandContext } from './context.ts'
import { protectionText } from './deployment-text.ts'
import { type Output, table } from './output.ts'
import { bar, type ProgressStep } from './progress.ts'
import type { Workspace } from './workspace.ts'

/** What a verification needs, with the store and the authority of this state. */
export interface VerifyInput extends Omit<VerifyRequest, 'store' | 'authority'> {
  readonly workspace: Workspace
}

/** A verification as a step of progress: in a process of its own, with an identity of its own. */
export function verificationStep(
  context: CommandContext,
  input: () => Promise<VerifyInput>,
  done: (result: VerificationResult) => void,
): ProgressStep {
  return {
    title: 'Verify from outside, in a process of its own',
    run: async (show, rename) => {
      const { workspace, ...request } = await input()
      const { authority, store } = workspace
      const result = await verifyDeployed(
        { ...request, authority, store },
        {
          signal: context.signal,
          onEvent: (event) => {
            if (event.kind === 'checked') show(`checks ${bar(event.done, event.total)}`)
            else if (event.kind === 'read') show(`read back ${bar(event.done, event.total)}  ${event.device}`)
          },
        },
      )
      rename(`Verify from outside, in a process of its own: ${countsText(result)}`)
      done(result)
    },
  }
}

/** How many checks passed, and how many of each other verdict: what was not made never counts as passed. */
function countsText({ counts, checks }: VerificationResult): string {
  const others = (['fail', 'not-probed', 'not-tested', 'risk'] as const).flatMap((verdict) =>
    counts[verdict] === 0 ? [] : [`${counts[verdict]} ${words[verdict]}`],
  )
  return [`${counts.pass} of ${checks.length} checks pass`, ...others].join(', ')
}

const words = {
  fail: 'failed',
  'not-probed': 'not probed',
  'not-tested': 'not tested',
  risk: 'at risk',
} as const

const kinds = { pass: 'good', fail: 'bad', 'not-probed': 'warning', 'not-tested': 'warning', risk: 'warning' } as const

/** What failed, the checks of one subject that failed for the same reason together: a device that is away fails them all. */
function failures(checks: readonly CheckResult[]): readonly (readonly [CheckResult, ...CheckResult[]])[] {
  const groups = new Map<string, [CheckResult, ...CheckResult[]]>()
  for (const check of checks) {
    if (check.verdict !== 'fail') continue
    const key = JSON.stringify([check.subject, check.reason])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [check])
    else group.push(check)
  }
  return [...groups.values()]
}

/** A verification for people: counts per kind of check, then what did not pass, or every check. */
export function verificationText(output: Output, result: VerificationResult, details: boolean): string {
  const byId = new Map<string, CheckResult[]>()
  for (const check of result.checks) byId.set(check.id, [...(byId.get(check.id) ?? []), check])
  const summary = table(
    output,
    [...byId],
    [
      { title: 'check', value: ([id]) => id },
      {
        title: 'passed',
        value: ([, checks]) => `${checks.filter(({ verdict }) => verdict === 'pass').length} of ${checks.length}`,
      },
      {
        title: 'result',
        value: ([, checks]) => {
          const worst =
            (['fail', 'not-probed', 'not-tested', 'risk', 'pass'] as const).find((verdict) =>
              checks.some((check) => check.verdict === verdict),
            ) ?? 'pass'
          return output.state(kinds[worst], worst)
        },
      },
    ],
    'no checks',
  )
  const listed = details ? result.checks.map((check) => [check] as const) : failures(result.checks)
  const list = listed.map((alike) => {
    const [{ subject, verdict, reason }] = alike
    const ids = alike.map(({ id }) => id).join(', ')
    const title = output.state(kinds[verdict], `${verdict}  ${ids}  ${subject}`)
    return `${output.paragraph(title, 4)}\n${output.paragraph(`    ${reason}`, 4)}`
  })
  const limits = result.limits.map(({ id, verdict, count, of, reasons: [first = '', ...more] }) => {
    const others = more.length === 0 ? '' : ` (and ${more.length} other reasons: --details)`
    const title = output.state('warning', `${id}: ${count} of ${of} ${words[verdict]}`)
    return `${title}\n${output.paragraph(`    ${first}${others}`, 4)}`
  })
  // What nobody can enforce is mostly the same for many devices.
  const risks = new Map<string, string[]>()
  for (const { subject, reason } of result.risks) risks.set(reason, [...(risks.get(reason) ?? []), subject])
  const riskLines = [...risks].map(([reason, subjects]) =>
    output.paragraph(`${output.state('warning', subjects.join(', '))}: ${reason}`, 2),
  )
  return [
    output.strong('Verification'),
    summary,
    ...(list.length === 0 ? [] : ['', output.strong(details ? 'Checks' : 'Failed'), ...list]),
    ...(limits.length === 0 ? [] : ['', output.strong('Limits: what this verification cannot say'), ...limits]),
    ...(riskLines.length === 0 ? [] : ['', output.strong('Risks that the policy accepts'), ...riskLines]),
    ...protectionText(output, result.checks),
    '',
    output.state(
      result.verdict === 'pass' ? 'good' : 'bad',
      `${result.plant}: ${result.verdict}, ${countsText(result)}, in ${(result.durationMs / 1000).toFixed(1)} s`,
    ),
  ].join('\n')
}
