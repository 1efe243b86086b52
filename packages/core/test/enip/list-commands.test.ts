import { UsageError } from '@cordon/core/errors'
import { listIdentityContext, listServicesItem, maxResponseDelayMs, registerSession } from '@cordon/core/enip'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds, unsigned, visibleText } from '../wire/properties.ts'
import { flags } from './arbitraries.ts'

describe('ListServices', () => {
  behavesAsCodec('listServicesItem', listServicesItem, {
    values: fc.record({
      protocolVersion: unsigned(16),
      capabilities: flags({ cipOverTcp: 5, class0Or1OverUdp: 8 } as const),
      name: visibleText({ maxLength: 16 }),
    }),
  })

  it('names its service in 16 bytes', () => {
    const bytes = encode(listServicesItem, {
      protocolVersion: 1,
      capabilities: { cipOverTcp: true, class0Or1OverUdp: true },
      name: 'Communications',
    })
    expect(bytes).toHaveLength(20)
    expect([...bytes.subarray(0, 4)]).toEqual([1, 0, 0x20, 0x01])
    expect([...bytes.subarray(18)]).toEqual([0, 0])
  })

  it('is read with a shorter name field and written as it came', () => {
    const bytes = Uint8Array.of(1, 0, 0x20, 0, ...Buffer.from('Communications\0', 'latin1'))
    const item = decode(listServicesItem, bytes)
    expect(item).toMatchObject({ name: 'Communications', nameLength: 15 })
    expect(encode(listServicesItem, item)).toEqual(bytes)
  })

  it('does not write a name that is longer than its field', () => {
    const item = {
      protocolVersion: 1,
      capabilities: { cipOverTcp: true, class0Or1OverUdp: false },
      name: 'x'.repeat(17),
    }
    expect(() => encode(listServicesItem, item)).toThrow(UsageError)
  })
})

describe('ListIdentity', () => {
  it('lets targets wait 2 s where nothing is asked, and never less than 500 ms', () => {
    expect(maxResponseDelayMs(new Uint8Array(8))).toBe(2000)
    expect(maxResponseDelayMs(listIdentityContext(1))).toBe(500)
    expect(maxResponseDelayMs(listIdentityContext(499))).toBe(500)
    expect(maxResponseDelayMs(listIdentityContext(501))).toBe(501)
    holds(fc.integer({ min: 500, max: 0xffff }), (delay) => {
      expect(maxResponseDelayMs(listIdentityContext(delay))).toBe(delay)
    })
  })

  it('carries six bytes that targets echo', () => {
    expect([...listIdentityContext(0x1234, Uint8Array.of(1, 2, 3, 4, 5, 6))]).toEqual([0x34, 0x12, 1, 2, 3, 4, 5, 6])
    expect(() => listIdentityContext(0x1_0000)).toThrow(UsageError)
    expect(() => listIdentityContext(0, new Uint8Array(5))).toThrow(UsageError)
  })
})

describe('RegisterSession', () => {
  behavesAsCodec('registerSession', registerSession, {
    values: fc.record({ protocolVersion: unsigned(16), flags: unsigned(16) }),
  })
})
