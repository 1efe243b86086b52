import { setTimeout as sleep } from 'node:timers/promises'
import { indexPlant } from '@cordon/core/policy'
import { PlantTables } from '@cordon/node/pages'
import type { JobRunner } from '../kind.ts'
import type { ObserveParameters } from '../parameters.ts'
import type { JobWorld } from './world.ts'

const limits = { rounds: 720, leastMs: 1000, mostMs: 600_000, defaultMs: 5000 } as const

/** Observations: reads the live tables of a plant's devices, once or in rounds; what they show is kept. */
export function observeRunner(world: JobWorld): JobRunner {
  return async ({ job, signal, progress }) => {
    const { plant, capabilities } = await world.plantAt(job.plant ?? '', job.version)
    // Written by requestJob.
    const { rounds = 1, intervalMs = limits.defaultMs } = job.parameters as ObserveParameters
    const total = Math.min(limits.rounds, Math.max(1, Math.floor(rounds)))
    const pauseMs = Math.min(limits.mostMs, Math.max(limits.leastMs, intervalMs))
    const index = indexPlant(plant, capabilities)
    const localAddress = world.localAddress
    const addresses = plant.devices.flatMap(({ name, address }) =>
      address === undefined || name === plant.manager ? [] : [address],
    )
    using tables = new PlantTables({ addresses, ...(localAddress === undefined ? {} : { localAddress }) })
    let last: { readonly devices: number; readonly unread: readonly string[] } = { devices: 0, unread: [] }
    for (let done = 0; done < total; done++) {
      const began = performance.now()
      progress({ current: `reads the tables of ${addresses.length} devices`, done, total })
      const reading = await tables.read(signal)
      await world.recordObserved({ plant: plant.name, index, reading, at: Date.now() })
      last = { devices: reading.devices.length, unread: reading.unread.map(({ address }) => address) }
      if (done + 1 < total) await sleep(Math.max(0, pauseMs - (performance.now() - began)), undefined, { signal })
    }
    return {
      state: last.devices === 0 && addresses.length > 0 ? 'not-complete' : 'complete',
      result: { rounds: total, ...last },
    }
  }
}
