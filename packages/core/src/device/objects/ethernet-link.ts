import { ethernetLink } from '../../objects/ethernet-link.ts'
import { generalStatus } from '../../cip/general-status.ts'
import { encode } from '../../wire/codec.ts'
import { behaviour } from '../attributes.ts'
import type { DeviceContext } from '../context.ts'
import { refuse } from '../outcome.ts'

/** Link up, full duplex, negotiated. */
const flags = 0x0f
const noCounters = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] as const
const noMediaCounters = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] as const

/** The MAC address: given, or a locally administered one that the serial number makes. */
export function physicalAddress(device: DeviceContext): Uint8Array {
  const { serialNumber } = device.options.identity
  return (
    device.options.physicalAddress ??
    Uint8Array.of(0x02, 0xc0, serialNumber >>> 24, serialNumber >>> 16, serialNumber >>> 8, serialNumber)
  )
}

/** How a device behaves as Ethernet Link Object: one copper port whose counters its host does not know. */
export const ethernetLinkBehaviour = behaviour(ethernetLink, {
  revision: 4,
  get: {
    speed: () => 1000,
    flags: () => flags,
    physicalAddress: ({ device }) => physicalAddress(device),
    interfaceCounters: () => noCounters,
    mediaCounters: () => noMediaCounters,
    type: () => 2,
    state: () => 1,
    adminState: () => 1,
    label: () => 'Port 1',
    linkDownCounter: () => 0,
  },
  services: {
    // The attribute in the path does not reach here: only the interface counters exist, and they are zero.
    getAndClear: ({ instance }) =>
      instance === 1
        ? { value: encode(ethernetLink.attributes.interfaceCounters.codec, noCounters) }
        : refuse(generalStatus.objectDoesNotExist),
  },
})
