import type { Bench, EncapsulationLine } from '../bench.ts'
import { replyIn } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, type CaseText, extended, refused, status } from '../define.ts'
import {
  cipRequest,
  type CipReply,
  commands,
  concat,
  epath,
  frame,
  le16,
  le32,
  packet,
  readPacket,
  readReply,
  sendData,
  u16,
  u32,
} from '../frames.ts'
import type { Judge } from '../judge.ts'
import {
  electronicKey,
  forwardClose,
  forwardOpen,
  type OpenFields,
  openReply,
  routerPath,
  triadFrom,
  triadText,
} from './connection-requests.ts'

const manager = epath(0x06, 1)
const services = { forwardClose: 0x4e, forwardOpen: 0x54, largeForwardOpen: 0x5b } as const

type Wish = Omit<OpenFields, 'triad'>

/** Opens with a wish; what was opened is closed again. */
async function open(
  bench: Bench,
  wish: Wish,
  judged: (reply: CipReply, fields: OpenFields, session: EncapsulationLine) => void | Promise<void>,
): Promise<void> {
  const session = await bench.session()
  const fields: OpenFields = { ...wish, triad: triadFrom(bench.port.random(6)) }
  const reply = await session.cip(services.forwardOpen, manager, forwardOpen(fields))
  try {
    await judged(reply, fields, session)
  } finally {
    if (reply.status === 0) await session.cip(services.forwardClose, manager, forwardClose(fields.triad, fields.path))
  }
}

/** A wish that must be refused by one of these extended statuses. */
function refusal(id: string, title: string, source: string, wish: Wish, codes: readonly number[]): CaseText {
  return {
    id,
    title,
    source,
    run: (bench, judge) => open(bench, wish, (reply) => extended(judge, reply, codes)),
  }
}

/** An electronic key made of the target's own identity, with one field changed. */
function withKey(
  id: string,
  title: string,
  change: Partial<Record<'vendor' | 'type' | 'product' | 'major', (value: number) => number>>,
  codes: readonly number[] | undefined,
): CaseText {
  const same = (value: number): number => value
  return {
    id,
    title,
    source: '2.2, 3.7 [W][Om]',
    run: async (bench, judge) => {
      const revision = await bench.value(0x01, 1, 4)
      const key = electronicKey(
        (change.vendor ?? same)(u16(await bench.value(0x01, 1, 1), 0)),
        (change.type ?? same)(u16(await bench.value(0x01, 1, 2), 0)),
        (change.product ?? same)(u16(await bench.value(0x01, 1, 3), 0)),
        (change.major ?? same)(revision[0] ?? 0),
        revision[1] ?? 0,
      )
      await open(bench, { path: concat(key, routerPath) }, (reply) =>
        codes === undefined ? status(judge, reply, 0) : extended(judge, reply, codes),
      )
    },
  }
}

/** A request over a class 3 connection; what came. */
async function connected(
  session: EncapsulationLine,
  connectionId: number,
  sequence: number,
  message: Uint8Array,
): Promise<ReturnType<EncapsulationLine['next']>> {
  const cpf = packet(
    { type: 0x00a1, data: le32(connectionId) },
    { type: 0x00b1, data: concat(le16(sequence), message) },
  )
  session.send(frame({ command: commands.sendUnitData, session: session.handle, data: sendData(cpf) }))
  return session.next()
}

const askName = cipRequest(0x0e, epath(0x01, 1, 7))

/** Forward_Open and Forward_Close of explicit connections (cip-security-wire 3). They end with their case. */
export const connectionCases: readonly ConformanceCase[] = cases(
  'connections',
  ['session', { class: 0x06 }],
  [
    {
      id: 'open',
      title: 'Forward_Open of a class 3 connection to the Message Router succeeds',
      source: '3.2, vector 16 of 8.1 [C]',
      run: (bench, judge) => open(bench, {}, (reply) => status(judge, reply, 0)),
    },
    {
      id: 'open-triad',
      title: 'the reply names the connection by the triad of the request',
      source: '3.4 [W][C]',
      run: (bench, judge) =>
        open(bench, {}, (reply, { triad }) => {
          status(judge, reply, 0)
          judge.equal('triad', triadText(triad), triadText(openReply(reply).triad), reply.raw)
        }),
    },
    {
      id: 'open-to-id',
      title: 'the reply keeps the T->O connection id that the originator chose',
      source: '3.2, 3.4 [W][Om]',
      run: (bench, judge) =>
        open(bench, { toId: 0x80fe_1234 }, (reply) => {
          status(judge, reply, 0)
          judge.equal('T->O id', 0x80fe_1234, openReply(reply).toId, reply.raw)
        }),
    },
    {
      id: 'open-ot-id',
      title: 'the target picks an O->T connection id that is not zero',
      source: '3.2, 3.4 [W][Om]',
      run: (bench, judge) =>
        open(bench, {}, (reply) => {
          status(judge, reply, 0)
          judge.holds(openReply(reply).otId !== 0, 'an id that is not zero', `${openReply(reply).otId}`, reply.raw)
        }),
    },
    {
      id: 'open-api',
      title: 'the packet intervals of the reply are not longer than asked for, and not zero',
      source: '3.4 [W][C]',
      run: (bench, judge) =>
        open(bench, {}, (reply) => {
          status(judge, reply, 0)
          const { otApi, toApi } = openReply(reply)
          judge.holds(otApi > 0 && toApi > 0, 'intervals above zero', `${otApi} and ${toApi} us`, reply.raw)
        }),
    },
    {
      id: 'duplicate',
      title: 'the same triad once more gets 0x01 with duplicate (0x0100)',
      source: '3.2, 3.7 [W][Om]',
      run: (bench, judge) =>
        open(bench, {}, async (reply, fields, session) => {
          status(judge, reply, 0)
          extended(judge, await session.cip(services.forwardOpen, manager, forwardOpen(fields)), 0x0100)
        }),
    },
    {
      id: 'duplicate-triad-in-failure',
      title: 'a failure carries the triad of its request',
      source: '3.4, vector 22 of 8.1 [C]; some targets leave it out',
      run: (bench, judge) =>
        open(bench, {}, async (reply, fields, session) => {
          status(judge, reply, 0)
          const again = await session.cip(services.forwardOpen, manager, forwardOpen(fields))
          if (again.data.length === 0)
            judge.notApplicable('the target leaves the triad out, which parsers must tolerate')
          const found = { serial: u16(again.data, 0), vendor: u16(again.data, 2), originator: u32(again.data, 4) }
          judge.equal('triad', triadText(fields.triad), triadText(found), again.raw)
        }),
    },
    {
      id: 'close',
      title: 'Forward_Close succeeds and names the connection by its triad',
      source: '3.5, vector 28 of 8.1 [P3]',
      run: async (bench, judge) => {
        const session = await bench.session()
        const triad = triadFrom(bench.port.random(6))
        status(judge, await session.cip(services.forwardOpen, manager, forwardOpen({ triad })), 0)
        const closed = await session.cip(services.forwardClose, manager, forwardClose(triad))
        status(judge, closed, 0)
        const found = { serial: u16(closed.data, 0), vendor: u16(closed.data, 2), originator: u32(closed.data, 4) }
        judge.equal('triad', triadText(triad), triadText(found), closed.raw)
      },
    },
    {
      id: 'close-twice',
      title: 'a connection that was closed is gone: 0x01 with connection not found (0x0107)',
      source: '3.5, 3.7 [W][Om]',
      run: async (bench, judge) => {
        const session = await bench.session()
        const triad = triadFrom(bench.port.random(6))
        status(judge, await session.cip(services.forwardOpen, manager, forwardOpen({ triad })), 0)
        status(judge, await session.cip(services.forwardClose, manager, forwardClose(triad)), 0)
        extended(judge, await session.cip(services.forwardClose, manager, forwardClose(triad)), 0x0107)
      },
    },
    {
      id: 'close-unknown',
      title: 'Forward_Close of a connection that never was gets 0x01 with connection not found (0x0107)',
      source: '3.5, 3.7 [W][Om]',
      run: async (bench, judge) =>
        extended(
          judge,
          await bench.cip(services.forwardClose, manager, forwardClose(triadFrom(bench.port.random(6)))),
          0x0107,
        ),
    },
    {
      id: 'reopen',
      title: 'a triad can be used again once its connection was closed',
      source: '3.2, 3.5 [W][Om]',
      run: (bench, judge) =>
        open(bench, {}, async (reply, fields, session) => {
          status(judge, reply, 0)
          status(judge, await session.cip(services.forwardClose, manager, forwardClose(fields.triad)), 0)
          status(judge, await session.cip(services.forwardOpen, manager, forwardOpen(fields)), 0)
        }),
    },
    {
      id: 'session-ends',
      title: 'connections die with the TCP connection that opened them',
      source: '3.10 [W][Om]',
      run: async (bench, judge) => {
        const first = await bench.session()
        const triad = triadFrom(bench.port.random(6))
        status(judge, await first.cip(services.forwardOpen, manager, forwardOpen({ triad })), 0)
        first.close()
        const second = await bench.session()
        let reply = await second.cip(services.forwardOpen, manager, forwardOpen({ triad }))
        for (let tries = 0; reply.status !== 0 && tries < 20; tries++) {
          await bench.port.wait(50)
          reply = await second.cip(services.forwardOpen, manager, forwardOpen({ triad }))
        }
        await second.cip(services.forwardClose, manager, forwardClose(triad))
        status(judge, reply, 0)
      },
    },
    {
      id: 'class3',
      title: 'a message over a class 3 connection is answered with its sequence count and the T->O connection id',
      source: '1.5, 3.10 [W][R]',
      run: (bench, judge) =>
        open(bench, {}, async (reply, _, session) => {
          status(judge, reply, 0)
          const { otId, toId } = openReply(reply)
          const arrival = await connected(session, otId, 77, askName)
          if (arrival.kind !== 'frame') return judge.inconclusive(`no answer over the connection: ${arrival.kind}`)
          const items = readPacket(arrival.frame.data.subarray(6)) ?? []
          const address = items.find(({ type }) => type === 0x00a1)?.data ?? new Uint8Array(4)
          const data = items.find(({ type }) => type === 0x00b1)?.data ?? new Uint8Array(2)
          judge.equal('connection id', toId, u32(address, 0), arrival.frame.raw)
          judge.equal('sequence count', 77, u16(data, 0), arrival.frame.raw)
          judge.code('general status', 0, readReply(data.subarray(2))?.status ?? 0xff, 2, arrival.frame.raw)
        }),
    },
    {
      id: 'class3-other-session',
      title: 'a connection serves nobody on another TCP connection',
      source: '3.10 [W][Om]',
      run: (bench, judge) =>
        open(bench, {}, async (reply) => {
          status(judge, reply, 0)
          const stranger = await bench.session()
          const cpf = packet(
            { type: 0x00a1, data: le32(openReply(reply).otId) },
            { type: 0x00b1, data: concat(le16(1), askName) },
          )
          const unit = frame({ command: commands.sendUnitData, session: stranger.handle, data: sendData(cpf) })
          const arrival = await stranger.hearsNothing(unit)
          const got = arrival.kind === 'frame' ? `status ${arrival.frame.status}` : arrival.kind
          judge.holds(arrival.kind !== 'frame' || arrival.frame.status !== 0, 'no answer', got)
        }),
    },
    {
      id: 'class3-closed',
      title: 'a closed connection serves nobody',
      source: '3.5, 3.10 [W][Om]',
      run: async (bench, judge) => {
        const session = await bench.session()
        const triad = triadFrom(bench.port.random(6))
        const opened = await session.cip(services.forwardOpen, manager, forwardOpen({ triad }))
        status(judge, opened, 0)
        status(judge, await session.cip(services.forwardClose, manager, forwardClose(triad)), 0)
        const cpf = packet(
          { type: 0x00a1, data: le32(openReply(opened).otId) },
          { type: 0x00b1, data: concat(le16(1), askName) },
        )
        const arrival = await session.hearsNothing(
          frame({ command: commands.sendUnitData, session: session.handle, data: sendData(cpf) }),
        )
        const got = arrival.kind === 'frame' ? `status ${arrival.frame.status}` : arrival.kind
        judge.holds(arrival.kind !== 'frame' || arrival.frame.status !== 0, 'no answer', got)
      },
    },
    refusal(
      'multiplier',
      'a timeout multiplier code of 8 gets 0x01 with 0x0133',
      '3.2, 3.7 [W][Om]',
      { multiplier: 8 },
      [0x0133],
    ),
    refusal(
      'transport-class',
      'transport class 7 gets 0x01 with 0x011C or 0x0103',
      '3.3, 3.7 [W][Om]',
      { transport: 0xa7 },
      [0x011c, 0x0103],
    ),
    refusal(
      'trigger',
      'trigger 7 gets 0x01 with 0x011D or 0x0103',
      '3.3, 3.7 [W][Om]',
      { transport: 0xf3 },
      [0x011d, 0x0103],
    ),
    refusal(
      'ot-type',
      'the reserved O->T connection type 3 gets 0x01 with 0x0123 or 0x0108',
      '3.3, 3.7 [W][Om]',
      { otParameters: 0x63f4 },
      [0x0123, 0x0108],
    ),
    refusal(
      'to-type',
      'the reserved T->O connection type 3 gets 0x01 with 0x0124 or 0x0108',
      '3.3, 3.7 [W][Om]',
      { toParameters: 0x63f4 },
      [0x0124, 0x0108],
    ),
    refusal(
      'redundant-owner',
      'a redundant owner of an explicit connection gets 0x01 with 0x0125, 0x0108 or 0x011A',
      '3.3, 3.7 [W][Om]',
      { otParameters: 0xc3f4 },
      [0x0125, 0x0108, 0x011a],
    ),
    {
      id: 'rpi-zero',
      title: 'a packet interval of 0 gets 0x01 with 0x0111 or 0x0112, or a longer one instead',
      source: '3.2, 3.7 [W][Om]',
      run: (bench, judge) =>
        open(bench, { otRpi: 0, toRpi: 0 }, (reply) => {
          if (reply.status !== 0) extended(judge, reply, [0x0111, 0x0112])
          else
            judge.holds(openReply(reply).toApi > 0, 'an interval above zero', `${openReply(reply).toApi} us`, reply.raw)
        }),
    },
    {
      id: 'rpi-words',
      title: 'an interval that is not acceptable (0x0112) is refused with six words that say what is',
      source: '3.7 [W][Om]',
      run: (bench, judge) =>
        open(bench, { otRpi: 1, toRpi: 1 }, (reply) => {
          if (reply.status === 0 || reply.extended[0] !== 0x0112) judge.notApplicable('the target does not use 0x0112')
          judge.equal('words', 6, reply.extended.length, reply.raw)
        }),
    },
    {
      id: 'null',
      title: 'a null Forward_Open succeeds, or gets 0x01 with 0x0132 or another reason',
      source: '3.2, 3.7 [W][Om]',
      run: (bench, judge) =>
        open(bench, { otParameters: 0, toParameters: 0 }, (reply) => {
          if (reply.status !== 0) judge.code('general status', 0x01, reply.status, 2, reply.raw)
          else judge.equal('length of the reply', true, reply.data.length >= 26, reply.raw)
        }),
    },
    {
      id: 'short',
      title: 'Forward_Open with half of its data is refused',
      source: '2.3, 3.2 [W][Om]',
      run: async (bench, judge) => {
        const data = forwardOpen({ triad: triadFrom(bench.port.random(6)) }).subarray(0, 18)
        const reply = await bench.cip(services.forwardOpen, manager, data)
        status(judge, reply, [0x13, 0x01, 0x20, 0x26])
      },
    },
    {
      id: 'path-class',
      title: 'Forward_Open to a class that is not there is refused',
      source: '3.2, 3.7 [W][Om]',
      run: (bench, judge) => open(bench, { path: epath(0x4fe, 1) }, (reply) => refused(judge, reply)),
    },
    {
      id: 'path-port',
      title: 'Forward_Open through a port that is not there gets 0x01 with 0x0311, 0x0312 or 0x0315',
      source: '3.7, vector 21 of 8.1 [C]',
      run: (bench, judge) =>
        open(bench, { path: concat(Uint8Array.of(0x0e, 0x63), routerPath) }, (reply) =>
          extended(judge, reply, [0x0311, 0x0312, 0x0315]),
        ),
    },
    {
      id: 'io-points',
      title: 'a class 1 connection to connection points that are not there is refused',
      source: '3.2, 3.7 [W][Om]',
      run: (bench, judge) =>
        open(
          bench,
          {
            transport: 0x01,
            otParameters: 0x4806,
            toParameters: 0x4802,
            path: Uint8Array.of(0x20, 0x04, 0x2d, 0x00, 0xf1, 0xff, 0x2d, 0x00, 0xf2, 0xff),
          },
          (reply) => refused(judge, reply),
        ),
    },
    withKey('key-own', 'an electronic key with the target’s own identity opens', {}, undefined),
    withKey(
      'key-wildcard',
      'zeros in an electronic key fit every target',
      { vendor: () => 0, type: () => 0, product: () => 0, major: () => 0 },
      undefined,
    ),
    withKey(
      'key-vendor',
      'another vendor in the key gets 0x01 with 0x0114',
      { vendor: (n) => (n + 1) & 0xffff || 1 },
      [0x0114],
    ),
    withKey(
      'key-product',
      'another product code in the key gets 0x01 with 0x0114',
      { product: (n) => (n + 1) & 0xffff || 1 },
      [0x0114],
    ),
    withKey(
      'key-type',
      'another device type in the key gets 0x01 with 0x0115',
      { type: (n) => (n + 1) & 0xffff || 1 },
      [0x0115],
    ),
    withKey(
      'key-revision',
      'another major revision in the key gets 0x01 with 0x0116',
      { major: (n) => (n % 100) + 1 },
      [0x0116],
    ),
    {
      id: 'large',
      title: 'Large_Forward_Open opens a connection of 1000 bytes, or is not there (0x08)',
      source: '3.1, 3.2 [Om]',
      run: async (bench, judge) => {
        const session = await bench.session()
        const triad = triadFrom(bench.port.random(6))
        const small = forwardOpen({ triad })
        const wide = le32(0x4200_0000 + 1000)
        const data = concat(small.subarray(0, 26), wide, small.subarray(28, 32), wide, small.subarray(34))
        const reply = await session.cip(services.largeForwardOpen, manager, data)
        if (reply.status === 0) await session.cip(services.forwardClose, manager, forwardClose(triad))
        else if (reply.status !== 0x08) extended(judge, reply, [0x0109, 0x0127, 0x0128, 0x0113])
        judge.code('service', 0xdb, reply.service, 2, reply.raw)
      },
    },
    {
      id: 'unknown-service',
      title: 'a service that the Connection Manager does not have gets 0x08',
      source: '2.3, 3.1 [W]',
      run: async (bench: Bench, judge: Judge) =>
        status(judge, replyIn(await (await bench.session()).rr(wrap(0x63))), 0x08),
    },
  ],
)

function wrap(service: number): Uint8Array {
  return packet({ type: 0x0000, data: new Uint8Array(0) }, { type: 0x00b2, data: cipRequest(service, manager) })
}
