import {
  type Capabilities,
  type DeviceCapabilities,
  type ErrorCode,
  estimateCertificateSize,
  indexPlant,
  type PolicyProblem,
  parsePlant,
  parseSimulation,
  validate,
  type WarningCode,
} from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { current, exampleOf, plantOf, twoZones } from './plants.ts'
import { fc } from './properties.ts'

/** A sound plant to break: two zones of certificates, a cell with a key, and what cannot speak CIP Security. */
const sound = `
version: 1
plant: sound
manager: Manager
suites: [0xC023, 0xC006, 0xCCAC]
zones:
  left: { authentication: certificate, messaging: integrity, io: integrity, nonSecure: allow }
  right: { authentication: certificate, messaging: confidentiality, io: confidentiality }
  cell: { authentication: psk, messaging: confidentiality, io: confidentiality, psk: cell-key }
  weak: { authentication: none, nonSecure: allow }
chassis:
  rack: { slots: { 0: Cpu, 1: A } }
devices:
  A: { address: 192.0.2.1, zone: left }
  A2: { address: 192.0.2.2, zone: left }
  Cpu: { zone: left }
  B: { address: 192.0.2.11, zone: right }
  B2: { address: 192.0.2.12, zone: right }
  K: { address: 192.0.2.21, zone: cell }
  K2: { address: 192.0.2.22, zone: cell }
  W: { address: 192.0.2.31, zone: weak, capability: none }
  Manager: { address: 192.0.2.100, zone: right, role: originator, io: deny }
ranges:
  desk: { addresses: 192.0.2.64/28, zone: weak }
conduits:
  - { between: [left, right], messaging: confidentiality, io: confidentiality }
  - { between: [A, W], authentication: trusted-ip }
  - { between: [A, desk], authentication: trusted-ip, opens: desk, io: deny }
connections:
  - { name: keepalive, from: A, originator: Cpu, to: B, class: 1, rpi: 20ms, outputSize: 2, inputSize: 2, serial: 1 }
  - { name: poll, from: A, originator: Cpu, to: W, class: 3, rpi: 1s, outputSize: 100, inputSize: 100, serial: 2 }
tests:
  - { from: A, to: B, messaging: confidentiality }
`

const names = ['A', 'A2', 'B', 'B2', 'K', 'K2', 'Manager']
const everyone: Capabilities = new Map(names.map((name) => [name, current]))
const but = (name: string, part: Partial<DeviceCapabilities>): Capabilities =>
  new Map([...everyone, [name, { ...current, ...part }]])

function check(text: string, capabilities: Capabilities = everyone): readonly PolicyProblem[] {
  const { plant, positions } = plantOf(text)
  return validate(indexPlant(plant, capabilities), { positions })
}

/** Replaces a part of the sound plant that must be there. */
function change(...edits: readonly (readonly [from: string, to: string])[]): string {
  return edits.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the sound plant has no ${from}`)
    return text.replace(from, to)
  }, sound)
}

/** Line and column of a text in a file, from 1. */
function place(text: string, part: string): { readonly line: number; readonly column: number } {
  const lines = text.slice(0, text.indexOf(part)).split('\n')
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1 }
}

test('a sound plant has no problems', () => {
  expect(check(sound)).toEqual([])
})

describe('what is refused', () => {
  const cases: readonly (readonly [
    code: ErrorCode,
    reason: string,
    text: string,
    where: string,
    capabilities?: Capabilities,
  ])[] = [
    ['name-twice', 'is the name of a zone and of a device', change(['  A2: {', '  right: {']), 'right: { address'],
    ['unknown-name', 'did you mean left?', change(['192.0.2.2, zone: left', '192.0.2.2, zone: lefft']), 'lefft'],
    ['unknown-name', 'there is no device Gone', change(['manager: Manager', 'manager: Gone']), 'Gone'],
    [
      'unknown-name',
      'there is no device Gone',
      change(
        ['1: A }', '1: Gone }'],
        ['originator: Cpu, to: B', 'to: B'],
        ['originator: Cpu, to: W', 'to: W'],
        ['  Cpu: { zone: left }\n', ''],
        ['0: Cpu, ', ''],
      ),
      'Gone',
    ],
    [
      'unknown-name',
      'there is no zone or device or range lost',
      change(
        ['[left, right], m', '[left, lost], m'],
        ['keepalive, from: A, originator: Cpu, to: B', 'keepalive, from: A, originator: Cpu, to: A2'],
      ),
      'lost',
    ],
    ['unknown-name', 'there is no device Z', change(['to: B, class', 'to: Z, class']), 'Z, class'],
    [
      'unknown-name',
      'there is no device or range Z',
      change(['{ from: A, to: B, m', '{ from: A, to: Z, m']),
      '{ from: A, to: Z',
    ],
    [
      'duplicate-address',
      'is also the address of A',
      change(['192.0.2.2,', '192.0.2.1,']),
      '192.0.2.1, zone: left }\n  Cpu',
    ],
    ['overlapping-range', 'Manager lies within desk', change(['192.0.2.100', '192.0.2.70']), '192.0.2.70'],
    ['empty-zone', 'no device', change(['  weak:', '  bare: { authentication: certificate }\n  weak:']), 'bare'],
    ['slot-twice', 'sits in slot 1 of rack and in slot 5 of rack', change(['1: A }', '1: A, 5: A }']), 'A } }'],
    [
      'no-address',
      'neither an address nor a place in a chassis',
      change(['  A2: {', '  Lost: { zone: left }\n  A2: {']),
      'Lost',
    ],
    ['manager-missing', 'shut out Cordon itself', change(['manager: Manager\n', '']), '\n'],
    [
      'manager-unfit',
      'cannot speak CIP Security',
      change(
        ['zone: right, role: originator, io: deny', 'zone: right, capability: none, role: originator, io: deny'],
        ['[A, desk], a', '[A, Manager], authentication: trusted-ip }\n  - { between: [A, desk], a'],
      ),
      'Manager\nsuites',
    ],
    ['psk-missing', 'no stored key is named', change([', psk: cell-key', '']), 'cell: {'],
    [
      'psk-missing',
      'no stored key is named',
      change([
        '[A, desk], authentication: trusted-ip,',
        '[A2, K], authentication: psk }\n  - { between: [A, desk], authentication: trusted-ip,',
      ]),
      '{ between: [A2, K]',
    ],
    [
      'psk-unused',
      'authentication is certificate',
      change(['confidentiality }\n  cell', 'confidentiality, psk: other }\n  cell']),
      'other',
    ],
    [
      'psk-unique-identity',
      'all holders of a pre-shared key look alike',
      change(['psk: cell-key', 'psk: cell-key, uniqueIdentity: true']),
      'cell: {',
    ],
    [
      'psk-unique-identity',
      'all holders of a pre-shared key look alike',
      change(
        ['weak: {', 'weak: { uniqueIdentity: true,'],
        [
          '[A, desk], a',
          '[A, A2], authentication: psk, psk: pair, messaging: confidentiality }\n  - { between: [A, desk], a',
        ],
        ['left: {', 'left: { uniqueIdentity: true,'],
      ),
      '{ between: [A, A2]',
    ],
    [
      'psk-slots',
      'needs 2 pre-shared keys (cell-key, weak-key) and holds 1',
      change(
        ['  W: {', '  V: { address: 192.0.2.32, zone: weak }\n  W: {'],
        ['conduits:', 'conduits:\n  - { between: [K, V], authentication: psk, psk: weak-key }'],
      ),
      'K: {',
      but('K', { pskSlots: 1 }),
    ],
    [
      'protection-without-identity',
      'needs peers that prove who they are',
      change(['weak: {', 'weak: { messaging: integrity,']),
      'integrity, authentication: none',
    ],
    [
      'protection-without-identity',
      'trusted-ip does not',
      change([
        '[A, W], authentication: trusted-ip',
        '[A, W], authentication: trusted-ip, messaging: confidentiality, io: deny',
      ]),
      'confidentiality, io: deny',
    ],
    [
      'plain-denied',
      'traffic is plain, and zone left allows no plain traffic',
      change(
        ['io: integrity, nonSecure: allow', 'io: integrity, nonSecure: deny'],
        ['  - { name: poll', '  - { when: before, name: poll'],
      ),
      '{ between: [A, W]',
    ],
    [
      'plain-denied',
      'zone right allows no plain traffic',
      change(['confidentiality, io: confidentiality }\n  cell', 'none, io: confidentiality }\n  cell']),
      'right: {',
    ],
    [
      'plain-io-without-messages',
      'plain I/O is opened by plain messages',
      change(['messaging: integrity, io: integrity', 'messaging: integrity, io: none']),
      'left: {',
    ],
    [
      'looser-device',
      'io: integrity is looser than confidentiality of zone right',
      change(['  B2: { ', '  B2: { io: integrity, ']),
      'integrity, address',
    ],
    [
      'looser-conduit',
      'messaging: integrity is looser than confidentiality of zone right',
      change(['right], messaging: confidentiality', 'right], messaging: integrity']),
      'integrity, io: confidentiality }\n  - ',
    ],
    [
      'looser-conduit',
      'authentication: psk is looser than certificate',
      change([
        '[A, desk], a',
        '[A, A2], authentication: psk, psk: pair, messaging: confidentiality }\n  - { between: [A, desk], a',
      ]),
      '{ between: [A, A2]',
    ],
    [
      'looser-conduit',
      'io: integrity is looser than confidentiality of conduit left - right',
      change(
        ['io: confidentiality }\n  cell', 'io: integrity }\n  cell'],
        ['  - { between: [A, W]', '  - { between: [A, B], io: integrity }\n  - { between: [A, W]'],
      ),
      'integrity }\n  - { between: [A, W]',
    ],
    [
      'looser-conduit',
      'authentication: trusted-ip is looser than certificate',
      change(['  - { between: [A, W]', '  - { between: [A, A2], authentication: trusted-ip }\n  - { between: [A, W]']),
      '{ between: [A, A2]',
    ],
    [
      'not-capable',
      'W cannot speak CIP Security',
      change(
        ['[A, W], authentication: trusted-ip', '[A, W], authentication: certificate'],
        ['  - { name: poll', '  - { when: before, name: poll'],
      ),
      'W], authentication',
    ],
    [
      'not-capable',
      'no device of zone weak can',
      change(['[A, desk], a', '[left, weak], authentication: certificate }\n  - { between: [A, desk], a']),
      'weak], authentication',
    ],
    [
      'not-capable',
      'so messaging: integrity cannot be',
      change(['weak, capability: none', 'weak, messaging: integrity, capability: none']),
      'integrity, capability',
    ],
    ['not-capable', 'the device does not have it', sound, 'B2: {', but('B2', { capable: false })],
    [
      'incapable-without-conduit',
      'zone left is for devices that prove who they are',
      change(['  A2: { address: 192.0.2.2, zone: left', '  A2: { address: 192.0.2.2, zone: left, capability: none']),
      'A2: {',
    ],
    [
      'duplicate-conduit',
      'conduits[0] joins the same two ends',
      change(['  - { between: [A, W]', '  - { between: [right, left] }\n  - { between: [A, W]']),
      '{ between: [right, left]',
    ],
    [
      'conduit-to-itself',
      'both ends are the same',
      change(['  - { between: [A, W]', '  - { between: [A2, A2] }\n  - { between: [A, W]']),
      '{ between: [A2, A2]',
    ],
    [
      'conduit-opens',
      'B2 is not one of its ends',
      change(
        ['[left, right], m', '[left, right], opens: B2, m'],
        ['  - { name: keepalive', '  - { when: before, name: keepalive'],
      ),
      'B2, m',
    ],
    [
      'no-common-suite',
      'no common suite',
      sound,
      'right: {',
      new Map([...everyone, ['B', { ...current, suites: [0xc02c] }], ['B2', { ...current, suites: [0xc02b] }]]),
    ],
    ['no-common-suite', 'hold none for certificate with integrity', change(['0xC023, 0xC006', '0xC023']), 'left: {'],
    ['null-suite-one-end', 'has a suite for integrity', sound, 'left: {', but('A2', { suites: [0xc023] })],
    [
      'conduit-not-holdable',
      'both hold one list of suites',
      sound,
      'left: {',
      new Map(
        [...everyone].map(([name, one]) => [name, name.startsWith('A') ? { ...one, ingressEgress: false } : one]),
      ),
    ],
    ['certificate-size', 'takes files of 512', sound, 'B: {', but('B', { fileLimit: 512 })],
    [
      'connection-capacity',
      'would hold 2 connections and states room for 1',
      sound,
      'A: {',
      but('A', { maxConnections: 1 }),
    ],
    ['close-plain-io', 'plain I/O with W', change(['left: {', 'left: { close: [udp/2222],']), 'A: {'],
    [
      'close-plain-clients',
      'desk is a plain client of it',
      change(
        ['  A: {', '  A: { close: [tcp/44818],'],
        ['authentication: trusted-ip }', 'authentication: trusted-ip, opens: A }'],
      ),
      'A: {',
    ],
    ['close-secure-port', 'is the secured way in', change(['left: {', 'left: { close: [tcp/2221],']), 'tcp/2221'],
    [
      'redundant-secured-io',
      'an association cannot move to the partner',
      change(['rack: {', 'rack: { redundant: true,']),
      'A } }',
    ],
    [
      'multicast-secured',
      'a DTLS association has one peer',
      change(['serial: 1 }', 'serial: 1, multicast: true }']),
      'true }',
    ],
    [
      'connection-twice',
      'has the same name',
      change(['name: poll', 'name: keepalive']),
      '{ name: keepalive, from: A, originator: Cpu, to: W',
    ],
    ['connection-twice', 'has serial number 1 too', change(['serial: 2', 'serial: 1']), '1 }\ntests'],
    [
      'connection-route',
      'Cpu has no address',
      change(['from: A, originator: Cpu, to: B', 'from: Cpu, to: B']),
      'Cpu, to: B',
    ],
    [
      'connection-route',
      'is not in the chassis of B',
      change(['to: B, class', 'to: B, target: Cpu, class']),
      'Cpu, class',
    ],
    [
      'connection-route',
      'both ends are the same device',
      change(['from: A, originator: Cpu, to: B', 'from: A, originator: Cpu, to: A']),
      '{ name: keepalive',
    ],
    [
      'connection-without-conduit',
      'no conduit with trusted-ip joins',
      change(['from: A, originator: Cpu, to: W', 'from: A2, to: W']),
      '{ name: poll',
    ],
    [
      'connection-without-conduit',
      'allows no such traffic',
      change(['io: confidentiality }\n  - ', 'io: deny }\n  - ']),
      '{ name: keepalive',
    ],
  ]

  test.each(cases.map((row) => ({ code: row[0], reason: row[1], row })))('$code: $reason', ({ row }) => {
    const [code, reason, text, where, capabilities] = row
    const problems = check(text, capabilities)
    const found = problems.filter(
      (problem) => problem.code === code && `${problem.reason} ${problem.alternative}`.includes(reason),
    )
    expect(found, problems.map((problem) => `${problem.code}: ${problem.reason}`).join('\n')).toHaveLength(1)
    expect(found[0]).toMatchObject({ severity: 'error', file: 'plant.yaml', ...place(text, where) })
    expect(found[0]?.alternative.length).toBeGreaterThan(10)
  })

  test('of a zone that does not exist is not followed by errors about connections of its devices', () => {
    const found = check(change(['zone: ', 'zone: x'])).filter(({ severity }) => severity === 'error')
    expect(found.map(({ code }) => code)).toContain('unknown-name')
    expect(found.map(({ reason }) => reason).filter((reason) => reason.includes('has no address'))).toEqual([])
  })

  test('covers every code there is', () => {
    const covered = new Set<string>([...cases.map(([code]) => code), 'simulation-mismatch'])
    const all: Readonly<Record<ErrorCode, true>> = {
      'name-twice': true,
      'unknown-name': true,
      'duplicate-address': true,
      'overlapping-range': true,
      'empty-zone': true,
      'slot-twice': true,
      'no-address': true,
      'manager-missing': true,
      'manager-unfit': true,
      'psk-missing': true,
      'psk-unused': true,
      'psk-unique-identity': true,
      'psk-slots': true,
      'protection-without-identity': true,
      'plain-denied': true,
      'plain-io-without-messages': true,
      'looser-device': true,
      'looser-conduit': true,
      'not-capable': true,
      'incapable-without-conduit': true,
      'duplicate-conduit': true,
      'conduit-to-itself': true,
      'conduit-opens': true,
      'no-common-suite': true,
      'null-suite-one-end': true,
      'conduit-not-holdable': true,
      'certificate-size': true,
      'connection-capacity': true,
      'close-plain-io': true,
      'close-plain-clients': true,
      'close-secure-port': true,
      'redundant-secured-io': true,
      'multicast-secured': true,
      'connection-twice': true,
      'connection-route': true,
      'connection-without-conduit': true,
      'simulation-mismatch': true,
    }
    expect(Object.keys(all).filter((code) => !covered.has(code))).toEqual([])
  })

  test('is told all at once, errors first, in the order of the file', () => {
    const problems = check(
      change(
        ['[A, W], a', '[A, A], a'],
        ['zone: weak, capability', 'zone: weka, capability'],
        ['serial: 2', 'serial: 1'],
      ),
    )
    const errors = problems.filter((problem) => problem.severity === 'error')
    expect(errors.map((problem) => problem.code)).toEqual(
      expect.arrayContaining(['unknown-name', 'conduit-to-itself', 'connection-twice']),
    )
    const lines = errors.map((problem) => problem.line)
    expect(lines).toEqual([...lines].sort((a, b) => a - b))
  })
})

describe('what is not refused', () => {
  test('a device that is filled to its capacity, and not beyond', () => {
    expect(check(sound, but('A', { maxConnections: 2, pskSlots: 0 }))).toEqual([])
    expect(check(sound, but('K', { pskSlots: 1 }))).toEqual([])
  })

  test('a connection that ends with the deployment may lack a conduit', () => {
    expect(check(change(['from: A, originator: Cpu, to: W', 'when: before, from: A2, to: W']))).toEqual([])
  })

  test('a plain conduit of a device that can do no better is not "looser" than its zone', () => {
    const text = change(
      ['  A2: {', '  Io: { address: 192.0.2.3, zone: left, capability: none }\n  A2: {'],
      ['  - { between: [A, W]', '  - { between: [A, Io], authentication: trusted-ip }\n  - { between: [A, W]'],
    )
    expect(check(text)).toEqual([])
  })

  test('the same number in two chassis, and the same serial number of two originators', () => {
    const text = change(
      ['chassis:', 'chassis:\n  rack2: { slots: { 0: Cpu2, 1: B } }'],
      ['  A2: {', '  Cpu2: { zone: right }\n  A2: {'],
      ['originator: Cpu, to: W', 'to: W'],
      ['serial: 2', 'serial: 1'],
    )
    expect(check(text)).toEqual([])
  })
})

describe('what is told as a warning', () => {
  const cases: readonly (readonly [code: WarningCode, reason: string, text: string, capabilities: Capabilities])[] = [
    [
      'assumed-capabilities',
      'not all is known about B2',
      sound,
      new Map([...everyone].filter(([name]) => name !== 'B2')),
    ],
    ['capable-after-all', 'but it speaks CIP Security', sound, new Map([...everyone, ['W', current]])],
    ['not-enforceable', 'traffic with W', sound, but('A', { ingressEgress: false })],
    [
      'not-enforceable',
      'plain traffic to port 44818 and 2222 cannot be limited',
      sound,
      but('A2', { ingressEgress: false }),
    ],
    [
      'not-enforceable',
      'checkName needs class revision 9',
      change(['left: {', 'left: { checkName: true,']),
      but('A', { objectRevisions: { ethernetIpSecurity: 7 } }),
    ],
    ['promise-on-peer', 'rests on the other end', sound, but('A2', { ingressEgress: false })],
    [
      'isolated',
      'lets it talk to nobody',
      change(['  W: {', '  Alone: { address: 192.0.2.33, zone: weak, capability: none }\n  W: {']),
      everyone,
    ],
    [
      'conduit-without-effect',
      'lets nobody talk',
      change([
        '  - { between: [A, W]',
        '  - { between: [W, desk], authentication: trusted-ip, messaging: deny, io: deny }\n  - { between: [A, W]',
      ]),
      everyone,
    ],
    [
      'manager-readable',
      'everything that the manager sends can be read',
      change(
        ['[left, right], m', '[A2, right], m'],
        ['keepalive, from: A, originator: Cpu, to: B', 'keepalive, from: A2, to: B'],
      ),
      but('A', { suites: [0xc006] }),
    ],
  ]

  test.each(cases)('%s: %s', (code, reason, text, capabilities) => {
    const problems = check(text, capabilities)
    expect(problems.filter((problem) => problem.severity === 'error')).toEqual([])
    const found = problems.filter((problem) => problem.code === code && problem.reason.includes(reason))
    expect(found.length, problems.map((problem) => `${problem.code}: ${problem.reason}`).join('\n')).toBeGreaterThan(0)
    expect(found[0]).toMatchObject({ severity: 'warning' })
  })

  test('a plant of which nothing is known passes, and says what it takes for granted', () => {
    const problems = check(sound, new Map())
    expect(problems.map((problem) => problem.code)).toEqual(['assumed-capabilities'])
    expect(problems[0]?.reason).toContain('0x5E')
  })
})

describe('the size of a certificate', () => {
  test('grows with names and with the kind of key', () => {
    const { plant } = plantOf(twoZones)
    const [device] = plant.devices
    if (device === undefined) throw new Error('the plant has devices')
    const least = estimateCertificateSize(plant, device)
    expect(least).toBeGreaterThan(600)
    expect(least).toBeLessThan(2048)
    const rsa = {
      ...plant,
      authority: {
        ...plant.authority,
        key: 'rsa-3072' as const,
        device: { ...plant.authority.device, key: 'rsa-3072' as const },
      },
    }
    expect(estimateCertificateSize(rsa, device)).toBeGreaterThan(least + 500)
    const named = { ...plant, authority: { ...plant.authority, subject: { organization: 'x'.repeat(64) } } }
    expect(estimateCertificateSize(named, device)).toBeGreaterThan(least + 128)
  })
})

describe('a simulation that does not fit its plant', () => {
  const { plant, positions, index } = exampleOf('cell3')
  const base = `
version: 1
plant: cell3
vendors:
  acme: { vendor: 65001, organization: Acme, country: US }
models:
  Io:
    kind: adapter
    identity: { vendor: 65001, type: 12, product: 7, revision: [1, 4], name: Io }
    security: { suites: [0xCCAC, 0xC037], credential: { vendor: acme } }
    assemblies: { 100: { direction: output, size: 8 }, 101: { direction: input, size: 8 } }
devices:
  Cell3_PLC: { model: Io, identity: { serial: 0x00c30010 } }
  Cell3_IO_1: { model: Io, identity: { serial: 1 } }
  Cell3_IO_2: { model: Io, identity: { serial: 2 } }
  Cell3_Drive: { model: Io, identity: { serial: 3 }, assemblies: { 1: { direction: input, size: 4 }, 2: { direction: output, size: 4 } } }
`
  function simulate(text: string): readonly PolicyProblem[] {
    const { simulation, positions: simulationPositions, problems } = parseSimulation(text, 'simulation.yaml')
    if (simulation === undefined) throw new Error(problems.map((problem) => problem.message).join('\n'))
    return validate(index, { positions, simulation, simulationPositions }).filter(
      (problem) => problem.code === 'simulation-mismatch',
    )
  }

  test('has no problem while it fits', () => {
    expect(plant.name).toBe('cell3')
    expect(simulate(base)).toEqual([])
  })

  test.each([
    ['for plant other', base.replace('plant: cell3', 'plant: other')],
    ['Cell3_IO_2 has no unit', base.replace(/ {2}Cell3_IO_2.*\n/, '')],
    ['has no such device', `${base}  Stranger: { model: Io, identity: { serial: 9 } }\n`],
    ['its unit has none', base.replace('Cell3_IO_1: { model: Io', 'Cell3_IO_1: { model: Io, security: none')],
    ['serial differ from what the plant file expects', base.replace('0x00c30010', '17')],
    [
      'vendor differ from what the plant file expects',
      base.replace('Cell3_PLC: { model: Io, identity: {', 'Cell3_PLC: { model: Io, identity: { vendor: 2,'),
    ],
    ['has no input assembly 1', base.replace('1: { direction: input, size: 4 }, ', '')],
    [
      'assembly 101 has 7 bytes, PLC_to_IO_1 carries 8',
      base.replace('direction: input, size: 8', 'direction: input, size: 7'),
    ],
  ])('%s', (reason, text) => {
    const [first] = simulate(text)
    expect(first?.reason).toContain(reason)
    expect(first).toMatchObject({ severity: 'error', file: 'simulation.yaml' })
  })
})

describe('validation', () => {
  test('gives an answer, and never throws, for any well-formed plant', () => {
    const word = fc.constantFrom(
      'A',
      'A2',
      'Cpu',
      'B',
      'K',
      'W',
      'desk',
      'left',
      'right',
      'cell',
      'weak',
      'Manager',
      'Gone',
      'none',
      'deny',
      'allow',
      'integrity',
      'confidentiality',
      'certificate',
      'psk',
      'trusted-ip',
      '192.0.2.1',
      '192.0.2.64',
      'true',
      '1',
      '3',
    )
    const token =
      /\b(?:A2?|Cpu|B2?|K2?|W|desk|left|right|cell|weak|Manager|none|deny|allow|integrity|confidentiality|certificate|psk|trusted-ip|192\.0\.2\.\d+)\b/g
    const edit = fc.tuple(fc.nat(200), word)
    fc.assert(
      fc.property(
        fc.array(edit, { maxLength: 6 }),
        fc.constantFrom(everyone, new Map() as Capabilities),
        (edits, capabilities) => {
          const places = [...sound.matchAll(token)]
          let text = sound
          for (const [at, replacement] of [...edits].sort((a, b) => b[0] - a[0])) {
            const match = places[at % places.length]
            if (match !== undefined)
              text = text.slice(0, match.index) + replacement + text.slice(match.index + match[0].length)
          }
          const result = parsePlant(text, 'plant.yaml')
          if (result.plant === undefined) {
            expect(result.problems.length).toBeGreaterThan(0)
            return
          }
          for (const problem of validate(indexPlant(result.plant, capabilities), { positions: result.positions })) {
            expect(problem.reason.length).toBeGreaterThan(0)
            expect(problem.line).toBeGreaterThan(0)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('lists a flood of problems of one kind shortly', () => {
    const devices = Array.from(
      { length: 500 },
      (_, place) => `  D${place}: { address: 10.0.${place >> 8}.${place & 255}, zone: nowhere }`,
    ).join('\n')
    const problems = check(sound.replace('  A2: {', `${devices}\n  A2: {`))
    const unknown = problems.filter((problem) => problem.code === 'unknown-name')
    expect(unknown).toHaveLength(100)
    expect(unknown.some((problem) => problem.reason.includes('and 400 more of this kind'))).toBe(true)
  })
})
