import { UsageError } from '@cordon/core/errors'
import {
  commonPacket,
  dtlsDatagramKind,
  dtlsMessageOf,
  dtlsReply,
  dtlsRequest,
  encapsulationStatuses,
  ioFrame,
  unconnectedDtlsItem,
} from '@cordon/core/enip'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds, unsigned } from '../wire/properties.ts'
import { nameOrNumber } from './arbitraries.ts'

describe('an unconnected message over DTLS', () => {
  behavesAsCodec('unconnectedDtlsItem', unconnectedDtlsItem, {
    values: fc.record({
      messageType: fc.oneof(fc.constant('ucmmNoAck' as const), fc.constant(0), fc.integer({ min: 2, max: 0x7fff })),
      reply: fc.boolean(),
      transaction: unsigned(32),
      status: nameOrNumber(encapsulationStatuses, 32),
      message: fc.uint8Array({ maxLength: 40 }),
    }),
  })

  it('is answered under the same transaction, with bit 15 set', () => {
    const request = dtlsMessageOf(decode(commonPacket, dtlsRequest(7, Uint8Array.of(1, 2))))
    expect(request).toMatchObject({ messageType: 'ucmmNoAck', reply: false, transaction: 7, status: 'success' })
    if (request === undefined) return
    const reply = dtlsMessageOf(decode(commonPacket, dtlsReply(request, Uint8Array.of(3), 'serviceNotAllowedOnPort')))
    expect(reply).toMatchObject({ reply: true, transaction: 7, status: 'serviceNotAllowedOnPort' })
    expect(reply?.message).toEqual(Uint8Array.of(3))
  })

  it('does not write a type that does not fit below bit 15', () => {
    const item = {
      messageType: 0x8000,
      reply: false,
      transaction: 0,
      status: 'success',
      message: new Uint8Array(0),
    } as const
    expect(() => encode(unconnectedDtlsItem, item)).toThrow(UsageError)
  })

  it('has length 10 more than the message', () => {
    const datagram = dtlsRequest(1, new Uint8Array(5))
    expect((datagram[4] ?? 0) | ((datagram[5] ?? 0) << 8)).toBe(15)
  })
})

describe('a datagram on 2221/udp', () => {
  it('is told apart by its first item', () => {
    expect(dtlsDatagramKind(dtlsRequest(1, new Uint8Array(2)))).toBe('message')
    expect(dtlsDatagramKind(encode(ioFrame, { connectionId: 1, sequence: 1, data: new Uint8Array(2) }))).toBe('io')
    holds(fc.uint8Array({ maxLength: 8 }), (bytes) => {
      expect(['message', 'io', 'other']).toContain(dtlsDatagramKind(bytes))
    })
    expect(dtlsDatagramKind(new Uint8Array(0))).toBe('other')
  })
})
