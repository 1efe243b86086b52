import { type Plant, parsePlant } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { exampleOf, plantOf } from './plants.ts'

const head =
  'version: 1\nplant: p\nzones:\n  z: { authentication: certificate }\ndevices:\n  A: { address: 192.0.2.1, zone: z }\n  B: { address: 192.0.2.2, zone: z }\n'

function refusal(text: string) {
  const [first] = parsePlant(text, 'plant.yaml').problems
  return first
}

describe('what a plant file leaves out', () => {
  const { plant } = plantOf(head)

  test('is strict where security is concerned', () => {
    expect(plant.nonSecure).toBe('deny')
    expect(plant.zones[0]).toMatchObject({
      messaging: 'confidentiality',
      io: 'confidentiality',
      nonSecure: 'deny',
      uniqueIdentity: false,
      checkExpiration: false,
      checkName: false,
      dtlsTimeoutS: 12,
      close: [],
    })
    expect(plant.devices[0]).toMatchObject({ capability: 'cip-security', role: 'both', close: [] })
    expect(plant.suites).toHaveLength(13)
  })

  test('is the authority of today: P-256, five years, renewed after two thirds', () => {
    expect(plant.authority).toEqual({
      key: 'ecdsa-p256',
      hardware: undefined,
      subject: {},
      device: { key: 'ecdsa-p256', validityMs: 5 * 365 * 86_400_000, renewAt: 0.66 },
    })
  })

  test('in a zone without authentication is plain', () => {
    const { zones } = plantOf(head.replace('certificate', 'none')).plant
    expect(zones[0]).toMatchObject({ messaging: 'none', io: 'none' })
  })

  test('follows the plant for a zone that says nothing about plain traffic', () => {
    const { zones } = plantOf(`${head}nonSecure: allow\n`).plant
    expect(zones[0]?.nonSecure).toBe('allow')
  })
})

describe('an authority', () => {
  const authority = (text: string): Plant['authority'] => plantOf(`${head}authority: ${text}\n`).plant.authority

  test('of RSA makes devices make RSA keys, unless the file says otherwise', () => {
    expect(authority('{ key: rsa-3072 }').device.key).toBe('rsa-2048')
    expect(authority('{ key: rsa-3072, device: { key: ecdsa-p256 } }').device.key).toBe('ecdsa-p256')
  })

  test('may live in hardware', () => {
    expect(authority("{ key: 'pkcs11:token=ca', kind: ecdsa-p384 }")).toMatchObject({
      key: 'ecdsa-p384',
      hardware: 'pkcs11:token=ca',
    })
    for (const uri of ['pkcs11:token=ca;object=root', 'pkcs11:token=ca?module-path=/tmp/x.so', 'pkcs11:tokens=ca']) {
      expect(refusal(`${head}authority: { key: '${uri}' }\n`)).toMatchObject({ path: 'authority.key' })
    }
    expect(refusal(`${head}authority: { key: ecdsa-p256, kind: rsa-2048 }\n`)).toMatchObject({
      line: 8,
      path: 'authority.kind',
    })
  })

  test.each([['30min'], ['31y'], ['0s']])('does not issue for %s', (validity) => {
    expect(refusal(`${head}authority: { device: { validity: ${validity} } }\n`)).toMatchObject({
      path: 'authority.device.validity',
      expected: 'a duration from 1h to 30y',
    })
  })
})

describe('durations', () => {
  const rpi = (text: string) =>
    parsePlant(
      `${head}connections:\n  - { from: A, to: B, class: 1, rpi: ${text}, outputSize: 2, inputSize: 2 }\n`,
      'plant.yaml',
    )

  test.each([
    ['20ms', 20_000],
    ['0.5ms', 500],
    ['750ms', 750_000],
    ['1s', 1_000_000],
    ['500us', 500],
    ['1min', 60_000_000],
  ])('%s is %i microseconds', (text, expected) => {
    expect(rpi(text).plant?.connections[0]?.rpiUs).toBe(expected)
  })

  test.each([['20'], ['20 ms'], ['ms'], ['-20ms'], ['1e3ms'], ['20m'], ['99us'], ['2h'], ['20MS']])(
    '%s is refused',
    (text) => {
      expect(rpi(text).problems[0]).toMatchObject({ line: 9, path: 'connections[0].rpi' })
    },
  )
})

describe('suites', () => {
  const suites = (text: string) => parsePlant(`${head}suites: ${text}\n`, 'plant.yaml')

  test('are given by number or name, in order', () => {
    expect(suites('[0xC023, TLS_ECDHE_ECDSA_WITH_NULL_SHA, C024, 61]').plant?.suites).toEqual([
      0xc023, 0xc006, 0xc024, 0x3d,
    ])
  })

  test.each([
    ['[0x1301]', 'suites[0]', 'is no cipher suite of CIP Security'],
    ['[0xC023, NULL_SHA]', 'suites[1]', 'is no cipher suite of CIP Security'],
    ['[0xC023, C023]', 'suites[1]', 'stands here twice'],
    ['[]', 'suites', 'found 0 items'],
    ['0xC023', 'suites', 'found 49187'],
  ])('%s is refused', (text, path, message) => {
    const [problem] = suites(text).problems
    expect(problem?.path).toBe(path)
    expect(problem?.message).toContain(message)
  })
})

describe('connections', () => {
  const connection = (text: string) =>
    parsePlant(`${head}connections:\n  - { from: A, to: B, rpi: 20ms, ${text} }\n`, 'plant.yaml')

  test('of class 3 open the message router, with variable size and low priority', () => {
    expect(connection('class: 3, outputSize: 502, inputSize: 502').plant?.connections[0]).toEqual({
      name: 'A-B-1',
      from: 'A',
      originator: 'A',
      to: 'B',
      target: 'B',
      class: 3,
      rpiUs: 20_000,
      targetRpiUs: 20_000,
      multiplier: 16,
      outputSize: 502,
      inputSize: 502,
      variable: true,
      priority: 'low',
      multicast: false,
      runIdle: false,
      serial: undefined,
      application: { kind: 'messages' },
      reads: undefined,
      when: 'both',
    })
  })

  test('of class 1 open what they name, fixed and scheduled', () => {
    expect(
      connection('class: 1, outputSize: 2, inputSize: 42, opens: { tag: Part_Count }').plant?.connections[0],
    ).toMatchObject({
      application: { kind: 'tag', tag: 'Part_Count' },
      multiplier: 4,
      variable: false,
      priority: 'scheduled',
      runIdle: false,
    })
    expect(
      connection('class: 1, outputSize: 26, inputSize: 22, opens: { assembly: { output: 2, input: 1 } }').plant
        ?.connections[0],
    ).toMatchObject({ application: { kind: 'assembly', output: 2, input: 1 }, runIdle: true })
    expect(connection('class: 1, outputSize: 2, inputSize: 2').plant?.connections[0]?.application).toEqual({
      kind: 'identity',
    })
  })

  test('with an assembly carry a run/idle header only where there is room for one', () => {
    const opens = 'opens: { assembly: { output: 2, input: 1 } }'
    expect(connection(`class: 1, outputSize: 2, inputSize: 22, ${opens}`).plant?.connections[0]?.runIdle).toBe(false)
    expect(connection(`class: 0, outputSize: 4, inputSize: 22, ${opens}`).plant?.connections[0]?.runIdle).toBe(true)
    expect(
      connection(`class: 1, outputSize: 26, inputSize: 22, runIdle: false, ${opens}`).plant?.connections[0]?.runIdle,
    ).toBe(false)
  })

  test('get names of their own', () => {
    const text = `${head}connections:\n${'  - { from: A, to: B, class: 3, rpi: 1s, outputSize: 10, inputSize: 10 }\n'.repeat(2)}`
    expect(plantOf(text).plant.connections.map((one) => one.name)).toEqual(['A-B-1', 'A-B-2'])
  })

  test.each([
    ['class: 2, outputSize: 2, inputSize: 2', 'connections[0].class'],
    ['class: 3, outputSize: 502, inputSize: 502, opens: identity', 'connections[0].opens'],
    ['class: 1, outputSize: 2, inputSize: 2, opens: messages', 'connections[0].opens'],
    ['class: 1, outputSize: 1, inputSize: 2', 'connections[0].outputSize'],
    ['class: 1, outputSize: 2, inputSize: 2, reads: { tag: X, every: 1s }', 'connections[0].reads'],
    ['class: 1, outputSize: 2, inputSize: 2, multiplier: 5', 'connections[0].multiplier'],
    ['class: 1, outputSize: 2, inputSize: 2, serial: 65536', 'connections[0].serial'],
    ['class: 1, outputSize: 2, inputSize: 2, opens: { tag: "1x" }', 'connections[0].opens.tag'],
    ['class: 1, outputSize: 2, inputSize: 2, opens: { assembly: { output: 1 } }', 'connections[0].opens.assembly'],
    ['class: 1, outputSize: 2, inputSize: 2, opens: { symbol: X }', 'connections[0].opens'],
  ])('%s is refused', (text, path) => {
    expect(connection(text).problems[0]?.path).toBe(path)
  })
})

describe('other values', () => {
  test('ports, fingerprints and DNS names are read into one form', () => {
    const text = head.replace(
      '192.0.2.1, zone: z',
      `192.0.2.1, zone: z, close: [tcp/80, udp/44818], dnsName: PLC-1.Plant.example, fingerprint: '${'AB:'.repeat(31)}CD'`,
    )
    expect(plantOf(text).plant.devices[0]).toMatchObject({
      close: [
        { protocol: 'tcp', port: 80 },
        { protocol: 'udp', port: 44_818 },
      ],
      dnsName: 'plc-1.plant.example',
      fingerprint: `${'ab'.repeat(31)}cd`,
    })
  })

  test.each([
    ['close: [tcp/70000]', 'devices.A.close[0]'],
    ['close: [tcp/80, tcp/80]', 'devices.A.close[1]'],
    ['close: [icmp/1]', 'devices.A.close[0]'],
    ['dnsName: -bad', 'devices.A.dnsName'],
    ['fingerprint: abc', 'devices.A.fingerprint'],
    ['expect: { vendor: 65536 }', 'devices.A.expect.vendor'],
  ])('%s is refused', (part, path) => {
    expect(refusal(head.replace('192.0.2.1, zone: z', `192.0.2.1, zone: z, ${part}`))?.path).toBe(path)
  })

  test('a range must be a network', () => {
    expect(refusal(`${head}ranges: { r: { addresses: 192.0.2.65/28, zone: z } }\n`)).toMatchObject({
      path: 'ranges.r.addresses',
      remedy: 'set the host part to zero',
    })
    expect(refusal(`${head}ranges: { r: { addresses: 192.0.2.64, zone: z } }\n`)).toMatchObject({
      path: 'ranges.r.addresses',
    })
  })

  test('a slot is a number from 0 to 255', () => {
    expect(plantOf(`${head}chassis: { c: { slots: { 0: A, 255: B } } }\n`).plant.chassis[0]?.slots).toEqual([
      { slot: 0, device: 'A' },
      { slot: 255, device: 'B' },
    ])
    for (const slot of ['256', '-1', '0x1', 'one', '01'])
      expect(refusal(`${head}chassis: { c: { slots: { ${slot}: A } } }\n`)?.path, slot).toBe(`chassis.c.slots.${slot}`)
  })
})

describe('tests of a plant file', () => {
  const tests = (text: string) =>
    parsePlant(
      `${head}ranges: { r: { addresses: 192.0.2.64/28, zone: z } }\ntests:\n  - { access: denied, from: A, to: r }\n  - ${text}\n`,
      'plant.yaml',
    )

  test('may name zones and lists, which stand for every pair of different members', () => {
    const pairs = tests('{ access: secure, from: [A, B], to: z }').plant?.tests.filter((one) => one.entry === 1)
    expect(pairs?.map((one) => [one.from, one.to])).toEqual([
      ['A', 'B'],
      ['A', 'r'],
      ['B', 'A'],
      ['B', 'r'],
    ])
  })

  test('must state something, and nothing beside "denied"', () => {
    expect(tests('{ from: A, to: B }').problems[0]).toMatchObject({ path: 'tests[1]', line: 11 })
    expect(tests('{ from: A, to: B, access: denied, io: deny }').problems[0]?.path).toBe('tests[1]')
  })

  test('are bounded in number', () => {
    const devices = Array.from(
      { length: 400 },
      (_, place) => `  D${place}: { address: 10.0.${place >> 8}.${place & 255}, zone: z }`,
    ).join('\n')
    const text = `${head}${devices}\ntests:\n  - { from: z, to: z, access: secure }\n`
    expect(parsePlant(text, 'plant.yaml').problems[0]).toMatchObject({
      path: 'tests[0]',
      expected: 'at most 100000 pairs in all',
    })
  })
})

test('a plant is plain data that survives JSON', () => {
  const { plant } = exampleOf('cpwe')
  expect(JSON.parse(JSON.stringify(plant))).toEqual(JSON.parse(JSON.stringify(structuredClone(plant))))
  const again: Plant = JSON.parse(JSON.stringify(plant))
  expect(again).toEqual(plant)
})

describe('names in a file with problems of form', () => {
  const told = (text: string) =>
    parsePlant(text, 'plant.yaml').problems.map(({ line, message }) => `${line} ${message}`)

  test('are judged in the same run, in the order of the file', () => {
    const text = `${head.replace('192.0.2.1, zone: z', '192.0.2.1, zone: y').replace('192.0.2.2', '"?"')}manager: C
chassis:
  rack: { slots: { 0: A, 1: D } }
conduits:
  - { between: [B, z], authentication: certificate }
  - { between: [z, w], authentication: certificate }
connections:
  - { from: A, to: E, class: 1, rpi: 10ms, outputSize: 2, inputSize: 8 }
tests:
  - { from: [A, z], to: F, access: denied }
`
    expect(told(text)).toEqual([
      '6 devices.A.zone: there is no zone y',
      '7 devices.B.address: found "?"',
      '8 manager: there is no device C',
      '10 chassis.rack.slots.1: there is no device D',
      '13 conduits[1].between[1]: there is no zone or device or range w',
      '15 connections[0].to: there is no device E',
      '17 tests[0]: there is no device or range F',
    ])
    const [first] = parsePlant(text, 'plant.yaml').problems
    expect(first).toMatchObject({
      expected: 'a name that this file declares',
      remedy: 'did you mean z?',
    })
  })

  test('are judged too where values are out of their bounds', () => {
    const text = `${head.replace('zone: z }\n  B', 'zone: y }\n  B')}authority: { device: { validity: 31y } }\n`
    expect(told(text)).toEqual(['6 devices.A.zone: there is no zone y', '8 authority.device.validity: found 31y'])
  })

  test.each([
    ['a zone that cannot be read', head.replace('authentication: certificate', 'authentication: maybe'), 4],
    ['zones that are no mapping', head.replace('zones:\n  z: { authentication: certificate }', 'zones: [z]'), 3],
    ['zones under a misspelt key', head.replace('zones:', 'zoned:'), 1],
    [
      'ranges under a misspelt key',
      `${head}rangs: {}\nconduits:\n  - { between: [z, R], authentication: certificate }\n`,
      8,
    ],
    ['a device under an impossible name', `${head.replace('  B:', '  B.1:')}manager: B.1\n`, 7],
    ['a device that is no mapping', `${head.replace('  B: { address: 192.0.2.2, zone: z }', '  B: 5')}manager: B\n`, 7],
    ['a device that stands twice', head.replace('  B:', '  A:'), 7],
    ['an end that cannot be read', `${head}tests:\n  - { from: A, to: 5, access: denied }\n`, 9],
  ])('are not called unknown because of %s', (_, text, line) => {
    const problems = told(text)
    expect(problems[0]).toMatch(new RegExp(`^${line} `))
    expect(problems.filter((problem) => problem.includes('there is no'))).toEqual([])
  })

  test('are left alone where YAML itself is broken', () => {
    const problems = told(`${head.replace('zone: z }\n  B', 'zone: y\n  B')}`)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.filter((problem) => problem.includes('there is no'))).toEqual([])
  })
})

describe('a tab in the indentation', () => {
  const told = (text: string) =>
    parsePlant(text, 'plant.yaml').problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  const tab = 'Tabs are not allowed as indentation'

  test.each([
    ['the first entry of a mapping', head.replace('  z:', '\tz:'), ['4:1']],
    ['a later entry', head.replace('  B:', '\tB:'), ['7:1']],
    ['every entry', head.replaceAll('\n  ', '\n\t'), ['4:1', '6:1', '7:1']],
    [
      'an entry of an entry',
      head.replace('z: { authentication: certificate }', 'z:\n\tauthentication: certificate'),
      ['5:1'],
    ],
    [
      'an entry between entries four spaces wide',
      head.replace('z: { authentication: certificate }', 'z:\n\tauthentication: certificate\n    messaging: integrity'),
      ['5:1'],
    ],
    ['a list', `${head}conduits:\n\t- { between: [A, B], authentication: certificate }\n`, ['9:1']],
  ])('is all that is said of %s', (_, text, places) => {
    expect(told(text)).toEqual(places.map((place) => `${place} ${tab}`))
  })

  test('hides no other problem, and moves no column', () => {
    const text = head
      .replace('  z: { authentication: certificate }', '\tz: { authentication: maybe }')
      .replace('192.0.2.2, zone: z', '192.0.2.2, zone: y')
    expect(told(text)).toEqual([
      `4:1 ${tab}`,
      '4:23 zones.z.authentication: found "maybe"',
      '7:34 devices.B.zone: there is no zone y',
    ])
  })

  test('in a file that no spaces would mend is told without what follows from it', () => {
    const problems = told(`${head.replace('  z:', '\tz:')}conduits: [\n`)
    expect(problems[0]).toBe(`4:1 ${tab}`)
    expect(problems.filter((problem) => problem.includes('unknown here'))).toEqual([])
  })
})
