import {
  decodeRequestWishes,
  deviceWishes,
  encodeRequestWishes,
  requestAttributes,
  type RequestWishes,
  wishedKey,
} from '@cordon/core/enrollment'
import { MalformedMessage } from '@cordon/core/errors'
import { attributeTypes, decodeBase64, encodeBase64, extensionTypes, nameAttribute } from '@cordon/core/x509'
import { describe, expect, test } from 'vitest'
import { derEncode, derOid, hex } from '../../src/x509/der.ts'
import { fc } from '../policy/properties.ts'

/** RFC 7030 4.5.2, as RFC 8951 corrected it. */
const example = 'MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw=='

const none: RequestWishes = { attributes: [], template: undefined }

describe('the example of RFC 7030', () => {
  const read = decodeRequestWishes(decodeBase64(example))

  test('says what it is known to say', () => {
    expect(read.template).toBeUndefined()
    expect(read.attributes.map(({ type, values }) => [type, values?.map(hex)])).toEqual([
      [requestAttributes.challengePassword, undefined],
      [requestAttributes.ecPublicKey, [hex(derOid('1.3.132.0.34'))]],
      [requestAttributes.extensionRequest, [hex(derOid(requestAttributes.macAddress))]],
      ['1.2.840.10045.4.3.3', undefined],
    ])
    expect(wishedKey(read)).toBe('ecdsa-p384')
  })

  test('is written as it came', () => expect(encodeBase64(encodeRequestWishes(read))).toBe(example))
})

describe('the attributes that the sample server of libest gives', () => {
  /** EST_CSR_ATTR of libest's example/server/runserver.sh. */
  const sample =
    'MGwGBysGAQEBARYwIgYDiDcBMRsTGVBhcnNlIFNFVCBhcyAyLjk5OS4xIGRhdGEwJwYDiDcCMSAGA4g3AxMZUGFyc2UgU0VUIGFzIDIuOTk5LjIgZGF0YQYJKyQDAwIIAQELBglghkgBZQMEAgI='
  const read = decodeRequestWishes(decodeBase64(sample))

  test('are read, with their values of several types', () => {
    const text = (value: string) => hex(derEncode(0x13, new TextEncoder().encode(value)))
    expect(read.attributes.map(({ type, values }) => [type, values?.map(hex)])).toEqual([
      [requestAttributes.macAddress, undefined],
      ['2.999.1', [text('Parse SET as 2.999.1 data')]],
      ['2.999.2', [hex(derOid('2.999.3')), text('Parse SET as 2.999.2 data')]],
      ['1.3.36.3.3.2.8.1.1.11', undefined],
      ['2.16.840.1.101.3.4.2.2', undefined],
    ])
    expect(wishedKey(read)).toBeUndefined()
  })

  test('are written as they came', () => expect(encodeBase64(encodeRequestWishes(read))).toBe(sample))
})

describe('a template', () => {
  const wishes: RequestWishes = {
    attributes: [],
    template: {
      subject: [
        [{ type: attributeTypes.O, value: nameAttribute('O', 'Example Works') }],
        [
          { type: attributeTypes.serialNumber, value: undefined },
          { type: attributeTypes.CN, value: undefined },
        ],
      ],
      key: { algorithm: requestAttributes.ecPublicKey, parameters: derOid('1.2.840.10045.3.1.7') },
      extensions: [
        { type: extensionTypes.keyUsage, critical: true, value: Uint8Array.of(3, 2, 7, 0x80) },
        { type: extensionTypes.subjectAlternativeName, critical: false, value: undefined },
      ],
    },
  }

  test('reads back with what it prescribes and what it leaves open', () => {
    expect(decodeRequestWishes(encodeRequestWishes(wishes))).toEqual(wishes)
    expect(wishedKey(wishes)).toBe('ecdsa-p256')
  })

  test('has the bytes that RFC 9908 section 3.4 prescribes', () => {
    const small: RequestWishes = {
      attributes: [],
      template: {
        subject: [[{ type: attributeTypes.CN, value: undefined }]],
        key: undefined,
        extensions: [{ type: extensionTypes.subjectAlternativeName, critical: false, value: undefined }],
      },
    }
    // Written out by hand from the ASN.1 of the RFC, whose tags are implicit.
    expect(hex(encodeRequestWishes(small))).toBe(
      [
        '303d303b' + '060b2a864886f70d010910023d', // an attribute: certificationRequestInfoTemplate
        '312c302a020100', // its one value: version 0
        '300931073005' + '0603550403', // a common name of the client's choice
        'a11a3018' + '060b2a864886f70d010910023e', // extensionReqTemplate
        '310930073005' + '0603551d11', // a subject alternative name without a value
      ].join(''),
    )
  })

  test('with all values given uses the plain list of extensions', () => {
    const given = {
      ...none,
      template: { subject: undefined, key: undefined, extensions: wishes.template?.extensions.slice(0, 1) ?? [] },
    }
    expect(hex(encodeRequestWishes(given))).toContain(hex(derOid(requestAttributes.extensionRequest)))
    expect(decodeRequestWishes(encodeRequestWishes(given))).toEqual(given)
  })

  test('stands beside the older form for devices, and wins', () => {
    const both = deviceWishes('ecdsa-p384')
    expect(decodeRequestWishes(encodeRequestWishes(both))).toEqual(both)
    expect(wishedKey({ ...both, template: { subject: undefined, key: undefined, extensions: [] } })).toBeUndefined()
    expect(wishedKey({ ...both, template: undefined })).toBe('ecdsa-p384')
  })

  test.each([
    ['twice', [0, 0]],
    ['without a value', undefined],
  ])('that stands %s is refused', (_, twice) => {
    const template = encodeRequestWishes(wishes).subarray(4)
    const bad =
      twice === undefined
        ? derEncode(0x30, derEncode(0x30, derOid(requestAttributes.template), derEncode(0x31)))
        : derEncode(0x30, template, template)
    expect(() => decodeRequestWishes(bad)).toThrow(MalformedMessage)
  })

  test.each([
    ['another version', '020101' + 'a100'],
    ['no attributes', '020100'],
    ['something behind them', '020100a1000500'],
    [
      'an extension twice',
      `020100a12c302a060b2a864886f70d010910023e311b301930070603551d11300e0603551d110101ff040403020780`,
    ],
  ])('with %s is refused', (_, content) => {
    const inner = Uint8Array.from(content.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    const bad = derEncode(
      0x30,
      derEncode(0x30, derOid(requestAttributes.template), derEncode(0x31, derEncode(0x30, inner))),
    )
    expect(() => decodeRequestWishes(bad)).toThrow(MalformedMessage)
  })
})

describe('request attributes', () => {
  test('of any bytes are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(66), fc.integer({ min: 0, max: 255 }), (bytes, at, byte) => {
        const mutated = decodeBase64(example)
        mutated[at] = byte
        for (const each of [bytes, mutated]) {
          try {
            const read = decodeRequestWishes(each)
            expect(decodeRequestWishes(encodeRequestWishes(read))).toEqual(read)
            wishedKey(read)
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedMessage)
          }
        }
      }),
    )
  })

  test('may be none', () => expect(decodeRequestWishes(Uint8Array.of(0x30, 0))).toEqual(none))
})
