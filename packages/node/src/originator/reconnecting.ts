import { ObjectClient, type Requester, type RequestOptions } from '@cordon/core/client'
import type { MessageRouterReply, MessageRouterRequest } from '@cordon/core/cip'
import { type AnyError, TransportError } from '@cordon/core/errors'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import { isOurs } from '../transports/system-error.ts'
import { Backoff, type BackoffOptions } from './backoff.ts'
import { connect, isTemporary, type SessionOptions } from './connect.ts'
import { openIo, type IoSession, type OpenIoOptions } from './io.ts'
import type { Session } from './session.ts'

/** Something that can be opened, ends, and is opened again. */
interface Openable {
  readonly closed: Promise<AnyError | undefined>
  close(): Promise<void>
}

/** What a keeper tells as it goes. */
export interface ReconnectEvents {
  /** Open (again). */
  readonly opened?: () => void
  /** Ended, or an attempt failed; another follows after `retryInMs`. */
  readonly lost?: (error: AnyError | undefined, retryInMs: number) => void
}

/** How something is kept open. */
export interface ReconnectOptions extends ReconnectEvents {
  readonly backoff?: BackoffOptions
  /** Gives up for good on failures that time does not heal, such as a certificate that is not trusted. Default true. */
  readonly giveUpOnRefusal?: boolean
}

/** Keeps one thing open: opens it again, with growing waits, whenever it ended. */
class Keeper<T extends Openable> {
  readonly #open: () => Promise<T>
  readonly #options: ReconnectOptions
  readonly #backoff: Backoff
  readonly #retry: Deadline
  readonly #waiters = new Set<{ resolve: (value: T) => void; reject: (error: AnyError) => void }>()
  #current: T | undefined
  #stopped: AnyError | undefined

  constructor(open: () => Promise<T>, options: ReconnectOptions, schedule: Schedule) {
    this.#open = open
    this.#options = options
    this.#backoff = new Backoff(options.backoff)
    this.#retry = schedule.idle(() => void this.#attempt())
    void this.#attempt()
  }

  get current(): T | undefined {
    return this.#current
  }

  /** The open thing, as soon as there is one. */
  get(): Promise<T> {
    const current = this.#current
    if (current !== undefined) return Promise.resolve(current)
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) reject(this.#stopped)
      else this.#waiters.add({ resolve, reject })
    })
  }

  async stop(error: AnyError): Promise<void> {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    this.#retry.cancel()
    for (const { reject } of this.#waiters) reject(error)
    this.#waiters.clear()
    const current = this.#current
    this.#current = undefined
    await current?.close()
  }

  async #attempt(): Promise<void> {
    let opened: T
    try {
      opened = await this.#open()
    } catch (error) {
      if (!isOurs(error)) throw error
      this.#failed(error)
      return
    }
    if (this.#stopped !== undefined) {
      await opened.close()
      return
    }
    this.#current = opened
    this.#backoff.reset()
    for (const { resolve } of this.#waiters) resolve(opened)
    this.#waiters.clear()
    this.#options.opened?.()
    void opened.closed.then((error) => {
      if (this.#current !== opened) return
      this.#current = undefined
      this.#failed(error ?? new TransportError('closed', 'the peer closed'))
    })
  }

  #failed(error: AnyError): void {
    if (this.#stopped !== undefined) return
    if (this.#options.giveUpOnRefusal !== false && !isTemporary(error)) {
      void this.stop(error)
      this.#options.lost?.(error, Number.POSITIVE_INFINITY)
      return
    }
    const wait = this.#backoff.next()
    this.#options.lost?.(error, wait)
    this.#retry.move(this.#now() + wait)
  }

  #now(): number {
    return processSchedule().now()
  }
}

/** A session that comes back by itself after the cable was pulled or the target restarted. */
export class ReconnectingSession implements Requester, AsyncDisposable {
  readonly objects: ObjectClient
  readonly #keeper: Keeper<Session>

  /** Begins to connect at once. */
  constructor(options: SessionOptions & ReconnectOptions) {
    this.objects = new ObjectClient(this)
    this.#keeper = new Keeper(() => connect(options), options, options.schedule ?? processSchedule())
  }

  /** The session of the moment; undefined while there is none. */
  get session(): Session | undefined {
    return this.#keeper.current
  }

  /** The session, as soon as there is one. @throws the reason when it was given up or closed */
  connected(): Promise<Session> {
    return this.#keeper.get()
  }

  /**
   * Makes a request, and waits for a session where there is none. A request whose session ended under it fails: whether
   * the target carried it out is not known, so it is not repeated here.
   *
   * @throws TransportError, PeerError
   */
  async request(request: MessageRouterRequest, options: RequestOptions = {}): Promise<MessageRouterReply> {
    const timeoutMs = options.timeoutMs ?? 10_000
    const session = await within(this.#keeper.get(), timeoutMs, 'no session within the time for this request')
    return session.request(request, options)
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    await this.#keeper.stop(new TransportError('closed', 'the session was closed by its owner'))
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A class 0/1 connection that comes back by itself. */
export class ReconnectingIo implements AsyncDisposable {
  readonly #keeper: Keeper<IoSession>

  /** Begins to open at once. */
  constructor(options: OpenIoOptions & ReconnectOptions) {
    this.#keeper = new Keeper(
      () => openIo(options),
      { giveUpOnRefusal: false, ...options },
      options.schedule ?? processSchedule(),
    )
  }

  /** The connection of the moment; undefined while there is none. */
  get connection(): IoSession | undefined {
    return this.#keeper.current
  }

  /** The connection, as soon as there is one. @throws the reason when it was given up or closed */
  opened(): Promise<IoSession> {
    return this.#keeper.get()
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    await this.#keeper.stop(new TransportError('closed', 'the connection was closed by its owner'))
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function within<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  const schedule = processSchedule()
  return new Promise((resolve, reject) => {
    const deadline = schedule.after(ms, () => reject(new TransportError('timeout', message)))
    promise.then(resolve, reject).finally(() => deadline.cancel())
  })
}
