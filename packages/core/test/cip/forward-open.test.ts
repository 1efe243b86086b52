import {
  type ConnectionFailure,
  connectionFailure,
  forwardCloseReply,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  isNullForwardOpen,
  largeForwardOpenRequest,
  largeNetworkParameters,
  networkParameters,
  nullParameters,
  path,
  sameTriad,
  timeoutMs,
  timeoutOf,
  transportClassTrigger,
  unconnectedTimeout,
} from '@cordon/core/cip'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds, unsigned, wholeWords } from '../wire/properties.ts'
import { forwardOpensUpTo, networkParametersUpTo, paths, timeouts, transports, triads } from './arbitraries.ts'

describe('Forward_Open', () => {
  behavesAsCodec('forwardOpenRequest', forwardOpenRequest, { values: forwardOpensUpTo(511) })
  behavesAsCodec('largeForwardOpenRequest', largeForwardOpenRequest, { values: forwardOpensUpTo(65535) })

  const replies = fc
    .tuple(
      triads,
      fc.record({
        otConnectionId: unsigned(32),
        toConnectionId: unsigned(32),
        otApi: unsigned(32),
        toApi: unsigned(32),
        applicationReply: wholeWords(20),
      }),
    )
    .map(([triad, reply]) => ({ ...triad, ...reply }))
  behavesAsCodec('forwardOpenReply', forwardOpenReply, { values: replies })

  const [open] = fc.sample(forwardOpensUpTo(511), { numRuns: 1, seed: 3 })

  it('and its large form differ only in the width of the parameters', () => {
    if (open === undefined) throw new Error('no sample')
    const small = encode(forwardOpenRequest, open)
    const large = encode(largeForwardOpenRequest, open)
    expect(large).toHaveLength(small.length + 4)
    expect(large.subarray(0, 26)).toEqual(small.subarray(0, 26))
    expect(large.subarray(30, 34)).toEqual(small.subarray(28, 32))
    expect(large.subarray(38)).toEqual(small.subarray(34))
    expect(decode(largeForwardOpenRequest, large)).toEqual(decode(forwardOpenRequest, small))
  })

  it('with more than 511 bytes needs the large form', () => {
    if (open === undefined) throw new Error('no sample')
    const wide = { ...open, otParameters: { ...open.otParameters, size: 512 } }
    expect(() => encode(forwardOpenRequest, wide)).toThrow(UsageError)
    expect(decode(largeForwardOpenRequest, encode(largeForwardOpenRequest, wide)).otParameters.size).toBe(512)
  })

  it('has three reserved bytes that are zero when written and ignored when read', () => {
    if (open === undefined) throw new Error('no sample')
    const bytes = encode(forwardOpenRequest, open)
    expect([...bytes.subarray(19, 22)]).toEqual([0, 0, 0])
    bytes.fill(0xff, 19, 22)
    expect(decode(forwardOpenRequest, bytes)).toEqual(open)
  })

  it('is null when neither direction carries anything', () => {
    if (open === undefined) throw new Error('no sample')
    const none = { ...open, otParameters: nullParameters, toParameters: nullParameters }
    expect(isNullForwardOpen(none)).toBe(true)
    expect(isNullForwardOpen({ ...none, toParameters: { ...nullParameters, type: 'pointToPoint' } })).toBe(false)
    expect(isNullForwardOpen({ ...none, otParameters: { ...nullParameters, type: 'multicast' } })).toBe(false)
  })

  it('is the same connection by its triad alone', () => {
    holds(fc.tuple(triads, triads), ([a, b]) => {
      expect(sameTriad(a, { ...a })).toBe(true)
      expect(sameTriad(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b))
    })
    const a = { connectionSerialNumber: 1, originatorVendorId: 2, originatorSerialNumber: 3 }
    expect(sameTriad(a, { ...a, connectionSerialNumber: 9 })).toBe(false)
    expect(sameTriad(a, { ...a, originatorVendorId: 9 })).toBe(false)
    expect(sameTriad(a, { ...a, originatorSerialNumber: 9 })).toBe(false)
  })

  it('refuses an application reply of half a word', () => {
    const reply = {
      connectionSerialNumber: 1,
      originatorVendorId: 2,
      originatorSerialNumber: 3,
      applicationReply: new Uint8Array(1),
    }
    expect(() => encode(forwardCloseReply, reply)).toThrow(UsageError)
  })
})

describe('Forward_Close', () => {
  const requests = fc
    .tuple(triads, fc.record({ timeout: timeouts, path: paths }))
    .map(([triad, rest]) => ({ ...triad, ...rest }))
  behavesAsCodec('forwardCloseRequest', forwardCloseRequest, { values: requests })
  behavesAsCodec('forwardCloseReply', forwardCloseReply, {
    values: fc.tuple(triads, wholeWords(10)).map(([triad, applicationReply]) => ({ ...triad, applicationReply })),
  })

  it('has a reserved byte between the size and the path', () => {
    const bytes = encode(forwardCloseRequest, {
      timeout: { priority: false, tick: 7, ticks: 249 },
      connectionSerialNumber: 1,
      originatorVendorId: 2,
      originatorSerialNumber: 3,
      path: path({ class: 2, instance: 1 }),
    })
    expect([...bytes]).toEqual([7, 249, 1, 0, 2, 0, 3, 0, 0, 0, 2, 0, 0x20, 2, 0x24, 1])
  })
})

describe('a refused Forward_Open or Forward_Close', () => {
  const failures: fc.Arbitrary<ConnectionFailure> = fc.oneof(
    fc.constant({}),
    fc.record({ triad: triads }),
    fc.record({ triad: triads, remainingPathSize: unsigned(8) }),
  )
  behavesAsCodec('connectionFailure', connectionFailure, { values: failures })

  it('comes in three lengths and no other', () => {
    for (const length of [0, 8, 10]) expect(() => decode(connectionFailure, new Uint8Array(length))).not.toThrow()
    for (const length of [1, 7, 9, 11]) {
      expect(() => decode(connectionFailure, new Uint8Array(length))).toThrow(MalformedMessage)
    }
  })

  it('does not write a remaining path without a triad', () => {
    expect(() => encode(connectionFailure, { remainingPathSize: 1 })).toThrow(UsageError)
  })
})

describe('network connection parameters', () => {
  behavesAsCodec('networkParameters', networkParameters, { values: networkParametersUpTo(511) })
  behavesAsCodec('largeNetworkParameters', largeNetworkParameters, { values: networkParametersUpTo(65535) })

  it('have their bits where the specification puts them', () => {
    const all = { redundantOwner: true, type: 'reserved', priority: 'urgent', sizeType: 'variable', size: 511 } as const
    expect([...encode(networkParameters, all)]).toEqual([0xff, 0xef])
    expect([...encode(largeNetworkParameters, { ...all, size: 0xffff })]).toEqual([0xff, 0xff, 0x00, 0xee])
    const one = {
      redundantOwner: false,
      type: 'pointToPoint',
      priority: 'scheduled',
      sizeType: 'fixed',
      size: 44,
    } as const
    expect([...encode(networkParameters, one)]).toEqual([0x2c, 0x48])
    expect([...encode(networkParameters, { ...one, type: 'multicast', priority: 'high' })]).toEqual([0x2c, 0x24])
    expect([...encode(largeNetworkParameters, one)]).toEqual([0x2c, 0, 0, 0x48])
  })

  it('ignore reserved bits', () => {
    expect(decode(networkParameters, Uint8Array.of(0, 0x10))).toEqual(nullParameters)
    expect(decode(largeNetworkParameters, Uint8Array.of(0, 0, 0xff, 0x11))).toEqual(nullParameters)
  })

  it('refuse a size that does not fit', () => {
    expect(() => encode(networkParameters, { ...nullParameters, size: 512 })).toThrow(UsageError)
    expect(() => encode(largeNetworkParameters, { ...nullParameters, size: 65536 })).toThrow(UsageError)
    expect(() => encode(networkParameters, { ...nullParameters, size: 0.5 })).toThrow(UsageError)
  })
})

describe('transport class and trigger', () => {
  behavesAsCodec('transportClassTrigger', transportClassTrigger, { values: transports })

  it('are one byte that keeps every value', () => {
    for (let byte = 0; byte < 256; byte++) {
      expect([...encode(transportClassTrigger, decode(transportClassTrigger, Uint8Array.of(byte)))]).toEqual([byte])
    }
  })

  it('refuse what does not fit', () => {
    expect(() => encode(transportClassTrigger, { direction: 'client', trigger: 8, transportClass: 0 })).toThrow(
      UsageError,
    )
    expect(() => encode(transportClassTrigger, { direction: 'client', trigger: 0, transportClass: 16 })).toThrow(
      UsageError,
    )
  })
})

describe('the timeout of an unconnected request', () => {
  behavesAsCodec('unconnectedTimeout', unconnectedTimeout, { values: timeouts })

  it('is ticks of 2^tick milliseconds', () => {
    expect(timeoutMs({ priority: false, tick: 7, ticks: 249 })).toBe(31_872)
    expect(timeoutMs({ priority: false, tick: 0, ticks: 1 })).toBe(1)
  })

  it('is found for any time, never shorter and at most one tick longer', () => {
    holds(fc.integer({ min: 1, max: 8_355_840 }), (ms) => {
      const timeout = timeoutOf(ms)
      expect(timeoutMs(timeout)).toBeGreaterThanOrEqual(ms)
      expect(timeoutMs(timeout) - 2 ** timeout.tick).toBeLessThan(ms)
      expect(decode(unconnectedTimeout, encode(unconnectedTimeout, timeout))).toEqual(timeout)
    })
  })

  it('stays in its bounds for times beyond them', () => {
    expect(timeoutMs(timeoutOf(0))).toBe(1)
    expect(timeoutMs(timeoutOf(10 ** 9))).toBe(8_355_840)
    expect(() => encode(unconnectedTimeout, { priority: false, tick: 16, ticks: 1 })).toThrow(UsageError)
  })
})
