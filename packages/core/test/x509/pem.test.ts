import { MalformedMessage } from '@cordon/core/errors'
import { decodeBase64, decodePem, encodeBase64, encodePem, pemOrDer } from '@cordon/core/x509'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasOpenssl, OpensslDirectory } from './openssl.ts'

describe('base64', () => {
  test('agrees with the platform in both directions', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64')
        expect(encodeBase64(bytes)).toBe(text)
        expect(decodeBase64(text)).toEqual(bytes)
      }),
    )
  })

  test('may be broken over lines in any way', () => {
    expect(decodeBase64(' QU\r\nJD\tRA = =\n')).toEqual(new TextEncoder().encode('ABCD'))
  })

  test.each(['QUJ', 'QUJDRA', 'QUJDRA=', 'QUJDRA===', 'QU=JD', 'QUJDR@==', 'QUJDRB==', 'QQ==QQ==', '-_8='])(
    'refuses %s',
    (text) => {
      expect(() => decodeBase64(text)).toThrow(MalformedMessage)
    },
  )
})

describe('PEM', () => {
  test('of several blocks reads in order, text between them skipped', () => {
    const text = `Issuer: me\n${encodePem('CERTIFICATE', Uint8Array.of(1))}between\n${encodePem('X509 CRL', Uint8Array.of(2, 3))}`
    expect(decodePem(text)).toEqual([
      { label: 'CERTIFICATE', bytes: Uint8Array.of(1) },
      { label: 'X509 CRL', bytes: Uint8Array.of(2, 3) },
    ])
  })

  test('keeps lines of 64 characters', () => {
    const lines = encodePem('CERTIFICATE', new Uint8Array(100)).split('\n')
    expect(lines.slice(1, -2).map((line) => line.length)).toEqual([64, 64, 8])
  })

  test.each([
    ['without an end', '-----BEGIN CERTIFICATE-----\nAAAA\n'],
    ['with the end of another', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n'],
    ['with headers inside', '-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['with an unfinished label', '-----BEGIN '],
    ['with bad base64', '-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n'],
  ])('block %s is refused', (_, text) => {
    expect(() => decodePem(text)).toThrow(MalformedMessage)
  })

  test('of more than 256 blocks is refused', () => {
    expect(() => decodePem(encodePem('CERTIFICATE', Uint8Array.of(1)).repeat(257))).toThrow(/256/)
  })

  test('or DER may be handed over, but only the one thing that is expected', () => {
    const der = Uint8Array.of(0x30, 0)
    const pem = new TextEncoder().encode(encodePem('CERTIFICATE', der))
    expect(pemOrDer(der, 'CERTIFICATE')).toEqual(der)
    expect(pemOrDer(pem, 'CERTIFICATE')).toEqual(der)
    expect(() => pemOrDer(pem, 'X509 CRL')).toThrow(/X509 CRL/)
    expect(() => pemOrDer(new TextEncoder().encode(encodePem('CERTIFICATE', der).repeat(2)), 'CERTIFICATE')).toThrow(
      /got 2/,
    )
  })

  test('any text gives blocks or a refusal', () => {
    const pieces = fc.constantFrom('-----BEGIN ', '-----END ', 'CERTIFICATE', '-----', '\n', 'AAAA', ' ', '=')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        try {
          decodePem(parts.join(''))
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
        }
      }),
    )
  })

  test.skipIf(!hasOpenssl)('of ours is PEM to OpenSSL', () => {
    using directory = new OpensslDirectory()
    directory.run(
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-outform',
      'DER',
      '-out',
      'key.der',
    )
    directory.write('key.pem', encodePem('PRIVATE KEY', directory.read('key.der')))
    expect(directory.run('pkey', '-in', 'key.pem', '-noout', '-check')).toMatch(/valid/)
  })
})
