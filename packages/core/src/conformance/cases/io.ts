import type { Bench, EncapsulationLine } from '../bench.ts'
import { replyIn } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, extended, status } from '../define.ts'
import { cipRequest, type CipReply, concat, epath, le16, le32, readPacket, u32, unconnected } from '../frames.ts'
import { Found, type Judge } from '../judge.ts'
import type { IoDescription, Line } from '../port.ts'
import { forwardClose, forwardOpen, type OpenFields, openReply, sockaddr, triadFrom } from './connection-requests.ts'
import { dtlsMessages } from './dtls-messages.ts'

const manager = epath(0x06, 1)

function describe(bench: Bench): IoDescription {
  if (bench.facts.io !== undefined) return bench.facts.io
  throw new Found({ verdict: 'not run', reason: 'no class 1 connection is described' })
}

function point(type: number, value: number): Uint8Array {
  return value <= 0xff ? Uint8Array.of(type, value) : concat(Uint8Array.of(type | 1, 0), le16(value))
}

/** Bytes of a class 1 connection: sequence count, run/idle header O->T, data (3.3). */
const ofClass1 = { output: 2 + 4, input: 2 } as const

/** A class 1 Forward_Open to the points that the operator named; point to point, scheduled, fixed. */
function ioOpen(bench: Bench, change: Partial<OpenFields> = {}): OpenFields {
  const { output, input, configuration } = describe(bench)
  const path = concat(
    Uint8Array.of(0x20, 0x04),
    configuration === undefined ? new Uint8Array(0) : point(0x24, configuration),
    point(0x2c, output.point),
    point(0x2c, input.point),
  )
  return {
    triad: triadFrom(bench.port.random(6)),
    otRpi: 50_000,
    toRpi: 50_000,
    otParameters: 0x4800 | (output.size + ofClass1.output),
    toParameters: 0x4800 | (input.size + ofClass1.input),
    transport: 0x01,
    path,
    ...change,
  }
}

async function overStream(session: EncapsulationLine, fields: OpenFields, port: number): Promise<CipReply> {
  const request = cipRequest(0x54, manager, forwardOpen(fields))
  return replyIn(await session.rr(unconnected(request, sockaddr(0x8001, port))))
}

/** Class 1 datagrams of a connection that come within a time (3.9). */
async function produced(
  bench: Bench,
  line: Line,
  toId: number,
  count: number,
  withinMs: number,
): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  const endsAt = bench.port.now() + withinMs
  while (found.length < count) {
    const left = endsAt - bench.port.now()
    if (left <= 0) return found
    const arrival = await line.receive(left)
    if (arrival.kind === 'silence') return found
    if (arrival.kind === 'closed') return found
    const items = readPacket(arrival.bytes)
    const address = items?.find(({ type }) => type === 0x8002)?.data
    if (address !== undefined && u32(address, 0) === toId) found.push(arrival.bytes)
  }
  return found
}

/** One class 1 datagram O->T, in run mode. */
function consumed(bench: Bench, otId: number, sequence: number): Uint8Array {
  const { output } = describe(bench)
  const data = concat(le16(sequence), le32(1), new Uint8Array(output.size))
  return concat(le16(2), le16(0x8002), le16(8), le32(otId), le32(sequence), le16(0xb1), le16(data.length), data)
}

/** A plain class 1 connection that runs; it is closed in the end. */
async function running(
  bench: Bench,
  judge: Judge,
  work: (
    line: Line,
    ids: { readonly otId: number; readonly toId: number },
    close: () => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const session = await bench.session('tcp')
  const line = await bench.line({ carrier: 'udp', port: 2222 })
  const fields = ioOpen(bench)
  const reply = await overStream(session, fields, line.localPort)
  status(judge, reply, 0)
  let isOpen = true
  const close = async (): Promise<void> => {
    isOpen = false
    status(judge, await session.cip(0x4e, manager, forwardClose(fields.triad, fields.path)), 0)
  }
  try {
    const { otId, toId } = openReply(reply)
    line.send(consumed(bench, otId, 1))
    await work(line, { otId, toId }, close)
  } finally {
    if (isOpen) await close()
  }
}

/** An association on 2221/udp that carries unconnected messages and class 1 data. */
async function overDtls(bench: Bench, judge: Judge, change: (fields: OpenFields) => OpenFields): Promise<CipReply> {
  const line = await bench.line({ carrier: 'dtls', as: 'own' })
  const messages = dtlsMessages(bench, line)
  const fields = change(ioOpen(bench))
  const reply = await messages.ask(judge, cipRequest(0x54, manager, forwardOpen(fields)))
  if (reply.status === 0) await messages.ask(judge, cipRequest(0x4e, manager, forwardClose(fields.triad, fields.path)))
  return reply
}

/** Class 1 connections (cip-security-wire 1.10, 3.3, 3.9). They end with their case; outputs are zero. */
export const ioCases: readonly ConformanceCase[] = cases(
  'io',
  ['session', 'io'],
  [
    {
      id: 'produces',
      title: 'a class 1 connection opened in plain produces datagrams of items 0x8002 and 0x00B1',
      source: '1.10 rule 1, 3.9 [W][OI 234]',
      needs: ['plain-session'],
      kind: 'write',
      run: (bench, judge) =>
        running(bench, judge, async (line, { toId }) => {
          const [first] = await produced(bench, line, toId, 1, 1500)
          if (first === undefined) return judge.inconclusive('nothing was produced within 1.5 s')
          const types = readPacket(first)?.map(({ type }) => type.toString(16)) ?? []
          judge.equal('items', '8002, b1', types.join(', '), first)
        }),
    },
    {
      id: 'size',
      title: 'what it produces is the sequence count and as many bytes as were asked for',
      source: '3.3, 3.9 [W]',
      needs: ['plain-session'],
      kind: 'write',
      run: (bench, judge) =>
        running(bench, judge, async (line, { toId }) => {
          const [first] = await produced(bench, line, toId, 1, 1500)
          if (first === undefined) return judge.inconclusive('nothing was produced within 1.5 s')
          const data = readPacket(first)?.find(({ type }) => type === 0x00b1)?.data
          judge.equal('bytes', describe(bench).input.size + 2, data?.length ?? -1, first)
        }),
    },
    {
      id: 'sequence',
      title: 'the encapsulation sequence number grows from datagram to datagram',
      source: '3.9 [W]',
      needs: ['plain-session'],
      kind: 'write',
      run: (bench, judge) =>
        running(bench, judge, async (line, { toId }) => {
          const found = await produced(bench, line, toId, 4, 1500)
          if (found.length < 4) return judge.inconclusive(`${found.length} datagrams within 1.5 s`)
          const numbers = found.map((bytes) => u32(bytes, 10))
          const grows = numbers.every((each, i) => i === 0 || ((each - (numbers[i - 1] ?? 0)) | 0) > 0)
          judge.holds(grows, 'numbers that grow', numbers.join(', '))
        }),
    },
    {
      id: 'close-stops',
      title: 'it produces nothing any more once it is closed',
      source: '3.5, 3.9 [W]',
      needs: ['plain-session'],
      kind: 'write',
      run: (bench, judge) =>
        running(bench, judge, async (line, { toId }, close) => {
          await close()
          // What was under way may still come.
          await produced(bench, line, toId, 2, 100)
          const after = await produced(bench, line, toId, 1, Math.max(150, bench.quietMs * 2))
          judge.equal('datagrams after Forward_Close', 0, after.length)
        }),
    },
    {
      id: 'ot-size',
      title: 'another O->T size gets 0x01 with 0x0127 or 0x0109',
      source: '3.7 [W][Om]',
      kind: 'write',
      needs: ['plain-session'],
      run: async (bench, judge) => {
        const session = await bench.session('tcp')
        const fields = ioOpen(bench)
        const wrong = { ...fields, otParameters: (fields.otParameters ?? 0) + 4 }
        const reply = await overStream(session, wrong, 2222)
        if (reply.status === 0) await session.cip(0x4e, manager, forwardClose(fields.triad, fields.path))
        extended(judge, reply, [0x0127, 0x0109])
      },
    },
    {
      id: 'to-size',
      title: 'another T->O size gets 0x01 with 0x0128 or 0x0109',
      source: '3.7 [W][Om]',
      kind: 'write',
      needs: ['plain-session'],
      run: async (bench, judge) => {
        const session = await bench.session('tcp')
        const fields = ioOpen(bench)
        const wrong = { ...fields, toParameters: (fields.toParameters ?? 0) + 4 }
        const reply = await overStream(session, wrong, 2222)
        if (reply.status === 0) await session.cip(0x4e, manager, forwardClose(fields.triad, fields.path))
        extended(judge, reply, [0x0128, 0x0109])
      },
    },
    {
      id: 'owner',
      title: 'a second owner of the same outputs gets 0x01 with ownership conflict (0x0106)',
      source: '3.7 [W][Om]',
      kind: 'write',
      needs: ['plain-session'],
      run: (bench, judge) =>
        running(bench, judge, async (line) => {
          const session = await bench.session('tcp')
          const second = ioOpen(bench)
          const reply = await overStream(session, second, line.localPort)
          if (reply.status === 0) await session.cip(0x4e, manager, forwardClose(second.triad, second.path))
          extended(judge, reply, 0x0106)
        }),
    },
    {
      id: 'tls-refused',
      title: 'a class 1 Forward_Open over TLS gets 0x01 with 0x0123',
      source: '1.10 rule 2 [OI 234][P317]',
      basis: 'ours',
      kind: 'write',
      needs: ['secure-session'],
      run: async (bench, judge) => {
        const session = await bench.session('tls')
        const fields = ioOpen(bench)
        const reply = await overStream(session, fields, 2222)
        if (reply.status === 0) await session.cip(0x4e, manager, forwardClose(fields.triad, fields.path))
        extended(judge, reply, 0x0123)
      },
    },
    {
      id: 'dtls-produces',
      title: 'a class 1 connection opened over DTLS produces inside the same association',
      source: '1.10 rule 3 [OI 234][CPwE]',
      kind: 'write',
      needs: ['dtls', 'secure-session'],
      run: async (bench, judge) => {
        const line = await bench.line({ carrier: 'dtls', as: 'own' })
        const messages = dtlsMessages(bench, line)
        const fields = ioOpen(bench)
        const reply = await messages.ask(judge, cipRequest(0x54, manager, forwardOpen(fields)))
        status(judge, reply, 0)
        const { otId, toId } = openReply(reply)
        line.send(consumed(bench, otId, 1))
        const found = await produced(bench, line, toId, 2, 1500)
        await messages.ask(judge, cipRequest(0x4e, manager, forwardClose(fields.triad, fields.path)))
        if (found.length < 2) judge.inconclusive(`${found.length} datagrams within 1.5 s`)
        const data = readPacket(found[0] ?? new Uint8Array(0))?.find(({ type }) => type === 0x00b1)?.data
        judge.equal('bytes', describe(bench).input.size + 2, data?.length ?? -1)
      },
    },
    {
      id: 'dtls-multicast-to',
      title: 'multicast T->O over DTLS gets 0x01 with 0x0124',
      source: '1.10 rule 4 [OI 240]',
      kind: 'write',
      needs: ['dtls', 'secure-session'],
      run: async (bench, judge) => {
        const reply = await overDtls(bench, judge, (fields) => ({
          ...fields,
          toParameters: ((fields.toParameters ?? 0) & 0x9fff) | 0x2000,
        }))
        extended(judge, reply, 0x0124)
      },
    },
    {
      id: 'dtls-multicast-ot',
      title: 'multicast O->T over DTLS gets 0x01 with 0x0123',
      source: '1.10 rule 4',
      basis: 'inferred',
      kind: 'write',
      needs: ['dtls', 'secure-session'],
      run: async (bench, judge) => {
        const reply = await overDtls(bench, judge, (fields) => ({
          ...fields,
          otParameters: ((fields.otParameters ?? 0) & 0x9fff) | 0x2000,
        }))
        extended(judge, reply, 0x0123)
      },
    },
  ],
)
