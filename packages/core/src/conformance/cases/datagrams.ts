import type { Bench } from '../bench.ts'
import { versionOne } from '../bench.ts'
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
  u32,
  unconnected,
} from '../frames.ts'
import type { Judge } from '../judge.ts'

/** Does the target offer sessions over UDP: bits 1 and 3 of item 0x0087? */
function offersUdpProfile(bench: Bench): boolean {
  const capability = bench.facts.items.find(({ type }) => type === 0x0087)?.data
  return capability !== undefined && (u32(capability, 0) & 0b1010) !== 0
}

async function notServed(bench: Bench, judge: Judge, what: string, bytes: Uint8Array): Promise<void> {
  const arrival = await (await bench.datagrams()).hearsNothing(bytes)
  const got = arrival.kind === 'frame' ? `status ${arrival.frame.status}` : arrival.kind
  const served = arrival.kind === 'frame' && arrival.frame.status === 0
  judge.holds(!served, `${what} is not served`, got, arrival.kind === 'frame' ? arrival.frame.raw : undefined)
}

const context = ascii('DATAGRAM')

/** Encapsulation over 44818/udp (cip-security-wire 1.2, 1.3, 1.10). */
export const datagramCases: readonly ConformanceCase[] = cases(
  'datagrams',
  ['udp'],
  [
    {
      id: 'list-identity',
      title: 'ListIdentity is answered with item 0x000C',
      source: '1.3, 1.10 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.datagrams()).ask({ command: commands.listIdentity })
        const [first] = readPacket(answer.data) ?? []
        judge.code('first item', 0x000c, first?.type ?? 0xffff, 4, answer.raw)
      },
    },
    {
      id: 'list-identity-delay',
      title: 'ListIdentity is answered within the delay that the request allows',
      source: '1.2 [Om]',
      run: async (bench, judge) => {
        const line = await bench.datagrams()
        const patient = await line.ask({ command: commands.listIdentity })
        judge.code('command', commands.listIdentity, patient.command, 4, patient.raw)
        const request = frame({ command: commands.listIdentity, context: concat(le16(500), ascii('within')) })
        let kind = 'silence'
        // A datagram may be lost; three in a row are not.
        for (let sends = 0; sends < 3 && kind !== 'frame'; sends++) {
          line.send(request)
          kind = (await line.next(900)).kind
        }
        judge.equal('within 500 ms and the way:', 'frame', kind)
      },
    },
    {
      id: 'list-services',
      title: 'ListServices is answered with item 0x0100',
      source: '1.3, 1.10 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.datagrams()).ask({ command: commands.listServices })
        const [first] = readPacket(answer.data) ?? []
        judge.code('first item', 0x0100, first?.type ?? 0xffff, 4, answer.raw)
      },
    },
    {
      id: 'list-interfaces',
      title: 'ListInterfaces is answered with a packet of no items',
      source: '1.3, 1.10 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.datagrams()).ask({ command: commands.listInterfaces })
        judge.sameBytes('packet', Uint8Array.of(0, 0), answer.data)
      },
    },
    {
      id: 'context',
      title: 'the sender context comes back untouched',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.datagrams()).ask({ command: commands.listServices, context })
        judge.sameBytes('sender context', context, answer.context)
      },
    },
    {
      id: 'register',
      title: 'RegisterSession is not served outside the UDP-only profile',
      source: '1.10 [W]',
      run: async (bench, judge) => {
        if (offersUdpProfile(bench)) judge.notApplicable('the target offers sessions over UDP')
        await notServed(bench, judge, 'RegisterSession', frame({ command: commands.registerSession, data: versionOne }))
      },
    },
    {
      id: 'rr',
      title: 'SendRRData is not served without a session',
      source: '1.3, 1.10 [W]',
      run: async (bench, judge) => {
        const data = sendData(unconnected(cipRequest(0x0e, epath(0x01, 1, 7))))
        await notServed(bench, judge, 'SendRRData', frame({ command: commands.sendRRData, data }))
      },
    },
    {
      id: 'start-dtls',
      title: 'StartDTLS succeeds in the UDP-only profile and gets 0x0001 outside it',
      source: '1.3',
      basis: 'inferred',
      run: async (bench, judge) => {
        const answer = await (await bench.datagrams()).ask({ command: commands.startDtls })
        judge.code('status', offersUdpProfile(bench) ? 0x0000 : 0x0001, answer.status, 4, answer.raw)
      },
    },
    {
      id: 'unknown-command',
      title: 'an unknown command is not served',
      source: '1.3 [Om]',
      run: (bench, judge) => notServed(bench, judge, 'command 0x0099', frame({ command: 0x0099 })),
    },
    {
      id: 'nop',
      title: 'a NOP is not answered',
      source: '1.3 [W][Om]',
      run: async (bench, judge) => {
        const arrival = await (await bench.datagrams()).hearsNothing(frame({ command: commands.nop }))
        judge.equal('after a NOP', 'silence', arrival.kind)
      },
    },
    {
      id: 'short',
      title: 'a datagram shorter than a header is not answered',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const arrival = await (await bench.datagrams()).hearsNothing(
          frame({ command: commands.listIdentity }).subarray(0, 10),
        )
        judge.equal('after ten bytes', 'silence', arrival.kind)
      },
    },
    {
      id: 'length-beyond',
      title: 'a Length beyond the datagram is not served',
      source: '1.2 [W][Om]',
      run: (bench, judge) =>
        notServed(bench, judge, 'such a request', frame({ command: commands.listIdentity, length: 100 })),
    },
    {
      id: 'status-discarded',
      title: 'a request with a status of its own is discarded without a word',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const arrival = await (await bench.datagrams()).hearsNothing(
          frame({ command: commands.listServices, status: 1 }),
        )
        judge.equal('after a request with status 1', 'silence', arrival.kind)
      },
    },
    {
      id: 'options-discarded',
      title: 'a request with options is discarded without a word',
      source: '1.2 [W][Om]',
      run: async (bench, judge) => {
        const arrival = await (await bench.datagrams()).hearsNothing(
          frame({ command: commands.listServices, options: 1 }),
        )
        judge.equal('after a request with options 1', 'silence', arrival.kind)
      },
    },
  ],
)
