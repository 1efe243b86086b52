import { verifyDeployed } from '../../deploy/verification.ts'
import type { JobRunner } from '../kind.ts'
import type { VerifyParameters } from '../parameters.ts'
import type { JobWorld } from './world.ts'

/** Verifications, each in a process of its own; the VerificationResult is the result. `not-complete`: it did not pass. */
export function verifyRunner(world: JobWorld): JobRunner {
  return async ({ job, signal, progress }) => {
    const { store, authority } = world
    const { plant, capabilities } = await world.plantAt(job.plant ?? '', job.version)
    const live = await world.liveConnections?.(plant.name)
    // Written by requestJob.
    const { only, verifierAddress } = job.parameters as VerifyParameters
    const result = await verifyDeployed(
      {
        plant,
        store,
        authority,
        capabilities,
        ...(live === undefined ? {} : { live }),
        ...(only === undefined ? {} : { only }),
        ...(verifierAddress === undefined ? {} : { verifierAddress }),
      },
      {
        signal,
        onEvent: (event) => {
          if (event.kind === 'read')
            progress({ current: `read back ${event.device}`, done: event.done, total: event.total })
          else if (event.kind === 'checked') progress({ current: 'checks', done: event.done, total: event.total })
        },
      },
    )
    return { state: result.verdict === 'pass' ? 'complete' : 'not-complete', result }
  }
}
