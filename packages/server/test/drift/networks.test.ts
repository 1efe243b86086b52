import { formatNetwork, parseNetwork } from '@cordon/core/policy'
import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { broadcastsInto, isSearched } from '../../src/drift/networks.ts'

const network = (text: string) => {
  const parsed = parseNetwork(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}
const plant = ['192.0.2.0/24', '198.51.100.0/24'].map(network)

/** The interfaces of a machine that has this address. */
function on(cidr: string): Record<string, NetworkInterfaceInfo[]> {
  const [address = ''] = cidr.split('/')
  return { eth0: [{ address, netmask: '', family: 'IPv4', mac: '', internal: false, cidr }] }
}
const reached = (cidr: string) =>
  broadcastsInto(plant, on(cidr)).map((one) => [one.address, one.reached.map(formatNetwork)])

describe('a broadcast', () => {
  it('reaches the networks that this machine is on, and no other', () => {
    expect(reached('192.0.2.9/24')).toEqual([['192.0.2.255', ['192.0.2.0/24']]])
    expect(reached('203.0.113.9/24')).toEqual([])
    expect(reached('192.0.3.9/22')).toEqual([['192.0.3.255', ['192.0.2.0/24']]])
  })

  it('reaches a part of a network where the interface has a part of it', () => {
    expect(reached('192.0.2.9/25')).toEqual([['192.0.2.127', ['192.0.2.0/25']]])
    expect(reached('192.0.2.200/25')).toEqual([['192.0.2.255', ['192.0.2.128/25']]])
    expect(isSearched(network('192.0.2.0/24'), [network('192.0.2.0/25')])).toBe(false)
    expect(isSearched(network('192.0.2.0/25'), [network('192.0.2.0/24')])).toBe(true)
  })
})
