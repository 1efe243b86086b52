/** A generator of 32-bit numbers that gives the same ones for the same seed (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Bytes that lengths, counts and types trip over. */
const telling = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0f, 0x10, 0x7f, 0x80, 0x91, 0xa0, 0xc1, 0xda, 0xfe, 0xff]

type Mutation = (bytes: number[], random: (below: number) => number, other: readonly number[]) => void

const mutations: readonly Mutation[] = [
  // One bit.
  (bytes, random) => {
    const at = random(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
  },
  // One telling byte.
  (bytes, random) => {
    bytes[random(bytes.length)] = telling[random(telling.length)] ?? 0
  },
  // One more or less, as off-by-one lengths are.
  (bytes, random) => {
    const at = random(bytes.length)
    bytes[at] = ((bytes[at] ?? 0) + (random(2) === 0 ? 1 : 255)) & 0xff
  },
  // Cut off.
  (bytes, random) => {
    bytes.length = random(bytes.length)
  },
  // Something taken out.
  (bytes, random) => {
    bytes.splice(random(bytes.length), 1 + random(4))
  },
  // Something put in.
  (bytes, random) => {
    bytes.splice(random(bytes.length + 1), 0, ...Array.from({ length: 1 + random(4) }, () => random(256)))
  },
  // A piece twice.
  (bytes, random) => {
    const from = random(bytes.length)
    bytes.splice(random(bytes.length), 0, ...bytes.slice(from, from + 1 + random(12)))
  },
  // A piece of another message.
  (bytes, random, other) => {
    if (other.length === 0) return
    const from = random(other.length)
    bytes.splice(random(bytes.length), random(6), ...other.slice(from, from + 1 + random(16)))
  },
]

/** A message with one to four changes; `other` lends pieces. */
export function mutate(message: Uint8Array, other: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = [...message]
  const lender = [...other]
  for (let rounds = 1 + random(4); rounds > 0; rounds--) {
    if (bytes.length === 0) break
    mutations[random(mutations.length)]?.(bytes, random, lender)
  }
  return Uint8Array.from(bytes)
}
