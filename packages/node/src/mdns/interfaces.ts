import type { InterfaceAddresses } from '@cordon/core/discovery'
import { isIPv4 } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'

/** An interface of this machine that is up and has an IPv4 address. */
export interface LinkInterface {
  /** The system's name, such as `eth0`. */
  readonly name: string
  /** The IPv4 address from which we speak. */
  readonly address: string
  /** What may be announced on it. */
  readonly addresses: InterfaceAddresses
  /** IPv4 networks on it, to tell who is on this link. */
  readonly networks: readonly { readonly address: string; readonly netmask: string }[]
}

/** What the system says about its interfaces. */
export type InterfaceSource = typeof networkInterfaces

/**
 * The interfaces on which multicast DNS is spoken: those chosen by name or by address, or all but the loopback. Where
 * an address was chosen, it alone is announced. Link-local IPv6 is left out: without a zone nobody can use it. The system
 * lists one address of the loopback; where all of its network are there, as on Linux, any of them may be chosen.
 */
export function linkInterfaces(
  chosen: readonly string[] | undefined,
  source: InterfaceSource = networkInterfaces,
): readonly LinkInterface[] {
  return Object.entries(source()).flatMap(([name, listed = []]) => {
    const entries = [...listed, ...loopbacks(chosen ?? [], listed)]
    const isNamed = chosen?.includes(name) === true
    const usable = entries.filter(({ address, internal }) =>
      chosen === undefined ? !internal : isNamed || chosen.includes(address),
    )
    const networks = usable.filter(({ address }) => isIPv4(address))
    const ipv6 = usable.filter(({ address }) => !isIPv4(address) && !/^fe[89ab]/i.test(address))
    const [first] = networks
    if (first === undefined) return []
    const addresses = { ipv4: networks.map(({ address }) => address), ipv6: ipv6.map(({ address }) => address) }
    return [
      {
        name,
        address: first.address,
        addresses,
        networks: networks.map(({ address, netmask }) => ({ address, netmask })),
      },
    ]
  })
}

/** Chosen addresses that lie in the network of a loopback without being listed. */
function loopbacks(
  chosen: readonly string[],
  listed: readonly NetworkInterfaceInfo[],
): readonly NetworkInterfaceInfo[] {
  const own = listed.find(({ internal, address }) => internal && isIPv4(address))
  if (own === undefined) return []
  const isThere = (address: string) => listed.some((entry) => entry.address === address)
  const mask = ipv4Number(own.netmask)
  return chosen
    .filter((address) => isIPv4(address) && !isThere(address))
    .filter((address) => (ipv4Number(address) & mask) === (ipv4Number(own.address) & mask))
    .map((address) => ({ ...own, address, cidr: null }) as NetworkInterfaceInfo) // of the same family as `own`
}

/** Whether an address lies in a network of the interface: others are not on the link (RFC 6762 §11). */
export function isOnLink(address: string, { networks }: LinkInterface): boolean {
  const number = ipv4Number(address)
  return networks.some((network) => {
    const mask = ipv4Number(network.netmask)
    return (number & mask) === (ipv4Number(network.address) & mask)
  })
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, octet) => (sum << 8) | Number(octet), 0)
}
