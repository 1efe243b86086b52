import { createSocket } from 'node:dgram'
import { errorCode } from '../transports/system-error.ts'
import { broken, type DoorState, type Facts, holds, type Question, type RungOutcome } from './ladder.ts'

/** Port of plain class 0/1 datagrams (Volume 2, 2-2). */
const ioPort = 2222

/** How long a refusal over UDP is waited for: on a plant's network it comes at once, or not at all. */
const refusalMs = 250

/** Which ports are open, refused, silent? */
export async function ports(question: Question, { doors }: Facts): Promise<RungOutcome> {
  const { plain = 'silent', secure = 'silent' } = doors ?? {}
  const [listIdentity, dtls, io] = await Promise.all(
    [question.plainPort, question.port, ioPort].map((port) => datagramDoor(question, port)),
  )
  const evidence = [
    `${question.plainPort}/tcp ${plain}, ${question.port}/tcp ${secure}`,
    `${question.plainPort}/udp ${udp(listIdentity)}, ${question.port}/udp ${udp(dtls)}, ${ioPort}/udp ${udp(io)}`,
  ]
  const { expectation } = question
  if (plain !== 'open' && secure !== 'open') {
    const isSilent = plain === 'silent' && secure === 'silent'
    return broken(isSilent ? 'host-silent' : 'nothing-listens', evidence[0] ?? '', evidence)
  }
  if (secure !== 'open' && expectation?.settings !== undefined && expectation.settings.enforcement !== 'none') {
    return broken('secure-port-closed', evidence[0] ?? '', evidence)
  }
  return holds(evidence)
}

function udp(state: DoorState | undefined): string {
  return state === 'refused' ? 'refused' : 'open or silent'
}

/** An empty datagram means nothing to anybody; a closed port answers it by ICMP, which the socket reports. */
function datagramDoor(question: Question, port: number): Promise<DoorState> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    let settled = false
    const finish = (state: DoorState) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      socket.close()
      resolve(state)
    }
    const timer = setTimeout(() => finish('silent'), Math.min(refusalMs, question.silenceMs))
    socket.on('error', (error) => finish(errorCode(error) === 'ECONNREFUSED' ? 'refused' : 'silent'))
    const begin = () => socket.connect(port, question.address, () => socket.send(new Uint8Array(0)))
    if (question.localAddress === undefined) begin()
    else socket.bind({ address: question.localAddress, port: 0 }, begin)
  })
}
