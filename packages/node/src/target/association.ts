import type { Link } from '@cordon/core/device'
import type { AnyError } from '@cordon/core/errors'
import type { Deadline, Schedule } from '../schedule.ts'
import { formatEndpoint, type Transport } from '../transports/transport.ts'
import type { Conversation } from './conversation.ts'
import type { Guest } from './gate.ts'

/** What an association needs from its host. */
export interface AssociationHost {
  readonly schedule: Schedule
  /** The conversation used the device: its actions are to be taken before anything is answered. */
  afterDevice(now: number): void
  /** Something that was confirmed is not durable yet: {@link Association.pump} is called again when it is. */
  isSaving(): boolean
  /** It is over; called once. */
  ended(association: Association, reason: string, error: AnyError | undefined): void
  /** The peer did not do what it must in time. */
  readonly frameTimeoutMs: number
  /** The device or its conversation threw: a defect of ours, which must not spread to other peers and devices. */
  defect(error: unknown, association: Association): void
  /** Nothing moves in either direction. */
  isCablePulled(): boolean
}

/** One peer on one transport: drives its conversation with the device and watches that it behaves. */
export class Association implements Guest {
  readonly link: Link
  readonly transport: Transport
  readonly openedAt: number
  readonly #host: AssociationHost
  readonly #conversation: Conversation
  readonly #deadline: Deadline
  #malformed = false
  #patienceEndsAt: number | undefined
  #blocked = false
  #over = false

  constructor(host: AssociationHost, transport: Transport, link: Link, conversation: Conversation) {
    this.#host = host
    this.transport = transport
    this.link = link
    this.#conversation = conversation
    this.openedAt = host.schedule.now()
    if (conversation.owes) this.#patienceEndsAt = this.openedAt + host.frameTimeoutMs
    this.#deadline = host.schedule.idle((now) => this.#tick(now))
  }

  get address(): string {
    return this.link.peer.address
  }

  get proven(): boolean {
    return this.#conversation.proven
  }

  /** It ended because what the peer sent could not be followed. */
  get malformed(): boolean {
    return this.#malformed
  }

  /** Begins to listen to the peer. */
  start(): void {
    this.transport.attach({
      data: (bytes) => this.#receive(bytes),
      drain: () => {
        this.#blocked = false
        if (!this.#host.isCablePulled()) this.transport.resume()
      },
      closed: (error) => this.#end(error === undefined ? 'closed by the peer' : error.message, error),
    })
    if (this.#host.isCablePulled()) this.transport.pause()
    this.#arm()
  }

  /** Sends what the conversation has to say, and asks when it wants to be called again. */
  pump(): void {
    if (this.#over || this.#host.isSaving() || this.#host.isCablePulled()) return
    for (const bytes of this.#conversation.takeOutput()) {
      if (this.transport.send(bytes) || this.#blocked || this.transport.state === 'closed') continue
      this.#blocked = true
      this.transport.pause()
    }
    const { ended } = this.#conversation
    if (ended === undefined) this.#arm()
    else {
      this.#malformed = ended.malformed
      this.close(ended.message)
    }
  }

  /** A datagram of class 0/1 to the peer. */
  sendDatagram(bytes: Uint8Array, dscp: number): void {
    if (!this.#over && !this.#host.isCablePulled()) this.transport.send(bytes, dscp)
  }

  /** Closes in order: what was answered already still arrives. */
  close(reason: string): void {
    if (this.#over) return
    this.transport.close()
    this.#end(reason, undefined)
  }

  /** Ends at once, without a word. */
  destroy(reason: string): void {
    this.#drop(reason)
  }

  evict(): void {
    this.#drop('made room for a newer one, because it never opened a session')
  }

  /** Nothing is read any more until {@link resume}. */
  pause(): void {
    this.transport.pause()
    this.#deadline.cancel()
  }

  resume(): void {
    if (this.#over) return
    if (!this.#blocked) this.transport.resume()
    this.pump()
  }

  #drop(reason: string): void {
    if (this.#over) return
    this.transport.destroy()
    this.#end(reason, undefined)
  }

  #receive(bytes: Uint8Array): void {
    if (this.#over) return
    const now = this.#host.schedule.now()
    try {
      this.#conversation.receive(bytes, now)
    } catch (error) {
      this.#host.defect(error, this)
      return
    }
    this.#watch(now)
    this.#host.afterDevice(now)
    this.pump()
  }

  #tick(now: number): void {
    if (this.#over) return
    if (this.#patienceEndsAt !== undefined && now >= this.#patienceEndsAt && this.#conversation.owes) {
      this.#malformed = true
      this.#drop(`sent no whole message within ${this.#host.frameTimeoutMs} ms`)
      return
    }
    this.#conversation.tick(now)
    this.#host.afterDevice(now)
    this.pump()
  }

  /** A frame that began must end; the time runs from its first byte, so that one byte now and then does not help. */
  #watch(now: number): void {
    if (!this.#conversation.owes) this.#patienceEndsAt = undefined
    else this.#patienceEndsAt ??= now + this.#host.frameTimeoutMs
  }

  #arm(): void {
    if (this.#over) return
    const due = Math.min(
      this.#conversation.deadline() ?? Number.POSITIVE_INFINITY,
      this.#patienceEndsAt ?? Number.POSITIVE_INFINITY,
    )
    if (due === Number.POSITIVE_INFINITY) this.#deadline.cancel()
    else if (!this.#deadline.pending || this.#deadline.when !== due) this.#deadline.move(due)
  }

  #end(reason: string, error: AnyError | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#deadline.cancel()
    this.#host.ended(this, reason, error)
  }

  /** For logs. */
  describePeer(): string {
    return formatEndpoint(this.link.peer)
  }
}
