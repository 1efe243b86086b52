import {
  cipherSuites,
  defaultAllowedSuites,
  defaultSuiteOrder,
  findSuite,
  isIntegrityOnly,
  suiteFromText,
  suiteHex,
  suiteName,
  suiteProtection,
  suitesFor,
} from '@cordon/core/security'
import { describe, expect, test } from 'vitest'

describe('cipher suites of CIP Security', () => {
  test('are the thirteen of the wire reference, each once', () => {
    const expected = [
      0x003b, 0x003c, 0x003d, 0xc006, 0xc023, 0xc024, 0xc02b, 0xc02c, 0xc037, 0xc03a, 0xcca9, 0xccac, 0xd001,
    ]
    expect([...cipherSuites.map((suite) => suite.id)].sort((a, b) => a - b)).toEqual(expected)
  })

  test('say in their IANA name what they promise', () => {
    for (const suite of cipherSuites) {
      expect(suite.name.includes('_NULL_')).toBe(!suite.encrypts)
      const kind = suite.name.includes('PSK') ? 'psk' : suite.name.includes('ECDSA') ? 'ecdsa' : 'rsa'
      expect(suite.authentication).toBe(kind)
    }
  })

  test('are ordered with confidentiality before integrity for each way to authenticate', () => {
    for (const kind of ['rsa', 'ecdsa', 'psk'] as const) {
      const own = defaultSuiteOrder.filter((id) => findSuite(id)?.authentication === kind)
      const firstNull = own.findIndex((id) => isIntegrityOnly(id))
      expect(own.slice(firstNull).every((id) => isIntegrityOnly(id))).toBe(true)
    }
  })

  test('in factory default are confidential and without a pre-shared key', () => {
    expect(defaultAllowedSuites).toEqual([0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023])
    expect(defaultAllowedSuites).toEqual(suitesFor('ecdsa', 'confidentiality'))
  })

  test('for integrity are exactly the NULL suites, never "or better"', () => {
    expect(suitesFor('ecdsa', 'integrity')).toEqual([0xc006])
    expect(suitesFor('rsa', 'integrity')).toEqual([0x003b])
    expect(suitesFor('psk', 'integrity')).toEqual([0xc03a])
  })

  test('follow the order they are asked for in and leave out what it does not list', () => {
    expect(suitesFor('ecdsa', 'confidentiality', [0xc023, 0xc024, 0xc006])).toEqual([0xc023, 0xc024])
    expect(suitesFor('psk', 'confidentiality', [0xc023, 0xc037, 0xccac])).toEqual([0xc037, 0xccac])
    expect(suitesFor('rsa', 'confidentiality', [0xc023])).toEqual([])
  })

  test('have names for people, and unknown numbers stay readable', () => {
    expect(suiteName(0xc006)).toBe('TLS_ECDHE_ECDSA_WITH_NULL_SHA')
    expect(suiteName(0x1301)).toBe('0x1301')
    expect(suiteHex(0x3b)).toBe('003B')
  })

  test('are read from numbers and names as people write them', () => {
    expect(suiteFromText('0xC023')).toBe(0xc023)
    expect(suiteFromText(' c023 ')).toBe(0xc023)
    expect(suiteFromText('tls_ecdhe_ecdsa_with_null_sha')).toBe(0xc006)
    expect(suiteFromText('0x1301')).toBeUndefined()
    expect(suiteFromText('TLS_ECDHE_ECDSA_WITH_NULL_SHA256')).toBeUndefined()
    expect(suiteFromText('')).toBeUndefined()
  })

  test('that CIP Security does not name promise nothing', () => {
    expect(findSuite(0x1301)).toBeUndefined()
    expect(suiteProtection(0x1301)).toBeUndefined()
    expect(isIntegrityOnly(0x1301)).toBe(false)
    expect(suiteProtection(0xc006)).toBe('integrity')
    expect(suiteProtection(0xc02b)).toBe('confidentiality')
  })
})
