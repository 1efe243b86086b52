import {
  type BasicCredentials,
  type EstReply,
  type EstServer,
  initialPullState,
  type PullAction,
  pullDeadline,
  type PullEvent,
  type PullFault,
  type PullKept,
  type PullOptions,
  type PullState,
  stepPull,
} from '@cordon/core/enrollment'
import { MalformedMessage, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import {
  cannotLink,
  type EstRequest,
  exchange as exchangeOverTls,
  type ExchangeOptions,
  type ExchangeTimeouts,
} from './exchange.ts'
import type { PullUnit } from './pull-unit.ts'

/** What a pull client is made of. */
export interface PullClientOptions {
  readonly options: PullOptions
  /** Whose keys and certificates they are. */
  readonly unit: PullUnit
  /** Finds EST servers, best first; an empty list says that there is none now. */
  readonly search: (signal: AbortSignal) => Promise<readonly EstServer[]>
  /** Address of this machine to connect from. */
  readonly localAddress?: string | undefined
  /** For servers that ask for a name and password, once they are believed. Not with provisional trust. */
  readonly basic?: BasicCredentials | undefined
  /** Ties each request to its TLS connection; the unit must offer {@link PullUnit.linkRequest}. */
  readonly linking?: boolean | undefined
  readonly timeouts?: ExchangeTimeouts | undefined
  /** Default: the schedule of the process. */
  readonly schedule?: Schedule | undefined
  /** The time that events carry and certificates are judged by, milliseconds since 1970. Default: the machine's clock. */
  readonly now?: (() => number) | undefined
  /** Evenly spread from 0 up to 1. Default: Math.random. */
  readonly random?: (() => number) | undefined
  /** Carries an exchange out; default {@link exchangeOverTls}. */
  readonly exchange?: ((request: EstRequest, options: ExchangeOptions) => Promise<EstReply>) | undefined
  /** Hears of what went wrong: on the network, in the unit, or in this client itself. */
  readonly problem?: ((problem: PullProblem) => void) | undefined
}

/** Something that went wrong while a certificate was pulled. The client goes on by itself. */
export interface PullProblem {
  /** What was being done: an action of the state machine, `changed` for the unit's notice, `step` for a fault of ours. */
  readonly doing: PullAction['kind'] | 'changed' | 'step'
  readonly error: unknown
}

/** What happens, without what every event has. */
type Happening = PullEvent extends infer Each ? (Each extends PullEvent ? Omit<Each, 'at' | 'random'> : never) : never
type Asked = Exclude<PullAction, { readonly kind: 'cancel' }>
type Answer = Extract<Happening, { readonly id: number }>

/** A timer is set no further than this, as the calendar may be put right in between, milliseconds. */
const longestSleepMs = 3_600_000

/**
 * Pulls a certificate and keeps it fresh: the driver of {@link stepPull}. It carries out what the state machine asks for,
 * one thing at a time, and tells it how that ended. Nothing of it throws or rejects later: what fails goes to `problem`
 * and into the state.
 */
export class PullClient implements AsyncDisposable {
  readonly #options: PullClientOptions
  readonly #now: () => number
  readonly #schedule: Schedule
  readonly #timer: Deadline
  readonly #running = new Map<number, AbortController>()
  readonly #works = new Set<Promise<void>>()
  #state: PullState = initialPullState
  #isClosed = false

  /**
   * Nothing happens before {@link PullClient.enable} or {@link PullClient.resume}.
   * @throws UsageError `bad-option` for a password or a card with provisional trust, and for linking with a unit that cannot
   */
  constructor(options: PullClientOptions) {
    const { unit, basic, linking, schedule = processSchedule(), now = Date.now } = options
    if (basic !== undefined && options.options.trust.kind === 'provisional') {
      throw new UsageError(
        'bad-option',
        'a password is not told to a server that nothing vouches for (RFC 7030 4.1.1): give anchors or a fingerprint',
      )
    }
    if (linking === true && unit.linkRequest === undefined) {
      throw new UsageError('bad-option', 'linking: this unit cannot make a request anew for a connection')
    }
    checkCard(options)
    this.#options = options
    this.#now = now
    this.#schedule = schedule
    this.#timer = schedule.idle(() => this.#give({ kind: 'tick' }))
  }

  /** Where the client stands now. */
  get state(): PullState {
    return this.#state
  }

  /** Begins to search, unless it is under way or has its certificate. */
  enable(): void {
    this.#give({ kind: 'enable' })
  }

  /** Stops, and forgets what was pulled; what is installed stays. */
  disable(): void {
    this.#give({ kind: 'disable' })
  }

  /** Goes on where it was before a restart, with what `pullKept` gave then. With nothing it is the same as enable. */
  resume(kept: Partial<PullKept>): void {
    const { identity, pending } = kept
    this.#give({ kind: 'resume', identity, pending })
  }

  /** A configurator has the device: the pull stops. */
  pushBegan(): void {
    this.#give({ kind: 'pushBegan' })
  }

  /** The configurator is gone. The pull begins again where it left the device as it was. */
  pushEnded(configured: boolean): void {
    this.#give({ kind: 'pushEnded', configured })
  }

  /** Ends what is under way and waits for it; an installation that began is finished. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer.cancel()
    for (const stop of this.#running.values()) stop.abort()
    await Promise.all(this.#works)
  }

  /** The same as {@link PullClient.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #give(happening: Happening): void {
    if (this.#isClosed) return
    const { options, unit, random = Math.random } = this.#options
    const before = this.#state
    try {
      const outcome = stepPull(options, before, { ...happening, at: this.#now(), random: random() })
      this.#state = outcome.state
      if (outcome.state !== before) this.#attempt('changed', () => unit.changed(outcome.state))
      for (const action of outcome.actions) {
        if (action.kind === 'cancel') this.#running.get(action.id)?.abort()
        else this.#start(action)
      }
    } catch (error) {
      this.#tell({ doing: 'step', error })
    }
    this.#arm(this.#state === before)
  }

  /** @param isStuck the event changed nothing: what is due already must not be raised again and again */
  #arm(isStuck: boolean): void {
    const due = this.#isClosed ? undefined : pullDeadline(this.#state)
    if (due === undefined) this.#timer.cancel()
    else {
      const sleep = Math.min(Math.max(due - this.#now(), isStuck ? 1_000 : 0), longestSleepMs)
      this.#timer.move(this.#schedule.now() + sleep)
    }
  }

  #start(action: Asked): void {
    const stop = new AbortController()
    this.#running.set(action.id, stop)
    const work = this.#answer(action, stop.signal).then((answer) => {
      this.#running.delete(action.id)
      this.#works.delete(work)
      this.#give(answer)
    })
    this.#works.add(work)
  }

  /** Never rejects: a failure is an answer too. */
  async #answer(action: Asked, signal: AbortSignal): Promise<Answer> {
    try {
      return await this.#carryOut(action, signal)
    } catch (error) {
      if (!signal.aborted) this.#tell({ doing: action.kind, error })
      const reason = error instanceof Error ? error.message : String(error)
      return { kind: 'failed', id: action.id, fault: faultOf(action, error), reason }
    }
  }

  async #carryOut(action: Asked, signal: AbortSignal): Promise<Answer> {
    const { id } = action
    const { unit, search, exchange = exchangeOverTls } = this.#options
    switch (action.kind) {
      case 'search':
        return { kind: 'found', id, servers: await search(signal) }
      case 'exchange':
        return { kind: 'answered', id, reply: await exchange(action, this.#exchangeOptions(action, signal)) }
      case 'makeRequest': {
        const { keyKind, template, renews } = action
        return { kind: 'made', id, request: await unit.makeRequest({ keyKind, template, renews }) }
      }
      case 'install': {
        const { certificate, chain, authorities } = action
        await unit.install({ certificate, chain, authorities })
        return { kind: 'installed', id }
      }
    }
  }

  #exchangeOptions(action: Extract<Asked, { kind: 'exchange' }>, signal: AbortSignal): ExchangeOptions {
    const { options, unit, localAddress, basic, linking, timeouts } = this.#options
    return {
      credential: unit.credential(action.credential),
      at: options.calendar === false ? undefined : this.#now(),
      link: linking === true ? (challenge) => linked(unit, challenge) : undefined,
      localAddress,
      basic,
      signal,
      timeouts,
    }
  }

  #attempt(doing: PullProblem['doing'], act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#tell({ doing, error })
    }
  }

  #tell(problem: PullProblem): void {
    try {
      this.#options.problem?.(problem)
    } catch {
      // Whoever listens to problems has one of its own; there is nobody left to tell.
    }
  }
}

function checkCard({ unit, linking, options }: PullClientOptions): void {
  const factory = unit.credential('default')
  if (factory === undefined || !('card' in factory)) return
  if (options.trust.kind === 'provisional') {
    const expected = 'give anchors or a fingerprint'
    throw new UsageError('bad-option', `a card does not sign for a server that nothing vouches for: ${expected}`)
  }
  if (linking === true) throw new UsageError('bad-option', cannotLink)
}

async function linked(unit: PullUnit, challengePassword: string): Promise<Uint8Array> {
  if (unit.linkRequest === undefined) throw new UsageError('not-supported', 'linking: this unit does not link requests')
  return await unit.linkRequest(challengePassword)
}

/** Whose fault an error is, in the state machine's words. */
function faultOf(action: Asked, error: unknown): PullFault {
  if (action.kind === 'makeRequest' || action.kind === 'install') return 'local'
  if (error instanceof TransportError) return 'unreachable'
  if (error instanceof NotTrusted) return 'server'
  if (error instanceof PeerError) return error.code === 'unexpected-reply' ? 'http' : 'tls'
  return error instanceof MalformedMessage ? 'http' : 'local'
}
