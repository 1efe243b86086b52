import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases } from '../define.ts'
import { cipRequest, commands, concat, epath, le16, packet, sendData, unconnected } from '../frames.ts'
import type { Judge } from '../judge.ts'

const askName = cipRequest(0x0e, epath(0x01, 1, 7))
const none = new Uint8Array(0)

/** SendRRData with a packet that is wrong: it must not be served. */
async function refusedPacket(bench: Bench, judge: Judge, cpf: Uint8Array): Promise<void> {
  const stream = await bench.session()
  const answer = await stream.ask({ command: commands.sendRRData, session: stream.handle, data: sendData(cpf) })
  judge.holds(answer.status !== 0, 'a status that refuses', `status ${answer.status}`, answer.raw)
}

/** The Common Packet Format of SendRRData (cip-security-wire 1.5). */
export const packetCases: readonly ConformanceCase[] = cases(
  'packets',
  ['session'],
  [
    {
      id: 'no-items',
      title: 'a packet without items is refused',
      source: '1.4, 1.5 [W][R]',
      run: (bench, judge) => refusedPacket(bench, judge, packet()),
    },
    {
      id: 'null-address-alone',
      title: 'a packet without data item is refused',
      source: '1.5 [W][R]',
      run: (bench, judge) => refusedPacket(bench, judge, packet({ type: 0x0000, data: none })),
    },
    {
      id: 'count-beyond',
      title: 'a count of more items than there are is refused',
      source: '1.5 [W][R]',
      run: (bench, judge) => {
        const honest = unconnected(askName)
        return refusedPacket(bench, judge, concat(le16(3), honest.subarray(2)))
      },
    },
    {
      id: 'length-beyond',
      title: 'an item longer than the message is refused',
      source: '1.5 [W][R]',
      run: (bench, judge) =>
        refusedPacket(bench, judge, concat(le16(2), le16(0), le16(0), le16(0xb2), le16(askName.length + 40), askName)),
    },
    {
      id: 'truncated',
      title: 'SendRRData that ends in the middle of its packet is refused',
      source: '1.3, 1.5 [W][R]',
      run: (bench, judge) => refusedPacket(bench, judge, unconnected(askName).subarray(0, 5)),
    },
    {
      id: 'connected-items',
      title: 'SendRRData with the items of SendUnitData is refused',
      source: '1.5 [W][R]',
      run: (bench, judge) =>
        refusedPacket(
          bench,
          judge,
          packet({ type: 0x00a1, data: new Uint8Array(4) }, { type: 0x00b1, data: concat(le16(1), askName) }),
        ),
    },
    {
      id: 'identity-item',
      title: 'SendRRData with an item that holds no message is refused',
      source: '1.5 [W][R]',
      run: (bench, judge) =>
        refusedPacket(bench, judge, packet({ type: 0x0000, data: none }, { type: 0x000c, data: askName })),
    },
  ],
)
