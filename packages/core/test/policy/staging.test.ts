import {
  assumedCapabilities,
  type Capabilities,
  compile,
  decide,
  difference,
  indexPlant,
  matchEgress,
  matchIngress,
  type Plant,
  type PlantIndex,
  type PolicyProblem,
  runTests,
  type Stage,
  stageConsequences,
  stagedDevices,
  stagedPlant,
  validate,
} from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { exampleOf, plantOf } from './plants.ts'
import { fc } from './properties.ts'

const stage = fc.constantFrom<Stage>('observe', 'protect', 'enforce')
const order: Readonly<Record<Stage, number>> = { observe: 0, protect: 1, enforce: 2 }
const zoneNames = ['z0', 'z1', 'z2', 'z3'] as const
const deviceNames = Array.from({ length: 9 }, (_, place) => `d${place}`)
const base = plantOf(`
version: 1
plant: base
nonSecure: allow
zones: { z0: { authentication: none, messaging: none, io: none } }
devices: { d0: { address: 192.0.2.1, zone: z0 } }
`).plant

const connection = {
  rpiUs: 10_000,
  targetRpiUs: 10_000,
  multiplier: 4,
  outputSize: 4,
  inputSize: 4,
  variable: false,
  priority: 'scheduled',
  multicast: false,
  runIdle: false,
  application: { kind: 'messages' },
  when: 'both',
} as const

const protection = fc.constantFrom('integrity' as const, 'confidentiality' as const, 'deny' as const)

/** Random plants of which many are valid: what would contradict is left out, what incapable devices need is put in. */
const plants: fc.Arbitrary<Plant> = fc
  .record({
    zones: fc.array(
      fc.record({
        authentication: fc.constantFrom(
          'certificate' as const,
          'certificate' as const,
          'psk' as const,
          'none' as const,
        ),
        messaging: protection,
        io: protection,
        nonSecure: fc.constantFrom('allow' as const, 'deny' as const),
        closes: fc.boolean(),
      }),
      { minLength: 4, maxLength: 4 },
    ),
    devices: fc.array(
      fc.record({
        home: fc.constantFrom(0, 1, 2, 3),
        capable: fc.constantFrom(true, true, true, true, false),
        peer: fc.constantFrom(...deviceNames),
        messaging: fc.option(fc.constantFrom('deny' as const), { freq: 5, nil: undefined }),
        io: fc.option(fc.constantFrom('deny' as const), { freq: 5, nil: undefined }),
        closes: fc.boolean(),
      }),
      { minLength: deviceNames.length, maxLength: deviceNames.length },
    ),
    conduits: fc.uniqueArray(
      fc.record({
        ends: fc.constantFrom([0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3], [1, 1]),
        named: fc.boolean(),
        io: fc.option(fc.constantFrom('deny' as const), { nil: undefined }),
        opens: fc.option(fc.constantFrom(0 as const, 1 as const), { nil: undefined, freq: 4 }),
      }),
      { maxLength: 5, selector: ({ ends, named }) => `${ends.join()} ${named}` },
    ),
  })
  .map(({ zones, devices, conduits }) => {
    const [zone] = base.zones
    if (zone === undefined) throw new Error('the base plant has a zone')
    const homeOf = (place: number): number => (place < zoneNames.length ? place : (devices[place]?.home ?? 0))
    const incapable = devices.flatMap(({ capable, peer }, place) =>
      capable || place === 0 || peer === `d${place}` || peer === 'd0' ? [] : [[`d${place}`, peer] as const],
    )
    const plain = new Set(incapable.flat())
    const isPlainZone = (place: number): boolean =>
      devices.some((_, one) => plain.has(`d${one}`) && homeOf(one) === place)
    const isNone = (place: number): boolean => zones[place]?.authentication === 'none'
    const plant: Plant = {
      ...base,
      suites: [0xc02c, 0xc023, 0xc006, 0xccac, 0xc037, 0xc03a],
      manager: 'd0',
      zones: zones.map(({ closes, ...part }, place) => ({
        ...zone,
        ...part,
        ...(isPlainZone(place) ? { nonSecure: 'allow' } : {}),
        ...(isNone(place) ? { messaging: 'none', io: 'none', nonSecure: 'allow' } : {}),
        name: zoneNames[place] ?? '',
        psk: part.authentication === 'psk' ? `key-${place}` : undefined,
        close: closes && !isPlainZone(place) && !isNone(place) ? [{ protocol: 'tcp', port: 44_818 }] : [],
      })),
      devices: devices.map(({ messaging, io, closes }, place) => {
        const name = `d${place}`
        const isCapable = !incapable.some(([one]) => one === name)
        return {
          name,
          address: `192.0.2.${place + 1}`,
          zone: zoneNames[homeOf(place)] ?? '',
          capability: isCapable ? 'cip-security' : 'none',
          role: 'both',
          ...(isCapable && !isNone(homeOf(place)) ? { messaging, io } : {}),
          close: closes && !plain.has(name) && !isNone(homeOf(place)) ? [{ protocol: 'udp', port: 2222 }] : [],
        }
      }),
      conduits: [
        ...conduits.map(({ ends, named, io, opens }) => {
          const [a = 0, b = 0] = ends
          const between = [named && a !== b ? `d${a}` : (zoneNames[a] ?? ''), zoneNames[b] ?? ''] as const
          const ways = [a, b].map((end) => zones[end]?.authentication)
          const isPsk = ways.includes('psk') && !ways.includes('certificate') && a !== b
          return {
            between,
            io,
            psk: isPsk ? 'key-c' : undefined,
            opens: opens === undefined ? undefined : between[opens],
          }
        }),
        ...incapable.map((between) => ({ between, authentication: 'trusted-ip' as const })),
      ],
    }
    return plant
  })

const known = { ...assumedCapabilities, objectRevisions: { ethernetIpSecurity: 9, certificateManagement: 3 } }

/** Plants without an error, with every connection that they allow and a statement about each; others say nothing about stages. */
const validPlants: fc.Arbitrary<{ readonly plant: Plant; readonly capabilities: Capabilities }> = fc
  .record({
    plant: plants,
    ruled: fc.array(fc.boolean(), { minLength: deviceNames.length, maxLength: deviceNames.length }),
  })
  .map(({ plant, ruled }) => ({
    plant,
    capabilities: new Map(
      plant.devices.map(({ name, capability }, place) => [
        name,
        { ...known, capable: capability !== 'none', ingressEgress: ruled[place] ?? true },
      ]),
    ),
  }))
  .filter(({ plant, capabilities }) => errorsOf(indexPlant(plant, capabilities)).length === 0)
  .map(({ plant, capabilities }) => {
    const index = indexPlant(plant, capabilities)
    const connections = pairs.flatMap(({ from, to, transport }) => {
      if (decide(index, { from, to, transport }).verdict === 'denied') return []
      const kind = transport === 'tcp' ? (3 as const) : (1 as const)
      return [{ ...connection, name: `${from}-${to}-${kind}`, from, originator: from, to, target: to, class: kind }]
    })
    const tests = deviceNames.flatMap((from) =>
      deviceNames.flatMap((to) => {
        const { verdict, protection: messaging } = decide(index, { from, to, transport: 'tcp' })
        return verdict === 'denied' ? [] : [{ entry: 0, from, to, messaging }]
      }),
    )
    return { plant: { ...plant, connections, tests }, capabilities }
  })

/** The manager is Cordon: it opens nothing to a device that it does not touch. */
const pairs = deviceNames.flatMap((from) =>
  deviceNames.flatMap((to) =>
    from === to || from === 'd0' ? [] : (['tcp', 'udp'] as const).map((transport) => ({ from, to, transport })),
  ),
)

const errorsOf = (index: PlantIndex): readonly PolicyProblem[] =>
  validate(index).filter(({ severity }) => severity === 'error')

const stagesOf = (...all: readonly Stage[]): ReadonlyMap<string, Stage> =>
  new Map(all.map((one, place) => [zoneNames[place] ?? '', one]))
const mixtures = fc.tuple(stage, stage, stage, stage).map((all) => stagesOf(...all))

describe('the random plants', () => {
  test('are rich: secured and plain pairs, closed ports that a mixture must open, and denials', () => {
    const seen = new Set<string>()
    for (const { plant } of fc.sample(validPlants, { numRuns: 150, seed: 3 })) {
      const index = indexPlant(plant)
      for (const pair of pairs) seen.add(decide(index, pair).verdict)
      for (const name of zoneNames) {
        const staged = stagedPlant(plant, new Map([[name, 'observe']]))
        const isOpened = staged.zones.some(({ close }, place) => close.length < (plant.zones[place]?.close.length ?? 0))
        if (isOpened) seen.add('opened')
        if (staged.tests.length < plant.tests.length && staged.tests.length > 0) seen.add('tests')
      }
    }
    expect([...seen].sort()).toEqual(['denied', 'opened', 'plain', 'secure', 'tests'])
  })
})

describe('a plant whose zones are put in force one after the other', () => {
  test('is valid in every mixture when the whole one is, with every connection and every statement that is left', () => {
    fc.assert(
      fc.property(validPlants, mixtures, ({ plant, capabilities }, stages) => {
        const index = indexPlant(stagedPlant(plant, stages), capabilities)
        expect(errorsOf(index)).toEqual([])
        expect(runTests(index).filter(({ verdict }) => verdict === 'fail')).toEqual([])
      }),
    )
  })

  test('is the plant itself when every zone is enforced', () => {
    fc.assert(
      fc.property(plants, (plant) => {
        expect(stagedPlant(plant, new Map())).toBe(plant)
        expect(stagedPlant(plant, stagesOf('enforce', 'enforce'))).toBe(plant)
      }),
      { numRuns: 20 },
    )
  })

  test('breaks nothing that the whole plant allows, in either form, and lets it through in the rules of both ends', () => {
    fc.assert(
      fc.property(validPlants, mixtures, ({ plant, capabilities }, stages) => {
        const full = indexPlant(plant, capabilities)
        const index = indexPlant(stagedPlant(plant, stages), capabilities)
        const { settings } = compile(index)
        for (const pair of pairs) {
          if (decide(full, pair).verdict === 'denied') continue
          const now = decide(index, pair)
          expect(now.verdict, `${pair.from} ${pair.to} ${pair.transport}: ${now.reason}`).not.toBe('denied')
          const [from, to] = [index.endpoints.get(pair.from)?.address, index.endpoints.get(pair.to)?.address]
          if (from === undefined || to === undefined) throw new Error('each device has an address')
          const plainPort = pair.transport === 'tcp' ? 44_818 : 2222
          const port = now.verdict === 'plain' ? plainPort : 2221
          const target = settings.get(pair.to)
          const entered = matchIngress(target?.rules?.ingress ?? [], { ip: from, port, protocol: pair.transport })
          expect(entered.verdict).toBe('allow')
          const listens = target?.ports.every((one) => one.port !== port || one.protocol !== pair.transport || one.open)
          expect(listens ?? true).toBe(true)
          const left = matchEgress(settings.get(pair.from)?.rules?.egress ?? [], { ip: to, protocol: pair.transport })
          const ruled = (settings.get(pair.from)?.rules?.egress.length ?? 0) > 0
          if (ruled) expect(left.secure).toBe(now.verdict === 'secure')
          expect(left.verdict).toBe('allow')
        }
      }),
      { numRuns: 100 },
    )
  })

  test('never loosens what was protected when a zone moves forward', () => {
    fc.assert(
      fc.property(validPlants, mixtures, mixtures, ({ plant, capabilities }, one, other) => {
        const later = new Map(
          [...one].map(([zone, now]) => {
            const then = other.get(zone) ?? now
            return [zone, order[then] > order[now] ? then : now] as const
          }),
        )
        const before = indexPlant(stagedPlant(plant, one), capabilities)
        const after = indexPlant(stagedPlant(plant, later), capabilities)
        for (const pair of pairs) {
          const was = decide(before, pair)
          if (was.verdict !== 'plain') expect(decide(after, pair)).toEqual(was)
        }
        const [held, holds] = [compile(before).settings, compile(after).settings]
        for (const [device, { ports, rules }] of held) {
          const now = holds.get(device)
          if (ports.length > 0) expect(now?.ports.length).toBeGreaterThan(0)
          for (const { port, protocol, open } of now?.ports ?? []) {
            const closedBefore = ports.some((two) => two.port === port && two.protocol === protocol && !two.open)
            if (closedBefore) expect(open).toBe(false)
          }
          if (rules === undefined || now?.rules === undefined) continue
          for (const ip of ['198.51.100.7', ...[...before.endpoints.values()].map(({ address }) => address)]) {
            for (const [port, protocol] of [
              [44_818, 'tcp'],
              [2222, 'udp'],
              [2221, 'tcp'],
            ] as const) {
              const was = matchIngress(rules.ingress, { ip, port, protocol }).verdict
              if (was === 'deny' && port !== 2221)
                expect(matchIngress(now.rules.ingress, { ip, port, protocol }).verdict).toBe('deny')
            }
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  test('touches no device of an observed zone, whatever its conduits promise later', () => {
    fc.assert(
      fc.property(validPlants, mixtures, ({ plant, capabilities }, stages) => {
        const { settings } = compile(indexPlant(stagedPlant(plant, stages), capabilities))
        const touched = new Set(stagedDevices(plant, stages))
        for (const { name, zone } of plant.devices) {
          if (stages.get(zone) !== 'observe') continue
          expect(touched.has(name)).toBe(false)
          expect(settings.get(name)?.enforcement ?? 'none').toBe('none')
        }
      }),
      { numRuns: 50 },
    )
  })
})

const cell = `
version: 1
plant: cell
manager: Manager
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818, udp/2222] }
  press: { authentication: certificate, messaging: integrity, io: integrity, close: [tcp/44818] }
  office: { authentication: certificate, messaging: confidentiality, io: deny }
devices:
  PLC: { address: 192.0.2.1, zone: line }
  Drive: { address: 192.0.2.2, zone: line }
  Press: { address: 192.0.2.11, zone: press }
  Manager: { address: 192.0.2.100, zone: office, role: originator, io: deny }
conduits:
  - { between: [PLC, press] }
connections:
  - { from: PLC, to: Press, class: 1, rpi: 20ms, outputSize: 2, inputSize: 2 }
tests:
  - { from: PLC, to: Drive, messaging: confidentiality }
  - { from: PLC, to: Press, io: integrity }
`

describe('protect', () => {
  test('secures what can be secured and lets everybody in who still speaks plain, declared or not', () => {
    const { plant } = plantOf(cell)
    const { settings } = compile(indexPlant(stagedPlant(plant, new Map([['line', 'protect']]))))
    const rules = settings.get('PLC')?.rules
    if (rules === undefined) throw new Error('a current device has rules')
    for (const ip of ['192.0.2.2', '192.0.2.11', '198.51.100.7']) {
      expect(matchIngress(rules.ingress, { ip, port: 44_818, protocol: 'tcp' }).verdict).toBe('allow')
      expect(matchIngress(rules.ingress, { ip, port: 2222, protocol: 'udp' }).verdict).toBe('allow')
    }
    // A path without a port goes secured to a peer of the policy, and a stranger gets nothing on the secured port.
    expect(matchEgress(rules.egress, { ip: '192.0.2.11', protocol: 'udp' })).toMatchObject({
      verdict: 'allow',
      secure: true,
    })
    expect(matchIngress(rules.ingress, { ip: '198.51.100.7', port: 2221, protocol: 'tcp' }).verdict).toBe('deny')
    expect(settings.get('PLC')?.ports.every(({ open }) => open)).toBe(true)
    const promise = settings.get('PLC')?.promises.find(({ peer, transport }) => peer === 'Drive' && transport === 'tcp')
    expect(promise).toMatchObject({
      enforcement: 'not-enforceable',
      reason: expect.stringContaining('not enforced yet'),
    })
    // The enforced zone beside it refuses plain as the file says.
    const press = settings.get('Press')?.rules?.ingress ?? []
    expect(matchIngress(press, { ip: '192.0.2.1', port: 44_818, protocol: 'tcp' }).verdict).toBe('deny')
  })
})

describe('the consequences of stages, for people', () => {
  const { plant } = plantOf(cell)

  test('say what is protected, what is open and why', () => {
    const { zones, testsSetAside } = stageConsequences(
      plant,
      new Map([
        ['line', 'enforce'],
        ['press', 'observe'],
      ]),
    )
    const line = zones.find(({ zone }) => zone === 'line')
    expect(line?.protects).toEqual([
      'within the zone: messages with confidentiality (certificate), I/O with integrity (certificate)',
    ])
    expect(line?.open).toEqual([
      'zone press is only observed: PLC let its addresses in on tcp/44818, udp/2222, and anybody where a device has no rules of class 0x63',
    ])
    expect(zones.find(({ zone }) => zone === 'press')).toMatchObject({ stage: 'observe', devices: 0, protects: [] })
    expect(testsSetAside).toBe(1)
  })

  test('open on the devices that need it only', () => {
    const staged = stagedPlant(plant, new Map([['press', 'observe']]))
    const ports = compile(indexPlant(staged)).settings
    const closed = (device: string): readonly string[] =>
      (ports.get(device)?.ports ?? []).filter(({ open }) => !open).map(({ protocol, port }) => `${protocol}/${port}`)
    expect(closed('PLC')).toEqual([])
    expect(closed('Drive')).toEqual(['tcp/44818', 'udp/2222'])
  })

  test('name what must be released when a zone goes back, and the plan lists the same devices', () => {
    const stages = new Map<string, Stage>([['press', 'observe']])
    const { release } = stageConsequences(plant, stages, new Set(['Press', 'PLC']))
    expect(release.map(({ device }) => device)).toEqual(['Press'])
    expect(release[0]?.reason).toContain('release it first')
    const { settings } = compile(indexPlant(stagedPlant(plant, stages)))
    const { orphans } = difference(settings, new Map([['Press', { device: 'Press', configured: true }]]))
    expect(orphans).toMatchObject([{ device: 'Press', choices: ['release', 'keep'] }])
  })

  test('are refused for a zone that is not there', () => {
    expect(() => stagedPlant(plant, new Map([['pres', 'observe']]))).toThrow(/no zone pres; it has line, press, office/)
  })

  test('hold for the demonstration plant in every stage of every zone', () => {
    const { plant: cpwe, index } = exampleOf('cpwe')
    for (const one of ['observe', 'protect'] as const) {
      for (const { name } of cpwe.zones) {
        const staged = stagedPlant(cpwe, new Map([[name, one]]))
        expect(validate(indexPlant(staged, index.capabilities)).filter(({ severity }) => severity === 'error')).toEqual(
          [],
        )
      }
    }
  })
})
