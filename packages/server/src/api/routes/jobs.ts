import type { DeploymentPlan } from '@cordon/core/deployment'
import { UsageError } from '@cordon/core/errors'
import type { VerificationResult } from '@cordon/core/verification'
import type { Static } from 'typebox'
import { listDeployments, readDeployment } from '../../jobs/deployments.ts'
import type { Job } from '../../jobs/job.ts'
import { discoveryTargets } from '../../jobs/kinds/discover.ts'
import type { JobKindName, PlanParameters } from '../../jobs/parameters.ts'
import { cancelJob, findJob, type JobRequest, listJobs, requestJob, retryFailed } from '../../jobs/requests.ts'
import { addWindow, findWindow, listWindows, removeWindow } from '../../jobs/window-records.ts'
import type { jobRoutes } from '../contract/jobs.ts'
import type { Route } from '../contract/route.ts'
import { type Call, changeBy, type Handlers } from '../handler.ts'
import { notFound, RequestProblem } from '../problem.ts'
import type { Services } from '../services.ts'
import { eventHandlers } from './events.ts'
import {
  deploymentDetailView,
  deploymentView,
  type JobView,
  jobView,
  planView,
  ruleOf,
  verificationView,
  windowView,
} from './job-views.ts'

type Routes = typeof jobRoutes
type Timing = Static<Routes['deployments.retry']['body']>
type DeployChoices = Static<Routes['plans.create']['body']>

const defaultPage = 50

/** Handlers of plans, deployments, the other jobs, maintenance windows and events. */
export const jobHandlers = {
  ...eventHandlers,
  'plans.create': async (call) =>
    await start(call, 'plan', call.params.plant, { parameters: choices(call.body), version: call.body.version }),
  'plans.read': async ({ params, services }) => {
    const job = await jobOfKind(services, params.id, 'plan')
    // Written by the runner of plans.
    const plan = job.result as DeploymentPlan | undefined
    const breaks = plan === undefined ? [] : await services.breaksOf(plan, job.version)
    return { job: await viewOf(services, job), plan: plan === undefined ? null : planView(plan, breaks) }
  },
  'deployments.start': async (call) => {
    const { params, body, services } = call
    const plan = await findJob(services.store, body.plan)
    if (plan?.kind !== 'plan' || plan.plant !== params.plant) throw notFound(`plan ${body.plan} of ${params.plant}`)
    // Written by requestJob: a deployment does what its plan was asked for.
    const planned = plan.parameters as PlanParameters
    const { message } = body
    const parameters = { ...planned, plan: plan.id, ...(message === undefined ? {} : { message }) }
    return await start(call, 'deploy', params.plant, { parameters, version: plan.version }, body)
  },
  'deployments.list': async ({ params, query, services }) => {
    const { limit = defaultPage, cursor } = query
    await plantThere(services, params.plant)
    const found = await listDeployments(services.store, params.plant, { after: cursor, limit: limit + 1 })
    const items = found.slice(0, limit)
    return { items: items.map(deploymentView), next: found.length > limit ? (items.at(-1)?.id ?? null) : null }
  },
  'deployments.read': async ({ params, services }) => {
    const detail = await readDeployment(services.store, params.id)
    if (detail === undefined) throw notFound(`deployment ${params.id}`)
    return deploymentDetailView(detail)
  },
  'deployments.retry': async (call) => {
    const { params, body, services } = call
    const detail = await readDeployment(services.store, params.id)
    if (detail?.job === undefined) throw notFound(`deployment ${params.id} of a job`)
    const job = await retryFailed(
      services.store,
      changeBy(call),
      detail.job.id,
      await timed(services, detail.plant, body),
    )
    return await viewOf(services, job)
  },
  'releases.start': async (call) => {
    const { devices, message } = call.body
    return await start(call, 'release', call.params.plant, { parameters: { devices, message } }, call.body)
  },
  'renewals.start': async (call) => {
    const { only } = call.body
    const parameters = only === undefined ? {} : { devices: only }
    return await start(call, 'renew', call.params.plant, { parameters }, call.body)
  },
  'verifications.start': async (call) => await start(call, 'verify', call.params.plant, { parameters: call.body }),
  'verifications.read': async ({ params, services }) => {
    const job = await jobOfKind(services, params.id, 'verify')
    // Written by the runner of verifications.
    const result = job.result as VerificationResult | undefined
    return { job: await viewOf(services, job), result: result === undefined ? null : verificationView(result) }
  },
  'driftChecks.start': async (call) => await start(call, 'drift', call.params.plant, {}),
  'discoveries.start': async (call) => {
    const { targets } = call.body
    // What nobody can ask is said now, and not by a job that failed.
    discoveryTargets(targets)
    return await start(call, 'discover', call.params.plant, { parameters: { targets } })
  },
  'observations.start': async (call) => await start(call, 'observe', call.params.plant, {}),
  'rehearsals.start': async (call) =>
    await start(call, 'rehearse', call.params.plant, { parameters: choices(call.body), version: call.body.version }),
  'rehearsals.read': async ({ params, services }) => {
    const job = await jobOfKind(services, params.id, 'rehearse')
    // The runner of rehearsals gives what the contract says.
    const result = (job.result ?? null) as Static<Routes['rehearsals.read']['response']>['result']
    return { job: await viewOf(services, job), result }
  },
  'jobs.list': async ({ query, services }) => {
    const { limit = defaultPage, cursor, plant, kind, state, active } = query
    const before = cursor === undefined ? undefined : numberOf(cursor)
    const states = state !== undefined ? [state] : active === true ? (['waiting', 'running'] as const) : undefined
    const kinds = kind === undefined ? undefined : [kind]
    const found = await listJobs(services.store, { plant, kinds, states, before, limit: limit + 1 })
    const items = found.slice(0, limit)
    const windows = await windowNames(services)
    const next = found.length > limit ? items.at(-1)?.number : undefined
    return { items: items.map((job) => jobView(job, windows)), next: next === undefined ? null : String(next) }
  },
  'jobs.read': async ({ params, services }) => {
    const job = await findJob(services.store, params.id)
    if (job === undefined) throw notFound(`job ${params.id}`)
    return await viewOf(services, job)
  },
  'jobs.cancel': async (call) => {
    const { params, services } = call
    if ((await findJob(services.store, params.id)) === undefined) throw notFound(`job ${params.id}`)
    return await viewOf(services, await cancelJob(services.store, changeBy(call), params.id))
  },
  'windows.list': async ({ params, services }) => {
    await plantThere(services, params.plant)
    const now = Date.now()
    return { items: (await listWindows(services.store, params.plant)).map((window) => windowView(window, now)) }
  },
  'windows.create': async (call) => {
    const { params, body, services } = call
    await plantThere(services, params.plant)
    const draft = { plant: params.plant, name: body.name, zone: body.zone ?? undefined, rule: ruleOf(body.rule) }
    return windowView(await addWindow(services.store, changeBy(call), draft), Date.now())
  },
  'windows.remove': async (call) => {
    const { params, services } = call
    const held = await findWindow(services.store.db, params.id)
    if (held?.plant !== params.plant) throw notFound(`maintenance window ${params.id} of ${params.plant}`)
    await removeWindow(services.store, changeBy(call), params.id)
    return undefined
  },
} satisfies Handlers<Routes>

/** What a plan was asked for, as its runner takes it. */
function choices({ only, zones, closeConnections, closePorts, fingerprints }: DeployChoices): PlanParameters {
  return {
    ...(only === undefined ? {} : { onlyDevices: only }),
    ...(zones === undefined ? {} : { zones }),
    ...(closeConnections === undefined ? {} : { closeConnections }),
    ...(closePorts === undefined ? {} : { closePorts }),
    ...(fingerprints === undefined ? {} : { fingerprints }),
  }
}

/** Asks for a job on a plant. What changes devices, or says what would, is of the version that is the newest now. */
async function start(
  call: Pick<Call<Route>, 'caller' | 'request' | 'services'>,
  kind: JobKindName,
  plant: string,
  { parameters = {}, version }: { readonly parameters?: object; readonly version?: number | undefined },
  timing: Timing = {},
): Promise<JobView> {
  const { services } = call
  const newest = await plantThere(services, plant)
  if (version !== undefined && (version < 1 || version > newest))
    throw new RequestProblem(422, {
      code: 'bad-value',
      message: `${plant} has no version ${version}; the newest is ${newest}`,
    })
  const when = await timed(services, plant, timing)
  const job = await requestJob(services.store, changeBy(call), {
    kind,
    plant,
    version: version ?? newest,
    parameters,
    ...when,
  })
  return await viewOf(services, job)
}

/** The newest version of a plant. @throws RequestProblem 404 */
async function plantThere(services: Services, plant: string): Promise<number> {
  const newest = await services.newestVersion(plant)
  if (newest === undefined) throw notFound(`plant ${plant}`)
  return newest
}

/** When a job may begin; a window is given by its id or its name. */
async function timed(
  { store }: Services,
  plant: string,
  { window, notBefore }: Timing,
): Promise<Pick<JobRequest, 'window' | 'notBefore'>> {
  const at = notBefore === undefined ? undefined : Date.parse(notBefore)
  if (at !== undefined && Number.isNaN(at))
    throw new UsageError('bad-value', 'notBefore: expected a time in ISO 8601, such as 2026-11-28T22:00:00Z')
  if (window === undefined) return { notBefore: at }
  const held = (await listWindows(store, plant)).find(({ id, name }) => id === window || name === window)
  if (held === undefined) throw notFound(`maintenance window ${window} of ${plant}`)
  return { notBefore: at, window: held.id }
}

async function jobOfKind({ store }: Services, id: string, kind: JobKindName): Promise<Job> {
  const job = await findJob(store, id)
  if (job?.kind !== kind) throw notFound(`job ${id} of kind ${kind}`)
  return job
}

async function viewOf(services: Services, job: Job): Promise<JobView> {
  return jobView(job, job.window === undefined ? new Map() : await windowNames(services))
}

async function windowNames({ store }: Services): Promise<ReadonlyMap<string, string>> {
  return new Map((await listWindows(store)).map(({ id, name }) => [id, name]))
}

function numberOf(cursor: string): number {
  const number = /^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined
  if (number === undefined)
    throw new RequestProblem(400, { code: 'bad-value', message: 'cursor: expected `next` of the page before' })
  return number
}
