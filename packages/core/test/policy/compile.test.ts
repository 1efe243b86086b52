import {
  type Capabilities,
  compile,
  type DeviceCapabilities,
  type DeviceSettings,
  everyoneElse,
  formatRule,
  indexPlant,
  knownRules,
  managerAuthority,
  parseRules,
} from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { current, exampleOf, indexOf, plantOf, twoZones } from './plants.ts'

function settingsOf(text: string, device: string, capabilities: Capabilities = new Map()): DeviceSettings {
  const settings = compile(indexOf(text, capabilities)).settings.get(device)
  if (settings === undefined) throw new Error(`no settings for ${device}`)
  return settings
}

function everyone(capabilities: DeviceCapabilities): Capabilities {
  return new Map(['A1', 'A2', 'B1', 'B2', 'Manager'].map((name) => [name, capabilities]))
}

const withoutRules = { ...current, ingressEgress: false }

describe('enforcement', () => {
  test('is by rules of class 0x63 where the device has them', () => {
    const settings = settingsOf(twoZones, 'A1', everyone(current))
    expect(settings.enforcement).toBe('rules')
    expect(settings.rules?.ingress.map(formatRule)).toEqual([
      'allow ip=192.0.2.2 port=2221 proto=tcp cipher=C006',
      'allow ip=192.0.2.2 port=2221 proto=udp cipher=C006',
      'allow ip=192.0.2.11 port=2221 proto=tcp cipher=C023,C024',
      'allow ip=192.0.2.11 port=2221 proto=udp cipher=C006',
      'allow ip=192.0.2.12 port=2221 proto=tcp cipher=C023,C024',
      'allow ip=192.0.2.12 port=2221 proto=udp cipher=C006',
      'allow ip=192.0.2.100 port=2221 proto=tcp cipher=C023,C024',
    ])
    expect(settings.rules?.egress.map(formatRule)).toEqual([
      'require-secure ip=192.0.2.2 port=2221 proto=tcp cipher=C006',
      'require-secure ip=192.0.2.2 port=2221 proto=udp cipher=C006',
      'require-secure ip=192.0.2.11 port=2221 proto=tcp cipher=C023,C024',
      'require-secure ip=192.0.2.11 port=2221 proto=udp cipher=C006',
      'require-secure ip=192.0.2.12 port=2221 proto=tcp cipher=C023,C024',
      'require-secure ip=192.0.2.12 port=2221 proto=udp cipher=C006',
    ])
  })

  test('else is by the identities of its peers and of the manager, with no authority trusted', () => {
    const settings = settingsOf(twoZones, 'A1', everyone(withoutRules))
    expect(settings).toMatchObject({
      enforcement: 'identities',
      rules: undefined,
      authorities: [],
      identities: ['A2', 'B1', 'B2', 'Manager'],
    })
  })

  test('else is by the authorities of its own zone, of its peers and of the manager', () => {
    const settings = settingsOf(twoZones, 'A1', everyone({ ...withoutRules, trustedIdentities: false }))
    expect(settings).toMatchObject({
      enforcement: 'authorities',
      rules: undefined,
      authorities: ['left', 'right'],
      identities: [],
    })
  })

  test('is none for a device that gets no policy, which then keeps all as it is', () => {
    const text = twoZones.replace('devices:', 'devices:\n  W: { address: 192.0.2.50, zone: left, capability: none }')
    expect(settingsOf(text, 'W')).toMatchObject({
      enforcement: 'none',
      allowedSuites: [],
      authorities: [],
      identities: [],
      psk: [],
      rules: undefined,
      ports: [],
      verifyClient: false,
    })
  })

  test('never leaves a device with rules that are empty, which would let everything pass', () => {
    const text = `
version: 1
plant: alone
zones:
  only: { authentication: certificate }
devices:
  A: { address: 192.0.2.1, zone: only }
`
    const { rules } = settingsOf(text, 'A', new Map([['A', current]]))
    expect(rules?.ingress.map(formatRule)).toEqual(['deny port=2221-2222 proto=any', 'deny port=44818 proto=tcp'])
    expect(rules?.egress.map(formatRule)).toEqual(['deny port=2221-2222 proto=any', 'deny port=44818 proto=tcp'])
  })
})

describe('settings', () => {
  test('exist for each device with an address but the manager, which is Cordon itself', () => {
    const text = twoZones.replace(
      'devices:',
      'chassis:\n  left: { slots: { 0: Cpu, 1: A1 } }\ndevices:\n  Cpu: { zone: left }',
    )
    expect([...compile(indexOf(text)).settings.keys()]).toEqual(['A1', 'A2', 'B1', 'B2'])
  })

  test('hold separate suites for both directions from class revision 9, and one union before', () => {
    const text = twoZones.replace('A1: {', 'A1: { role: target,')
    expect(settingsOf(text, 'A1', everyone(current))).toMatchObject({
      allowedSuites: [0xc023, 0xc024, 0xc006],
      originatorSuites: [],
    })
    expect(settingsOf(text, 'A2', everyone(current))).toMatchObject({ originatorSuites: [0xc023, 0xc024, 0xc006] })
    const older = everyone({ ...current, objectRevisions: { ethernetIpSecurity: 7 } })
    expect(settingsOf(text, 'A2', older)).toMatchObject({
      allowedSuites: [0xc023, 0xc024, 0xc006],
      originatorSuites: [],
    })
  })

  test('name the certificates of device-to-device conduits instead of trusting the whole zone', () => {
    const text = twoZones.replace('[left, right]', '[A1, B1]')
    expect(settingsOf(text, 'A1', everyone(current))).toMatchObject({
      authorities: ['left', 'right'],
      identities: ['B1'],
    })
    // The zone of the manager is right, so B1 sees left only by the one certificate.
    expect(settingsOf(text, 'B1', everyone(current))).toMatchObject({ authorities: ['right'], identities: ['A1'] })
    expect(settingsOf(text, 'B2', everyone(current))).toMatchObject({ authorities: ['right'], identities: [] })
    const plain = everyone({ ...current, trustedIdentities: false })
    expect(settingsOf(text, 'B1', plain)).toMatchObject({ authorities: ['right', 'left'], identities: [] })
  })

  test('follow what the zone says about dates, names and timeouts, as far as the device can', () => {
    const text = twoZones.replace('left: {', 'left: { checkExpiration: true, checkName: true, dtlsTimeout: 90s,')
    expect(settingsOf(text, 'A1', everyone(current))).toMatchObject({
      checkExpiration: true,
      checkName: true,
      dtlsTimeoutS: 90,
      sendChain: false,
      verifyClient: true,
    })
    expect(settingsOf(text, 'A1', everyone({ ...current, objectRevisions: { ethernetIpSecurity: 7 } }))).toMatchObject({
      checkName: false,
    })
  })

  test('close the ports of zone and device and keep the others open', () => {
    const text = twoZones
      .replace('left: {', 'left: { close: [tcp/44818],')
      .replace('A1: {', 'A1: { close: [udp/2222, tcp/80],')
    expect(settingsOf(text, 'A1').ports).toEqual([
      { port: 44_818, protocol: 'tcp', open: false },
      { port: 44_818, protocol: 'udp', open: true },
      { port: 2222, protocol: 'udp', open: false },
      { port: 80, protocol: 'tcp', open: false },
    ])
    expect(settingsOf(text, 'A2').ports.filter((port) => !port.open)).toEqual([
      { port: 44_818, protocol: 'tcp', open: false },
    ])
  })

  test('name pre-shared keys and never hold them', () => {
    const text = `
version: 1
plant: keys
manager: Manager
zones:
  cell: { authentication: psk, messaging: confidentiality, io: confidentiality, psk: cell-key }
  other: { authentication: certificate }
devices:
  A: { address: 192.0.2.1, zone: cell }
  B: { address: 192.0.2.2, zone: cell }
  C: { address: 192.0.2.3, zone: other }
  Manager: { address: 192.0.2.100, zone: other }
conduits:
  - { between: [C, B], authentication: psk, psk: bridge-key, opens: C }
`
    expect(settingsOf(text, 'A')).toMatchObject({
      psk: [{ name: 'cell-key', identity: 'cell-key', usage: 'any' }],
      verifyClient: false,
      authorities: [],
    })
    // The other zone asks for certificates, and the stricter side wins: no key is needed.
    expect(settingsOf(text, 'C').psk).toEqual([])
    const looser = text.replace(
      'other: { authentication: certificate }',
      'other: { authentication: none, nonSecure: allow }',
    )
    expect(settingsOf(looser, 'C').psk).toEqual([{ name: 'bridge-key', identity: 'bridge-key', usage: 'any' }])
    expect(settingsOf(looser, 'B').psk).toContainEqual({ name: 'bridge-key', identity: 'bridge-key', usage: 'server' })
  })

  test('always let the manager in, by rule, identity or authority', () => {
    for (const capabilities of [current, withoutRules, { ...withoutRules, trustedIdentities: false }]) {
      const settings = settingsOf(twoZones, 'A1', everyone(capabilities))
      const isIn =
        settings.rules?.ingress.some((rule) => rule.ip?.address === 0xc0000264) === true ||
        settings.identities.includes('Manager') ||
        settings.authorities.includes('right')
      expect(isIn).toBe(true)
      expect(settings.allowedSuites).toContain(0xc023)
    }
  })

  test('trust the authority kept for the manager when its zone has none', () => {
    const text = twoZones
      .replace('Manager: { address: 192.0.2.100, zone: right', 'Manager: { address: 192.0.2.100, zone: desk')
      .replace('zones:', 'zones:\n  desk: { authentication: none, nonSecure: allow }')
    const index = indexOf(text, everyone(current))
    expect(managerAuthority(index.plant)).toBe('operations')
    expect(compile(index).settings.get('A1')?.authorities).toEqual(['left', 'right', 'operations'])
  })
})

describe('promises', () => {
  const promise = (settings: DeviceSettings, peer: string, transport: 'tcp' | 'udp') =>
    settings.promises.find((one) => one.peer === peer && one.transport === transport)?.enforcement

  test('are kept here by rules', () => {
    const settings = settingsOf(twoZones, 'A1', everyone(current))
    expect(settings.promises.map(({ enforcement }) => enforcement)).toEqual(settings.promises.map(() => 'here'))
    expect(settings.promises.map(({ peer }) => peer)).toContain(everyoneElse)
  })

  test('rest on the peer where this device holds a union of suites', () => {
    const settings = settingsOf(twoZones, 'A1', new Map([...everyone(current), ['A1', withoutRules]]))
    expect(promise(settings, 'B1', 'udp')).toBe('peer')
    expect(promise(settings, 'A2', 'tcp')).toBe('peer')
  })

  test('about the manager rest on Cordon where this device would take another suite', () => {
    const settings = settingsOf(twoZones, 'A1', new Map([...everyone(current), ['A1', withoutRules]]))
    expect(promise(settings, 'Manager', 'tcp')).toBe('peer')
    expect(promise(settings, 'Manager', 'udp')).toBe('peer')
  })

  test('are kept here without rules when no other suite of the union fits', () => {
    const uniform = twoZones
      .replaceAll('messaging: integrity, io: integrity', 'messaging: confidentiality, io: confidentiality')
      .replaceAll('io: integrity', 'io: confidentiality')
    const settings = settingsOf(uniform, 'A1', everyone(withoutRules))
    expect(promise(settings, 'B1', 'tcp')).toBe('here')
    expect(promise(settings, 'B1', 'udp')).toBe('here')
  })

  test('about plain traffic to a device without rules cannot be enforced', () => {
    const text = twoZones
      .replace('left: {', 'left: { nonSecure: allow,')
      .replace('devices:', 'devices:\n  W: { address: 192.0.2.50, zone: left, capability: none }')
      .replace('conduits:', 'conduits:\n  - { between: [A1, W], authentication: trusted-ip }')
    const settings = settingsOf(text, 'A1', everyone(withoutRules))
    expect(promise(settings, 'W', 'udp')).toBe('not-enforceable')
    expect(promise(settings, everyoneElse, 'tcp')).toBe('not-enforceable')
    expect(promise(settingsOf(text, 'A1', everyone(current)), 'W', 'udp')).toBe('here')
    expect(promise(settingsOf(text, 'W', everyone(current)), 'A1', 'udp')).toBe('peer')
  })

  test('about strangers are kept by identities, and by authorities only while those signed for peers alone', () => {
    const closed = twoZones
      .replaceAll('io: integrity }\n', 'io: integrity, close: [tcp/44818, udp/2222] }\n')
      .replace('io: integrity, close: [tcp/44818, udp/2222] }\n`', 'io: integrity }')
    const text = closed.replace(
      '[left, right], authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818, udp/2222]',
      '[A1, B1], authentication: certificate, messaging: confidentiality, io: integrity',
    )
    expect(promise(settingsOf(text, 'A1', everyone(withoutRules)), everyoneElse, 'tcp')).toBe('here')
    const byAuthority = { ...withoutRules, trustedIdentities: false }
    // A1 trusts zone right because of B1, so B2 could come in as well.
    expect(promise(settingsOf(text, 'A1', everyone(byAuthority)), everyoneElse, 'tcp')).toBe('not-enforceable')
    expect(
      promise(settingsOf(text, 'A1', new Map([...everyone(current), ['A1', byAuthority]])), everyoneElse, 'tcp'),
    ).toBe('peer')
  })
})

describe('the cell with a pre-shared key', () => {
  const { index } = exampleOf('cell3')
  const { settings } = compile(index)

  test('gives every device the one key and the suites that go with it', () => {
    for (const one of settings.values()) {
      expect(one.psk).toEqual([{ name: 'cell3-2026', identity: 'cell3-2026', usage: 'any' }])
      expect(one.allowedSuites).toEqual([0xccac, 0xc037])
      expect(one).toMatchObject({ verifyClient: false, authorities: [], identities: [] })
    }
  })

  test('is enforced by rules, and by the key alone where there are none', () => {
    expect([...settings].map(([name, one]) => [name, one.enforcement])).toEqual([
      ['Cell3_PLC', 'rules'],
      ['Cell3_IO_1', 'rules'],
      ['Cell3_IO_2', 'psk'],
      ['Cell3_Drive', 'rules'],
    ])
  })

  test('keeps targets from opening connections to each other', () => {
    expect(settings.get('Cell3_IO_1')?.rules?.ingress.map(formatRule)).toEqual([
      'allow ip=127.60.33.2 port=2221 proto=tcp cipher=CCAC,C037',
      'allow ip=127.60.33.10 port=2221 proto=tcp cipher=CCAC,C037',
      'allow ip=127.60.33.10 port=2221 proto=udp cipher=CCAC,C037',
    ])
    expect(settings.get('Cell3_IO_1')?.rules?.egress.map(formatRule)).toEqual([
      'deny port=2221-2222 proto=any',
      'deny port=44818 proto=tcp',
    ])
    expect(
      settings.get('Cell3_IO_2')?.promises.find(({ peer, transport }) => peer === everyoneElse && transport === 'tcp')
        ?.enforcement,
    ).toBe('peer')
  })
})

describe('a compiled plant', () => {
  test('is the same for the same plant', () => {
    const text = twoZones
    expect(compile(indexOf(text)).settings).toEqual(compile(indexOf(text)).settings)
  })

  test('says which devices a change touches, and which are gone', () => {
    const before = compile(indexOf(twoZones))
    expect(before.changed).toEqual(['A1', 'A2', 'B1', 'B2'])
    const same = compile(indexOf(twoZones), before)
    expect(same.changed).toEqual([])
    for (const [name, settings] of same.settings) expect(settings).toBe(before.settings.get(name))
    const moved = compile(
      indexOf(twoZones.replace('192.0.2.12', '192.0.2.13').replace('[left, right]', '[A1, B1]')),
      before,
    )
    expect(moved.changed).toEqual(['A1', 'A2', 'B1', 'B2'])
    const gone = compile(indexOf(twoZones.replace('  A2: { address: 192.0.2.2, zone: left }\n', '')), before)
    expect(gone.removed).toEqual(['A2'])
  })

  test('leaves alone whom a change does not touch', () => {
    const text = twoZones
      .replace('zones:', 'zones:\n  apart: { authentication: certificate }')
      .replace(
        'devices:',
        'devices:\n  X1: { address: 192.0.2.61, zone: apart }\n  X2: { address: 192.0.2.62, zone: apart }',
      )
    const before = compile(indexOf(text))
    const after = compile(indexOf(text.replace('192.0.2.1,', '192.0.2.3,')), before)
    expect(after.changed).toEqual(['A1', 'A2', 'B1', 'B2'])
  })

  test('notices a change of a conduit whose ends stay, in a plant edited in memory as in one read again', () => {
    const text = twoZones.replace('[left, right]', '[A1, B1]')
    const stricter = text.replace(/io: integrity \}\n$/, 'io: confidentiality }\n')
    const { plant } = plantOf(text)
    const before = compile(indexPlant(plant, everyone(current)))
    const edited = { ...plant, conduits: plantOf(stricter).plant.conduits }
    for (const changed of [edited, plantOf(stricter).plant]) {
      const after = compile(indexPlant(changed, everyone(current)), before)
      expect(after.changed).toEqual(['A1', 'B1'])
      const rules = after.settings.get('A1')?.rules?.ingress.map(formatRule)
      expect(rules).toContain('allow ip=192.0.2.11 port=2221 proto=udp cipher=C023,C024')
    }
  })

  test('judges promises anew when somebody far away leaves who holds the same credential', () => {
    const closed = twoZones.replaceAll(/(left|right): \{/g, '$1: { close: [tcp/44818, udp/2222],')
    const text = closed.replace('[left, right]', '[A1, B1]')
    const byAuthority = { ...withoutRules, trustedIdentities: false }
    const capabilities = new Map([...everyone(current), ['A1', byAuthority]])
    const stranger = (compiled: ReturnType<typeof compile>): string | undefined =>
      compiled.settings.get('A1')?.promises.find(({ peer, transport }) => peer === everyoneElse && transport === 'tcp')
        ?.enforcement
    const before = compile(indexOf(text, capabilities))
    expect(stranger(before)).toBe('peer')
    const gone = text.replace('  B2: { address: 192.0.2.12, zone: right }\n', '')
    expect(stranger(compile(indexOf(gone, capabilities), before))).toBe('here')
  })

  test('hands its rules to the reading of rules, so that equal rules are one object', () => {
    const compiled = compile(indexOf(twoZones, everyone(current)))
    const wanted = compiled.settings.get('A1')?.rules?.ingress ?? []
    const read = parseRules(wanted.map(formatRule), knownRules(compiled))
    expect(read.length).toBeGreaterThan(0)
    for (const [place, rule] of read.entries()) expect(rule).toBe(wanted[place])
  })
})
