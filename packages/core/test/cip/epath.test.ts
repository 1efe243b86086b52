import {
  addressOf,
  describePath,
  type EPath,
  type EPathSegment,
  linkAddressText,
  longSizedEPath,
  packedEPath,
  paddedEPath,
  path,
  port,
  reservedSizedEPath,
  sizedEPath,
  splitRoute,
} from '@cordon/core/cip'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attempt, behavesAsCodec, holds } from '../wire/properties.ts'
import { paths } from './arbitraries.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const many = (n: number): EPath => new Array<EPathSegment>(n).fill({ kind: 'instance', value: 0x123 })

describe('an EPATH', () => {
  behavesAsCodec('paddedEPath', paddedEPath, { values: paths, growing: (n) => encode(paddedEPath, many(n)) })
  behavesAsCodec('packedEPath', packedEPath, { values: paths, growing: (n) => encode(packedEPath, many(n)) })
  behavesAsCodec('sizedEPath', sizedEPath, { values: paths })
  behavesAsCodec('longSizedEPath', longSizedEPath, { values: paths, growing: (n) => encode(longSizedEPath, many(n)) })
  behavesAsCodec('reservedSizedEPath', reservedSizedEPath, { values: paths })

  it('in padded form fills whole words, segment by segment', () => {
    holds(paths, (value) => {
      for (const segment of value) expect(encode(paddedEPath, [segment]).length % 2).toBe(0)
      expect(encode(paddedEPath, value)).toEqual(Uint8Array.from(value.flatMap((s) => [...encode(paddedEPath, [s])])))
    })
  })

  it('is read without regard to what the pad bytes hold', () => {
    expect(decode(paddedEPath, hex('21 ff 05 00'))).toEqual([{ kind: 'class', value: 5, width: 16 }])
    expect(decode(paddedEPath, hex('91 01 41 ff'))).toEqual([{ kind: 'symbol', name: 'A' }])
  })

  const forms: readonly [string, EPathSegment, string, string][] = [
    ['class', { kind: 'class', value: 0x5e }, '205e', '205e'],
    ['class of 16 bits', { kind: 'class', value: 0x1234 }, '21003412', '213412'],
    ['instance of 32 bits', { kind: 'instance', value: 0x0001_0000 }, '260000000100', '2600000100'],
    ['member', { kind: 'member', value: 3 }, '2803', '2803'],
    ['connection point of 16 bits', { kind: 'connectionPoint', value: 0x100 }, '2d000001', '2d0001'],
    ['attribute', { kind: 'attribute', value: 3 }, '3003', '3003'],
    ['service id', { kind: 'serviceId', value: 0x4b }, '384b', '384b'],
    ['array index', { kind: 'extendedLogical', type: 'arrayIndex', value: 7 }, '3c010700', '3c0107'],
    [
      'member handle of 16 bits',
      { kind: 'extendedLogical', type: 'structureMemberHandle', value: 0x100 },
      '3d060001',
      '3d060001',
    ],
    [
      'extended logical of 32 bits',
      { kind: 'extendedLogical', type: 9, value: 0x1_0000 },
      '3e0900000100',
      '3e0900000100',
    ],
    ['slot of the backplane', port(1, 0), '0100', '0100'],
    ['hop by address', port(2, '192.168.1.10'), '120c3139322e3136382e312e3130', '120c3139322e3136382e312e3130'],
    [
      'hop by address of odd length',
      port(2, '192.168.1.100'),
      '120d3139322e3136382e312e31303000',
      '120d3139322e3136382e312e31303000',
    ],
    ['extended port with a slot', port(25634, 5), '0f226405', '0f226405'],
    ['extended port by address', port(25634, 'ab'), '1f0222646162', '1f0222646162'],
    ['schedule', { kind: 'schedule', value: 0x11 }, '4111', '4111'],
    ['fixed tag', { kind: 'fixedTag', value: 0x83 }, '4283', '4283'],
    ['production inhibit', { kind: 'productionInhibit', milliseconds: 10 }, '430a', '430a'],
    [
      'production inhibit in microseconds',
      { kind: 'productionInhibitMicroseconds', microseconds: 1000 },
      '5102e8030000',
      '5102e8030000',
    ],
    ['safety', { kind: 'safety', data: hex('000102030405') }, '5003000102030405', '5003000102030405'],
    [
      'extended network',
      { kind: 'extendedNetwork', subtype: 0xf001, data: hex('aabb') },
      '5f0201f0aabb',
      '5f0201f0aabb',
    ],
    ['unlisted network', { kind: 'network', subtype: 4, data: hex('07') }, '4407', '4407'],
    ['unlisted network of words', { kind: 'network', subtype: 0x12, data: hex('0708') }, '52010708', '52010708'],
    ['data', { kind: 'data', data: hex('01020304') }, '800201020304', '800201020304'],
    ['symbol', { kind: 'symbol', name: 'Tag' }, '910354616700', '910354616700'],
    ['symbolic of even total', { kind: 'symbolic', name: 'Tag' }, '63546167', '63546167'],
    ['symbolic of odd total', { kind: 'symbolic', name: 'Tags' }, '645461677300', '6454616773'],
    ['numeric symbol', { kind: 'numericSymbol', value: 5 }, '60c60500', '60c605'],
    ['numeric symbol of 16 bits', { kind: 'numericSymbol', value: 0x1234 }, '60c73412', '60c73412'],
    ['numeric symbol of 32 bits', { kind: 'numericSymbol', value: 0x1_0000 }, '60c800000100', '60c800000100'],
    [
      'double byte symbol',
      { kind: 'multibyteSymbol', characterSize: 2, characters: hex('00410042') },
      '602200410042',
      '602200410042',
    ],
    [
      'triple byte symbol',
      { kind: 'multibyteSymbol', characterSize: 3, characters: hex('000041') },
      '604100004100',
      '6041000041',
    ],
    ['elementary type', { kind: 'elementaryType', code: 0xc4 }, 'c400', 'c4'],
    ['constructed type', { kind: 'constructedType', code: 0xa2, data: hex('ce0f') }, 'a202ce0f', 'a202ce0f'],
  ]
  for (const [name, segment, padded, packed] of forms) {
    it(`writes a ${name} in its padded and packed form`, () => {
      expect(toHex(encode(paddedEPath, [segment]))).toBe(padded)
      expect(toHex(encode(packedEPath, [segment]))).toBe(packed)
      expect(decode(paddedEPath, hex(padded))).toEqual([segment])
      expect(decode(packedEPath, hex(packed))).toEqual([segment])
    })
  }

  it('keeps an electronic key of both formats', () => {
    const four = hex('34 04 0100 0200 0300 84 05')
    expect(decode(paddedEPath, four)).toMatchObject([{ compatibility: true, majorRevision: 4, minorRevision: 5 }])
    expect(encode(paddedEPath, decode(paddedEPath, four))).toEqual(four)
    const five = hex('34 05 0100 0200 0300 04 05 78563412')
    expect(decode(paddedEPath, five)).toMatchObject([{ compatibility: false, serialNumber: 0x1234_5678 }])
    expect(encode(paddedEPath, decode(paddedEPath, five))).toEqual(five)
  })

  it('reads the production inhibit time in microseconds under both numbers that are in use', () => {
    const segment = [{ kind: 'productionInhibitMicroseconds', microseconds: 1000 }]
    expect(decode(paddedEPath, hex('50 02 e8030000'))).toEqual(segment)
    expect(decode(paddedEPath, hex('51 02 e8030000'))).toEqual(segment)
  })

  it('reads a sized link address of one byte, and a small port number in the extended form', () => {
    expect(decode(paddedEPath, hex('11 01 05 00'))).toEqual([port(1, 5)])
    expect(decode(paddedEPath, hex('0f 0100 05'))).toEqual([port(1, 5)])
  })

  it('refuses what is no segment', () => {
    for (const bytes of [
      'e0',
      'ff00',
      '2300',
      '3600',
      '390000',
      '3500',
      '3403',
      '34',
      '8100',
      '9000',
      '60c500',
      '600000',
      '5f00',
    ]) {
      expect(() => decode(paddedEPath, hex(bytes)), bytes).toThrow(MalformedMessage)
    }
  })

  it('names the segment and the byte where it fails', () => {
    const result = attempt(paddedEPath, hex('205e 2401 e000'))
    expect('error' in result ? result.error.message : '').toBe('segment 2 at byte 5: 0xe0 is not a segment type')
  })

  it('does not write what a segment cannot hold', () => {
    const bad: readonly EPathSegment[] = [
      { kind: 'class', value: -1 },
      { kind: 'class', value: 2 ** 32 },
      { kind: 'class', value: 256, width: 8 },
      { kind: 'data', data: new Uint8Array(3) },
      { kind: 'data', data: new Uint8Array(512) },
      { kind: 'symbol', name: 'x'.repeat(256) },
      { kind: 'symbol', name: '€' },
      { kind: 'symbolic', name: '' },
      { kind: 'symbolic', name: 'x'.repeat(32) },
      { kind: 'multibyteSymbol', characterSize: 2, characters: new Uint8Array(3) },
      { kind: 'multibyteSymbol', characterSize: 2, characters: new Uint8Array(64) },
      { kind: 'elementaryType', code: 0xa0 },
      { kind: 'constructedType', code: 0xc0, data: new Uint8Array(0) },
      { kind: 'network', subtype: 0x20, data: new Uint8Array(1) },
      { kind: 'network', subtype: 1.5, data: new Uint8Array(1) },
      { kind: 'network', subtype: 4, data: new Uint8Array(2) },
      { kind: 'safety', data: new Uint8Array(4) },
      { kind: 'port', port: -1, linkAddress: new Uint8Array(1) },
      { kind: 'port', port: 0x1_0000, linkAddress: new Uint8Array(1) },
      { kind: 'port', port: 1, linkAddress: new Uint8Array(256) },
      {
        kind: 'electronicKey',
        vendorId: 1,
        deviceType: 1,
        productCode: 1,
        compatibility: false,
        majorRevision: 128,
        minorRevision: 1,
      },
    ]
    for (const segment of bad) expect(() => encode(paddedEPath, [segment]), JSON.stringify(segment)).toThrow(UsageError)
  })

  it('does not write more words than its size can say', () => {
    expect(() => encode(sizedEPath, many(128))).toThrow(UsageError)
    expect(() => encode(reservedSizedEPath, many(128))).toThrow(UsageError)
    expect(encode(sizedEPath, many(127))).toHaveLength(509)
  })

  it('never reads beyond its size', () => {
    expect(() => decode(sizedEPath, hex('01 21 00 05 00'))).toThrow(MalformedMessage)
    expect(() => decode(sizedEPath, hex('03 20 05'))).toThrow(MalformedMessage)
    expect(decode(sizedEPath, hex('00'))).toEqual([])
  })
})

describe('a path', () => {
  it('is built from numbers, in the order that devices expect', () => {
    expect(toHex(encode(paddedEPath, path({ attribute: 3, instance: 1, class: 0x5e })))).toBe('205e24013003')
    expect(toHex(encode(paddedEPath, path({ class: 4, instance: 0x97, connectionPoints: [0x96, 0x64] })))).toBe(
      '200424972c962c64',
    )
    expect(toHex(encode(paddedEPath, path({ class: 4, instance: 1, attribute: 2, member: 9 })))).toBe(
      '2004240130022809',
    )
    expect(path({})).toEqual([])
  })

  it('is taken apart again', () => {
    const parts = { class: 0x5e, instance: 1, attribute: 3 }
    expect(addressOf(path(parts))).toEqual({ ...parts, route: [], connectionPoints: [], symbols: [] })
    const long = decode(
      paddedEPath,
      hex('0100 3404 0100 0200 0300 0405 2004 2497 2c96 2c64 8001 0102 9103 5461 6700 2005'),
    )
    expect(addressOf(long)).toMatchObject({
      route: [port(1, 0)],
      class: 4,
      instance: 0x97,
      connectionPoints: [0x96, 0x64],
      symbols: ['Tag'],
      data: hex('0102'),
      key: { productCode: 3 },
    })
  })

  it('gives all its numbers back, whatever they are', () => {
    const numbers = fc.record({ class: fc.nat(), instance: fc.nat(), attribute: fc.nat() })
    holds(numbers, (parts) => {
      expect(addressOf(decode(paddedEPath, encode(paddedEPath, path(parts))))).toMatchObject(parts)
    })
  })

  it('is split into the hops at its beginning and the rest', () => {
    const whole = [port(1, 0), port(2, '10.0.0.1'), ...path({ class: 2, instance: 1 })]
    expect(splitRoute(whole)).toEqual({
      route: [port(1, 0), port(2, '10.0.0.1')],
      rest: path({ class: 2, instance: 1 }),
    })
    expect(splitRoute([])).toEqual({ route: [], rest: [] })
  })

  it('reads as words', () => {
    expect(describePath(path({ class: 0x5e, instance: 1, attribute: 3 }))).toBe('class 0x5E, instance 1, attribute 3')
    expect(describePath([port(1, 0), port(2, '10.0.0.1:2221')])).toBe('port 1 address 0, port 2 address 10.0.0.1:2221')
    expect(describePath([])).toBe('empty path')
  })

  it('has a description that is visible ASCII and one line, whatever a peer put into it', () => {
    holds(paths, (value) => expect(describePath(value)).toMatch(/^[\x20-\x7e]+$/), 500)
    expect(describePath([{ kind: 'symbol', name: 'a\nb\x1b[31m' }])).toBe('"a\\x0ab\\x1b[31m"')
  })

  it('shows a link address as it is written', () => {
    expect(linkAddressText(port(1, 7))).toBe('7')
    expect(linkAddressText(port(2, '10.0.0.1'))).toBe('10.0.0.1')
    expect(() => port(1, 256)).toThrow(UsageError)
  })
})
