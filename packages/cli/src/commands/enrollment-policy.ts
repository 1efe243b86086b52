import {
  type EnrollmentFacts,
  type EnrollmentPolicy,
  evaluateEnrollment,
  explainPolicy,
  formatEvaluation,
  formatExplanation,
  parseEnrollmentFacts,
  parseMac,
  type UnitIdentity,
} from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import { parseName } from '@cordon/core/x509'
import type { CommandContext } from '../context.ts'
import { enrollmentRules } from '../enrollment-rules.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readBounded } from '../input-file.ts'
import { printProblems } from '../plant-file.ts'

/** `cordon enrollment policy check FILE` */
export async function check(context: CommandContext, _flags: unknown, file: string): Promise<ExitCode> {
  const { output } = context
  const rules = await enrollmentRules(output, file)
  if (rules === undefined) return exitCodes.usage
  const { policy, lists, vendors, provisioning } = rules
  const counts = {
    labels: policy.labels.size,
    vendors: policy.vendors.size,
    accounts: policy.accounts.size,
    provisioning: policy.provisioning.size,
    lists: Object.fromEntries([...lists].map(([name, { entries }]) => [name, entries.length])),
    anchors: [...vendors, ...provisioning].reduce((sum, { anchors }) => sum + anchors.length, 0),
  }
  output.document({ verdict: 'accepted', ...counts, problems: [] }, () => {
    const units = [...lists].map(([name, { entries }]) => `list ${name} with ${entries.length} units`)
    const parts = [
      `${counts.labels} labels`,
      `${counts.vendors} vendors`,
      `${counts.accounts} accounts`,
      `${counts.provisioning} provisioning authorities`,
      `${counts.anchors} CA certificates`,
      ...units,
    ]
    return output.state('good', `${file} is valid: ${parts.join(', ')}`)
  })
  return exitCodes.ok
}

/** `cordon enrollment policy explain FILE` */
export async function explain(
  context: CommandContext,
  flags: { readonly label?: string },
  file: string,
): Promise<ExitCode> {
  const rules = await enrollmentRules(context.output, file)
  if (rules === undefined) return exitCodes.usage
  const { label } = flags
  const explanation = explainPolicy(label === undefined ? rules.policy : only(rules.policy, label))
  context.output.document(explanation, () => formatExplanation(explanation))
  return exitCodes.ok
}

/** The path without a label is called default, as in the file. */
function labelOf(text: string | undefined): string | undefined {
  return text === 'default' ? undefined : text
}

/** @throws UsageError `missing` */
function only(policy: EnrollmentPolicy, text: string): EnrollmentPolicy {
  const label = labelOf(text)
  const rule = policy.labels.get(label)
  if (rule === undefined) {
    const known = [...policy.labels.keys()].map((each) => each ?? 'default').join(', ')
    throw new UsageError('missing', `--label: the file has no label ${text}; it has ${known}`)
  }
  return { ...policy, labels: new Map([[label, rule]]) }
}

interface TryFlags {
  readonly facts?: string
  readonly label?: string
  readonly address?: string
  readonly subject?: string
  readonly vendor?: string
  readonly unit?: string
  readonly assurance: string
  readonly mac?: string
  readonly account?: string
  readonly provisioning?: string
  readonly approvedBy?: readonly string[]
  readonly at?: string
}

/** `cordon enrollment policy try FILE` */
export async function tryFacts(context: CommandContext, flags: TryFlags, file: string): Promise<ExitCode> {
  const { output } = context
  const at = flags.at === undefined ? Date.now() : Date.parse(flags.at)
  if (Number.isNaN(at))
    throw new UsageError('bad-option', `--at expects a time such as 2026-12-24T18:00:00Z, got "${flags.at}"`)
  const rules = await enrollmentRules(output, file)
  if (rules === undefined) return exitCodes.usage
  const read = parseEnrollmentFacts(flags.facts === undefined ? '{}' : await textOf(flags.facts), flags.facts ?? '{}')
  if (read.facts === undefined) {
    printProblems(output, read.problems)
    return exitCodes.usage
  }
  const facts = withFlags(read.facts, flags)
  const evaluation = evaluateEnrollment(rules.policy, facts, { at, lists: rules.lists })
  output.document({ facts, evaluation }, () => formatEvaluation(evaluation))
  return evaluation.verdict === 'deny' ? exitCodes.refused : exitCodes.ok
}

const longestFacts = 1024 * 1024

async function textOf(file: string): Promise<string> {
  const bytes = await readBounded(file, longestFacts).catch((cause: unknown) => {
    throw new UsageError('missing', `--facts: cannot read ${file}; give the path of an existing file`, { cause })
  })
  return new TextDecoder().decode(bytes)
}

function withFlags(facts: EnrollmentFacts, flags: TryFlags): EnrollmentFacts {
  const { label, address, subject, vendor, account, provisioning, approvedBy } = flags
  const assurance = (['proven', 'observed', 'claimed'] as const).find((known) => known === flags.assurance) ?? 'claimed'
  const known = { assurance, source: 'command line' }
  const unit = flags.unit === undefined ? undefined : unitOf(flags.unit)
  const mac = flags.mac === undefined ? undefined : parseMac(flags.mac)
  if (flags.mac !== undefined && mac === undefined)
    throw new UsageError('bad-option', `--mac expects an address such as 00:1d:9c:01:02:03, got "${flags.mac}"`)
  if (vendor !== undefined && unit === undefined)
    throw new UsageError('missing', '--vendor needs --unit: a vendor certificate names its unit')
  return {
    ...facts,
    ...(label === undefined ? {} : { label: labelOf(label) }),
    ...(address === undefined ? {} : { address }),
    ...(subject === undefined ? {} : { subject: subjectOf(subject) }),
    ...(unit === undefined
      ? {}
      : { units: [{ value: unit, ...known, ...(vendor === undefined ? {} : { assurance: 'proven' as const }) }] }),
    ...(mac === undefined ? {} : { macs: [{ value: mac, ...known }] }),
    ...(vendor === undefined || unit === undefined
      ? {}
      : { vendor: { verdict: 'trusted' as const, vendor, unit, product: undefined, reason: 'command line' } }),
    ...(account === undefined ? {} : { password: { account, verdict: 'accepted' as const, granted: 0 } }),
    ...(provisioning === undefined
      ? {}
      : { provisioning: { authority: provisioning, fingerprint: '', revoked: false, consumedBy: undefined } }),
    ...(approvedBy === undefined
      ? {}
      : { administrators: approvedBy.map((by) => ({ by, verdict: 'approve' as const, reason: '' })) }),
  }
}

function subjectOf(text: string): EnrollmentFacts['subject'] {
  const { parts } = parseName(text)
  return { text, attributes: parts.flat().map(({ type, value }) => ({ type, value })) }
}

function unitOf(text: string): UnitIdentity {
  const [, vendor = '', serial = ''] = /^(\d{1,5}):(0[xX][0-9a-fA-F]{1,8}|\d{1,10})$/.exec(text) ?? []
  const unit = { vendorId: Number(vendor), serialNumber: Number(serial) }
  if (vendor === '' || unit.vendorId > 0xffff || unit.serialNumber > 0xffff_ffff)
    throw new UsageError('bad-option', `--unit expects VENDOR:SERIAL such as 1:0x00E17388, got "${text}"`)
  return unit
}
