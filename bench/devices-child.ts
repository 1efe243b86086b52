import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { VirtualPlant } from '@cordon/simulator'

/** What one process with virtual devices reports. */
export interface DevicesReport {
  readonly seconds: number
  /** Resident memory, MiB. */
  readonly rssMiB: number
}

const count = Number(process.argv[2])
const directory = process.argv[3] ?? (await mkdtemp(join(tmpdir(), 'cordon-bench-')))
const started = performance.now()
let plant: VirtualPlant | undefined
if (count > 0) {
  // An empty process loads none of this: what the code itself takes counts as memory of the devices.
  const simulator = await import('@cordon/simulator')
  const { benchPlant } = await import('./virtual-plant.ts')
  plant = await simulator.VirtualPlant.start({ ...benchPlant(count), directory, sealingKey: new Uint8Array(32).fill(7), broadcast: null })
}
const seconds = (performance.now() - started) / 1000
const report: DevicesReport = { seconds, rssMiB: process.memoryUsage().rss / 2 ** 20 }
process.stdout.write(`${JSON.stringify(report)}\n`)
await plant?.stop()
if (process.argv[3] === undefined) await rm(directory, { recursive: true, force: true })
