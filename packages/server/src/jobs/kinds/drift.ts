import { compareOnce } from '../../drift/drift.ts'
import type { JobRunner } from '../kind.ts'
import type { DriftParameters } from '../parameters.ts'
import type { JobWorld } from './world.ts'

/** Comparisons of a plant with its model; what differs is kept by the comparison itself, the result counts it. */
export function driftRunner(world: JobWorld): JobRunner {
  return async ({ job, signal, progress }) => {
    const { store, authority, localAddress } = world
    const { plant, capabilities, vendorAnchors } = await world.plantAt(job.plant ?? '', job.version)
    // Written by requestJob.
    const { only, search, nearMs } = job.parameters as DriftParameters
    progress({ current: `compares ${plant.devices.length} devices` })
    const comparison = await compareOnce({
      plant,
      store,
      authority,
      options: { signal, capabilities, vendorAnchors, localAddress },
      ...(only === undefined ? {} : { only }),
      ...(search === undefined ? {} : { search }),
      ...(nearMs === undefined ? {} : { nearMs }),
    })
    const { open, appeared, gone, compared, unread, durationMs } = comparison
    const drifts = open.filter(({ finding }) => finding.weight === 'drift').length
    const counts = { drifts, open: open.length, appeared: appeared.length, gone: gone.length }
    const state = drifts > 0 || unread.length > 0 ? 'complete-with-warnings' : 'complete'
    return { state, result: { ...counts, compared: compared.length, unread, durationMs } }
  }
}
