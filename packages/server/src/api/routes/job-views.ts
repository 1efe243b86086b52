import type { ConnectionResult, DeploymentPlan, Message } from '@cordon/core/deployment'
import { suiteName } from '@cordon/core/security'
import type { VerificationResult } from '@cordon/core/verification'
import type { Static } from 'typebox'
import type { DeploymentDetail, DeploymentSummary, TargetState } from '../../jobs/deployments.ts'
import type { Job } from '../../jobs/job.ts'
import type { MaintenanceWindow } from '../../jobs/window-records.ts'
import { weekdays, type WindowRule, windowState } from '../../jobs/windows.ts'
import type { jobRoutes } from '../contract/jobs.ts'
import type { Breakage } from '../services.ts'

type Routes = typeof jobRoutes
type Answer<Name extends keyof Routes> = Routes[Name] extends { readonly response: infer S extends object }
  ? Static<S>
  : never

/** A job as the API tells of it. */
export type JobView = Answer<'jobs.read'>

/** A job for the API; `windows`: names by id. */
export function jobView(job: Job, windows: ReadonlyMap<string, string>): JobView {
  const { progress } = job
  // Written by requestJob.
  const { plan, retry } = (job.parameters ?? {}) as { readonly plan?: string; readonly retry?: string }
  return {
    id: job.id,
    // Of the kinds that can be asked for.
    kind: job.kind as JobView['kind'],
    plant: job.plant ?? '',
    version: job.version ?? null,
    state: job.state,
    requestedBy: job.requestedBy,
    requestedAt: job.requestedAt,
    notBefore: job.notBefore > job.requestedAt ? job.notBefore : null,
    window: job.window === undefined ? null : (windows.get(job.window) ?? job.window),
    startedAt: job.startedAt ?? null,
    finishedAt: job.finishedAt ?? null,
    cancelRequestedBy: job.cancelledBy ?? null,
    progress:
      progress === undefined
        ? null
        : { done: progress.done ?? 0, total: progress.total ?? 0, doing: progress.current ?? '' },
    current:
      job.state === 'running'
        ? Object.entries(progress?.devices ?? {}).map(([device, step]) => ({ device, step }))
        : [],
    deployment: job.deployment ?? null,
    error: job.error ?? null,
    attempts: job.attempts,
    manager: job.manager ?? null,
    follows: plan ?? retry ?? null,
  }
}

function messageView({ code, severity, subject, text, cause, evidence, next }: Message) {
  return { code, severity, subject, text, cause, evidence, next }
}

/** A plan for the API. */
export function planView(plan: DeploymentPlan, breaks: readonly Breakage[]): Answer<'plans.read'>['plan'] {
  return {
    digest: plan.digest,
    outcome: plan.outcome,
    devices: plan.devices.map((device) => ({
      device: device.device,
      address: device.address,
      zone: device.zone,
      action: device.action,
      changes: device.changes.map(({ what, from, to, interrupts }) => ({ what, from, to, interrupts })),
      steps: [...device.steps],
      interrupts: [...device.interrupts],
      fingerprint: device.fingerprint ?? null,
      messages: device.messages.map(messageView),
    })),
    connections: plan.connections.map(({ connection, from, to, class: number, verdict, suites, reason, moves }) => {
      return { connection, from, to, class: number, verdict, suites: suites.map(suiteName), reason, moves }
    }),
    messages: plan.messages.map(messageView),
    breaks: breaks.map(({ from, to, reason, remedy }) => ({ from, to, reason, remedy })),
  }
}

/** A verification for the API. */
export function verificationView(result: VerificationResult): Answer<'verifications.read'>['result'] {
  const { verdict, counts, durationMs, checks } = result
  return {
    verdict,
    counts: { ...counts },
    tookMs: durationMs,
    checks: checks.map(({ id, subject, expectation, verdict: one, reason }) => {
      return { id, subject, text: expectation, verdict: one, evidence: reason }
    }),
  }
}

/** A deployment in one line, for the API. */
export function deploymentView(summary: DeploymentSummary) {
  const { id, plant, kind, status, startedAt, finishedAt, job, devices } = summary
  return {
    id,
    plant,
    version: job?.version ?? null,
    kind,
    status,
    startedAt,
    finishedAt: finishedAt ?? null,
    by: job?.by ?? null,
    job: job?.id ?? null,
    devices: { ...devices },
  }
}

/** A deployment device by device, for the API. */
export function deploymentDetailView(detail: DeploymentDetail): Answer<'deployments.read'> {
  return {
    ...deploymentView(detail),
    targets: detail.targets.map(targetView),
    connections: (detail.report?.connections ?? []).map(connectionView),
    messages: (detail.report?.messages ?? []).map(messageView),
  }
}

function targetView({ device, state, result, updatedAt }: TargetState) {
  return {
    device,
    address: result?.address ?? null,
    state,
    configuration: result?.configuration ?? null,
    messages: (result?.messages ?? []).map(messageView),
    steps: (result?.steps ?? []).map(({ step, tookMs, result: how }) => ({ step, tookMs, result: how })),
    updatedAt,
  }
}

function connectionView({ connection, from, to, outcome, gapMs, before, after, messages }: ConnectionResult) {
  return {
    connection,
    from,
    to,
    outcome,
    gapMs: gapMs ?? null,
    before: wayText(before),
    after: wayText(after),
    messages: messages.map(messageView),
  }
}

function wayText(way: ConnectionResult['after']): string | null {
  if (way === undefined) return null
  return way.suite === undefined ? way.transport : `${way.transport}, ${suiteName(way.suite)}`
}

type WindowView = Answer<'windows.create'>

/** A maintenance window for the API, with whether it is open at a time. */
export function windowView({ id, name, zone, rule }: MaintenanceWindow, now: number): WindowView {
  const { isOpen, changesAt } = windowState(rule, now)
  const opening = isOpen || changesAt === undefined ? null : new Date(changesAt).toISOString()
  return { id, name, zone: zone ?? null, rule: ruleView(rule), open: isOpen, nextOpening: opening }
}

/** Days as ISO 8601 counts them: Monday is 1, Sunday 7. */
function ruleView(rule: WindowRule): WindowView['rule'] {
  if (rule.kind === 'once') return rule
  const { days, from, to, timeZone } = rule
  return { kind: 'weekly', days: days.map((day) => weekdays.indexOf(day) || 7), from, to, zone: timeZone }
}

/** A rule as it came by the API. */
export function ruleOf(view: WindowView['rule']): WindowRule {
  if (view.kind === 'once') return view
  const { days, from, to, zone } = view
  return { kind: 'weekly', days: weekdays.filter((_, day) => days.includes(day || 7)), from, to, timeZone: zone }
}
