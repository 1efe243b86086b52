import { MalformedMessage, UsageError } from '@cordon/core/errors'
import {
  type CommonPacket,
  commonPacket,
  commonPacketItem,
  commonPacketItemTypes,
  findItem,
  securityInformationItem,
  socketAddress,
} from '@cordon/core/enip'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { behavesAsCodec } from '../wire/properties.ts'
import { commonPacketItems, socketAddresses } from './arbitraries.ts'

describe('a common packet', () => {
  behavesAsCodec('commonPacket', commonPacket, {
    values: fc.array(commonPacketItems, { maxLength: 5 }),
    growing: (n) =>
      encode(commonPacket, new Array<CommonPacket[number]>(n).fill({ kind: 'connectedAddress', connectionId: 1 })),
  })
  behavesAsCodec('commonPacketItem', commonPacketItem, { values: commonPacketItems })

  it('has the item types of the specification', () => {
    expect(Object.values(commonPacketItemTypes)).toEqual([
      0x0000, 0x000c, 0x0086, 0x0087, 0x0088, 0x00a1, 0x00b1, 0x00b2, 0x0100, 0x8000, 0x8001, 0x8002, 0x8003,
    ])
  })

  it('keeps items that it does not know, and their order', () => {
    const packet: CommonPacket = [
      { kind: 'unknown', type: 0x4242, data: Uint8Array.of(1, 2) },
      { kind: 'nullAddress' },
      { kind: 'unknown', type: 0x4243, data: new Uint8Array(0) },
    ]
    const bytes = encode(commonPacket, packet)
    expect([...bytes]).toEqual([3, 0, 0x42, 0x42, 2, 0, 1, 2, 0, 0, 0, 0, 0x43, 0x42, 0, 0])
    expect(decode(commonPacket, bytes)).toEqual(packet)
  })

  it('refuses an item that its format does not fill', () => {
    expect(() => decode(commonPacket, Uint8Array.of(1, 0, 0, 0, 1, 0, 9))).toThrow('nullAddress')
    expect(() => decode(commonPacket, Uint8Array.of(1, 0, 0xa1, 0, 5, 0, 1, 2, 3, 4, 5))).toThrow('1 bytes too many')
    expect(() => decode(commonPacket, Uint8Array.of(1, 0, 0xa1, 0, 3, 0, 1, 2, 3))).toThrow(MalformedMessage)
  })

  it('never lets an item reach into the next one', () => {
    const bytes = Uint8Array.of(2, 0, 0xb2, 0, 1, 0, 7, 0, 0, 0, 0)
    expect(decode(commonPacket, bytes)).toEqual([
      { kind: 'unconnectedData', data: Uint8Array.of(7) },
      { kind: 'nullAddress' },
    ])
  })

  it('does not write more than an item can hold', () => {
    const data = new Uint8Array(0x1_0000)
    expect(() => encode(commonPacket, [{ kind: 'unconnectedData', data }])).toThrow(UsageError)
  })

  it('is searched by kind, with the type of that kind', () => {
    const packet: CommonPacket = [{ kind: 'nullAddress' }, { kind: 'sequencedAddress', connectionId: 1, sequence: 2 }]
    const found = findItem(packet, 'sequencedAddress')
    expectTypeOf(found).toMatchTypeOf<
      { readonly kind: 'sequencedAddress'; readonly connectionId: number; readonly sequence: number } | undefined
    >()
    expect(found?.sequence).toBe(2)
    expect(findItem(packet, 'identity')).toBeUndefined()
  })
})

describe('CIP Security Information', () => {
  const five = Uint8Array.of(0x02, 0, 2, 2, 0x18)

  it('is read in the old length of 5 bytes, without configured profiles', () => {
    const value = decode(securityInformationItem, five)
    expect(value.profilesConfigured).toBeUndefined()
    expect(value).toMatchObject({
      profiles: { ethernetIpConfidentiality: true, pullModel: false },
      cipSecurityState: 'configured',
      openPorts: { tcp44818: false, tcp2221: true, udp2221: true },
    })
    expect(encode(securityInformationItem, value)).toEqual(five)
  })

  it('is read in the length of 7 bytes, and longer, losing nothing', () => {
    for (const tail of [[], [1], [1, 2, 3]]) {
      const bytes = Uint8Array.of(...five, 0x20, 0, ...tail)
      const value = decode(securityInformationItem, bytes)
      expect(value.profilesConfigured).toMatchObject({ pullModel: true, ethernetIpConfidentiality: false })
      expect(encode(securityInformationItem, value)).toEqual(bytes)
    }
  })

  it('is refused in lengths between the editions', () => {
    expect(() => decode(securityInformationItem, five.subarray(0, 4))).toThrow(MalformedMessage)
    expect(() => decode(securityInformationItem, Uint8Array.of(...five, 0))).toThrow(MalformedMessage)
  })

  it('keeps states and bits of later editions', () => {
    const bytes = Uint8Array.of(0x00, 0x81, 9, 6, 0xe0)
    const value = decode(securityInformationItem, bytes)
    expect(value).toMatchObject({ cipSecurityState: 9, ethernetIpSecurityState: 6, profiles: { other: 0x8100 } })
    expect(encode(securityInformationItem, value)).toEqual(bytes)
  })
})

describe('a socket address', () => {
  behavesAsCodec('socketAddress', socketAddress, { values: socketAddresses })

  it('is big-endian, with eight zeros behind it', () => {
    expect([...encode(socketAddress, { address: '192.168.56.101', port: 44818 })]).toEqual([
      ...[0, 2, 0xaf, 0x12, 192, 168, 56, 101, 0, 0, 0, 0, 0, 0, 0, 0],
    ])
  })

  it('keeps a family that is not IPv4', () => {
    const bytes = new Uint8Array(16)
    expect(decode(socketAddress, bytes)).toEqual({ address: '0.0.0.0', port: 0, family: 0 })
    expect(encode(socketAddress, decode(socketAddress, bytes))).toEqual(bytes)
  })

  it('does not write what is not an IPv4 address', () => {
    for (const address of ['', '1.2.3', '1.2.3.256', 'localhost', '::1', '1.2.3.4.5', ' 1.2.3.4']) {
      expect(() => encode(socketAddress, { address, port: 1 })).toThrow(UsageError)
    }
  })
})
