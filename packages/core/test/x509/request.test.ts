import { MalformedMessage } from '@cordon/core/errors'
import {
  buildRequest,
  decodePem,
  decodeRequest,
  encodePem,
  formatName,
  isProven,
  parseName,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import 'reflect-metadata'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { derBitString, derEncode } from '../../src/x509/der.ts'
import { checkDer, derBytes, derChildren } from '../../src/x509/strict.ts'
import { hasOpenssl, OpensslDirectory } from './openssl.ts'

function refusal(der: Uint8Array): string {
  try {
    decodeRequest(der)
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessage)
    return (error as MalformedMessage).message
  }
  throw new Error('expected a refusal')
}

async function sample(kind: 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa-2048' | 'rsa-3072' = 'ecdsa-p256') {
  const key = await nodeCrypto.generateKey(kind)
  const der = await buildRequest(key, {
    subject: parseName('CN=Green_EN4TR,O=Example Works,C=US'),
    extensions: [subjectAlternativeName(['127.17.83.31'], ['green.example'])],
  })
  return { key, der }
}

/** The three parts of a signed structure, to be put together wrongly. */
function parts(der: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const [tbs, algorithm, signature] = derChildren(der, checkDer(der, 'x'), 'x').map((each) =>
    derBytes(der, each).slice(),
  )
  return [tbs ?? new Uint8Array(), algorithm ?? new Uint8Array(), signature ?? new Uint8Array()]
}

describe('a request of ours', () => {
  test.each(['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048', 'rsa-3072'] as const)(
    'with %s proves its key and says what was meant',
    async (kind) => {
      const { key, der } = await sample(kind)
      const request = decodeRequest(der)
      expect(isProven(nodeCrypto, request)).toBe(true)
      expect(request.publicKey).toEqual(key.publicKey)
      expect(request.key.algorithm).toBe(kind)
      expect(formatName(request.subject)).toBe('CN=Green_EN4TR,O=Example Works,C=US')
      expect(request.extensions.subjectAlternativeNames).toEqual([
        { kind: 'ip', value: '127.17.83.31' },
        { kind: 'dns', value: 'green.example' },
      ])
    },
  )

  test.skipIf(!hasOpenssl)('verifies with OpenSSL', async () => {
    using directory = new OpensslDirectory()
    directory.write('csr.pem', encodePem('CERTIFICATE REQUEST', (await sample()).der))
    const text = directory.run('req', '-in', 'csr.pem', '-verify', '-noout', '-text')
    expect(text).toContain('IP Address:127.17.83.31, DNS:green.example')
    expect(text).toContain('C = US, O = Example Works, CN = Green_EN4TR')
  })

  test('verifies with @peculiar/x509', async () => {
    const { der } = await sample()
    const other = new Pkcs10CertificateRequest(new Uint8Array(der))
    expect(await other.verify()).toBe(true)
    expect(other.subject).toBe('C=US, O=Example Works, CN=Green_EN4TR')
  })

  test('without wishes has an empty set of attributes', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const request = decodeRequest(await buildRequest(key, { subject: parseName('CN=x') }))
    expect(request.extensions.all).toEqual([])
    expect(request.attributes.size).toBe(0)
    expect(isProven(nodeCrypto, request)).toBe(true)
  })
})

describe('a request that was tampered with', () => {
  test('is not proven, whichever bit was flipped', async () => {
    const { der } = await sample()
    fc.assert(
      fc.property(fc.integer({ min: 0, max: der.length * 8 - 1 }), (bit) => {
        const bytes = der.slice()
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        let request: ReturnType<typeof decodeRequest>
        try {
          request = decodeRequest(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
          return
        }
        expect(isProven(nodeCrypto, request)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('is not proven when it carries another key', async () => {
    const [a, b] = [await sample(), await sample()]
    const [tbs] = parts(a.der)
    const [, algorithm, signature] = parts(b.der)
    expect(isProven(nodeCrypto, decodeRequest(derEncode(0x30, tbs, algorithm, signature)))).toBe(false)
  })
})

describe('a malformed request is refused with a reason', () => {
  test('trailing bytes', async () => {
    const { der } = await sample()
    expect(refusal(Uint8Array.from([...der, 0]))).toMatch(/1 bytes follow/)
  })

  test('indefinite length', async () => {
    const inner = parts((await sample()).der)
    const body = derEncode(0x30, ...inner)
    const header = body[1] === 0x82 ? 4 : 3
    expect(refusal(Uint8Array.from([0x30, 0x80, ...body.subarray(header), 0, 0]))).toMatch(/indefinite length/)
  })

  test('a length that is longer than it need be', async () => {
    const { der } = await sample()
    const header = der[1] === 0x82 ? 4 : 3
    const length = der.length - header
    expect(refusal(Uint8Array.from([0x30, 0x83, 0, length >> 8, length & 255, ...der.subarray(header)]))).toMatch(
      /longer than it need be/,
    )
  })

  test('a version other than 0', async () => {
    const [tbs, algorithm, signature] = parts((await sample()).der)
    const changed = tbs.slice()
    changed[changed[1] === 0x82 ? 6 : 5] = 1
    expect(refusal(derEncode(0x30, changed, algorithm, signature))).toMatch(/version 0/)
  })

  test('a signature of broken bytes', async () => {
    const [tbs, algorithm, signature] = parts((await sample()).der)
    const broken = signature.slice()
    broken[2] = 4
    broken[broken.length - 1] = 0
    expect(refusal(derEncode(0x30, tbs, algorithm, broken))).toMatch(/whole bytes/)
  })

  test('a fourth part', async () => {
    const inner = parts((await sample()).der)
    expect(refusal(derEncode(0x30, ...inner, Uint8Array.of(5, 0)))).toMatch(/more than three parts/)
  })

  test('ECDSA with parameters', async () => {
    const [tbs, , signature] = parts((await sample()).der)
    const algorithm = derEncode(0x30, Uint8Array.of(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2), Uint8Array.of(5, 0))
    expect(refusal(derEncode(0x30, tbs, algorithm, signature))).toMatch(/parameters it does not have/)
  })

  test('an extension that occurs twice', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const san = subjectAlternativeName(['127.0.0.1'])
    expect(refusal(await buildRequest(key, { subject: parseName('CN=x'), extensions: [san, san] }))).toMatch(
      /occurs twice/,
    )
  })

  test('an IP address of five bytes', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const value = derEncode(0x30, derEncode(0x87, Uint8Array.of(1, 2, 3, 4, 5)))
    const der = await buildRequest(key, {
      subject: parseName('CN=x'),
      extensions: [{ type: '2.5.29.17', critical: false, value }],
    })
    expect(refusal(der)).toMatch(/IP address of 5 bytes/)
  })

  test('a DNS name with a zero byte', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const value = derEncode(0x30, derEncode(0x82, new TextEncoder().encode('good.example\0.evil.example')))
    const der = await buildRequest(key, {
      subject: parseName('CN=x'),
      extensions: [{ type: '2.5.29.17', critical: false, value }],
    })
    expect(refusal(der)).toMatch(/visible ASCII/)
  })

  test('garbage of every size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), (bytes) => {
        expect(refusal(derEncode(0x30, derEncode(0x30, bytes), derBitString(bytes)))).toMatch(/^certificate request/)
      }),
      { numRuns: 200 },
    )
  })
})

describe.skipIf(!hasOpenssl)('requests made by OpenSSL', () => {
  const san = 'subjectAltName=DNS:dev.example,IP:10.0.0.1,URI:urn:x,otherName:1.2.3.4;UTF8:hello'

  test.each([
    ['P-256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha256']],
    ['P-384 with SHA-256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha256']],
    ['P-384 with SHA-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384']],
    ['P-521 with SHA-512', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521', '-sha512']],
    ['RSA-3072', ['-newkey', 'rsa:3072', '-sha256']],
  ])('are read and proven: %s', (_, args) => {
    using directory = new OpensslDirectory()
    directory.run(
      'req',
      '-new',
      ...args,
      '-nodes',
      '-keyout',
      'key.pem',
      '-outform',
      'DER',
      '-out',
      'csr.der',
      '-subj',
      '/C=US/O=Example/CN=dev',
      '-addext',
      san,
    )
    const request = decodeRequest(directory.read('csr.der'))
    expect(isProven(nodeCrypto, request)).toBe(true)
    expect(request.extensions.subjectAlternativeNames?.map(({ kind }) => kind)).toEqual(['dns', 'ip', 'uri', 'other'])
  })

  test.each([
    ['SHA-1', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha1'], /ecdsa-with-SHA1 is not allowed/],
    [
      'explicit curve parameters',
      ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'],
      /explicit curve parameters/,
    ],
    ['RSA-PSS', ['-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss'], /RSASSA-PSS is not allowed/],
    ['Ed25519', ['-newkey', 'ed25519'], /Ed25519/],
    ['RSA of 1024 bits', ['-newkey', 'rsa:1024'], /1024 bits/],
    ['secp256k1', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'], /1\.3\.132\.0\.10/],
  ])('are refused with a reason: %s', (_, args, reason) => {
    using directory = new OpensslDirectory()
    directory.run(
      'req',
      '-new',
      ...args,
      '-nodes',
      '-keyout',
      'key.pem',
      '-outform',
      'DER',
      '-out',
      'csr.der',
      '-subj',
      '/CN=dev',
    )
    expect(refusal(directory.read('csr.der'))).toMatch(reason)
  })

  test('keep other attributes as they came', () => {
    using directory = new OpensslDirectory()
    directory.write(
      'req.cnf',
      '[req]\ndistinguished_name=dn\nattributes=attrs\nprompt=no\n[dn]\nCN=dev\n[attrs]\nchallengePassword=secret\n',
    )
    directory.run(
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'key.pem',
      '-config',
      'req.cnf',
      '-out',
      'csr.pem',
    )
    const [block] = decodePem(new TextDecoder().decode(directory.read('csr.pem')))
    const request = decodeRequest(block?.bytes ?? new Uint8Array())
    expect([...request.attributes.keys()]).toEqual(['1.2.840.113549.1.9.7'])
    expect(isProven(nodeCrypto, request)).toBe(true)
  })
})
