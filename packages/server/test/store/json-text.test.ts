import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonText } from '../../src/store/schema.ts'

describe('text for a jsonb column', () => {
  it('has U+FFFD where jsonb knows no character, in keys and values', () => {
    const value = { 'a\u0000': ['b\u0000c', { d: '\ud800x\udc00' }], whole: '\u{1f600}\ufffd' }
    expect(JSON.parse(jsonText(value))).toEqual({
      'a\ufffd': ['b\ufffdc', { d: '\ufffdx\ufffd' }],
      whole: '\u{1f600}\ufffd',
    })
  })

  it('leaves a backslash before what looks like an escape', () => {
    for (const text of ['\\u0000', '\\\\u0000', '\\ud800', '"\\n\u0001\\'])
      expect(JSON.parse(jsonText({ text }))).toEqual({ text })
  })

  it('is the same value for every other one', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        fc.pre(!/\\u(?:0000|d[89a-f])/.test(text))
        expect(jsonText(value)).toBe(text)
      }),
    )
  })
})
