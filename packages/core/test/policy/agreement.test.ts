import {
  type Capabilities,
  compile,
  decide,
  type Device,
  type DeviceCapabilities,
  type DeviceSettings,
  indexPlant,
  matchEgress,
  matchIngress,
  type Plant,
  type Protection,
  type Zone,
} from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { current, plantOf, twoZones } from './plants.ts'
import { fc } from './properties.ts'

const base = plantOf(twoZones).plant
const protection = fc.constantFrom<Protection>('none', 'integrity', 'confidentiality', 'deny')
const suitePool = [0xc02c, 0xc024, 0xc023, 0xc006, 0xccac, 0xc037, 0xc03a]
const zoneNames = ['z0', 'z1', 'z2', 'z3']
const deviceNames = Array.from({ length: 8 }, (_, place) => `d${place}`)
const ends = [...zoneNames, ...deviceNames, 'r0']

const zone = (name: string): fc.Arbitrary<Zone> =>
  fc
    .record({
      authentication: fc.constantFrom('certificate' as const, 'certificate' as const, 'psk' as const, 'none' as const),
      messaging: protection,
      io: protection,
      nonSecure: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
      suites: fc.option(fc.shuffledSubarray(suitePool, { minLength: 3 }), { nil: undefined, freq: 4 }),
    })
    .map((part): Zone => {
      const [first] = base.zones
      if (first === undefined) throw new Error('the base plant has zones')
      return { ...first, name, psk: part.authentication === 'psk' ? `key-${name}` : undefined, ...part }
    })

const device = (name: string, place: number): fc.Arbitrary<Device> =>
  fc
    .record({
      zone: fc.constantFrom(...zoneNames),
      capability: fc.constantFrom('cip-security' as const, 'cip-security' as const, 'none' as const),
      role: fc.constantFrom('both' as const, 'both' as const, 'originator' as const, 'target' as const),
      messaging: fc.option(protection, { nil: undefined, freq: 5 }),
      io: fc.option(protection, { nil: undefined, freq: 5 }),
    })
    .map((part): Device => ({ name, address: `192.0.2.${place + 1}`, close: [], ...part }))

const capabilities: fc.Arbitrary<DeviceCapabilities | undefined> = fc.option(
  fc
    .record({
      suites: fc.shuffledSubarray(suitePool, { minLength: 2 }),
      revision: fc.constantFrom(7, 9),
      ingressEgress: fc.boolean(),
      trustedIdentities: fc.boolean(),
    })
    .map(
      ({ suites, revision, ...rest }): DeviceCapabilities => ({
        ...current,
        suites,
        ...rest,
        objectRevisions: { ethernetIpSecurity: revision },
      }),
    ),
  { nil: undefined, freq: 5 },
)

const conduit = fc.record({
  between: fc.tuple(fc.constantFrom(...ends), fc.constantFrom(...ends)),
  authentication: fc.option(
    fc.constantFrom('certificate' as const, 'psk' as const, 'trusted-ip' as const, 'trusted-ip' as const),
    { nil: undefined },
  ),
  messaging: fc.option(protection, { nil: undefined }),
  io: fc.option(protection, { nil: undefined }),
  side: fc.option(fc.constantFrom(0 as const, 1 as const), { nil: undefined, freq: 4 }),
})

/** Any plant, valid or not: decisions and rules must agree even where validation would refuse. */
const plants: fc.Arbitrary<{ readonly plant: Plant; readonly capabilities: Capabilities }> = fc
  .record({
    zones: fc.tuple(...zoneNames.map(zone)),
    devices: fc.tuple(...deviceNames.map(device)),
    conduits: fc.array(conduit, { maxLength: 10 }),
    known: fc.array(capabilities, { minLength: deviceNames.length, maxLength: deviceNames.length }),
    manager: fc.boolean(),
    rangeZone: fc.constantFrom(...zoneNames),
  })
  .map(({ zones, devices, conduits, known, manager, rangeZone }) => ({
    plant: {
      ...base,
      suites: suitePool,
      manager: manager ? 'd0' : undefined,
      zones,
      devices,
      ranges: [{ name: 'r0', addresses: '192.0.2.128/25', zone: rangeZone }],
      conduits: conduits.map(({ side, ...part }) => ({
        ...part,
        opens: side === undefined ? undefined : part.between[side],
        psk: part.authentication === 'psk' ? 'key-c' : undefined,
      })),
      connections: [],
      tests: [],
    },
    capabilities: new Map(known.flatMap((one, place) => (one === undefined ? [] : [[`d${place}`, one] as const]))),
  }))

const sample: Readonly<Record<string, string>> = { r0: '192.0.2.200' }
const addressOf = (plant: Plant, name: string): string =>
  sample[name] ?? plant.devices.find((one) => one.name === name)?.address ?? ''

function checkIngress(
  settings: DeviceSettings,
  ip: string,
  tcp: ReturnType<typeof decide>,
  udp: ReturnType<typeof decide>,
  plainIoBack: boolean,
): void {
  if (settings.rules === undefined) return
  const { ingress } = settings.rules
  for (const [protocol, decision] of [
    ['tcp', tcp],
    ['udp', udp],
  ] as const) {
    const answer = matchIngress(ingress, { ip, port: 2221, protocol })
    expect(answer.verdict === 'allow', `${protocol}/2221 from ${ip}: ${decision.reason}`).toBe(
      decision.verdict === 'secure',
    )
    if (decision.verdict === 'secure') expect(answer.suites).toEqual(decision.suites)
    for (const suite of suitePool) {
      const judged = matchIngress(ingress, { ip, port: 2221, protocol, suite })
      expect(judged.verdict === 'allow').toBe(decision.verdict === 'secure' && decision.suites.includes(suite))
    }
  }
  expect(matchIngress(ingress, { ip, port: 44_818, protocol: 'tcp' }).verdict === 'allow').toBe(tcp.verdict === 'plain')
  expect(matchIngress(ingress, { ip, port: 2222, protocol: 'udp' }).verdict === 'allow').toBe(
    udp.verdict === 'plain' || plainIoBack,
  )
}

function checkEgress(
  settings: DeviceSettings,
  ip: string,
  tcp: ReturnType<typeof decide>,
  udp: ReturnType<typeof decide>,
): void {
  if (settings.rules === undefined) return
  for (const [protocol, decision] of [
    ['tcp', tcp],
    ['udp', udp],
  ] as const) {
    const answer = matchEgress(settings.rules.egress, { ip, protocol })
    const said = answer.verdict === 'deny' ? 'denied' : answer.secure ? 'secure' : 'plain'
    expect(said, `${protocol} to ${ip}: ${decision.reason}`).toBe(decision.verdict)
    if (decision.verdict === 'secure') expect(answer.suites).toEqual(decision.suites)
  }
}

describe('the random plants', () => {
  test('reach every verdict and every reason to deny, so that agreement means something', () => {
    const seen = new Set<string>()
    for (const { plant, capabilities: known } of fc.sample(plants, { numRuns: 400, seed: 7 })) {
      const index = indexPlant(plant, known)
      for (const from of deviceNames) {
        for (const to of deviceNames) {
          for (const transport of ['tcp', 'udp'] as const) {
            const { verdict, denial, authentication } = decide(index, { from, to, transport })
            seen.add(verdict === 'secure' ? `secure ${authentication}` : (denial ?? verdict))
          }
        }
      }
    }
    expect([...seen].sort()).toEqual(
      [
        'contradiction',
        'deny',
        'direction',
        'manager',
        'no-common-suite',
        'no-conduit',
        'not-capable',
        'null-suite-one-end',
        'plain',
        'plain-denied',
        'role',
        'secure certificate',
        'secure psk',
      ].sort(),
    )
  })
})

describe('decisions and compiled rules', () => {
  test('agree at both ends, for any plant, any pair and any transport', () => {
    fc.assert(
      fc.property(plants, ({ plant, capabilities: known }) => {
        const index = indexPlant(plant, known)
        const { settings } = compile(index)
        for (const from of [...deviceNames, 'r0']) {
          for (const to of [...deviceNames, 'r0']) {
            if (from === to) continue
            const tcp = decide(index, { from, to, transport: 'tcp' })
            const udp = decide(index, { from, to, transport: 'udp' })
            const back = decide(index, { from: to, to: from, transport: 'udp' }).verdict === 'plain'
            const target = settings.get(to)
            const originator = settings.get(from)
            if (target !== undefined) checkIngress(target, addressOf(plant, from), tcp, udp, back)
            if (originator !== undefined) checkEgress(originator, addressOf(plant, to), tcp, udp)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('never let in an address that is not part of the plant, nor open a connection to one', () => {
    fc.assert(
      fc.property(
        plants,
        fc.constantFrom('198.51.100.7', '0.0.0.0', '255.255.255.255', '192.0.2.100'),
        ({ plant, capabilities: known }, ip) => {
          for (const { rules } of compile(indexPlant(plant, known)).settings.values()) {
            if (rules === undefined) continue
            for (const [port, protocol] of [
              [2221, 'tcp'],
              [2221, 'udp'],
              [44_818, 'tcp'],
              [2222, 'udp'],
            ] as const) {
              expect(matchIngress(rules.ingress, { ip, port, protocol }).verdict).toBe('deny')
            }
            expect(matchEgress(rules.egress, { ip, protocol: 'tcp' }).verdict).toBe('deny')
            expect(matchEgress(rules.egress, { ip, protocol: 'udp' }).verdict).toBe('deny')
          }
        },
      ),
    )
  })

  test('hold suites that both ends offer, of exactly the promised kind', () => {
    fc.assert(
      fc.property(plants, ({ plant, capabilities: known }) => {
        const index = indexPlant(plant, known)
        for (const from of deviceNames) {
          for (const to of deviceNames) {
            for (const transport of ['tcp', 'udp'] as const) {
              const decision = decide(index, { from, to, transport })
              expect(decision.denial !== undefined).toBe(decision.verdict === 'denied')
              expect(decision.suites.length > 0).toBe(decision.verdict === 'secure')
              for (const id of decision.suites) {
                expect([0xc006, 0xc03a].includes(id)).toBe(decision.protection === 'integrity')
                expect([0xccac, 0xc037, 0xc03a].includes(id)).toBe(decision.authentication === 'psk')
                expect(known.get(to)?.suites ?? suitePool).toContain(id)
                expect(known.get(from)?.suites ?? suitePool).toContain(id)
              }
            }
          }
        }
      }),
    )
  })

  test('give each device the union of the suites it needs, and no other', () => {
    fc.assert(
      fc.property(plants, ({ plant, capabilities: known }) => {
        const index = indexPlant(plant, known)
        for (const settings of compile(index).settings.values()) {
          if (settings.enforcement === 'none') continue
          const others = deviceNames.filter((name) => name !== settings.device)
          const collect = (incoming: boolean): Set<number> =>
            new Set(
              others.flatMap((name) =>
                (['tcp', 'udp'] as const).flatMap((transport) => [
                  ...decide(
                    index,
                    incoming
                      ? { from: name, to: settings.device, transport }
                      : { from: settings.device, to: name, transport },
                  ).suites,
                ]),
              ),
            )
          const separate = (known.get(settings.device)?.objectRevisions?.ethernetIpSecurity ?? 9) >= 9
          const incoming = collect(true)
          const outgoing = collect(false)
          const sorted = (set: Iterable<number>): readonly number[] => [...set].sort((a, b) => a - b)
          expect(sorted(settings.allowedSuites)).toEqual(
            sorted(separate ? incoming : new Set([...incoming, ...outgoing])),
          )
          expect(sorted(settings.originatorSuites)).toEqual(separate ? sorted(outgoing) : [])
        }
      }),
    )
  })
})

describe('compiling after a change', () => {
  test('gives what compiling anew gives, and keeps what did not change as it was', () => {
    fc.assert(
      fc.property(
        plants,
        plants,
        fc.constantFrom(...deviceNames),
        fc.constantFrom('devices', 'conduits', 'zones', 'all'),
        (first, second, name, part) => {
          const changed: Plant =
            part === 'all'
              ? second.plant
              : part === 'devices'
                ? {
                    ...first.plant,
                    devices: first.plant.devices.map((one, place) =>
                      one.name === name ? (second.plant.devices[place] ?? one) : one,
                    ),
                  }
                : part === 'conduits'
                  ? { ...first.plant, conduits: second.plant.conduits }
                  : { ...first.plant, zones: second.plant.zones }
          const before = compile(indexPlant(first.plant, first.capabilities))
          const after = compile(indexPlant(changed, first.capabilities), before)
          const anew = compile(indexPlant(changed, first.capabilities))
          expect([...after.settings]).toEqual([...anew.settings])
          for (const [device, settings] of after.settings) {
            const old = before.settings.get(device)
            if (!after.changed.includes(device)) expect(settings).toBe(old)
            else if (old !== undefined) expect(settings).not.toBe(old)
          }
        },
      ),
    )
  })
})
