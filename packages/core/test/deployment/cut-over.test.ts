import { overlapRules, switchedRules } from '@cordon/core/deployment'
import { formatRule, matchEgress, matchIngress, parseRule, type Rule, type RuleSet } from '@cordon/core/policy'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.64']
const ways = [
  { port: 2221, protocol: 'tcp' },
  { port: 2221, protocol: 'udp' },
  { port: 44818, protocol: 'tcp' },
  { port: 2222, protocol: 'udp' },
] as const
const suites = [0xc023, 0xc024, 0xc006]

const peer = fc.constantFrom(...addresses.slice(0, 3), '192.0.2.64/26')
const suiteLists = fc.subarray(suites, { minLength: 1 })

/** Rules as a policy compiles them: secured with suites on 2221, plain without, denials. */
const rule: fc.Arbitrary<Rule> = fc.oneof(
  fc
    .tuple(peer, fc.constantFrom('tcp', 'udp'), suiteLists)
    .map(([ip, protocol, list]) =>
      parseRule(
        `allow ip=${ip} port=2221 proto=${protocol} cipher=${list.map((id) => id.toString(16).toUpperCase()).join(',')}`,
      ),
    ),
  peer.map((ip) => parseRule(`allow ip=${ip} port=44818 proto=tcp`)),
  peer.map((ip) => parseRule(`allow ip=${ip} port=2222 proto=udp`)),
  peer.map((ip) => parseRule(`deny ip=${ip} port=44818 proto=tcp`)),
)
const ruleSet: fc.Arbitrary<RuleSet> = fc
  .record({
    ingress: fc.array(rule, { minLength: 1, maxLength: 6 }),
    egress: fc.array(rule, { minLength: 1, maxLength: 6 }),
  })
  .map(({ ingress, egress }) => ({
    ingress,
    egress: egress.map((one) => (one.ciphers === undefined ? one : { ...one, action: 'require-secure' as const })),
  }))

/** Everything that ingress rules let in: address, port, protocol, and suite on 2221. */
function letIn(rules: RuleSet): Set<string> {
  const found = new Set<string>()
  for (const ip of addresses) {
    for (const { port, protocol } of ways) {
      for (const suite of port === 2221 ? suites : [undefined]) {
        const traffic = { ip, port, protocol, ...(suite === undefined ? {} : { suite }) }
        if (matchIngress(rules.ingress, traffic).verdict === 'allow')
          found.add(`${ip} ${protocol}/${port} ${suite ?? 'plain'}`)
      }
    }
  }
  return found
}

/** Way that egress rules give a path without a port. */
function wayOut(rules: RuleSet, ip: string, protocol: 'tcp' | 'udp'): string {
  const { verdict, secure } = matchEgress(rules.egress, { ip, protocol })
  return verdict === 'deny' ? 'denied' : secure ? 'secure' : 'plain'
}

describe('rules of the overlap', () => {
  test('let in whoever was let in before, and whoever is to be let in', () => {
    fc.assert(
      fc.property(ruleSet, ruleSet, (before, final) => {
        const during = letIn(overlapRules(final, before))
        for (const traffic of letIn(before)) expect(during).toContain(traffic)
      }),
      { numRuns: 300, seed: 20_260_601 },
    )
  })

  test('let in what the final rules allow, where the old rules are as a policy compiles them: one address each', () => {
    const single = (rules: RuleSet): RuleSet => ({
      ...rules,
      ingress: rules.ingress.filter(({ ip }) => ip?.prefix === 32),
    })
    fc.assert(
      fc.property(ruleSet, ruleSet, (before, final) => {
        const old = single(before)
        fc.pre(old.ingress.length > 0)
        const during = letIn(overlapRules(final, old))
        for (const traffic of letIn(final)) expect(during).toContain(traffic)
      }),
      { numRuns: 300, seed: 20_260_602 },
    )
  })

  test('keep what a device originates on its old way', () => {
    const before: RuleSet = { ingress: [], egress: [parseRule('allow ip=192.0.2.1 port=44818 proto=tcp')] }
    const final: RuleSet = {
      ingress: [],
      egress: [parseRule('require-secure ip=192.0.2.1 port=2221 proto=tcp cipher=C023')],
    }
    expect(wayOut(overlapRules(final, before), '192.0.2.1', 'tcp')).toBe('plain')
    expect(wayOut(overlapRules(final, undefined), '192.0.2.1', 'tcp')).toBe('plain')
    expect(wayOut(final, '192.0.2.1', 'tcp')).toBe('secure')
  })

  test('hold no rule twice', () => {
    fc.assert(
      fc.property(ruleSet, ruleSet, (before, final) => {
        const { ingress, egress } = overlapRules(final, before)
        for (const list of [ingress, egress]) expect(new Set(list.map(formatRule)).size).toBe(list.length)
      }),
      { numRuns: 100, seed: 20_260_603 },
    )
  })
})

describe('rules of an originator that switches', () => {
  const final: RuleSet = {
    ingress: [parseRule('allow ip=192.0.2.9 port=2221 proto=tcp')],
    egress: [
      parseRule('require-secure ip=192.0.2.1 port=2221 proto=tcp cipher=C023'),
      parseRule('require-secure ip=192.0.2.1 port=2221 proto=udp cipher=C006'),
      parseRule('require-secure ip=192.0.2.2 port=2221 proto=udp cipher=C006'),
    ],
  }
  const during = overlapRules(final, undefined)

  test('move one peer over one transport, and nothing else', () => {
    const switched = switchedRules(final, during, [{ ip: '192.0.2.1', protocol: 'udp' }])
    expect(wayOut(switched, '192.0.2.1', 'udp')).toBe('secure')
    expect(wayOut(switched, '192.0.2.1', 'tcp')).toBe('plain')
    expect(wayOut(switched, '192.0.2.2', 'udp')).toBe('plain')
    expect(switched.ingress).toEqual(during.ingress)
  })

  test('have moved everything in the end, as the final rules say', () => {
    const all = [
      { ip: '192.0.2.1', protocol: 'tcp' },
      { ip: '192.0.2.1', protocol: 'udp' },
      { ip: '192.0.2.2', protocol: 'udp' },
    ] as const
    const switched = switchedRules(final, during, all)
    for (const { ip, protocol } of all) expect(wayOut(switched, ip, protocol)).toBe(wayOut(final, ip, protocol))
  })
})
