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

describe('a proposal from anything', () => {
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', '10.0.1.2', '10.1.0.1', '172.16.4.9')
  const end = fc.record({ address, slot: fc.option(fc.integer({ min: 0, max: 16 }), { nil: undefined }) })
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
      { kind: 'tag', tag: 'Line.Count' },
      { kind: 'tag', tag: 'no } tag: #\n' },
      { kind: 'assembly', output: 2, input: 1 },
    ),
  })
  const observation: fc.Arbitrary<Observation> = fc.record({
    originator: end,
    target: end,
    class: fc.constantFrom(0 as const, 1 as const, 3 as const, undefined),
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
    name: fc.option(fc.string(), { nil: undefined }),
    productName: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
    vendorId: fc.option(fc.nat(65_535), { nil: undefined }),
    serialNumber: fc.option(fc.nat(4_294_967_295), { nil: undefined }),
    capable: fc.constantFrom(true, false, undefined),
    slot: fc.option(fc.integer({ min: 0, max: 16 }), { nil: undefined }),
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
      { numRuns: 50 },
    )
  })
})
