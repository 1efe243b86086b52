import { MalformedMessage } from '@cordon/core/errors'
import {
  type Certificate,
  type CertificateContents,
  decodeCertificate,
  decodeCertsOnly,
  encodeCertsOnly,
  encodePem,
  encodeTbs,
  fingerprint,
  formatName,
  isSelfSigned,
  isSignedBy,
  keyIdentifier,
  nameValue,
  noExpiry,
  parseName,
  signStructure,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import 'reflect-metadata'
import {
  AuthorityKeyIdentifierExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as PeculiarCertificate,
} from '@peculiar/x509'
import { X509Certificate } from 'node:crypto'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { basicConstraints, keyUsage } from '../../src/x509/extensions.ts'
import { derEncode } from '../../src/x509/der.ts'
import { hasOpenssl, OpensslDirectory } from './openssl.ts'

const now = Date.UTC(2026, 0, 1)

async function selfSigned(
  kind: 'ecdsa-p256' | 'rsa-3072' = 'ecdsa-p256',
  notAfter = now + 86_400_000,
): Promise<Uint8Array> {
  const key = await nodeCrypto.generateKey(kind)
  const name = parseName('CN=test,O=Example,C=US')
  const contents = {
    serial: Uint8Array.of(0xff, 1, 2, 3),
    issuer: name,
    subject: name,
    notBefore: now,
    notAfter,
    publicKey: key.publicKey,
    extensions: [
      basicConstraints(false),
      keyUsage(['digitalSignature']),
      subjectAlternativeName(['127.0.0.1', '2001:db8::1'], ['a.example']),
    ],
  }
  return await signStructure(encodeTbs(contents, key.kind), key)
}

describe('a certificate of ours', () => {
  test.each(['ecdsa-p256', 'rsa-3072'] as const)('with %s reads as it was meant', async (kind) => {
    const der = await selfSigned(kind)
    const certificate = decodeCertificate(der)
    expect(certificate).toMatchObject({ version: 3, serial: 'ff010203', notBefore: now, notAfter: now + 86_400_000 })
    expect(certificate.extensions).toMatchObject({
      basicConstraints: { ca: false },
      keyUsage: ['digitalSignature'],
      unknownCritical: [],
      subjectAlternativeNames: [
        { kind: 'ip', value: '127.0.0.1' },
        { kind: 'ip', value: '2001:db8::1' },
        { kind: 'dns', value: 'a.example' },
      ],
    })
    expect(isSelfSigned(nodeCrypto, certificate)).toBe(true)
  })

  test('is the same to the platform and to @peculiar/x509', async () => {
    const der = await selfSigned()
    const [ours, platform, peculiar] = [
      decodeCertificate(der),
      new X509Certificate(der),
      new PeculiarCertificate(new Uint8Array(der)),
    ]
    expect(platform.serialNumber.toLowerCase()).toBe(ours.serial)
    expect(platform.verify(platform.publicKey)).toBe(true)
    expect(platform.checkIP('2001:db8::1')).toBe('2001:db8::1')
    expect(await peculiar.verify({ date: new Date(now + 1000) })).toBe(true)
    expect(platform.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(fingerprint(nodeCrypto, der))
  })

  test('may have no well-defined end', async () => {
    const der = await selfSigned('ecdsa-p256', noExpiry)
    expect(decodeCertificate(der).notAfter).toBe(noExpiry)
    expect(new X509Certificate(der).validTo).toBe('Dec 31 23:59:59 9999 GMT')
  })

  test('is not one of another key', async () => {
    const [a, b] = [decodeCertificate(await selfSigned()), decodeCertificate(await selfSigned())]
    expect(isSignedBy(nodeCrypto, a, b.publicKey)).toBe(false)
    expect(isSelfSigned(nodeCrypto, { ...a, publicKey: b.publicKey })).toBe(false)
  })

  test('with one bit flipped is malformed or not signed', async () => {
    const der = await selfSigned()
    const { publicKey } = decodeCertificate(der)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: der.length * 8 - 1 }), (bit) => {
        const bytes = der.slice()
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        let certificate: Certificate
        try {
          certificate = decodeCertificate(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
          return
        }
        expect(isSignedBy(nodeCrypto, certificate, publicKey)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('takes serial numbers of 1 to 20 bytes that are not zero', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const name = parseName('CN=x')
    const contents = {
      issuer: name,
      subject: name,
      notBefore: now,
      notAfter: now,
      publicKey: key.publicKey,
      extensions: [],
    }
    for (const serial of [new Uint8Array(0), new Uint8Array(4), new Uint8Array(21).fill(1)]) {
      expect(() => encodeTbs({ ...contents, serial }, key.kind)).toThrow(/serial number/)
    }
    const der = await signStructure(encodeTbs({ ...contents, serial: new Uint8Array(20).fill(0x80) }, key.kind), key)
    expect(decodeCertificate(der).serial).toBe('80'.repeat(20))
  })
})

describe.skipIf(!hasOpenssl)('certificates made by OpenSSL', () => {
  let directory: OpensslDirectory

  beforeAll(() => {
    directory = new OpensslDirectory()
    return () => directory[Symbol.dispose]()
  })

  function make(subject: string, ...args: string[]): Uint8Array {
    directory.run(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'k.pem',
      '-outform',
      'DER',
      '-out',
      'c.der',
      '-subj',
      subject,
      ...args,
    )
    return directory.read('c.der')
  }

  test('may have an issuer of one relative name with seven attributes', () => {
    const der = make(
      '/CN={6b29fc40}+C=US+emailAddress=+L=MAYFIELD HEIGHTS+O=CPWE-RA-CISCO+OU=Plant+ST=OHIO',
      '-multivalue-rdn',
    )
    const certificate = decodeCertificate(der)
    expect(certificate.issuer.parts).toHaveLength(1)
    expect(nameValue(certificate.issuer, 'ST')).toBe('OHIO')
    expect(isSelfSigned(nodeCrypto, certificate)).toBe(true)
  })

  test('give the key identifier that we compute', () => {
    const certificate = decodeCertificate(make('/CN=x'))
    expect(keyIdentifier(nodeCrypto, certificate.publicKey)).toEqual(certificate.extensions.subjectKeyIdentifier)
  })

  test.each([0, 1, 127, 128, 255])('keep a path length of %i', (length) => {
    const der = make('/CN=x', '-addext', `basicConstraints=critical,CA:TRUE,pathlen:${length}`)
    expect(decodeCertificate(der).extensions.basicConstraints).toEqual({ ca: true, pathLength: length })
  })

  test('read their extensions as the schema library does', () => {
    const der = make(
      '/CN=x',
      '-addext',
      'keyUsage=critical,digitalSignature,nonRepudiation,keyAgreement,encipherOnly,decipherOnly',
      '-addext',
      'extendedKeyUsage=serverAuth,clientAuth,1.2.3.4',
      '-addext',
      'authorityKeyIdentifier=keyid:always,issuer:always',
    )
    const ours = decodeCertificate(der).extensions
    const theirs = new PeculiarCertificate(new Uint8Array(der))
    const flags = theirs.getExtension(KeyUsagesExtension)?.usages ?? 0
    const usages = ['digitalSignature', 'nonRepudiation', 'keyAgreement', 'encipherOnly', 'decipherOnly'] as const
    expect(ours.keyUsage).toEqual(usages)
    expect(usages.reduce((sum, usage) => sum | KeyUsageFlags[usage], 0)).toBe(flags)
    expect(ours.extendedKeyUsage).toEqual(theirs.getExtension(ExtendedKeyUsageExtension)?.usages)
    const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')
    expect(hex(ours.authorityKeyIdentifier)).toBe(theirs.getExtension(AuthorityKeyIdentifierExtension)?.keyId)
    expect(hex(ours.subjectKeyIdentifier)).toBe(theirs.getExtension(SubjectKeyIdentifierExtension)?.keyId)
  })

  test('show unknown critical extensions, so that nobody overlooks them', () => {
    const der = make(
      '/CN=x',
      '-addext',
      '1.2.3.4=critical,DER:0500',
      '-addext',
      'nameConstraints=critical,permitted;DNS:example',
    )
    expect(decodeCertificate(der).extensions.unknownCritical).toEqual(['1.2.3.4', '2.5.29.30'])
  })

  test('in version 1 are read, and have no extensions', () => {
    directory.run(
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'k.pem',
      '-out',
      'r.pem',
      '-subj',
      '/CN=old',
    )
    directory.run('x509', '-req', '-in', 'r.pem', '-signkey', 'k.pem', '-outform', 'DER', '-out', 'v1.der')
    expect(decodeCertificate(directory.read('v1.der'))).toMatchObject({ version: 1, extensions: { all: [] } })
  })

  test('agree with us on every field OpenSSL prints', () => {
    const certificate = decodeCertificate(make('/C=US/O=Example, Inc./CN=1756-L85E\\/B (00e17387)'))
    const printed = directory.run(
      'x509',
      '-inform',
      'DER',
      '-in',
      'c.der',
      '-noout',
      '-subject',
      '-serial',
      '-nameopt',
      'RFC2253',
    )
    expect(printed).toContain(`subject=${formatName(certificate.subject)}`)
    expect(printed.toLowerCase()).toContain(`serial=${certificate.serial}`)
  })

  test('are refused with SHA-1', () => {
    expect(() => make('/CN=x', '-sha1')).not.toThrow()
    expect(() => decodeCertificate(directory.read('c.der'))).toThrow(/SHA1 is not allowed/)
  })
})

describe('a certificate is refused', () => {
  async function built(change: Partial<CertificateContents>): Promise<Uint8Array> {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const name = parseName('CN=x')
    const contents = {
      serial: Uint8Array.of(1),
      issuer: name,
      subject: name,
      notBefore: now,
      notAfter: now,
      publicKey: key.publicKey,
      extensions: [],
    }
    return await signStructure(encodeTbs({ ...contents, ...change }, key.kind), key)
  }

  test('that ends before it begins', async () => {
    expect(() => decodeCertificate(new Uint8Array())).toThrow(/truncated|end here/)
    const der = await built({ notAfter: now - 1000 })
    expect(() => decodeCertificate(der)).toThrow(/ends before it begins/)
  })

  test('with a path length for what is no CA', async () => {
    const value = derEncode(0x30, Uint8Array.of(2, 1, 0))
    const der = await built({ extensions: [{ type: '2.5.29.19', critical: true, value }] })
    expect(() => decodeCertificate(der)).toThrow(/path length of 0 for CA false/)
  })

  test.each([
    ['a default that is spelled out', '2.5.29.19', '30 03 01 01 00'],
    ['a path length of 256', '2.5.29.19', '30 07 01 01 ff 02 02 01 00'],
    ['a negative path length', '2.5.29.19', '30 06 01 01 ff 02 01 80'],
    ['something behind a path length', '2.5.29.19', '30 08 01 01 ff 02 01 00 05 00'],
    ['no purposes', '2.5.29.37', '30 00'],
    ['a purpose that is no object identifier', '2.5.29.37', '30 03 02 01 01'],
    ['a key usage that is no bit string', '2.5.29.15', '04 02 05 a0'],
    ['a key identifier that is no octet string', '2.5.29.14', '03 02 00 01'],
    ['a serial number before the key identifier', '2.5.29.35', '30 06 82 01 01 80 01 07'],
    ['an unknown field beside the key identifier', '2.5.29.35', '30 06 80 01 07 83 01 01'],
    ['two key identifiers', '2.5.29.35', '30 06 80 01 07 80 01 08'],
  ])('with %s', async (_, type, hex) => {
    const value = Uint8Array.from(hex.split(' '), (byte) => Number.parseInt(byte, 16))
    const der = await built({ extensions: [{ type, critical: false, value }] })
    expect(() => decodeCertificate(der)).toThrow(MalformedMessage)
  })

  test('with an extension twice', async () => {
    const der = await built({ extensions: [keyUsage(['digitalSignature']), keyUsage(['keyCertSign'])] })
    expect(() => decodeCertificate(der)).toThrow(/2\.5\.29\.15 occurs twice/)
  })

  test('with bytes behind an extension value', async () => {
    const extension = keyUsage(['digitalSignature'])
    const der = await built({ extensions: [{ ...extension, value: Uint8Array.from([...extension.value, 0]) }] })
    expect(() => decodeCertificate(der)).toThrow(/1 bytes follow/)
  })

  test('with no names in its subject alternative name', async () => {
    const der = await built({ extensions: [{ type: '2.5.29.17', critical: false, value: derEncode(0x30) }] })
    expect(() => decodeCertificate(der)).toThrow(/0 names/)
  })
})

describe('a certs-only message', () => {
  test('reads back what was put in, and is the exact degenerate form', async () => {
    const certificates = [await selfSigned(), await selfSigned('rsa-3072')]
    const message = encodeCertsOnly(certificates)
    expect(decodeCertsOnly(message).map(({ der }) => der)).toEqual(certificates)
    // SEQUENCE { signedData, [0] { version 1, no digests, { data, no content }, …
    const body = message.subarray(message.indexOf(0xa0))
    expect(Buffer.from(body).toString('hex')).toContain('0201013100300b06092a864886f70d010701a0')
    expect(Buffer.from(message.subarray(-2)).toString('hex')).toBe('3100')
  })

  test('may be empty', () => {
    expect(decodeCertsOnly(encodeCertsOnly([]))).toEqual([])
  })

  test('with a signer, content or digests is refused', async () => {
    const message = encodeCertsOnly([await selfSigned()])
    const signed = message.slice()
    signed[signed.length - 2] = 0x30
    expect(() => decodeCertsOnly(signed)).toThrow(MalformedMessage)
    const [type, body] = [message.subarray(4, 15), message.subarray(message.indexOf(0xa0))]
    expect(() => decodeCertsOnly(derEncode(0x30, type, body, Uint8Array.of(5, 0)))).toThrow(MalformedMessage)
  })

  test.skipIf(!hasOpenssl)('is understood by OpenSSL, and OpenSSL by us', async () => {
    using directory = new OpensslDirectory()
    const der = await selfSigned()
    directory.write('ours.p7b', encodeCertsOnly([der]))
    const printed = directory.run('pkcs7', '-inform', 'DER', '-in', 'ours.p7b', '-print_certs')
    expect(printed).toContain('CN = test')
    directory.write('cert.pem', encodePem('CERTIFICATE', der))
    directory.run('crl2pkcs7', '-nocrl', '-certfile', 'cert.pem', '-outform', 'DER', '-out', 'theirs.p7b')
    expect(decodeCertsOnly(directory.read('theirs.p7b')).map((certificate) => certificate.der)).toEqual([der])
  })

  test('of any bytes is read or malformed', async () => {
    const good = encodeCertsOnly([await selfSigned()])
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bytes = good.slice()
        bytes[at] = byte
        try {
          decodeCertsOnly(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
        }
      }),
      { numRuns: 300 },
    )
  })
})
