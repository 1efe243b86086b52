import { inOrder, type ParseProblem } from './read.ts'

/** Most places that are listed; one is enough to find an editor that writes such characters. */
const maximumPlaces = 20

/**
 * Characters that no text of a person needs: control characters, which no database and no terminal takes, halves of
 * surrogate pairs, which are no characters, and those that turn the direction of writing, by which a text can look other
 * than it reads.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const unwanted = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|\p{Cs}/gu

/** What stands in a text that may not: each place with line and column. */
export function characterProblems(text: string, file: string): readonly ParseProblem[] {
  const problems: ParseProblem[] = []
  let line = 1
  let lineStart = 0
  let scanned = 0
  for (const { 0: character, index } of text.matchAll(unwanted)) {
    for (let next = text.indexOf('\n', scanned); next !== -1 && next < index; next = text.indexOf('\n', scanned)) {
      line++
      lineStart = next + 1
      scanned = lineStart
    }
    const code = character.codePointAt(0) ?? 0
    const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
    const isDirection = code >= 0x202a && code <= 0x2069
    problems.push({
      file,
      line,
      column: index - lineStart + 1,
      path: '',
      message: `the character ${name} may not stand here`,
      expected: isDirection
        ? 'text without marks that turn the direction of writing: they let it look other than it reads'
        : 'text without control characters',
      remedy: 'remove it; an editor that shows invisible characters finds it',
    })
    if (problems.length >= maximumPlaces) break
  }
  return inOrder(problems)
}
