import { describe, expect, it } from 'vitest'
import { bucketFilter, endTone, isIn } from '../src/pages/certificates/buckets.ts'
import { policyLine } from '../src/pages/enrollment/policy-line.ts'
import { replacementOf } from '../src/pages/enrollment/replacement.ts'
import { decisionSummary } from '../src/pages/enrollments/decisions.ts'
import { fingerprintText } from '../src/words/trust.ts'

const now = Date.parse('2026-03-01T00:00:00Z')
const inDays = (days: number) => new Date(now + days * 86_400_000).toISOString()

describe('buckets of certificates', () => {
  it('asks for what ends in time, and leaves out what is in an earlier bucket', () => {
    expect(bucketFilter('30')).toEqual({ status: 'valid', withinDays: 30 })
    expect(bucketFilter('later')).toEqual({ status: 'valid' })
    expect(bucketFilter('revoked')).toEqual({ status: 'revoked' })
    expect(bucketFilter(undefined)).toEqual({})
    expect(isIn('30', inDays(6.9), now)).toBe(false)
    expect(isIn('30', inDays(7), now)).toBe(true)
    expect(isIn('later', inDays(89), now)).toBe(false)
    expect(isIn('7', inDays(-0.01), now)).toBe(true)
    expect(isIn('revoked', inDays(-100), now)).toBe(true)
  })

  it('points out only what is valid and ends soon', () => {
    expect(endTone({ status: 'valid', notAfter: inDays(6) }, now)).toBe('bad')
    expect(endTone({ status: 'valid', notAfter: inDays(29) }, now)).toBe('warn')
    expect(endTone({ status: 'valid', notAfter: inDays(31) }, now)).toBeUndefined()
    expect(endTone({ status: 'revoked', notAfter: inDays(1) }, now)).toBeUndefined()
  })
})

describe('the explanation of an enrollment', () => {
  it('takes lines apart as the manager writes them', () => {
    expect(policyLine('pend: waits for one person: any')).toEqual({
      depth: 0,
      policy: '',
      reason: 'waits for one person: any',
      tone: 'wait',
      text: 'Waits',
    })
    expect(policyLine('    serialList not-applicable: the serial is claimed only')).toMatchObject({
      depth: 2,
      policy: 'serialList',
      text: 'Does not apply',
      reason: 'the serial is claimed only',
    })
    expect(policyLine('  allOf grant')).toMatchObject({ depth: 1, policy: 'allOf', text: 'Grants', reason: '' })
  })

  it('shows what it does not know as it is', () => {
    expect(policyLine('  odd')).toMatchObject({ policy: 'odd', text: '' })
    expect(policyLine('')).toMatchObject({ policy: '', text: '', reason: '' })
  })
})

describe('the verdict on a replacement', () => {
  it('reads criteria and drops what is none', () => {
    const read = replacementOf({
      matches: false,
      device: 'Drive',
      criteria: [
        { name: 'vendor', result: 'mismatch', reason: '1 is not 2' },
        null,
        'x',
        { name: 'new', result: 'odd' },
      ],
    })
    expect(read?.criteria).toEqual([
      { name: 'Vendor', result: { tone: 'bad', text: 'Does not fit' }, reason: '1 is not 2' },
      { name: 'new', result: { tone: 'none', text: 'odd' }, reason: '' },
    ])
  })

  it('is none where there is none', () => {
    for (const value of [null, undefined, 'x', {}, { matches: 'yes' }]) expect(replacementOf(value)).toBeUndefined()
  })
})

it('tells which of several requests were not decided, and why', () => {
  const items = [
    { id: 1, state: 'done', error: null },
    { id: 2, state: 'refused', error: 'it was denied meanwhile' },
  ]
  expect(decisionSummary({ verdict: 'approve', items })).toEqual({
    done: '1 request approved.',
    refused: ['Request 2 was not approved: it was denied meanwhile'],
  })
})

it('writes a fingerprint in pairs, and anything else as it is', () => {
  expect(fingerprintText('0aff')).toBe('0A:FF')
  expect(fingerprintText('0af')).toBe('0af')
})
