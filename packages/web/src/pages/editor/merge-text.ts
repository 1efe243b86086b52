import { diff } from '@codemirror/merge'

/** A stretch of a merge: settled lines, or a conflict to be chosen. */
export type MergePart =
  | { readonly kind: 'settled'; readonly lines: readonly string[]; readonly by: 'both' | 'mine' | 'theirs' }
  | {
      readonly kind: 'conflict'
      readonly mine: readonly string[]
      readonly base: readonly string[]
      readonly theirs: readonly string[]
    }

/** How a conflict is settled: one side, both in this order, or lines of one's own. */
export type Choice = 'mine' | 'theirs' | 'both' | { readonly own: string }

interface Change {
  readonly from: number
  readonly to: number
  readonly lines: readonly string[]
}

/** Merges two changes of one text. Every line of either side is in the result or in a conflict. */
export function mergeTexts(base: string, mine: string, theirs: string): readonly MergePart[] {
  const baseLines = base.split('\n')
  const left = lineChanges(baseLines, mine.split('\n'))
  const right = lineChanges(baseLines, theirs.split('\n'))
  const parts: MergePart[] = []
  const settle = (lines: readonly string[], by: 'both' | 'mine' | 'theirs') => {
    if (lines.length > 0) parts.push({ kind: 'settled', lines, by })
  }
  let at = 0
  let l = 0
  let r = 0
  while (l < left.length || r < right.length) {
    const from = Math.min(left[l]?.from ?? Number.POSITIVE_INFINITY, right[r]?.from ?? Number.POSITIVE_INFINITY)
    settle(baseLines.slice(at, from), 'both')
    // All changes that touch each other belong to one region.
    let to = from
    const mineHere: Change[] = []
    const theirsHere: Change[] = []
    for (let grown = true; grown; ) {
      grown = false
      for (let change = left[l]; change !== undefined && change.from <= to; change = left[l]) {
        mineHere.push(change)
        to = Math.max(to, change.to)
        l += 1
        grown = true
      }
      for (let change = right[r]; change !== undefined && change.from <= to; change = right[r]) {
        theirsHere.push(change)
        to = Math.max(to, change.to)
        r += 1
        grown = true
      }
    }
    const was = baseLines.slice(from, to)
    const mineLines = applied(baseLines, from, to, mineHere)
    const theirLines = applied(baseLines, from, to, theirsHere)
    if (theirsHere.length === 0) settle(mineLines, 'mine')
    else if (mineHere.length === 0) settle(theirLines, 'theirs')
    else if (sameLines(mineLines, theirLines)) settle(mineLines, 'both')
    else parts.push({ kind: 'conflict', mine: mineLines, base: was, theirs: theirLines })
    at = to
  }
  settle(baseLines.slice(at), 'both')
  return parts
}

/** The merged text with every conflict settled; undefined while one is not. */
export function mergedText(parts: readonly MergePart[], choices: readonly (Choice | undefined)[]): string | undefined {
  const lines: string[] = []
  let conflict = 0
  for (const part of parts) {
    if (part.kind === 'settled') {
      for (const line of part.lines) lines.push(line)
      continue
    }
    const choice = choices[conflict]
    conflict += 1
    if (choice === undefined) return undefined
    if (typeof choice === 'object') lines.push(...(choice.own === '' ? [] : choice.own.split('\n')))
    else if (choice === 'both') lines.push(...part.mine, ...part.theirs)
    else lines.push(...part[choice])
  }
  return lines.join('\n')
}

/** First code unit that stands for a line; surrogates are left out so that none is taken for half a character. */
const firstUnit = 0x20
const surrogates = 0x800

/** Changes from one list of lines to another. Each different line is one character, so that a comparison of texts serves. */
function lineChanges(before: readonly string[], after: readonly string[]): readonly Change[] {
  const units = new Map<string, string>()
  const encode = (lines: readonly string[]) =>
    lines
      .map((line) => {
        const known = units.get(line)
        if (known !== undefined) return known
        const code = firstUnit + units.size
        // More different lines than characters: what is beyond counts as one, and the whole region becomes a change.
        const unit = String.fromCharCode(Math.min(0xffff, code < 0xd800 ? code : code + surrogates))
        units.set(line, unit)
        return unit
      })
      .join('')
  const changes = diff(encode(before), encode(after), { scanLimit: 2000 })
  return changes.map(({ fromA, toA, fromB, toB }) => ({ from: fromA, to: toA, lines: after.slice(fromB, toB) }))
}

function applied(base: readonly string[], from: number, to: number, changes: readonly Change[]): readonly string[] {
  const lines: string[] = []
  let at = from
  for (const change of changes) {
    lines.push(...base.slice(at, change.from), ...change.lines)
    at = change.to
  }
  lines.push(...base.slice(at, to))
  return lines
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index])
}
