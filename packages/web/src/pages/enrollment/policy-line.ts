import type { StateWords } from '../../words/states.ts'

/** A line of an explanation: the verdict, or what one policy said. */
export interface PolicyLine extends StateWords {
  /** How deep it lies below others. */
  readonly depth: number
  /** Policy, or nothing for the verdict itself. */
  readonly policy: string
  readonly reason: string
}

const results: Readonly<Record<string, StateWords>> = {
  grant: { tone: 'good', text: 'Grants' },
  pend: { tone: 'wait', text: 'Waits' },
  deny: { tone: 'bad', text: 'Denies' },
  'not-applicable': { tone: 'none', text: 'Does not apply' },
}

const wordsOf = (result: string): StateWords => results[result] ?? { tone: 'none', text: result }

/** Takes a line apart: `pend: waits for one person`, `  administrator pend: nobody said a word yet`. */
export function policyLine(line: string): PolicyLine {
  const depth = Math.floor((line.length - line.trimStart().length) / 2)
  const text = line.trim()
  const colon = text.indexOf(': ')
  const head = colon < 0 ? text : text.slice(0, colon)
  const reason = colon < 0 ? '' : text.slice(colon + 2)
  if (depth === 0) return { depth, policy: '', reason, ...wordsOf(head) }
  const space = head.lastIndexOf(' ')
  return space < 0
    ? { depth, policy: head, reason, ...wordsOf('') }
    : { depth, policy: head.slice(0, space), reason, ...wordsOf(head.slice(space + 1)) }
}
