import {
  type Change,
  compile,
  deviceDifference,
  type DeviceSettings,
  difference,
  formatRule,
  type ObservedSettings,
  parseRules,
} from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { current, indexOf, twoZones } from './plants.ts'

const compiled = compile(indexOf(twoZones, new Map(['A1', 'A2', 'B1', 'B2'].map((name) => [name, current]))))

function wanted(name: string): DeviceSettings {
  const settings = compiled.settings.get(name)
  if (settings === undefined) throw new Error(`no settings for ${name}`)
  return settings
}

/** A device that holds exactly what it shall. */
function settled(name: string, part: Partial<ObservedSettings> = {}): ObservedSettings {
  const { rules, ...settings } = wanted(name)
  const read =
    rules === undefined
      ? undefined
      : { ingress: parseRules(rules.ingress.map(formatRule)), egress: parseRules(rules.egress.map(formatRule)) }
  return { ...settings, device: name, configured: true, rules: read, ...part }
}

function changes(part: Partial<ObservedSettings>): readonly Change[] {
  return deviceDifference(wanted('A1'), settled('A1', part))
}

describe('a device', () => {
  test('that holds what it shall has no difference', () => {
    expect(deviceDifference(wanted('A1'), settled('A1'))).toEqual([])
  })

  test('of which nothing is known gets everything', () => {
    const all = deviceDifference(wanted('A1'))
    expect(all.map((change) => change.what)).toEqual([
      'allowedSuites',
      'originatorSuites',
      'verifyClient',
      'sendChain',
      'checkExpiration',
      'dtlsTimeout',
      'authorities',
      'identities',
      'psk',
      'ingress',
      'egress',
    ])
    for (const change of all) expect(change.from).toBe('not known')
  })

  test('without a policy is left alone', () => {
    const text = twoZones.replace('devices:', 'devices:\n  W: { address: 192.0.2.50, zone: left, capability: none }')
    const settings = compile(indexOf(text)).settings.get('W')
    expect(settings?.enforcement).toBe('none')
    expect(settings === undefined ? undefined : deviceDifference(settings)).toEqual([])
  })
})

describe('a change', () => {
  test.each<[string, Partial<ObservedSettings>, Partial<Change>]>([
    [
      'of suites that takes one away interrupts',
      { allowedSuites: [0xc02c, 0xc023, 0xc024, 0xc006] },
      { what: 'allowedSuites', from: 'C02C, C023, C024, C006', to: 'C023, C024, C006', interrupts: true },
    ],
    [
      'of suites that adds one does not',
      { allowedSuites: [0xc023, 0xc006] },
      { what: 'allowedSuites', from: 'C023, C006', interrupts: false },
    ],
    [
      'of the order of suites does not',
      { allowedSuites: [0xc006, 0xc024, 0xc023] },
      { what: 'allowedSuites', interrupts: false },
    ],
    ['from no suites does not', { allowedSuites: [] }, { what: 'allowedSuites', from: 'none', interrupts: false }],
    [
      'of an unknown list may',
      { allowedSuites: undefined },
      { what: 'allowedSuites', from: 'not known', interrupts: true },
    ],
    [
      'of originator suites counts like the other',
      { originatorSuites: [0xc02b] },
      { what: 'originatorSuites', interrupts: true },
    ],
    [
      'that begins to verify clients may turn one away',
      { verifyClient: false },
      { what: 'verifyClient', from: 'off', to: 'on', interrupts: true },
    ],
    [
      'that stops checking dates turns nobody away',
      { checkExpiration: true },
      { what: 'checkExpiration', from: 'on', to: 'off', interrupts: false },
    ],
    [
      'that stops checking names turns nobody away',
      { checkName: true },
      { what: 'checkName', from: 'on', to: 'off', interrupts: false },
    ],
    ['of the chain turns nobody away', { sendChain: true }, { what: 'sendChain', interrupts: false }],
    [
      'of the timeout ends no association',
      { dtlsTimeoutS: 30 },
      { what: 'dtlsTimeout', from: '30 s', to: '12 s', interrupts: false },
    ],
    [
      'that takes an authority away interrupts',
      { authorities: ['left', 'right', 'unknown:00ff'] },
      { what: 'authorities', from: 'left, right, unknown:00ff', to: 'left, right', interrupts: true },
    ],
    ['that adds an authority does not', { authorities: ['left'] }, { what: 'authorities', interrupts: false }],
    [
      'that takes an identity away interrupts',
      { identities: ['B1'] },
      { what: 'identities', from: 'B1', to: 'none', interrupts: true },
    ],
    [
      'that takes a key away interrupts',
      { psk: [{ identity: 'old', usage: 'any' }] },
      { what: 'psk', from: 'old (any)', to: 'none', interrupts: true },
    ],
    [
      'from no rules closes what they do not name',
      { rules: { ingress: [], egress: settled('A1').rules?.egress ?? [] } },
      { what: 'ingress', from: 'no rules, everything passes', interrupts: true },
    ],
  ])('%s', (_, part, expected) => {
    expect(changes(part)).toEqual([expect.objectContaining(expected)])
  })

  test('of the order of authorities is none', () => {
    expect(changes({ authorities: ['right', 'left'] })).toEqual([])
  })

  test('of name checks on a device without that attribute is none', () => {
    expect(changes({ checkName: undefined })).toEqual([])
  })
})

describe('rules', () => {
  const own = settled('A1').rules?.ingress ?? []
  const egress = settled('A1').rules?.egress ?? []
  const [first, second] = own
  if (first === undefined || second === undefined) throw new Error('the device has rules')

  test('that are only added for new peers interrupt nothing', () => {
    const [change] = changes({ rules: { ingress: own.slice(0, -1), egress } })
    expect(change).toMatchObject({ what: 'ingress', from: '6 rules', interrupts: false })
    expect(change?.to).toBe('7 rules (1 new, 0 taken away): allow ip=192.0.2.100 port=2221 proto=tcp cipher=C023,C024')
  })

  test('that are taken away, replaced or change places may interrupt', () => {
    const extra = parseRules(['allow ip=192.0.2.99 port=44818 proto=tcp'])
    expect(changes({ rules: { ingress: [...own, ...extra], egress } })).toMatchObject([
      { what: 'ingress', interrupts: true, to: '7 rules (0 new, 1 taken away)' },
    ])
    const looser = parseRules(['allow ip=192.0.2.2 port=2221 proto=tcp'])
    expect(changes({ rules: { ingress: [...looser, ...own.slice(1)], egress } })).toMatchObject([
      { what: 'ingress', interrupts: true, to: expect.stringContaining('1 new, 1 taken away') as string },
    ])
    expect(changes({ rules: { ingress: [second, first, ...own.slice(2)], egress } })).toMatchObject([
      { what: 'ingress', interrupts: true, to: expect.stringContaining('0 new, 0 taken away') as string },
    ])
  })

  test('that are added for a peer that has others may interrupt', () => {
    expect(changes({ rules: { ingress: own.slice(1), egress } })).toMatchObject([{ what: 'ingress', interrupts: true }])
  })

  test('that stand elsewhere after all are neither new nor gone', () => {
    const rotated = [...own.slice(2), ...own.slice(0, 2)]
    expect(changes({ rules: { ingress: rotated, egress } })[0]?.to).toContain('0 new, 0 taken away')
  })

  test('in great number are shown shortly', () => {
    const many = parseRules(
      Array.from({ length: 60 }, (_, place) => `allow ip=198.51.100.${place} port=44818 proto=tcp`),
    )
    const settings: DeviceSettings = { ...wanted('A1'), rules: { ingress: [...own, ...many], egress } }
    const [change] = deviceDifference(settings, settled('A1'))
    expect(change?.to).toContain('and 48 more')
  })
})

describe('ports', () => {
  const settings: DeviceSettings = {
    ...wanted('A1'),
    ports: [
      { port: 44_818, protocol: 'tcp', open: false },
      { port: 2222, protocol: 'udp', open: true },
    ],
  }
  const ports = (list: ObservedSettings['ports']): readonly Change[] =>
    deviceDifference(settings, settled('A1', { ports: list }))

  test('that close interrupt, that open do not', () => {
    expect(
      ports([
        { port: 44_818, protocol: 'tcp', open: true },
        { port: 2222, protocol: 'udp', open: false },
      ]),
    ).toEqual([
      { what: 'port', from: 'tcp/44818 open', to: 'tcp/44818 closed', interrupts: true },
      { what: 'port', from: 'udp/2222 closed', to: 'udp/2222 open', interrupts: false },
    ])
  })

  test('that were not read are closed to be sure, and left open without a change', () => {
    expect(ports(undefined)).toEqual([
      { what: 'port', from: 'tcp/44818 not known', to: 'tcp/44818 closed', interrupts: true },
    ])
    expect(ports([{ port: 44_818, protocol: 'tcp', open: false }])).toEqual([])
  })
})

describe('a plant', () => {
  const observed = new Map(['A1', 'A2', 'B1', 'B2'].map((name) => [name, settled(name)]))

  test('that holds what it shall has no difference and no orphan', () => {
    const result = difference(compiled.settings, observed)
    expect(result.devices.size).toBe(0)
    expect(result.orphans).toEqual([])
    expect(result.compared.size).toBe(4)
  })

  test('lists only the devices that differ', () => {
    const result = difference(compiled.settings, new Map([...observed, ['B1', settled('B1', { dtlsTimeoutS: 60 })]]))
    expect([...result.devices.keys()]).toEqual(['B1'])
  })

  test('remembers the policy of a device that left the file, to be released or kept', () => {
    const settings = new Map([...compiled.settings].filter(([name]) => name !== 'B2'))
    const [orphan, ...more] = difference(settings, observed).orphans
    expect(more).toEqual([])
    expect(orphan).toMatchObject({ device: 'B2', choices: ['release', 'keep'] })
    expect(orphan?.reason).toContain('policy still in force')
    const released = new Map([...observed, ['B2', settled('B2', { configured: false })]])
    expect(difference(settings, released).orphans).toEqual([])
  })

  test('counts a device as orphan that the file names without a policy', () => {
    const text = twoZones.replace(
      'B2: { address: 192.0.2.12, zone: right }',
      'B2: { address: 192.0.2.12, zone: right, capability: none }',
    )
    expect(difference(compile(indexOf(text)).settings, observed).orphans.map(({ device }) => device)).toEqual(['B2'])
  })

  test('compares again only what changed, with the same result', () => {
    const before = difference(compiled.settings, observed)
    const changed = new Map([...observed, ['A2', settled('A2', { verifyClient: false })]])
    const after = difference(compiled.settings, changed, before)
    expect(after).toEqual(difference(compiled.settings, changed))
    expect(after.compared.get('A1')).toBe(before.compared.get('A1'))
    expect(after.compared.get('A2')).not.toBe(before.compared.get('A2'))
    expect([...after.devices.keys()]).toEqual(['A2'])
  })

  test('that differed in rules before is compared by what it holds, not by what was wanted', () => {
    const short = settled('A1', { rules: { ingress: [], egress: settled('A1').rules?.egress ?? [] } })
    const seen = new Map([...observed, ['A1', short]])
    const before = difference(compiled.settings, seen)
    expect(before.devices.get('A1')?.map((change) => change.what)).toEqual(['ingress'])
    const moved = compile(
      indexOf(
        twoZones.replace('192.0.2.12', '192.0.2.13'),
        new Map(['A1', 'A2', 'B1', 'B2'].map((name) => [name, current])),
      ),
      compiled,
    )
    const after = difference(moved.settings, seen, before)
    expect(after).toEqual(difference(moved.settings, seen))
    expect(after.devices.get('A1')?.find((change) => change.what === 'ingress')?.to).toContain('7 rules (7 new')
  })
})
