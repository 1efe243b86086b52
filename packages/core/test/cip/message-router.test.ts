import {
  describeGeneralStatus,
  describeService,
  failure,
  generalStatus,
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  messageRouterRequest,
  multipleServicePacket,
  path,
  port,
  routingFailure,
  success,
  unconnectedSend,
} from '@cordon/core/cip'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds, unsigned } from '../wire/properties.ts'
import { logicalPaths, paths, timeouts } from './arbitraries.ts'

const requests: fc.Arbitrary<MessageRouterRequest> = fc.record({
  service: fc.nat({ max: 0x7f }),
  path: fc.oneof(logicalPaths, paths),
  data: fc.uint8Array({ maxLength: 30 }),
})

const replies: fc.Arbitrary<MessageRouterReply> = fc.record({
  service: fc.nat({ max: 0x7f }),
  status: unsigned(8),
  extended: fc.array(unsigned(16), { maxLength: 6 }),
  data: fc.uint8Array({ maxLength: 30 }),
})

describe('a message router request', () => {
  behavesAsCodec('messageRouterRequest', messageRouterRequest, {
    values: requests,
    growing: (n) => {
      const segments = path({ connectionPoints: new Array<number>(n / 4).fill(1) })
      return encode(messageRouterRequest, { service: 1, path: segments, data: new Uint8Array(n) })
    },
  })

  it('is service, words of path, path, data', () => {
    const request = { service: 0x0e, path: path({ class: 0x5d, instance: 1, attribute: 1 }), data: Uint8Array.of(9) }
    expect([...encode(messageRouterRequest, request)]).toEqual([0x0e, 3, 0x20, 0x5d, 0x24, 1, 0x30, 1, 9])
  })

  it('is not a reply', () => {
    expect(() => decode(messageRouterRequest, Uint8Array.of(0x8e, 0))).toThrow(MalformedMessage)
  })

  it('has a path within its size', () => {
    expect(() => decode(messageRouterRequest, Uint8Array.of(1, 2, 0x20, 1))).toThrow(MalformedMessage)
    expect(() => decode(messageRouterRequest, Uint8Array.of(1, 1, 0x21, 0, 1, 0))).toThrow(MalformedMessage)
  })
})

describe('a message router reply', () => {
  behavesAsCodec('messageRouterReply', messageRouterReply, { values: replies })

  it('is service with bit 7, zero, status, words of extended status, data', () => {
    expect([...encode(messageRouterReply, failure(0x54, 1, [0x0100], Uint8Array.of(5)))]).toEqual([
      0xd4, 0, 1, 1, 0, 1, 5,
    ])
    expect([...encode(messageRouterReply, success(0x0e, Uint8Array.of(5)))]).toEqual([0x8e, 0, 0, 0, 5])
  })

  it('refuses fewer words of extended status than announced', () => {
    expect(() => decode(messageRouterReply, Uint8Array.of(0x8e, 0, 1, 2, 0, 1))).toThrow(MalformedMessage)
  })
})

describe('Multiple_Service_Packet', () => {
  behavesAsCodec('multipleServicePacket', multipleServicePacket, {
    values: fc.array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { maxLength: 8 }),
    growing: (n) => encode(multipleServicePacket, new Array<Uint8Array>(n).fill(Uint8Array.of(1, 0))),
  })

  it('never lets a byte belong to two messages', () => {
    holds(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        const messages = decode(multipleServicePacket, bytes)
        const total = messages.reduce((sum, message) => sum + message.length, 0)
        expect(2 + messages.length * 2 + total).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage)
      }
    })
    const same = Uint8Array.of(2, 0, 6, 0, 6, 0, 1, 0)
    expect(() => decode(multipleServicePacket, same)).toThrow('expected an offset 7..7 in entry 1, got 6')
  })

  it('refuses offsets into its own head, behind its end, or falling', () => {
    for (const bytes of [
      [1, 0, 3, 0, 1],
      [1, 0, 0, 0, 1],
      [1, 0, 5, 0, 1],
      [2, 0, 7, 0, 6, 0, 1, 1],
      [1, 0],
    ]) {
      expect(() => decode(multipleServicePacket, Uint8Array.from(bytes))).toThrow(MalformedMessage)
    }
  })

  it('counts offsets from its own beginning, wherever it stands', () => {
    const packet = encode(multipleServicePacket, [Uint8Array.of(1, 0), Uint8Array.of(2, 0, 3)])
    const request = encode(messageRouterRequest, { service: 0x0a, path: path({ class: 2, instance: 1 }), data: packet })
    expect(decode(multipleServicePacket, decode(messageRouterRequest, request).data)).toEqual([
      Uint8Array.of(1, 0),
      Uint8Array.of(2, 0, 3),
    ])
  })

  it('leaves out what lies between the list and the first message', () => {
    expect(decode(multipleServicePacket, Uint8Array.of(1, 0, 5, 0, 0xee, 7))).toEqual([Uint8Array.of(7)])
  })

  it('does not write a message without bytes, or more than offsets can reach', () => {
    expect(() => encode(multipleServicePacket, [new Uint8Array(0)])).toThrow(UsageError)
    expect(() => encode(multipleServicePacket, [new Uint8Array(0x1_0000), Uint8Array.of(1)])).toThrow(UsageError)
  })
})

describe('Unconnected_Send', () => {
  behavesAsCodec('unconnectedSend', unconnectedSend, {
    values: fc.record({ timeout: timeouts, message: fc.uint8Array({ maxLength: 30 }), route: paths }),
  })

  it('pads a message of odd length', () => {
    const timeout = { priority: false, tick: 1, ticks: 250 }
    const bytes = encode(unconnectedSend, { timeout, message: Uint8Array.of(1, 2, 3), route: [port(1, 0)] })
    expect([...bytes]).toEqual([1, 250, 3, 0, 1, 2, 3, 0, 1, 0, 1, 0])
  })

  behavesAsCodec('routingFailure', routingFailure, {
    values: fc.oneof(fc.constant({}), fc.record({ remainingPathSize: unsigned(8) })),
  })
})

describe('words for people', () => {
  it('name every listed general status', () => {
    for (const [name, code] of Object.entries(generalStatus)) expect(describeGeneralStatus(code)).toContain(name)
    expect(describeGeneralStatus(0xd0)).toBe('object class specific 0xD0')
    expect(describeGeneralStatus(0x77)).toBe('unlisted status 0x77')
  })

  it('name a service, or the range it is in', () => {
    expect(describeService(0x0e)).toBe('getAttributeSingle (0x0E)')
    expect(describeService(0x32)).toBe('vendor specific service 0x32')
    expect(describeService(0x4b)).toBe('object class specific service 0x4B')
    expect(describeService(0x7f)).toBe('unlisted service 0x7F')
  })
})
