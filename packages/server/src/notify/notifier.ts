import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../store/store.ts'
import { type Channel, longestSendMs, type Outcome } from './channel.ts'
import { type Claimed, claim, enlist, giveBack, keepUp, settle } from './deliveries.ts'
import { failureText } from './failure.ts'
import { messageOf } from './message.ts'
import { wakeChannel } from './outbox.ts'

/** Where a notifier has its timers from: monotonic milliseconds. */
export interface Timers {
  now(): number
  after(ms: number, run: () => void): { cancel(): void }
}

const systemTimers: Timers = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** What a notifier works with. */
export interface NotifierOptions {
  readonly store: Pick<Store, 'db' | 'listen'>
  readonly channels: readonly Channel[]
  /** Milliseconds since 1970. Several notifiers of one store must agree to about a minute. Default the system's clock. */
  readonly now?: () => number
  /** A line for operators, without secrets. */
  readonly log: (line: string) => void
  /** Default the system's timers. */
  readonly schedule?: Timers
}

/** Delivers notifications until it is closed. */
export interface Notifier extends AsyncDisposable {
  /** Ends within seconds. What is being sent may still arrive and come again; nothing is lost. */
  close(): Promise<void>
}

/** How often each channel looks whether something waits; notifications wake it at once. */
const pollMs = 3000
/** How long a sending may go on while the notifier closes, and how long closing lasts at most. */
const graceMs = 1500
const closingMs = 4000
/** First and longest rest of a channel that fails, milliseconds: others of its messages may fare better than the last. */
const firstRestMs = 5000
const longestRestMs = 60_000

/**
 * Starts to deliver: every channel by itself, so that one that hangs holds up no other. A channel gets what happens from
 * its first start on. Delivery is at least once: claimed rows of a notifier that died are sent by the next one.
 */
export function startNotifier(options: NotifierOptions): Notifier {
  const loops = options.channels.map((channel) => new Delivery(channel, options))
  const listening = options.store.listen(wakeChannel, () => {
    for (const loop of loops) loop.wake()
  })
  const running = Promise.all(loops.map((loop) => loop.run()))
  let closing: Promise<void> | undefined
  const end = async () => {
    for (const loop of loops) loop.stop()
    await Promise.race([running, sleep(graceMs, undefined, { ref: false })])
    for (const loop of loops) loop.cut()
    const all = Promise.all([running, listening[Symbol.asyncDispose]()])
    await Promise.race([all, sleep(closingMs, undefined, { ref: false })])
    for (const { close } of options.channels) close()
  }
  const close = () => {
    closing ??= end()
    return closing
  }
  return { close, [Symbol.asyncDispose]: close }
}

/** How long a channel rests after a turn, and whether news end the rest. */
interface Rest {
  readonly ms: number
  readonly wakes: boolean
}

const untilNews: Rest = { ms: pollMs, wakes: true }
const none: Rest = { ms: 0, wakes: true }

/** The deliveries of one channel. */
class Delivery {
  readonly #channel: Channel
  readonly #store: NotifierOptions['store']
  readonly #now: () => number
  readonly #log: (line: string) => void
  readonly #schedule: Timers
  /** Aborted when what is being sent is given up. */
  readonly #cutting = new AbortController()
  #stopped = false
  #enlisted = false
  #news = false
  #wake: () => void = () => undefined
  /** Turns that failed in a row, of the channel and of the store. */
  #failures = 0
  #storeFailed = false
  /** When the sendings of the last minute began, milliseconds of the schedule. */
  #recent: number[] = []

  constructor(channel: Channel, { store, now = Date.now, log, schedule = systemTimers }: NotifierOptions) {
    this.#channel = channel
    this.#store = store
    this.#now = now
    this.#log = log
    this.#schedule = schedule
  }

  wake(): void {
    this.#news = true
    this.#wake()
  }

  /** Begins nothing new. */
  stop(): void {
    this.#stopped = true
    this.#wake()
  }

  cut(): void {
    this.#cutting.abort()
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      this.#news = false
      await this.#pause(await this.#turn())
    }
  }

  async #turn(): Promise<Rest> {
    try {
      const rest = await this.#deliver()
      if (this.#storeFailed) this.#log(`notifications of ${this.#channel.name}: the store answers again`)
      this.#storeFailed = false
      return rest
    } catch (error) {
      if (!this.#storeFailed && !this.#stopped) {
        this.#log(`notifications of ${this.#channel.name} wait for the store: ${failureText(error)}`)
      }
      this.#storeFailed = true
      return { ms: pollMs, wakes: false }
    }
  }

  async #deliver(): Promise<Rest> {
    const { db } = this.#store
    if (!this.#enlisted) await enlist(db, this.#channel)
    this.#enlisted = true
    const full = this.#untilAllowed()
    if (full > 0) return { ms: full, wakes: false }
    await keepUp(db, this.#channel, this.#now())
    const claimed = await claim(db, this.#channel, this.#now())
    if (claimed === undefined) return untilNews
    this.#recent.push(this.#schedule.now())
    const outcome = await this.#send(claimed)
    if (this.#cutting.signal.aborted && outcome.kind === 'retry') {
      await giveBack(db, this.#channel, claimed, this.#now())
      return none
    }
    await settle(db, this.#channel, claimed, outcome, this.#now())
    return this.#restAfter(outcome)
  }

  /** Milliseconds until the channel may send again. */
  #untilAllowed(): number {
    const { perMinute } = this.#channel
    const now = this.#schedule.now()
    this.#recent = this.#recent.filter((at) => at > now - 60_000)
    const [oldest = now] = this.#recent
    return perMinute !== undefined && this.#recent.length >= perMinute ? oldest + 60_000 - now : 0
  }

  /** Sends under a limit of time of its own: a channel that heeds nothing is left alone. */
  async #send({ rows }: Claimed): Promise<Outcome> {
    const ending = new AbortController()
    const signal = AbortSignal.any([this.#cutting.signal, ending.signal])
    const limit = this.#schedule.after(longestSendMs, () => ending.abort())
    const given = new Promise<Outcome>((resolve) => {
      const error = `not done in ${longestSendMs / 1000} s`
      // A moment later: a channel that heeds the signal says better what it waited for.
      signal.addEventListener('abort', () => setTimeout(() => resolve({ kind: 'retry', error }), 100))
    })
    try {
      return await Promise.race([this.#channel.send(rows.map(messageOf), signal), given])
    } catch (error) {
      return { kind: 'retry', error: failureText(error) }
    } finally {
      limit.cancel()
    }
  }

  #restAfter(outcome: Outcome): Rest {
    const { name } = this.#channel
    if (outcome.kind !== 'retry') {
      if (this.#failures > 0) this.#log(`channel ${name} answers again`)
      if (outcome.kind === 'refused') this.#log(`channel ${name} refused a notification: ${outcome.error}`)
      this.#failures = 0
      return none
    }
    if (this.#failures === 0) this.#log(`channel ${name} fails and is tried again: ${outcome.error}`)
    const rest = Math.min(firstRestMs * 2 ** Math.min(this.#failures, 8), longestRestMs)
    this.#failures++
    return { ms: Math.max(rest, outcome.afterMs ?? 0), wakes: false }
  }

  async #pause({ ms, wakes }: Rest): Promise<void> {
    if (this.#stopped || ms === 0 || (wakes && this.#news)) return
    await new Promise<void>((resolve) => {
      const deadline = this.#schedule.after(ms, () => resolve())
      this.#wake = () => {
        if (!wakes && !this.#stopped) return
        deadline.cancel()
        resolve()
      }
    })
    this.#wake = () => undefined
  }
}
