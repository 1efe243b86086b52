import { MalformedMessage, UsageError } from '@cordon/core/errors'
import {
  describeEncapsulationStatus,
  encapsulate,
  encapsulateReply,
  encapsulationHeader,
  encapsulationHeaderLength,
  encapsulationMessage,
  maxEncapsulationDataLength,
} from '@cordon/core/enip'
import { decode, encode } from '@cordon/core/wire'
import { describe, expect, it } from 'vitest'
import { behavesAsCodec } from '../wire/properties.ts'
import { encapsulationMessages } from './arbitraries.ts'

describe('an encapsulated message', () => {
  behavesAsCodec('encapsulationMessage', encapsulationMessage, { values: encapsulationMessages })
  behavesAsCodec('encapsulationHeader', encapsulationHeader, {
    values: encapsulationMessages.map(({ data, ...header }) => ({ ...header, length: data.length })),
  })

  it('has 24 bytes before its data, in the order of the specification', () => {
    const bytes = encapsulate({
      command: 'sendRRData',
      session: 0x0403_0201,
      status: 'invalidSessionHandle',
      senderContext: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      options: 0x0a0b_0c0d,
      data: Uint8Array.of(0xff),
    })
    expect(bytes).toHaveLength(encapsulationHeaderLength + 1)
    expect([...bytes]).toEqual([
      ...[0x6f, 0, 1, 0, 1, 2, 3, 4, 0x64, 0, 0, 0],
      ...[1, 2, 3, 4, 5, 6, 7, 8, 0x0d, 0x0c, 0x0b, 0x0a, 0xff],
    ])
  })

  it('leaves out what is zero', () => {
    expect([...encapsulate({ command: 'nop' })]).toEqual(new Array(24).fill(0))
  })

  it('keeps commands and statuses that are not listed', () => {
    const bytes = encapsulate({ command: 0x1234, status: 0x5678 })
    expect(decode(encapsulationMessage, bytes)).toMatchObject({ command: 0x1234, status: 0x5678 })
  })

  it('is refused when its data is longer than 65511 bytes, in either direction', () => {
    expect(() => encapsulate({ command: 'nop', data: new Uint8Array(maxEncapsulationDataLength + 1) })).toThrow(
      UsageError,
    )
    expect(encapsulate({ command: 'nop', data: new Uint8Array(maxEncapsulationDataLength) })).toHaveLength(65535)
    const header = encapsulate({ command: 'nop' })
    header.set([0xe8, 0xff], 2)
    expect(() => decode(encapsulationHeader, header)).toThrow('expected at most 65511 data bytes, got 65512')
    expect(() => decode(encapsulationHeader, header)).toThrow(MalformedMessage)
  })

  it('is refused when the length says less or more than there is', () => {
    const bytes = encapsulate({ command: 'nop', data: new Uint8Array(4) })
    expect(() => decode(encapsulationMessage, bytes.subarray(0, 27))).toThrow(MalformedMessage)
    expect(() => decode(encapsulationMessage, Uint8Array.of(...bytes, 0))).toThrow(MalformedMessage)
  })

  it('is answered with the same command, session and sender context', () => {
    const request = decode(
      encapsulationMessage,
      encapsulate({ command: 'registerSession', senderContext: new Uint8Array(8).fill(7), session: 5 }),
    )
    expect(decode(encapsulationMessage, encapsulateReply(request))).toEqual({ ...request, data: new Uint8Array(0) })
    expect(decode(encapsulationMessage, encapsulateReply(request, { session: 9, status: 'invalidCommand' }))).toEqual({
      ...request,
      session: 9,
      status: 'invalidCommand',
    })
  })

  it('shares its data with the received bytes', () => {
    const bytes = encode(encapsulationMessage, {
      command: 'nop',
      session: 0,
      status: 'success',
      senderContext: new Uint8Array(8),
      options: 0,
      data: Uint8Array.of(1),
    })
    const { data } = decode(encapsulationMessage, bytes)
    bytes[24] = 9
    expect([...data]).toEqual([9])
  })
})

describe('encapsulation status', () => {
  it('reads as words, whether it came as a name or as a number', () => {
    expect(describeEncapsulationStatus('serviceNotAllowedOnPort')).toBe('CIP service not allowed on this port (0x006A)')
    expect(describeEncapsulationStatus(0x6a)).toBe('CIP service not allowed on this port (0x006A)')
    expect(describeEncapsulationStatus(0x99)).toBe('unlisted encapsulation status 0x0099')
  })
})
