import type { DnsMessage, Endpoint, OutgoingMessage } from '@cordon/core/discovery'
import { type TransportError, UsageError } from '@cordon/core/errors'
import makeMdns from 'multicast-dns'
import { createSocket, type Socket } from 'node:dgram'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import { errorCode, systemError } from '../transports/system-error.ts'
import { type InterfaceSource, isOnLink, type LinkInterface, linkInterfaces } from './interfaces.ts'
import { fromPacket, isPlausible, toPacket } from './message.ts'

/** Something that went wrong on an interface. Discovery goes on, and tries the interface again. */
export interface MdnsProblem {
  readonly interface: string
  readonly error: TransportError
}

/** Where multicast DNS is spoken. */
export interface MdnsOptions {
  /** Names or addresses of interfaces. Default: all that are up and have an IPv4 address, but the loopback. */
  readonly interfaces?: readonly string[]
  /** How often the interfaces are looked at, milliseconds. Default 3000. */
  readonly pollMs?: number
  /** Ends it, with a goodbye. */
  readonly signal?: AbortSignal
  /** Hears of an interface whose socket failed, or that cannot be asked for; each problem once until it changes. */
  readonly problem?: (problem: MdnsProblem) => void
  readonly schedule?: Schedule
  /** What the system says about its interfaces; tests have their own. */
  readonly source?: InterfaceSource
}

/** A conversation on one link: a responder or a querier. */
export interface Conversation {
  receive(message: DnsMessage, from: Endpoint, now: number): void
  tick(now: number): void
  deadline(): number | undefined
  takeOutput(): readonly OutgoingMessage[]
}

/** Whose conversations the links carry. */
export interface LinkHandlers<C extends Conversation> {
  /** An interface came, or came back, or has other addresses: gives the conversation to have on it. */
  up(at: LinkInterface, before: C | undefined, now: number): C
  /** The interface is gone. */
  down(conversation: C, at: LinkInterface, now: number): void
  /** The end: what the conversation still says goes out. */
  end(conversation: C, at: LinkInterface, now: number): void
  /** The conversation was fed or its time came: its events can be taken. */
  progress(conversation: C, at: LinkInterface): void
  /** The interfaces were looked at. */
  polled?(): void
}

/** Interfaces that went and are remembered with their conversations: machines make and drop virtual ones all day. */
const mostRemembered = 64
/** A goodbye that the system does not take within this time is not waited for, milliseconds. */
const farewellMs = 500

/** One conversation on each interface, kept as interfaces come and go. */
export class Links<C extends Conversation> {
  readonly #options: MdnsOptions
  readonly #handlers: LinkHandlers<C>
  readonly #schedule: Schedule
  readonly #links = new Map<string, Link<C>>()
  readonly #gone = new Map<string, C>()
  readonly #poll: Deadline
  readonly #pollMs: number
  readonly #onAbort = () => void this.close()
  #closing: Promise<void> | undefined

  constructor(options: MdnsOptions, handlers: LinkHandlers<C>) {
    this.#options = options
    this.#handlers = handlers
    this.#schedule = options.schedule ?? processSchedule()
    this.#pollMs = options.pollMs ?? 3_000
    if (!(this.#pollMs >= 100))
      throw new UsageError('bad-value', `mdns: pollMs must be at least 100, not ${this.#pollMs}`)
    this.#poll = this.#schedule.idle((now) => {
      this.#look(now)
      this.#handlers.polled?.()
    })
    if (options.signal?.aborted === true) this.#closing = Promise.resolve()
    else {
      options.signal?.addEventListener('abort', this.#onAbort, { once: true })
      this.#look(this.#schedule.now())
    }
  }

  /** The links that are up. */
  all(): readonly { readonly at: LinkInterface; readonly conversation: C; readonly malformed: number }[] {
    return [...this.#links.values()]
  }

  /** Says what is left to say, and closes every socket. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    this.#poll.cancel()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    const now = this.#schedule.now()
    const links = [...this.#links.values()]
    for (const link of links) {
      this.#handlers.end(link.conversation, link.at, now)
      link.pump()
    }
    await Promise.all(links.map((link) => link.close()))
    this.#links.clear()
  }

  #look(now: number): void {
    let found: readonly LinkInterface[] = []
    try {
      found = linkInterfaces(this.#options.interfaces, this.#options.source)
    } catch (error) {
      this.#options.problem?.({ interface: '', error: systemError(error, 'mdns: asking for the interfaces') })
    }
    const present = new Map(found.map((at) => [at.name, at]))
    for (const [name, link] of [...this.#links]) {
      const at = present.get(name)
      if (at !== undefined && JSON.stringify(at) === JSON.stringify(link.at) && !link.hasFailed) continue
      this.#links.delete(name)
      void link.close()
      this.#remember(name, link.conversation)
      if (at === undefined) {
        this.#handlers.down(link.conversation, link.at, now)
        this.#handlers.progress(link.conversation, link.at)
      }
    }
    for (const at of found) if (!this.#links.has(at.name)) this.#open(at, now)
    this.#poll.move(now + this.#pollMs)
  }

  #remember(name: string, conversation: C): void {
    this.#gone.set(name, conversation)
    const [oldest] = this.#gone.keys()
    if (this.#gone.size > mostRemembered && oldest !== undefined) this.#gone.delete(oldest)
  }

  #open(at: LinkInterface, now: number): void {
    const conversation = this.#handlers.up(at, this.#gone.get(at.name), now)
    this.#gone.delete(at.name)
    const link = new Link(at, conversation, {
      schedule: this.#schedule,
      progress: () => this.#handlers.progress(conversation, at),
      problem: (error) => this.#options.problem?.({ interface: at.name, error }),
      // Where two of our interfaces lie on one network, each hears the other: that is no other host.
      isOwnElsewhere: (address) =>
        [...this.#links.values()].some(
          (other) => other.at.name !== at.name && other.at.addresses.ipv4.includes(address),
        ),
    })
    this.#links.set(at.name, link)
  }
}

interface LinkContext {
  readonly schedule: Schedule
  readonly progress: () => void
  readonly problem: (error: TransportError) => void
  readonly isOwnElsewhere: (address: string) => boolean
}

/** The socket of one interface and the conversation on it. */
class Link<C extends Conversation> {
  readonly at: LinkInterface
  readonly conversation: C
  /** The socket could not be had: tried again when the interfaces are looked at next. */
  hasFailed = false
  /** Datagrams that were no DNS messages. */
  malformed = 0
  readonly #context: LinkContext
  readonly #socket: makeMdns.MulticastDNS
  readonly #deadline: Deadline
  readonly #sends = new Set<Promise<void>>()
  #isReady = false
  #isClosed = false
  #told = ''

  constructor(at: LinkInterface, conversation: C, context: LinkContext) {
    this.at = at
    this.conversation = conversation
    this.#context = context
    this.#deadline = context.schedule.idle((now) => {
      this.conversation.tick(now)
      this.pump()
    })
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    // Bound to the interface's own address, a socket would hear no multicast.
    this.#socket = makeMdns({ interface: at.address, bind: '0.0.0.0', socket })
    this.#guard(socket)
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('warning', (error) => {
      if (errorCode(error).startsWith('E') && 'syscall' in error) this.#tell(error, 'using')
      else this.malformed++
    })
    this.#socket.on('packet', (packet: unknown, from: Endpoint) => this.#receive(packet, from))
    this.#socket.once('ready', () => {
      this.#isReady = true
      this.pump()
    })
  }

  /** Sends what waits, and sets the next deadline. */
  pump(): void {
    if (this.#isClosed || !this.#isReady) return
    for (const { message, to } of this.conversation.takeOutput()) this.#send(message, to)
    this.#context.progress()
    const due = this.conversation.deadline()
    if (due === undefined) this.#deadline.cancel()
    else if (!this.#deadline.pending || this.#deadline.when !== due) this.#deadline.move(due)
  }

  /** Closes the socket once the system took what was sent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#deadline.cancel()
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, farewellMs)
    })
    await Promise.race([Promise.all(this.#sends), patience])
    clearTimeout(timer)
    await new Promise<void>((resolve) => {
      try {
        this.#socket.destroy(() => resolve())
      } catch {
        // A socket that was never bound, or is closed already, has nothing left to close.
        resolve()
      }
    })
  }

  /** Stands before the library's decoder, which a large datagram of many long names keeps busy for a third of a second. */
  #guard(socket: Socket): void {
    const decoders = socket.listeners('message')
    socket.removeAllListeners('message')
    socket.on('message', (bytes, from) => {
      // The system hands the group's datagrams of every interface to each socket: only this link's count.
      if (this.#isClosed || !isOnLink(from.address, this.at) || this.#context.isOwnElsewhere(from.address)) return
      if (isPlausible(bytes)) for (const decode of decoders) decode.call(socket, bytes, from)
      else this.malformed++
    })
  }

  #receive(packet: unknown, from: Endpoint): void {
    const message = fromPacket(packet)
    if (message === undefined) {
      this.malformed++
      return
    }
    this.conversation.receive(message, { address: from.address, port: from.port }, this.#context.schedule.now())
    this.pump()
  }

  #send(message: DnsMessage, to: Endpoint | undefined): void {
    const sent = new Promise<void>((resolve) => {
      const done = (error?: Error | null) => {
        if (error instanceof Error) this.#tell(error, 'sending on')
        resolve()
      }
      try {
        // The library's types leave out the question for ANY, which it writes and reads.
        const packet = toPacket(message) as makeMdns.QueryOutgoingPacket & makeMdns.ResponseOutgoingPacket
        if (message.response) this.#socket.respond(packet, to, done)
        else this.#socket.query(packet, to, done)
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)))
      }
    })
    this.#sends.add(sent)
    void sent.finally(() => this.#sends.delete(sent))
  }

  #fail(error: Error): void {
    if (this.hasFailed) return
    this.hasFailed = true
    this.#tell(error, 'opening port 5353 on')
    void this.close()
  }

  #tell(error: Error, doing: string): void {
    const problem = systemError(error, `mdns: ${doing} ${this.at.name} (${this.at.address})`)
    if (problem.message === this.#told) return
    this.#told = problem.message
    this.#context.problem(problem)
  }
}
