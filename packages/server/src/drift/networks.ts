import { contains, formatAddress, type Network, parseAddress, parseNetwork, type Plant } from '@cordon/core/policy'
import { networkInterfaces } from 'node:os'

/**
 * Deviation: a plant file has addresses and no networks, so that each device stands for its /24 network (ours).
 */
const prefix = 24

/** Most networks that are searched address by address. */
const mostSwept = 16

/** The /24 networks of a plant's devices, by number. */
export function plantNetworks(plant: Plant): readonly Network[] {
  const networks = new Map<number, Network>()
  for (const { address } of plant.devices) {
    const number = address === undefined ? undefined : parseAddress(address)
    if (number === undefined) continue
    const base = ((number >>> (32 - prefix)) << (32 - prefix)) >>> 0
    networks.set(base, { address: base, prefix })
  }
  return [...networks.values()].sort((a, b) => a.address - b.address)
}

/** Where a broadcast reaches devices in these networks: of each own interface that is on one of them. */
export function broadcastAddresses(networks: readonly Network[]): readonly string[] {
  const found = new Set<string>()
  for (const entry of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
    if (entry.family !== 'IPv4' || entry.cidr === null) continue
    const [host = '', length = '32'] = entry.cidr.split('/')
    const own = parseAddress(host)
    const bits = Number(length)
    if (own === undefined || bits > 30) continue
    const size = 2 ** (32 - bits)
    const base = own - (own % size)
    const around = parseNetwork(`${formatAddress(base)}/${bits}`)
    if (around === undefined) continue
    const isTheirs = networks.some((network) => contains(around, network.address) || contains(network, base))
    if (isTheirs) found.add(formatAddress(base + size - 1))
  }
  return [...found]
}

/** Every address of these networks but their own and the broadcast ones. */
export function sweepAddresses(networks: readonly Network[]): readonly string[] {
  return networks
    .slice(0, mostSwept)
    .flatMap(({ address }) => Array.from({ length: 254 }, (_, place) => formatAddress(address + 1 + place)))
}
