import { type CapturedPacket, captureNetwork } from '@cordon/core/capture'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holds } from '../../wire/properties.ts'
import { concat, hex, pattern, type TcpFields, tcpFrame } from '../packets.ts'
import { accounted, captured, record, said } from './recorded.ts'

const client = '192.0.2.1'
const server = '192.0.2.2'
const clientFirst = 0xffff_fff0
const serverFirst = 5000

interface Segment {
  readonly flags?: string
  /** Offset in what the side sends; -1 is the SYN. */
  readonly at?: number
  /** Offset in what the other side sends. */
  readonly seen?: number
  readonly data?: Uint8Array
}

type Ports = readonly [client: number, server: number]
const usual: Ports = [40_000, 44_818]

function fromClient({ at = 0, seen = 0, flags = 'A', data }: Segment, ports: Ports = usual): Uint8Array {
  return tcpFrame(client, server, {
    ...{ sourcePort: ports[0], destinationPort: ports[1] },
    sequence: clientFirst + 1 + at,
    acknowledgment: serverFirst + 1 + seen,
    flags,
    ...(data === undefined ? {} : { data }),
  } satisfies TcpFields)
}

function fromServer({ at = 0, seen = 0, flags = 'A', data }: Segment, ports: Ports = usual): Uint8Array {
  return tcpFrame(server, client, {
    ...{ sourcePort: ports[1], destinationPort: ports[0] },
    sequence: serverFirst + 1 + at,
    acknowledgment: clientFirst + 1 + seen,
    flags,
    ...(data === undefined ? {} : { data }),
  } satisfies TcpFields)
}

const opening = [
  fromClient({ at: -1, flags: 'S' }),
  fromServer({ at: -1, flags: 'SA' }),
  fromClient({ flags: 'A' }),
] as const

/** A stretch of what the client says. */
function said1(start: number, end: number): Uint8Array {
  return fromClient({ at: start, data: pattern(end - start, start) })
}

describe('a TCP connection', () => {
  it('gives the bytes of both sides, across the end of the numbers, and ends with both FINs', () => {
    const { heard, totals, summaries } = record([
      ...opening,
      fromClient({ data: pattern(30) }),
      fromServer({ seen: 30, data: pattern(5) }),
      fromClient({ at: 30, seen: 5, data: pattern(4, 30), flags: 'FA' }),
      fromServer({ at: 5, seen: 35, flags: 'FA' }),
      fromClient({ at: 35, seen: 6 }),
    ])
    expect(heard).toHaveLength(1)
    expect(heard[0]?.conversation).toEqual({
      id: 0,
      transport: 'tcp',
      client: { address: client, port: 40_000 },
      server: { address: server, port: 44_818 },
      begun: true,
    })
    expect(heard[0]?.events).toEqual([
      { side: 'client', bytes: pattern(30), packet: 4 },
      { side: 'server', bytes: pattern(5), packet: 5 },
      { side: 'client', bytes: pattern(4, 30), packet: 6 },
    ])
    expect(heard[0]?.ended).toBe('fin')
    expect(totals).toMatchObject({ packets: 8, tcp: 8, conversations: 1 })
    expect(summaries[0]).toMatchObject({
      ended: 'fin',
      client: { packets: 5, bytes: 34 },
      server: { packets: 3, bytes: 5 },
    })
    for (const side of [summaries[0]?.client.stream, summaries[0]?.server.stream]) {
      expect(side).toEqual({
        retransmitted: 0,
        outOfOrder: 0,
        gaps: 0,
        gapBytes: 0,
        overlaps: 0,
        conflicts: 0,
        keepAlives: 0,
        outOfWindow: 0,
      })
    }
  })

  it('counts keep-alives, with and without their byte', () => {
    const { heard, summaries } = record([
      ...opening,
      said1(0, 10),
      fromClient({ at: 9, data: Uint8Array.of(0) }),
      fromClient({ at: 9 }),
      said1(10, 20),
    ])
    expect(said(heard[0], 'client')).toEqual(pattern(20))
    expect(summaries[0]?.client.stream).toMatchObject({ keepAlives: 2, retransmitted: 0, conflicts: 0 })
  })

  it('counts repetitions, and reads each byte once', () => {
    const { heard, summaries } = record([
      ...opening,
      ...opening,
      said1(0, 10),
      said1(0, 10),
      said1(4, 9),
      said1(10, 12),
    ])
    expect(said(heard[0], 'client')).toEqual(pattern(12))
    expect(summaries[0]?.client.stream).toMatchObject({ retransmitted: 3, conflicts: 0, overlaps: 0 })
    expect(summaries[0]?.server.stream).toMatchObject({ retransmitted: 1 })
  })

  it('keeps what came first where segments overlap, and says whether they agreed', () => {
    const liar = fromClient({ at: 5, data: pattern(10, 100) })
    const behind = record([...opening, said1(0, 10), said1(5, 15)])
    expect(said(behind.heard[0], 'client')).toEqual(pattern(15))
    expect(behind.summaries[0]?.client.stream).toMatchObject({ overlaps: 1, conflicts: 0 })
    const lied = record([...opening, said1(0, 10), liar])
    expect(said(lied.heard[0], 'client')).toEqual(concat(pattern(10), pattern(5, 105)))
    expect(lied.summaries[0]?.client.stream).toMatchObject({ overlaps: 1, conflicts: 1 })
  })

  it('keeps what came first among segments that wait', () => {
    // 20..30 and 40..50 wait; 15..45 fills around them, with other bytes where they are.
    const wide = concat(pattern(5, 15), pattern(10, 99), pattern(10, 30), pattern(5, 99))
    const { heard, summaries } = record([
      ...opening,
      said1(40, 50),
      said1(20, 30),
      fromClient({ at: 15, data: wide }),
      said1(20, 30),
      said1(0, 15),
    ])
    expect(said(heard[0], 'client')).toEqual(pattern(50))
    expect(summaries[0]?.client.stream).toMatchObject({
      outOfOrder: 4,
      overlaps: 1,
      conflicts: 2,
      retransmitted: 1,
      gaps: 0,
    })
  })

  it('has a gap where the other side acknowledges what was not captured', () => {
    const later = Array.from({ length: 20 }, (_, i) => said1(30 + i, 31 + i))
    const { heard, summaries } = record([...opening, said1(0, 10), said1(20, 30), fromServer({ seen: 30 }), ...later])
    expect(said(heard[0], 'client')).toEqual(concat(pattern(10), pattern(30, 20)))
    expect(heard[0]?.events[1]).toEqual({ side: 'client', gap: 10 })
    expect(heard[0]?.events.length).toBeGreaterThan(10)
    expect(summaries[0]?.client.stream).toMatchObject({ gaps: 1, gapBytes: 10 })
  })

  it('waits a little where packets lie in the wrong order in the capture', () => {
    const { heard } = record([
      ...opening,
      said1(0, 10),
      said1(20, 30),
      fromServer({ seen: 30 }),
      said1(30, 40),
      said1(10, 20),
    ])
    expect(said(heard[0], 'client')).toEqual(pattern(40))
    expect(heard[0]?.events.some((event) => 'gap' in event)).toBe(false)
  })

  it('has a gap where too much waits', () => {
    const segments = Array.from({ length: 5 }, (_, i) => said1(1000 + i * 1000, 2000 + i * 1000))
    const { heard } = record([...opening, said1(0, 10), ...segments, said1(10, 1000)], {
      limits: { streamBytes: 5500 },
    })
    expect(heard[0]?.events[1]).toEqual({ side: 'client', gap: 990 })
    expect(said(heard[0], 'client')).toEqual(concat(pattern(10), pattern(5000, 1000)))
  })

  it('has a gap where the capture lost more than may wait, once two segments agree', () => {
    const far = 3_000_000
    const { heard, summaries } = record([...opening, said1(0, 10), said1(far, far + 10), said1(far + 10, far + 20)])
    expect(heard[0]?.events.slice(1)).toEqual([
      { side: 'client', gap: far },
      { side: 'client', bytes: pattern(10, far + 10), packet: 6 },
    ])
    expect(summaries[0]?.client.stream).toMatchObject({ outOfWindow: 1, gaps: 1, gapBytes: far })
  })

  it('does not believe one segment far ahead', () => {
    const { heard, summaries } = record([...opening, said1(0, 10), said1(9_000_000, 9_000_010), said1(10, 20)])
    expect(said(heard[0], 'client')).toEqual(pattern(20))
    expect(summaries[0]?.client.stream).toMatchObject({ outOfWindow: 1, gaps: 0 })
  })

  it('hands out what waits when the capture ends', () => {
    const { heard } = record([...opening, said1(20, 30), fromServer({ seen: 50 })])
    expect(heard[0]?.events).toEqual([
      { side: 'client', gap: 20 },
      { side: 'client', bytes: pattern(10, 20), packet: 5 },
      { side: 'client', gap: 20 },
    ])
    expect(heard[0]?.ended).toBe('end-of-capture')
  })

  it('has a gap where a packet was snapped', () => {
    const frame = said1(0, 100)
    const early = said1(150, 250)
    const { heard, totals, summaries } = record([
      ...opening,
      { data: frame.slice(0, 94), originalLength: frame.length },
      { data: early.slice(0, 64), originalLength: early.length },
      said1(100, 150),
      said1(250, 260),
    ])
    expect(heard[0]?.events).toEqual([
      { side: 'client', bytes: pattern(40), packet: 4 },
      { side: 'client', gap: 60 },
      { side: 'client', bytes: pattern(50, 100), packet: 6 },
      { side: 'client', bytes: pattern(10, 150), packet: 6 },
      { side: 'client', gap: 90 },
      { side: 'client', bytes: pattern(10, 250), packet: 7 },
    ])
    expect(totals.snapped).toBe(2)
    expect(summaries[0]?.client).toMatchObject({ snapped: 2, bytes: 260 })
  })

  it('is reset, but not by a reset out of nowhere', () => {
    const reset = (at: number) => fromServer({ at, flags: 'R' })
    const { heard, summaries } = record([
      ...opening,
      said1(0, 10),
      reset(-3_000_000),
      said1(10, 20),
      reset(0),
      said1(20, 30),
    ])
    expect(said(heard[0], 'client')).toEqual(pattern(20))
    expect(heard[0]?.ended).toBe('reset')
    expect(summaries[0]).toMatchObject({ ended: 'reset', client: { packets: 5 } })
    expect(summaries[0]?.server.stream?.outOfWindow).toBe(1)
  })

  it('refused by its server is reset', () => {
    const refused = tcpFrame(server, client, {
      ...{ sourcePort: 44_818, destinationPort: 40_000, sequence: 0, acknowledgment: clientFirst + 1 },
      flags: 'RA',
    })
    expect(record([opening[0], refused]).heard[0]?.ended).toBe('reset')
  })
})

describe('another connection between the same ports', () => {
  const again = (flags: string, sequence: number, data?: Uint8Array) =>
    tcpFrame(client, server, {
      ...{ sourcePort: 40_000, destinationPort: 44_818, sequence, acknowledgment: 70_001, flags },
      ...(data === undefined ? {} : { data }),
    })
  const accepted = tcpFrame(server, client, {
    ...{ sourcePort: 44_818, destinationPort: 40_000, sequence: 70_000, acknowledgment: 900_001, flags: 'SA' },
  })

  it('begins at once where the first is closed', () => {
    const { heard, totals } = record([
      ...opening,
      fromServer({ flags: 'R' }),
      again('S', 900_000),
      accepted,
      again('A', 900_001, pattern(3)),
    ])
    expect(heard.map(({ ended }) => ended)).toEqual(['reset', 'end-of-capture'])
    expect(said(heard[1], 'client')).toEqual(pattern(3))
    expect(heard[1]?.conversation).toMatchObject({ id: 1, begun: true, client: { port: 40_000 } })
    expect(accounted(totals)).toBe(7)
  })

  it('begins where the server accepts it while the first lives', () => {
    const { heard } = record([...opening, said1(0, 10), again('S', 900_000), accepted, again('A', 900_001, pattern(3))])
    expect(heard.map(({ ended }) => ended)).toEqual(['reused', 'end-of-capture'])
    expect(said(heard[0], 'client')).toEqual(pattern(10))
    expect(said(heard[1], 'client')).toEqual(pattern(3))
    expect(heard[1]?.conversation.client.port).toBe(40_000)
  })

  it('does not begin by a SYN that nobody accepts', () => {
    const { heard, summaries } = record([...opening, said1(0, 10), again('S', 900_000), said1(10, 20)])
    expect(heard).toHaveLength(1)
    expect(said(heard[0], 'client')).toEqual(pattern(20))
    expect(summaries[0]?.client.stream?.outOfWindow).toBe(1)
  })
})

describe('a connection whose beginning was not captured', () => {
  it('has its sides by known ports, else by the lower one', () => {
    const sidesOf = (ports: Ports) => record([fromServer({ data: pattern(9) }, ports)]).heard[0]?.conversation
    for (const port of [44_818, 2221, 443, 80, 8444]) {
      expect(sidesOf([1024, port])).toMatchObject({ begun: false, server: { address: server, port } })
    }
    expect(sidesOf([5000, 6000])).toMatchObject({ begun: false, server: { address: client, port: 5000 } })
    expect(sidesOf([6000, 5000])).toMatchObject({ begun: false, server: { address: server, port: 5000 } })
  })

  it('is read from the first bytes on, not from a keep-alive', () => {
    const { heard } = record([
      fromServer({ seen: 50 }),
      fromClient({ at: 49 }),
      said1(50, 60),
      fromServer({ at: 7, data: pattern(9) }),
    ])
    expect(heard[0]?.events).toEqual([
      { side: 'client', bytes: pattern(10, 50), packet: 3 },
      { side: 'server', bytes: pattern(9), packet: 4 },
    ])
  })

  it('that begins with the answer has a beginning, and what is missing then is a gap', () => {
    const { heard } = record([opening[1], opening[2], said1(30, 40)])
    expect(heard[0]?.conversation).toMatchObject({ begun: true, client: { address: client } })
    expect(heard[0]?.events).toEqual([
      { side: 'client', gap: 30 },
      { side: 'client', bytes: pattern(10, 30), packet: 3 },
    ])
  })
})

describe('whatever comes', () => {
  it('gives the same bytes, however they are cut, repeated and reordered', () => {
    const length = 2000
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: length - 1 }), { maxLength: 40 })
    const repeats = fc.array(fc.tuple(fc.nat({ max: length - 1 }), fc.integer({ min: 1, max: 300 })), { maxLength: 20 })
    holds(fc.tuple(cuts, repeats, fc.infiniteStream(fc.nat()), fc.boolean()), ([at, extra, random, withFin]) => {
      const edges = [0, ...at.sort((x, y) => x - y), length]
      const segments = [
        ...edges.slice(1).map((end, i) => said1(edges[i] ?? 0, end)),
        ...extra.map(([start, size]) => said1(start, Math.min(length, start + size))),
      ]
      const shuffled = segments
        .map((segment) => ({ segment, place: random.next().value ?? 0 }))
        .sort((x, y) => x.place - y.place)
        .map(({ segment }) => segment)
      const close = withFin ? [fromClient({ at: length, flags: 'FA' }), fromServer({ flags: 'FA' })] : []
      const { heard, summaries, totals } = record([...opening, ...shuffled, ...close])
      expect(hex(said(heard[0], 'client'))).toBe(hex(pattern(length)))
      expect(heard[0]?.events.some((event) => 'gap' in event)).toBe(false)
      expect(heard[0]?.ended).toBe(withFin ? 'fin' : 'end-of-capture')
      expect(summaries[0]?.client.stream?.conflicts).toBe(0)
      expect(accounted(totals)).toBe(totals.packets)
    })
  })

  it('leaves out what never came, and nothing else', () => {
    const size = 50
    holds(
      fc.tuple(fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), fc.infiniteStream(fc.nat({ max: 6 }))),
      ([kept, jitter]) => {
        const segments = kept.flatMap((isKept, i) => (isKept ? [i] : []))
        const order = segments
          .map((i) => ({ i, place: i + (jitter.next().value ?? 0) }))
          .sort((x, y) => x.place - y.place)
          .map(({ i }) => said1(i * size, (i + 1) * size))
        const { heard } = record([...opening, ...order])
        const expected = concat(...segments.map((i) => pattern(size, i * size)))
        expect(hex(said(heard[0], 'client'))).toBe(hex(expected))
        let position = 0
        for (const event of heard[0]?.events ?? []) {
          if ('gap' in event) position += event.gap
          else if ('bytes' in event) {
            expect(hex(event.bytes)).toBe(hex(pattern(event.bytes.length, position)))
            position += event.bytes.length
          }
        }
      },
    )
  })

  it('never throws and hands out no more than came, for segments of any kind', () => {
    const segment = fc.record({
      back: fc.boolean(),
      at: fc.oneof(fc.integer({ min: -3, max: 60 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      seen: fc.oneof(fc.integer({ min: -3, max: 60 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      flags: fc.constantFrom('A', 'A', 'A', 'A', 'S', 'SA', 'FA', 'R', 'RA', '', 'SFRA'),
      data: fc.uint8Array({ maxLength: 20 }),
    })
    holds(
      fc.array(segment, { maxLength: 80 }),
      (segments) => {
        const frames = segments.map(({ back, ...rest }) => (back ? fromServer(rest) : fromClient(rest)))
        const { heard, totals } = record(frames, { limits: { streamBytes: 2000, totalBytes: 3000 } })
        expect(accounted(totals)).toBe(segments.length)
        expect(totals.tcp).toBe(segments.length)
        const sent = segments.reduce((sum, { data }) => sum + data.length, 0)
        const out = heard.reduce((sum, one) => sum + said(one, 'client').length + said(one, 'server').length, 0)
        expect(out).toBeLessThanOrEqual(sent)
        for (const { ended } of heard) expect(ended).toBeDefined()
      },
      400,
    )
  })
})

describe('memory', () => {
  /** Sends packets made one by one through the network part and measures what is kept. */
  function growth(count: number, make: (i: number) => Uint8Array): number {
    const network = captureNetwork({
      stream: () => ({ data: () => undefined, gap: () => undefined, ended: () => undefined }),
      datagrams: () => undefined,
    })
    const send = (i: number) => network.packet(captured({ data: make(i) }, i + 1) satisfies CapturedPacket)
    for (let i = 0; i < 2000; i++) send(i)
    const held = () => {
      const { arrayBuffers, heapUsed } = process.memoryUsage()
      return arrayBuffers + heapUsed
    }
    globalThis.gc?.()
    const before = held()
    let most = 0
    for (let i = 2000; i < count; i++) {
      send(i)
      if (i % 5000 === 0) {
        globalThis.gc?.()
        most = Math.max(most, held() - before)
      }
    }
    return most / 1024 ** 2
  }

  // Each would keep some hundred MiB without limits; garbage that is not yet collected counts here too.
  it('stays bounded for a connection that always lacks its first byte', () => {
    const data = pattern(8000)
    expect(growth(60_000, (i) => fromClient({ at: 1 + i * 8000, data, flags: i === 0 ? 'SA' : 'A' }))).toBeLessThan(150)
  })

  it('stays bounded for very many connections that lack a byte', () => {
    const data = pattern(8000)
    const lacking = (i: number) => fromClient({ at: 5, data }, [i, 44_818])
    const open = (i: number) => fromClient({ at: -1, flags: 'S' }, [i, 44_818])
    expect(growth(64_000, (i) => (i % 2 === 0 ? open(1 + (i >> 1)) : lacking(1 + (i >> 1))))).toBeLessThan(150)
  })
})
