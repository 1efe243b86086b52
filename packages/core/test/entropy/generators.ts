/** A generator of 32-bit numbers with a fixed seed (xorshift128), so that a test always sees the same samples. */
export function seeded(seed: number): () => number {
  let [a, b, c, d] = [seed | 1, 0x9068ffff, 0x3c6ef372, seed ^ 0x5bf03635]
  const next = (): number => {
    const t = a ^ (a << 11)
    ;[a, b, c] = [b, c, d]
    d = d ^ (d >>> 19) ^ (t ^ (t >>> 8))
    return d >>> 0
  }
  for (let i = 0; i < 32; i++) next()
  return next
}

/** Evenly spread samples of so many bits. */
export function uniform(count: number, width: number, seed = 1): Uint8Array {
  const next = seeded(seed)
  return Uint8Array.from({ length: count }, () => next() >>> (32 - width))
}

/** Bits that are 1 with a probability. */
export function biased(count: number, one: number, seed = 1): Uint8Array {
  const next = seeded(seed)
  return Uint8Array.from({ length: count }, () => (next() < one * 2 ** 32 ? 1 : 0))
}

/** Bits that repeat the last one with a probability: a Markov chain of two states. */
export function sticky(count: number, stay: number, seed = 1): Uint8Array {
  const next = seeded(seed)
  let last = 0
  return Uint8Array.from({ length: count }, () => {
    if (next() >= stay * 2 ** 32) last = 1 - last
    return last
  })
}
