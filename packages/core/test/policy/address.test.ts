import { contains, formatAddress, formatNetwork, parseAddress, parseNetwork } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { fc } from './properties.ts'

const address = fc.integer({ min: 0, max: 0xffffffff })

describe('addresses', () => {
  test('survive the way to text and back', () => {
    fc.assert(
      fc.property(address, (value) => {
        expect(parseAddress(formatAddress(value))).toBe(value)
      }),
    )
  })

  test('with leading zeros, signs, spaces or missing parts are refused', () => {
    for (const text of [
      '127.0.0.01',
      '1.2.3',
      '1.2.3.4.5',
      ' 1.2.3.4',
      '1.2.3.4 ',
      '-1.2.3.4',
      '1.2.3.256',
      '1..2.3',
      '',
      '0x1.2.3.4',
      '1.2.3.4/32',
    ]) {
      expect(parseAddress(text), text).toBeUndefined()
    }
  })

  test('are whatever they are: any text gives an address or undefined', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const value = parseAddress(text)
        if (value !== undefined) expect(formatAddress(value)).toBe(text)
      }),
    )
  })
})

describe('networks', () => {
  test('contain exactly the addresses that share their prefix', () => {
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (base, other, prefix) => {
        const size = 2 ** (32 - prefix)
        const network = { address: Math.floor(base / size) * size, prefix }
        expect(contains(network, other)).toBe(Math.floor(other / size) === Math.floor(base / size))
        expect(parseNetwork(formatNetwork(network))).toEqual(network)
      }),
    )
  })

  test('with host bits or a bad length are refused', () => {
    for (const text of [
      '192.0.2.1/24',
      '192.0.2.0/33',
      '192.0.2.0/',
      '192.0.2.0/024',
      '192.0.2.0/-1',
      '192.0.2.0/24/1',
    ]) {
      expect(parseNetwork(text), text).toBeUndefined()
    }
  })

  test('of one address are written without a length', () => {
    expect(formatNetwork({ address: 0xc0000207, prefix: 32 })).toBe('192.0.2.7')
    expect(parseNetwork('0.0.0.0/0')).toEqual({ address: 0, prefix: 0 })
  })
})
