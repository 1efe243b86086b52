import { evaluateEnrollment, parseEnrollmentFacts } from '@cordon/core/enrollment'
import { describe, expect, test } from 'vitest'
import { factsOf, policyOf } from './rules.ts'

describe('facts that are written down', () => {
  test('are read as they were kept, and what is not said is not known', () => {
    const facts = factsOf({
      units: [{ value: { vendorId: 1, serialNumber: 7 }, assurance: 'proven', source: 'certificate of rockwell' }],
      macs: [{ value: '00:1d:9c:01:02:03', assurance: 'observed', source: 'ARP' }],
      vendor: {
        verdict: 'trusted',
        vendor: 'rockwell',
        unit: { vendorId: 1, serialNumber: 7 },
        product: 'EN4TR',
        reason: 'leads to an anchor',
      },
      administrators: [{ by: 'anna', verdict: 'approve', reason: '' }],
      password: { account: 'spare', verdict: 'accepted', granted: 0 },
      provisioning: { authority: 'cards', fingerprint: 'ab', revoked: false, consumedBy: undefined },
      sightings: [{ address: '192.0.2.9', unit: undefined, mac: undefined }],
    })
    expect(parseEnrollmentFacts(JSON.stringify(facts), 'facts.json').facts).toEqual(facts)
    const { facts: few } = parseEnrollmentFacts(
      'macs: [{ value: 001D.9C01.0203, assurance: claimed, source: me }]',
      'f',
    )
    expect(few).toMatchObject({ address: '', units: [], macs: [{ value: '00:1d:9c:01:02:03' }] })
    const verdict = evaluateEnrollment(policyOf('{ administrator: {} }'), few ?? facts, { at: 0, lists: new Map() })
    expect(verdict).toMatchObject({ verdict: 'pend', label: null })
  })

  test.each([
    ['{ "adress": "192.0.2.1" }', /adress/],
    ['{ "units": [{ "value": 7 }] }', /units/],
    ['{ "vendor": { "verdict": "trusted", "reason": "x" } }', /vendor and unit/],
    ['[', /./],
  ])('%s is refused with a place', (text, expected) => {
    const { facts, problems } = parseEnrollmentFacts(text, 'facts.json')
    expect(facts).toBeUndefined()
    expect(problems[0]).toMatchObject({ file: 'facts.json', line: expect.any(Number), column: expect.any(Number) })
    expect(JSON.stringify(problems)).toMatch(expected)
  })
})
