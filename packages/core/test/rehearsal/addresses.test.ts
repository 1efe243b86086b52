import { contains, parseAddress, parseNetwork, type Plant } from '@cordon/core/policy'
import { mapAddresses, withRealAddresses } from '@cordon/core/rehearsal'
import { describe, expect, test } from 'vitest'
import { plantOf } from '../policy/plants.ts'
import { fc } from '../policy/properties.ts'

const { plant } = plantOf(`
version: 1
plant: mapped
nonSecure: allow
zones: { z: { authentication: none, messaging: none, io: none } }
devices:
  A: { address: 10.1.2.3, zone: z }
  B: { address: 10.9.2.3, zone: z }
  C: { address: 10.1.255.255, zone: z }
ranges:
  office: { addresses: 10.1.2.64/28, zone: z }
  world: { addresses: 172.16.0.0/12, zone: z }
`)

const octet = fc.integer({ min: 0, max: 3 })
const plants: fc.Arbitrary<Pick<Plant, 'devices' | 'ranges'>> = fc
  .record({
    hosts: fc.uniqueArray(fc.tuple(octet, octet, fc.integer({ min: 0, max: 255 })), {
      maxLength: 60,
      selector: (host) => host.join('.'),
    }),
    ranges: fc.uniqueArray(
      fc.record({ block: fc.integer({ min: 0, max: 7 }), prefix: fc.constantFrom(12, 20, 24, 28, 32) }),
      {
        maxLength: 5,
        selector: ({ block }) => block,
      },
    ),
  })
  .map(({ hosts, ranges }) => ({
    devices: hosts.map(([b, c, d], place) => ({
      name: `d${place}`,
      address: `10.${b}.${c}.${d}`,
      zone: 'z',
      capability: 'none',
      role: 'both',
      close: [],
    })),
    ranges: ranges.map(({ block, prefix }) => ({
      name: `r${block}`,
      addresses: `${160 + 4 * block}.16.0.0/${prefix}`,
      zone: 'z',
    })),
  }))

describe('the addresses of a twin', () => {
  test('keep their last two octets, unless two devices want the same', () => {
    const { twin, network } = mapAddresses(plant, '127.61')
    expect(network).toBe('127.61.0.0/16')
    expect(twin.get('10.1.2.3')).toBe('127.61.2.3')
    expect(twin.get('10.9.2.3')).toBe('127.61.0.1')
    // The last address of a network is for broadcasts.
    expect(twin.get('10.1.255.255')).toBe('127.61.0.2')
  })

  test('are one for each device, all in the network, and ranges lie apart from them and from each other', () => {
    fc.assert(
      fc.property(plants, (any) => {
        const { twin, real, ranges } = mapAddresses(any, '127.62')
        const whole = parseNetwork('127.62.0.0/16')
        if (whole === undefined) throw new Error('a network')
        expect(new Set(twin.values()).size).toBe(any.devices.length)
        const networks = [...ranges.values()].map((text) => parseNetwork(text))
        expect(networks.length).toBe(any.ranges.length)
        for (const [from, to] of twin) {
          expect(real.get(to)).toBe(from)
          const address = parseAddress(to) ?? 0
          expect(contains(whole, address)).toBe(true)
          for (const network of networks) expect(network !== undefined && contains(network, address)).toBe(false)
        }
        for (const one of networks)
          for (const other of networks)
            if (one !== other && one !== undefined && other !== undefined) {
              expect(contains(one, other.address) || contains(other, one.address)).toBe(false)
            }
      }),
    )
  })

  test('make a range smaller only when it could not share the network with the rest', () => {
    const { ranges, narrowed } = mapAddresses(plant, '127.61')
    expect(ranges.get('office')).toBe('127.61.2.64/28')
    expect(ranges.get('world')).toMatch(/\/20$/)
    expect(narrowed).toEqual(['world'])
  })

  test('are put back in whatever is told, in texts as well as alone', () => {
    const map = mapAddresses(plant, '127.61')
    const told = {
      text: 'connect to 127.61.2.3:2221 from 127.61.0.1 refused, rule ip=127.61.2.64/28',
      list: [{ at: '127.61.2.3', n: 3, none: null }],
      '127.61.2.3': true,
    }
    expect(withRealAddresses(told, map, plant)).toEqual({
      text: 'connect to 10.1.2.3:2221 from 10.9.2.3 refused, rule ip=10.1.2.64/28',
      list: [{ at: '10.1.2.3', n: 3, none: null }],
      '10.1.2.3': true,
    })
  })

  test('are refused outside the loopback', () => {
    expect(() => mapAddresses(plant, '10.1')).toThrow(/a \/16 of the loopback/)
  })
})
