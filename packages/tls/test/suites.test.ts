import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { Context, suites } from '../lib/index.ts'
import { text } from './pair.ts'

/** cip-security-wire 5.2, copied by hand from the reference. */
const ids = [0x003b, 0x003c, 0x003d, 0xc006, 0xc023, 0xc024, 0xc02b, 0xc02c, 0xc037, 0xc03a, 0xcca9, 0xccac, 0xd001]

describe('the suites of CIP Security', () => {
  it('are the thirteen that the reference lists', () => {
    expect(suites.map(({ id }) => id)).toEqual(ids)
  })

  it('are all available but 0xD001, which says why', () => {
    expect(suites.filter(({ available }) => !available).map(({ id }) => id)).toEqual([0xd001])
    const missing = suites.find(({ id }) => id === 0xd001)
    expect(missing?.reason).toContain('OpenSSL does not implement TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256')
    expect(suites.filter(({ id }) => id !== 0xd001).every(({ reason }) => reason === undefined)).toBe(true)
  })

  it('have the names that IANA and OpenSSL give them', () => {
    const listing = execFileSync('openssl', ['ciphers', '-stdname', '-V', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'], {
      encoding: 'utf8',
    })
    const known = new Map(
      listing
        .split('\n')
        .map((line) => /0x(\w\w),0x(\w\w) - (\S+)\s+- (\S+)/.exec(line))
        .flatMap((match) => (match === null ? [] : [[Number.parseInt(`${match[1]}${match[2]}`, 16), match] as const])),
    )
    for (const suite of suites.filter(({ openssl }) => openssl !== undefined)) {
      const match = known.get(suite.id)
      expect([match?.[3], match?.[4]]).toEqual([suite.name, suite.openssl])
    }
  })

  it('are marked as not encrypting exactly where the cipher is NULL', () => {
    for (const { name, encrypts } of suites) expect(encrypts).toBe(!name.includes('_NULL_'))
  })

  it('name what authenticates the server', () => {
    for (const { name, authentication } of suites) {
      expect(authentication).toBe(name.includes('_PSK_') ? 'psk' : name.includes('_ECDSA_') ? 'ecdsa' : 'rsa')
    }
  })

  it.each([0xd001, 0x1301, 0x002f, 0xfefe, 0])('cannot be used when missing, foreign or unknown: %i', (id) => {
    const make = () =>
      new Context({
        role: 'client',
        protocol: 'tls',
        suites: [0xc02b, id],
        psk: [{ identity: text('a'), key: text('b') }],
      })
    expect(make).toThrow(expect.objectContaining({ name: 'TlsError', code: 'suite-unavailable' }))
  })

  it.each([0xd001, 0xfefe])('cannot be probed by OpenSSL when OpenSSL lacks it: %i', (id) => {
    const versions = { min: 'TLSv1', max: 'TLSv1.2' } as const
    const make = () => new Context({ role: 'client', protocol: 'tls', suites: [0xc02b, id], versions })
    expect(make).toThrow(expect.objectContaining({ code: 'suite-unavailable' }))
  })
})
