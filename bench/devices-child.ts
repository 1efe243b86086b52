import type { MessageRouterReply, MessageRouterRequest } from '@cordon/core/cip'
import type { Link } from '@cordon/core/device'
import type { VirtualDevice, VirtualPlant } from '@cordon/simulator'

/** What one process with virtual devices reports. */
export interface DevicesReport {
  readonly seconds: number
  /** Resident memory, MiB. */
  readonly rssMiB: number
}

// devices-child.js COUNT [DIRECTORY [commission]]: starts so many devices with their state in the directory.
const count = Number(process.argv[2])
const directory = process.argv[3]
const started = performance.now()
let plant: VirtualPlant | undefined
if (count > 0 && directory !== undefined) {
  // An empty process loads none of this: what the code itself takes counts as memory of the devices.
  const simulator = await import('@cordon/simulator')
  const { benchPlant } = await import('./virtual-plant.ts')
  const sealingKey = new Uint8Array(32).fill(7)
  plant = await simulator.VirtualPlant.start({ ...benchPlant(count, '127.9'), directory, sealingKey, broadcast: null })
}
const seconds = (performance.now() - started) / 1000
const report: DevicesReport = { seconds, rssMiB: process.memoryUsage().rss / 2 ** 20 }
process.stdout.write(`${JSON.stringify(report)}\n`)
if (process.argv[4] === 'commission' && plant !== undefined) await commissionAll(plant)
await plant?.stop()

/** Takes every device into a plant, so that the next process loads what commissioned devices hold. */
async function commissionAll(plant: VirtualPlant): Promise<void> {
  const { ObjectClient } = await import('@cordon/core/client')
  const { commission, makeCommissioner } = await import('./commission.ts')
  const commissioner = await makeCommissioner()
  for (const { name, address } of plant.devices()) {
    const device = plant.device(name)
    if (device === undefined) continue
    const link: Link = {
      transport: 'tls',
      localPort: 2221,
      peer: { address: '127.0.0.1', port: 50_000 },
      security: { suite: 0xc02b, encrypts: true, authenticated: 'none' },
    }
    const client = new ObjectClient({ request: (request) => ask(device, link, plant.now(), request) })
    await commission(client, commissioner, { name, address, suites: [0xc02b, 0xc006] })
    device.hosted.linkClosed(link, plant.now())
    device.host?.deviceChanged()
    await device.save()
  }
}

async function ask(
  device: VirtualDevice,
  link: Link,
  now: number,
  request: MessageRouterRequest,
): Promise<MessageRouterReply> {
  const reply = await device.hosted.request(request, link, now)
  device.host?.deviceChanged()
  return reply
}
