import { type DeviceResult, outcomeOf, worst } from '@cordon/core/deployment'
import { readDeviceRecords } from '../../deploy/device-records.ts'
import { release } from '../../deploy/release.ts'
import type { JobRunner } from '../kind.ts'
import type { ReleaseParameters } from '../parameters.ts'
import { awaitFormerClaims, deploymentProgress } from './changing.ts'
import { treatment } from './treatment.ts'
import type { JobWorld } from './world.ts'

/** Releases: takes the policy off devices, also off such as the plant file does not name any more. */
export function releaseRunner(world: JobWorld): JobRunner {
  return async (work) => {
    const { store, authority } = world
    const { job } = work
    const { plant, ...model } = await world.plantAt(job.plant ?? '', job.version)
    // Written by requestJob.
    const { devices } = job.parameters as ReleaseParameters
    await awaitFormerClaims(world, work, plant.name)
    const { done, begun } = await standing(world, job.deployment)
    const records = await readDeviceRecords(store, plant.name)
    const finished = new Set(done.map(({ device }) => device))
    // A device that was begun and is not on record was released, and its manager died before it could say so.
    const left = devices.filter((device) => !finished.has(device) && (!begun.has(device) || records.has(device)))
    const wanted = work.isCancelled() ? left.filter((device) => begun.has(device)) : left
    if (wanted.length === 0) return { state: worst(done.map(({ outcome }) => outcome)), result: { devices: done } }
    const tell = deploymentProgress(wanted.length, (progress) => work.progress(progress))
    const options = {
      ...treatment(world, model, {}, undefined, work),
      ...(world.deviceLeaseMs === undefined ? {} : { leaseMs: world.deviceLeaseMs }),
      mayBegin: () => work.isCancelled() || work.mayBegin(),
      begun: work.begun,
    }
    const report = await release({ plant, store, authority, options }, wanted, tell)
    const all = [...done, ...report.devices]
    const isWaiting = report.devices.some(({ messages }) => messages.some(({ code }) => code === 'window-closed'))
    const outcome = worst(all.map(({ messages }) => outcomeOf(messages)))
    return { state: isWaiting ? 'later' : outcome, result: { devices: all } }
  }
}

/** What an earlier manager did of a release. */
async function standing(
  { store }: JobWorld,
  deployment: string | undefined,
): Promise<{ readonly done: readonly DeviceResult[]; readonly begun: ReadonlySet<string> }> {
  if (deployment === undefined) return { done: [], begun: new Set() }
  const rows = await store.db
    .selectFrom('deployment_targets')
    .select(['device', 'status', 'result', 'attempts'])
    .where('deployment', '=', deployment)
    .execute()
  const done = rows.filter(({ status }) => status === 'complete' || status === 'complete-with-warnings')
  return {
    // Written by Claims.
    done: done.flatMap(({ result }) => (result === null ? [] : [result as DeviceResult])),
    begun: new Set(rows.filter(({ attempts }) => attempts > 0).map(({ device }) => device)),
  }
}
