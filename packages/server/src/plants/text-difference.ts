import { createTwoFilesPatch } from 'diff'
import { commonEnds } from './merge.ts'

/** What two texts differ in, as a unified difference. */
export interface TextDifference {
  /** Empty where they are equal; undefined where it would be longer than 4 MiB. */
  readonly text: string | undefined
  /** The search for the smallest difference was given up: everything between the first and the last changed line is in it. */
  readonly isCoarse: boolean
}

/** Longest difference in characters that is handed out. */
export const longestDifference = 4 * 1024 * 1024

/** Milliseconds and changed lines after which the search for the smallest difference is given up. */
const limits = { timeout: 2_000, maxEditLength: 20_000 } as const

/** Compares two texts by lines. */
export function textDifference(from: string, to: string, names: readonly [string, string]): TextDifference {
  if (from === to) return { text: '', isCoarse: false }
  const patch = createTwoFilesPatch(names[0], names[1], from, to, undefined, undefined, { context: 3, ...limits })
  // The line of `=` before the names is for lists of many files.
  const text = patch?.replace(/^=+\n/, '') ?? coarsePatch(from, to, names)
  return { text: text.length > longestDifference ? undefined : text, isCoarse: patch === undefined }
}

function coarsePatch(from: string, to: string, names: readonly [string, string]): string {
  const [old, fresh] = [from.split('\n'), to.split('\n')]
  const { head, tail } = commonEnds(old, fresh)
  const [gone, come] = [old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)]
  return [
    `--- ${names[0]}`,
    `+++ ${names[1]}`,
    `@@ -${head + 1},${gone.length} +${head + 1},${come.length} @@`,
    ...gone.map((line) => `-${line}`),
    ...come.map((line) => `+${line}`),
    '',
  ].join('\n')
}
