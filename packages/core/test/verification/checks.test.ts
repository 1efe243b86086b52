import {
  type DeviceCapabilities,
  compile,
  indexPlant,
  parsePlant,
  parseSimulation,
  simulatedCapabilities,
} from '@cordon/core/policy'
import {
  attemptKey,
  type Check,
  checkIds,
  checkTable,
  deriveChecks,
  type DeriveRequest,
  judgeRefusal,
  type Means,
  printChecks,
  type RefusalCheck,
} from '@cordon/core/verification'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const root = new URL('../../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

const nothing: Means = {
  vendor: false,
  revoked: new Set(),
  expired: new Set(),
  lists: new Set(),
  live: false,
  revisions: new Map(),
}

function requestFor(
  text: string,
  capabilities: ReadonlyMap<string, DeviceCapabilities> = new Map(),
  means: Partial<Means> = {},
): DeriveRequest {
  const { plant, problems } = parsePlant(text, 'plant.yaml')
  if (plant === undefined) throw new Error(JSON.stringify(problems))
  const index = indexPlant(plant, capabilities)
  return { index, settings: compile(index).settings, means: { ...nothing, ...means } }
}

function demonstration(means: Partial<Means> = {}): DeriveRequest {
  const { simulation } = parseSimulation(read('examples/cpwe/simulation.yaml'), 'simulation.yaml')
  if (simulation === undefined) throw new Error('no simulation')
  return requestFor(read('examples/cpwe/plant.yaml'), simulatedCapabilities(simulation), means)
}

function two(more = ''): string {
  return `
version: 1
plant: two
authority: { key: ecdsa-p256, subject: { organization: Test, country: US } }
nonSecure: allow
suites: [0xC02C, 0xC006]
manager: Manager
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity, close: [udp/2222] ${more} }
  operations: { authentication: certificate, messaging: confidentiality, io: integrity }
devices:
  A: { address: 192.0.2.1, zone: green, expect: { serial: 7 } }
  B: { address: 192.0.2.2, zone: green, dnsName: b.example }
  Manager: { address: 192.0.2.9, zone: operations, role: originator, io: deny }
tests:
  - { from: A, to: B, messaging: confidentiality }
`
}

const named = (checks: readonly Check[], id: Check['id'], device?: string) =>
  checks.filter((check) => check.id === id && (device === undefined || check.device === device))

describe('the checks of a plant', () => {
  const { checks } = deriveChecks(demonstration({ vendor: true, live: true }))

  test('are told apart by id and subject', () => {
    const keys = checks.map(({ id, subject }) => `${id} ${subject}`)
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('are the same each time', () => {
    expect(deriveChecks(demonstration({ vendor: true, live: true })).checks).toEqual(checks)
  })

  test('are plain data, so that a report can hold them', () => {
    expect(JSON.parse(JSON.stringify(checks))).toEqual(JSON.parse(JSON.stringify(structuredClone(checks))))
  })

  test('have the kind that the table says', () => {
    for (const { id, kind } of checks) expect(kind).toBe(checkTable[id].kind)
  })

  test('cover every device that gets settings, and no other', () => {
    const { index, settings } = demonstration()
    const secured = [...settings.values()]
      .filter(({ enforcement }) => enforcement !== 'none')
      .map(({ device }) => device)
    const minimum = [
      'session-opens',
      'state-configured',
      'state-secured',
      'allowed-suites',
      'ingress-rules',
      'port-states',
      'suite-connects',
      'suite-refused',
      'version-refused',
      'certificate-chain',
      'certificate-name',
      'certificate-not-default',
      'no-certificate-refused',
      'foreign-certificate-refused',
      'vendor-certificate-refused',
      'pair-refused',
    ] as const
    for (const device of secured)
      for (const id of minimum) expect(named(checks, id, device).length, `${id} of ${device}`).toBeGreaterThan(0)
    expect(secured).toContain('Blue_Drive')
    const asked = new Set(checks.filter(({ method }) => method === 'read-back').map(({ device }) => device))
    expect(asked).toEqual(new Set(secured))
    for (const [name, device] of index.devices) if (device.capability === 'none') expect(asked).not.toContain(name)
  })

  test('try each suite of CIP Security over each transport, as permitted or as refused', () => {
    for (const transport of ['TLS', 'DTLS']) {
      const subject = `Blue_EN4TR over ${transport}`
      const of = (id: Check['id']) =>
        named(checks, id).filter((check) => check.subject.startsWith(`${subject},`)).length
      expect(of('suite-connects') + of('suite-refused')).toBe(13)
    }
    const tls = named(checks, 'suite-connects', 'Blue_EN4TR').map(({ subject }) => subject)
    expect(tls).toEqual(['Blue_EN4TR over TLS, C023', 'Blue_EN4TR over TLS, C024', 'Blue_EN4TR over DTLS, C006'])
  })

  test('try each pair from its own address, whatever it may do', () => {
    const { index, settings } = demonstration()
    for (const [name, own] of settings) {
      if (own.enforcement === 'none') continue
      for (const peer of index.endpoints.values()) {
        if (peer.name === name) continue
        const about = checks.filter(({ subject }) => subject.startsWith(`${peer.name} to ${name} `))
        const transports = new Set(about.map(({ subject }) => subject.split(' ').at(-1)))
        const expected = peer === index.manager ? ['DTLS'] : ['TLS', 'DTLS']
        for (const transport of expected) expect(transports, `${peer.name} to ${name}`).toContain(transport)
      }
    }
  })

  test('include the pairs that the guide forbids and those it shows', () => {
    const subjects = (id: Check['id']) => new Set(named(checks, id).map(({ subject }) => subject))
    expect(subjects('pair-refused')).toContain('Red_EN4TR to Green_EN4TR over TLS')
    expect(subjects('pair-refused')).toContain('Compact_IO_40 to Green_L85E over DTLS')
    expect(subjects('pair-connects')).toContain('Green_EN4TR to Blue_EN4TR over TLS')
    expect(subjects('pair-plain-connects')).toContain('Panel_70 to Blue_EN4TR in plain')
    expect(subjects('pair-plain-refused')).toContain('Data_Server to Blue_EN4TR in plain')
    expect(subjects('pair-plain-io-refused')).toEqual(
      new Set(['Panel_70', 'Engineering_71', 'Maintenance_253'].map((peer) => `${peer} to Blue_EN4TR in plain I/O`)),
    )
    expect(subjects('plain-port-closed')).toContain('Green_EN4TR, tcp/44818')
    expect(subjects('plain-port-open')).toContain('Blue_EN4TR, tcp/44818')
  })

  test('have a control for each refusal, which is another attempt at the same device', () => {
    for (const check of checks) {
      if (check.method !== 'refusal') continue
      expect(check.control.target).toBe(check.attempt.target)
      expect(attemptKey(check.control)).not.toBe(attemptKey(check.attempt))
      expect(check.control.kind).toBe(check.attempt.kind === 'plain-io' ? 'plain-session' : 'handshake')
    }
  })

  test('never expect the same attempt to succeed and to be refused', () => {
    const wanted = new Set<string>()
    for (const check of checks) {
      if (check.method === 'connect') wanted.add(attemptKey(check.attempt))
      if (check.method === 'refusal') wanted.add(attemptKey(check.control))
    }
    for (const check of checks) if (check.method === 'refusal') expect(wanted).not.toContain(attemptKey(check.attempt))
  })

  test('leave repetitions to openssl, one of each for each transport', () => {
    const repeated = named(checks, 'openssl-agrees').map(({ subject }) => subject.split(':')[0])
    expect(repeated.filter((id) => id === 'pair-refused')).toHaveLength(2)
    expect(repeated).toHaveLength(14)
  })

  test('can be limited to some devices and the connections at them', () => {
    const few = deriveChecks({ ...demonstration({ live: true }), only: new Set(['Blue_Drive']) }).checks
    expect(new Set(few.filter(({ method }) => method !== 'connection').map(({ device }) => device))).toEqual(
      new Set(['Blue_Drive']),
    )
    expect(named(few, 'connection-protected').map(({ subject }) => subject)).toEqual(['Blue_to_Drive'])
    expect(named(few, 'policy-test')).toEqual([])
  })
})

describe('what is at hand', () => {
  test('without a credential of the maker what the device trusts is judged instead', () => {
    const { checks } = deriveChecks(requestFor(two()))
    expect(named(checks, 'vendor-certificate-refused').every(({ method }) => method === 'trust')).toBe(true)
    const better = deriveChecks(requestFor(two(), undefined, { vendor: true })).checks
    expect(named(better, 'vendor-certificate-refused').every(({ method }) => method === 'refusal')).toBe(true)
  })

  test('a revocation list asks for its checks, and without a revoked credential they say so', () => {
    expect(named(deriveChecks(requestFor(two())).checks, 'revocation-lists')).toEqual([])
    const { checks } = deriveChecks(requestFor(two(), undefined, { lists: new Set(['green']) }))
    expect(named(checks, 'revocation-lists')).toHaveLength(2)
    expect(named(checks, 'certificate-not-revoked')).toHaveLength(4)
    const refused = named(checks, 'revoked-certificate-refused')
    expect(refused.map((check) => check.method === 'settled' && check.verdict)).toEqual(Array(4).fill('not-probed'))
    const better = deriveChecks(
      requestFor(two(), undefined, { lists: new Set(['green']), revoked: new Set(['green']) }),
    ).checks
    expect(named(better, 'revoked-certificate-refused').every(({ method }) => method === 'refusal')).toBe(true)
  })

  test('dates and names are tried where the zone has them checked', () => {
    const strict = requestFor(two(', checkExpiration: true, checkName: true'), undefined, {
      expired: new Set(['green']),
    })
    const { checks } = deriveChecks(strict)
    expect(named(checks, 'expired-certificate-refused').every(({ method }) => method === 'refusal')).toBe(true)
    expect(named(checks, 'misnamed-certificate-refused').length).toBeGreaterThan(0)
    const loose = deriveChecks(requestFor(two())).checks
    expect([...named(loose, 'expired-certificate-refused'), ...named(loose, 'misnamed-certificate-refused')]).toEqual(
      [],
    )
  })

  test('an older device is not asked for what its class revision does not have', () => {
    const old = new Map([['A', { objectRevisions: { ethernetIpSecurity: 7 } }]])
    const { checks } = deriveChecks(requestFor(two(), old))
    expect(named(checks, 'originator-suites').map(({ device }) => device)).toEqual(['B'])
  })

  test('a connection without a live table is not tested, never passed', () => {
    const text = `${two()}connections:\n  - { name: reads, from: A, to: B, class: 3, rpi: 750ms, outputSize: 100, inputSize: 100 }\n`
    const [blind] = named(deriveChecks(requestFor(text)).checks, 'connection-protected')
    expect(blind).toMatchObject({ method: 'settled', verdict: 'not-tested' })
    const [live] = named(deriveChecks(requestFor(text, undefined, { live: true })).checks, 'connection-protected')
    expect(live).toMatchObject({ method: 'connection', transport: 'tls', suites: [0xc02c] })
  })
})

describe('a device without rules', () => {
  const without = (what: Partial<DeviceCapabilities>) =>
    new Map(['A', 'B'].map((name) => [name, { ingressEgress: false, ...what }]))

  test('that knows its peers by their certificates is not probed as one of them', () => {
    const { checks } = deriveChecks(requestFor(two(), without({ trustedIdentities: true })))
    expect(named(checks, 'pair-connects').map((check) => check.method === 'settled' && check.verdict)).toEqual(
      Array(4).fill('not-probed'),
    )
  })

  test('that keeps plain ports open is a risk, not a pass, told once for each peer', () => {
    const { checks, risks } = deriveChecks(requestFor(two(), without({ trustedIdentities: false })))
    const told = risks.filter(({ subject }) => subject === 'A').map(({ reason }) => reason)
    expect(told).toEqual([
      expect.stringMatching(/^not enforceable: B over tcp: .*; over udp: /),
      expect.stringMatching(/^not enforceable: everyone else over tcp: plain traffic on tcp\/44818 /),
    ])
    expect(named(checks, 'pair-plain-refused')).toEqual([])
    expect(named(checks, 'ingress-rules')).toEqual([])
  })
})

test('what a device lets in because its peers keep the promise is a risk', () => {
  const { simulation } = parseSimulation(read('examples/cell3/simulation.yaml'), 'simulation.yaml')
  if (simulation === undefined) throw new Error('no simulation')
  const { checks } = deriveChecks(requestFor(read('examples/cell3/plant.yaml'), simulatedCapabilities(simulation)))
  const resting = checks.filter((check) => check.method === 'refusal' && check.tolerated !== undefined)
  const pairs = resting.filter(({ id }) => id === 'pair-refused')
  expect(new Set(pairs.map(({ device }) => device))).toEqual(new Set(['Cell3_IO_2']))
  expect(pairs.length).toBeGreaterThan(0)
  for (const check of pairs)
    expect(
      judgeRefusal(check as RefusalCheck, { kind: 'accepted', suite: 0xc037, version: 'TLSv1.2' }, undefined),
    ).toMatchObject({ verdict: 'risk', reason: expect.stringContaining('rests on the peer alone') })
})

test('pairs of a large plant are sampled by groups of like devices', () => {
  const devices = Array.from(
    { length: 300 },
    (_, i) => `  D${i}: { address: 10.0.${i >> 8}.${i & 255}, zone: ${i % 2 === 0 ? 'a' : 'b'} }`,
  )
  const request = requestFor(`
version: 1
plant: many
authority: { key: ecdsa-p256, subject: { organization: Test, country: US } }
manager: Manager
zones:
  a: { authentication: certificate, messaging: confidentiality, io: integrity }
  b: { authentication: certificate, messaging: confidentiality, io: integrity }
  operations: { authentication: certificate, messaging: confidentiality, io: integrity }
devices:
${devices.join('\n')}
  Manager: { address: 10.1.0.1, zone: operations, role: originator, io: deny }
`)
  const { checks } = deriveChecks({ ...request, only: new Set(['D0']) })
  const peers = new Set(checks.filter(({ id }) => id.startsWith('pair-')).map(({ subject }) => subject.split(' ')[0]))
  // The manager, one of its own zone, one of the other.
  expect(peers.size).toBe(3)
  expect(peers).toContain('Manager')
  const all = deriveChecks({ ...request, only: new Set(['D0']), peersPerGroup: 1000 }).checks
  expect(new Set(all.filter(({ id }) => id.startsWith('pair-')).map(({ subject }) => subject.split(' ')[0])).size).toBe(
    300,
  )
})

test('a range is tried from its first host', () => {
  const text = two().replace('tests:', 'ranges:\n  office: { addresses: 198.51.100.64/28, zone: green }\ntests:')
  const { checks } = deriveChecks(requestFor(text))
  const [check] = named(checks, 'pair-refused', 'A').filter(({ subject }) => subject.startsWith('office'))
  expect(check?.method === 'refusal' && check.attempt.source.address).toBe('198.51.100.65')
})

describe('the table of checks', () => {
  test('is printed in the documentation as it is', () => {
    expect(read('docs/verification.md')).toContain(printChecks())
  })

  test('has a row for each id', () => {
    const rows = printChecks().split('\n')
    expect(rows).toHaveLength(checkIds.length + 2)
    for (const id of checkIds) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/)
  })
})
