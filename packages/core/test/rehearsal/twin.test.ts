import { indexPlant, type Plant, simulatedCapabilities, validate } from '@cordon/core/policy'
import {
  buildTwin,
  checkLimits,
  type KnownDevice,
  type KnownDevices,
  mergeKnown,
  parseKnown,
  readTwin,
  writeTwin,
} from '@cordon/core/rehearsal'
import { describe, expect, test } from 'vitest'
import { exampleOf, plantOf } from '../policy/plants.ts'

const { plant } = plantOf(`
version: 1
plant: press
manager: Manager
nonSecure: deny
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818] }
  press: { authentication: psk, messaging: confidentiality, io: confidentiality, psk: press-2026 }
devices:
  PLC: { address: 10.20.1.10, zone: line, expect: { serial: 0x00c0ffee } }
  Drive: { address: 10.20.1.11, zone: line, fingerprint: ${'ab'.repeat(32)} }
  Press: { address: 10.20.2.20, zone: press }
  Manager: { address: 10.20.9.9, zone: line, role: originator }
connections:
  - { from: PLC, to: Drive, class: 1, rpi: 2ms, outputSize: 10, inputSize: 12, opens: { assembly: { output: 100, input: 101, configuration: 102 } } }
  - { from: PLC, to: Drive, class: 3, rpi: 200ms, outputSize: 500, inputSize: 500, reads: { tag: Speed, every: 500ms } }
`)

/** Everything that can be read of a device, and enough of it. */
const ample: KnownDevice = {
  identity: { vendor: 7, type: 2, product: 3, major: 4, minor: 5, serial: 6, name: 'Drive 5000' },
  capabilities: {
    capable: true,
    suites: [0xc02c, 0xc023, 0xc006, 0xccac, 0xc037],
    objectRevisions: { ethernetIpSecurity: 7, certificateManagement: 2 },
    pskSlots: 1,
    fileLimit: 4096,
    ingressEgress: true,
    trustedIdentities: true,
    maxConnections: 8,
    profiles: 2,
  },
  cipSecurityRevision: 3,
  capacity: { sessions: 8, tls: 4, dtls: 4, minimumRpiUs: 1000 },
  fileSlots: 9,
}
const all: KnownDevices = new Map([
  ['PLC', { ...ample, identity: { ...ample.identity, serial: 0x00c0ffee } }],
  ['Drive', ample],
  ['Press', { ...ample, identity: { ...ample.identity, serial: 8 } }],
])

const twinOf = (known: KnownDevices, seen: Parameters<typeof buildTwin>[0]['seen'] = []) =>
  buildTwin({ plant, known, seen, network: '127.61' })

const problemsOf = (twin: ReturnType<typeof twinOf>) => {
  const index = indexPlant(twin.plant, simulatedCapabilities(twin.simulation))
  return validate(index, { simulation: twin.simulation }).filter(({ severity }) => severity === 'error')
}

describe('the twin of a plant', () => {
  test('has what was read of each device, and nothing else is assumed when all is known', () => {
    const twin = twinOf(all)
    const drive = twin.simulation.devices.find(({ name }) => name === 'Drive')
    expect(drive).toMatchObject({
      identity: { vendor: 7, type: 2, product: 3, major: 4, minor: 5, serial: 6, name: 'Drive 5000' },
      security: {
        suites: ample.capabilities?.suites,
        objectRevisions: { cipSecurity: 3, ethernetIpSecurity: 7, certificateManagement: 2 },
        pskSlots: 1,
        fileLimit: 4096,
        fileSlots: 9,
      },
      capacity: { connections: 8, sessions: 8, tls: 4, dtls: 4, minimumRpiUs: 1000 },
    })
    expect(twin.assumptions.map(({ what }) => what)).toEqual([
      'its default certificate is accepted at first contact',
      'the default certificate matches the fingerprint in the plant file',
    ])
    expect(problemsOf(twin)).toEqual([])
  })

  test('says of everything that is not known what it has in its place, and of which devices', () => {
    const twin = twinOf(new Map([['Drive', ample]]))
    expect(problemsOf(twin)).toEqual([])
    const about = (text: string) => twin.assumptions.find(({ what }) => what.includes(text))?.devices
    expect(about('suites offered')).toEqual(['PLC', 'Press'])
    expect(about('pre-shared keys')).toEqual(['PLC', 'Press'])
    expect(about('largest file')).toEqual(['PLC', 'Press'])
    expect(about('DTLS associations')).toEqual(['PLC', 'Press'])
    // The plant file says what serial number the controller must have.
    expect(about('made-up serial')).toEqual(['Press'])
    expect(twin.simulation.devices.find(({ name }) => name === 'PLC')?.identity.serial).toBe(0x00c0ffee)
  })

  test('has its own addresses everywhere, and no secret or fingerprint of the real one', () => {
    const twin = twinOf(all)
    expect(JSON.stringify([twin.plant, twin.simulation])).not.toContain('10.20.')
    expect(twin.plant.devices.map(({ address }) => address)).toEqual([
      '127.61.1.10',
      '127.61.1.11',
      '127.61.2.20',
      '127.61.9.9',
    ])
    expect(twin.plant.devices.every(({ fingerprint }) => fingerprint === undefined)).toBe(true)
  })

  test('has at the targets what its connections open', () => {
    const drive = twinOf(new Map()).simulation.devices.find(({ name }) => name === 'Drive')
    expect(drive?.assemblies.map(({ instance, direction, size }) => [instance, direction, size])).toEqual([
      [100, 'output', 4],
      [101, 'input', 10],
      [102, 'configuration', 0],
    ])
    expect(drive?.tags.map(({ name }) => name)).toEqual(['Speed'])
    expect(drive?.capacity.minimumRpiUs).toBe(2000)
  })

  test('runs connections that were seen and that the file does not list; what the policy denies is to end', () => {
    const twin = twinOf(all, [
      { from: '10.20.1.10', to: '10.20.1.11', class: 1 },
      { from: '10.20.1.11', to: '10.20.1.10', class: 3 },
      { from: '10.20.1.10', to: '10.20.2.20', class: 1, outputSize: 8, inputSize: 8, rpiUs: 10_000 },
      { from: '10.20.1.10', to: '192.0.2.1', class: 3 },
    ])
    expect(twin.observed).toEqual(['seen-Drive-PLC-3', 'seen-PLC-Press-1'])
    const added = twin.plant.connections.filter(({ name }) => twin.observed.includes(name))
    expect(added.map(({ when }) => when)).toEqual(['both', 'before'])
    expect(twin.assumptions.some(({ what }) => what.includes('192.0.2.1 is left out'))).toBe(true)
    expect(problemsOf(twin)).toEqual([])
  })

  test('of the demonstration plant is valid beside its units', () => {
    const { plant: cpwe, simulation } = exampleOf('cpwe')
    const twin = buildTwin({ plant: cpwe, known: new Map(), simulation, network: '127.61' })
    expect(problemsOf(twin)).toEqual([])
    expect(twin.assumptions.some(({ what }) => what.includes('suites'))).toBe(false)
  })

  test('survives its file, and a foreign file is refused', () => {
    const twin = twinOf(all)
    const read = readTwin(writeTwin(twin))
    expect(read.plant).toEqual(JSON.parse(JSON.stringify(twin.plant)))
    expect(problemsOf({ ...twin, ...read })).toEqual([])
    expect(() => readTwin('{')).toThrow(/is JSON/)
    expect(() => readTwin('{"cordon":"cordon-twin/1","plant":{},"simulation":{}}')).toThrow(/not the file of a twin/)
    expect(() => readTwin('null')).toThrow(/not the file of a twin/)
  })
})

describe('the limits of devices', () => {
  test('suffice when everything is ample', () => {
    expect(checkLimits(plant, all)).toEqual([])
  })

  const over = (name: string, part: KnownDevice): KnownDevices => mergeKnown(all, new Map([[name, part]]))

  test.each<[string, string, KnownDevice]>([
    ['Press', 'pskSlots', { capabilities: { pskSlots: 0 } }],
    ['Drive', 'fileLimit', { capabilities: { fileLimit: 500 } }],
    ['Drive', 'maxConnections', { capabilities: { maxConnections: 1 } }],
    ['Drive', 'suites', { capabilities: { suites: [0xc02c, 0xc023] } }],
    ['Drive', 'capacity.tls', { capacity: { tls: 1 } }],
    ['PLC', 'capacity.dtls', { capacity: { dtls: 0 } }],
    ['Press', 'capable', { capabilities: { capable: false } }],
  ])('of %s: one that is lowered is found by its name, %s', (device, limit, part) => {
    const found = checkLimits(plant, over(device, part))
    const named = found.filter((one) => one.limit === limit && one.devices.includes(device))
    expect(named.length, JSON.stringify(found)).toBeGreaterThan(0)
    expect(named[0]?.alternative).not.toBe('')
  })

  test('that are not known are not judged', () => {
    const known = new Map([['Drive', { identity: { serial: 6 } }]])
    expect(checkLimits(plant as Plant, known)).toEqual([])
  })
})

describe('a file of what is known', () => {
  test('is read, JSON or YAML', () => {
    const { known } = parseKnown(
      '{"devices": {"Drive": {"capabilities": {"pskSlots": 1}, "capacity": {"tls": 2}}}, "connections": [{"from": "10.0.0.1", "to": "10.0.0.2", "class": 3}]}',
      'known.json',
    )
    expect(known?.devices.get('Drive')).toEqual({ capabilities: { pskSlots: 1 }, capacity: { tls: 2 } })
    expect(known?.connections).toEqual([{ from: '10.0.0.1', to: '10.0.0.2', class: 3 }])
  })

  test.each([
    ['devices: { Drive: { capabilities: { pskSlots: -1 } } }', 'devices.Drive.capabilities.pskSlots'],
    ['devices: { Drive: { capabilties: {} } }', 'devices.Drive'],
    ['devices: { Drive: { identity: { serial: 4294967296 } } }', 'devices.Drive.identity.serial'],
    ['connections: [ { from: here, to: 10.0.0.1, class: 3 } ]', 'connections[0].from'],
    ['connections: [ { from: 10.0.0.2, to: 10.0.0.1, class: 2 } ]', 'connections[0].class'],
    ['- 1', ''],
  ])('is refused with the place: %s', (text, path) => {
    const { known, problems } = parseKnown(text, 'known.yaml')
    expect(known).toBeUndefined()
    expect(problems[0]?.path).toContain(path)
    expect(problems[0]?.expected).not.toBe('')
  })
})
