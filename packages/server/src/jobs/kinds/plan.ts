import { prepare } from '../../deploy/prepare.ts'
import type { JobRunner } from '../kind.ts'
import type { PlanParameters } from '../parameters.ts'
import { allowedDevices } from './changing.ts'
import { compared, treatment } from './treatment.ts'
import type { JobWorld } from './world.ts'

/** Plans: reads every device and says what a deployment would do, as the DeploymentPlan in the result. */
export function planRunner(world: JobWorld): JobRunner {
  return async (work) => {
    const { job } = work
    const { plant, ...model } = await world.plantAt(job.plant ?? '', job.version)
    work.progress({ current: `reads ${plant.devices.length} devices` })
    // Written by requestJob.
    const parameters = job.parameters as PlanParameters
    const only = await allowedDevices(world, work, plant, parameters)
    const options = treatment(world, model, parameters, only, work)
    const { plan } = await prepare({
      plant: compared(plant, parameters),
      store: world.store,
      authority: world.authority,
      options,
    })
    return { state: plan.outcome, result: plan }
  }
}
