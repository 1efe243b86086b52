import { dryRun, mergeObservations, type Observation } from '@cordon/core/learning'
import { indexPlant, type Plant } from '@cordon/core/policy'
import { describe, expect, it } from 'vitest'
import { demonstrationPlant, pagesOf } from './rows.ts'

const plant = demonstrationPlant()
const observations = pagesOf(plant, new Set(plant.devices.map(({ name }) => name)))

/** What breaks, as `from -> to class`. */
function broken(model: Plant, seen: readonly Observation[] = observations): readonly string[] {
  return dryRun(indexPlant(model), seen)
    .results.filter(({ verdict }) => verdict === 'breaks')
    .map((result) => `${result.from} -> ${result.to} ${result.seen.class} ${result.code}`)
}

/** The plant without the conduit between two ends. */
function without(a: string, b: string): Plant {
  const conduits = plant.conduits.filter(({ between }) => !(between.includes(a) && between.includes(b)))
  expect(conduits).toHaveLength(plant.conduits.length - 1)
  return { ...plant, conduits }
}

describe('a dry run', () => {
  it('breaks nothing of the demonstration plant, and says what moves', () => {
    const { counts } = dryRun(indexPlant(plant), observations)
    // Plain before: all but the connections of the six plain conduits move to TLS or DTLS.
    expect(counts).toEqual({ breaks: 0, weakened: 0, ends: 0, moves: 15, keeps: 5 })
  })

  it('names exactly the connections of a conduit that is not there', () => {
    expect(broken(without('yellow', 'blue'))).toEqual([
      'Yellow_EN4TR -> Blue_EN4TR 1 no-conduit',
      'Blue_EN4TR -> Yellow_EN4TR 1 no-conduit',
      'Blue_EN4TR -> Yellow_EN4TR 1 no-conduit',
    ])
    expect(broken(without('Blue_EN4TR', 'Compact_IO_41'))).toEqual(['Blue_EN4TR -> Compact_IO_41 0 no-conduit'])
  })

  it('tells apart a wrong direction, a plain connection that is denied, and a stranger', () => {
    const turned = plant.conduits.map((conduit) =>
      conduit.between.includes('Panel_70') ? { ...conduit, opens: 'Blue_EN4TR' } : conduit,
    )
    expect(broken({ ...plant, conduits: turned })).toEqual(['Panel_70 -> Blue_EN4TR 3 direction'])
    const zones = plant.zones.map((zone) => (zone.name === 'legacy' ? { ...zone, nonSecure: 'deny' as const } : zone))
    expect(broken({ ...plant, zones })).toContain('Panel_70 -> Blue_EN4TR 3 plain-denied')
    const devices = plant.devices.filter(({ name }) => name !== 'Panel_70')
    expect(broken({ ...plant, devices })).toEqual(['127.17.81.70 -> Blue_EN4TR 3 no-device'])
  })

  it('says that a secured connection would run with less, or could not be secured', () => {
    const secured: Observation = {
      originator: { address: '127.17.81.70' },
      target: { address: '127.17.81.51' },
      class: 3,
      over: 'tls',
      confidentiality: 'Encrypted',
      source: 'packet 4 of line.pcap',
      count: 1,
    }
    const toRed = { ...secured, originator: { address: '127.17.81.51' }, target: { address: '127.17.80.31' } }
    expect(dryRun(indexPlant(plant), [secured, toRed]).counts).toMatchObject({ weakened: 2, breaks: 0 })
    const shape = { outputSize: 2, inputSize: 42, variable: false, multicast: true, rpiUs: 20_000, targetRpiUs: 20_000 }
    const multicast: Observation = { ...toRed, class: 1, over: 'plain', confidentiality: 'None', shape }
    expect(broken(plant, [multicast])).toEqual(['Blue_EN4TR -> Red_EN4TR 1 multicast'])
  })

  it('lets end what the model lets end, and leaves Cordon itself out', () => {
    const connections = plant.connections.map((connection) =>
      connection.from === 'Yellow_EN4TR' ? { ...connection, when: 'before' as const } : connection,
    )
    const { counts, results } = dryRun(indexPlant({ ...without('yellow', 'blue'), connections }), observations)
    expect(counts).toMatchObject({ ends: 1, breaks: 2 })
    expect(results.map(({ verdict }) => verdict).slice(0, 3)).toEqual(['breaks', 'breaks', 'ends'])
    const own: Observation = {
      originator: { address: '127.18.2.75' },
      target: { address: '127.60.3.150' },
      class: undefined,
      over: 'plain',
      source: 'TCP page of 127.60.3.150',
      count: 1,
    }
    expect(dryRun(indexPlant(plant), [own]).results).toEqual([])
    const group = { ...own, target: { address: '239.1.1.1' } }
    expect(dryRun(indexPlant(plant), [group]).leftOut).toEqual([
      '239.1.1.1 is no address of one device (TCP page of 127.60.3.150)',
    ])
  })

  const session: Observation = {
    originator: { address: '127.17.81.70' },
    target: { address: '127.17.81.51' },
    class: undefined,
    over: 'plain',
    source: 'packet 7 of line.pcap',
    count: 1,
  }
  const messages: Observation = { ...session, messages: true }
  const io: Observation = { ...session, class: 1 }
  const kinds = (...seen: readonly Observation[]) =>
    mergeObservations(seen).connections.map(
      (one) => `${one.class ?? (one.messages === true ? 'messages' : 'session')} ${one.over}`,
    )

  it('judges plain messages of a pair that has I/O too, over the transport of messages', () => {
    // The panel's conduit lets messages through, not I/O: what the messages mean must not go by the verdict on the I/O.
    const { results } = dryRun(indexPlant(plant), [messages, io])
    expect(results.map(({ verdict, seen }) => `${seen.class} ${verdict}`)).toEqual(['1 breaks', 'undefined keeps'])
    const turned = without('Panel_70', 'Blue_EN4TR')
    expect(broken(turned, [messages, io])).toEqual([
      'Panel_70 -> Blue_EN4TR 1 no-conduit',
      'Panel_70 -> Blue_EN4TR undefined no-conduit',
    ])
  })

  it('lets messages end with class 3 connections that the model ends, not with I/O', () => {
    const connections = plant.connections.map((one) =>
      one.from === 'Panel_70' ? { ...one, class: 1 as const, when: 'before' as const } : one,
    )
    const model = { ...without('Panel_70', 'Blue_EN4TR'), connections }
    expect(broken(model, [messages])).toEqual(['Panel_70 -> Blue_EN4TR undefined no-conduit'])
    expect(broken(model, [session])).toEqual([])
  })

  it('lets a session go for what was seen in it under the same protection, and for nothing else', () => {
    expect(kinds(session, io)).toEqual(['1 plain'])
    expect(kinds(session, messages)).toEqual(['messages plain'])
    expect(kinds(messages, { ...io, class: 3 })).toEqual(['3 plain'])
    expect(kinds(messages, io).sort()).toEqual(['1 plain', 'messages plain'])
    expect(kinds(session, { ...io, over: 'dtls' }).sort()).toEqual(['1 dtls', 'session plain'])
    expect(kinds({ ...session, over: 'tls' }, { ...io, class: 3, over: 'tls' })).toEqual(['3 tls'])
    expect(kinds({ ...session, over: 'tls' }, { ...io, over: 'dtls' }).sort()).toEqual(['1 dtls', 'session tls'])
    expect(kinds({ ...messages, over: 'dtls' }, { ...io, over: 'dtls' }).sort()).toEqual(['1 dtls', 'messages dtls'])
  })
})
