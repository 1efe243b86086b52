import { spellProtectedWay } from '../policy/connection.ts'
import { formatRule, matchIngress } from '../policy/rules.ts'
import type { RuleSet } from '../policy/settings.ts'
import { suiteHex } from '../security/cipher-suites.ts'
import type { Attempt, AttemptOutcome } from './attempt.ts'
import type {
  Check,
  CheckResult,
  ConnectCheck,
  ConnectionCheck,
  Limit,
  LiveConnection,
  RefusalCheck,
  Risk,
  RuleFallback,
  Verdict,
  VerificationResult,
} from './check.ts'

/** A verdict with what led to it. */
export interface Judgement {
  readonly verdict: Verdict
  readonly reason: string
}

/**
 * Judges something that must succeed. `rules` are those that the device was read to hold; `controls` are those of a check
 * that has a control.
 */
export function judgeConnect(
  check: ConnectCheck,
  outcome: AttemptOutcome,
  rules?: RuleSet,
  controls?: Controls,
): Judgement {
  switch (outcome.kind) {
    case 'accepted': {
      const judged = judgeAccepted(check.attempt, outcome)
      if (check.control === undefined || judged.verdict !== 'pass') return judged
      return judgeControls(check.control, judged.reason, controls) ?? judged
    }
    case 'refused':
      return { verdict: 'fail', reason: `refused (${outcome.form}): ${outcome.detail}` }
    case 'undecided':
    case 'error':
      return { verdict: 'fail', reason: outcome.detail }
    case 'no-address':
      return judgeFallback(check.fallback, true, outcome.detail, rules)
    case 'no-means':
      return { verdict: 'not-tested', reason: outcome.detail }
  }
}

function judgeAccepted(attempt: Attempt, { suite, version }: Extract<AttemptOutcome, { kind: 'accepted' }>): Judgement {
  if (attempt.kind !== 'handshake') return { verdict: 'pass', reason: 'it answers' }
  const expected = attempt.transport === 'tls' ? 'TLSv1.2' : 'DTLSv1.2'
  if (suite === undefined || !attempt.suites.includes(suite)) {
    const found = suite === undefined ? 'no suite' : suiteHex(suite)
    return { verdict: 'fail', reason: `negotiated ${found}, offered ${attempt.suites.map(suiteHex).join(', ')}` }
  }
  if (version !== expected)
    return { verdict: 'fail', reason: `negotiated ${version ?? 'no version'}, expected ${expected}` }
  return { verdict: 'pass', reason: `connected with ${suiteHex(suite)}, ${version}` }
}

/** What the controls of a check showed: before it, and after all refusals of that device. */
export interface Controls {
  readonly before: AttemptOutcome
  readonly after: AttemptOutcome
}

/**
 * Judges something that must be refused. A refusal counts when it is the target's own doing and when what is allowed was
 * let in by the same means before and after: without that the check could not have failed, and it fails for that reason.
 */
export function judgeRefusal(
  check: RefusalCheck,
  outcome: AttemptOutcome,
  controls: Controls | undefined,
  rules?: RuleSet,
): Judgement {
  switch (outcome.kind) {
    case 'accepted': {
      const what = check.attempt.kind === 'port' ? 'it listens' : 'it was let in'
      const how = outcome.suite === undefined ? what : `${what} with ${suiteHex(outcome.suite)}`
      const version = outcome.version === undefined ? '' : `, ${outcome.version}`
      if (check.tolerated === undefined) return { verdict: 'fail', reason: `${how}${version}` }
      return { verdict: 'risk', reason: `${how}${version}; ${check.tolerated}` }
    }
    case 'error':
      return { verdict: 'fail', reason: `not proven: ${outcome.detail}` }
    case 'undecided':
    case 'no-address':
      return judgeFallback(check.fallback, false, outcome.detail, rules)
    case 'no-means':
      return { verdict: 'not-tested', reason: outcome.detail }
    case 'refused':
      return judgeProven(check, outcome, controls)
  }
}

function judgeProven(
  { control }: RefusalCheck,
  { form, detail }: Extract<AttemptOutcome, { kind: 'refused' }>,
  controls: Controls | undefined,
): Judgement {
  const seen = `refused (${form}): ${detail}`
  const unproven = judgeControls(control, seen, controls)
  return unproven ?? { verdict: 'pass', reason: `${seen}; control: ${spellAttempt(control)} connects` }
}

/** Why the controls leave unproven what was seen; undefined when they connect. */
function judgeControls(control: Attempt, seen: string, controls: Controls | undefined): Judgement | undefined {
  if (controls === undefined) return { verdict: 'fail', reason: `not proven: ${seen}, but no control was made` }
  for (const [when, outcome] of [
    ['before', controls.before],
    ['after', controls.after],
  ] as const) {
    if (outcome.kind === 'accepted') continue
    if (outcome.kind === 'no-address' || outcome.kind === 'no-means')
      return { verdict: 'not-probed', reason: `${seen}; the control could not be made: ${outcome.detail}` }
    const what = `${spellAttempt(control)} failed ${when} it: ${outcome.detail}`
    return { verdict: 'fail', reason: `not proven: ${seen}, but the control ${what}` }
  }
  return undefined
}

/** What the rules of a device say about traffic that cannot be tried from here. */
function judgeFallback(
  fallback: RuleFallback | undefined,
  mayPass: boolean,
  why: string,
  rules: RuleSet | undefined,
): Judgement {
  if (fallback === undefined) return { verdict: 'not-tested', reason: why }
  if (rules === undefined)
    return { verdict: 'not-tested', reason: `${why}; the device has no rules that could be read instead` }
  const { ip, port, protocol } = fallback
  const found = matchIngress(rules.ingress, { ip, port, protocol })
  const rule = found.rule === undefined ? undefined : rules.ingress[found.rule]
  const said = rule === undefined ? found.reason : `rule ${formatRule(rule)}`
  const isRight = (found.verdict === 'allow') === mayPass
  return isRight
    ? { verdict: 'not-probed', reason: `${why}; read back instead: ${said}` }
    : { verdict: 'fail', reason: `${why}; the rules that were read say otherwise: ${found.reason}` }
}

/** Judges a connection of the plant by its live table. */
export function judgeConnection(check: ConnectionCheck, live: readonly LiveConnection[]): Judgement {
  const row = live.find(({ name }) => name === check.connection)
  if (row === undefined) return { verdict: 'fail', reason: 'it is not in the live table: it was not started' }
  if (row.state !== 'open') {
    const problem = row.problem === undefined ? '' : `: ${row.problem}`
    return { verdict: 'fail', reason: `it does not run, its state is ${row.state}${problem}` }
  }
  const suite = row.suite === undefined ? '' : ` with ${suiteHex(row.suite)}`
  const found = `it runs over ${row.transport ?? 'nothing known'}${suite}`
  if (row.transport !== check.transport) return { verdict: 'fail', reason: `${found}, expected ${check.transport}` }
  const isRight = check.transport === 'tcp' || (row.suite !== undefined && check.suites.includes(row.suite))
  const end = spellProtectedWay(check.hops)
  return { verdict: isRight ? 'pass' : 'fail', reason: end === undefined ? found : `${found}; ${end}` }
}

/** An attempt as people name it. */
export function spellAttempt(attempt: Attempt): string {
  const from =
    attempt.source.address === undefined ? attempt.source.name : `${attempt.source.name} (${attempt.source.address})`
  switch (attempt.kind) {
    case 'handshake':
    case 'hello':
      return `${attempt.transport.toUpperCase()} with ${attempt.suites.map(suiteHex).join(', ')} from ${from}`
    case 'version':
      return `${attempt.version} from ${from}`
    case 'port':
      return `${attempt.protocol}/${attempt.port} from ${from}`
    case 'plain-session':
      return `a plain session from ${from}`
    case 'plain-io':
      return `plain I/O from ${from}`
  }
}

/** A check with its judgement. */
export function resultOf(check: Check, { verdict, reason }: Judgement): CheckResult {
  const { id, kind, subject, device, expectation } = check
  const result = { id, kind, subject, device, expectation, verdict, reason }
  return check.method === 'connection' ? { ...result, hops: check.hops } : result
}

function limitsOf(checks: readonly CheckResult[]): readonly Limit[] {
  const made = new Map<string, number>()
  for (const { id } of checks) made.set(id, (made.get(id) ?? 0) + 1)
  const limits = new Map<string, Limit>()
  for (const { id, verdict, reason } of checks) {
    if (verdict !== 'not-probed' && verdict !== 'not-tested') continue
    const key = `${id} ${verdict}`
    const { count = 0, reasons = [] } = limits.get(key) ?? {}
    const why = reasons.includes(reason) ? reasons : [...reasons, reason]
    limits.set(key, { id, verdict, count: count + 1, of: made.get(id) ?? 0, reasons: why })
  }
  return [...limits.values()]
}

/** Puts the results together. A list without a single check proves nothing, so it fails. */
export function concludeVerification(facts: {
  readonly plant: string
  readonly startedAt: string
  readonly durationMs: number
  readonly checks: readonly CheckResult[]
  readonly risks: readonly Risk[]
}): VerificationResult {
  const { plant, startedAt, durationMs, checks, risks } = facts
  const counts = { pass: 0, fail: 0, 'not-probed': 0, 'not-tested': 0, risk: 0 }
  for (const { verdict } of checks) counts[verdict]++
  const unenforced = checks
    .filter(({ verdict }) => verdict === 'risk')
    .map(({ subject, reason }) => ({ subject, reason }))
  return {
    version: 1,
    plant,
    verdict: counts.fail === 0 && counts.pass > 0 ? 'pass' : 'fail',
    complete: counts['not-probed'] === 0 && counts['not-tested'] === 0,
    counts,
    limits: limitsOf(checks),
    startedAt,
    durationMs,
    checks,
    risks: [...risks, ...unenforced],
  }
}
