import { Type } from 'typebox'
import {
  anyJson,
  closed,
  count,
  list,
  message,
  name,
  named,
  nullable,
  page,
  paging,
  sentence,
  time,
  words,
} from './common.ts'
import { outcome } from './plants.ts'
import type { Routes } from './route.ts'

const plantParams = closed({ plant: name })
const id = closed({ id: Type.String({ maxLength: 64 }) })
const devices = Type.Array(name, { maxItems: 10_000 })

/** What a manager does for people. */
export const jobKind = words('plan', 'deploy', 'release', 'verify', 'drift', 'discover', 'observe', 'rehearse', 'renew')
/** States of a job; all but the first two are ends. */
export const jobState = words(
  'waiting',
  'running',
  'complete',
  'complete-with-warnings',
  'not-complete',
  'cancelled',
  'failed',
)

const job = named(
  'Job',
  closed({
    id: Type.String(),
    kind: jobKind,
    plant: name,
    version: nullable(count),
    state: jobState,
    requestedBy: Type.String(),
    requestedAt: time,
    notBefore: nullable(time),
    /** Name of the maintenance window that it waits for. */
    window: nullable(Type.String()),
    startedAt: nullable(time),
    finishedAt: nullable(time),
    cancelRequestedBy: nullable(Type.String()),
    progress: nullable(closed({ done: count, total: count, doing: Type.String() })),
    /** Devices that are being worked on now, with the step. */
    current: Type.Array(closed({ device: name, step: Type.String() })),
    deployment: nullable(Type.String()),
    error: nullable(closed({ code: Type.String(), message: Type.String(), next: Type.String() })),
    attempts: count,
    /** Manager that works on it. */
    manager: nullable(Type.String()),
    /** The job that this one follows: the plan of a deployment, the deployment of a retry. */
    follows: nullable(Type.String()),
  }),
)

const plannedDevice = named(
  'PlannedDevice',
  closed({
    device: name,
    address: Type.String(),
    zone: Type.String(),
    action: words('commission', 'reconfigure', 'finish', 'adjust', 'nothing', 'leave', 'refused'),
    changes: Type.Array(
      closed({ what: Type.String(), from: Type.String(), to: Type.String(), interrupts: Type.Boolean() }),
    ),
    steps: Type.Array(Type.String()),
    interrupts: Type.Array(Type.String()),
    fingerprint: nullable(Type.String()),
    messages: Type.Array(message),
  }),
)

const plan = named(
  'Plan',
  closed({
    job: job,
    /** Null until the job is done. */
    plan: nullable(
      closed({
        digest: Type.String(),
        outcome,
        devices: Type.Array(plannedDevice),
        connections: Type.Array(
          closed({
            connection: Type.String(),
            from: Type.String(),
            to: Type.String(),
            class: Type.Integer(),
            verdict: words('secure', 'plain', 'denied'),
            suites: Type.Array(Type.String()),
            reason: Type.String(),
            moves: Type.Boolean(),
          }),
        ),
        messages: Type.Array(message),
        /** Observed connections that it would break. */
        breaks: Type.Array(
          closed({ from: Type.String(), to: Type.String(), reason: Type.String(), remedy: Type.String() }),
        ),
      }),
    ),
  }),
)

const target = named(
  'DeploymentTarget',
  closed({
    device: name,
    address: nullable(Type.String()),
    state: words('waiting', 'running', 'complete', 'complete-with-warnings', 'not-complete', 'skipped'),
    configuration: nullable(Type.String()),
    messages: Type.Array(message),
    steps: Type.Array(closed({ step: Type.String(), tookMs: Type.Number(), result: Type.String() })),
    updatedAt: time,
  }),
)

const deploymentSummary = {
  id: Type.String(),
  plant: name,
  version: nullable(count),
  kind: words('apply', 'release'),
  status: Type.String(),
  startedAt: time,
  finishedAt: nullable(time),
  by: nullable(Type.String()),
  job: nullable(Type.String()),
  devices: closed({ total: count, complete: count, warnings: count, failed: count, running: count }),
}
const deployment = named('Deployment', closed(deploymentSummary))
const deploymentDetail = named(
  'DeploymentDetail',
  closed({
    ...deploymentSummary,
    targets: Type.Array(target),
    connections: Type.Array(
      closed({
        connection: Type.String(),
        from: Type.String(),
        to: Type.String(),
        outcome,
        gapMs: nullable(Type.Number()),
        before: nullable(Type.String()),
        after: nullable(Type.String()),
        messages: Type.Array(message),
      }),
    ),
    messages: Type.Array(message),
  }),
)

const check = named(
  'Check',
  closed({
    id: Type.String(),
    subject: Type.String(),
    text: Type.String(),
    verdict: words('pass', 'fail', 'not-probed', 'not-tested', 'risk'),
    evidence: Type.String(),
  }),
)
const verification = named(
  'Verification',
  closed({
    job,
    result: nullable(
      closed({
        verdict: words('pass', 'fail'),
        counts: Type.Record(Type.String(), count),
        tookMs: Type.Number(),
        checks: Type.Array(check),
      }),
    ),
  }),
)
const rehearsal = named(
  'Rehearsal',
  closed({
    job,
    result: nullable(
      closed({
        outcome,
        tookMs: Type.Number(),
        assumptions: Type.Array(Type.String()),
        /** What is known of devices and does not suffice. */
        findings: Type.Array(
          closed({ subject: Type.String(), limit: Type.String(), reason: Type.String(), alternative: Type.String() }),
        ),
        devices: Type.Array(closed({ device: name, outcome, messages: Type.Array(message) })),
        connections: Type.Array(
          closed({ connection: Type.String(), outcome, gapMs: nullable(Type.Number()), reason: Type.String() }),
        ),
        verification: nullable(closed({ verdict: words('pass', 'fail'), counts: Type.Record(Type.String(), count) })),
      }),
    ),
  }),
)

const deployOptions = {
  only: Type.Optional(devices),
  zones: Type.Optional(Type.Array(name, { maxItems: 1000 })),
  closeConnections: Type.Optional(Type.Boolean()),
  closePorts: Type.Optional(words('now', 'later')),
  version: Type.Optional(Type.Integer({ minimum: 1 })),
  /** SHA-256 of default certificates that were compared by a person, by device. */
  fingerprints: Type.Optional(Type.Record(Type.String({ maxLength: 128 }), Type.String({ pattern: '^[0-9a-f]{64}$' }))),
}
const timing = { window: Type.Optional(Type.String({ maxLength: 64 })), notBefore: Type.Optional(time) }

const maintenanceWindow = named(
  'MaintenanceWindow',
  closed({
    id: Type.String(),
    name: Type.String(),
    zone: nullable(name),
    rule: Type.Union([
      closed({
        kind: Type.Literal('weekly'),
        days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7 }),
        from: Type.String({ pattern: '^[0-2][0-9]:[0-5][0-9]$' }),
        to: Type.String({ pattern: '^[0-2][0-9]:[0-5][0-9]$' }),
        zone: Type.String({ maxLength: 64 }),
      }),
      closed({ kind: Type.Literal('once'), from: time, to: time }),
    ]),
    open: Type.Boolean(),
    nextOpening: nullable(time),
  }),
)
const windowBody = closed({
  name: Type.String({ minLength: 1, maxLength: 64 }),
  zone: Type.Optional(nullable(name)),
  rule: maintenanceWindow.properties.rule,
})

const event = named(
  'Event',
  closed({ id: count, at: time, kind: Type.String(), subject: Type.String(), plant: nullable(name), detail: anyJson }),
)

/** What managers do for people: plans, deployments and the rest, and the events of it. */
export const jobRoutes = {
  'plans.create': {
    method: 'POST',
    path: '/plants/:plant/plans',
    access: 'plan',
    summary: 'Read the devices and tell what a deployment would change',
    status: 202,
    params: plantParams,
    body: closed(deployOptions),
    response: job,
  },
  'plans.read': {
    method: 'GET',
    path: '/plans/:id',
    access: 'plant.read',
    summary: 'A plan with its impact on each device',
    status: 200,
    params: id,
    response: plan,
  },
  'deployments.start': {
    method: 'POST',
    path: '/plants/:plant/deployments',
    access: 'deploy',
    summary: 'Deploy what a plan says; devices that changed since are refused',
    status: 202,
    params: plantParams,
    body: closed({ plan: Type.String({ maxLength: 64 }), ...timing, message: Type.Optional(sentence) }),
    response: job,
  },
  'deployments.list': {
    method: 'GET',
    path: '/plants/:plant/deployments',
    access: 'plant.read',
    summary: 'Deployments, newest first',
    status: 200,
    params: plantParams,
    query: closed(paging),
    response: page('DeploymentPage', deployment),
  },
  'deployments.read': {
    method: 'GET',
    path: '/deployments/:id',
    access: 'plant.read',
    summary: 'A deployment device by device',
    status: 200,
    params: id,
    response: deploymentDetail,
  },
  'deployments.retry': {
    method: 'POST',
    path: '/deployments/:id/retry',
    access: 'deploy',
    summary: 'Again for the devices that are not complete',
    status: 202,
    params: id,
    body: closed(timing),
    response: job,
  },
  'releases.start': {
    method: 'POST',
    path: '/plants/:plant/releases',
    access: 'deploy',
    summary: 'Take the policy off devices, with proof',
    status: 202,
    params: plantParams,
    body: closed({ devices: Type.Array(name, { minItems: 1, maxItems: 1000 }), ...timing, message: sentence }),
    response: job,
  },
  'renewals.start': {
    method: 'POST',
    path: '/plants/:plant/renewals',
    access: 'deploy',
    summary: 'Renew certificates that come due',
    status: 202,
    params: plantParams,
    body: closed({ only: Type.Optional(devices), ...timing }),
    response: job,
  },
  'verifications.start': {
    method: 'POST',
    path: '/plants/:plant/verifications',
    access: 'operate',
    summary: 'Read back and probe from outside',
    status: 202,
    params: plantParams,
    body: closed({ only: Type.Optional(devices) }),
    response: job,
  },
  'verifications.read': {
    method: 'GET',
    path: '/verifications/:id',
    access: 'plant.read',
    summary: 'Every check with its verdict',
    status: 200,
    params: id,
    response: verification,
  },
  'driftChecks.start': {
    method: 'POST',
    path: '/plants/:plant/drift-checks',
    access: 'operate',
    summary: 'Compare every device with the model',
    status: 202,
    params: plantParams,
    body: closed({}),
    response: job,
  },
  'discoveries.start': {
    method: 'POST',
    path: '/plants/:plant/discoveries',
    access: 'operate',
    summary: 'Ask addresses who is there',
    status: 202,
    params: plantParams,
    body: closed({
      targets: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        minItems: 1,
        maxItems: 64,
        description: 'Address, range A-B, or CIDR of at most 4,096 addresses',
      }),
    }),
    response: job,
  },
  'observations.start': {
    method: 'POST',
    path: '/plants/:plant/observations',
    access: 'operate',
    summary: 'Read the live tables of the devices',
    status: 202,
    params: plantParams,
    body: closed({}),
    response: job,
  },
  'rehearsals.start': {
    method: 'POST',
    path: '/plants/:plant/rehearsals',
    access: 'plan',
    summary: 'Deploy to a virtual twin of the plant',
    status: 202,
    params: plantParams,
    body: closed(deployOptions),
    response: job,
  },
  'rehearsals.read': {
    method: 'GET',
    path: '/rehearsals/:id',
    access: 'plant.read',
    summary: 'How the rehearsal went',
    status: 200,
    params: id,
    response: rehearsal,
  },
  'jobs.list': {
    method: 'GET',
    path: '/jobs',
    access: 'plant.read',
    summary: 'Jobs, newest first',
    status: 200,
    query: closed({
      ...paging,
      plant: Type.Optional(name),
      kind: Type.Optional(jobKind),
      state: Type.Optional(jobState),
      active: Type.Optional(Type.Boolean()),
    }),
    response: page('JobPage', job),
  },
  'jobs.read': {
    method: 'GET',
    path: '/jobs/:id',
    access: 'plant.read',
    summary: 'One job',
    status: 200,
    params: id,
    response: job,
  },
  'jobs.cancel': {
    method: 'POST',
    path: '/jobs/:id/cancel',
    access: 'deploy',
    summary: 'Stop: each device keeps its old or gets its new settings',
    status: 202,
    params: id,
    response: job,
  },
  'windows.list': {
    method: 'GET',
    path: '/plants/:plant/windows',
    access: 'plant.read',
    summary: 'Maintenance windows',
    status: 200,
    params: plantParams,
    response: list('MaintenanceWindowList', maintenanceWindow),
  },
  'windows.create': {
    method: 'POST',
    path: '/plants/:plant/windows',
    access: 'deploy',
    summary: 'A new maintenance window',
    status: 201,
    params: plantParams,
    body: windowBody,
    response: maintenanceWindow,
  },
  'windows.remove': {
    method: 'DELETE',
    path: '/plants/:plant/windows/:id',
    access: 'deploy',
    summary: 'Remove a maintenance window',
    status: 204,
    params: closed({ plant: name, id: Type.String({ maxLength: 64 }) }),
  },
  'events.stream': {
    method: 'GET',
    path: '/events',
    access: 'plant.read',
    summary: 'Events as they happen (text/event-stream); goes on behind Last-Event-ID',
    status: 200,
    raw: true,
    download: 'text/event-stream',
    query: closed({ plant: Type.Optional(name), after: Type.Optional(count) }),
  },
  'events.history': {
    method: 'GET',
    path: '/events/history',
    access: 'plant.read',
    summary: 'Events in order',
    status: 200,
    query: closed({
      after: Type.Optional(count),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
      plant: Type.Optional(name),
      kind: Type.Optional(Type.String({ maxLength: 64 })),
    }),
    response: list('EventList', event),
  },
} as const satisfies Routes
