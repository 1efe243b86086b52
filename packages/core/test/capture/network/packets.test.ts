import { linkTypes } from '@cordon/core/capture'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { damaged, holds } from '../../wire/properties.ts'
import { ascii, big, concat, ether, ethernet, ipv4, ipv6, pattern, tcp, tcpFrame, udp, udpFrame } from '../packets.ts'
import { accounted, record, type Sent } from './recorded.ts'

const a = '192.0.2.1'
const b = '192.0.2.2'
const hello = ascii('hello')
const datagram = ipv4({ source: a, destination: b, protocol: 17, payload: udp(5000, 44_818, hello) })

/** The one datagram that a packet holds. */
function only(sent: Sent | Uint8Array) {
  const { heard, totals } = record([sent])
  expect(totals).toMatchObject({ packets: 1, udp: 1 })
  return heard[0]
}

describe('a datagram is found', () => {
  it.each<[string, Sent]>([
    ['over Ethernet', { data: ethernet(ether.ipv4, datagram) }],
    ['with a tag', { data: ethernet(ether.ipv4, datagram, [5]) }],
    ['with two tags', { data: ethernet(ether.ipv4, datagram, [5, 6]) }],
    ['with padding behind', { data: concat(ethernet(ether.ipv4, datagram), new Uint8Array(20)) }],
    [
      'in a Linux cooked capture',
      { data: concat(new Uint8Array(14), big(0x800, 2), datagram), linkType: linkTypes.linuxSll },
    ],
    [
      'in a Linux cooked capture, version 2',
      { data: concat(big(0x800, 2), new Uint8Array(18), datagram), linkType: linkTypes.linuxSll2 },
    ],
    [
      'in a Linux cooked capture with a tag',
      {
        data: concat(new Uint8Array(14), big(0x8100, 2), big(7, 2), big(0x800, 2), datagram),
        linkType: linkTypes.linuxSll,
      },
    ],
    ['on the BSD loopback', { data: concat(Uint8Array.of(2, 0, 0, 0), datagram), linkType: linkTypes.null }],
    [
      'on the BSD loopback of the other byte order',
      { data: concat(Uint8Array.of(0, 0, 0, 2), datagram), linkType: linkTypes.null },
    ],
    ['on the OpenBSD loopback', { data: concat(Uint8Array.of(0, 0, 0, 2), datagram), linkType: linkTypes.loop }],
    ['over nothing', { data: datagram, linkType: linkTypes.raw }],
  ])('%s', (_, sent) => {
    const heard = only(sent)
    expect(heard?.events).toEqual([{ side: 'client', bytes: hello, packet: 1 }])
    expect(heard?.conversation).toEqual({
      id: 0,
      transport: 'udp',
      client: { address: a, port: 5000 },
      server: { address: b, port: 44_818 },
      begun: true,
    })
    expect(heard?.ended).toBe('end-of-capture')
  })

  it('behind options of IPv4', () => {
    const options = pattern(12)
    const packet = ipv4({ source: a, destination: b, protocol: 17, payload: udp(1, 2, hello), options })
    expect(only(ethernet(ether.ipv4, packet))?.events).toEqual([{ side: 'client', bytes: hello, packet: 1 }])
  })

  it('where a network card was to fill in the length', () => {
    const packet = ipv4({ source: a, destination: b, protocol: 17, payload: udp(1, 2, hello), totalLength: 0 })
    expect(only(ethernet(ether.ipv4, packet))?.events).toEqual([{ side: 'client', bytes: hello, packet: 1 }])
  })

  it('in IPv6, behind extension headers and over the BSD loopback', () => {
    const hop = concat(Uint8Array.of(60, 0), pattern(6))
    const destination = concat(Uint8Array.of(51, 1), pattern(14))
    const authentication = concat(Uint8Array.of(44, 2), pattern(14))
    const atomic = concat(Uint8Array.of(17, 0), big(0, 6))
    const packet = ipv6(
      '2001:db8::1',
      '2001:db8::2',
      0,
      concat(hop, destination, authentication, atomic, udp(7, 2221, hello)),
    )
    for (const sent of [
      { data: ethernet(ether.ipv6, packet) },
      { data: concat(Uint8Array.of(30, 0, 0, 0), packet), linkType: linkTypes.null },
      { data: packet, linkType: linkTypes.raw },
    ]) {
      const heard = only(sent)
      expect(heard?.events).toEqual([{ side: 'client', bytes: hello, packet: 1 }])
      expect(heard?.conversation.client).toEqual({ address: '2001:db8::1', port: 7 })
    }
  })
})

describe('conversations of datagrams', () => {
  it('are told apart by their ends, whoever sends', () => {
    const { heard, summaries } = record([
      udpFrame(a, 2222, b, 2222, hello),
      udpFrame(b, 2222, a, 2222, pattern(3)),
      udpFrame(a, 2223, b, 2222, hello),
      udpFrame(a, 2222, b, 2222, pattern(4)),
    ])
    expect(heard.map(({ events }) => events.map(({ side }) => side))).toEqual([
      ['client', 'server', 'client'],
      ['client'],
    ])
    expect(summaries.find(({ conversation }) => conversation.id === 0)).toMatchObject({
      firstPacket: 1,
      firstUs: 1000,
      lastUs: 4000,
      ended: 'end-of-capture',
      client: { packets: 2, bytes: 9, snapped: 0, stream: undefined },
      server: { packets: 1, bytes: 3 },
    })
  })

  it('of IPv4 and of IPv6 with the same numbers are different', () => {
    const zeros = '::'
    const packet = ipv6(zeros, zeros, 17, udp(5, 6, hello))
    const { heard } = record([
      ethernet(
        ether.ipv4,
        ipv4({ source: '0.0.0.0', destination: '0.0.0.0', protocol: 17, payload: udp(5, 6, hello) }),
      ),
      ethernet(ether.ipv6, packet),
      ethernet(ether.ipv6, ipv6(zeros, '::1', 17, udp(5, 6, hello))),
    ])
    expect(heard).toHaveLength(3)
  })

  it('whose server speaks first, by the ports, are not begun', () => {
    const { heard } = record([udpFrame(b, 2221, a, 50_000, hello)])
    expect(heard[0]?.conversation).toMatchObject({ begun: false, client: { address: a }, server: { address: b } })
    expect(heard[0]?.events).toMatchObject([{ side: 'server' }])
  })

  it('end after a silence', () => {
    const { heard, totals } = record(
      [
        { data: udpFrame(a, 1, b, 2, hello), timeUs: 0 },
        { data: udpFrame(a, 3, b, 2, hello), timeUs: 0 },
        { data: udpFrame(a, 1, b, 2, hello), timeUs: 900_000 },
        { data: udpFrame(a, 1, b, 2, hello), timeUs: 2_000_000 },
      ],
      { limits: { udpIdleMs: 1000 } },
    )
    expect(heard.map(({ ended, events }) => [ended, events.length])).toEqual([
      ['idle', 2],
      ['idle', 1],
      ['end-of-capture', 1],
    ])
    expect(totals.conversations).toBe(3)
  })

  it('are forgotten where they are too many, the least recently used first', () => {
    const frames = [1, 2, 3, 1, 4, 1, 2].map((port) => udpFrame(a, port, b, 9, hello))
    const { heard, totals, summaries } = record(frames, { limits: { conversations: 3 } })
    expect(heard.map(({ conversation, ended }) => [conversation.client.port, ended])).toEqual([
      [1, 'end-of-capture'],
      [2, 'evicted'],
      [3, 'evicted'],
      [4, 'end-of-capture'],
      [2, 'end-of-capture'],
    ])
    expect(totals).toMatchObject({ packets: 7, udp: 7, conversations: 5, evicted: 2 })
    expect(summaries.filter(({ ended }) => ended === 'evicted')).toHaveLength(2)
  })

  it('stay apart under many keys and little room', () => {
    holds(fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 30 }), fc.boolean()), { maxLength: 200 }), (sends) => {
      const frames = sends.map(([host, port, back]) =>
        back
          ? udpFrame(b, 9999, `192.0.2.${10 + host}`, port, big(host * 100 + port, 2))
          : udpFrame(`192.0.2.${10 + host}`, port, b, 9999, big(host * 100 + port, 2)),
      )
      const { heard, totals } = record(frames, { limits: { conversations: 7 }, seed: sends.length })
      for (const { conversation, events } of heard) {
        const end = [conversation.client, conversation.server].find(({ address }) => address !== b)
        const expected = big((Number(end?.address.split('.')[3]) - 10) * 100 + (end?.port ?? 0), 2)
        for (const event of events) expect(event).toMatchObject({ bytes: expected })
      }
      expect(heard.flatMap(({ events }) => events)).toHaveLength(frames.length)
      expect(totals.conversations - totals.evicted).toBeLessThanOrEqual(7)
    })
  })
})

describe('what is no datagram or segment is counted', () => {
  const one = { count: 1, example: 1 }
  const frame = udpFrame(a, 1, b, 2, hello)

  it('by its EtherType, protocol or link type', () => {
    expect(record([ethernet(ether.arp, pattern(28))]).totals.notIp).toEqual(new Map([[0x806, one]]))
    expect(record([ethernet(50, pattern(50))]).totals.notIp).toEqual(new Map([[50, one]]))
    const icmp = ipv4({ source: a, destination: b, protocol: 1, payload: pattern(8) })
    expect(record([ethernet(ether.ipv4, icmp)]).totals.otherIp).toEqual(new Map([[1, one]]))
    const esp = ipv6('::1', '::2', 50, pattern(20))
    expect(record([ethernet(ether.ipv6, esp)]).totals.otherIp).toEqual(new Map([[50, one]]))
    expect(record([{ data: pattern(40), linkType: 147 }]).totals.otherLink).toEqual(new Map([[147, one]]))
  })

  it('as cut by the snap length, where that took headers', () => {
    for (const length of [10, 20, 38]) {
      expect(record([{ data: frame.slice(0, length), originalLength: frame.length }]).totals).toMatchObject({
        packets: 1,
        headersSnapped: 1,
        udp: 0,
      })
    }
  })

  it.each([
    ['link-header', frame.slice(0, 10)],
    ['ipv4-length', frame.slice(0, 25)],
    ['ipv4-length', frame.slice(0, 40)],
    ['ip-version', ethernet(ether.ipv4, concat(Uint8Array.of(0x55), datagram.slice(1)))],
    ['ipv4-header-length', ethernet(ether.ipv4, concat(Uint8Array.of(0x44), datagram.slice(1)))],
    [
      'ipv4-length',
      ethernet(ether.ipv4, ipv4({ source: a, destination: b, protocol: 17, payload: hello, totalLength: 10 })),
    ],
    ['ip-version', ethernet(ether.ipv6, concat(datagram, pattern(20)))],
    ['ipv6-length', ethernet(ether.ipv6, ipv6('::1', '::2', 17, udp(1, 2, hello)).slice(0, 50))],
    ['ipv6-extension', ethernet(ether.ipv6, ipv6('::1', '::2', 0, Uint8Array.of(17, 9, 0, 0, 0, 0, 0, 0)))],
    ['ipv6-extension', ethernet(ether.ipv6, ipv6('::1', '::2', 0, new Uint8Array(400)))],
    [
      'udp-length',
      ethernet(ether.ipv4, ipv4({ source: a, destination: b, protocol: 17, payload: udp(1, 2, hello, 7) })),
    ],
    [
      'udp-length',
      ethernet(ether.ipv4, ipv4({ source: a, destination: b, protocol: 17, payload: udp(1, 2, hello, 14) })),
    ],
    ['udp-length', ethernet(ether.ipv4, ipv4({ source: a, destination: b, protocol: 17, payload: pattern(7) }))],
    ['tcp-header', ethernet(ether.ipv4, ipv4({ source: a, destination: b, protocol: 6, payload: pattern(19) }))],
    [
      'tcp-header',
      ethernet(
        ether.ipv4,
        ipv4({
          source: a,
          destination: b,
          protocol: 6,
          payload: tcp({ sourcePort: 1, destinationPort: 2, sequence: 0 }).map((byte, i) => (i === 12 ? 0x40 : byte)),
        }),
      ),
    ],
  ])('as malformed: %s', (fault, data) => {
    const { totals } = record([{ data }])
    expect([...totals.malformed]).toEqual([[fault, one]])
    expect(accounted(totals)).toBe(1)
  })

  it('in exactly one place, whatever the bytes are', () => {
    const frames = fc.constantFrom(
      frame,
      ethernet(ether.ipv4, datagram, [1, 2]),
      tcpFrame(a, b, { sourcePort: 1, destinationPort: 44_818, sequence: 5, data: hello }),
      ethernet(
        ether.ipv6,
        ipv6('::1', '::2', 44, concat(Uint8Array.of(17, 0), big(1, 6), udp(1, 2, hello), pattern(3))),
      ),
      ethernet(
        ether.ipv4,
        ipv4({ source: a, destination: b, protocol: 17, payload: pattern(16), moreFragments: true, identification: 9 }),
      ),
    )
    const sent = fc.record({
      data: fc.oneof(frames, damaged(frames), fc.uint8Array({ maxLength: 80 })),
      extra: fc.constantFrom(0, 0, 0, 50),
      linkType: fc.constantFrom(1, 1, 1, 1, ...Object.values(linkTypes), 9),
      timeUs: fc.constantFrom(0, 1, 1e9, -5, 1e15),
    })
    holds(
      fc.array(sent, { maxLength: 40 }),
      (packets) => {
        const { totals, heard } = record(
          packets.map(({ data, extra, ...rest }) => ({ ...rest, data, originalLength: data.length + extra })),
          { limits: { conversations: 4, fragmentedDatagrams: 2, fragmentBytes: 2000 } },
        )
        expect(totals.packets).toBe(packets.length)
        expect(accounted(totals)).toBe(packets.length)
        expect(totals.fragmentsWaiting).toBe(0)
        for (const { ended } of heard) expect(ended).toBeDefined()
      },
      1000,
    )
  })
})

describe('a snapped datagram', () => {
  it('is handed on as the beginning that it is, and counted', () => {
    const frame = udpFrame(a, 1, b, 2222, pattern(100))
    const { heard, totals, summaries } = record([{ data: frame.slice(0, 60), originalLength: frame.length }])
    expect(heard[0]?.events).toEqual([{ side: 'client', snapped: pattern(18), length: 100 }])
    expect(totals).toMatchObject({ packets: 1, udp: 1, snapped: 1 })
    expect(summaries[0]?.client).toMatchObject({ packets: 1, bytes: 100, snapped: 1 })
  })
})
