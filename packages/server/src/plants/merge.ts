import { diff3Merge } from 'node-diff3'

/** Lines that two people changed in different ways. */
export interface Conflict {
  /** Which of the two texts of a plant. */
  readonly file: 'plant' | 'simulation'
  /** Where it stands in each text, from 1; where a text has nothing there, the line behind. */
  readonly line: number
  readonly baseLine: number
  readonly theirsLine: number
  /** Lines of who saves, of what both began with, and of who saved meanwhile. */
  readonly mine: readonly string[]
  readonly base: readonly string[]
  readonly theirs: readonly string[]
}

/** What comes of two changes of one text. `too-different`: they cannot be compared within bounds. */
export type TextMerge =
  | { readonly kind: 'merged'; readonly text: string }
  | { readonly kind: 'conflict'; readonly conflicts: readonly Omit<Conflict, 'file'>[]; readonly more: number }
  | { readonly kind: 'too-different' }

/** Most pairs of equal lines that a comparison may look at: lines that repeat make it quadratic. */
const maximumPairs = 4_000_000

/** Most conflicts that are listed, and lines of each side in one. */
const limits = { conflicts: 100, lines: 500 } as const

/** Merges two changes of one text by lines. What both did alike is no conflict. */
export function mergeTexts(base: string, mine: string, theirs: string): TextMerge {
  if (mine === theirs || base === theirs) return { kind: 'merged', text: mine }
  if (base === mine) return { kind: 'merged', text: theirs }
  const [o, a, b] = [base.split('\n'), mine.split('\n'), theirs.split('\n')]
  const { head, tail } = commonEnds(o, a, b)
  const middle = (lines: readonly string[]) => lines.slice(head, lines.length - tail)
  const [old, own, other] = [middle(o), middle(a), middle(b)]
  if (pairsOf(old, own) > maximumPairs || pairsOf(old, other) > maximumPairs) return { kind: 'too-different' }
  const regions = diff3Merge(own, old, other, { excludeFalseConflicts: true })
  const conflicts = regions.flatMap(({ conflict }) => (conflict === undefined ? [] : [conflict]))
  if (conflicts.length > 0) {
    return {
      kind: 'conflict',
      conflicts: conflicts.slice(0, limits.conflicts).map((conflict) => ({
        line: head + conflict.aIndex + 1,
        baseLine: head + conflict.oIndex + 1,
        theirsLine: head + conflict.bIndex + 1,
        mine: conflict.a.slice(0, limits.lines),
        base: conflict.o.slice(0, limits.lines),
        theirs: conflict.b.slice(0, limits.lines),
      })),
      more: Math.max(0, conflicts.length - limits.conflicts),
    }
  }
  const merged = regions.flatMap(({ ok }) => ok ?? [])
  return { kind: 'merged', text: [...o.slice(0, head), ...merged, ...o.slice(o.length - tail)].join('\n') }
}

/** Lines at the beginning and at the end that all have: most of a large text. */
export function commonEnds(
  first: readonly string[],
  ...others: readonly (readonly string[])[]
): { readonly head: number; readonly tail: number } {
  const shortest = Math.min(first.length, ...others.map(({ length }) => length))
  let head = 0
  while (head < shortest && others.every((lines) => lines[head] === first[head])) head++
  let tail = 0
  const last = (lines: readonly string[]) => lines[lines.length - 1 - tail]
  while (tail < shortest - head && others.every((lines) => last(lines) === last(first))) tail++
  return { head, tail }
}

/** How many pairs of equal lines two texts have. */
function pairsOf(one: readonly string[], other: readonly string[]): number {
  const counts = new Map<string, number>()
  for (const line of one) counts.set(line, (counts.get(line) ?? 0) + 1)
  let pairs = 0
  for (const line of other) pairs += counts.get(line) ?? 0
  return pairs
}
