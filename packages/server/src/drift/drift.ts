import { NotAllowed, TransportError } from '@cordon/core/errors'
import { setTimeout as sleep } from 'node:timers/promises'
import { comparePlant, type DriftRequest } from './compare.ts'
import { type KeptComparison, keepComparison } from './keep.ts'
import { Turn } from './turn.ts'

/** Milliseconds to wait, cut short by a signal. */
export type Wait = (ms: number, signal: AbortSignal | undefined) => Promise<void>

/** How a plant is watched. */
export interface WatchOptions {
  /** Milliseconds from the beginning of one comparison to that of the next; default 15 minutes, at least one second. */
  readonly intervalMs?: number
  /** A comparison was made and kept. */
  readonly onComparison?: (comparison: KeptComparison) => void
  /** One failed as a whole; the next is made when it is due. */
  readonly onFailure?: (error: Error) => void
  /** Waits; the machine's clock unless told. */
  readonly wait?: Wait
  /** From 0 to 1, for the jitter; `Math.random` unless told. */
  readonly random?: () => number
}

/** Deviation: how often a plant is compared is nobody's rule (ours). */
export const defaultIntervalMs = 15 * 60_000
const leastIntervalMs = 1000
/** Share of the interval by which comparisons are spread, so that several plants do not all read at once. */
const jitter = 0.1
/** How long another process's comparison is waited for between looks, milliseconds. */
const pollMs = 1000

const machineWait: Wait = async (ms, signal) => {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    if (signal?.aborted !== true) throw error
  })
}

/**
 * Compares a plant with its model once, now, and keeps the result. While another process compares the same plant it
 * waits for its turn.
 *
 * @throws UsageError `missing` for a state that deployed nothing
 * @throws TransportError `aborted` when it was cancelled, or what the store fails with
 */
export async function compareOnce(request: DriftRequest, wait: Wait = machineWait): Promise<KeptComparison> {
  const { signal } = request.options ?? {}
  for (;;) {
    if (signal?.aborted === true) throw new TransportError('aborted', 'the comparison was cancelled')
    const turn = await Turn.take(request.store, request.plant.name, false)
    if (turn instanceof Turn) return await compareInTurn(request, turn, undefined)
    await wait(Math.min(pollMs, Math.max(50, turn.waitMs)), signal)
  }
}

async function compareInTurn(request: DriftRequest, turn: Turn, nextAt: Date | undefined): Promise<KeptComparison> {
  try {
    const comparison = await comparePlant(request)
    return await keepComparison(request.store, comparison, turn.owner, nextAt)
  } finally {
    await turn[Symbol.asyncDispose]()
  }
}

/**
 * Compares a plant with its model every interval until it is cancelled by the signal of the request. Of several processes
 * that watch one plant each comparison is made by one.
 *
 * @throws UsageError `missing` for a state that deployed nothing
 */
export async function watchDrift(request: DriftRequest, options: WatchOptions = {}): Promise<void> {
  const { onComparison, onFailure, wait = machineWait, random = Math.random } = options
  const intervalMs = Math.max(leastIntervalMs, options.intervalMs ?? defaultIntervalMs)
  const { signal } = request.options ?? {}
  const isOver = (): boolean => signal?.aborted === true
  while (!isOver()) {
    const spread = 1 + jitter * (2 * random() - 1)
    const turn = await Turn.take(request.store, request.plant.name, true)
    if (!(turn instanceof Turn)) {
      // Another process may end early: what is due then is found by looking again.
      await wait(Math.min(turn.busy ? pollMs : turn.waitMs + 1, intervalMs), signal)
      continue
    }
    const nextAt = new Date(Date.now() + intervalMs * spread)
    try {
      onComparison?.(await compareInTurn(request, turn, nextAt))
    } catch (error) {
      if (isOver()) return
      const isPassing = error instanceof TransportError || error instanceof NotAllowed
      if (!isPassing) throw error
      onFailure?.(error)
      await wait(intervalMs, signal)
    }
  }
}
