import { UsageError } from '@cordon/core/errors'
import {
  connectedMessage,
  connectedMessageOf,
  sendData,
  unconnectedMessage,
  unconnectedMessageOf,
} from '@cordon/core/enip'
import { decode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec, holds, unsigned } from '../wire/properties.ts'
import { commonPacketItems } from './arbitraries.ts'

const values = fc.record({
  interfaceHandle: unsigned(32),
  timeout: unsigned(16),
  packet: fc.array(commonPacketItems, { maxLength: 4 }),
})

describe('SendRRData and SendUnitData', () => {
  behavesAsCodec('sendData', sendData, { values })
})

describe('an unconnected message', () => {
  it('comes out as it went in', () => {
    holds(fc.uint8Array({ maxLength: 60 }), (message) => {
      expect(unconnectedMessageOf(decode(sendData, unconnectedMessage(message)))).toEqual(message)
    })
  })

  it('carries socket addresses behind it', () => {
    const more = [{ kind: 'socketAddressTargetToOriginator', address: '127.64.0.1', port: 2222 }] as const
    const { packet, timeout } = decode(sendData, unconnectedMessage(Uint8Array.of(1), more, 5))
    expect(packet.map(({ kind }) => kind)).toEqual([
      'nullAddress',
      'unconnectedData',
      'socketAddressTargetToOriginator',
    ])
    expect(timeout).toBe(5)
  })

  it('is not found among other items', () => {
    expect(unconnectedMessageOf({ interfaceHandle: 0, timeout: 0, packet: [] })).toBeUndefined()
    const packet = [{ kind: 'unconnectedData', data: Uint8Array.of(1) }] as const
    expect(unconnectedMessageOf({ interfaceHandle: 0, timeout: 0, packet })).toBeUndefined()
  })

  it('does not write more than an item can hold', () => {
    expect(() => unconnectedMessage(new Uint8Array(0x1_0000))).toThrow(UsageError)
  })
})

describe('a connected message', () => {
  it('comes out as it went in', () => {
    const messages = fc.record({
      connectionId: unsigned(32),
      sequenceCount: unsigned(16),
      message: fc.uint8Array({ maxLength: 60 }),
    })
    holds(messages, (message) => {
      expect(connectedMessageOf(decode(sendData, connectedMessage(message)))).toEqual(message)
    })
  })

  it('is not found without its address, its data or its sequence count', () => {
    const of = (packet: Parameters<typeof connectedMessageOf>[0]['packet']) =>
      connectedMessageOf({ interfaceHandle: 0, timeout: 0, packet })
    expect(of([])).toBeUndefined()
    expect(of([{ kind: 'connectedAddress', connectionId: 1 }])).toBeUndefined()
    expect(of([{ kind: 'connectedData', data: new Uint8Array(4) }])).toBeUndefined()
    expect(
      of([
        { kind: 'connectedAddress', connectionId: 1 },
        { kind: 'connectedData', data: new Uint8Array(1) },
      ]),
    ).toBeUndefined()
  })
})
