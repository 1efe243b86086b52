import {
  encodeTagValues,
  messageRouterReply,
  success,
  stringTagType,
  tagServices,
  tagType,
  tagValues,
} from '@cordon/core/cip'
import {
  connectedMessage,
  encapsulate,
  encapsulationHeaderLength,
  unconnectedMessage,
  writeIoFrame,
} from '@cordon/core/enip'
import { encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alterIo, alterReply } from '../src/alteration.ts'

const datagram = (data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(18 + data.length)
  writeIoFrame(bytes, 0, 7, 1, data)
  return bytes
}

const readReply = (
  type: Parameters<typeof encodeTagValues>[0],
  value: number | string,
  service: number = tagServices.readTag,
) =>
  encode(
    messageRouterReply,
    success(service, Uint8Array.of(...encode(tagType, type), ...encodeTagValues(type, [value]))),
  )

const unconnected = (reply: Uint8Array) =>
  encapsulate({ command: 'sendRRData', session: 1, data: unconnectedMessage(reply) })
const connected = (reply: Uint8Array) =>
  encapsulate({
    command: 'sendUnitData',
    session: 1,
    data: connectedMessage({ connectionId: 5, sequenceCount: 9, message: reply }),
  })

const dint = { kind: 'elementary', code: 0xc4 } as const

describe('the alteration of I/O data', () => {
  it('inverts the last byte and leaves everything before it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 7, maxLength: 600 }), (data) => {
        const before = datagram(data)
        const after = before.slice()
        expect(alterIo(after)).toBe(true)
        expect(after.at(-1)).toBe((before.at(-1) ?? 0) ^ 0xff)
        expect(after.subarray(0, -1)).toEqual(before.subarray(0, -1))
      }),
    )
  })

  it('leaves heartbeats and what is no such datagram', () => {
    expect(alterIo(datagram(new Uint8Array(6)))).toBe(false)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 17 }), (bytes) => !alterIo(bytes.slice())))
  })
})

describe('the alteration of replies', () => {
  it.each([
    ['unconnected', unconnected],
    ['connected', connected],
  ] as const)('changes the value that an %s Read Tag brings, and nothing around it', (_, wrap) => {
    const text = wrap(readReply(stringTagType, 'pressure'))
    const altered = text.slice()
    expect(alterReply(altered)).toBe(true)
    expect(altered).toHaveLength(text.length)
    expect(tagValues({ type: stringTagType, data: altered.subarray(altered.length - 88) })).toEqual(['XXXXXXXX'])
    const number = wrap(readReply(dint, 7))
    expect(alterReply(number)).toBe(true)
    expect(tagValues({ type: dint, data: number.subarray(number.length - 4) })).toEqual([7 - 2 ** 24])
  })

  it('leaves requests, other services, failures and other commands', () => {
    const untouched = [
      unconnected(readReply(dint, 7, 0x0e)),
      unconnected(
        encode(messageRouterReply, {
          service: tagServices.readTag,
          status: 5,
          extended: [],
          data: Uint8Array.of(0xc4, 0, 1),
        }),
      ),
      unconnected(readReply(stringTagType, '')),
      unconnected(Uint8Array.of(tagServices.readTag, 0)),
      encapsulate({ command: 'listIdentity' }),
    ]
    for (const message of untouched) {
      const copy = message.slice()
      expect(alterReply(copy)).toBe(false)
      expect(copy).toEqual(message)
    }
  })

  it('does not fail on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        alterReply(bytes.slice())
        alterReply(encapsulate({ command: 'sendRRData', data: unconnectedMessage(bytes) }))
        const frame = encapsulate({ command: 'sendUnitData', data: bytes })
        alterReply(frame)
        expect(frame).toHaveLength(encapsulationHeaderLength + bytes.length)
      }),
    )
  })
})
