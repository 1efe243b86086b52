import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, type CaseText } from '../define.ts'
import { commands, frame, u32 } from '../frames.ts'
import { hello } from '../hello.ts'
import type { Judge } from '../judge.ts'
import { portEntries } from './port-admin.ts'
import { usualOffer } from './tls.ts'

type Seen = 'open' | 'closed' | 'silent'

/** Is a TCP port listened on? */
async function tcp(bench: Bench, port: number): Promise<Seen> {
  const opening = await bench.port.open({ carrier: 'tcp', port })
  if (opening.kind === 'open') opening.line.close()
  return opening.kind === 'open' ? 'open' : opening.kind === 'refused' ? 'closed' : 'silent'
}

/** Is a UDP port answered on? */
async function udp(bench: Bench, port: number): Promise<Seen> {
  if (port === 2221) {
    const flight = await hello(bench, 'dtls', await usualOffer(bench))
    return flight.outcome === 'silence' && flight.verify === undefined
      ? 'silent'
      : flight.outcome === 'closed'
        ? 'closed'
        : 'open'
  }
  const line = await bench.line({ carrier: 'udp', port })
  for (let sends = 0; sends < 3; sends++) {
    line.send(frame({ command: commands.listIdentity }))
    const arrival = await line.receive(Math.max(100, bench.quietMs * 2))
    if (arrival.kind === 'bytes') return 'open'
    if (arrival.kind === 'closed') return 'closed'
  }
  return 'silent'
}

const words: readonly (readonly [name: string, port: number, protocol: 6 | 17])[] = [
  ['44818/tcp', 44818, 6],
  ['2221/tcp', 2221, 6],
  ['44818/udp', 44818, 17],
  ['2221/udp', 2221, 17],
]

/** Ports are open and closed as attribute 14 of 0xF5 says (cip-security-wire 1.10, 4.8). */
export const portCases: readonly ConformanceCase[] = cases(
  'ports',
  [{ class: 0xf5 }],
  [
    ...words.map(
      ([name, port, protocol]): CaseText => ({
        id: name.replace('/', '-'),
        title: `${name} is listened on exactly where attribute 14 of 0xF5 says open`,
        source: '1.10 rule 5, 4.8 [W][R]',
        run: async (bench, judge) => {
          const entry = portEntries(await bench.value(0xf5, 1, 14)).find(
            (each) => each.port === port && each.protocol === protocol,
          )
          if (entry === undefined) return judge.notApplicable('the port is not listed')
          const seen = protocol === 6 ? await tcp(bench, port) : await udp(bench, port)
          judge.holds((seen === 'open') === entry.open, entry.open ? 'open' : 'closed', seen)
        },
      }),
    ),
    {
      id: 'active-connections',
      title: 'attribute 16 of 0xF5 counts at least the connection that asks, where that is TCP',
      source: '4.8 [R]',
      run: async (bench: Bench, judge: Judge) => {
        const value = await bench.value(0xf5, 1, 16)
        const count = (value[0] ?? 0) | ((value[1] ?? 0) << 8)
        judge.holds(count >= 1, 'at least 1', String(count), value)
      },
    },
    {
      id: 'non-cip-count',
      title: 'attribute 17 of 0xF5 is a number of messages per second that can be true',
      source: '4.8 [R]',
      run: async (bench: Bench, judge: Judge) => {
        const count = u32(await bench.value(0xf5, 1, 17), 0)
        judge.holds(count < 1_000_000, 'less than a million', String(count))
      },
    },
  ],
)
