import { type Capabilities, type Decision, decide, type PlantIndex } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { current, indexOf, twoZones } from './plants.ts'

function ask(index: PlantIndex, from: string, to: string): { readonly tcp: Decision; readonly udp: Decision } {
  return { tcp: decide(index, { from, to, transport: 'tcp' }), udp: decide(index, { from, to, transport: 'udp' }) }
}

/** A plant of two zones with parts of the file replaced or added. */
function plant(
  parts: { readonly zones?: string; readonly devices?: string; readonly conduits?: string; readonly top?: string } = {},
  capabilities?: Capabilities,
): PlantIndex {
  return indexOf(
    `
version: 1
plant: sample
manager: Manager
nonSecure: allow
${parts.top ?? 'suites: [0xC02C, 0xC023, 0xC006, 0xCCAC, 0xC03A]'}
zones:
${parts.zones ?? '  left: { authentication: certificate, messaging: integrity, io: integrity }\n  right: { authentication: certificate, messaging: confidentiality, io: integrity }'}
  weak: { authentication: none }
devices:
  A: { address: 192.0.2.1, zone: left }
  A2: { address: 192.0.2.2, zone: left }
  B: { address: 192.0.2.11, zone: right }
  W: { address: 192.0.2.21, zone: weak, capability: none }
  W2: { address: 192.0.2.22, zone: weak, capability: none }
  Manager: { address: 192.0.2.100, zone: right }
${parts.devices ?? ''}
conduits:
${parts.conduits ?? '  []'}
`,
    capabilities,
  )
}

describe('inheritance', () => {
  test('members of a zone talk under its settings, without a conduit', () => {
    const { tcp, udp } = ask(plant(), 'A', 'A2')
    expect(tcp).toMatchObject({
      verdict: 'secure',
      protection: 'integrity',
      suites: [0xc006],
      authentication: 'certificate',
      rule: { kind: 'zone', zone: 'left' },
    })
    expect(udp).toMatchObject({ verdict: 'secure', suites: [0xc006] })
  })

  test('a device may be stricter than its zone, and that holds for all its traffic', () => {
    const index = plant({
      devices: '  Strict: { address: 192.0.2.3, zone: left, messaging: confidentiality, io: deny }',
    })
    for (const [from, to] of [
      ['Strict', 'A'],
      ['A', 'Strict'],
    ] as const) {
      expect(ask(index, from, to).tcp).toMatchObject({
        verdict: 'secure',
        protection: 'confidentiality',
        suites: [0xc02c, 0xc023],
      })
      expect(ask(index, from, to).udp).toMatchObject({ verdict: 'denied', denial: 'deny' })
    }
  })

  test('zones do not meet without a conduit', () => {
    expect(ask(plant(), 'A', 'B').tcp).toMatchObject({
      verdict: 'denied',
      denial: 'no-conduit',
      rule: { kind: 'none' },
    })
    expect(ask(plant(), 'A', 'B').tcp.reason).toContain('zone left and zone right')
  })

  test('a conduit that says nothing takes the stricter of both ends', () => {
    const { tcp, udp } = ask(plant({ conduits: '  - { between: [left, right] }' }), 'A', 'B')
    expect(tcp).toMatchObject({ verdict: 'secure', protection: 'confidentiality', authentication: 'certificate' })
    expect(tcp.rule).toEqual({ kind: 'conduit', index: 0, between: ['left', 'right'] })
    expect(udp).toMatchObject({ protection: 'integrity' })
  })

  test('a conduit may be stricter than both ends', () => {
    const index = plant({ conduits: '  - { between: [left, right], io: confidentiality }' })
    expect(ask(index, 'B', 'A').udp).toMatchObject({ protection: 'confidentiality', suites: [0xc02c, 0xc023] })
  })

  test('the stricter of several conduits wins, and the most specific one is named', () => {
    const index = plant({ conduits: '  - { between: [left, right] }\n  - { between: [A, B], io: deny }' })
    expect(ask(index, 'A', 'B').udp).toMatchObject({ verdict: 'denied', rule: { index: 1 } })
    expect(ask(index, 'A', 'B').tcp).toMatchObject({ verdict: 'secure', rule: { index: 1 } })
    expect(ask(index, 'A2', 'B').udp).toMatchObject({ verdict: 'secure', rule: { index: 0 } })
  })

  test('a looser conduit does not loosen anything, even where validation was not asked', () => {
    const index = plant({
      conduits: '  - { between: [left, right], messaging: none, io: none, authentication: trusted-ip }',
    })
    expect(ask(index, 'A', 'B').tcp).toMatchObject({
      verdict: 'secure',
      protection: 'confidentiality',
      authentication: 'certificate',
    })
  })

  test('integrity is exactly an integrity-only suite, never better', () => {
    const { tcp } = ask(plant(), 'A', 'A2')
    expect(tcp.suites).toEqual([0xc006])
  })
})

describe('direction', () => {
  test('only the named end opens', () => {
    const index = plant({ conduits: '  - { between: [left, right], opens: left }' })
    expect(ask(index, 'A', 'B').tcp.verdict).toBe('secure')
    expect(ask(index, 'B', 'A').tcp).toMatchObject({ verdict: 'denied', denial: 'direction' })
  })

  test('a pure originator accepts nobody, a pure target opens nothing', () => {
    const index = plant({
      devices:
        '  O: { address: 192.0.2.4, zone: left, role: originator }\n  T: { address: 192.0.2.5, zone: left, role: target }',
    })
    expect(ask(index, 'O', 'T').udp.verdict).toBe('secure')
    expect(ask(index, 'T', 'O').udp).toMatchObject({ verdict: 'denied', denial: 'role' })
    expect(ask(index, 'A', 'O').tcp).toMatchObject({ verdict: 'denied', denial: 'role' })
    expect(ask(index, 'T', 'A').tcp).toMatchObject({ verdict: 'denied', denial: 'role' })
  })
})

describe('devices without CIP Security', () => {
  test('have no standing in a zone, not even one without authentication', () => {
    expect(ask(plant(), 'W', 'W2').tcp).toMatchObject({ verdict: 'denied', denial: 'no-conduit' })
  })

  test('talk plain through a conduit with trusted addresses', () => {
    const index = plant({ conduits: '  - { between: [A, W], authentication: trusted-ip }' })
    const { tcp, udp } = ask(index, 'W', 'A')
    expect(tcp).toMatchObject({ verdict: 'plain', protection: 'none', suites: [], authentication: 'trusted-ip' })
    expect(udp).toMatchObject({ verdict: 'plain' })
    expect(ask(index, 'W2', 'A').tcp).toMatchObject({ verdict: 'denied' })
    expect(ask(index, 'W', 'A2').tcp).toMatchObject({ verdict: 'denied' })
  })

  test('cannot use a conduit that needs an identity', () => {
    const index = plant({ conduits: '  - { between: [left, weak], authentication: certificate }' })
    const { tcp } = ask(index, 'A', 'W')
    expect(tcp).toMatchObject({ verdict: 'denied', denial: 'not-capable' })
    expect(tcp.reason).toContain('conduit left - weak')
  })

  test('in a zone of identities are legal only through a conduit that names them', () => {
    const devices = '  Io: { address: 192.0.2.7, zone: left, capability: none }'
    const byZone = plant({ devices, conduits: '  - { between: [left, left], authentication: trusted-ip }' })
    expect(ask(byZone, 'A', 'Io').tcp).toMatchObject({ verdict: 'denied' })
    expect(ask(byZone, 'A', 'A2').tcp).toMatchObject({ verdict: 'secure' })
    const byName = plant({ devices, conduits: '  - { between: [left, Io], authentication: trusted-ip }' })
    expect(ask(byName, 'A', 'Io').udp).toMatchObject({ verdict: 'plain' })
    expect(ask(byName, 'A2', 'Io').udp).toMatchObject({ verdict: 'plain' })
    expect(ask(byName, 'B', 'Io').udp).toMatchObject({ verdict: 'denied' })
  })

  test('keep the denials of their own settings', () => {
    const index = plant({
      devices: '  P: { address: 192.0.2.8, zone: weak, capability: none, role: originator, io: deny }',
      conduits: '  - { between: [A, P], authentication: trusted-ip }',
    })
    expect(ask(index, 'P', 'A').tcp).toMatchObject({ verdict: 'plain' })
    expect(ask(index, 'P', 'A').udp).toMatchObject({ verdict: 'denied', denial: 'deny' })
  })

  test('found by discovery count like those that the file names', () => {
    const index = plant({}, new Map([['A2', { capable: false }]]))
    expect(ask(index, 'A', 'A2').tcp).toMatchObject({ verdict: 'denied', denial: 'no-conduit' })
  })
})

describe('plain traffic', () => {
  test('is denied where a zone allows none, conduit or not', () => {
    const zones =
      '  left: { authentication: certificate, messaging: integrity, io: integrity, nonSecure: deny }\n  right: { authentication: certificate }'
    const index = plant({ zones, conduits: '  - { between: [A, W], authentication: trusted-ip }' })
    expect(ask(index, 'A', 'W').tcp).toMatchObject({ verdict: 'denied', denial: 'plain-denied' })
    expect(ask(index, 'W', 'A').tcp).toMatchObject({ verdict: 'denied', denial: 'plain-denied' })
  })

  test('of I/O needs plain messages, which open it', () => {
    const zones =
      '  left: { authentication: certificate, messaging: integrity, io: none }\n  right: { authentication: certificate }'
    expect(ask(plant({ zones }), 'A', 'A2').udp).toMatchObject({ verdict: 'denied', denial: 'contradiction' })
    const denied = plant({ conduits: '  - { between: [A, W], authentication: trusted-ip, messaging: deny }' })
    expect(ask(denied, 'A', 'W').udp).toMatchObject({ verdict: 'denied', denial: 'contradiction' })
  })

  test('may stand beside secured I/O', () => {
    const zones =
      '  left: { authentication: certificate, messaging: none, io: integrity }\n  right: { authentication: certificate }'
    expect(ask(plant({ zones }), 'A', 'A2').tcp).toMatchObject({ verdict: 'plain', authentication: 'none' })
    expect(ask(plant({ zones }), 'A', 'A2').udp).toMatchObject({ verdict: 'secure' })
  })

  test('is what capable devices of a zone without authentication have among them', () => {
    const index = plant({
      devices: '  C1: { address: 192.0.2.31, zone: weak }\n  C2: { address: 192.0.2.32, zone: weak }',
    })
    expect(ask(index, 'C1', 'C2').tcp).toMatchObject({ verdict: 'plain', rule: { kind: 'zone', zone: 'weak' } })
  })
})

describe('suites', () => {
  test('are what the originator offers and the target accepts, in the order of the plant', () => {
    const index = plant(
      { top: 'suites: [0xC024, 0xC023, 0xC02C, 0xC006]' },
      new Map([
        ['A', { ...current, suites: [0xc02c, 0xc023, 0xc006], originatorSuites: [0xc023, 0xc006] }],
        ['B', { ...current, suites: [0xc023, 0xc024, 0xc02c] }],
      ]),
    )
    const joined = plant(
      { top: 'suites: [0xC024, 0xC023, 0xC02C, 0xC006]', conduits: '  - { between: [A, B], io: confidentiality }' },
      index.capabilities,
    )
    expect(ask(joined, 'A', 'B').tcp.suites).toEqual([0xc023])
    expect(ask(joined, 'B', 'A').tcp.suites).toEqual([0xc023, 0xc02c])
  })

  test('of a conduit narrow those of the zones, and those the plant does not list are not used', () => {
    const index = plant({ conduits: '  - { between: [left, right], suites: [0xC023, 0xC024, 0xC006] }' })
    expect(ask(index, 'A', 'B').tcp.suites).toEqual([0xc023])
  })

  test('that nobody shares deny the traffic', () => {
    const none = plant({}, new Map([['A2', { ...current, suites: [0xc02c] }]]))
    expect(ask(none, 'A', 'A2').tcp).toMatchObject({ verdict: 'denied', denial: 'null-suite-one-end' })
    expect(ask(none, 'A', 'A2').tcp.reason).toContain('only')
    const both = plant(
      {},
      new Map([
        ['A', { ...current, suites: [0xc023] }],
        ['A2', { ...current, suites: [0xc02c] }],
      ]),
    )
    expect(ask(both, 'A', 'A2').tcp).toMatchObject({ verdict: 'denied', denial: 'no-common-suite' })
  })

  test('follow the kind of key that devices make', () => {
    const index = plant({ top: 'authority: { key: rsa-3072 }' })
    expect(ask(index, 'A', 'A2').tcp.suites).toEqual([0x003b])
    expect(
      ask(plant({ top: 'authority: { key: rsa-3072, device: { key: ecdsa-p256 } }' }), 'A', 'A2').tcp.suites,
    ).toEqual([0xc006])
  })

  test('with a pre-shared key name the key', () => {
    const zones =
      '  left: { authentication: psk, messaging: confidentiality, io: integrity, psk: cell }\n  right: { authentication: certificate }'
    const { tcp, udp } = ask(plant({ zones }), 'A', 'A2')
    expect(tcp).toMatchObject({ verdict: 'secure', authentication: 'psk', psk: 'cell', suites: [0xccac] })
    expect(udp).toMatchObject({ suites: [0xc03a], psk: 'cell' })
  })
})

describe("the manager's own way in", () => {
  test('leads to every device with an identity, confidential whatever the zone says', () => {
    const index = plant()
    expect(ask(index, 'Manager', 'A').tcp).toMatchObject({
      verdict: 'secure',
      protection: 'confidentiality',
      rule: { kind: 'manager' },
    })
    expect(ask(index, 'Manager', 'B').tcp).toMatchObject({ verdict: 'secure', suites: [0xc02c, 0xc023] })
  })

  test('opens no I/O and accepts nobody', () => {
    const index = plant()
    expect(ask(index, 'Manager', 'A').udp).toMatchObject({ verdict: 'denied', denial: 'manager' })
    expect(ask(index, 'B', 'Manager').tcp).toMatchObject({ verdict: 'denied', denial: 'manager' })
  })

  test('does not lead to what cannot speak CIP Security', () => {
    expect(ask(plant(), 'Manager', 'W').tcp).toMatchObject({ verdict: 'denied', denial: 'not-capable' })
  })

  test('uses the pre-shared key of a zone that has one', () => {
    const zones =
      '  left: { authentication: psk, messaging: integrity, io: integrity, psk: cell }\n  right: { authentication: certificate }'
    expect(ask(plant({ zones }), 'Manager', 'A').tcp).toMatchObject({
      verdict: 'secure',
      authentication: 'psk',
      psk: 'cell',
      suites: [0xccac],
    })
  })

  test('reaches a unit that has NULL suites alone with integrity, rather than not at all', () => {
    const index = plant({}, new Map([['A', { ...current, suites: [0xc006] }]]))
    expect(ask(index, 'Manager', 'A').tcp).toMatchObject({
      verdict: 'secure',
      protection: 'integrity',
      suites: [0xc006],
    })
  })

  test('reaches a capable device of a plain zone only when a conduit gives it an identity', () => {
    const devices = '  C1: { address: 192.0.2.31, zone: weak }'
    expect(ask(plant({ devices }), 'Manager', 'C1').tcp).toMatchObject({ verdict: 'denied', denial: 'manager' })
    expect(ask(plant({ devices, conduits: '  - { between: [C1, A] }' }), 'Manager', 'C1').tcp).toMatchObject({
      verdict: 'secure',
    })
  })
})

describe('devices behind a module', () => {
  const chassis = 'chassis:\n  left: { slots: { 0: Cpu, 1: A } }'
  const index = plant({
    top: `suites: [0xC023, 0xC006]\n${chassis}`,
    devices: '  Cpu: { zone: left }',
    conduits: '  - { between: [A, B] }',
  })

  test('are bound by the policy of the module', () => {
    expect(ask(index, 'Cpu', 'B').tcp).toMatchObject({ verdict: 'secure', protection: 'confidentiality' })
    expect(ask(index, 'Cpu', 'B').tcp.reason).toContain('through A')
    expect(ask(index, 'B', 'Cpu').tcp.reason).toContain('through A')
  })

  test('reach their module over the backplane, which is plain', () => {
    expect(ask(index, 'Cpu', 'A').tcp).toMatchObject({ verdict: 'plain', rule: { kind: 'backplane', chassis: 'left' } })
  })
})

describe('questions that have no answer', () => {
  test('are denied with the reason', () => {
    const index = plant({ devices: '  Lost: { zone: left }' })
    expect(ask(index, 'Nobody', 'A').tcp).toMatchObject({ verdict: 'denied', denial: 'unknown-name' })
    expect(ask(index, 'A', 'constructor').tcp).toMatchObject({ verdict: 'denied', denial: 'unknown-name' })
    expect(ask(index, 'Lost', 'A').tcp).toMatchObject({ verdict: 'denied', denial: 'no-address' })
    expect(ask(index, 'A', 'A').tcp).toMatchObject({ verdict: 'denied', denial: 'no-conduit' })
  })

  test('never come up for the smallest plant', () => {
    const index = indexOf(twoZones)
    expect(ask(index, 'A1', 'B1').tcp).toMatchObject({ verdict: 'secure', protection: 'confidentiality' })
    expect(ask(index, 'A1', 'B1').udp).toMatchObject({ verdict: 'secure', protection: 'integrity' })
  })
})
