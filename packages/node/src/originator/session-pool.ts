import type { Dscp } from '@cordon/core/device'
import { TransportError } from '@cordon/core/errors'
import type { Schedule } from '../schedule.ts'
import type { Credentials } from '../transports/credentials.ts'
import type { Cable } from '../transports/cable.ts'
import type { KeyLog } from '../transports/key-log.ts'
import { connect, type SessionTransport } from './connect.ts'
import type { PeerInfo, Session } from './session.ts'

/** Which session is wanted: two equal keys share one. */
export interface SessionKey {
  readonly address: string
  readonly transport: Extract<SessionTransport, 'tcp' | 'tls' | 'dtls'>
  /** Says which credentials and suites these are; empty in plain. */
  readonly credentialsId: string
  readonly credentials?: Credentials
}

/** A share in a session. */
export interface Lease {
  readonly session: Session
  /** Gives it back; the last one closes the session. */
  release(): void
}

/** A session of a pool as it stands; without `peer` it is being opened. */
export interface PooledSession {
  readonly address: string
  readonly transport: SessionKey['transport']
  readonly peer: PeerInfo | undefined
  /** When it was opened, or its opening began; milliseconds since the epoch. */
  readonly since: number
}

/** A session that has ended. */
export interface EndedSession {
  readonly peer: PeerInfo
  /** Milliseconds since the epoch. */
  readonly endedAt: number
}

interface Shared {
  readonly key: SessionKey
  readonly opening: Promise<Session>
  readonly abort: AbortController
  users: number
  /** Once it is open. */
  session: Session | undefined
  since: number
}

/** Ended sessions that are remembered, and how long, milliseconds. */
const rememberedSessions = 32
const endedMs = 60_000

/** What all sessions of a pool have in common. */
export interface SessionPoolOptions {
  /** Their sockets are bound to it. */
  readonly localAddress: string
  readonly schedule: Schedule
  readonly keyLog?: KeyLog
  /** Marks of their packets, asked for each session. */
  readonly dscp?: () => Dscp | undefined
  readonly cable?: Cable
}

/**
 * One session per ordered pair of addresses and kind, shared by all connections of that kind (as Ethernet modules do:
 * one TLS session for class 3, one DTLS association for class 0/1).
 */
export class SessionPool {
  readonly #options: SessionPoolOptions
  readonly #shared = new Map<string, Shared>()
  #ended: EndedSession[] = []

  constructor(options: SessionPoolOptions) {
    this.#options = options
  }

  /** Open sessions and those that are being opened. */
  get size(): number {
    return this.#shared.size
  }

  /** Open sessions and those that are being opened. */
  sessions(): readonly PooledSession[] {
    return Array.from(this.#shared.values(), ({ key: { address, transport }, session, since }) => ({
      address,
      transport,
      peer: session?.peer,
      since,
    }))
  }

  /** Plain sessions that ended a short time ago: connections moved away from them, or their other end closed them. */
  ended(): readonly EndedSession[] {
    const since = Date.now() - endedMs
    this.#ended = this.#ended.filter(({ endedAt }) => endedAt > since)
    return this.#ended
  }

  /** Opens or shares. @throws TransportError, NotTrusted, PeerError, UsageError */
  async acquire(key: SessionKey): Promise<Lease> {
    const name = `${key.address}|${key.transport}|${key.credentialsId}`
    let shared = this.#shared.get(name)
    if (shared === undefined) {
      const abort = new AbortController()
      const opening = this.#open(key, abort.signal)
      shared = { key, opening, abort, users: 0, session: undefined, since: Date.now() }
      this.#shared.set(name, shared)
      this.#watch(name, shared)
    }
    const mine = shared
    mine.users++
    let released = false
    const release = () => {
      if (released) return
      released = true
      mine.users--
      if (mine.users > 0) return
      if (this.#shared.get(name) === mine) this.#shared.delete(name)
      mine.abort.abort()
      mine.opening.then(
        (session) => session.close(),
        () => {},
      )
    }
    try {
      const session = await mine.opening
      if (session.state === 'closed') throw new TransportError('closed', `the session with ${key.address} ended`)
      return { session, release }
    } catch (error) {
      release()
      throw error
    }
  }

  #open(key: SessionKey, signal: AbortSignal): Promise<Session> {
    const { localAddress, schedule, keyLog, cable } = this.#options
    const dscp = this.#options.dscp?.()
    return connect({
      address: key.address,
      transport: key.transport,
      localAddress,
      signal,
      schedule,
      resume: true,
      keepAliveMs: 30_000,
      connectTimeoutMs: 5_000,
      requestTimeoutMs: 5_000,
      ...(key.credentials === undefined ? {} : { credentials: key.credentials }),
      ...(dscp === undefined ? {} : { dscp }),
      ...(keyLog === undefined ? {} : { keyLog }),
      ...(cable === undefined ? {} : { cable }),
    })
  }

  /** A session that ended or never came about is not shared any longer. */
  #watch(name: string, shared: Shared): void {
    const forget = () => {
      if (this.#shared.get(name) === shared) this.#shared.delete(name)
    }
    const opened = (session: Session) => {
      shared.session = session
      shared.since = Date.now()
      void session.closed.then(() => {
        forget()
        this.#remember(session.peer)
      })
    }
    shared.opening.then(opened, forget)
  }

  #remember(peer: PeerInfo): void {
    if (peer.transport !== 'tcp') return
    this.#ended.push({ peer, endedAt: Date.now() })
    if (this.#ended.length > rememberedSessions) this.#ended.shift()
  }
}
