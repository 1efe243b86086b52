import type { Shapes } from '../api-types.ts'

/** How a state is shown: each has a shape of its own beside its colour. */
export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'wait' | 'none'

/** A state in words. */
export interface StateWords {
  readonly tone: Tone
  readonly text: string
}

type JobState = Shapes['Job']['state']
type JobKind = Shapes['Job']['kind']
type Action = Shapes['PlannedDevice']['action']
type Outcome = Shapes['DeploymentTarget']['state']
type Verdict = Shapes['Check']['verdict']
type Stage = Shapes['StageEntry']['stage']

/** States of jobs. */
export const jobStates: Readonly<Record<JobState, StateWords>> = {
  waiting: { tone: 'wait', text: 'Waiting' },
  running: { tone: 'busy', text: 'Running' },
  complete: { tone: 'good', text: 'Complete' },
  'complete-with-warnings': { tone: 'warn', text: 'Complete with warnings' },
  'not-complete': { tone: 'bad', text: 'Not complete' },
  cancelled: { tone: 'none', text: 'Cancelled' },
  failed: { tone: 'bad', text: 'Failed' },
}

/** What jobs do. */
export const jobKinds: Readonly<Record<JobKind, string>> = {
  plan: 'Plan',
  deploy: 'Deployment',
  release: 'Release',
  verify: 'Verification',
  drift: 'Drift check',
  discover: 'Discovery',
  observe: 'Observation',
  rehearse: 'Rehearsal',
  renew: 'Renewal',
}

/** How a deployment, or a device of one, stands. */
export const outcomes: Readonly<Record<Outcome, StateWords>> = {
  waiting: { tone: 'wait', text: 'Waiting' },
  running: { tone: 'busy', text: 'Running' },
  complete: { tone: 'good', text: 'Complete' },
  'complete-with-warnings': { tone: 'warn', text: 'Complete with warnings' },
  'not-complete': { tone: 'bad', text: 'Not complete' },
  skipped: { tone: 'none', text: 'Skipped' },
}

/** Words for the status of a deployment, which the store may extend. */
export function deploymentStatus(status: string): StateWords {
  return (
    Object.entries(outcomes).find(([word]) => word === status)?.[1] ??
    (status === 'aborted' || status === 'cancelled'
      ? { tone: 'none', text: 'Cancelled' }
      : { tone: 'none', text: status.replaceAll('-', ' ') })
  )
}

/** Verdicts of checks. */
export const verdicts: Readonly<Record<Verdict, StateWords>> = {
  fail: { tone: 'bad', text: 'Fails' },
  risk: { tone: 'warn', text: 'Accepted risk' },
  'not-probed': { tone: 'wait', text: 'Not probed' },
  'not-tested': { tone: 'none', text: 'Not tested' },
  pass: { tone: 'good', text: 'Holds' },
}

/** What a plan does with a device, in the order in which people need to see it. */
export const actions: Readonly<Record<Action, StateWords & { readonly meaning: string }>> = {
  refused: { tone: 'bad', text: 'Refused', meaning: 'Not touched until what its messages name is mended.' },
  commission: { tone: 'busy', text: 'Commission', meaning: 'Gets its first certificate and policy.' },
  reconfigure: { tone: 'warn', text: 'Reconfigure', meaning: 'Gets another policy; its connections move over.' },
  finish: { tone: 'busy', text: 'Finish', meaning: 'A deployment before this one ended half way; it is completed.' },
  adjust: { tone: 'busy', text: 'Adjust', meaning: 'Only its rules for peers change.' },
  leave: { tone: 'none', text: 'Leave', meaning: 'Stays as it is: its messages say why.' },
  nothing: { tone: 'good', text: 'Nothing', meaning: 'Is already as the model wants it.' },
}

/** Stages of enforcement with what each means for traffic. */
export const stages: Readonly<Record<Stage, { readonly text: string; readonly meaning: string }>> = {
  observe: {
    text: 'Observe',
    meaning: 'Nothing is sent to its devices. Connections are read and judged, so that you see what would break.',
  },
  protect: {
    text: 'Protect',
    meaning: 'Devices get certificates and policy and use secure ports with peers that can. Plain ports stay open.',
  },
  enforce: {
    text: 'Enforce',
    meaning: 'Plain ports close as the plant file says. Whoever still talks in plain is cut off.',
  },
}

/** Whether a job goes on. */
export function isActive(state: JobState): boolean {
  return state === 'waiting' || state === 'running'
}

/** `1 device`, `2 devices`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function listed(names: readonly string[], most = 3): string {
  if (names.length <= 1) return names[0] ?? ''
  if (names.length <= most) return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
  return `${names.slice(0, most).join(', ')} and ${names.length - most} more`
}

/** A name that may lead to a page of a job. */
export function jobPath({ id, kind, deployment }: Pick<Shapes['Job'], 'id' | 'kind' | 'deployment'>): string {
  const safe = encodeURIComponent(id)
  switch (kind) {
    case 'plan':
      return `/plans/${safe}`
    case 'verify':
      return `/verifications/${safe}`
    case 'rehearse':
      return `/rehearsals/${safe}`
    case 'deploy':
    case 'release':
    case 'renew':
      return deployment === null ? `/jobs/${safe}` : `/deployments/${encodeURIComponent(deployment)}`
    case 'discover':
      return '/discovery'
    case 'drift':
    case 'observe':
      return `/jobs/${safe}`
  }
}
