import { MalformedMessage } from '@cordon/core/errors'
import {
  buildRevocationList,
  decodeCertificate,
  decodeRevocationList,
  encodePem,
  encodeTbs,
  isListOf,
  keyIdentifier,
  parseName,
  type RevokedEntry,
  revocationReasons,
  signStructure,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import 'reflect-metadata'
import { X509Certificate, X509Crl } from '@peculiar/x509'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { basicConstraints, keyUsage, subjectKeyIdentifier } from '../../src/x509/extensions.ts'
import { hasOpenssl, OpensslDirectory } from './openssl.ts'

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000

async function issuer(commonName = 'issuer') {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const name = parseName(`CN=${commonName}`)
  const contents = {
    serial: Uint8Array.of(1),
    issuer: name,
    subject: name,
    notBefore: now,
    notAfter: now + 3650 * day,
    publicKey: key.publicKey,
    extensions: [
      basicConstraints(true),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(keyIdentifier(nodeCrypto, key.publicKey)),
    ],
  }
  return { key, certificate: decodeCertificate(await signStructure(encodeTbs(contents, key.kind), key)) }
}

const entries: readonly RevokedEntry[] = [
  { serial: '01', revokedAt: now },
  { serial: 'ff00112233445566778899aabbccddeeff001122', revokedAt: now + 1000, reason: 'keyCompromise' },
  { serial: '7f', revokedAt: now, reason: 'superseded' },
]

async function list(by: Awaited<ReturnType<typeof issuer>>, number = 5, revoked = entries) {
  const { key, certificate } = by
  return await buildRevocationList(
    {
      issuer: certificate.subject,
      issuerKey: keyIdentifier(nodeCrypto, key.publicKey),
      number,
      thisUpdate: now,
      nextUpdate: now + 7 * day,
      entries: revoked,
    },
    key,
  )
}

describe('a revocation list of ours', () => {
  test('reads back with number, dates, entries and reasons', async () => {
    const by = await issuer()
    const read = decodeRevocationList(await list(by))
    expect(read).toMatchObject({ thisUpdate: now, nextUpdate: now + 7 * day, entries, extensions: { crlNumber: 5 } })
    expect(read.extensions.authorityKeyIdentifier).toEqual(by.certificate.extensions.subjectKeyIdentifier)
    expect(isListOf(nodeCrypto, read, by.certificate)).toBe(true)
  })

  test('belongs to its issuer alone', async () => {
    const [by, namesake, other] = [await issuer(), await issuer(), await issuer('other')]
    const read = decodeRevocationList(await list(by))
    expect(isListOf(nodeCrypto, read, namesake.certificate)).toBe(false)
    expect(isListOf(nodeCrypto, read, other.certificate)).toBe(false)
    const mayNot = {
      ...by.certificate,
      extensions: { ...by.certificate.extensions, keyUsage: ['digitalSignature'] as const },
    }
    expect(isListOf(nodeCrypto, read, mayNot)).toBe(false)
  })

  test('without entries leaves the sequence out', async () => {
    const by = await issuer()
    const read = decodeRevocationList(await list(by, 1, []))
    expect(read.entries).toEqual([])
    expect(isListOf(nodeCrypto, read, by.certificate)).toBe(true)
  })

  test('round-trips any entries and numbers', async () => {
    const by = await issuer()
    const entry = fc.record({
      serial: fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => {
        bytes[0] = (bytes[0] ?? 0) | 1
        return Buffer.from(bytes).toString('hex')
      }),
      revokedAt: fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
      reason: fc.constantFrom(
        ...(Object.keys(revocationReasons) as (keyof typeof revocationReasons)[]).filter(
          (reason) => reason !== 'unspecified',
        ),
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 20 }), fc.nat(2 ** 40), async (revoked, number) => {
        const read = decodeRevocationList(await list(by, number, revoked))
        expect(read.entries).toEqual(revoked)
        expect(read.extensions.crlNumber).toBe(number)
      }),
      { numRuns: 40 },
    )
  })

  test('may name ten thousand certificates', async () => {
    const by = await issuer()
    const many = Array.from(
      { length: 10_000 },
      (_, i): RevokedEntry => ({ serial: `40${i.toString(16).padStart(30, '0')}`, revokedAt: now }),
    )
    expect(decodeRevocationList(await list(by, 1, many)).entries).toEqual(many)
  })

  test('is believed by @peculiar/x509', async () => {
    const by = await issuer()
    const other = new X509Crl(new Uint8Array(await list(by)))
    expect(await other.verify({ publicKey: new X509Certificate(new Uint8Array(by.certificate.der)) })).toBe(true)
    expect(other.findRevoked('7f')?.reason).toBe(revocationReasons.superseded)
  })

  test.skipIf(!hasOpenssl)('is believed by OpenSSL, which then refuses the revoked certificate', async () => {
    using directory = new OpensslDirectory()
    const by = await issuer()
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const leaf = async (serial: number) =>
      await signStructure(
        encodeTbs(
          {
            serial: Uint8Array.of(serial),
            issuer: by.certificate.subject,
            subject: parseName('CN=leaf'),
            notBefore: now,
            notAfter: now + 3650 * day,
            publicKey: key.publicKey,
            extensions: [],
          },
          by.key.kind,
        ),
        by.key,
      )
    directory.write('ca.pem', encodePem('CERTIFICATE', by.certificate.der))
    directory.write('crl.pem', encodePem('X509 CRL', await list(by)))
    directory.write('bad.pem', encodePem('CERTIFICATE', await leaf(0x7f)))
    directory.write('good.pem', encodePem('CERTIFICATE', await leaf(0x7e)))
    expect(directory.run('crl', '-in', 'crl.pem', '-noout', '-text')).toMatch(/X509v3 CRL Number: \n\s+5/)
    const verify = (name: string) =>
      directory.attempt(
        'verify',
        '-crl_check',
        '-attime',
        String(now / 1000 + 60),
        '-CAfile',
        'ca.pem',
        '-CRLfile',
        'crl.pem',
        name,
      )
    expect(verify('good.pem')).toMatchObject({ status: 0 })
    expect(verify('bad.pem').stderr).toMatch(/certificate revoked/)
  })

  test('refuses to be made with nonsense', async () => {
    const by = await issuer()
    await expect(list(by, 1, [{ serial: 'xyz', revokedAt: now }])).rejects.toThrow(/hex/)
    await expect(
      buildRevocationList(
        {
          issuer: by.certificate.subject,
          issuerKey: new Uint8Array(20),
          number: 1,
          thisUpdate: now,
          nextUpdate: now,
          entries: [],
        },
        by.key,
      ),
    ).rejects.toThrow(/end after it begins/)
  })
})

describe('a revocation list from elsewhere', () => {
  test.skipIf(!hasOpenssl)('made by OpenSSL is read', () => {
    using directory = new OpensslDirectory()
    directory.write('index.txt', 'R\t360101000000Z\t260101000000Z,keyCompromise\tABCD\tunknown\t/CN=bad\n')
    directory.write('number', '2A\n')
    directory.write(
      'ca.cnf',
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n',
    )
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
      '-out',
      'ca.pem',
      '-subj',
      '/CN=openssl',
    )
    directory.run('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'k.pem', '-cert', 'ca.pem', '-out', 'crl.pem')
    directory.run('crl', '-in', 'crl.pem', '-outform', 'DER', '-out', 'crl.der')
    directory.run('x509', '-in', 'ca.pem', '-outform', 'DER', '-out', 'ca.der')
    const read = decodeRevocationList(directory.read('crl.der'))
    expect(read.extensions.crlNumber).toBe(42)
    expect(read.entries).toEqual([{ serial: 'abcd', revokedAt: now, reason: 'keyCompromise' }])
    expect(isListOf(nodeCrypto, read, decodeCertificate(directory.read('ca.der')))).toBe(true)
  })

  test('of any mutation is read or malformed', async () => {
    const good = await list(await issuer())
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bytes = good.slice()
        bytes[at] = byte
        try {
          decodeRevocationList(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
        }
      }),
      { numRuns: 400 },
    )
  })

  test('above one mebibyte is refused before it is read', () => {
    expect(() => decodeRevocationList(new Uint8Array(1024 * 1024 + 1))).toThrow(/at most 1048576/)
  })
})
