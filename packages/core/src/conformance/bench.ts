import {
  type CipReply,
  cipRequest,
  commands,
  concat,
  epath,
  type Frame,
  type FrameFields,
  frame,
  le16,
  readFrame,
  readPacket,
  readReply,
  sendData,
  unconnected,
} from './frames.ts'
import type { Facts, SessionWay } from './facts.ts'
import { Found } from './judge.ts'
import type { Arrival, ConformancePort, Line, Way } from './port.ts'

/** What came where an encapsulation message was awaited. */
export type FrameArrival =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | Exclude<Arrival, { readonly kind: 'bytes' }>

/** Most bytes that a target may send without a whole message in them. */
const mostPending = 128 * 1024

/** How often a UDP question is repeated: datagrams may be lost. */
const datagramSends = 3

/** A line that carries encapsulation messages. */
export class EncapsulationLine {
  readonly line: Line
  readonly #patience: Patience
  #pending: Uint8Array = new Uint8Array(0)
  #handle = 0
  #hasEnded = false

  /** Wraps an open line. */
  constructor(line: Line, patience: Patience) {
    this.line = line
    this.#patience = patience
  }

  /** The target closed the line. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Handle of the session, 0 before {@link register}. */
  get handle(): number {
    return this.#handle
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.line.send(bytes)
  }

  /** The next message, or what happened instead. */
  async next(withinMs = this.#patience.answerMs): Promise<FrameArrival> {
    for (;;) {
      const whole = readFrame(this.#pending)
      if (whole !== undefined) {
        this.#pending = this.#pending.subarray(whole.raw.length)
        return { kind: 'frame', frame: whole }
      }
      // A datagram that is no whole message is no message.
      if (this.line.boundaries === 'datagram') this.#pending = new Uint8Array(0)
      const arrival = await this.line.receive(withinMs)
      if (arrival.kind === 'closed') this.#hasEnded = true
      if (arrival.kind !== 'bytes') return arrival
      this.#pending = concat(this.#pending, arrival.bytes)
      if (this.#pending.length > mostPending) return { kind: 'closed', reason: 'sent more than a message can hold' }
    }
  }

  /** Asks and waits for the reply. Silence makes the case inconclusive, a closed line lets it fail. */
  async ask(fields: FrameFields, expectation = 'an answer'): Promise<Frame> {
    for (let sends = 0; ; sends++) {
      this.send(frame(fields))
      const arrival = await this.next()
      if (arrival.kind === 'frame') return arrival.frame
      if (arrival.kind === 'silence' && this.line.boundaries === 'datagram' && sends + 1 < datagramSends) continue
      throw noAnswer(arrival, expectation)
    }
  }

  /** Asks for something that is not answered: nothing must come for a while. */
  async hearsNothing(bytes: Uint8Array, forMs = this.#patience.quietMs): Promise<FrameArrival> {
    this.send(bytes)
    return this.next(forMs)
  }

  /** RegisterSession, which must succeed for the case to go on. */
  async register(): Promise<number> {
    const answer = await this.ask({ command: commands.registerSession, data: versionOne }, 'a session')
    if (answer.status !== 0 || answer.session === 0) {
      throw new Found({ verdict: 'inconclusive', reason: `RegisterSession got status 0x${answer.status.toString(16)}` })
    }
    this.#handle = answer.session
    return answer.session
  }

  /** SendRRData of this session. */
  rr(cpf: Uint8Array): Promise<Frame> {
    return this.ask({ command: commands.sendRRData, session: this.#handle, data: sendData(cpf) })
  }

  /** A message router request by the bytes; the reply. */
  async cipBytes(message: Uint8Array): Promise<CipReply> {
    const answer = await this.rr(unconnected(message))
    return replyIn(answer)
  }

  /** A message router request. */
  cip(service: number, path: Uint8Array, data?: Uint8Array): Promise<CipReply> {
    return this.cipBytes(cipRequest(service, path, data))
  }

  /** Ends it. */
  close(): void {
    this.line.close()
  }
}

/** How patient a run is, milliseconds. */
export interface Patience {
  /** How long an answer may take. */
  readonly answerMs: number
  /** How long nothing must come where no answer is expected. */
  readonly quietMs: number
}

/** Patience for a target in the same plant. */
export const usualPatience: Patience = { answerMs: 1500, quietMs: 250 }

/** RegisterSession data: version 1, flags 0. */
export const versionOne: Uint8Array = concat(le16(1), le16(0))

/** The message router reply in a SendRRData reply; a case cannot go on without one. */
export function replyIn(answer: Frame): CipReply {
  if (answer.status !== 0) {
    throw new Found({
      verdict: 'fail',
      expected: 'a message router reply',
      got: `encapsulation status 0x${answer.status.toString(16).padStart(4, '0')}`,
      bytes: answer.raw,
    })
  }
  const item = readPacket(answer.data.subarray(6))?.find(({ type }) => type === 0x00b2)
  const reply = item === undefined ? undefined : readReply(item.data)
  if (reply === undefined) {
    throw new Found({
      verdict: 'fail',
      expected: 'item 0x00B2 with a message router reply',
      got: 'something else',
      bytes: answer.raw,
    })
  }
  return reply
}

function noAnswer(arrival: Exclude<FrameArrival, { readonly kind: 'frame' }>, expectation: string): Found {
  return arrival.kind === 'silence'
    ? new Found({ verdict: 'inconclusive', reason: `expected ${expectation}, nothing came` })
    : new Found({ verdict: 'fail', expected: expectation, got: `the line was closed: ${arrival.reason}` })
}

/** What a case works with: the port, what is known of the target, and sessions. */
export class Bench {
  readonly port: ConformancePort
  readonly facts: Facts
  readonly #patience: Patience
  readonly #open: EncapsulationLine[] = []
  readonly #lines: Line[] = []
  #shared: EncapsulationLine | undefined

  /** A bench for the cases of one run. */
  constructor(port: ConformancePort, facts: Facts, patience: Patience) {
    this.port = port
    this.facts = facts
    this.#patience = patience
  }

  /** How long an answer may take, milliseconds. */
  get patienceMs(): number {
    return this.#patience.answerMs
  }

  /** How long nothing must come where no answer is expected, milliseconds. */
  get quietMs(): number {
    return this.#patience.quietMs
  }

  /** Opens a line that is closed when the case is over; a target that does not let us ends the case. */
  async line(way: Way): Promise<Line> {
    const opening = await this.port.open(way)
    if (opening.kind !== 'open') {
      throw new Found({ verdict: 'inconclusive', reason: `could not open ${describeWay(way)}: ${opening.reason}` })
    }
    this.#lines.push(opening.line)
    return opening.line
  }

  /** A fresh stream without a session: in plain where that is open, else over TLS. */
  async stream(by: SessionWay | undefined = this.facts.session): Promise<EncapsulationLine> {
    const way: Way = by === 'tls' ? { carrier: 'tls', as: 'own' } : { carrier: 'tcp', port: 44818 }
    const stream = new EncapsulationLine(await this.line(way), this.#patience)
    this.#open.push(stream)
    return stream
  }

  /** A fresh stream with a session. */
  async session(by?: SessionWay): Promise<EncapsulationLine> {
    const stream = await this.stream(by)
    await stream.register()
    return stream
  }

  /** Encapsulation over a line. Datagrams are asked again sooner than a stream is given up. */
  encapsulation(line: Line): EncapsulationLine {
    const answerMs = line.boundaries === 'datagram' ? datagramMs(this.#patience) : this.#patience.answerMs
    return new EncapsulationLine(line, { ...this.#patience, answerMs })
  }

  /** Datagrams on 44818/udp. */
  async datagrams(): Promise<EncapsulationLine> {
    return this.encapsulation(await this.line({ carrier: 'udp', port: 44818 }))
  }

  /** A request over the session that all cases share. */
  async cip(service: number, path: Uint8Array, data?: Uint8Array): Promise<CipReply> {
    const isNew = this.#shared === undefined
    const session = await this.#sharedSession()
    try {
      return await session.cip(service, path, data)
    } catch (error) {
      this.#dropShared()
      // A session from a case before may have ended meanwhile; one that this request ends ends again.
      if (isNew || !session.hasEnded) throw error
      return this.cip(service, path, data)
    }
  }

  /** An attribute, read alone. */
  get(classId: number, instance: number, attribute: number): Promise<CipReply> {
    return this.cip(0x0e, epath(classId, instance, attribute))
  }

  /** The value of an attribute without which the case makes no sense. */
  async value(classId: number, instance: number, attribute: number): Promise<Uint8Array> {
    const reply = await this.get(classId, instance, attribute)
    if (reply.status === 0) return reply.data
    const where = `attribute ${attribute} of 0x${classId.toString(16)}/${instance}`
    throw new Found({
      verdict: 'not applicable',
      reason: `${where} cannot be read: status 0x${reply.status.toString(16)}`,
    })
  }

  async #sharedSession(): Promise<EncapsulationLine> {
    if (this.#shared === undefined) {
      const way: Way = this.facts.session === 'tls' ? { carrier: 'tls', as: 'own' } : { carrier: 'tcp', port: 44818 }
      const opening = await this.port.open(way)
      if (opening.kind !== 'open') {
        throw new Found({ verdict: 'inconclusive', reason: `could not open a session: ${opening.reason}` })
      }
      const session = new EncapsulationLine(opening.line, this.#patience)
      try {
        await session.register()
      } catch (error) {
        session.close()
        throw error
      }
      this.#shared = session
    }
    return this.#shared
  }

  /** The next request opens a session anew: a reset closed the one that was shared. */
  async afterReset(): Promise<void> {
    this.#dropShared()
    // Links close once the reply has left.
    await this.port.wait(this.quietMs)
  }

  #dropShared(): void {
    this.#shared?.close()
    this.#shared = undefined
  }

  /** Does work that cancellation must not cut short: putting back what a case changed. */
  async uninterrupted<Result>(work: () => Promise<Result>): Promise<Result> {
    const release = this.port.hold()
    try {
      return await work()
    } finally {
      release()
    }
  }

  /** Closes what the case left open. */
  async tidy(): Promise<void> {
    for (const stream of this.#open.splice(0)) {
      // In order, so that the target's table of sessions stays small.
      if (stream.handle !== 0) stream.send(frame({ command: commands.unregisterSession, session: stream.handle }))
    }
    const lines = this.#lines.splice(0)
    try {
      if (lines.length > 0) await this.uninterrupted(() => this.port.wait(0))
    } finally {
      // An open line keeps the process alive.
      for (const line of lines) line.close()
    }
  }

  /** Ends the shared session too. */
  async close(): Promise<void> {
    try {
      await this.tidy()
    } finally {
      this.#dropShared()
    }
  }
}

/** How long one of three datagrams is waited for, milliseconds: a target may take 500 ms to answer ListIdentity. */
export function datagramMs({ answerMs }: Patience): number {
  return Math.max(700, answerMs / 3)
}

/** A way in words. */
export function describeWay(way: Way): string {
  return way.carrier === 'tcp' || way.carrier === 'udp'
    ? `${way.port}/${way.carrier}`
    : `${way.carrier.toUpperCase()} on 2221`
}
