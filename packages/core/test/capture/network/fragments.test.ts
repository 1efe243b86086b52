import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holds } from '../../wire/properties.ts'
import { big, concat, ether, ethernet, hex, ipv4, ipv6, pattern, udp } from '../packets.ts'
import { accounted, record, said } from './recorded.ts'

const data = pattern(3000)
const datagram = udp(7, 44_818, data)

/** A fragment of the datagram, over IPv4. */
function part(start: number, end: number, identification = 1, of = datagram): Uint8Array {
  const payload = of.subarray(start, end)
  return ethernet(
    ether.ipv4,
    ipv4({
      source: '192.0.2.1',
      destination: '192.0.2.2',
      protocol: 17,
      payload,
      identification,
      fragmentOffset: start,
      moreFragments: end < of.length,
    }),
  )
}

function part6(start: number, end: number): Uint8Array {
  const more = end < datagram.length ? 1 : 0
  const header = concat(Uint8Array.of(start === 0 ? 17 : 99, 0), big(start + more, 2), big(77, 4))
  return ethernet(ether.ipv6, ipv6('::1', '::2', 44, concat(header, datagram.subarray(start, end))))
}

const bounds = [0, 1480, 2960, datagram.length]
const parts = [0, 1, 2].map((i) => part(bounds[i] ?? 0, bounds[i + 1] ?? 0))

describe('fragments', () => {
  it('become the datagram, in any order, over IPv4 and IPv6', () => {
    const parts6 = [0, 1, 2].map((i) => part6(bounds[i] ?? 0, bounds[i + 1] ?? 0))
    for (const pieces of [parts, parts6]) {
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
      ]) {
        const { heard, totals } = record(order.map((i) => pieces[i] ?? new Uint8Array(0)))
        expect(hex(said(heard[0], 'client'))).toBe(hex(data))
        expect(heard[0]?.conversation.client.port).toBe(7)
        expect(totals).toMatchObject({ packets: 3, udp: 1, fragmentsJoined: 2, fragmentsIncomplete: 0 })
      }
    }
  })

  it('that come twice count once more and change nothing', () => {
    const [first, second, third] = parts
    const { heard, totals } = record([first, second, first, second, third].flatMap((one) => one ?? []))
    expect(heard.map((one) => said(one, 'client'))).toEqual([data])
    expect(totals).toMatchObject({ packets: 5, udp: 1, fragmentsJoined: 4 })
  })

  it('of different datagrams are not mixed', () => {
    const other = udp(7, 44_818, pattern(3000, 9))
    const pieces = bounds.slice(0, 3).flatMap((start, i) => {
      const end = bounds[i + 1] ?? 0
      return [part(start, end, 1), part(start, end, 2, other)]
    })
    const { heard } = record(pieces)
    expect(said(heard[0], 'client')).toEqual(concat(data, pattern(3000, 9)))
  })

  it('that overlap refuse their datagram', () => {
    const { heard, totals } = record([part(0, 1480), part(1472, 2960), part(2960, datagram.length)])
    expect(heard).toEqual([])
    expect(totals).toMatchObject({ packets: 3, fragmentsRefused: 3 })
  })

  it.each<[string, readonly Uint8Array[]]>([
    ['two ends', [part(2960, datagram.length), part(2960, datagram.length + 0, 1, datagram.subarray(0, 3004))]],
    ['something behind the end', [part(2960, datagram.length), part(3200, 3208, 1, new Uint8Array(4000))]],
    ['an end before what came', [part(3200, 3208, 1, new Uint8Array(4000)), part(2960, datagram.length)]],
    ['a length that is no multiple of eight', [part(0, 1479)]],
    ['no bytes', [part(0, 0)]],
    ['an end above 65535', [part(65_528, 65_536 + 8, 1, new Uint8Array(70_000))]],
  ])('are refused for %s', (_, pieces) => {
    const { heard, totals } = record(pieces)
    expect(heard).toEqual([])
    expect(totals.fragmentsRefused).toBe(pieces.length)
  })

  it('without the rest are incomplete: at the end, and after their time', () => {
    const [first, second, third] = parts.map((data) => ({ data }))
    if (first === undefined || second === undefined || third === undefined) throw new Error('three parts')
    expect(record([first, second]).totals).toMatchObject({ fragmentsIncomplete: 2, fragmentsWaiting: 0 })
    const late = record([first, second, { ...third, timeUs: 31_000_000 }])
    expect(late.heard).toEqual([])
    expect(late.totals).toMatchObject({ packets: 3, fragmentsIncomplete: 3 })
  })

  it('that were snapped leave their datagram incomplete', () => {
    const [first, second, third] = parts
    if (first === undefined || second === undefined || third === undefined) throw new Error('three parts')
    const snapped = { data: second.slice(0, 96), originalLength: second.length }
    expect(record([first, snapped, third]).totals).toMatchObject({ packets: 3, fragmentsIncomplete: 3, udp: 0 })
  })

  it('without end stay within bounds, and all are counted', () => {
    const endless = Array.from({ length: 5000 }, (_, i) => part(0, 1480, i & 0xffff))
    const growing = Array.from({ length: 3000 }, (_, i) => part(i * 8, i * 8 + 8, 7, new Uint8Array(65_000)))
    const { totals } = record([...endless, ...growing], { limits: { fragmentedDatagrams: 20, fragmentBytes: 100_000 } })
    expect(totals.packets).toBe(8000)
    expect(totals.fragmentsIncomplete).toBe(8000)
    expect(accounted(totals)).toBe(8000)
  })

  it('give the datagram or nothing, however it is cut, repeated and reordered', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 375 }), { maxLength: 12 })
    holds(
      fc.tuple(cuts, fc.infiniteStream(fc.nat()), fc.nat({ max: 3 })),
      ([at, random, repeats]) => {
        const edges = [0, ...at.sort((x, y) => x - y).map((eighth) => eighth * 8), datagram.length]
        const pieces = edges.slice(1).map((end, i) => part(edges[i] ?? 0, end))
        for (let i = 0; i < repeats; i++) pieces.push(pieces[i % pieces.length] ?? new Uint8Array(0))
        const shuffled = pieces
          .map((piece) => ({ piece, place: random.next().value ?? 0 }))
          .sort((x, y) => x.place - y.place)
          .map(({ piece }) => piece)
        const { heard, totals } = record(shuffled)
        // All of its fragments twice make it twice.
        const events = heard[0]?.events ?? []
        expect(events.length).toBeGreaterThan(0)
        for (const event of events) expect('bytes' in event && hex(event.bytes)).toBe(hex(data))
        expect(accounted(totals)).toBe(pieces.length)
      },
      50,
    )
  })
})
