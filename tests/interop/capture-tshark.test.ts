import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pcapWriter } from '@cordon/core/capture'
import { multipleServicePacket, path, port, tagPath, unconnectedSend } from '@cordon/core/cip'
import { encapsulate, IoFrameTemplate } from '@cordon/core/enip'
import { encode } from '@cordon/core/wire'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  closed,
  closing,
  connected,
  granting,
  openRequest,
  opening,
  reply,
  request,
  unconnected,
} from '../../packages/core/test/capture/cip/made.ts'
import { tcpFrame, udpFrame } from '../../packages/core/test/capture/packets.ts'
import { type Agreement, compareWithDissector, unexplained } from './capture-agreement.ts'

/** Packets that are compared at least. */
const packetsWanted = 100_000

function dissectorProblem(): string | undefined {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'tshark is not installed (Debian: apt-get install tshark)'
  }
}

const problem = dissectorProblem()
if (problem !== undefined) process.stderr.write(`skipping the comparison with a dissector: ${problem}\n`)

/** Writes packets as they pass, a millisecond apart. */
class Tape {
  readonly #writer = pcapWriter({ linkType: 1, nanoseconds: true })
  readonly #parts: Uint8Array[] = [this.#writer.header()]
  #timeUs = 1_700_000_000_000_000
  packets = 0

  add(data: Uint8Array): void {
    this.#timeUs += 1000.25
    this.packets++
    this.#parts.push(this.#writer.packet({ timeUs: this.#timeUs, data }))
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts)
  }
}

/** Two ends of a TCP connection on 44818. */
class Talk {
  readonly #tape: Tape
  readonly #client: string
  readonly #server: string
  readonly #port: number
  #sent = { client: 1000, server: 5000 }

  constructor(tape: Tape, client: string, server: string, sourcePort: number) {
    this.#tape = tape
    this.#client = client
    this.#server = server
    this.#port = sourcePort
    this.#segment('client', 'S', new Uint8Array(0), 1)
    this.#segment('server', 'SA', new Uint8Array(0), 1)
    this.#segment('client', 'A', new Uint8Array(0), 0)
  }

  say(side: 'client' | 'server', data: Uint8Array): void {
    this.#segment(side, 'PA', data, data.length)
  }

  #segment(side: 'client' | 'server', flags: string, data: Uint8Array, length: number): void {
    const other = side === 'client' ? 'server' : 'client'
    const [sourcePort, destinationPort] = side === 'client' ? [this.#port, 44_818] : [44_818, this.#port]
    const [from, to] = side === 'client' ? [this.#client, this.#server] : [this.#server, this.#client]
    const sequence = this.#sent[side]
    const acknowledgment = flags === 'S' ? 0 : this.#sent[other]
    this.#tape.add(tcpFrame(from, to, { sourcePort, destinationPort, sequence, acknowledgment, flags, data }))
    this.#sent[side] += length
  }
}

/** A morning of a plant: sessions, connections of each class, services of many objects, refusals, and data. */
function plantTape(): Tape {
  const tape = new Tape()
  const explicit = openRequest({
    transport: { direction: 'server', trigger: 'application', transportClass: 3 },
    path: path({ class: 2, instance: 1 }),
    toConnectionId: 0x1111_0000,
    otRpi: 750_000,
    toRpi: 500_000,
    timeoutMultiplier: 2,
  })
  const [client, server] = ['192.0.2.1', '192.0.2.2']
  for (let round = 0; tape.packets < packetsWanted; round++) {
    const talk = new Talk(tape, client, server, 40_000 + round)
    const serial = { connectionSerialNumber: 1 + round * 2 }
    const messages = { ...explicit, ...serial, toConnectionId: 0x1111_0000 + round }
    const cyclic = openRequest({ connectionSerialNumber: 2 + round * 2, toConnectionId: 0x2222_0000 + round })
    const [otExplicit, otCyclic] = [0x3333_0000 + round, 0x4444_0000 + round]
    let context = 1
    const ask = (message: Uint8Array, answer: Uint8Array): void => {
      talk.say('client', unconnected(message, context))
      talk.say('server', unconnected(answer, context))
      context++
    }
    talk.say('client', encapsulate({ command: 'registerSession', data: Uint8Array.of(1, 0, 0, 0) }))
    talk.say('server', encapsulate({ command: 'registerSession', session: 7, data: Uint8Array.of(1, 0, 0, 0) }))
    ask(opening(messages), granting(messages, otExplicit))
    ask(opening(cyclic), granting(cyclic, otCyclic))
    ask(opening(cyclic), Uint8Array.of(0xd4, 0, 1, 1, 0x00, 0x01))
    for (const classId of [1, 0x5d, 0x5e, 0x5f, 0x37, 0xf5, 0x63])
      ask(request(0x0e, path({ class: classId, instance: 1, attribute: 1 })), reply(0x0e, Uint8Array.of(1, 0)))
    ask(request(0x10, path({ class: 0x5e, instance: 1, attribute: 4 }), Uint8Array.of(0)), reply(0x10, undefined, 0x0c))
    ask(request(0x4b, path({ class: 0x5e, instance: 1 })), reply(0x4b))
    const embedded = [1, 2, 3].map((attribute) => request(0x0e, path({ class: 0xf5, instance: 1, attribute })))
    const answers = [0, 0x14, 0].map((status) => reply(0x0e, status === 0 ? Uint8Array.of(1, 0, 0, 0) : undefined, status))
    ask(
      request(0x0a, path({ class: 2, instance: 1 }), encode(multipleServicePacket, embedded)),
      reply(0x0a, encode(multipleServicePacket, answers)),
    )
    const routed = encode(unconnectedSend, {
      timeout: { priority: false, tick: 10, ticks: 5 },
      message: request(0x0e, path({ class: 1, instance: 1, attribute: 7 })),
      route: [port(1, 0)],
    })
    ask(request(0x52, path({ class: 6, instance: 1 }), routed), reply(0x0e, Uint8Array.of(1, 0x41)))
    talk.say('client', encapsulate({ command: 'sendRRData', session: 7, status: 'serviceNotAllowedOnPort' }))
    for (let count = 1; count <= 100; count++) {
      const attribute = request(0x0e, path({ class: 1, instance: 1, attribute: 1 + (count % 7) }))
      const read = count % 10 === 0 ? request(0x4c, tagPath('Read_L8_String'), Uint8Array.of(1, 0)) : attribute
      const service = count % 10 === 0 ? 0x4c : 0x0e
      const data = service === 0x4c ? Uint8Array.of(0xc4, 0, 1, 0, 0, 0) : Uint8Array.of(1, 0)
      talk.say('client', connected(otExplicit, count, read))
      talk.say('server', connected(messages.toConnectionId, count, reply(service, data)))
    }
    const ot = new IoFrameTemplate(otCyclic, { transportClass: 1, runIdleHeader: false }, 0)
    const to = new IoFrameTemplate(cyclic.toConnectionId, { transportClass: 1, runIdleHeader: false }, 0)
    for (let sequence = 1; sequence <= 900; sequence++) {
      for (const template of [ot, to]) {
        template.setSequence(sequence)
        template.setSequenceCount(sequence)
      }
      tape.add(udpFrame(client, 2222, server, 2222, ot.bytes.slice()))
      tape.add(udpFrame(server, 2222, client, 2222, to.bytes.slice()))
    }
    tape.add(udpFrame(client, 50_000 + round, '192.0.2.255', 44_818, encapsulate({ command: 'listIdentity' })))
    ask(closing(cyclic), closed(cyclic))
    talk.say('client', encapsulate({ command: 'unregisterSession', session: 7 }))
  }
  return tape
}

describe.skipIf(problem !== undefined)('a dissector and Cordon', () => {
  let directory = ''
  let agreement: Agreement

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cordon-agreement-'))
    const file = join(directory, 'plant.pcap')
    writeFileSync(file, plantTape().bytes())
    agreement = await compareWithDissector(file)
  }, 120_000)

  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  it('agree on every field that both decode, over a hundred thousand packets', () => {
    expect(agreement.report.packets.packets).toBeGreaterThanOrEqual(packetsWanted)
    expect(agreement.packets).toBeGreaterThan(packetsWanted * 0.99)
    expect(unexplained(agreement).slice(0, 20)).toEqual([])
    // Every field was met, and often.
    for (const [field, times] of Object.entries(agreement.compared)) expect(times, field).toBeGreaterThan(40)
  })

  it('leave nothing unread between them', () => {
    expect(agreement.report.notRead).toEqual([])
    const [first] = agreement.report.connections
    expect(first).toMatchObject({ state: 'open', transportClass: 3, messages: { requests: 100, replies: 100 } })
  })
})
