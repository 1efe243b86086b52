import type { Bench, EncapsulationLine } from '../bench.ts'
import { replyIn, versionOne } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases } from '../define.ts'
import {
  ascii,
  cipRequest,
  commands,
  concat,
  epath,
  frame,
  le16,
  readPacket,
  sendData,
  u16,
  unconnected,
} from '../frames.ts'
import { hexText, type Judge } from '../judge.ts'

/** Asks for the product name: short, and every target has it. */
const askName = cipRequest(0x0e, epath(0x01, 1, 7))

/** Still serves after what came before. */
async function stillServes(stream: EncapsulationLine, judge: Judge): Promise<void> {
  const answer = await stream.ask({ command: commands.listServices })
  judge.code('command of the next answer', commands.listServices, answer.command, 4, answer.raw)
}

async function listServicesItem(bench: Bench, judge: Judge): Promise<Uint8Array> {
  const answer = await (await bench.stream()).ask({ command: commands.listServices })
  const item = readPacket(answer.data)?.find(({ type }) => type === 0x0100)
  judge.holds(item !== undefined, 'item 0x0100', hexText(answer.data), answer.raw)
  return item?.data ?? new Uint8Array(0)
}

const context = ascii('CONFORM!')

/** Encapsulation over 44818/tcp, or the same inside TLS (cip-security-wire 1.2 to 1.4, 1.10). */
export const encapsulationCases: readonly ConformanceCase[] = cases(
  'encapsulation',
  ['session'],
  [
    {
      id: 'nop',
      title: 'a NOP is not answered, and the connection goes on',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const arrival = await stream.hearsNothing(frame({ command: commands.nop }))
        judge.equal('after a NOP', 'silence', arrival.kind)
        await stillServes(stream, judge)
      },
    },
    {
      id: 'nop-data',
      title: 'a NOP with data is not answered, and the connection goes on',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const arrival = await stream.hearsNothing(frame({ command: commands.nop, data: ascii('anything') }))
        judge.equal('after a NOP with data', 'silence', arrival.kind)
        await stillServes(stream, judge)
      },
    },
    {
      id: 'list-services',
      title: 'ListServices is answered with item 0x0100, version 1',
      source: '1.3, 1.5 [W][Om]',
      run: async (bench, judge) => {
        const data = await listServicesItem(bench, judge)
        judge.equal('version', 1, u16(data, 0), data)
      },
    },
    {
      id: 'list-services-tcp',
      title: 'ListServices says CIP over TCP (bit 5)',
      source: '1.5 [W][R]',
      run: async (bench, judge) => {
        const data = await listServicesItem(bench, judge)
        judge.equal('bit 5', 0x0020, u16(data, 2) & 0x0020, data)
      },
    },
    {
      id: 'list-services-name',
      title: 'ListServices names the service Communications, padded with zeros',
      source: '1.5 [W][R]; 15 bytes of name are seen too (8.1)',
      run: async (bench, judge) => {
        const data = await listServicesItem(bench, judge)
        const name = data.subarray(4)
        judge.sameBytes('name', ascii('Communications'), name.subarray(0, 14))
        judge.holds(name.length === 15 || name.length === 16, '15 or 16 bytes', `${name.length} bytes`, data)
      },
    },
    {
      id: 'list-identity-at-once',
      title: 'ListIdentity over a stream is answered at once, whatever delay the request allows',
      source: '1.2 [Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const begun = bench.port.now()
        const answer = await stream.ask({
          command: commands.listIdentity,
          context: concat(le16(60_000), ascii('abcdef')),
        })
        const took = bench.port.now() - begun
        judge.code('command', commands.listIdentity, answer.command, 4, answer.raw)
        judge.holds(took < 2000, 'less than 2000 ms', `${Math.round(took)} ms`)
      },
    },
    {
      id: 'list-interfaces',
      title: 'ListInterfaces is answered with a packet of no items',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.stream()).ask({ command: commands.listInterfaces })
        judge.code('status', 0, answer.status, 4, answer.raw)
        judge.sameBytes('packet', Uint8Array.of(0, 0), answer.data)
      },
    },
    {
      id: 'register',
      title: 'RegisterSession of version 1 gives a handle that is not zero',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.stream()).ask({ command: commands.registerSession, data: versionOne })
        judge.code('status', 0, answer.status, 4, answer.raw)
        judge.holds(answer.session !== 0, 'a handle that is not zero', `handle ${answer.session}`, answer.raw)
      },
    },
    {
      id: 'register-data',
      title: 'the reply to RegisterSession carries version 1 and flags 0',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.stream()).ask({ command: commands.registerSession, data: versionOne })
        judge.sameBytes('data', versionOne, answer.data)
      },
    },
    ...([2, 0, 0xffff] as const).map((version) => ({
      id: `register-version-${version}`,
      title: `RegisterSession of version ${version} gets 0x0069 and what the target speaks: version 1`,
      source: '1.3 [Om]',
      run: async (bench: Bench, judge: Judge) => {
        const data = concat(le16(version), le16(0))
        const answer = await (await bench.stream()).ask({ command: commands.registerSession, data })
        judge.code('status', 0x0069, answer.status, 4, answer.raw)
        judge.sameBytes('data', versionOne, answer.data)
      },
    })),
    {
      id: 'register-twice',
      title: 'a second RegisterSession on the same connection gets 0x0001',
      source: '1.3 [Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const answer = await stream.ask({ command: commands.registerSession, data: versionOne })
        judge.code('status', 0x0001, answer.status, 4, answer.raw)
      },
    },
    {
      id: 'register-short',
      title: 'RegisterSession with two bytes of data gets no session',
      source: '1.3, 1.4 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const answer = await stream.ask({ command: commands.registerSession, data: le16(1) })
        judge.holds(answer.status !== 0, 'a status that refuses', `status ${answer.status}`, answer.raw)
      },
    },
    ...([0x0001, 0x0005, 0x0099, 0xffff] as const).map((command) => ({
      id: `unknown-command-${command.toString(16).padStart(4, '0')}`,
      title: `the unknown command 0x${command.toString(16).padStart(4, '0')} gets 0x0001`,
      source: '1.3 [Om]',
      run: async (bench: Bench, judge: Judge) => {
        const answer = await (await bench.session()).ask({ command })
        judge.code('status', 0x0001, answer.status, 4, answer.raw)
      },
    })),
    {
      id: 'start-dtls',
      title: 'StartDTLS over a stream gets 0x0001',
      source: '1.10',
      basis: 'inferred',
      run: async (bench, judge) => {
        const answer = await (await bench.stream()).ask({ command: commands.startDtls })
        judge.code('status', 0x0001, answer.status, 4, answer.raw)
      },
    },
    ...(['listServices', 'listIdentity', 'registerSession'] as const).map((command) => ({
      id: `context-${command.toLowerCase()}`,
      title: `the sender context of ${command} comes back untouched`,
      source: '1.2 [W][Om]',
      run: async (bench: Bench, judge: Judge) => {
        const data = command === 'registerSession' ? versionOne : new Uint8Array(0)
        const answer = await (await bench.stream()).ask({ command: commands[command], context, data })
        judge.sameBytes('sender context', context, answer.context)
      },
    })),
    {
      id: 'context-rr',
      title: 'the sender context of SendRRData comes back untouched',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const data = sendData(unconnected(askName))
        const answer = await stream.ask({ command: commands.sendRRData, session: stream.handle, context, data })
        judge.sameBytes('sender context', context, answer.context)
      },
    },
    {
      id: 'reply-header',
      title: 'a reply has the command and the session of its request, and no options',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const answer = await stream.rr(unconnected(askName))
        judge.code('command', commands.sendRRData, answer.command, 4, answer.raw)
        judge.equal('session', stream.handle, answer.session, answer.raw)
        judge.equal('options', 0, answer.options, answer.raw)
      },
    },
    {
      id: 'reply-packet',
      title: 'a SendRRData reply has interface 0, a null address and item 0x00B2, in this order',
      source: '1.3, 1.5 [W][R]',
      run: async (bench, judge) => {
        const answer = await (await bench.session()).rr(unconnected(askName))
        judge.sameBytes('interface', new Uint8Array(4), answer.data.subarray(0, 4))
        const types = readPacket(answer.data.subarray(6))?.map(({ type }) => type.toString(16)) ?? []
        judge.equal('items', '0, b2', types.slice(0, 2).join(', '), answer.raw)
      },
    },
    {
      id: 'status-discarded',
      title: 'a request with a status of its own is discarded without a word',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const arrival = await stream.hearsNothing(frame({ command: commands.listServices, status: 1 }))
        judge.equal('after a request with status 1', 'silence', arrival.kind)
        await stillServes(stream, judge)
      },
    },
    {
      id: 'options-discarded',
      title: 'a request with options is discarded without a word',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const arrival = await stream.hearsNothing(frame({ command: commands.listServices, options: 1 }))
        judge.equal('after a request with options 1', 'silence', arrival.kind)
        await stillServes(stream, judge)
      },
    },
    {
      id: 'unregister',
      title: 'UnRegisterSession is not answered and ends the session',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const handle = stream.handle
        const arrival = await stream.hearsNothing(frame({ command: commands.unregisterSession, session: handle }))
        judge.holds(arrival.kind !== 'frame', 'no reply', `after UnRegisterSession: ${arrival.kind}`)
        if (arrival.kind === 'closed') return
        // Where the connection lives on, the handle does not.
        const data = sendData(unconnected(askName))
        const after = await stream.hearsNothing(frame({ command: commands.sendRRData, session: handle, data }), 1000)
        const got = after.kind === 'frame' ? `status ${after.frame.status}` : after.kind
        judge.holds(after.kind !== 'frame' || after.frame.status !== 0, 'the handle is refused', got)
      },
    },
    {
      id: 'unregister-other',
      title: 'UnRegisterSession with another handle ends nothing',
      source: '1.3',
      basis: 'inferred',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const other = (stream.handle ^ 0x5a5a_5a5a) >>> 0
        await stream.hearsNothing(frame({ command: commands.unregisterSession, session: other }), 50)
        const reply = replyIn(await stream.rr(unconnected(askName)))
        judge.code('general status', 0, reply.status, 2, reply.raw)
      },
    },
    {
      id: 'rr-without-session',
      title: 'SendRRData without a session gets 0x0064',
      source: '1.3, 1.4 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const data = sendData(unconnected(askName))
        const answer = await stream.ask({ command: commands.sendRRData, data })
        judge.code('status', 0x0064, answer.status, 4, answer.raw)
      },
    },
    {
      id: 'rr-wrong-session',
      title: 'SendRRData with another handle than its own gets 0x0064',
      source: '1.3, 1.4 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const data = sendData(unconnected(askName))
        const session = (stream.handle ^ 0x5a5a_5a5a) >>> 0
        const answer = await stream.ask({ command: commands.sendRRData, session, data })
        judge.code('status', 0x0064, answer.status, 4, answer.raw)
      },
    },
    {
      id: 'session-bound',
      title: 'a session belongs to its connection: its handle gets 0x0064 on another',
      source: '1.3 [Om]',
      run: async (bench, judge) => {
        const owner = await bench.session()
        const other = await bench.stream()
        const data = sendData(unconnected(askName))
        const answer = await other.ask({ command: commands.sendRRData, session: owner.handle, data })
        judge.code('status', 0x0064, answer.status, 4, answer.raw)
      },
    },
    {
      id: 'session-unregister-bound',
      title: 'no other connection can end a session',
      source: '1.3 [Om]',
      run: async (bench, judge) => {
        const owner = await bench.session()
        const other = await bench.stream()
        await other.hearsNothing(frame({ command: commands.unregisterSession, session: owner.handle }), 50)
        const reply = replyIn(await owner.rr(unconnected(askName)))
        judge.code('general status', 0, reply.status, 2, reply.raw)
      },
    },
    {
      id: 'sessions-differ',
      title: 'two connections get two handles',
      source: '1.3',
      basis: 'inferred',
      run: async (bench, judge) => {
        const [one, two] = [await bench.session(), await bench.session()]
        judge.holds(one.handle !== two.handle, 'two handles', `${one.handle} and ${two.handle}`)
      },
    },
    {
      id: 'unit-unknown-connection',
      title: 'SendUnitData for a connection that does not exist is not answered',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const cpf = concat(
          le16(2),
          le16(0xa1),
          le16(4),
          bench.port.random(4),
          le16(0xb1),
          le16(2 + askName.length),
          le16(1),
          askName,
        )
        const unit = frame({ command: commands.sendUnitData, session: stream.handle, data: sendData(cpf) })
        const arrival = await stream.hearsNothing(unit)
        const got = arrival.kind === 'frame' ? `status ${arrival.frame.status}` : arrival.kind
        judge.holds(arrival.kind !== 'frame' || arrival.frame.status !== 0, 'no reply', got)
        await stillServes(stream, judge)
      },
    },
    {
      id: 'unit-without-session',
      title: 'SendUnitData without a session is not served',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const cpf = concat(le16(2), le16(0xa1), le16(4), new Uint8Array(4), le16(0xb1), le16(2), le16(1))
        const arrival = await stream.hearsNothing(frame({ command: commands.sendUnitData, data: sendData(cpf) }))
        const got = arrival.kind === 'frame' ? `status ${arrival.frame.status}` : arrival.kind
        judge.holds(arrival.kind !== 'frame' || arrival.frame.status !== 0, 'no reply, or a refusal', got)
      },
    },
    {
      id: 'rr-interface',
      title: 'SendRRData for another interface than 0 is refused',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const data = sendData(unconnected(askName), 1)
        const answer = await stream.ask({ command: commands.sendRRData, session: stream.handle, data })
        judge.holds(answer.status !== 0, 'a status that refuses', `status ${answer.status}`, answer.raw)
      },
    },
    {
      id: 'byte-by-byte',
      title: 'a message that comes byte by byte is answered like any other',
      source: '1.2 [W][Om]: a stream has no boundaries but Length',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const whole = frame({
          command: commands.sendRRData,
          session: stream.handle,
          data: sendData(unconnected(askName)),
        })
        for (const piece of [whole.subarray(0, 1), whole.subarray(1, 23), whole.subarray(23, 30), whole.subarray(30)]) {
          stream.send(piece)
          await bench.port.wait(5)
        }
        const arrival = await stream.next()
        if (arrival.kind === 'silence') judge.inconclusive('no answer to a message in pieces')
        judge.equal('after a message in pieces', 'frame', arrival.kind)
      },
    },
    {
      id: 'pipelined',
      title: 'two messages in one segment get two answers',
      source: '1.2 [W][Om]: a stream has no boundaries but Length',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const one = frame({ command: commands.listServices, context: ascii('first one').subarray(0, 8) })
        const two = frame({ command: commands.listInterfaces, context: ascii('secondone').subarray(0, 8) })
        stream.send(concat(one, two))
        const answers = [await stream.next(), await stream.next()]
        const got = answers.map((each) => (each.kind === 'frame' ? each.frame.command : each.kind)).join(', ')
        judge.equal('commands answered', `${commands.listServices}, ${commands.listInterfaces}`, got)
      },
    },
    {
      id: 'length-too-large',
      title: 'a Length over 65511 is never served as a command',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        const arrival = await stream.hearsNothing(frame({ command: commands.listServices, length: 65_535 }))
        const got = arrival.kind === 'frame' ? `status ${arrival.frame.status}` : arrival.kind
        judge.holds(arrival.kind !== 'frame' || arrival.frame.status !== 0, 'no success', got)
      },
    },
    {
      id: 'garbage',
      title: 'bytes that are no message bring nobody down, and get no success',
      source: '1.2, 1.4 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        // A Length of zero, so that what follows is whole messages of nonsense.
        const nonsense = concat(Uint8Array.of(0xde, 0xc0, 0, 0), bench.port.random(20))
        const arrival = await stream.hearsNothing(concat(nonsense, nonsense))
        const got = arrival.kind === 'frame' ? `status ${arrival.frame.status}` : arrival.kind
        judge.holds(arrival.kind !== 'frame' || arrival.frame.status !== 0, 'no success', got)
        await stillServes(await bench.stream(), judge)
      },
    },
    {
      id: 'half-message',
      title: 'a peer that leaves in the middle of a message takes nobody along',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.stream()
        stream.send(frame({ command: commands.registerSession, data: versionOne }).subarray(0, 20))
        await bench.port.wait(20)
        stream.close()
        await stillServes(await bench.stream(), judge)
      },
    },
  ],
)
