import type { Codec } from '../wire/codec.ts'
import { UsageError } from '../errors.ts'

/**
 * How long an unconnected request may take: BYTE priority (bit 4) and time tick (bits 0..3), USINT ticks
 * (Volume 1, 3-5.5.1.3 via cip-security-wire 3.2). Bits 5..7 are zero when written, ignored when read.
 */
export interface UnconnectedTimeout {
  /** Bit 4; normally false. */
  readonly priority: boolean
  /** 0..15: one tick lasts 2^tick milliseconds. */
  readonly tick: number
  /** 0..255. */
  readonly ticks: number
}

/** Codec of {@link UnconnectedTimeout}, 2 bytes. */
export const unconnectedTimeout: Codec<UnconnectedTimeout> = {
  read: (r) => {
    const first = r.u8()
    return { priority: (first & 0x10) !== 0, tick: first & 0x0f, ticks: r.u8() }
  },
  write: (w, value) => {
    if (!Number.isInteger(value.tick) || value.tick < 0 || value.tick > 15) {
      throw new UsageError('bad-value', `expected a time tick 0..15, got ${value.tick}`)
    }
    w.u8(value.tick | (value.priority ? 0x10 : 0))
    w.u8(value.ticks)
  },
}

/** Milliseconds of a timeout: 2^tick times ticks. */
export function timeoutMs(timeout: UnconnectedTimeout): number {
  return 2 ** timeout.tick * timeout.ticks
}

/** The shortest timeout of at least `ms` milliseconds, with the finest tick that reaches it; at most 8,355,840 ms. */
export function timeoutOf(ms: number): UnconnectedTimeout {
  let tick = 0
  while (tick < 15 && 2 ** tick * 255 < ms) tick++
  return { priority: false, tick, ticks: Math.min(255, Math.max(1, Math.ceil(ms / 2 ** tick))) }
}
