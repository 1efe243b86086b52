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

/** A broadcast of an own interface, and which parts of the plant's networks it reaches. */
export interface Broadcast {
  readonly address: string
  readonly reached: readonly Network[]
}

/** Where a broadcast reaches devices in these networks: of each own interface that is on one of them. */
export function broadcastsInto(networks: readonly Network[], interfaces = networkInterfaces()): readonly Broadcast[] {
  const found = new Map<string, Broadcast>()
  for (const entry of Object.values(interfaces).flatMap((list) => list ?? [])) {
    if (entry.family !== 'IPv4' || entry.cidr === null) continue
    const [host = '', length = '32'] = entry.cidr.split('/')
    const own = parseAddress(host)
    const bits = Number(length)
    if (own === undefined || bits > 30) continue
    const size = 2 ** (32 - bits)
    const base = own - (own % size)
    const around = parseNetwork(`${formatAddress(base)}/${bits}`)
    if (around === undefined) continue
    const reached = networks.flatMap((network) => {
      if (contains(around, network.address)) return bits > network.prefix ? [around] : [network]
      return contains(network, base) ? [around] : []
    })
    const address = formatAddress(base + size - 1)
    if (reached.length > 0) found.set(address, { address, reached })
  }
  return [...found.values()]
}

/** The networks of a plant that are searched address by address: the first ones, as that takes long. */
export function sweptNetworks(networks: readonly Network[]): readonly Network[] {
  return networks.slice(0, mostSwept)
}

/** Every address of these networks but their own and the broadcast ones. */
export function sweepAddresses(networks: readonly Network[]): readonly string[] {
  return networks.flatMap(({ address }) =>
    Array.from({ length: 254 }, (_, place) => formatAddress(address + 1 + place)),
  )
}

/** Whether all of a network was searched. */
export function isSearched(network: Network, searched: readonly Network[]): boolean {
  return searched.some((one) => one.prefix <= network.prefix && contains(one, network.address))
}
