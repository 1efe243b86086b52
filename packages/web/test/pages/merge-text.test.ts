import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergedText, mergeTexts } from '../../src/pages/editor/merge-text.ts'

const base = 'one\ntwo\nthree\nfour\nfive\n'

describe('a merge of two changes', () => {
  it('takes both where they are apart', () => {
    const parts = mergeTexts(base, base.replace('one', 'ONE'), base.replace('five', 'FIVE'))
    expect(mergedText(parts, [])).toBe('ONE\ntwo\nthree\nfour\nFIVE\n')
  })

  it('asks where both changed the same line, and takes what is chosen', () => {
    const parts = mergeTexts(base, base.replace('three', 'mine'), base.replace('three', 'theirs'))
    expect(parts.filter(({ kind }) => kind === 'conflict')).toEqual([
      { kind: 'conflict', mine: ['mine'], base: ['three'], theirs: ['theirs'] },
    ])
    expect(mergedText(parts, [undefined])).toBeUndefined()
    expect(mergedText(parts, ['mine'])).toBe(base.replace('three', 'mine'))
    expect(mergedText(parts, ['theirs'])).toBe(base.replace('three', 'theirs'))
    expect(mergedText(parts, ['both'])).toBe(base.replace('three', 'mine\ntheirs'))
    expect(mergedText(parts, [{ own: 'other' }])).toBe(base.replace('three', 'other'))
  })

  it('takes the same change once', () => {
    const changed = base.replace('two', '2')
    expect(mergedText(mergeTexts(base, changed, changed), [])).toBe(changed)
  })

  it('asks where one removed what the other changed', () => {
    const parts = mergeTexts(base, base.replace('three\n', ''), base.replace('three', '3'))
    expect(mergedText(parts, ['theirs'])).toBe(base.replace('three', '3'))
    expect(mergedText(parts, ['mine'])).toBe(base.replace('three\n', ''))
  })

  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 14 }).map((lines) => lines.join('\n'))

  it('gives one side whole where every conflict goes to it and the other changed nothing else', () => {
    fc.assert(
      fc.property(text, text, (before, mine) => {
        expect(mergedText(mergeTexts(before, mine, before), [])).toBe(mine)
        expect(mergedText(mergeTexts(before, before, mine), [])).toBe(mine)
        expect(mergedText(mergeTexts(before, mine, mine), [])).toBe(mine)
      }),
    )
  })

  it('loses no line that only one side added', () => {
    fc.assert(
      fc.property(text, text, text, (before, mine, theirs) => {
        const parts = mergeTexts(before, `${mine}\nadded by me`, `added by them\n${theirs}`)
        const seen = parts.flatMap((part) => (part.kind === 'settled' ? part.lines : [...part.mine, ...part.theirs]))
        expect(seen).toContain('added by me')
        expect(seen).toContain('added by them')
      }),
    )
  })
})
