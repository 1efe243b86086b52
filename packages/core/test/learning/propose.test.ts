import { dryRun, type LearnedDevice, type Observation, propose, writeProposal } from '@cordon/core/learning'
import { indexPlant, type Plant, parsePlant, validate } from '@cordon/core/policy'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { demonstrationPlant, identitiesOf, pagesOf, pairsOf } from './rows.ts'

/** The plant of a proposal's text, which must be accepted. */
function accepted(text: string): Plant {
  const { plant, problems } = parsePlant(text, 'learned.yaml')
  expect(problems, text).toEqual([])
  if (plant === undefined) throw new Error('unreachable')
  const errors = validate(indexPlant(plant)).filter(({ severity }) => severity === 'error')
  expect(errors, text).toEqual([])
  return plant
}

const demonstration = demonstrationPlant()
const everybody = new Set(demonstration.devices.map(({ name }) => name))
const both = (when: string) => when === 'both'

function learn(shown: ReadonlySet<string>, named: boolean): { readonly text: string; readonly plant: Plant } {
  const text = writeProposal(
    propose({
      plant: 'learned',
      observations: pagesOf(demonstration, shown),
      devices: identitiesOf(demonstration, named),
      manager: '127.18.2.75',
    }),
  )
  return { text, plant: accepted(text) }
}

describe('a proposal from the tables of the plain demonstration plant', () => {
  it.each([true, false])('has exactly its pairs and directions, whether its devices have names (%s)', (named) => {
    const { plant } = learn(everybody, named)
    expect(pairsOf(plant)).toEqual(pairsOf(demonstration, both))
  })

  it('has them although two devices alone show their tables', () => {
    const { plant } = learn(new Set(['Blue_EN4TR', 'Blue_L85E']), true)
    expect(pairsOf(plant)).toEqual(pairsOf(demonstration, both))
  })

  it('puts the controllers behind the modules that the pages name', () => {
    const { plant } = learn(everybody, true)
    const ends = plant.connections
      .map(({ from, originator, to, target }) => `${from}/${originator} ${to}/${target}`)
      .sort()
    const real = demonstration.connections
      .filter(({ when }) => both(when))
      .map(({ from, originator, to, target }) => `${from}/${originator} ${to}/${target}`)
      // Clients that answer no question have no name.
      .map((text) => text.replaceAll('Panel_70', 'Device_70').replaceAll('Data_Server', 'Device_76'))
    expect(ends).toEqual(real.sort())
  })

  it('says where each connection was seen, what stays unknown, and keeps incapable devices plain', () => {
    const { text, plant } = learn(everybody, true)
    expect(text).toContain('bridge page of 127.17.81.51 at 2026-11-28T12:00:00Z')
    expect(text).toContain(
      '# unknown: does it speak CIP Security? it answered no question; until that is known it stays plain',
    )
    const panel = plant.devices.find(({ address }) => address === '127.17.81.70')
    expect(panel?.capability).toBe('none')
    const trusted = plant.conduits.filter(({ authentication }) => authentication === 'trusted-ip')
    expect(trusted.find(({ between }) => between.includes('Compact_IO_41'))).toMatchObject({ opens: 'Blue_EN4TR' })
    expect(trusted.find(({ between }) => between.includes('Legacy_EN2TR'))?.opens).toBeUndefined()
  })

  it('would break nothing of what it was made from', () => {
    const { plant } = learn(everybody, false)
    expect(dryRun(indexPlant(plant), pagesOf(demonstration, everybody)).counts).toMatchObject({
      breaks: 0,
      weakened: 0,
    })
  })

  it('is the same whoever was asked first', () => {
    const input = { plant: 'learned', devices: identitiesOf(demonstration, false) }
    const observations = pagesOf(demonstration, everybody)
    const text = writeProposal(propose({ ...input, observations }))
    expect(writeProposal(propose({ ...input, observations: observations.toReversed() }))).toBe(text)
  })
})

/** What a device may state and a plant file does not take as it stands. */
const hostile = {
  names: ['null', 'True', 'FALSE', 'yes', 'No', 'on', 'OFF', 'y', 'N', '~', '', 'plain', 'constructor', '__proto__'],
  tags: ['true', 'null', 'abc:', '_:', 'a:b', 'Off', '_', 'Line.Count', 'no } tag: #\n'],
  slots: [999, 256, -1, 1.5, Number.NaN],
  numbers: [-1, 1.5, 65_536, 4_294_967_296, Number.NaN],
} as const

const seen: Observation = {
  originator: { address: '10.0.0.1' },
  target: { address: '10.0.0.2' },
  class: 3,
  over: 'plain',
  source: 'packet 1 of a.pcap',
  count: 1,
}
const capable: LearnedDevice = { address: '10.0.0.1', capable: true, source: 'ListIdentity' }

function plantOf(observations: readonly Observation[], devices: readonly LearnedDevice[]): Plant {
  return accepted(writeProposal(propose({ plant: 'any', observations, devices })))
}

describe('a proposal from what a device states itself', () => {
  it.each(hostile.names)('takes no device name that YAML or the plant file reads otherwise: %j', (name) => {
    for (const words of [{ name }, { productName: name }]) {
      const plant = plantOf([seen], [{ ...capable, ...words }])
      expect(plant.devices.map(({ address }) => address)).toContain('10.0.0.1')
    }
  })

  it.each(hostile.tags.slice(0, -1))('keeps the tag %j', (tag) => {
    const shape = { outputSize: 2, inputSize: 2, variable: false, multicast: false, rpiUs: 20_000, targetRpiUs: 20_000 }
    const plant = plantOf([{ ...seen, class: 1, shape: { ...shape, application: { kind: 'tag', tag } } }], [])
    expect(plant.connections[0]?.application).toEqual({ kind: 'tag', tag })
  })

  it.each(hostile.slots)('takes %d for no slot', (slot) => {
    const behind = { ...seen, target: { address: '10.0.0.2', slot: 0, name: 'Controller' } }
    const odd = { ...seen, originator: { address: '10.0.0.1', slot } }
    const plant = plantOf([behind, odd], [{ ...capable, address: '10.0.0.2', slot }])
    expect(plant.chassis.map(({ slots }) => slots.map((seat) => seat.slot))).toEqual([[0, 1]])
  })

  it.each(hostile.numbers)('expects no unit by a number %d that none can have', (number) => {
    const half = { vendorId: 1, serialNumber: 7 }
    for (const identity of [
      { ...half, vendorId: number },
      { ...half, serialNumber: number },
    ]) {
      const plant = plantOf([seen], [{ ...capable, ...identity }])
      const fits = number === 65_536 && identity.serialNumber === number
      expect(plant.devices.find(({ address }) => address === '10.0.0.1')?.expect).toEqual(
        fits ? { vendor: 1, serial: number } : undefined,
      )
    }
  })

  it('gives the unknown manager an address that no device has', () => {
    const manager = (devices: readonly LearnedDevice[]) => {
      const plant = plantOf([seen], devices)
      return plant.devices.find(({ name }) => name === plant.manager)?.address
    }
    expect(manager([capable])).toBe('192.0.2.1')
    expect(manager([capable, { ...capable, address: '192.0.2.1' }])).toBe('192.0.2.2')
  })

  it('leaves out devices at what is no address of one device, and says so', () => {
    const devices = ['no address', '239.1.1.1', '0.0.0.0'].map((address) => ({ ...capable, address }))
    const text = writeProposal(propose({ plant: 'any', observations: [seen], devices }))
    expect(accepted(text).devices).toHaveLength(2)
    expect(text).toContain('# unknown: 239.1.1.1 is no address of one device')
  })

  it('takes a plant name that YAML would read otherwise', () => {
    expect(accepted(writeProposal(propose({ plant: 'null', observations: [seen], devices: [] }))).name).toBe('null')
  })
})

describe('modules of one chassis', () => {
  const module = (host: number, slot: number | undefined) => ({
    ...capable,
    address: `10.0.0.${host}`,
    name: `M${host}`,
    slot,
  })
  /** One module names another by its slot. */
  const sees = (host: number, other: number, slot: number): Observation => ({
    ...seen,
    originator: { address: `10.0.0.${host}`, slot, name: `M${other}` },
    target: { address: '10.0.9.9' },
  })

  it.each([
    ['two that see each other', [sees(1, 2, 2), sees(2, 1, 1)], 2],
    ['a chain of three', [sees(3, 2, 2), sees(2, 1, 1)], 3],
    ['a ring of three', [sees(1, 2, 2), sees(2, 3, 3), sees(3, 1, 1)], 3],
  ])('are one by its lowest address: %s', (_, observations, count) => {
    const modules = [module(1, 1), module(2, 2), module(3, 3)].slice(0, count)
    const plant = plantOf(observations, modules)
    expect(plant.chassis).toHaveLength(1)
    expect(plant.chassis[0]?.slots).toEqual(modules.map(({ name, slot }) => ({ slot, device: name })))
    const members = plant.devices.filter(({ name }) => /^M\d$/.test(name))
    expect(new Set(members.map(({ zone }) => zone)).size).toBe(1)
  })

  it('that do not say their slot get one each, as a question', () => {
    const observations = [sees(1, 3, 3), sees(2, 3, 3)]
    const text = writeProposal(
      propose({ plant: 'any', observations, devices: [module(1, undefined), module(2, undefined), module(3, 3)] }),
    )
    expect(accepted(text).chassis[0]?.slots.map(({ slot, device }) => `${slot} ${device}`)).toEqual([
      '1 M1',
      '2 M2',
      '3 M3',
    ])
    expect(text.match(/# unknown: in which slot M\d sits/g)).toHaveLength(2)
  })

  it('that both claim one slot are not put together', () => {
    const plant = plantOf([sees(1, 2, 2), sees(1, 3, 2)], [module(1, 1), module(2, 2), module(3, 2)])
    expect(plant.chassis[0]?.slots).toEqual([
      { slot: 1, device: 'M1' },
      { slot: 2, device: 'M2' },
    ])
  })
})

describe('a proposal from anything', () => {
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.0.1.2', '192.0.2.1', '172.16.4.9'] as const
  const address = fc.constantFrom(...addresses)
  const slot = fc.option(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom(...hostile.slots)), {
    nil: undefined,
  })
  const ownName = fc.oneof(fc.constantFrom('M1', 'M2', 'M3', ...hostile.names), fc.string())
  const end = fc.record({ address, slot, name: fc.option(ownName, { nil: undefined }) })
  const shape = fc.record({
    outputSize: fc.integer({ min: 0, max: 65_535 }),
    inputSize: fc.integer({ min: 0, max: 65_535 }),
    variable: fc.boolean(),
    multicast: fc.boolean(),
    rpiUs: fc.nat(4_294_967_295),
    targetRpiUs: fc.nat(4_294_967_295),
    application: fc.constantFrom<NonNullable<Observation['shape']>['application'][]>(
      undefined,
      { kind: 'identity' },
      ...hostile.tags.map((tag) => ({ kind: 'tag' as const, tag })),
      { kind: 'assembly', output: 2, input: 1 },
    ),
  })
  const observation: fc.Arbitrary<Observation> = fc.record({
    originator: end,
    target: end,
    class: fc.constantFrom(0 as const, 1 as const, 3 as const, undefined),
    messages: fc.constantFrom(true, undefined),
    over: fc.constantFrom('plain' as const, 'tls' as const, 'dtls' as const),
    shape: fc.option(shape, { nil: undefined }),
    serial: fc.option(fc.nat(65_535), { nil: undefined }),
    source: fc.string(),
    firstSeen: fc.option(fc.nat(100), { nil: undefined }),
    lastSeen: fc.option(fc.nat(100), { nil: undefined }),
    count: fc.integer({ min: 1, max: 9 }),
  })
  const device: fc.Arbitrary<LearnedDevice> = fc.record({
    address,
    name: fc.option(ownName, { nil: undefined }),
    productName: fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...hostile.names)), {
      nil: undefined,
    }),
    vendorId: fc.option(fc.oneof(fc.nat(65_535), fc.constantFrom(...hostile.numbers)), { nil: undefined }),
    serialNumber: fc.option(fc.oneof(fc.nat(4_294_967_295), fc.constantFrom(...hostile.numbers)), { nil: undefined }),
    capable: fc.constantFrom(true, false, undefined),
    slot,
    source: fc.constantFrom('ListIdentity', 'identity page'),
  })

  it('is a plant file that is accepted, with every pair that was seen and no other', () => {
    fc.assert(
      fc.property(
        fc.array(observation, { maxLength: 12 }),
        fc.array(device, { maxLength: 6 }),
        (observations, devices) => {
          const text = writeProposal(propose({ plant: 'any', observations, devices }))
          const turned = { observations: observations.toReversed(), devices: devices.toReversed() }
          expect(writeProposal(propose({ plant: 'any', ...turned }))).toBe(text)
          const plant = accepted(text)
          const seen = new Set(
            observations
              .filter(({ originator, target }) => originator.address !== target.address)
              .map(({ originator, target }) => `${originator.address} -> ${target.address}`),
          )
          expect(new Set(pairsOf(plant).map((pair) => pair.replace(/ class .*/, '')))).toEqual(seen)
        },
      ),
      { numRuns: 100 },
    )
  })
})
