import {
  cipherSuites,
  connectionStrength,
  curveStrength,
  ianaSuiteName,
  keyStrength,
  macStrength,
  modulusStrength,
  namedSuites,
  signatureHashStrength,
  spellStrength,
  strengthLinks,
  strengthVerdicts,
  suiteParts,
  suitesBefore13,
  tls13Suites,
} from '@cordon/core/security'
import { fc } from '../policy/properties.ts'
import { describe, expect, test } from 'vitest'

const leaf = { subject: 'CN=a', key: { type: 'ec', curve: 'prime256v1' }, hash: 'SHA-256', selfSigned: false } as const

describe('the strength of one algorithm', () => {
  test.each([
    [512, 'less than 80 bits'],
    [1024, '80 bits'],
    [2047, '80 bits'],
    [2048, '112 bits'],
    [3071, '112 bits'],
    [3072, '128 bits'],
    [7680, '192 bits'],
    [15_360, '256 bits'],
  ])('of a modulus of %i bits is that of SP 800-57 table 2: %s', (bits, expected) => {
    expect(spellStrength(modulusStrength(bits))).toBe(expected)
    expect(keyStrength({ type: 'rsa', bits })).toEqual(modulusStrength(bits))
    expect(keyStrength({ type: 'dsa', bits })).toEqual(modulusStrength(bits))
  })

  test.each([
    ['prime256v1', '128 bits'],
    ['P-384', '192 bits'],
    ['secp521r1', '256 bits'],
    ['secp224r1', '112 bits'],
    ['secp192r1', '80 bits'],
    ['X25519', '128 bits'],
    ['x448', '224 bits'],
    ['ffdhe2048', '112 bits'],
    ['brainpoolP256r1', '128 bits'],
    ['curve of tomorrow', 'unknown'],
  ])('of the curve %s is %s', (name, expected) => {
    expect(spellStrength(curveStrength(name))).toBe(expected)
  })

  test.each([
    ['SHA-1', 'less than 80 bits'],
    ['MD5', 'less than 80 bits'],
    ['MD5+SHA-1', 'less than 80 bits'],
    ['SHA-256', '128 bits'],
    ['SHA-512', '256 bits'],
    [undefined, 'unknown'],
    ['Ed25519', '128 bits'],
    ['Ed448', '224 bits'],
    ['WHIRLPOOL', 'unknown'],
  ])('of a signature over %s is %s', (hash, expected) => {
    expect(spellStrength(signatureHashStrength(hash))).toBe(expected)
  })

  test('of HMAC is not that of its hash in signatures', () => {
    expect(macStrength('HMAC-SHA1', 'AES-128-CBC').bits).toBe(128)
    expect(macStrength('HMAC-MD5', 'RC4-128').bits).toBeUndefined()
    expect(macStrength('AEAD', 'AES-128-CCM-8').bits).toBe(64)
  })

  test('may be used through 2030 from 112 bits on, and from 2031 on from 128', () => {
    expect(strengthVerdicts({ bits: 80, reason: '' })).toEqual({ today: 'disallowed', after2030: 'disallowed' })
    expect(strengthVerdicts({ bits: 112, reason: '' })).toEqual({ today: 'acceptable', after2030: 'disallowed' })
    expect(strengthVerdicts({ bits: 112, below: true, reason: '' })).toMatchObject({ today: 'disallowed' })
    expect(strengthVerdicts({ bits: 128, reason: '' })).toEqual({ today: 'acceptable', after2030: 'acceptable' })
    expect(strengthVerdicts({ bits: undefined, reason: '' })).toEqual({ today: 'unknown', after2030: 'unknown' })
  })
})

describe('the table of suites', () => {
  test('has each number and each name once, and the thirteen of CIP Security by the same names', () => {
    expect(new Set(namedSuites.map(([id]) => id)).size).toBe(namedSuites.length)
    expect(new Set(namedSuites.map(([, name]) => name)).size).toBe(namedSuites.length)
    for (const { id, name } of cipherSuites) expect(ianaSuiteName(id)).toBe(name)
    expect(suitesBefore13.length + tls13Suites.length).toBe(namedSuites.length)
  })

  test('is taken apart without a rest: every key exchange and every cipher of it is known by kind', () => {
    for (const [id, name] of namedSuites) {
      const parts = suiteParts(id)
      expect(parts.keyExchange, name).not.toBe('unknown')
      expect(parts.authentication, name).not.toBe('unknown')
      expect(parts.cipher, name).not.toBe('')
      expect(parts.encrypts, name).toBe(!name.includes('_NULL'))
    }
  })

  test('agrees with CIP Security on what encrypts and who proves what', () => {
    for (const { id, encrypts, authentication } of cipherSuites) {
      expect(suiteParts(id)).toMatchObject({ encrypts, authentication })
    }
  })
})

describe('a connection', () => {
  test('is as strong as its weakest link, which is named', () => {
    const facts = { suite: 0xc02f, group: { curve: 'secp256r1' }, signatureHash: 'SHA-256' }
    const chain = [{ ...leaf, key: { type: 'rsa', bits: 2048 } }]
    const report = connectionStrength({ ...facts, chain })
    expect(report).toMatchObject({ today: 'acceptable', after2030: 'disallowed', encrypts: true })
    expect(report.weakest).toMatchObject({ role: 'peer-key', name: 'RSA 2048', bits: 112 })
  })

  test('with a NULL suite promises integrity alone, and is judged by that', () => {
    const facts = { suite: 0xc006, group: { curve: 'P-256' }, signatureHash: 'SHA-256' }
    const report = connectionStrength({ ...facts, chain: [leaf] })
    expect(report).toMatchObject({ encrypts: false, today: 'acceptable', weakest: { bits: 128 } })
    expect(report.links[0]).toMatchObject({ role: 'cipher', name: 'NULL', bits: 0 })
  })

  test('with a pre-shared key is never called acceptable, as nobody outside sees the key', () => {
    const report = connectionStrength({ suite: 0xc037, group: { curve: 'P-256' }, chain: [] })
    expect(report).toMatchObject({ today: 'unknown', after2030: 'unknown' })
    expect(report.unknown.map(({ name }) => name)).toEqual(['pre-shared key'])
  })

  test('over a chain whose issuer signs by SHA-1 is weak, unless that is the end that signs itself', () => {
    const facts = { suite: 0xc02b, group: { curve: 'P-256' }, signatureHash: 'SHA-256' }
    const weak = { ...leaf, hash: 'SHA-1' }
    expect(connectionStrength({ ...facts, chain: [weak] }).weakest).toMatchObject({ role: 'certificate-signature' })
    expect(connectionStrength({ ...facts, chain: [leaf, { ...weak, selfSigned: true }] })).toMatchObject({
      today: 'acceptable',
    })
  })

  test('of version 1.3 without a chain, or whose signature nobody read, is not called acceptable', () => {
    const modern = { suite: 0x1301, group: { curve: 'x25519' } }
    const unseen = connectionStrength({ ...modern, chain: [] })
    expect(unseen).toMatchObject({ today: 'unknown', after2030: 'unknown' })
    expect(unseen.unknown.map(({ role }) => role)).toEqual(['handshake-signature', 'peer-key'])
    expect(connectionStrength({ ...modern, chain: [leaf] }).unknown.map(({ name }) => name)).toEqual([
      'signature of version 1.3',
    ])
    expect(connectionStrength({ ...modern, signatureHash: 'SHA-256', chain: [leaf] })).toMatchObject({
      today: 'acceptable',
      after2030: 'acceptable',
    })
    const unread = connectionStrength({ suite: 0xc02b, group: { curve: 'P-256' }, chain: [leaf] })
    expect(unread).toMatchObject({ today: 'unknown', unknown: [{ role: 'handshake-signature' }] })
    // A key exchange by RSA is not signed.
    const transported = { ...leaf, key: { type: 'rsa', bits: 3072 } }
    expect(connectionStrength({ suite: 0x009c, chain: [transported] }).unknown).toEqual([])
  })

  test('with 3DES is disallowed, and 3DES is why', () => {
    const facts = { suite: 0xc012, group: { curve: 'P-256' }, signatureHash: 'SHA-256' }
    const report = connectionStrength({ ...facts, chain: [{ ...leaf, key: { type: 'rsa', bits: 2048 } }] })
    expect(report).toMatchObject({ today: 'disallowed', after2030: 'disallowed' })
    expect(report.weakest).toMatchObject({ role: 'cipher', name: '3DES-CBC', bits: 112, disallowed: true })
    expect(report.weakest?.reason).toMatch(/SP 800-131A rev. 2/)
    // What is weaker still is named first.
    const old = connectionStrength({ ...facts, chain: [{ ...leaf, key: { type: 'rsa', bits: 1024 } }] })
    expect(old.weakest).toMatchObject({ name: 'RSA 1024' })
  })

  test('with nobody at the other end has no strength', () => {
    const report = connectionStrength({ suite: 0xc018, group: { curve: 'P-256' }, chain: [] })
    expect(report.weakest).toMatchObject({ role: 'peer-key', bits: 0 })
  })

  test('is never acceptable with a link that is unknown or too weak, whatever the suite and the chain', () => {
    const keys = [
      { type: 'rsa', bits: 1024 },
      { type: 'rsa', bits: 4096 },
      { type: 'ec', curve: 'prime256v1' },
      { type: 'ec', curve: 'nobody knows' },
      { type: 'lattice' },
    ]
    const certificate = fc.record({
      subject: fc.constant('CN=x'),
      key: fc.constantFrom(...keys),
      hash: fc.constantFrom('SHA-1', 'SHA-256', undefined),
      selfSigned: fc.boolean(),
    })
    const facts = fc.record({
      suite: fc.oneof(fc.constantFrom(...namedSuites.map(([id]) => id)), fc.integer({ min: 0, max: 0xffff })),
      signatureHash: fc.constantFrom('SHA-1', 'SHA-256', 'nobody knows'),
      group: fc.constantFrom({ curve: 'P-256' }, { prime: 1024 }),
      chain: fc.array(certificate, { maxLength: 4 }),
    })
    fc.assert(
      fc.property(facts, (each) => {
        const { today, after2030 } = connectionStrength(each)
        const links = strengthLinks(each).filter(({ role, name }) => role !== 'cipher' || name !== 'NULL')
        const isStrong = (least: number) =>
          links.every(
            ({ bits, below, disallowed }) =>
              bits !== undefined && disallowed !== true && (bits > least || (bits === least && below !== true)),
          )
        expect(today === 'acceptable').toBe(isStrong(112))
        expect(after2030 === 'acceptable').toBe(isStrong(128))
      }),
    )
  })
})
