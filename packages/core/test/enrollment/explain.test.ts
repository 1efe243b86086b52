import { explainPolicy, formatExplanation, policyAdvice } from '@cordon/core/enrollment'
import { describe, expect, test } from 'vitest'
import { policyOf } from './rules.ts'

describe('an explanation', () => {
  const policy = policyOf(
    '{ anyOf: [{ vendorCertificate: { vendors: [rockwell] } }, { serialList: { list: spares, needs: claimed } }, { provisioningCertificate: {} }, { globalGrant: { from: 2026-06-01T00:00:00Z, until: 2026-06-02T00:00:00Z } }, { allOf: [{ password: { accounts: [spare] } }, { not: { serialList: { list: stolen, by: mac } } }] }] }',
  )
  const explained = explainPolicy(policy)

  test('says each rule in one line', () => {
    expect(explained.labels.find(({ label }) => label === null)?.rule).toBe(
      'any of (vendor certificate of rockwell; serial number or MAC address in list spares, claimed; provisioning certificate of cards or media; everybody from 2026-06-01T00:00:00Z until 2026-06-02T00:00:00Z; all of (password of account spare; not (MAC address in list stolen, proven)))',
    )
    expect(explained.labels.find(({ label }) => label === 'pc')).toMatchObject({
      rule: 'approval by an administrator',
      warnings: [],
    })
  })

  test('warns of what lets strangers in', () => {
    expect(explained.labels.find(({ label }) => label === null)?.warnings).toEqual([
      'list spares takes numbers that are only claimed: anybody who knows one can use it',
      'a stolen certificate of media works until it is revoked',
      'until 2026-06-02T00:00:00Z everybody who reaches the server gets a certificate',
    ])
  })

  test('tells risks and fit of each policy that occurs, once', () => {
    expect(explained.policies.map(({ kind }) => kind).sort()).toEqual(Object.keys(policyAdvice).sort())
    const text = formatExplanation(explained)
    for (const { risks, fits } of Object.values(policyAdvice)) {
      expect(text.split(risks)).toHaveLength(2)
      expect(text).toContain(fits)
    }
    const alone = formatExplanation(explainPolicy(policyOf('{ administrator: {} }')))
    expect(alone).not.toContain(policyAdvice.globalGrant.risks)
  })
})
