import { parseSimulation, type SimulatedDevice, simulatedCapabilities, tagSize } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { exampleOf } from './plants.ts'

const base = `
version: 1
plant: p
vendors:
  acme: { vendor: 65001, organization: Acme, country: US }
models:
  M:
    kind: adapter
    identity: { vendor: 65001, type: 12, product: 7, revision: [1, 4], name: Block }
    security: { suites: [0xC023, 0xC006], revisions: { ethernetIpSecurity: 7 }, pskSlots: 3, credential: { vendor: acme } }
    capacity: { connections: 8, minimumRpi: 5ms }
    tags: { Shared: { type: DINT, value: 1 } }
    assemblies: { 100: { direction: output, size: 8 } }
    faults: [{ kind: slow-csr, delay: 8s }]
devices:
`

function unit(text: string): SimulatedDevice {
  const result = parseSimulation(base + text, 'simulation.yaml')
  const device = result.simulation?.devices[0]
  if (device === undefined) throw new Error(result.problems.map((problem) => problem.message).join('\n'))
  return device
}

function refusal(text: string) {
  const [first] = parseSimulation(base + text, 'simulation.yaml').problems
  return first
}

const identity = 'identity: { vendor: 1, type: 12, product: 1, revision: [1, 1], serial: 5, name: X }'

describe('a unit', () => {
  test('takes what its model says, field by field, and adds or replaces its own', () => {
    const device = unit(
      '  A: { model: M, identity: { serial: 5, name: Other }, security: { pskSlots: 1, revisions: { certificateManagement: 2 } }, capacity: { tls: 4 }, tags: { Own: { type: BOOL } }, faults: [{ kind: hang, after: 3s }] }\n',
    )
    expect(device.identity).toEqual({
      vendor: 65001,
      type: 12,
      product: 7,
      major: 1,
      minor: 4,
      serial: 5,
      name: 'Other',
    })
    expect(device.security).toMatchObject({
      suites: [0xc023, 0xc006],
      pskSlots: 1,
      objectRevisions: { cipSecurity: 4, ethernetIpSecurity: 7, certificateManagement: 2 },
      credential: { kind: 'vendor', vendor: 'acme', condition: 'good' },
    })
    expect(device.capacity).toMatchObject({ connections: 8, minimumRpiUs: 5000, tls: 4 })
    expect(device.tags.map((tag) => tag.name)).toEqual(['Shared', 'Own'])
    expect(device.assemblies).toEqual([
      { instance: 100, direction: 'output', size: 8, onLoss: 'zero', countEveryMs: undefined },
    ])
    expect(device.faults).toEqual([
      { fault: { kind: 'slow-csr', delayMs: 8000 }, when: { kind: 'time', afterMs: 0 }, durationMs: undefined },
      { fault: { kind: 'hang' }, when: { kind: 'time', afterMs: 3000 }, durationMs: undefined },
    ])
  })

  test('may have no CIP Security although its model has', () => {
    expect(unit('  A: { model: M, identity: { serial: 5 }, security: none }\n').security).toBeUndefined()
  })

  test('is a current device where nothing is said', () => {
    const device = unit(`  A: { kind: drive, ${identity}, security: {} }\n`)
    expect(device.security).toEqual({
      suites: [0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0x003d, 0x003c, 0xccac, 0xc037, 0xc006, 0x003b, 0xc03a],
      originatorSuites: [
        0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0x003d, 0x003c, 0xccac, 0xc037, 0xc006, 0x003b, 0xc03a,
      ],
      objectRevisions: { cipSecurity: 4, ethernetIpSecurity: 9, certificateManagement: 3 },
      pskSlots: 1,
      ingressEgress: true,
      trustedIdentities: true,
      fileLimit: 16_384,
      plainReset: false,
      fileSlots: 32,
      profiles: 0x0002,
      credential: { kind: 'self-signed' },
    })
    expect(device).toMatchObject({
      startsWhen: 'plant',
      web: true,
      listens: true,
      faults: [],
      tags: [],
      assemblies: [],
    })
  })

  test.each([
    ['A: { model: Gone, identity: { serial: 5 } }', 'devices.A.model', 'there is no model Gone'],
    [
      'A: { model: M, identity: { serial: 5 }, security: { credential: { vendor: gone } } }',
      'devices.A.security',
      'there is no vendor gone',
    ],
    [`A: { ${identity} }`, 'devices.A', 'the kind is not known'],
    ['A: { model: M }', 'devices.A.identity', 'serial missing'],
    [
      'A: { model: M, identity: { serial: 5 } }\n  B: { model: M, identity: { serial: 5 } }',
      'devices.B.identity',
      'A has the same vendor and serial number',
    ],
    [
      'A: { model: M, identity: { serial: 5 }, capacity: { minimumRpi: 1us } }',
      'devices.A.capacity.minimumRpi',
      'found 1us',
    ],
    ['A: { model: M, identity: { serial: 5, revision: 33.11 } }', 'devices.A.identity.revision', 'found 33.11'],
    ['A: { model: M, identity: { serial: 5, name: "caf\u00e9" } }', 'devices.A.identity.name', 'found'],
    [
      'A: { model: M, identity: { serial: 5 }, security: { suites: [0x1301] } }',
      'devices.A.security.suites[0]',
      'is no cipher suite',
    ],
    ['A: { model: M, identity: { serial: 5 }, security: some }', 'devices.A.security', 'found "some"'],
    [
      'A: { model: M, identity: { serial: 5 }, assemblies: { 70000: { direction: input, size: 1 } } }',
      'devices.A.assemblies.70000',
      'found instance 70000',
    ],
  ])('is refused at its place: %s', (text, path, message) => {
    const problem = refusal(`  ${text}\n`)
    expect(problem?.path).toBe(path)
    expect(problem?.message).toContain(message)
    expect(problem?.line).toBeGreaterThan(15)
  })
})

describe('tags', () => {
  const tag = (text: string) =>
    unit(`  A: { model: M, identity: { serial: 5 }, tags: { T: ${text} } }\n`).tags.find(({ name }) => name === 'T')

  test('have a value for each element, zero where none is given', () => {
    expect(tag('{ type: DINT, length: 3, value: [1, -2] }')).toEqual({
      name: 'T',
      type: 'DINT',
      length: 3,
      value: [1, -2, 0],
      produced: false,
      change: { kind: 'constant' },
    })
    expect(tag('{ type: STRING, value: Hello }')?.value).toEqual(['Hello'])
    expect(tag('{ type: BOOL }')?.value).toEqual([false])
    expect(tag('{ type: REAL, value: 1.5, produced: true, countEvery: 20ms }')).toMatchObject({
      value: [1.5],
      produced: true,
      change: { kind: 'count', everyMs: 20 },
    })
  })

  test('have the sizes that they take on the wire', () => {
    const size = (text: string): number | undefined => {
      const found = tag(text)
      return found === undefined ? undefined : tagSize(found)
    }
    expect(size('{ type: DINT, length: 10 }')).toBe(40)
    expect(size('{ type: STRING }')).toBe(88)
    expect(size('{ type: LREAL, length: 2 }')).toBe(16)
  })

  test.each([
    ['{ type: SINT, value: 128 }'],
    ['{ type: SINT, value: -129 }'],
    ['{ type: INT, value: 1.5 }'],
    ['{ type: DINT, value: text }'],
    ['{ type: BOOL, value: 1 }'],
    ['{ type: STRING, value: 5 }'],
    ['{ type: STRING, value: "\u00e9" }'],
    ['{ type: DINT, value: [1, 2] }'],
    ['{ type: BOOL, countEvery: 1s }'],
    ['{ type: WORD }'],
  ])('refuse %s', (text) => {
    expect(refusal(`  A: { model: M, identity: { serial: 5 }, tags: { T: ${text} } }\n`)?.path).toContain(
      'devices.A.tags.T',
    )
  })
})

describe('faults', () => {
  const faults = (text: string) =>
    unit(`  A: { model: M, identity: { serial: 5 }, faults: [${text}] }\n`).faults.slice(1)

  test.each([
    [
      '{ kind: drop, share: 0.2, lasts: 10s }',
      { fault: { kind: 'drop', share: 0.2 }, when: { kind: 'time', afterMs: 0 }, durationMs: 10_000 },
    ],
    [
      '{ kind: delay, delay: 200ms, after: 1min }',
      { fault: { kind: 'delay', delayMs: 200 }, when: { kind: 'time', afterMs: 60_000 } },
    ],
    [
      '{ kind: power-cycle, down: 5s, request: { class: 0x5E, service: 0x4D } }',
      {
        fault: { kind: 'power-cycle', downMs: 5000 },
        when: { kind: 'service', class: 0x5e, service: 0x4d, occurrence: 1 },
      },
    ],
    [
      '{ kind: hang, request: { class: 0x5F, service: 0x4B, occurrence: 2 } }',
      { fault: { kind: 'hang' }, when: { kind: 'service', class: 0x5f, service: 0x4b, occurrence: 2 } },
    ],
    ['{ kind: wrong-answer, status: 0x0C }', { fault: { kind: 'wrong-answer', status: 12 } }],
    ['{ kind: full-certificate-store }', { fault: { kind: 'full-certificate-store' } }],
    ['{ kind: protection-mode }', { fault: { kind: 'protection-mode' } }],
    ['{ kind: slow-csr, delay: 8s }', { fault: { kind: 'slow-csr', delayMs: 8000 } }],
    ['{ kind: slow-handshake, delay: 2s }', { fault: { kind: 'slow-handshake', delayMs: 2000 } }],
    ['{ kind: man-in-the-middle }', { fault: { kind: 'man-in-the-middle' } }],
  ])('are read: %s', (text, expected) => {
    expect(faults(text)).toMatchObject([expected])
  })

  test.each([
    ['{ kind: drop }', 'share is missing'],
    ['{ kind: hang, delay: 1s }', 'hang has no delay'],
    ['{ kind: slow-csr }', 'delay is missing'],
    ['{ kind: hang, after: 1s, request: { class: 1, service: 1 } }', 'after and request both say when'],
    ['{ kind: explode }', 'found "explode"'],
    ['{ kind: drop, share: 2 }', 'found 2'],
  ])('are refused: %s', (text, message) => {
    expect(refusal(`  A: { model: M, identity: { serial: 5 }, faults: [${text}] }\n`)?.message).toContain(message)
  })
})

describe('the pull model of a unit', () => {
  const secure = `${identity}, security: { suites: [0xC023] }`

  test('is not there unless it is asked for', () => {
    expect(unit('  A: { model: M, identity: { serial: 5 } }\n').pull).toBeUndefined()
  })

  test('looks by itself and believes whoever answers, when nothing else is said', () => {
    expect(unit(`  A: { kind: drive, ${secure}, pull: {} }\n`).pull).toEqual({
      servers: undefined,
      label: undefined,
      trust: { kind: 'provisional' },
      basic: undefined,
      certificate: undefined,
      keyKind: 'ecdsa-p256',
      calendar: true,
    })
  })

  test('takes servers, a fingerprint, a password, a certificate and a kind of key', () => {
    const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':')
    const device = unit(
      `  A: { kind: drive, ${secure}, pull: { servers: [{ host: 127.0.0.1, port: 8444 }], label: cell3, trust: { fingerprint: '${fingerprint}' }, basic: { user: ann, passwordFile: pw }, certificate: { chain: a.pem, key: a.key }, keyKind: rsa-3072, calendar: false } }\n`,
    )
    expect(device.pull).toEqual({
      servers: [{ host: '127.0.0.1', port: 8444 }],
      label: 'cell3',
      trust: { kind: 'fingerprint', sha256: 'ab'.repeat(32) },
      basic: { user: 'ann', passwordFile: 'pw' },
      certificate: { chain: 'a.pem', key: 'a.key' },
      keyKind: 'rsa-3072',
      calendar: false,
    })
  })

  test('is shown in its capabilities', () => {
    const { simulation } = parseSimulation(`${base}  A: { model: M, identity: { serial: 5 }, pull: {} }\n`, 's.yaml')
    if (simulation === undefined) throw new Error('no simulation')
    expect(simulatedCapabilities(simulation).get('A')).toMatchObject({ profiles: 0x0022 })
  })

  test.each([
    ['a password for whoever answers', 'pull: { basic: { user: ann, passwordFile: pw } }', /nothing vouches for/],
    ['a server without a port', 'pull: { servers: [{ host: a }] }', /port/],
    ['no servers at all', 'pull: { servers: [] }', /servers/],
    ['half a fingerprint', "pull: { trust: { fingerprint: 'ab' } }", /./],
    ['a word that is not known', 'pull: { server: a }', /server/],
  ] as const)('is refused with %s, with its place in the file', (_, text, message) => {
    const line = base.split('\n').length
    const problem = refusal(`  A: { kind: drive, ${secure}, ${text} }\n`)
    expect(problem?.message).toMatch(message)
    expect([problem?.file, problem?.line]).toEqual(['simulation.yaml', line])
    expect(problem?.column).toBeGreaterThan(1)
  })

  test('needs CIP Security', () => {
    expect(refusal(`  A: { kind: drive, ${identity}, pull: {} }\n`)?.message).toMatch(/without CIP Security/)
    expect(unit(`  A: { kind: drive, ${identity}, pull: { enabled: false } }\n`).pull).toBeUndefined()
  })
})

describe('a credential from the factory', () => {
  const credentialOf = (credential: string, more = '') =>
    unit(`  A: { model: M, identity: { serial: 5 }, security: { credential: ${credential} } }\n${more}`).security
      ?.credential

  test('may be expired, revoked, or that of another unit', () => {
    expect(credentialOf('{ vendor: acme, condition: expired }')).toEqual({
      kind: 'vendor',
      vendor: 'acme',
      condition: 'expired',
    })
    const other = '  B: { model: M, identity: { serial: 6 } }\n'
    expect(credentialOf('{ cloneOf: B }', other)).toEqual({ kind: 'clone', of: 'B' })
  })

  test('is cloned from a unit that has one of its own', () => {
    const text = '  A: { model: M, identity: { serial: 5 }, security: { credential: { cloneOf: A } } }\n'
    expect(refusal(text)?.message).toMatch(/A has no credential that could be cloned/)
  })
})

describe('the capabilities of a simulation', () => {
  const { simulation } = exampleOf('cpwe')
  const capabilities = simulatedCapabilities(simulation)

  test('are what each unit states', () => {
    expect(capabilities.get('Blue_EN4TR')).toMatchObject({
      capable: true,
      suites: [0xc006, 0xc023, 0xc024],
      objectRevisions: { ethernetIpSecurity: 7, certificateManagement: 2 },
      ingressEgress: true,
      pskSlots: 1,
      maxConnections: 1000,
    })
    expect(capabilities.get('Compact_IO_40')).toEqual({ capable: false, maxConnections: 32 })
  })

  test('have originator suites of their own from class revision 9 only', () => {
    const device = unit(
      `  A: { kind: drive, ${identity}, security: { suites: [0xC023, 0xC006], originatorSuites: [0xC023] } }\n`,
    )
    const of = (revision: number) => {
      if (device.security === undefined) throw new Error('the unit has security')
      const security = {
        ...device.security,
        objectRevisions: { ...device.security.objectRevisions, ethernetIpSecurity: revision },
      }
      return simulatedCapabilities({ ...simulation, devices: [{ ...device, security }] }).get('A')?.originatorSuites
    }
    expect(of(9)).toEqual([0xc023])
    expect(of(7)).toEqual([0xc023, 0xc006])
  })
})

test('a simulation file is read as strictly as a plant file', () => {
  const problems = parseSimulation('version: 1\nplant: p\ndevice: {}\n', 'simulation.yaml').problems
  expect(problems.map((problem) => problem.remedy)).toContain('did you mean `devices`?')
  expect(parseSimulation('[', 'simulation.yaml').problems[0]).toMatchObject({ file: 'simulation.yaml' })
})
