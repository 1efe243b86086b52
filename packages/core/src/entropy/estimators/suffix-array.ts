/**
 * Suffix array of a text over 0..`upper` by induced sorting in linear time (Nong, Zhang, Chan: Two efficient algorithms
 * for linear time suffix array construction, 2011).
 */
export function suffixArray(text: Uint8Array | Int32Array, upper: number): Int32Array {
  const n = text.length
  if (n === 0) return new Int32Array(0)
  if (n === 1) return new Int32Array(1)
  const at = (i: number): number => text[i] ?? 0
  /** 1 where a suffix is smaller than the one behind it. */
  const small = new Uint8Array(n)
  for (let i = n - 2; i >= 0; i--) {
    small[i] = at(i) === at(i + 1) ? (small[i + 1] ?? 0) : at(i) < at(i + 1) ? 1 : 0
  }
  const { largeStart, smallStart } = buckets(text, small, upper)
  /** Positions where a small suffix follows a large one, in order, and their numbers. */
  const numbers = new Int32Array(n).fill(-1)
  let count = 0
  for (let i = 1; i < n; i++) if (small[i] === 1 && small[i - 1] === 0) numbers[i] = count++
  const marks = new Int32Array(count)
  for (let i = 1; i < n; i++) {
    const number = numbers[i] ?? -1
    if (number >= 0) marks[number] = i
  }
  const array = new Int32Array(n)
  induce(text, small, largeStart, smallStart, marks, array)
  if (count === 0) return array
  const sorted = new Int32Array(count)
  let filled = 0
  for (const position of array) if ((numbers[position] ?? -1) >= 0) sorted[filled++] = position
  // Each stretch between marks gets its rank; equal ones share it.
  const reduced = new Int32Array(count)
  const end = (position: number): number => marks[(numbers[position] ?? 0) + 1] ?? n
  let rank = 0
  for (let i = 1; i < count; i++) {
    const left = sorted[i - 1] ?? 0
    const right = sorted[i] ?? 0
    if (!isSame(at, left, end(left), right, end(right), n)) rank++
    reduced[numbers[right] ?? 0] = rank
  }
  const inner = rank + 1 === count ? inverse(reduced) : suffixArray(reduced, rank)
  for (let i = 0; i < count; i++) sorted[i] = marks[inner[i] ?? 0] ?? 0
  induce(text, small, largeStart, smallStart, sorted, array)
  return array
}

/** Ranks that are all different are a suffix array turned around. */
function inverse(ranks: Int32Array): Int32Array {
  const array = new Int32Array(ranks.length)
  for (let i = 0; i < ranks.length; i++) array[ranks[i] ?? 0] = i
  return array
}

/** Where the large and the small suffixes of each first symbol begin; one place more than there are symbols. */
function buckets(text: Uint8Array | Int32Array, small: Uint8Array, upper: number) {
  const large = new Int32Array(upper + 2)
  const smaller = new Int32Array(upper + 2)
  for (let i = 0; i < text.length; i++) {
    const symbol = text[i] ?? 0
    if (small[i] === 1) smaller[symbol] = (smaller[symbol] ?? 0) + 1
    else large[symbol] = (large[symbol] ?? 0) + 1
  }
  const largeStart = new Int32Array(upper + 2)
  const smallStart = new Int32Array(upper + 2)
  let total = 0
  for (let symbol = 0; symbol <= upper + 1; symbol++) {
    largeStart[symbol] = total
    total += large[symbol] ?? 0
    smallStart[symbol] = total
    total += smaller[symbol] ?? 0
  }
  return { largeStart, smallStart }
}

/** Sorts all suffixes, given the order of the marked ones. */
function induce(
  text: Uint8Array | Int32Array,
  small: Uint8Array,
  largeStart: Int32Array,
  smallStart: Int32Array,
  marks: Int32Array,
  array: Int32Array,
): void {
  const n = text.length
  array.fill(-1)
  const next = Int32Array.from(smallStart)
  const put = (symbol: number, position: number): void => {
    const place = next[symbol] ?? 0
    next[symbol] = place + 1
    array[place] = position
  }
  for (const position of marks) put(text[position] ?? 0, position)
  next.set(largeStart)
  put(text[n - 1] ?? 0, n - 1)
  for (let i = 0; i < n; i++) {
    const before = (array[i] ?? 0) - 1
    if (before >= 0 && small[before] === 0) put(text[before] ?? 0, before)
  }
  // The small ones of a symbol end where the large ones of the next begin.
  next.set(largeStart)
  for (let i = n - 1; i >= 0; i--) {
    const before = (array[i] ?? 0) - 1
    if (before < 0 || small[before] === 0) continue
    const symbol = (text[before] ?? 0) + 1
    const place = (next[symbol] ?? 0) - 1
    next[symbol] = place
    array[place] = before
  }
}

function isSame(at: (i: number) => number, left: number, leftEnd: number, right: number, rightEnd: number, n: number) {
  if (leftEnd - left !== rightEnd - right || leftEnd === n || rightEnd === n) return false
  for (let i = 0; i <= leftEnd - left; i++) if (at(left + i) !== at(right + i)) return false
  return true
}

/**
 * How long the common beginning of each suffix and the one before it in the array is; 0 for the first. In linear time
 * (Kasai and others, 2001).
 */
export function commonPrefixes(text: Uint8Array, array: Int32Array): Int32Array {
  const n = text.length
  const rank = inverse(array)
  const common = new Int32Array(n)
  let length = 0
  for (let i = 0; i < n; i++) {
    const place = rank[i] ?? 0
    if (place === 0) {
      length = 0
      continue
    }
    const j = array[place - 1] ?? 0
    while (i + length < n && j + length < n && text[i + length] === text[j + length]) length++
    common[place] = length
    if (length > 0) length--
  }
  return common
}
