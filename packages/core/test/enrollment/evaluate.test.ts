import {
  type Assurance,
  evaluateEnrollment,
  type EnrollmentFacts,
  type EnrollmentPolicy,
  type Evaluation,
  formatEvaluation,
  type Rule,
  serialList,
  type UnitIdentity,
  type VendorJudgement,
} from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import { describe, expect, test } from 'vitest'
import { grantsStrangers } from '../../src/enrollment/approval-policy.ts'
import { fc } from '../policy/properties.ts'
import { factsOf, policyOf } from './rules.ts'

const at = Date.UTC(2026, 5, 1, 12)
const unit: UnitIdentity = { vendorId: 1, serialNumber: 0x00e1_7388 }
const mac = '00:1d:9c:01:02:03'
const lists = new Map([
  [
    'green',
    serialList([
      { unit, mac: undefined, note: '' },
      { unit: undefined, mac, note: '' },
    ]),
  ],
  ['stolen', serialList([{ unit, mac: undefined, note: '' }])],
])

function ask(rule: string | EnrollmentPolicy, facts: Partial<EnrollmentFacts> = {}, when = at): Evaluation {
  const policy = typeof rule === 'string' ? policyOf(rule) : rule
  return evaluateEnrollment(policy, factsOf(facts), { at: when, lists })
}

const trusted: VendorJudgement = {
  verdict: 'trusted',
  vendor: 'rockwell',
  unit,
  product: undefined,
  reason: 'leads to an anchor',
}
const proven = {
  vendor: trusted,
  units: [{ value: unit, assurance: 'proven' as const, source: 'certificate of rockwell' }],
}
const approve = (by: string) => ({ by, verdict: 'approve' as const, reason: 'known' })

describe('vendor certificate', () => {
  const rule = '{ vendorCertificate: { vendors: [rockwell] } }'
  test.each([
    [trusted, 'grant'],
    [{ ...trusted, vendor: 'example' }, 'not-applicable'],
    [{ verdict: 'unknown', vendor: undefined, reason: 'x' }, 'not-applicable'],
    [{ verdict: 'revoked', vendor: 'rockwell', reason: 'x' }, 'deny'],
    [{ verdict: 'refused', vendor: 'rockwell', reason: 'x' }, 'deny'],
    [undefined, 'not-applicable'],
  ] as const)('judged %j is %s', (vendor, result) => {
    const { tree, verdict } = ask(rule, { vendor })
    expect(tree?.result).toBe(result)
    expect(verdict).toBe(result === 'grant' ? 'grant' : 'deny')
  })

  test('of any vendor of the file counts where the rule names none', () => {
    expect(ask('{ vendorCertificate: {} }', { vendor: { ...trusted, vendor: 'example' } }).verdict).toBe('grant')
  })
})

describe('administrator approval', () => {
  test('waits, grants and denies', () => {
    expect(ask('{ administrator: {} }')).toMatchObject({ verdict: 'pend', uses: [] })
    expect(ask('{ administrator: {} }', { administrators: [approve('ann')] }).verdict).toBe('grant')
    const denied = ask('{ administrator: {} }', {
      administrators: [approve('ann'), { by: 'bob', verdict: 'deny', reason: 'unknown unit' }],
    })
    expect(denied).toMatchObject({ verdict: 'deny', reason: 'bob denied it: unknown unit' })
  })

  test('by two needs two people, not one twice', () => {
    const two = '{ administrator: { approvals: 2 } }'
    expect(ask(two, { administrators: [approve('ann'), approve('ann')] })).toMatchObject({
      verdict: 'pend',
      reason: 'waits for an administrator, 1 of 2 approved',
    })
    expect(ask(two, { administrators: [approve('ann'), approve('bob')] }).verdict).toBe('grant')
  })
})

describe('serial-number list', () => {
  const known = (assurance: Assurance) => ({ units: [{ value: unit, assurance, source: 'x' }], macs: [] })
  test.each([
    ['{ serialList: { list: green } }', 'proven', 'grant'],
    ['{ serialList: { list: green } }', 'observed', 'deny'],
    ['{ serialList: { list: green } }', 'claimed', 'deny'],
    ['{ serialList: { list: green, needs: observed } }', 'observed', 'grant'],
    ['{ serialList: { list: green, needs: observed } }', 'claimed', 'deny'],
    ['{ serialList: { list: green, needs: claimed } }', 'claimed', 'grant'],
    ['{ serialList: { list: green, by: mac } }', 'proven', 'deny'],
  ] as const)('%s with a number that is %s: %s', (rule, assurance, verdict) => {
    expect(ask(rule, known(assurance)).verdict).toBe(verdict)
  })

  test('says that a number is listed but too little known', () => {
    expect(ask('{ serialList: { list: green } }', known('claimed')).reason).toBe(
      'no rule grants it: vendor 1 serial 0x00E17388 stands in green, but is only claimed (x); the rule needs proven',
    )
  })

  test('does not take the serial number of another vendor', () => {
    const other = { units: [{ value: { ...unit, vendorId: 2 }, assurance: 'proven' as const, source: 'x' }] }
    expect(ask('{ serialList: { list: green } }', other)).toMatchObject({
      verdict: 'deny',
      reason: /does not stand in green/,
    })
  })

  test('goes by MAC address too', () => {
    const macs = [{ value: mac, assurance: 'observed' as const, source: 'ARP' }]
    expect(ask('{ serialList: { list: green, by: mac, needs: observed } }', { macs }).verdict).toBe('grant')
    expect(ask('{ serialList: { list: green, by: serial, needs: observed } }', { macs }).verdict).toBe('deny')
  })

  test('that was not given is a mistake, not an answer', () => {
    expect(() => ask('{ serialList: { list: missing } }')).toThrow(UsageError)
  })
})

describe('user name and password', () => {
  const given = (more: object = {}) => ({
    password: { account: 'engineering', verdict: 'accepted' as const, granted: 0, ...more },
  })
  test.each([
    ['right', given(), {}, 'grant', /account engineering/],
    ['wrong', given({ verdict: 'refused' }), {}, 'deny', /wrong password/],
    ['of an unknown account', given({ account: 'nobody' }), {}, 'not-applicable', /does not count here/],
    ['used up', given({ granted: 3 }), {}, 'not-applicable', /used up: 3 of 3/],
    [
      'for another subject',
      given(),
      { subject: { text: 'CN=x', attributes: [{ type: '2.5.4.3', value: 'x' }] } },
      'not-applicable',
      /does not cover subject CN=x/,
    ],
    ['for no such attribute', given(), { subject: { text: '', attributes: [] } }, 'not-applicable', /does not cover/],
    [
      'with a second name',
      given(),
      { subject: { text: '', attributes: ['PC-1', 'root'].map((value) => ({ type: '2.5.4.3', value })) } },
      'not-applicable',
      /does not cover/,
    ],
  ] as const)('%s', (_, password, more, result, reason) => {
    const { tree } = ask('{ password: { accounts: [engineering] } }', { ...password, ...more })
    expect(tree?.result).toBe(result)
    expect(tree?.reason).toMatch(reason)
  })

  test('counts for its labels only, and is counted when it grants', () => {
    const policy = policyOf('{ administrator: {} }', '  cell: { password: {} }\n')
    expect(evaluateEnrollment(policy, factsOf({ ...given(), label: 'cell' }), { at, lists }).tree?.reason).toMatch(
      /does not count for label cell/,
    )
    expect(ask('{ password: {} }', given()).uses).toEqual([{ kind: 'account', account: 'engineering', most: 3 }])
    expect(ask('{ password: {} }', given({ granted: 3 })).uses).toEqual([])
  })
})

describe('provisioning certificate', () => {
  const shown = (more: object = {}) => ({
    provisioning: { authority: 'cards', fingerprint: 'f'.repeat(64), revoked: false, consumedBy: undefined, ...more },
  })
  test.each([
    ['fresh', shown(), 'grant'],
    ['used for this key before', shown({ consumedBy: 'k1' }), 'grant'],
    ['used for another key', shown({ consumedBy: 'k2' }), 'deny'],
    ['that may be used often, used for another key', shown({ authority: 'media', consumedBy: 'k2' }), 'grant'],
    ['revoked', shown({ revoked: true }), 'deny'],
    ['of an authority that is not named', shown({ authority: 'x' }), 'not-applicable'],
    ['not shown', {}, 'not-applicable'],
  ] as const)('%s: %s', (_, facts, result) => {
    expect(ask('{ provisioningCertificate: {} }', facts).tree?.result).toBe(result)
  })

  test('is named among what the grant uses up', () => {
    expect(ask('{ provisioningCertificate: {} }', shown()).uses).toEqual([
      { kind: 'provisioning', authority: 'cards', fingerprint: 'f'.repeat(64), once: true },
    ])
  })
})

test('a global grant holds from its beginning until before its end', () => {
  const rule = '{ globalGrant: { from: 2026-06-01T00:00:00Z, until: 2026-06-02T00:00:00Z } }'
  for (const [when, verdict] of [
    [Date.UTC(2026, 4, 31, 23, 59, 59), 'deny'],
    [Date.UTC(2026, 5, 1), 'grant'],
    [Date.UTC(2026, 5, 1, 23, 59, 59), 'grant'],
    [Date.UTC(2026, 5, 2), 'deny'],
  ] as const)
    expect(ask(rule, {}, when).verdict).toBe(verdict)
})

describe('rules joined', () => {
  const either =
    '{ anyOf: [{ vendorCertificate: {} }, { allOf: [{ serialList: { list: green, needs: claimed } }, { administrator: {} }] }] }'

  test('grant by one alternative while another waits', () => {
    expect(ask(either, proven)).toMatchObject({ verdict: 'grant', reason: /leads to an anchor/ })
  })

  test('wait for the administrator only where the rest holds', () => {
    expect(ask(either).verdict).toBe('deny')
    expect(ask(either, { units: [{ value: unit, assurance: 'claimed', source: 'request' }] }).verdict).toBe('pend')
  })

  test('are denied by one denial, whatever else grants', () => {
    expect(ask(either, { ...proven, administrators: [{ by: 'ann', verdict: 'deny', reason: 'no' }] }).verdict).toBe(
      'deny',
    )
  })

  test('exclude by not', () => {
    const rule = '{ allOf: [{ vendorCertificate: {} }, { not: { serialList: { list: stolen } } }] }'
    expect(ask(rule, proven)).toMatchObject({ verdict: 'deny', reason: /no rule grants it: excluded/ })
    const fine = { ...unit, serialNumber: 7 }
    expect(
      ask(rule, { vendor: { ...trusted, unit: fine }, units: [{ value: fine, assurance: 'proven', source: 'x' }] })
        .verdict,
    ).toBe('grant')
  })

  test('use up only what the grant rests on', () => {
    const rule = '{ anyOf: [{ vendorCertificate: {} }, { password: {} }] }'
    const password = { account: 'spare', verdict: 'accepted' as const, granted: 0 }
    expect(ask(rule, { ...proven, password }).uses).toEqual([])
    expect(ask(rule, { password }).uses).toHaveLength(1)
    expect(ask('{ allOf: [{ vendorCertificate: {} }, { password: {} }] }', { ...proven, password }).uses).toHaveLength(
      1,
    )
  })

  test('of a label that does not exist deny', () => {
    expect(ask(either, { ...proven, label: 'nowhere' })).toMatchObject({
      verdict: 'deny',
      tree: null,
      reason: 'there are no rules for label nowhere',
    })
  })
})

describe('an alarm', () => {
  test.each([
    ['another address', { address: '192.0.2.9', unit: undefined, mac: undefined }],
    ['another unit', { address: '192.0.2.1', unit: { vendorId: 1, serialNumber: 9 }, mac: undefined }],
    ['another MAC address', { address: '192.0.2.1', unit: undefined, mac: '00:00:00:00:00:01' }],
  ])('blocks a key that was seen with %s', (_, sighting) => {
    const macs = [{ value: mac, assurance: 'observed' as const, source: 'ARP' }]
    const { verdict, alarms, tree } = ask('{ vendorCertificate: {} }', { ...proven, macs, sightings: [sighting] })
    expect([verdict, alarms.map(({ kind }) => kind)]).toEqual(['deny', ['clone']])
    expect(tree?.result).toBe('grant')
  })

  test('is not raised for the same unit at the same address', () => {
    const sightings = [{ address: '192.0.2.1', unit, mac: undefined }]
    expect(ask('{ vendorCertificate: {} }', { ...proven, sightings })).toMatchObject({ verdict: 'grant', alarms: [] })
  })

  test('blocks a request that names another unit than its certificate proves', () => {
    const units = [
      { value: { ...unit, serialNumber: 1 }, assurance: 'claimed' as const, source: 'request' },
      ...proven.units,
    ]
    expect(ask('{ vendorCertificate: {} }', { ...proven, units })).toMatchObject({
      verdict: 'deny',
      alarms: [
        {
          kind: 'contradiction',
          reason: 'request says vendor 1 serial 0x00000001, certificate of rockwell proves vendor 1 serial 0x00E17388',
        },
      ],
    })
  })
})

test('an evaluation is plain data, whole, and readable', () => {
  const evaluation = ask(
    '{ anyOf: [{ vendorCertificate: {} }, { allOf: [{ password: {} }, { not: { administrator: {} } }] }] }',
    proven,
  )
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation)
  expect(formatEvaluation(evaluation)).toBe(
    [
      'grant: vendor 1 serial 0x00E17388: leads to an anchor',
      '  anyOf grant',
      '    vendorCertificate grant: vendor 1 serial 0x00E17388: leads to an anchor',
      '    allOf not-applicable',
      '      password not-applicable: no user name and password were given',
      '      not pend',
      '        administrator pend: waits for an administrator, 0 of 1 approved',
    ].join('\n'),
  )
})

describe('the logic of rules', () => {
  // Four leaves, one for each result.
  const leaf = fc.constantFrom<Rule>(
    { kind: 'vendorCertificate', vendors: ['rockwell'] }, // grant
    { kind: 'administrator', approvals: 1 }, // pend
    { kind: 'globalGrant', from: 0, until: 1 }, // not applicable
  )
  const rules = fc.letrec<{ rule: Rule }>((tie) => ({
    rule: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({
        kind: fc.constantFrom('anyOf' as const, 'allOf' as const),
        of: fc.array(tie('rule'), { minLength: 1, maxLength: 3 }),
      }),
      fc.record({ kind: fc.constant('not' as const), of: tie('rule') }),
    ),
  })).rule
  const decide = (rule: Rule, facts: Partial<EnrollmentFacts> = proven) =>
    ask({ ...policyOf('{ administrator: {} }'), labels: new Map([[undefined, rule]]) }, facts).tree?.result
  const not = (of: Rule): Rule => ({ kind: 'not', of })

  test('keeps De Morgan, and a double not is none', () => {
    fc.assert(
      fc.property(fc.array(rules, { minLength: 1, maxLength: 3 }), (of) => {
        expect(decide(not({ kind: 'anyOf', of }))).toBe(decide({ kind: 'allOf', of: of.map(not) }))
        for (const each of of) expect(decide(not(not(each)))).toBe(decide(each))
      }),
    )
  })

  test('lets one denial, anywhere, decide', () => {
    const denied: VendorJudgement = { verdict: 'revoked', vendor: 'rockwell', reason: 'x' }
    fc.assert(
      fc.property(rules, (rule) => {
        const deny: Rule = { kind: 'vendorCertificate', vendors: ['rockwell'] }
        for (const kind of ['anyOf', 'allOf'] as const)
          expect(decide({ kind, of: [rule, deny] }, { vendor: denied })).toBe('deny')
      }),
    )
  })

  test('grants nobody of whom nothing is known, unless it was found to grant strangers', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const nobody = decide(rule, { administrators: [] })
        if (!grantsStrangers(rule)) expect(nobody).not.toBe('grant')
      }),
    )
  })
})
