import type { DeploymentPlan } from '@cordon/core/deployment'
import { UsageError } from '@cordon/core/errors'
import { findDeployment } from '../../deploy/claims.ts'
import { type ApplyOptions, deploy, type StoredReport } from '../../deploy/deploy.ts'
import type { JobRunner, JobWork, RunnerEnd } from '../kind.ts'
import type { DeployParameters } from '../parameters.ts'
import { findJob } from '../requests.ts'
import { allowedDevices, awaitFormerClaims, deploymentProgress } from './changing.ts'
import { compared, treatment } from './treatment.ts'
import type { JobWorld, PlantModel } from './world.ts'

/** Deployments, after a plan that people looked at or at once. */
export function deployRunner(world: JobWorld): JobRunner {
  return async (work) => {
    const model = await world.plantAt(work.job.plant ?? '', work.job.version)
    // Written by requestJob.
    const parameters = work.job.parameters as DeployParameters
    return await runDeployment(world, work, model, parameters)
  }
}

/** Runs the deployment of a job, or takes it up again where another manager or a window left it. */
export async function runDeployment(
  world: JobWorld,
  work: JobWork,
  { plant, ...model }: PlantModel,
  parameters: DeployParameters,
): Promise<RunnerEnd> {
  const { store, authority } = world
  const { job } = work
  await awaitFormerClaims(world, work, plant.name)
  const agreed = await agreedPlan(world, parameters)
  const only = await allowedDevices(world, work, plant, parameters)
  const earlier = job.deployment === undefined ? undefined : await findDeployment(store, plant.name, job.deployment)
  // Cancelled before it was taken over: what was begun is brought to its end, and nothing else.
  const isEnding = work.isCancelled()
  if (isEnding && (earlier === undefined || earlier.unfinished.length === 0)) return { state: 'not-complete' }
  const moves = world.connectionMoves?.(plant.name)
  const devices = isEnding ? earlier?.unfinished : only
  const options: ApplyOptions = {
    ...treatment(world, model, parameters, devices, work),
    ...(world.deviceLeaseMs === undefined ? {} : { leaseMs: world.deviceLeaseMs }),
    version: job.version,
    mayBegin: () => isEnding || work.mayBegin(),
    ...(moves === undefined ? {} : { connectionMoves: moves }),
    ...(agreed === undefined ? {} : { agreed }),
    ...(earlier === undefined ? { begun: (trx, id) => work.begun(trx, id) } : { resume: earlier.id }),
  }
  const tell = deploymentProgress(devices?.length ?? plant.devices.length, (progress) => work.progress(progress))
  const run = deploy({ plant: compared(plant, parameters), store, authority, options })
  for await (const event of run) tell(event)
  const report = await run.report
  return { state: isWaiting(report) && !isEnding ? 'later' : report.outcome, result: summaryOf(report) }
}

async function agreedPlan({ store }: JobWorld, { plan }: DeployParameters): Promise<DeploymentPlan | undefined> {
  if (plan === undefined) return undefined
  const job = await findJob(store, plan)
  if (job?.kind !== 'plan' || job.result === undefined)
    throw new UsageError('missing', 'the plan of this deployment is not on record any more: make another one')
  // Written by the runner of plans.
  return job.result as DeploymentPlan
}

/** Whether devices were left for the next window. */
function isWaiting({ devices }: StoredReport): boolean {
  return devices.some(({ messages }) => messages.some(({ code }) => code === 'window-closed'))
}

/** What is kept with the job: the rest is in the deployment, device by device. */
function summaryOf({ deployment, outcome, tookMs, devices, messages, plan }: StoredReport): object {
  const counts = { complete: 0, 'complete-with-warnings': 0, 'not-complete': 0 }
  for (const device of devices) counts[device.outcome]++
  const refused = deployment === undefined ? plan.messages : undefined
  return { deployment, outcome, tookMs, devices: devices.length, counts, messages, refused }
}
