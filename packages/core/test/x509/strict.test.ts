import { MalformedMessage } from '@cordon/core/errors'
import { checkDer, checkPublicKey, decodeCertificate, decodeRequest } from '@cordon/core/x509'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { derElement, derObjectIdentifier, derTime } from '../../src/x509/strict.ts'
import { derEncode } from '../../src/x509/der.ts'
import { encodeTime } from '../../src/x509/time.ts'
import { hasOpenssl, OpensslDirectory } from './openssl.ts'

function der(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function refusal(work: () => unknown): MalformedMessage {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessage)
    return error as MalformedMessage
  }
  throw new Error('expected a refusal')
}

describe('the gate lets DER through', () => {
  test.each([
    ['an empty sequence', '30 00'],
    ['an integer', '02 01 7f'],
    ['a negative integer', '02 01 ff'],
    ['a long length where it is needed', `30 81 80 ${'05 00 '.repeat(64)}`],
    ['an unsorted set', '31 06 02 01 02 02 01 01'],
    ['an empty text', '13 00'],
    ['a UTF-8 text', '0c 02 c3 a4'],
    ['an object identifier', '06 03 55 04 03'],
  ])('%s', (_, hex) => {
    expect(checkDer(der(hex), 'test').end).toBe(der(hex).length)
  })
})

describe('the gate refuses', () => {
  test.each([
    ['nothing at all', '', 'truncated'],
    ['an element without a length', '30', 'truncated'],
    ['an element cut short', '30 02 05', 'truncated'],
    ['bytes behind the structure', '30 00 00', 'trailing'],
    ['an indefinite length', '30 80 00 00', 'bad-encoding'],
    ['a length in long form that fits the short one', '30 81 00', 'bad-encoding'],
    ['a length with a leading zero', `30 82 00 80 ${'05 00 '.repeat(64)}`, 'bad-encoding'],
    ['a length of five bytes', '30 85 01 00 00 00 00', 'bad-length'],
    ['a length that ends the input', '30 82', 'truncated'],
    ['an element that leaves its parent', '30 03 04 05 00', 'truncated'],
    ['a tag number above 30', '1f 81 00 00', 'bad-encoding'],
    ['a string in pieces', '24 04 04 02 00 00', 'bad-encoding'],
    ['a sequence that is not constructed', '10 00', 'bad-encoding'],
    ['end-of-contents octets', '30 02 00 00', 'bad-encoding'],
    ['a boolean that is neither 00 nor FF', '01 01 01', 'bad-encoding'],
    ['a boolean of two bytes', '01 02 ff ff', 'bad-encoding'],
    ['an integer without bytes', '02 00', 'bad-length'],
    ['an integer with a spare zero', '02 02 00 7f', 'bad-encoding'],
    ['an integer with a spare FF', '02 02 ff 80', 'bad-encoding'],
    ['a NULL with content', '05 01 00', 'bad-length'],
    ['a bit string without a count', '03 00', 'bad-encoding'],
    ['a bit string with 8 unused bits', '03 02 08 00', 'bad-encoding'],
    ['a bit string whose unused bits are set', '03 02 01 01', 'bad-encoding'],
    ['an object identifier without bytes', '06 00', 'bad-length'],
    ['an object identifier that ends inside an arc', '06 02 55 84', 'truncated'],
    ['an object identifier with a padded arc', '06 03 55 80 03', 'bad-encoding'],
    ['an object identifier with an arc beyond 2^53', '06 09 55 ff ff ff ff ff ff ff 7f', 'out-of-range'],
    ['text that is not UTF-8', '0c 02 c3 28', 'bad-text'],
    ['text with a zero byte', '0c 01 00', 'bad-text'],
    ['a printable string with a zero byte', '13 02 41 00', 'bad-text'],
    ['an IA5 string beyond ASCII', '16 01 e4', 'bad-text'],
    ['half a BMP character', '1e 01 41', 'bad-text'],
    ['part of a universal character', '1c 03 00 00 41', 'bad-text'],
    ['a UTCTime without seconds', '17 0b 32 36 30 31 30 31 30 30 30 30 5a', 'bad-encoding'],
    ['a UTCTime with an offset', '17 11 32 36 30 31 30 31 30 30 30 30 30 30 2b 30 30 30 30', 'bad-encoding'],
    ['a GeneralizedTime before 2050', '18 0f 32 30 32 36 30 31 30 31 30 30 30 30 30 30 5a', 'bad-encoding'],
    ['February 30', '17 0d 32 36 30 32 33 30 30 30 30 30 30 30 5a', 'out-of-range'],
    ['hour 24', '17 0d 32 36 30 31 30 31 32 34 30 30 30 30 5a', 'out-of-range'],
  ])('%s', (_, hex, code) => {
    const error = refusal(() => checkDer(der(hex), 'test'))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(/^test at byte \d+: /)
  })

  test('more than 24 elements inside one another, without recursion', () => {
    let nested = derEncode(0x30)
    for (let i = 0; i < 24; i++) nested = derEncode(0x30, nested)
    expect(refusal(() => checkDer(nested, 'test')).code).toBe('too-deep')
    let deep = derEncode(0x30)
    for (let i = 0; i < 10_000; i++) deep = derEncode(0x30, deep)
    expect(refusal(() => checkDer(deep, 'test')).code).toBe('too-deep')
  })

  test('more bytes than a certificate can have, before looking at them', () => {
    expect(refusal(() => checkDer(new Uint8Array(65_537), 'test')).code).toBe('bad-length')
    expect(refusal(() => decodeRequest(new Uint8Array(1024 * 1024))).code).toBe('bad-length')
    expect(refusal(() => decodeCertificate(new Uint8Array(1024 * 1024))).code).toBe('bad-length')
  })
})

describe('any bytes', () => {
  test('pass the gate or are malformed; nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        for (const read of [
          () => checkDer(bytes, 'x'),
          () => decodeCertificate(bytes),
          () => decodeRequest(bytes),
          () => checkPublicKey(bytes),
        ]) {
          try {
            read()
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedMessage)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('of a megabyte are walked once: each element costs the same however many there are', () => {
    // The number of elements visited is what time follows; a counter shows it without a clock.
    const count = (size: number) => {
      const body = new Uint8Array(size)
      for (let i = 0; i + 1 < size; i += 2) body[i] = 0x05
      let reads = 0
      const bytes = new Proxy(derEncode(0x30, body), {
        get(target, key) {
          if (typeof key === 'string' && /^\d+$/.test(key)) reads++
          const value: unknown = Reflect.get(target, key)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      checkDer(bytes, 'test', { maxBytes: 2 ** 21, maxDepth: 4 })
      return reads
    }
    const [small, large] = [count(2000), count(20_000)]
    expect(large / small).toBeLessThan(10.5)
  })
})

describe('times', () => {
  test('are what they were written from, from 1950 to 9999', () => {
    fc.assert(
      fc.property(fc.integer({ min: -631_152_000, max: 253_402_300_799 }), (seconds) => {
        const bytes = encodeTime(seconds * 1000)
        expect(derTime(bytes, derElement(bytes, 0, bytes.length, 't'), 't')).toBe(seconds * 1000)
        const year = new Date(seconds * 1000).getUTCFullYear()
        expect(bytes[0]).toBe(year < 2050 ? 0x17 : 0x18)
      }),
    )
  })

  test('agree with the platform calendar', () => {
    for (const text of [
      '1950-01-01T00:00:00Z',
      '2000-02-29T23:59:59Z',
      '2049-12-31T23:59:59Z',
      '2050-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
    ]) {
      const shape = text.replace(/[-:T]/g, '')
      const bytes = encodeTime(Date.parse(text))
      expect(new TextDecoder().decode(bytes.subarray(2))).toBe(bytes[0] === 0x17 ? shape.slice(2) : shape)
    }
  })
})

test('object identifiers read in dotted form, roots 0 to 2 included', () => {
  const read = (hex: string) => derObjectIdentifier(der(hex), derElement(der(hex), 0, der(hex).length, 't'), 't')
  expect(read('06 03 55 1d 11')).toBe('2.5.29.17')
  expect(read('06 08 2a 86 48 ce 3d 04 03 02')).toBe('1.2.840.10045.4.3.2')
  expect(read('06 03 88 37 01')).toBe('2.999.1')
  expect(read('06 01 00')).toBe('0.0')
})

describe.skipIf(!hasOpenssl)('public keys made by OpenSSL', () => {
  test.each([
    ['ecdsa-p256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 256],
    ['ecdsa-p384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], 384],
    ['ecdsa-p521', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'], 521],
    ['rsa-2048', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], 2048],
    ['rsa-3072', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'], 3072],
  ])('are known: %s', (algorithm, args, bits) => {
    using directory = new OpensslDirectory()
    directory.run('genpkey', ...args, '-out', 'key.pem')
    directory.run('pkey', '-in', 'key.pem', '-pubout', '-outform', 'DER', '-out', 'key.der')
    expect(checkPublicKey(directory.read('key.der'))).toMatchObject({ algorithm, bits })
  })

  test.each([
    ['RSA of 1024 bits', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'], /1024 bits/],
    [
      'an RSA exponent of 3',
      ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-pkeyopt', 'rsa_keygen_pubexp:3'],
      /65537/,
    ],
    [
      'explicit curve parameters',
      ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'],
      /explicit/,
    ],
    [
      'a curve that nobody here uses',
      ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
      /1\.3\.132\.0\.10/,
    ],
    ['Ed25519', ['-algorithm', 'ED25519'], /Ed25519/],
    ['RSA-PSS keys', ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], /RSASSA-PSS/],
  ])('are refused with a reason: %s', (_, args, reason) => {
    using directory = new OpensslDirectory()
    directory.run('genpkey', ...args, '-out', 'key.pem')
    directory.run('pkey', '-in', 'key.pem', '-pubout', '-outform', 'DER', '-out', 'key.der')
    expect(refusal(() => checkPublicKey(directory.read('key.der'))).message).toMatch(reason)
  })

  test('are refused with a compressed point', () => {
    using directory = new OpensslDirectory()
    directory.run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem')
    directory.run('ec', '-in', 'key.pem', '-pubout', '-conv_form', 'compressed', '-outform', 'DER', '-out', 'key.der')
    expect(refusal(() => checkPublicKey(directory.read('key.der'))).message).toMatch(/uncompressed/)
  })
})
