import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defaultReplacementRule, enrollmentSchema, listsOf, parseEnrollmentPolicy } from '@cordon/core/enrollment'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { fc } from '../policy/properties.ts'
import { definitions } from './rules.ts'

const published = fileURLToPath(new URL('../../../../docs/schema/enrollment.schema.json', import.meta.url))

const problems = (text: string) => parseEnrollmentPolicy(text, 'enrollment.yaml').problems

const lines = definitions.split('\n').length

describe('an enrollment file', () => {
  test('becomes rules', () => {
    const text = `${definitions}labels:
  default:
    anyOf:
      - vendorCertificate: {}
      - allOf: [{ serialList: { list: spares } }, { not: { serialList: { list: stolen, by: mac, needs: claimed } } }]
      - globalGrant: { from: 2026-06-01T00:00:00Z, until: 2026-06-08T00:00:00Z }
  pc: { administrator: { approvals: 2 } }
unlisted: { pc: operations, default: green }
replacement: { deviceType: false, zones: { green: { majorRevision: same } } }
`
    for (const source of [text, JSON.stringify(parse(text))]) {
      const { policy } = parseEnrollmentPolicy(source, 'enrollment.yaml')
      expect(policy?.labels.get(undefined)).toEqual({
        kind: 'anyOf',
        of: [
          { kind: 'vendorCertificate', vendors: ['rockwell', 'example'] },
          {
            kind: 'allOf',
            of: [
              { kind: 'serialList', list: 'spares', by: undefined, needs: 'proven' },
              { kind: 'not', of: { kind: 'serialList', list: 'stolen', by: 'mac', needs: 'claimed' } },
            ],
          },
          { kind: 'globalGrant', from: Date.UTC(2026, 5, 1), until: Date.UTC(2026, 5, 8) },
        ],
      })
      expect(policy?.labels.get('pc')).toEqual({ kind: 'administrator', approvals: 2 })
      expect([...(policy?.unlisted ?? [])]).toEqual([
        ['pc', 'operations'],
        [undefined, 'green'],
      ])
      expect(policy && listsOf(policy)).toEqual(['spares', 'stolen'])
      expect(policy?.vendors.get('rockwell')).toMatchObject({
        anchors: ['rockwell-root'],
        revocation: 'ifPresent',
        checkDates: false,
      })
      expect(policy?.vendors.get('rockwell')?.template.pattern.exec('1756-L85E/B (00e17387)')?.groups?.['serial']).toBe(
        '00e17387',
      )
      expect(policy?.replacement.get(undefined)).toEqual({ ...defaultReplacementRule, deviceType: false })
      expect(policy?.replacement.get('green')).toEqual({
        ...defaultReplacementRule,
        deviceType: false,
        majorRevision: 'same',
      })
    }
  })

  test('may nest rules', () => {
    const deep = `${'{ allOf: ['.repeat(6)}{ administrator: {} }${'] }'.repeat(6)}`
    expect(problems(`version: 1\nlabels:\n  default: ${deep}\n`)).toEqual([])
  })

  test.each([
    ['an unknown key in a rule', 'default: { admin: {} }', 14, '"admin" is unknown here'],
    ['two rules in one', 'default: { administrator: {}, password: {} }', 3, 'says administrator and password at once'],
    ['an empty rule', 'default: {}', 3, 'says nothing'],
    [
      'two rules deep inside',
      'default: { anyOf: [{ administrator: {} }, { administrator: {}, password: {} }] }',
      45,
      'says administrator and password',
    ],
    ['an unknown vendor', 'default: { vendorCertificate: { vendors: [rockwel] } }', 45, 'there is no vendor rockwel'],
    ['an unknown account', 'default: { password: { accounts: [x] } }', 37, 'there is no account x'],
    [
      'a not that lets everybody in',
      'default: { not: { administrator: {} } }',
      3,
      'grants a certificate to whoever matches nothing',
    ],
    ['a grant without an end', 'default: { globalGrant: { from: 2026-06-01T00:00:00Z } }', 27, '"until" is missing'],
    [
      'a grant that ends before it begins',
      'default: { globalGrant: { from: 2026-06-02T00:00:00Z, until: 2026-06-01T00:00:00Z } }',
      64,
      'ends before it begins',
    ],
    [
      'a grant of more than a week',
      'default: { globalGrant: { from: 2026-06-01T00:00:00Z, until: 2026-06-08T00:00:01Z } }',
      64,
      'lasts longer than a week',
    ],
    [
      'a day that does not exist',
      'default: { globalGrant: { from: 2026-02-30T00:00:00Z, until: 2026-06-08T00:00:01Z } }',
      35,
      'this day or hour does not exist',
    ],
    ['three approvals', 'default: { administrator: { approvals: 3 } }', 42, 'found 3'],
    ['an operation for a label', 'cacerts: { administrator: {} }', 3, 'this is an operation of EST'],
  ])('with %s is refused at its place', (_, label, column, message) => {
    const found = problems(
      `${definitions.replaceAll('default, pc', 'default')}labels:\n  ${label}\n${label.startsWith('default') ? '' : '  default: { administrator: {} }\n'}`,
    )
    expect(found).toHaveLength(1)
    expect(found[0]?.message).toContain(message)
    expect({ line: found[0]?.line, column: found[0]?.column }).toEqual({ line: lines + 1, column })
  })

  test.each([
    [
      'a pattern without a bound',
      "vendors: { x: { anchors: [a], vendorId: 1, pattern: '(?<serial>.+)' } }",
      /character 12: "\+" has no end/,
    ],
    [
      'a pattern without a serial number',
      "vendors: { x: { anchors: [a], vendorId: 1, pattern: '.{8}' } }",
      /captures no serial number/,
    ],
    [
      'a vendor that nobody can name',
      "vendors: { x: { anchors: [a], pattern: '(?<serial>.{8})' } }",
      /neither pattern nor file say which vendor/,
    ],
    [
      'attribute and extension',
      'vendors: { x: { anchors: [a], attribute: CN, extension: 1.2.3.4 } }',
      /stands beside an attribute/,
    ],
    ['no anchors', 'vendors: { x: { anchors: [] } }', /found 0 items/],
    ['an unknown label of an account', 'accounts: { x: { most: 1, labels: [nowhere] } }', /there is no label nowhere/],
    ['a rule that needs what is not defined', 'accounts: {}', /this file defines no vendor/],
  ])('with %s is refused', (_, part, message) => {
    const rule = part === 'accounts: {}' ? '{ vendorCertificate: {} }' : '{ administrator: {} }'
    const found = problems(`version: 1\n${part}\nlabels: { default: ${rule} }\n`)
    expect(found.map((each) => each.message).join('\n')).toMatch(message)
  })

  test('names the channels of notifications', () => {
    const notify = `notify:
  webhooks: { soc: { url: 'https://soc.example.com/cordon', secret: soc-hook, ca: soc.pem, kinds: [enrollment-alarm] } }
  mail:
    ops: { host: mail.example.com, port: 587, security: starttls, user: cordon, password: mail, from: c@example.com, to: [ops@example.com] }
  syslog: { siem: { host: 10.0.0.9, port: 6514, transport: tls, certificate: me.pem, key: siem-key } }
`
    const { policy } = parseEnrollmentPolicy(`version: 1\n${notify}labels: { default: { administrator: {} } }\n`, 'x')
    expect(policy?.notify).toEqual([
      {
        kind: 'webhook',
        name: 'soc',
        url: 'https://soc.example.com/cordon',
        secret: 'soc-hook',
        ca: 'soc.pem',
        kinds: ['enrollment-alarm'],
      },
      {
        kind: 'mail',
        name: 'ops',
        host: 'mail.example.com',
        port: 587,
        security: 'starttls',
        login: { user: 'cordon', password: 'mail' },
        from: 'c@example.com',
        to: ['ops@example.com'],
        kinds: undefined,
        ca: undefined,
      },
      {
        kind: 'syslog',
        name: 'siem',
        host: '10.0.0.9',
        port: 6514,
        transport: 'tls',
        facility: 'authpriv',
        client: { certificate: 'me.pem', key: 'siem-key' },
        kinds: undefined,
        ca: undefined,
      },
    ])
  })

  const mail = 'host: mail.example.com, port: 25, from: c@example.com'
  const to = 'to: [o@example.com]'
  test.each([
    [
      'plain HTTP over the network',
      "webhooks: { soc: { url: 'http://soc.example.com/', secret: x } }",
      "'http",
      'plain HTTP',
    ],
    [
      'a password in a URL',
      "webhooks: { soc: { url: 'https://u:p@soc.example.com/', secret: x } }",
      "'https",
      'soc.url',
    ],
    ['plain SMTP over the network', `mail: { ops: { ${mail}, ${to}, security: none } }`, 'none', 'plain SMTP'],
    ['a user without a password', `mail: { ops: { ${mail}, ${to}, security: tls, user: u } }`, 'u }', 'stands alone'],
    [
      'a header in a receiver',
      `mail: { ops: { ${mail}, to: ["o@x\\nBcc: p@example.com"], security: tls } }`,
      '"o@',
      'to[0]',
    ],
    [
      'certificates for UDP',
      'syslog: { siem: { host: h, port: 514, transport: udp, ca: c.pem } }',
      'c.pem',
      'no certificates',
    ],
    [
      'a name twice',
      "webhooks: { a: { url: 'https://s.example/', secret: x } }, syslog: { a: { host: h, port: 1, transport: tcp } }",
      '{ host',
      'another channel has this name',
    ],
  ])('with %s in a channel is refused at its place', (_, part, at, message) => {
    const line = `notify: { ${part} }`
    const found = problems(`version: 1\nlabels: { default: { administrator: {} } }\n${line}\n`)
    expect(found).toHaveLength(1)
    expect(found[0]?.message).toContain(message)
    expect({ line: found[0]?.line, column: found[0]?.column }).toEqual({ line: 3, column: line.indexOf(at) + 1 })
  })

  test('without a label is refused', () => {
    expect(problems('version: 1\nlabels: {}\n')[0]?.message).toContain('there is no label')
  })

  test('of any text gives rules or problems', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(definitions.length), (text, at) => {
        const whole = `${definitions}labels: { default: { administrator: {} } }\n`
        for (const each of [text, whole.slice(0, at) + text + whole.slice(at)]) {
          const result = parseEnrollmentPolicy(each, 'x')
          expect(result.policy === undefined).toBe(result.problems.length > 0)
        }
      }),
    )
  })

  // After a change, `npx vitest run packages/core/test/enrollment/approval-parse.test.ts -u` writes it anew.
  test('has a published schema, which is the one it is read by', async () => {
    await expect(`${JSON.stringify(enrollmentSchema, null, 2)}\n`).toMatchFileSnapshot(published)
    expect(JSON.parse(readFileSync(published, 'utf8'))).toHaveProperty('$defs.rule')
  })
})
