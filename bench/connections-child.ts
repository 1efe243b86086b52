import { indexPlant, judgeObserved } from '@cordon/core/policy'
import { joinConnections } from '@cordon/core/tables'
import { PlantTables } from '@cordon/node/pages'
import { benchPlant } from './virtual-plant.ts'

/** What one process that looks at a plant reports. */
export interface ConnectionsReport {
  /** Processor time of one reading of all devices, milliseconds. */
  readonly cpuMs: number
  /** Devices that were read. */
  readonly read: number
}

const rounds = 5
const count = Number(process.argv[2])
const { plant } = benchPlant(count, '127.11')
const index = indexPlant(plant)
using tables = new PlantTables({
  addresses: plant.devices.flatMap(({ name, address }) =>
    address === undefined || name === plant.manager ? [] : [address],
  ),
})
await look()
const before = process.cpuUsage()
let read = count
for (let round = 0; round < rounds; round++) read = Math.min(read, await look())
const { user, system } = process.cpuUsage(before)
const report: ConnectionsReport = { cpuMs: (user + system) / 1000 / rounds, read }
process.stdout.write(`${JSON.stringify(report)}\n`)

/** One reading, joined and judged; gives how many devices were read. */
async function look(): Promise<number> {
  const { devices } = await tables.read()
  for (const { from, to } of joinConnections(devices)) {
    judgeObserved(index, { from, to, transport: 'tcp', protection: 'none' })
  }
  return devices.length
}
