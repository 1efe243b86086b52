import { TransportError } from '@cordon/core/errors'
import { networkInterfaces } from 'node:os'
import { connectTcp } from '../transports/tcp.ts'
import { connectUdp } from '../transports/udp.ts'
import { broken, type DoorState, holds, type Question, type RungOutcome } from './ladder.ts'

/** Does a packet get there, and from which address of ours does it go? */
export async function route(question: Question): Promise<RungOutcome> {
  const { address, localAddress, signal, timeoutMs, expectation } = question
  const [first = 0] = address.split('.').map(Number)
  if (first === 0 || first >= 224) return broken('address-not-unicast', address)
  let source: string
  try {
    // The kernel chooses route and source when a datagram socket is connected; nothing is sent.
    const way = await connectUdp({
      address,
      port: question.plainPort,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(signal === undefined ? {} : { signal }),
    })
    source = way.local.address
    way.destroy()
  } catch (error) {
    return noWay(error, localAddress)
  }
  const doors = { plain: await door(question, question.plainPort), secure: await door(question, question.port) }
  const unreachable = [doors.plain, doors.secure].find(({ state }) => state === 'unreachable')
  if (unreachable !== undefined) return broken('no-route', unreachable.reason)
  const own = ownInterface(address)
  const evidence = [
    `packets leave from ${source}${localAddress === undefined ? ', which the system chose' : ''}`,
    ...(own === undefined ? [] : [`${address} is an address of this machine (${own})`]),
  ]
  const manager = expectation?.managerAddress
  const isOther = manager !== undefined && manager !== source && expectation?.settings !== undefined
  return holds(evidence, {
    ...(isOther ? { findings: [['not-as-manager', `from ${source}, the manager has ${manager}`]] } : {}),
    facts: { doors: { plain: doors.plain.state, secure: doors.secure.state } },
  })

  /** One attempt to open a port, within the time of one question. */
  async function door(asked: Question, port: number): Promise<{ readonly state: DoorState; readonly reason: string }> {
    try {
      const carrier = await connectTcp({
        address,
        port,
        timeoutMs,
        ...(asked.localAddress === undefined ? {} : { localAddress: asked.localAddress }),
        ...(signal === undefined ? {} : { signal }),
      })
      carrier.destroy()
      return { state: 'open', reason: '' }
    } catch (error) {
      if (!(error instanceof TransportError) || error.code === 'aborted') throw error
      const states: Readonly<Record<string, DoorState>> = { refused: 'refused', unreachable: 'unreachable' }
      return { state: states[error.code] ?? 'silent', reason: error.message }
    }
  }
}

function noWay(error: unknown, localAddress: string | undefined): RungOutcome {
  if (!(error instanceof TransportError) || error.code === 'aborted') throw error
  const isOurs = localAddress !== undefined && error.details['code'] === 'EADDRNOTAVAIL'
  return broken(isOurs ? 'local-address-missing' : 'no-route', error.message)
}

/** The interface of this machine that has an address; the whole of 127/8 is the loopback. */
function ownInterface(address: string): string | undefined {
  if (address.startsWith('127.')) return 'loopback'
  for (const [name, all] of Object.entries(networkInterfaces())) {
    if (all?.some((each) => each.address === address) === true) return name
  }
  return undefined
}
