import type { JobRunner } from '../kind.ts'
import type { RenewParameters } from '../parameters.ts'
import { runDeployment } from './deploy.ts'
import type { JobWorld } from './world.ts'

/** Certificates that end within so many milliseconds are renewed; 30 days. */
const defaultWithinMs = 30 * 86_400_000

/** Renewals: a new key pair and certificate for devices whose certificate is due, by a deployment of these alone. */
export function renewRunner(world: JobWorld): JobRunner {
  return async (work) => {
    const { job } = work
    const model = await world.plantAt(job.plant ?? '', job.version)
    // Written by requestJob.
    const { devices, withinMs = defaultWithinMs } = job.parameters as RenewParameters
    const known = new Set(model.plant.devices.map(({ name }) => name))
    const due =
      devices ??
      (await world.authority.expiring(withinMs))
        .filter(({ kind, renewal, name }) => kind === 'certificate' && renewal === 'push' && known.has(name))
        .map(({ name }) => name)
    // Taken up again: those that were renewed are not due any more, and belong to it all the same.
    const begun = job.deployment === undefined ? [] : await targetsOf(world, job.deployment)
    const renew = [...new Set([...begun, ...due])]
    if (renew.length === 0) return { state: 'complete', result: { devices: 0 } }
    return await runDeployment(world, work, model, { onlyDevices: renew, renew })
  }
}

async function targetsOf({ store }: JobWorld, deployment: string): Promise<readonly string[]> {
  const rows = await store.db
    .selectFrom('deployment_targets')
    .select('device')
    .where('deployment', '=', deployment)
    .orderBy('position')
    .execute()
  return rows.map(({ device }) => device)
}
