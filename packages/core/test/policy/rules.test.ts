import { MalformedMessage } from '@cordon/core/errors'
import {
  coveredPorts,
  formatAddress,
  formatRule,
  makeRule,
  matchEgress,
  matchIngress,
  maximumRules,
  overlap,
  parseRule,
  parseRules,
  type Rule,
  ruleStatus,
} from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { fc } from './properties.ts'

const network = fc
  .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
  .map(([base, prefix]) => ({ address: Math.floor(base / 2 ** (32 - prefix)) * 2 ** (32 - prefix), prefix }))
const ports = fc
  .tuple(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 0, max: 100 }))
  .map(([low, more]) => ({ low, high: Math.min(65_535, low + more) }))
const anyRule: fc.Arbitrary<Rule> = fc
  .record({
    action: fc.constantFrom('allow' as const, 'deny' as const, 'require-secure' as const),
    ip: fc.option(network, { nil: undefined }),
    ports: fc.option(ports, { nil: undefined }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'any' as const),
    ciphers: fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 13 }), {
      nil: undefined,
    }),
  })
  .map((rule) => makeRule(rule.action, rule.ip, rule.ports, rule.protocol, rule.ciphers))

const rules = (...texts: string[]): readonly Rule[] => parseRules(texts)

describe('the text of a rule', () => {
  test('survives the way to data and back', () => {
    fc.assert(
      fc.property(anyRule, (rule) => {
        expect(parseRule(formatRule(rule))).toEqual(rule)
      }),
    )
  })

  test('is the one of the wire reference', () => {
    const text = 'allow ip=192.0.2.0/24 port=2221 proto=tcp cipher=C023,C024'
    expect(formatRule(parseRule(text))).toBe(text)
    expect(parseRule('allow ip=192.0.2.0/24 port=2221 proto=tcp')).toEqual({
      action: 'allow',
      ip: { address: 0xc0000200, prefix: 24 },
      ports: { low: 2221, high: 2221 },
      protocol: 'tcp',
    })
  })

  test('takes fields in any order and stands for any protocol without one', () => {
    expect(parseRule('deny proto=udp port=1-9 ip=192.0.2.7')).toEqual(parseRule('deny ip=192.0.2.7 port=1-9 proto=udp'))
    expect(parseRule('deny').protocol).toBe('any')
  })

  test.each([
    ['', 'allow, deny or require-secure'],
    ['permit ip=192.0.2.1', 'allow, deny or require-secure'],
    ['allow  ip=192.0.2.1', 'ip, port, proto and cipher'],
    ['allow user=root', 'ip, port, proto and cipher'],
    ['allow ip', 'ip, port, proto and cipher'],
    ['allow ip=192.0.2.1 ip=192.0.2.2', 'ip came twice'],
    ['allow ip=192.0.2.1/24', 'zero host bits'],
    ['allow ip=::1', 'ip=a.b.c.d'],
    ['allow port=0', 'from 1 to 65535'],
    ['allow port=9-1', 'from 1 to 65535'],
    ['allow port=70000', 'from 1 to 65535'],
    ['allow port=', 'from 1 to 65535'],
    ['allow proto=icmp', 'tcp, udp or any'],
    ['allow cipher=', 'four hex digits'],
    ['allow cipher=C02', 'four hex digits'],
    ['allow cipher=C023,C023', 'each cipher once'],
  ])('is refused with what was expected: %s', (text, expected) => {
    expect(() => parseRule(text)).toThrow(MalformedMessage)
    expect(() => parseRule(text)).toThrow(expected)
  })

  test('gives a rule or MalformedMessage, whatever it is', () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'alow deny=,-/.0123C ip port proto') }),
    )
    fc.assert(
      fc.property(hostile, (text) => {
        try {
          expect(parseRule(formatRule(parseRule(text)))).toEqual(parseRule(text))
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
        }
      }),
    )
  })

  test('is bounded, and a message about it neither repeats it whole nor carries control characters', () => {
    expect(() => parseRule(`allow ${'x'.repeat(300)}`)).toThrow('at most 255')
    const hostile = `allow \u001b[31m${'x'.repeat(200)}`
    try {
      parseRule(hostile)
      expect.unreachable()
    } catch (error) {
      const { message } = error as Error
      expect(message.length).toBeLessThan(400)
      expect(message).not.toMatch(/\p{Cc}/u)
    }
  })
})

describe('a list of rules', () => {
  test('names the rule that is wrong', () => {
    expect(() => parseRules(['deny', 'nonsense'])).toThrow('rule 1: ')
  })

  test('is bounded in number', () => {
    expect(() => parseRules(Array.from({ length: maximumRules + 1 }, () => 'deny'))).toThrow(MalformedMessage)
  })

  test('gives equal texts the same object when they share a map', () => {
    const known = new Map<string, Rule>()
    const [a] = parseRules(['allow ip=192.0.2.1 proto=tcp'], known)
    const [b] = parseRules(['allow ip=192.0.2.1 proto=tcp'], known)
    expect(a).toBe(b)
  })
})

describe('ingress', () => {
  const list = rules(
    'deny ip=192.0.2.66 proto=any',
    'allow ip=192.0.2.1 port=2221 proto=tcp cipher=C023,C024',
    'allow ip=192.0.2.0/26 port=44818 proto=tcp',
    'require-secure ip=192.0.2.128/25 proto=any',
    'allow ip=192.0.2.66 proto=any',
  )
  const ask = (ip: string, port: number, protocol: 'tcp' | 'udp', suite?: number) =>
    matchIngress(list, { ip, port, protocol, suite })

  test('lets everything pass while there are no rules', () => {
    expect(matchIngress([], { ip: '198.51.100.1', port: 44_818, protocol: 'tcp' })).toMatchObject({
      verdict: 'allow',
      rule: undefined,
    })
  })

  test('closes the covered ports by default once there is a rule', () => {
    for (const { port, protocol } of coveredPorts) {
      expect(ask('198.51.100.1', port, protocol)).toMatchObject({
        verdict: 'deny',
        extendedStatus: ruleStatus.noIngressRule,
        rule: undefined,
      })
    }
  })

  test('leaves ports that it does not cover alone: discovery and web pages', () => {
    expect(ask('198.51.100.1', 44_818, 'udp')).toMatchObject({ verdict: 'allow' })
    expect(ask('198.51.100.1', 80, 'tcp')).toMatchObject({ verdict: 'allow' })
  })

  test('takes the first rule that matches', () => {
    expect(ask('192.0.2.66', 2221, 'tcp', 0xc023)).toMatchObject({
      verdict: 'deny',
      rule: 0,
      extendedStatus: ruleStatus.ingressDeny,
    })
  })

  test('says before the handshake which suites may be chosen, and judges the chosen one', () => {
    expect(ask('192.0.2.1', 2221, 'tcp')).toMatchObject({
      verdict: 'allow',
      secure: true,
      suites: [0xc023, 0xc024],
      rule: 1,
    })
    expect(ask('192.0.2.1', 2221, 'tcp', 0xc024)).toMatchObject({ verdict: 'allow' })
    expect(ask('192.0.2.1', 2221, 'tcp', 0xc006)).toMatchObject({
      verdict: 'deny',
      rule: 1,
      extendedStatus: ruleStatus.ingressDeny,
    })
    expect(ask('192.0.2.1', 2221, 'udp')).toMatchObject({ verdict: 'deny', extendedStatus: ruleStatus.noIngressRule })
  })

  test('refuses plain traffic where security is required', () => {
    expect(ask('192.0.2.200', 44_818, 'tcp')).toMatchObject({
      verdict: 'deny',
      secure: false,
      rule: 3,
      extendedStatus: ruleStatus.ingressNonSecure,
    })
    expect(ask('192.0.2.200', 2221, 'udp')).toMatchObject({ verdict: 'allow', secure: true, suites: undefined })
    expect(ask('192.0.2.2', 44_818, 'tcp')).toMatchObject({ verdict: 'allow', secure: false, rule: 2 })
  })

  test('matches no rule for an address that is none', () => {
    expect(ask('::ffff:192.0.2.1', 2221, 'tcp')).toMatchObject({
      verdict: 'deny',
      extendedStatus: ruleStatus.noIngressRule,
    })
    expect(ask('', 2221, 'tcp')).toMatchObject({ verdict: 'deny' })
  })

  test('gives a verdict with a reason, and a status exactly for refusals, for any rules and traffic', () => {
    const traffic = fc.record({
      ip: network.map((value) => formatAddress(value.address)),
      port: fc.constantFrom(2221, 44_818, 2222, 80),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      suite: fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 5 }), traffic, (list, one) => {
        for (const answer of [
          matchIngress(list, one),
          matchEgress(list, one),
          matchEgress(list, { ...one, port: undefined }),
        ]) {
          expect(answer.reason.length).toBeGreaterThan(0)
          expect(answer.extendedStatus !== undefined).toBe(answer.verdict === 'deny')
          if (answer.rule !== undefined) expect(list[answer.rule]).toBeDefined()
        }
      }),
    )
  })
})

describe('egress', () => {
  const list = rules(
    'require-secure ip=192.0.2.1 port=2221 proto=tcp cipher=C023',
    'require-secure ip=192.0.2.1 port=2221 proto=udp cipher=C006',
    'allow ip=192.0.2.2 port=44818 proto=tcp',
    'allow ip=192.0.2.2 port=2222 proto=udp',
    'allow ip=192.0.2.3 port=2221 proto=tcp cipher=C02B',
    'deny ip=192.0.2.4 proto=any',
  )
  const ask = (ip: string, protocol: 'tcp' | 'udp', port?: number, suite?: number) =>
    matchEgress(list, { ip, protocol, port, suite })

  test('decides for a path without a port: secure where required, else plain', () => {
    expect(ask('192.0.2.1', 'tcp')).toMatchObject({ verdict: 'allow', secure: true, suites: [0xc023] })
    expect(ask('192.0.2.1', 'udp')).toMatchObject({ verdict: 'allow', secure: true, suites: [0xc006] })
    expect(ask('192.0.2.2', 'tcp')).toMatchObject({ verdict: 'allow', secure: false })
    expect(ask('192.0.2.2', 'udp')).toMatchObject({ verdict: 'allow', secure: false })
    expect(ask('192.0.2.3', 'tcp')).toMatchObject({ verdict: 'allow', secure: true, suites: [0xc02b] })
  })

  test('is plain for a path without a port while there are no rules', () => {
    expect(matchEgress([], { ip: '192.0.2.1', protocol: 'tcp' })).toMatchObject({ verdict: 'allow', secure: false })
    expect(matchEgress([], { ip: '192.0.2.1', protocol: 'tcp', port: 2221 })).toMatchObject({
      verdict: 'allow',
      secure: true,
    })
  })

  test('denies a plain port to a peer for which security is required', () => {
    expect(ask('192.0.2.1', 'tcp', 44_818)).toMatchObject({
      verdict: 'deny',
      rule: 0,
      extendedStatus: ruleStatus.egressDeny,
    })
    expect(ask('192.0.2.1', 'tcp', 2221)).toMatchObject({ verdict: 'allow', secure: true })
  })

  test('denies the secure port to a peer that is allowed in plain only', () => {
    expect(ask('192.0.2.2', 'tcp', 2221)).toMatchObject({ verdict: 'deny', extendedStatus: ruleStatus.noEgressRule })
  })

  test('names its refusals as the wire reference does', () => {
    expect(ask('192.0.2.4', 'tcp')).toMatchObject({ verdict: 'deny', extendedStatus: 0x0916 })
    expect(ask('192.0.2.1', 'tcp', 2221, 0xc024)).toMatchObject({ verdict: 'deny', extendedStatus: 0x0917 })
    expect(ask('192.0.2.9', 'tcp')).toMatchObject({ verdict: 'deny', extendedStatus: 0x091b })
    expect(ask('192.0.2.9', 'tcp', 80)).toMatchObject({ verdict: 'allow' })
  })
})

describe('the overlap of a deployment', () => {
  const final = {
    ingress: rules(
      'allow ip=192.0.2.1 port=2221 proto=tcp cipher=C023',
      'allow ip=192.0.2.1 port=2221 proto=udp cipher=C006',
      'allow ip=192.0.2.5 port=2222 proto=udp',
    ),
    egress: rules(
      'require-secure ip=192.0.2.1 port=2221 proto=tcp cipher=C023',
      'allow ip=192.0.2.5 port=2222 proto=udp',
    ),
  }

  test('accepts old and new from a peer that moves', () => {
    const { ingress } = overlap(final)
    expect(matchIngress(ingress, { ip: '192.0.2.1', port: 44_818, protocol: 'tcp' }).verdict).toBe('allow')
    expect(matchIngress(ingress, { ip: '192.0.2.1', port: 2222, protocol: 'udp' }).verdict).toBe('allow')
    expect(matchIngress(ingress, { ip: '192.0.2.1', port: 2221, protocol: 'tcp' })).toMatchObject({
      verdict: 'allow',
      suites: [0xc023],
    })
    expect(matchIngress(ingress, { ip: '192.0.2.1', port: 2221, protocol: 'udp' })).toMatchObject({
      verdict: 'allow',
      suites: [0xc006],
    })
  })

  test('still refuses strangers', () => {
    expect(matchIngress(overlap(final).ingress, { ip: '192.0.2.9', port: 44_818, protocol: 'tcp' }).verdict).toBe(
      'deny',
    )
  })

  test('keeps a path without a port plain until the final rules are set', () => {
    const { egress } = overlap(final)
    expect(matchEgress(egress, { ip: '192.0.2.1', protocol: 'tcp' })).toMatchObject({ verdict: 'allow', secure: false })
    expect(matchEgress(egress, { ip: '192.0.2.1', protocol: 'tcp', port: 2221 })).toMatchObject({
      verdict: 'allow',
      secure: true,
      suites: [0xc023],
    })
    expect(matchEgress(final.egress, { ip: '192.0.2.1', protocol: 'tcp' })).toMatchObject({
      verdict: 'allow',
      secure: true,
    })
  })

  test('opens plain for the peers that spoke plain, when they are named, and for nobody else', () => {
    const { ingress } = overlap(final, ['192.0.2.77'])
    expect(matchIngress(ingress, { ip: '192.0.2.77', port: 44_818, protocol: 'tcp' }).verdict).toBe('allow')
    expect(matchIngress(ingress, { ip: '192.0.2.1', port: 44_818, protocol: 'tcp' }).verdict).toBe('deny')
  })

  test('never refuses what the final rules allow', () => {
    const traffic = fc.record({
      ip: fc.constantFrom('192.0.2.1', '192.0.2.5', '192.0.2.9'),
      port: fc.constantFrom(2221, 44_818, 2222),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      suite: fc.constantFrom(undefined, 0xc023, 0xc006),
    })
    const spoke = fc.option(fc.subarray(['192.0.2.1', '192.0.2.5', '192.0.2.9']), { nil: undefined })
    fc.assert(
      fc.property(traffic, spoke, (one, peers) => {
        const between = overlap(final, peers)
        if (matchIngress(final.ingress, one).verdict === 'allow')
          expect(matchIngress(between.ingress, one).verdict).toBe('allow')
        if (matchEgress(final.egress, one).verdict === 'allow')
          expect(matchEgress(between.egress, one).verdict).toBe('allow')
      }),
    )
  })
})
