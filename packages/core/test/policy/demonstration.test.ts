import {
  compile,
  type Decision,
  decide,
  matchEgress,
  matchIngress,
  parseAddress,
  type PlantConnection,
  runTests,
  type SimulatedDevice,
  tagSize,
  validate,
} from '@cordon/core/policy'
import { suiteHex } from '@cordon/core/security'
import { describe, expect, test } from 'vitest'
import { exampleOf } from './plants.ts'

const { plant, positions, simulation, simulationPositions, index } = exampleOf('cpwe')
const compiled = compile(index)

function settings(name: string) {
  const found = compiled.settings.get(name)
  if (found === undefined) throw new Error(`no settings for ${name}`)
  return found
}

function rulesOf(name: string) {
  const { rules } = settings(name)
  if (rules === undefined) throw new Error(`no rules for ${name}`)
  return rules
}

describe('the demonstration plant', () => {
  test('has nothing to refuse and nothing to warn of', () => {
    expect(validate(index, { positions, simulation, simulationPositions })).toEqual([])
  })

  test('keeps all its statements, and they cover every forbidden pair', () => {
    const results = runTests(index)
    expect(results.filter((result) => result.verdict === 'fail')).toEqual([])
    const stated = new Set(results.map(({ test }) => `${test.from} ${test.to}`))
    const silent: string[] = []
    for (const from of plant.devices) {
      for (const to of plant.devices) {
        if (from === to || from.address === undefined || to.address === undefined) continue
        const open = (['tcp', 'udp'] as const).some(
          (transport) => decide(index, { from: from.name, to: to.name, transport }).verdict !== 'denied',
        )
        if (!open && !stated.has(`${from.name} ${to.name}`)) silent.push(`${from.name} ${to.name}`)
      }
    }
    expect(silent).toEqual([])
  })

  test('has the devices, addresses and zones of the reference', () => {
    const rows = plant.devices.map((device) => [
      device.name,
      device.address,
      device.zone,
      device.capability === 'none' ? 'none' : 'yes',
    ])
    expect(rows).toEqual([
      ['Blue_EN4TR', '127.17.81.51', 'blue', 'yes'],
      ['Blue_L85E', '127.17.81.50', 'blue', 'yes'],
      ['Green_EN4TR', '127.17.83.31', 'green', 'yes'],
      ['Green_L85E', '127.17.83.30', 'green', 'yes'],
      ['Red_EN4TR', '127.17.80.31', 'red', 'yes'],
      ['Red_L85E', undefined, 'red', 'yes'],
      ['Yellow_EN4TR', '127.17.81.31', 'yellow', 'yes'],
      ['Yellow_L85E', undefined, 'yellow', 'yes'],
      ['Compact_IO_40', '127.17.81.40', 'blue', 'none'],
      ['Compact_IO_41', '127.17.81.41', 'blue', 'none'],
      ['Blue_Drive', '127.17.81.60', 'blue', 'yes'],
      ['Legacy_EN2TR', '127.60.3.150', 'legacy', 'none'],
      ['Legacy_L71', undefined, 'legacy', 'none'],
      ['Panel_70', '127.17.81.70', 'legacy', 'none'],
      ['Engineering_71', '127.18.2.71', 'legacy', 'none'],
      ['Maintenance_253', '127.18.3.253', 'legacy', 'none'],
      ['Data_Server', '127.18.2.76', 'operations', 'yes'],
      ['Manager', '127.18.2.75', 'operations', 'yes'],
    ])
  })

  test('gives the controller of the guide its serial number and certificate name', () => {
    const unit = simulation.devices.find((device) => device.name === 'Blue_L85E')
    expect(unit?.identity).toMatchObject({ vendor: 1, serial: 0x00e17387, name: '1756-L85E/B' })
    const vendor = simulation.vendors.find(({ name }) => name === 'rockwell')
    expect(vendor).toMatchObject({
      organization: 'Rockwell Automation, Inc.',
      country: 'US',
      signature: 'ecdsa-sha512',
    })
    expect(vendor?.commonName.replace('{name}', '1756-L85E/B').replace('{serial}', '00e17387')).toBe(
      '1756-L85E/B (00e17387)',
    )
  })
})

/** Section 6 of the reference: what the local EN4TR receives, one row per peer address. */
const ingressTable: readonly (readonly [
  peers: readonly string[],
  tls: string,
  dtls: string,
  messages: string,
  io: string,
])[] = [
  [['127.17.83.31', '127.17.83.30'], 'C023,C024', 'C006', 'deny', 'deny'],
  [['127.17.80.31', '127.17.81.31'], 'C006', 'C006', 'deny', 'deny'],
  [['127.17.81.50', '127.17.81.60'], 'C006', 'C006', 'deny', 'deny'],
  [['127.18.2.76'], 'C023,C024', 'deny', 'deny', 'deny'],
  [['127.18.2.75'], 'C023,C024', 'deny', 'deny', 'deny'],
  [['127.17.81.40', '127.17.81.41'], 'deny', 'deny', 'deny', 'allow'],
  [['127.60.3.150'], 'deny', 'deny', 'allow', 'allow'],
  [['127.17.81.70', '127.18.2.71', '127.18.3.253'], 'deny', 'deny', 'allow', 'deny'],
  [['127.18.2.77', '127.17.81.52', '127.0.0.1', '10.17.83.31'], 'deny', 'deny', 'deny', 'deny'],
]

describe('what the local EN4TR receives', () => {
  const ingress = (ip: string, port: number, protocol: 'tcp' | 'udp'): string => {
    const answer = matchIngress(rulesOf('Blue_EN4TR').ingress, { ip, port, protocol })
    return answer.verdict === 'deny' ? 'deny' : (answer.suites?.map(suiteHex).join() ?? 'allow')
  }

  test.each(ingressTable)('%s: TLS %s, DTLS %s, 44818 %s, 2222 %s', (peers, tls, dtls, messages, io) => {
    for (const ip of peers) {
      expect(
        [ingress(ip, 2221, 'tcp'), ingress(ip, 2221, 'udp'), ingress(ip, 44_818, 'tcp'), ingress(ip, 2222, 'udp')],
        ip,
      ).toEqual([tls, dtls, messages, io])
    }
  })

  test('has a rule for no other peer', () => {
    const known = new Set(ingressTable.slice(0, -1).flatMap(([peers]) => peers.map((peer) => parseAddress(peer))))
    const { ingress: all, egress } = rulesOf('Blue_EN4TR')
    for (const rule of [...all, ...egress]) expect(known.has(rule.ip?.address)).toBe(true)
  })

  test('leaves discovery and the web page to the zone', () => {
    expect(ingress('127.18.2.77', 80, 'tcp')).toBe('allow')
    expect(ingress('127.18.2.77', 44_818, 'udp')).toBe('allow')
  })

  const egress = (ip: string, protocol: 'tcp' | 'udp'): string => {
    const answer = matchEgress(rulesOf('Blue_EN4TR').egress, { ip, protocol })
    return answer.verdict === 'deny'
      ? 'deny'
      : answer.secure
        ? (answer.suites?.map(suiteHex).join() ?? 'secure')
        : 'plain'
  }

  test('secure is required to its capable peers, plain is allowed to three, nothing else is routed', () => {
    for (const ip of ['127.17.83.31', '127.17.83.30'])
      expect([egress(ip, 'tcp'), egress(ip, 'udp')]).toEqual(['C023,C024', 'C006'])
    for (const ip of ['127.17.80.31', '127.17.81.31', '127.17.81.50', '127.17.81.60']) {
      expect([egress(ip, 'tcp'), egress(ip, 'udp')]).toEqual(['C006', 'C006'])
    }
    for (const ip of ['127.17.81.40', '127.17.81.41', '127.60.3.150'])
      expect([egress(ip, 'tcp'), egress(ip, 'udp')]).toEqual(['plain', 'plain'])
    for (const ip of ['127.18.2.76', '127.18.2.75', '127.17.81.70', '127.18.2.71', '127.18.3.253', '127.18.2.77']) {
      expect([egress(ip, 'tcp'), egress(ip, 'udp')]).toEqual(['deny', 'deny'])
    }
  })

  test('the union of its suites is C023, C024, C006', () => {
    expect(settings('Blue_EN4TR').allowedSuites.map(suiteHex)).toEqual(['C023', 'C024', 'C006'])
  })

  test("trusts blue's own authority and those of its conduits, no others", () => {
    expect([...settings('Blue_EN4TR').authorities].sort()).toEqual(['blue', 'green', 'operations', 'red', 'yellow'])
    expect([...settings('Green_EN4TR').authorities].sort()).toEqual(['blue', 'green', 'operations'])
    expect(settings('Blue_EN4TR').identities).toEqual([])
  })

  test('of the module generation has no originator suites of its own, and verifies its clients', () => {
    expect(settings('Blue_EN4TR')).toMatchObject({
      enforcement: 'rules',
      originatorSuites: [],
      verifyClient: true,
      checkName: false,
      dtlsTimeoutS: 12,
      psk: [],
    })
    expect(settings('Blue_Drive').originatorSuites.map(suiteHex)).toEqual(['C023', 'C024', 'C006'])
  })
})

describe('plain ports after deployment', () => {
  test.each([
    ['Blue_EN4TR', ['tcp/44818 open', 'udp/44818 open', 'udp/2222 open']],
    ['Green_EN4TR', ['tcp/44818 closed', 'udp/44818 closed', 'udp/2222 closed']],
    ['Red_EN4TR', ['tcp/44818 closed', 'udp/44818 open', 'udp/2222 closed']],
    ['Yellow_EN4TR', ['tcp/44818 closed', 'udp/44818 open', 'udp/2222 closed']],
  ])('of %s', (name, expected) => {
    expect(
      settings(name).ports.map((port) => `${port.protocol}/${port.port} ${port.open ? 'open' : 'closed'}`),
    ).toEqual(expected)
  })
})

/** Figures 4-3 and 4-4: remote address, suite, side of the local EN4TR. */
const associations = {
  tcp: [
    ['127.17.83.31', 'C023', 'server'],
    ['127.18.2.76', 'C023', 'server'],
    ['127.17.80.31', 'C006', 'client'],
  ],
  udp: [
    ['127.17.83.31', 'C006', 'client'],
    ['127.17.83.31', 'C006', 'server'],
    ['127.17.80.31', 'C006', 'client'],
    ['127.17.80.31', 'C006', 'server'],
    ['127.17.81.31', 'C006', 'client'],
    ['127.17.81.31', 'C006', 'server'],
    ['127.17.81.60', 'C006', 'client'],
  ],
} as const

describe('the associations of the local EN4TR', () => {
  const addressOf = (name: string): string => plant.devices.find((device) => device.name === name)?.address ?? ''
  const question = (connection: PlantConnection): Decision =>
    decide(index, { from: connection.from, to: connection.to, transport: connection.class === 3 ? 'tcp' : 'udp' })

  /** One association per ordered pair and kind, whatever the number of connections in it. */
  function run(transport: 'tcp' | 'udp'): Set<string> {
    const found = new Set<string>()
    for (const connection of plant.connections) {
      if ((connection.class === 3) !== (transport === 'tcp') || question(connection).verdict !== 'secure') continue
      const [suite] = question(connection).suites
      const isServer = connection.to === 'Blue_EN4TR'
      if (!isServer && connection.from !== 'Blue_EN4TR') continue
      const remote = addressOf(isServer ? connection.from : connection.to)
      found.add(`${remote} ${suite === undefined ? '' : suiteHex(suite)} ${isServer ? 'server' : 'client'}`)
    }
    return found
  }

  test.each(['tcp', 'udp'] as const)('over %s are those of the figures, with their suites and sides', (transport) => {
    expect([...run(transport)].sort()).toEqual(associations[transport].map((row) => row.join(' ')).sort())
  })

  test('before deployment the plain sessions are those of Figure 4-1', () => {
    const client = new Set<string>()
    const server = new Set<string>()
    for (const connection of plant.connections) {
      if (connection.when === 'after') continue
      if (connection.from === 'Blue_EN4TR') client.add(addressOf(connection.to))
      if (connection.to === 'Blue_EN4TR') server.add(addressOf(connection.from))
    }
    expect([...client].sort()).toEqual([
      '127.17.80.31',
      '127.17.81.31',
      '127.17.81.40',
      '127.17.81.41',
      '127.17.83.31',
      '127.60.3.150',
    ])
    expect([...server].sort()).toEqual([
      '127.17.80.31',
      '127.17.81.31',
      '127.17.81.70',
      '127.17.83.31',
      '127.18.2.76',
      '127.60.3.150',
    ])
  })

  test('after deployment the plain sessions are those of Figure 4-2', () => {
    const client = new Set<string>()
    const server = new Set<string>()
    for (const connection of plant.connections) {
      if (question(connection).verdict !== 'plain') continue
      if (connection.from === 'Blue_EN4TR') client.add(addressOf(connection.to))
      if (connection.to === 'Blue_EN4TR') server.add(addressOf(connection.from))
    }
    expect([...client].sort()).toEqual(['127.17.81.40', '127.17.81.41', '127.60.3.150'])
    expect([...server].sort()).toEqual(['127.17.81.70', '127.18.2.71', '127.18.3.253', '127.60.3.150'])
  })

  test('on the own ports of the controllers have the suites of the captures', () => {
    const own = plant.connections.filter((connection) => connection.from === 'Blue_L85E')
    expect(
      own.map((connection) => [connection.to, connection.class, question(connection).suites.map(suiteHex)[0]]),
    ).toEqual([
      ['Green_L85E', 3, 'C023'],
      ['Red_EN4TR', 1, 'C006'],
      ['Red_EN4TR', 1, 'C006'],
    ])
    expect(own[0]?.reads).toEqual({ tag: 'Read_L8_String', periodMs: 7500 })
    expect(own[2]?.application).toEqual({ kind: 'tag', tag: 'ProducedStandard_Unicast' })
  })
})

/** Section 4: class, originator port, from, to, target, O->T, T->O, RPI ms, serial, shown as, when. */
const bridge: readonly (readonly [
  number,
  number,
  string,
  string,
  string,
  number,
  number,
  number,
  number,
  string,
  string,
])[] = [
  [3, 2, '127.17.83.31', '127.17.81.51', 'Blue_L85E', 502, 502, 750, 34405, 'Encrypted', 'both'],
  [1, 1, '127.17.81.51', '127.17.81.31', 'identity', 2, 2, 500, 771, 'Authenticated', 'both'],
  [0, 1, '127.17.81.51', '127.17.81.41', 'assembly', 82, 154, 500, 795, 'None', 'both'],
  [3, 2, '127.18.2.76', '127.17.81.51', 'Blue_L85E', 502, 502, 750, 4097, 'Encrypted', 'both'],
  [3, 1, '127.17.81.51', '127.17.80.31', 'Red_L85E', 502, 502, 750, 772, 'Authenticated', 'both'],
  [1, 1, '127.17.81.51', '127.17.83.31', 'identity', 2, 2, 500, 769, 'Authenticated', 'both'],
  [1, 1, '127.17.81.51', '127.17.80.31', 'identity', 2, 2, 500, 770, 'Authenticated', 'both'],
  [1, 1, '127.17.81.51', '127.17.83.31', 'Green_L85E', 2, 42, 20, 773, 'Authenticated', 'both'],
  [1, 1, '127.17.81.51', '127.17.80.31', 'Red_L85E', 2, 42, 20, 774, 'Authenticated', 'both'],
  [1, 1, '127.17.81.51', '127.17.81.31', 'Yellow_L85E', 2, 42, 20, 775, 'Authenticated', 'both'],
  [1, 2, '127.17.83.31', '127.17.81.51', 'Blue_L85E', 2, 42, 20, 34406, 'Authenticated', 'both'],
  [1, 2, '127.17.80.31', '127.17.81.51', 'Blue_L85E', 2, 42, 20, 12289, 'Authenticated', 'both'],
  [1, 2, '127.17.81.31', '127.17.81.51', 'Blue_L85E', 2, 42, 20, 16385, 'Authenticated', 'both'],
  [1, 1, '127.17.81.51', '127.17.81.60', 'assembly', 26, 22, 20, 776, 'Authenticated', 'after'],
  [0, 1, '127.17.81.51', '127.17.81.40', 'assembly', 82, 154, 500, 796, 'None', 'both'],
  [1, 1, '127.17.81.51', '127.60.3.150', 'Legacy_L71', 2, 42, 100, 777, 'None', 'both'],
  [1, 2, '127.60.3.150', '127.17.81.51', 'Blue_L85E', 2, 42, 100, 20481, 'None', 'both'],
  [3, 2, '127.17.81.70', '127.17.81.51', 'Blue_L85E', 502, 502, 750, 24577, 'None', 'both'],
  [3, 2, '127.18.2.71', '127.17.81.51', 'Blue_L85E', 502, 502, 750, 28673, 'None', 'after'],
  [3, 2, '127.18.3.253', '127.17.81.51', 'Blue_L85E', 502, 502, 750, 29697, 'None', 'after'],
]

describe('the bridge connections of the local EN4TR', () => {
  const through = plant.connections.filter(
    (connection) => connection.from === 'Blue_EN4TR' || connection.to === 'Blue_EN4TR',
  )
  const addressOf = (name: string): string => plant.devices.find((device) => device.name === name)?.address ?? ''

  test('are the twenty rows of the reference, number by number', () => {
    const rows = through.map((connection) => {
      const { protection } = decide(index, {
        from: connection.from,
        to: connection.to,
        transport: connection.class === 3 ? 'tcp' : 'udp',
      })
      const shown = { confidentiality: 'Encrypted', integrity: 'Authenticated', none: 'None', deny: 'Denied' }[
        protection
      ]
      const target = connection.target === connection.to ? connection.application.kind : connection.target
      return [
        connection.class,
        connection.originator === 'Blue_L85E' ? 1 : 2,
        addressOf(connection.from),
        addressOf(connection.to),
        target,
        connection.outputSize,
        connection.inputSize,
        connection.rpiUs / 1000,
        connection.serial,
        shown,
        connection.when,
      ]
    })
    expect(rows).toEqual(bridge)
  })

  test('have the watchdogs, priorities and sizes of their class, and are point to point', () => {
    for (const connection of plant.connections) {
      const explicit = connection.class === 3
      expect(connection).toMatchObject({
        // Our choice, which the figures do not show: 320 ms for the fast ones.
        multiplier: explicit || connection.rpiUs === 20_000 ? 16 : 4,
        priority: explicit ? 'low' : 'scheduled',
        variable: explicit,
        multicast: false,
        targetRpiUs: connection.rpiUs,
      })
    }
  })

  test('put the controllers in slot 0 behind modules in slot 1', () => {
    for (const chassis of plant.chassis) {
      const [controller, module] = chassis.slots
      expect([controller?.slot, module?.slot]).toEqual([0, 1])
      const kind = (name: string | undefined): SimulatedDevice['kind'] | undefined =>
        simulation.devices.find((unit) => unit.name === name)?.kind
      expect([kind(controller?.device), kind(module?.device)]).toEqual(['controller', 'module'])
    }
  })

  test('carry produced tags of exactly their size', () => {
    for (const connection of plant.connections) {
      if (connection.application.kind !== 'tag') continue
      const { tag: name } = connection.application
      const tag = simulation.devices
        .find((unit) => unit.name === connection.target)
        ?.tags.find((candidate) => candidate.name === name)
      expect(tag === undefined ? 0 : tagSize(tag) + 2).toBe(connection.inputSize)
    }
  })
})

describe('the units of the demonstration', () => {
  test('of the module generation offer C006, C023 and C024 in revision 7; drive and data server are current', () => {
    for (const unit of simulation.devices) {
      if (unit.security === undefined) continue
      const older = unit.kind === 'module' || unit.kind === 'controller'
      expect(unit.security.objectRevisions.ethernetIpSecurity, unit.name).toBe(older ? 7 : 9)
      expect(unit.security.objectRevisions.certificateManagement, unit.name).toBe(older ? 2 : 3)
      if (older) expect(unit.security.suites.map(suiteHex)).toEqual(['C006', 'C023', 'C024'])
      else expect(unit.security.suites).toContain(0xc02c)
    }
  })

  test('start with the plant, but for the drive, the workstation and the laptop', () => {
    const late = simulation.devices.filter((unit) => unit.startsWhen === 'after-deployment').map((unit) => unit.name)
    expect(late.sort()).toEqual(['Blue_Drive', 'Engineering_71', 'Maintenance_253'])
  })
})
