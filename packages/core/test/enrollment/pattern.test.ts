import { compilePattern } from '@cordon/core/enrollment'
import { describe, expect, test } from 'vitest'
import { fc } from '../policy/properties.ts'

describe('a pattern', () => {
  test.each([
    ['(?<product>[^()]{1,40}) \\((?<serial>[0-9A-Fa-f]{8})\\)', '1756-L85E/B (00e17387)', true],
    ['^(?<vendor>[0-9A-Fa-f]{4})-(?<serial>[0-9A-Fa-f]{8})$', '0001-00E17387', true],
    ['PC-\\d{1,4}', 'PC-12', true],
    ['PC-\\d{1,4}', 'xPC-12', false],
    ['PC-\\d{1,4}', 'PC-12\n', false],
    ['a|bc', 'bc', true],
    ['a|bc', 'ac', false],
    ['(?:ab){2,3}', 'ababab', true],
    ['x?y', 'y', true],
    ['.', '😀', true],
    ['[\\w.-]{1,20}', 'a.b-c', true],
  ])('%s against %j: %s', (source, text, expected) => {
    expect(compilePattern(source).pattern?.test(text)).toBe(expected)
  })

  test.each([
    ['a*', 1, /has no end/],
    ['a+b', 1, /has no end/],
    ['(a|a){1,100}x', 5, /too many ways/],
    ['(?:a?){20}', 6, /too many ways/],
    ['[a-z]{0,100}[a-z]{0,100}[a-z]{0,100}', 24, /too many ways/],
    ['a{1,}', 1, /repetition with an end/],
    ['a{3,2}', 1, /ends before it begins/],
    ['a{2}{3}', 4, /repetition of a repetition/],
    ['a??', 2, /repetition of a repetition/],
    ['(?=a)b', 0, /look-around/],
    ['(?<!a)b', 0, /look-around/],
    ['(a)\\1', 3, /references/],
    ['\\b', 0, /references/],
    ['[a', 0, /class/],
    ['(a', 2, /closing bracket/],
    ['a)', 1, /without an opening one/],
    ['a$b', 1, /ends only/],
    ['{2}', 0, /repeats nothing/],
    ['[z-a]', 0, /not a regular expression/],
    ['.{513}', 1, /more than 512/],
    ['x'.repeat(201), 200, /at most 200/],
    ['('.repeat(10), 8, /more than 8 groups/],
  ])('%s is refused at character %i', (source, at, reason) => {
    const result = compilePattern(source)
    expect(result.pattern).toBeUndefined()
    expect(result).toMatchObject({ at })
    expect(result.problem).toMatch(reason)
  })

  test('that is accepted never runs long, whatever the text', () => {
    const piece = fc.constantFrom(
      'a',
      '[ab]',
      '.',
      '(?:a|b)',
      '(?:a|a)',
      'a?',
      '[ab]{0,9}',
      'a{1,20}',
      '(?:a{0,3}){0,3}',
      'b',
      '|',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(250), (pieces, length) => {
        const { pattern } = compilePattern(pieces.join(''))
        if (pattern === undefined) return
        const start = performance.now()
        pattern.test(`${'a'.repeat(length)}!`)
        // 10 000 ways take milliseconds; what backtracks without bound takes hours.
        expect(performance.now() - start).toBeLessThan(2000)
      }),
      { numRuns: 500 },
    )
  })

  test('of any text is compiled or refused with a place in it', () => {
    fc.assert(
      fc.property(fc.string(), (source) => {
        const result = compilePattern(source)
        if (result.problem === undefined) expect(result.pattern.source.startsWith('^(?:')).toBe(true)
        else expect(result.at).toBeLessThanOrEqual(source.length)
      }),
    )
  })
})
