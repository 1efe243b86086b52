import {
  backdateMs,
  type CertificateProfile,
  checkTbs,
  clientContents,
  defaultValidityMs,
  deviceContents,
  type EndEntityIssuance,
  issuingContents,
  lintTbs,
  newSerial,
  provisioningAuthorityContents,
  provisioningContents,
  recertifiedContents,
  rootContents,
  makeCertificate,
  serverContents,
  signCertificate,
  subjectName,
} from '@cordon/core/authority'
import type { Crypto, PrivateKey } from '@cordon/core/crypto'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import {
  type Certificate,
  type CertificateContents,
  decodeCertificate,
  encodePem,
  encodeTbs,
  formatName,
  keyPurposes,
  parseName,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../src/x509/extensions.ts'
import { hasOpenssl, OpensslDirectory } from '../x509/openssl.ts'

const now = Date.UTC(2026, 5, 1)
const subject = { organization: 'Example Works', locality: 'Mayfield Heights', country: 'us' }

interface Authority {
  readonly key: PrivateKey
  readonly certificate: Certificate
}

let root: Authority
let issuing: Authority
let device: PrivateKey

async function made(
  contents: CertificateContents,
  signer: PrivateKey,
  profile: CertificateProfile,
  issuer?: Certificate,
) {
  const certificate = await makeCertificate(nodeCrypto, contents, signer, { profile, issuer, now })
  // What comes back is what a stranger reads.
  expect(decodeCertificate(certificate.der)).toEqual(certificate)
  return certificate
}

beforeAll(async () => {
  const rootKey = await nodeCrypto.generateKey('ecdsa-p384')
  root = {
    key: rootKey,
    certificate: await made(
      rootContents(nodeCrypto, { plant: 'cpwe', subject, publicKey: rootKey.publicKey, now }),
      rootKey,
      'root',
    ),
  }
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const contents = issuingContents(nodeCrypto, {
    plant: 'cpwe',
    zone: 'green',
    subject,
    issuer: root.certificate,
    publicKey: key.publicKey,
    now,
  })
  issuing = { key, certificate: await made(contents, rootKey, 'issuing', root.certificate) }
  device = await nodeCrypto.generateKey('ecdsa-p256')
})

function wanted(change: Partial<EndEntityIssuance> = {}): EndEntityIssuance {
  return {
    subject,
    issuer: issuing.certificate,
    zone: 'green',
    name: 'Green_EN4TR',
    addresses: ['127.17.83.31'],
    publicKey: device.publicKey,
    now,
    ...change,
  }
}

describe('the root', () => {
  test('signs CAs and lists and nothing else', () => {
    expect(root.certificate.extensions).toMatchObject({
      basicConstraints: { ca: true },
      keyUsage: ['keyCertSign', 'cRLSign'],
    })
    expect(root.certificate.extensions.extendedKeyUsage).toBeUndefined()
    expect(formatName(root.certificate.subject)).toBe('CN=cpwe root,O=Example Works,L=Mayfield Heights,C=US')
  })
})

describe('an issuing CA', () => {
  test('allows no CA below it', () => {
    expect(issuing.certificate.extensions.basicConstraints).toEqual({ ca: true, pathLength: 0 })
    expect(issuing.certificate.extensions.authorityKeyIdentifier).toEqual(
      root.certificate.extensions.subjectKeyIdentifier,
    )
    expect(formatName(issuing.certificate.subject)).toContain('CN=cpwe green issuing')
  })

  test('cannot make another one', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const contents = issuingContents(nodeCrypto, {
      plant: 'cpwe',
      zone: 'blue',
      subject,
      issuer: issuing.certificate,
      publicKey: key.publicKey,
      now,
    })
    await expect(made(contents, issuing.key, 'issuing', issuing.certificate)).rejects.toThrow(
      /a CA below a CA that allows none/,
    )
  })
})

describe('a device certificate', () => {
  test('says what policy says: name, addresses, server and client', async () => {
    const certificate = await made(
      deviceContents(nodeCrypto, wanted({ dnsNames: ['green.example'] })),
      issuing.key,
      'device',
      issuing.certificate,
    )
    expect(formatName(certificate.subject)).toBe('CN=Green_EN4TR,OU=green,O=Example Works,L=Mayfield Heights,C=US')
    expect(certificate.extensions).toMatchObject({
      basicConstraints: { ca: false },
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [keyPurposes.serverAuth, keyPurposes.clientAuth],
      subjectAlternativeNames: [
        { kind: 'ip', value: '127.17.83.31' },
        { kind: 'dns', value: 'green.example' },
      ],
    })
    expect(certificate.notBefore).toBe(now - backdateMs)
    expect(certificate.notAfter).toBe(now + defaultValidityMs.device)
  })

  test('with an RSA key may be encrypted to, as RSA suites do', async () => {
    const key = await nodeCrypto.generateKey('rsa-2048')
    const certificate = await made(
      deviceContents(nodeCrypto, wanted({ publicKey: key.publicKey })),
      issuing.key,
      'device',
      issuing.certificate,
    )
    expect(certificate.extensions.keyUsage).toEqual(['digitalSignature', 'keyEncipherment'])
  })

  test('never outlives its issuer', async () => {
    const contents = deviceContents(nodeCrypto, wanted({ validityMs: 100 * defaultValidityMs.root }))
    expect(contents.notAfter).toBe(issuing.certificate.notAfter)
  })

  test('needs an address, a name that fits and a validity of a minute', () => {
    for (const change of [
      { addresses: [] },
      { addresses: ['nowhere'] },
      { name: '' },
      { name: 'x'.repeat(65) },
      { validityMs: 1000 },
      { validityMs: Number.NaN },
    ]) {
      expect(() => deviceContents(nodeCrypto, wanted(change)), JSON.stringify(change)).toThrow(UsageError)
    }
  })

  test('is not made from an issuer that has expired', () => {
    expect(() => deviceContents(nodeCrypto, wanted({ now: issuing.certificate.notAfter }))).toThrow(/expired/)
  })
})

describe('a client certificate', () => {
  test('cannot stand in for a device', async () => {
    const certificate = await made(
      clientContents(nodeCrypto, wanted({ name: 'manager', addresses: [], validityMs: 60_000 })),
      issuing.key,
      'client',
      issuing.certificate,
    )
    expect(certificate.extensions.extendedKeyUsage).toEqual([keyPurposes.clientAuth])
    expect(certificate.extensions.subjectAlternativeNames).toBeUndefined()
    expect(certificate.notAfter).toBe(now + 60_000)
  })
})

describe('an EST server certificate', () => {
  test('answers for the authority under its own names, and is no client', async () => {
    const contents = serverContents(nodeCrypto, wanted({ name: 'est', dnsNames: ['est.example'] }))
    const certificate = await made(contents, issuing.key, 'server', issuing.certificate)
    expect(certificate.extensions.extendedKeyUsage).toEqual([keyPurposes.serverAuth, keyPurposes.cmcRA])
    expect(certificate.notAfter).toBe(now + defaultValidityMs.server)
    expect(() => serverContents(nodeCrypto, wanted({ addresses: [] }))).toThrow(UsageError)
    const nameless = clientContents(nodeCrypto, wanted({ addresses: [] }))
    await expect(made(nameless, issuing.key, 'server', issuing.certificate)).rejects.toThrow(/a server without a name/)
  })
})

describe('a provisioning certificate', () => {
  test('comes from a CA below nothing, and names no place', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const contents = provisioningAuthorityContents(nodeCrypto, {
      plant: 'cpwe',
      subject,
      publicKey: key.publicKey,
      now,
    })
    const authority = await made(contents, key, 'root')
    expect(authority.extensions.basicConstraints).toEqual({ ca: true, pathLength: 0 })
    const certificate = await made(
      provisioningContents(nodeCrypto, wanted({ issuer: authority, name: 'kit 7' })),
      key,
      'provisioning',
      authority,
    )
    expect(certificate.extensions.extendedKeyUsage).toEqual([keyPurposes.clientAuth])
    expect(certificate.extensions.subjectAlternativeNames).toBeUndefined()
    const placed = clientContents(nodeCrypto, wanted({ issuer: authority }))
    await expect(made(placed, key, 'provisioning', authority)).rejects.toThrow(/a provisioning certificate with a name/)
  })
})

describe('a CA that is certified again', () => {
  test('keeps its name and key, and is bound by both roots', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const later = now + 86_400_000
    const request = { plant: 'cpwe', subject, publicKey: key.publicKey, now: later }
    const next = await made(rootContents(nodeCrypto, request), key, 'root')
    const crossed = recertifiedContents(nodeCrypto, {
      profile: 'cross',
      subject: next,
      issuer: root.certificate,
      now: later,
    })
    const cross = await made(crossed, root.key, 'cross', root.certificate)
    expect([cross.subject, cross.publicKey]).toEqual([next.subject, next.publicKey])
    expect(cross.notAfter).toBe(root.certificate.notAfter)
    expect(cross.extensions.basicConstraints).toEqual({ ca: true })
    const again = recertifiedContents(nodeCrypto, {
      profile: 'issuing',
      subject: issuing.certificate,
      issuer: next,
      now: later,
    })
    const certified = await made(again, key, 'issuing', next)
    expect(certified.extensions).toMatchObject({
      basicConstraints: { ca: true, pathLength: 0 },
      subjectKeyIdentifier: issuing.certificate.extensions.subjectKeyIdentifier,
    })
    await expect(made(again, key, 'cross', next)).rejects.toThrow(/between roots of different names/)
  })

  test('has another name in each generation, so that lists are not mixed up', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const request = { plant: 'cpwe', zone: 'green', subject, issuer: root.certificate, publicKey: key.publicKey, now }
    const second = await made(
      issuingContents(nodeCrypto, { ...request, generation: 2 }),
      root.key,
      'issuing',
      root.certificate,
    )
    expect(formatName(second.subject)).toContain('CN=cpwe green issuing 2')
  })
})

test('serial numbers are 16 unpredictable bytes, positive and never short', () => {
  const extremes: Crypto = { ...nodeCrypto, random: (length) => new Uint8Array(length).fill(0xff) }
  const zeros: Crypto = { ...nodeCrypto, random: (length) => new Uint8Array(length) }
  expect(newSerial(extremes)[0]).toBe(0x7f)
  expect(newSerial(zeros)[0]).toBe(0x40)
  const all = new Set(Array.from({ length: 200 }, () => Buffer.from(newSerial(nodeCrypto)).toString('hex')))
  expect(all.size).toBe(200)
  for (const serial of all) expect(serial).toHaveLength(32)
})

test('a subject takes what a person would write and refuses what no CA may', () => {
  expect(formatName(subjectName({ state: 'Ohio', country: 'US' }))).toBe('ST=Ohio,C=US')
  for (const bad of [{ country: 'USA' }, { country: 'U1' }, { organization: '' }, { locality: 'x'.repeat(65) }]) {
    expect(() => subjectName(bad), JSON.stringify(bad)).toThrow(UsageError)
  }
})

describe('before it is signed, a certificate is refused for', () => {
  const context = () => ({ profile: 'device' as const, issuer: issuing.certificate, now })
  const findings = (change: (contents: CertificateContents) => Partial<CertificateContents>) => {
    const contents = deviceContents(nodeCrypto, wanted())
    return lintTbs(nodeCrypto, encodeTbs({ ...contents, ...change(contents) }, 'ecdsa-p256'), context())
  }
  const without = (contents: CertificateContents, type: string) =>
    contents.extensions.filter((extension) => extension.type !== type)

  test('nothing, when it is as policy builds it', () => {
    expect(findings(() => ({}))).toEqual([])
  })

  test.each<[string, (contents: CertificateContents) => Partial<CertificateContents>, RegExp]>([
    ['a CA flag', (c) => ({ extensions: [basicConstraints(true), ...without(c, '2.5.29.19')] }), /CA flag/],
    ['no basic constraints', (c) => ({ extensions: without(c, '2.5.29.19') }), /CA flag|not critical/],
    [
      'the right to sign certificates',
      (c) => ({ extensions: [keyUsage(['digitalSignature', 'keyCertSign']), ...without(c, '2.5.29.15')] }),
      /right to sign certificates/,
    ],
    [
      'the right to sign lists',
      (c) => ({ extensions: [keyUsage(['digitalSignature', 'cRLSign']), ...without(c, '2.5.29.15')] }),
      /right to sign/,
    ],
    [
      'any extended key usage',
      (c) => ({ extensions: [extendedKeyUsage([keyPurposes.any]), ...without(c, '2.5.29.37')] }),
      /extended key usages/,
    ],
    [
      'the right to enroll others',
      (c) => ({
        extensions: [
          extendedKeyUsage([keyPurposes.serverAuth, keyPurposes.clientAuth, keyPurposes.cmcRA]),
          ...without(c, '2.5.29.37'),
        ],
      }),
      /extended key usages/,
    ],
    [
      'no address',
      (c) => ({ extensions: [subjectAlternativeName([], ['a.example']), ...without(c, '2.5.29.17')] }),
      /without IP address/,
    ],
    ['a foreign issuer name', () => ({ issuer: parseName('CN=other') }), /issuer is not/],
    ['a short serial number', () => ({ serial: Uint8Array.of(1, 2, 3) }), /less than 16 bytes/],
    ['an end after its issuer', () => ({ notAfter: issuing.certificate.notAfter + 1000 }), /outlives/],
    ['a start in the future', () => ({ notBefore: now + 60_000 }), /not valid yet/],
    ['an end that has come', () => ({ notAfter: now }), /expired/],
    ['a missing key identifier', (c) => ({ extensions: without(c, '2.5.29.14') }), /subject key identifier/],
    [
      'a missing authority key identifier',
      (c) => ({ extensions: without(c, '2.5.29.35') }),
      /authority key identifier/,
    ],
    ["the issuer's own key", () => ({ publicKey: issuing.certificate.publicKey }), /own key/],
    [
      'an unknown critical extension',
      (c) => ({ extensions: [...c.extensions, { type: '1.2.3', critical: true, value: Uint8Array.of(5, 0) }] }),
      /1\.2\.3/,
    ],
    ['an extension twice', (c) => ({ extensions: [...c.extensions, keyUsage(['digitalSignature'])] }), /twice/],
    ['an empty subject', () => ({ subject: parseName('') }), /empty subject/],
  ])('%s', (_, change, reason) => {
    expect(findings(change).join('; ')).toMatch(reason)
  })

  test('all its faults at once, and is not signed', async () => {
    const contents = { ...deviceContents(nodeCrypto, wanted()), serial: Uint8Array.of(1), notAfter: now }
    expect(() => checkTbs(nodeCrypto, encodeTbs(contents, 'ecdsa-p256'), context())).toThrow(NotAllowed)
    await expect(signCertificate(nodeCrypto, contents, issuing.key, context())).rejects.toThrow(/16 bytes.*; .*expired/)
  })

  test('being no certificate at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(lintTbs(nodeCrypto, bytes, context())).not.toEqual([])
      }),
    )
  })
})

describe.skipIf(!hasOpenssl)('OpenSSL', () => {
  test('accepts device and client for their purposes under the plant root, in strict mode', async () => {
    using directory = new OpensslDirectory()
    const leaf = await made(deviceContents(nodeCrypto, wanted()), issuing.key, 'device', issuing.certificate)
    const client = await made(
      clientContents(nodeCrypto, wanted({ name: 'manager' })),
      issuing.key,
      'client',
      issuing.certificate,
    )
    directory.write('root.pem', encodePem('CERTIFICATE', root.certificate.der))
    directory.write('issuing.pem', encodePem('CERTIFICATE', issuing.certificate.der))
    directory.write('device.pem', encodePem('CERTIFICATE', leaf.der))
    directory.write('client.pem', encodePem('CERTIFICATE', client.der))
    const verify = (name: string, ...more: string[]) =>
      directory.attempt(
        'verify',
        '-x509_strict',
        '-attime',
        String(now / 1000),
        '-CAfile',
        'root.pem',
        '-untrusted',
        'issuing.pem',
        ...more,
        name,
      )
    expect(verify('device.pem', '-purpose', 'sslserver', '-verify_ip', '127.17.83.31')).toMatchObject({ status: 0 })
    expect(verify('device.pem', '-purpose', 'sslclient')).toMatchObject({ status: 0 })
    expect(verify('client.pem', '-purpose', 'sslclient')).toMatchObject({ status: 0 })
    expect(verify('client.pem', '-purpose', 'sslserver').status).not.toBe(0)
    expect(verify('device.pem', '-verify_ip', '127.17.83.32').stderr).toMatch(/IP address mismatch/)
  })

  test('needs only the issuing CA when chains may be partial', async () => {
    using directory = new OpensslDirectory()
    const leaf = await made(deviceContents(nodeCrypto, wanted()), issuing.key, 'device', issuing.certificate)
    directory.write('issuing.pem', encodePem('CERTIFICATE', issuing.certificate.der))
    directory.write('device.pem', encodePem('CERTIFICATE', leaf.der))
    const args = ['-attime', String(now / 1000), '-CAfile', 'issuing.pem', 'device.pem']
    expect(directory.attempt('verify', '-partial_chain', ...args)).toMatchObject({ status: 0 })
    expect(directory.attempt('verify', ...args).status).not.toBe(0)
  })
})
