import { path, port as portSegment } from '../../cip/epath.ts'
import { port, portTypes } from '../../objects/port.ts'
import { behaviour, type Call } from '../attributes.ts'
import type { DeviceContext } from '../context.ts'

/** Number of the Ethernet port of a device with a backplane, and of one without. */
const ethernetPort = { withBackplane: 2, alone: 1 } as const

interface PortFacts {
  readonly type: number
  readonly number: number
  readonly name: string
}

function portsOf(device: DeviceContext): readonly PortFacts[] {
  if (device.options.slot === undefined && device.options.backplane === undefined) {
    return [{ type: portTypes.ethernetIp, number: ethernetPort.alone, name: 'EtherNet/IP' }]
  }
  return [
    { type: portTypes.backplane, number: 1, name: 'Backplane' },
    { type: portTypes.ethernetIp, number: ethernetPort.withBackplane, name: 'EtherNet/IP' },
  ]
}

function portOf({ device, instance }: Call): PortFacts | undefined {
  return portsOf(device)[instance - 1]
}

/** How a device behaves as Port Object. */
export const portBehaviour = behaviour(port, {
  revision: 2,
  instances: (device) => portsOf(device).map((_, index) => index + 1),
  getClass: {
    entryPort: ({ device, link }) => {
      const backplane = link.transport === 'backplane'
      const ports = portsOf(device)
      return 1 + ports.findIndex((entry) => (entry.type === portTypes.backplane) === backplane)
    },
    portInstances: ({ device }) => [{ type: 0, number: 0 }, ...portsOf(device)],
  },
  get: {
    type: (call) => portOf(call)?.type,
    number: (call) => portOf(call)?.number,
    linkObject: (call) => (portOf(call)?.type === portTypes.ethernetIp ? path({ class: 0xf5, instance: 1 }) : []),
    name: (call) => portOf(call)?.name,
    portNumberAndNodeAddress: (call) => {
      const found = portOf(call)
      if (found === undefined) return undefined
      const address = found.type === portTypes.backplane ? (call.device.options.slot ?? 0) : call.device.options.address
      return [portSegment(found.number, address)]
    },
  },
})
