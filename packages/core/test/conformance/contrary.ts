import { Bench } from '../../src/conformance/bench.ts'
import type { ConformanceCase } from '../../src/conformance/case.ts'
import type { Facts } from '../../src/conformance/facts.ts'
import { concat, frame, le16, le32, packet, readFrame, readPacket } from '../../src/conformance/frames.ts'
import { dtlsRecord, tlsRecord } from '../../src/conformance/hello.ts'
import { Found, Judge, type Verdict } from '../../src/conformance/judge.ts'
import type { Arrival, ConformancePort, Line, Way } from '../../src/conformance/port.ts'

/** A target that is wrong in one way everywhere. */
export interface Contrary {
  readonly name: string
  /** Encapsulation status of every answer; 2 also of RegisterSession, and transactions are mixed up. */
  readonly encapsulation: number
  /** General status and data of every CIP reply. */
  readonly status: number
  readonly data: Uint8Array
  /** What comes instead of silence, and where silence is. */
  readonly talks: boolean
  /** A ClientHello is answered with a ServerHello of everything that was offered, or with an alert. */
  readonly accepts: boolean
  /** State of 0x5D that was surveyed. */
  readonly state: number
  /** No two replies are the same, and no ServerHello is what it should be. */
  readonly lies?: boolean
  /** Closes every line instead of an answer. */
  readonly hangsUp?: boolean
}

const classes = new Set([1, 4, 6, 0x37, 0x5d, 0x5e, 0x5f, 0x63, 0xf4, 0xf5, 0xf6])

function factsOf({ state, data, lies = false }: Contrary): Facts {
  const item = (type: number): { type: number; data: Uint8Array } => ({ type, data: data.slice(0, 50) })
  return {
    tcp: true,
    udp: true,
    tls: true,
    dtls: true,
    items: [item(0x88), item(0x87), ...(lies ? [] : [item(0x86)]), item(0x0c)],
    plainSession: true,
    session: 'tls',
    noSession: '',
    classes,
    cipSecurityState: state,
    ethernetIpSecurityState: state,
    own: 'certificate',
    io: { output: { point: 1, size: 4 }, input: { point: 2, size: 4 }, configuration: undefined },
  }
}

function serverHello(hello: Uint8Array, datagram: boolean, lies: boolean): Uint8Array {
  const body = hello.subarray(datagram ? 25 : 9)
  const idLength = body[34] ?? 0
  let at = 35 + idLength
  if (datagram) at += 1 + (body[at] ?? 0)
  const suite = body.subarray(at + 2, at + 4)
  const compressions = at + 2 + (((body[at] ?? 0) << 8) | (body[at + 1] ?? 0))
  const answer = concat(
    lies ? Uint8Array.of(1, 1) : body.subarray(0, 2),
    body.subarray(2, 35 + idLength),
    lies ? Uint8Array.of(0x12, body[33] ?? 0) : suite,
    body.subarray(compressions + 1, compressions + 2),
    Uint8Array.of(0, 4, 0, 22, 0, 0),
  )
  const message = (type: number, sequence: number, data: Uint8Array): Uint8Array => {
    const length = Uint8Array.of(0, data.length >> 8, data.length & 0xff)
    return concat(
      Uint8Array.of(type),
      length,
      datagram ? concat(Uint8Array.of(0, sequence, 0, 0, 0), length) : new Uint8Array(0),
      data,
    )
  }
  const flight = concat(
    message(2, 0, answer),
    message(11, 1, Uint8Array.of(0, 0, 5, 0, 0, 2, 0x30, 0)),
    message(12, 2, Uint8Array.of(3, 0, 1, 0)),
    message(13, 3, Uint8Array.of(0)),
    lies ? new Uint8Array(0) : message(14, 4, new Uint8Array(0)),
  )
  return datagram ? dtlsRecord(22, 0, flight) : tlsRecord(22, flight)
}

/** What attribute 3 of 0x5F is told to be, so that the cases about files have one to ask. */
const certificateFile = Uint8Array.of(1, 3, 0x20, 0x37, 0x25, 0, 1, 1)

class ContraryLine implements Line {
  readonly boundaries: Line['boundaries']
  readonly security: Line['security']
  readonly localPort = 50_000
  readonly #way: Way
  readonly #contrary: Contrary
  readonly #waiting: Uint8Array[] = []
  static #count = 0

  /** Every run begins alike. */
  static beginAnew(): void {
    ContraryLine.#count = 0
  }

  constructor(way: Way, contrary: Contrary) {
    this.#way = way
    this.#contrary = contrary
    this.boundaries = way.carrier === 'udp' || way.carrier === 'dtls' ? 'datagram' : 'stream'
    this.security = 'as' in way ? { suite: 1, version: 'none', encrypts: false, peerChain: [] } : undefined
  }

  send(bytes: Uint8Array): void {
    const { talks, accepts } = this.#contrary
    if ('port' in this.#way && this.#way.port === 2221) {
      const datagram = this.#way.carrier === 'udp'
      const isHello = bytes[0] === 22 && bytes.length > 60
      if (isHello && accepts) this.#waiting.push(serverHello(bytes, datagram, this.#contrary.lies === true))
      else if (isHello)
        this.#waiting.push(datagram ? dtlsRecord(21, 0, Uint8Array.of(2, 40)) : tlsRecord(21, Uint8Array.of(2, 40)))
      else if (talks) this.#waiting.push(Uint8Array.of(22, 3, 3, 0, 0))
      return
    }
    if (this.#way.carrier === 'dtls') {
      if (talks) this.#waiting.push(this.#overDtls(bytes))
      return
    }
    const request = readFrame(bytes)
    if (!talks && request === undefined) return
    this.#waiting.push(this.#answer(request ?? readFrame(frame({ command: 4 }))))
  }

  #answer(request: ReturnType<typeof readFrame>): Uint8Array {
    const { encapsulation, status, lies = false } = this.#contrary
    ContraryLine.#count++
    const data = lies ? this.#contrary.data.map((byte) => byte ^ (ContraryLine.#count & 0xff)) : this.#contrary.data
    const command = request?.command ?? 4
    const isRegistration = command === 0x65
    const asked = readPacket(request?.data.subarray(6) ?? new Uint8Array(0))?.at(1)?.data ?? new Uint8Array(1)
    const service = asked[0] ?? 0
    const isReference = service === 0x0e && asked[3] === 0x5f && asked[7] === 3
    const reply = isReference
      ? concat(Uint8Array.of(0x8e, 0, 0, 0), certificateFile)
      : concat(Uint8Array.of(service, 7, status, 1), le16(0xeeee), data)
    return frame({
      command,
      session: isRegistration ? (lies ? 7 : 8) : 9,
      status: isRegistration && encapsulation !== 2 ? 0 : encapsulation,
      options: 5,
      data:
        command === 0x6f
          ? concat(new Uint8Array(6), packet({ type: 9, data: new Uint8Array(0) }, { type: 0xb2, data: reply }))
          : packet({ type: 0x86, data: data.slice(0, 7) }),
    })
  }

  #overDtls(bytes: Uint8Array): Uint8Array {
    const { encapsulation, status, data, lies = false } = this.#contrary
    const transaction = bytes.slice(8, 12)
    if (encapsulation === 2) transaction[0] = ~(transaction[0] ?? 0)
    const reply = concat(Uint8Array.of(0x8e, 0, status, 0), data, le16(lies ? ContraryLine.#count++ : 0))
    return packet({ type: 0x8003, data: concat(le16(1), transaction, le32(encapsulation), reply) })
  }

  receive(): Promise<Arrival> {
    if (this.#contrary.hangsUp === true) return Promise.resolve({ kind: 'closed', reason: 'in order' })
    const bytes = this.#waiting.shift()
    return Promise.resolve(bytes === undefined ? { kind: 'silence' } : { kind: 'bytes', bytes })
  }

  close(): void {
    this.#waiting.length = 0
  }
}

/** A port to such a target. Time flies when one waits. */
export function contraryPort(contrary: Contrary): ConformancePort {
  let now = 0
  let count = 0
  ContraryLine.beginAnew()
  return {
    target: '192.0.2.1',
    own: 'certificate',
    open: (way) => {
      if ('as' in way && !contrary.accepts) return Promise.resolve({ kind: 'refused', reason: 'alert' })
      return Promise.resolve({ kind: 'open', line: new ContraryLine(way, contrary) })
    },
    renegotiate: () => Promise.resolve({ kind: contrary.accepts ? 'accepted' : 'refused', reason: '' }),
    random: (length) => Uint8Array.from({ length }, () => (count = (count * 31 + 7) & 0xff)),
    wait: (ms) => {
      now += ms
      return Promise.resolve()
    },
    hold: () => () => undefined,
    now: () => (now += 60),
  }
}

/** How a case ends against such a target. */
export async function against(
  contrary: Contrary,
  each: ConformanceCase,
  interfere: (port: ConformancePort) => ConformancePort = (port) => port,
): Promise<Verdict> {
  const bench = new Bench(interfere(contraryPort(contrary)), factsOf(contrary), { answerMs: 1000, quietMs: 100 })
  const judge = new Judge()
  try {
    await each.run(bench, judge)
    return judge.comparisons > 0 ? 'pass' : 'error'
  } catch (error) {
    if (error instanceof Found) return error.finding.verdict
    throw error
  } finally {
    await bench.close()
  }
}
