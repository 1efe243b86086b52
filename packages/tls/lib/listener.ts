import type { Context } from './context.ts'
import { callNative, TlsError } from './errors.ts'
import { arena, load } from './load.ts'
import { Session } from './session.ts'

/** Where a datagram came from: as `node:dgram` tells it. */
export interface Peer {
  readonly address: string
  readonly port: number
}

/** Bounds of a listener. Beyond them new peers meet silence; those already there are not disturbed. */
export interface ListenerOptions {
  readonly maxSessions: number
  /** Sessions with one IP address. */
  readonly maxPerHost: number
  /** New sessions per second, after the cookie. Default: no bound. */
  readonly maxHandshakesPerSecond?: number
}

/** What a datagram led to. */
export interface ListenerResult {
  /** The session that the datagram belongs to; none during the cookie round and for garbage. */
  readonly session?: Session
  /** The session is new. */
  readonly created: boolean
  /** The session that a restarted peer left behind; no longer the listener's, to be destroyed by the caller. */
  readonly replaced?: Session
  /** Datagrams to send to the peer now; a session's own output is included. */
  readonly output: Uint8Array[]
}

interface Entry {
  readonly session: Session
  readonly address: string
  /** The client's random, by which a repeated ClientHello is told from a new one. */
  readonly random: Uint8Array
}

const silence: ListenerResult = Object.freeze({ created: false, output: [] })

/**
 * The server side of DTLS on one UDP port. An unknown peer costs no memory before it has shown with a cookie that it
 * receives at its address (RFC 6347 4.2.1); a peer that restarted shows the same before it replaces its own old session
 * (RFC 6347 4.2.8).
 */
export class Listener {
  readonly #context: (peer: string) => Context | undefined
  readonly #options: ListenerOptions
  readonly #entries = new Map<string, Entry>()
  readonly #perHost = new Map<string, number>()
  readonly #keys = new Map<Session, string>()
  /** Sessions with a deadline: those that shake hands. */
  readonly #timed = new Set<Session>()
  #tokens: number
  #refilledAt: number | undefined

  /**
   * @param context a DTLS server context, or what chooses one by IP address; `undefined` means silence for that peer.
   * @throws TlsError `bad-option`.
   */
  constructor(context: Context | ((peer: string) => Context | undefined), options: ListenerOptions) {
    if (typeof context === 'function') {
      this.#context = context
    } else {
      checkContext(context)
      this.#context = () => context
    }
    for (const name of ['maxSessions', 'maxPerHost', 'maxHandshakesPerSecond'] as const) {
      const value = options[name]
      if (value !== undefined && !(value > 0)) {
        throw new TlsError('bad-option', `Option ${name}: expected a number above 0, got ${value}`)
      }
    }
    this.#options = options
    this.#tokens = options.maxHandshakesPerSecond ?? Number.POSITIVE_INFINITY
  }

  /** Sessions held, ended ones included until `forget`. */
  get size(): number {
    return this.#entries.size
  }

  /** Every session held, oldest first. */
  sessions(): Iterable<Session> {
    return this.#keys.keys()
  }

  /** Takes one datagram from any peer. */
  receive(peer: Peer, datagram: Uint8Array, now: number): ListenerResult {
    const key = `${peer.address}|${peer.port}`
    const entry = this.#entries.get(key)
    const hello = readClientHello(datagram)
    if (entry !== undefined) {
      const { session } = entry
      const isOver = session.state === 'closed' || session.state === 'failed'
      // A repetition of the hello that began this session belongs to it; only another one is a restart.
      const isRestart =
        hello !== undefined && (isOver || !hello.random.every((byte, index) => byte === entry.random[index]))
      if (!isRestart) {
        session.receive(datagram, now)
        this.#watch(session)
        return { session, created: false, output: session.takeOutput() }
      }
    }
    if (hello === undefined) return silence
    return this.#listen(peer, key, entry, hello, datagram, now)
  }

  /** Lets go of a session; the caller destroys it. */
  forget(session: Session): void {
    const key = this.#keys.get(session)
    if (key === undefined) return
    const entry = this.#entries.get(key)
    this.#keys.delete(session)
    this.#timed.delete(session)
    this.#entries.delete(key)
    if (entry === undefined) return
    const left = (this.#perHost.get(entry.address) ?? 1) - 1
    if (left > 0) this.#perHost.set(entry.address, left)
    else this.#perHost.delete(entry.address)
  }

  /** The earliest deadline of all sessions. */
  deadline(): number | undefined {
    let earliest: number | undefined
    for (const session of this.#timed) {
      const deadline = session.deadline()
      if (deadline !== undefined && (earliest === undefined || deadline < earliest)) earliest = deadline
    }
    return earliest
  }

  /** Ticks every session whose time has come; their output and events are taken from `sessions()`. */
  tick(now: number): void {
    for (const session of this.#timed) {
      const deadline = session.deadline()
      if (deadline !== undefined && deadline <= now) session.tick(now)
      this.#watch(session)
    }
  }

  #listen(
    peer: Peer,
    key: string,
    old: Entry | undefined,
    hello: ClientHello,
    datagram: Uint8Array,
    now: number,
  ): ListenerResult {
    // The bounds are asked before the cookie is judged: with a false cookie nothing but silence is lost.
    if (hello.hasCookie && !this.#hasRoom(peer, old, now)) return silence
    const context = this.#context(peer.address)
    if (context === undefined) return silence
    checkContext(context)
    const answer = callNative(() => load().listen(context.handle(), peer.address, peer.port, datagram, now))
    if (typeof answer === 'number') {
      return answer === 0 ? silence : { created: false, output: [arena.bytes.slice(arena.rows[1], lastByte())] }
    }
    this.#tokens -= 1
    if (old !== undefined) this.forget(old.session)
    const session = new Session(context, { peer: peer.address }, answer)
    this.#entries.set(key, { session, address: peer.address, random: hello.random.slice() })
    this.#keys.set(session, key)
    this.#perHost.set(peer.address, (this.#perHost.get(peer.address) ?? 0) + 1)
    session.start(now)
    this.#watch(session)
    return {
      session,
      created: true,
      ...(old === undefined ? {} : { replaced: old.session }),
      output: session.takeOutput(),
    }
  }

  #hasRoom(peer: Peer, old: Entry | undefined, now: number): boolean {
    const { maxSessions, maxPerHost, maxHandshakesPerSecond } = this.#options
    if (maxHandshakesPerSecond !== undefined) {
      const elapsed = Math.max(0, now - (this.#refilledAt ?? now))
      this.#refilledAt = now
      this.#tokens = Math.min(maxHandshakesPerSecond, this.#tokens + (elapsed / 1000) * maxHandshakesPerSecond)
      if (this.#tokens < 1) return false
    }
    if (old !== undefined) return true
    return this.#entries.size < maxSessions && (this.#perHost.get(peer.address) ?? 0) < maxPerHost
  }

  #watch(session: Session): void {
    if (session.deadline() === undefined) this.#timed.delete(session)
    else this.#timed.add(session)
  }
}

interface ClientHello {
  readonly random: Uint8Array
  readonly hasCookie: boolean
}

/** An epoch 0 record that holds an unfragmented ClientHello: the only thing a stranger may say. */
function readClientHello(datagram: Uint8Array): ClientHello | undefined {
  const isHandshake = datagram[0] === 22 && datagram[1] === 0xfe && datagram[3] === 0 && datagram[4] === 0
  if (!isHandshake || datagram[13] !== 1 || datagram.length < 61) return undefined
  const sessionIdLength = datagram[59] ?? 0
  const cookieLength = datagram[60 + sessionIdLength]
  if (cookieLength === undefined) return undefined
  return { random: datagram.subarray(27, 59), hasCookie: cookieLength > 0 }
}

/** End of the only row that `listen` writes. */
function lastByte(): number {
  return (arena.rows[1] ?? 0) + (arena.rows[2] ?? 0)
}

function checkContext(context: Context): void {
  if (context.role !== 'server' || context.protocol !== 'dtls') {
    throw new TlsError(
      'bad-option',
      `Option context: expected a DTLS server, got a ${context.protocol.toUpperCase()} ${context.role}`,
    )
  }
}
