import type { Capabilities, Plant } from '@cordon/core/policy'
import type { CheckResult, LiveConnection, VerificationResult } from '@cordon/core/verification'
import { prepareVerification, runVerifier } from '@cordon/node/verify'
import { listPsks, managerCredential, storedSecrets } from '@cordon/server/deploy'
import type { CommandContext } from './context.ts'
import { managerOf } from './manager.ts'
import { type Output, table } from './output.ts'
import { bar, type ProgressStep } from './progress.ts'
import type { Workspace } from './workspace.ts'

/** What a verification needs besides the plant. */
export interface VerifyInput {
  readonly plant: Plant
  readonly workspace: Workspace
  /** What devices can do, where it is known. */
  readonly capabilities?: Capabilities
  /** The live table of connections, where somebody reports it. */
  readonly live?: readonly LiveConnection[]
  /** A certificate of the devices' maker, to be tried at the doors. */
  readonly vendor?: { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array }
  readonly only?: readonly string[]
  readonly verifierAddress?: string
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
      const { plant, workspace, capabilities, live, vendor, only, verifierAddress } = await input()
      const { authority, store } = workspace
      const credential = await managerCredential(store, authority, managerOf(plant))
      const key = credential.key.export()
      const request = await prepareVerification({
        plant,
        authority,
        ...(key === undefined ? {} : { manager: { chain: credential.chain, key } }),
        psk: async (name) => {
          const known = (await listPsks(store)).find((psk) => psk.name === name)
          const secret = await storedSecrets(store).psk(name)
          if (known === undefined || secret === undefined) return undefined
          return { identity: new TextEncoder().encode(known.identity), key: secret }
        },
        ...(capabilities === undefined || capabilities.size === 0 ? {} : { capabilities }),
        ...(live === undefined ? {} : { live }),
        ...(vendor === undefined ? {} : { vendor }),
        ...(only === undefined ? {} : { only }),
        ...(verifierAddress === undefined ? {} : { verifierAddress }),
      })
      const result = await runVerifier(request, {
        signal: context.signal,
        onEvent: (event) => {
          if (event.kind === 'checked') show(`checks ${bar(event.done, event.total)}`)
          else if (event.kind === 'read') show(`read back ${bar(event.done, event.total)}  ${event.device}`)
        },
      })
      rename(
        `Verify from outside, in a process of its own: ${result.counts.pass} of ${result.checks.length} checks pass`,
      )
      done(result)
    },
  }
}

const kinds = { pass: 'good', fail: 'bad', 'not-probed': 'warning', 'not-tested': 'warning', risk: 'warning' } as const

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
  const listed = details ? result.checks : result.checks.filter(({ verdict }) => verdict !== 'pass')
  const list = listed.map(
    ({ id, subject, verdict, reason }) =>
      `${output.state(kinds[verdict], `${verdict}  ${id}  ${subject}`)}\n${output.paragraph(`    ${reason}`, 4)}`,
  )
  const risks = result.risks.map(({ subject, reason }) =>
    output.paragraph(`${output.state('warning', subject)}: ${reason}`, 2),
  )
  return [
    output.strong('Verification'),
    summary,
    ...(list.length === 0 ? [] : ['', output.strong(details ? 'Checks' : 'Not passed'), ...list]),
    ...(risks.length === 0 ? [] : ['', output.strong('Risks that the policy accepts'), ...risks]),
    '',
    output.state(
      result.verdict === 'pass' ? 'good' : 'bad',
      `${result.plant}: ${result.verdict}, ${result.counts.pass} of ${result.checks.length} checks in ${(result.durationMs / 1000).toFixed(1)} s`,
    ),
  ].join('\n')
}
