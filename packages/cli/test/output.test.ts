import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Column, pairs, table, wrap } from '../src/output.ts'
import { printable } from '../src/printable.ts'
import { testOutput } from './test-output.ts'

interface Row {
  readonly name: string
  readonly text: string
  readonly note: string
}

const rows: readonly Row[] = [
  { name: 'Line_PLC', text: 'the quick brown fox jumps over the lazy dog', note: 'first' },
  { name: 'Line_IO', text: 'short', note: 'second' },
]
const columns: readonly Column<Row>[] = [
  { title: 'name', value: (row) => row.name },
  { title: 'text', value: (row) => row.text },
  { title: 'note', value: (row) => row.note, rank: 1 },
]

const lines = (text: string): string[] => text.split('\n')
const widest = (text: string): number => Math.max(...lines(stripVTControlCharacters(text)).map((line) => line.length))
const escapeCharacter = String.fromCharCode(0x1b)

describe('a table', () => {
  it('stands in columns under its titles', () => {
    expect(lines(table(testOutput().output, rows, columns))).toEqual([
      'name      text                                         note',
      'Line_PLC  the quick brown fox jumps over the lazy dog  first',
      'Line_IO   short                                        second',
    ])
  })

  it('says what is missing where there are no rows', () => {
    expect(table(testOutput().output, [], columns, 'nobody here')).toBe('nobody here')
  })

  it('leaves out the columns of the highest rank first, and says so', () => {
    const text = table(testOutput({ width: 65 }).output, rows, [
      ...columns,
      { title: 'more', value: () => 'x'.repeat(10), rank: 2 },
    ])
    expect(lines(text)[0]).toBe('name      text                                         note')
    expect(lines(text).at(-1)).toBe('(left out for width: more)')
  })

  it('wraps between words where leaving out is not enough', () => {
    const text = table(testOutput({ width: 40 }).output, rows, columns)
    expect(lines(text)).toEqual([
      'name      text',
      'Line_PLC  the quick brown fox jumps over',
      '          the lazy dog',
      'Line_IO   short',
      '(left out for width: note)',
    ])
  })

  it('becomes a list of values on a very narrow terminal, with nothing left out', () => {
    const text = table(testOutput({ width: 22 }).output, rows, [
      ...columns,
      { title: 'again', value: (row) => row.name },
      { title: 'kind', value: () => 'only where there is room', rank: 1 },
    ])
    expect(lines(text).slice(0, 5)).toEqual([
      'name   Line_PLC',
      'text   the quick brown',
      '       fox jumps over',
      '       the lazy dog',
      'note   first',
    ])
    expect(text).toContain('kind   only where')
    expect(text).not.toContain('left out')
  })

  it('does not show a column that is empty in every row, nor mention it', () => {
    const text = table(testOutput({ width: 20 }).output, rows, [
      { title: 'name', value: (row) => row.name },
      { title: 'problem', value: () => '', rank: 4 },
    ])
    expect(text).not.toContain('problem')
  })

  it('keeps colour out of its widths, and carries it over a line end', () => {
    const { output } = testOutput({ terminal: true, width: 34 })
    const text = table(output, rows, [
      { title: 'name', value: (row) => row.name },
      { title: 'state', value: (row) => output.state('good', row.text) },
    ])
    expect(widest(text)).toBeLessThanOrEqual(34)
    const coloured = lines(text).filter((line) => line.includes(`${escapeCharacter}[32m`))
    expect(coloured.length).toBeGreaterThan(2)
    for (const line of coloured) expect(line.endsWith(`${escapeCharacter}[0m`)).toBe(true)
  })

  it('looks the same with and without colour', () => {
    const draw = (terminal: boolean): string => {
      const { output } = testOutput({ terminal, width: 50 })
      return table(output, rows, [
        { title: 'name', value: (row) => row.name },
        { title: 'state', value: (row) => output.state('warning', row.text) },
      ])
    }
    expect(stripVTControlCharacters(draw(true))).toBe(draw(false))
  })

  it('takes wide characters for two columns', () => {
    const text = table(
      testOutput().output,
      [
        { a: '設備', b: 'x' },
        { a: 'abcd', b: 'y' },
      ],
      [
        { title: 'a', value: (row) => row.a },
        { title: 'b', value: (row) => row.b },
      ],
    )
    expect(lines(text)).toEqual(['a     b', '設備  x', 'abcd  y'])
  })

  it('never lets a cell begin a row of its own or move the cursor', () => {
    const hostile = `A${escapeCharacter}[2K${escapeCharacter}[1A\rB\nFake_Device  ✔ configured\u0007\u009b31m\u202eC`
    const text = table(
      testOutput({ width: 200 }).output,
      [{ name: hostile }],
      [{ title: 'name', value: (row) => row.name }],
    )
    expect(lines(text)).toHaveLength(2)
    expect(text).toContain('A\\x1b[2K\\x1b[1A\\x0dB\\nFake_Device  ✔ configured\\x07\\x9b31m\\u202eC')
  })

  it('fits the terminal, or is a list, whatever the cells hold', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 200 }),
        fc.array(
          fc.tuple(
            fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
            fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
          ),
          { minLength: 1, maxLength: 5 },
        ),
        (width, cells) => {
          const text = table(testOutput({ width }).output, cells, [
            { title: 'one', value: ([one]) => one },
            { title: 'two', value: ([, two]) => two },
            { title: 'three', value: ([one, two]) => `${two}${one}`, rank: 1 },
          ])
          expect(widest(text)).toBeLessThanOrEqual(width)
        },
      ),
    )
  })

  it('loses no character of the columns that it shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 60 }), fc.stringMatching(/^[a-z0-9]{1,120}$/), (width, cell) => {
        const text = table(testOutput({ width }).output, [cell], [{ title: 'T', value: (value) => value }])
        expect(lines(text).slice(1).join('').replaceAll(/\s/g, '')).toBe(cell)
      }),
    )
  })
})

describe('a list of values', () => {
  it('wraps long values beside their names', () => {
    const text = pairs(testOutput({ width: 30 }).output, [
      ['state', 'configured'],
      ['address', '127.0.0.1, mask 255.0.0.0, gateway 0.0.0.0'],
    ])
    expect(lines(text)).toEqual([
      'state    configured',
      'address  127.0.0.1, mask',
      '         255.0.0.0, gateway',
      '         0.0.0.0',
    ])
  })
})

describe('wrapped text', () => {
  it('stays within its width and says the same', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (text, width) => {
          const wrapped = wrap(text, width)
          for (const line of wrapped) expect(line.length).toBeLessThanOrEqual(width)
          expect(wrapped.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
        },
      ),
    )
  })

  it('breaks a word that has no place to break', () => {
    expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij'])
  })
})

describe('printable text', () => {
  it('is all that a document shows: what a request says of itself moves no cursor', () => {
    const { output, stdout } = testOutput({ terminal: true })
    output.document({}, () => `subject CN=a\u009b2J\u202eb${escapeCharacter}]0;x`)
    expect(stdout()).toBe('subject CN=a\\x9b2J\\u202eb\\x1b]0;x\n')
  })

  it('has no control character but line ends and tabs, whatever came in', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.integer({ min: 0, max: 0x2fff }).map((code) => String.fromCharCode(code)),
          maxLength: 60,
        }),
        (text) => {
          const safe = printable(text).replaceAll(new RegExp(`${escapeCharacter}\\[(?:0|1|2|31|32|33)m`, 'g'), '')
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
          expect(safe).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
        },
      ),
    )
  })

  it('leaves ordinary text in any script alone', () => {
    for (const text of ['Blue_L85E', 'Ventil für Öl', '設備 №1', 'ΑΒΓ', '✔ offered']) expect(printable(text)).toBe(text)
  })

  it('keeps half of a surrogate pair from breaking the text', () => {
    expect(printable('a\ud800b')).toBe('a\\ud800b')
  })
})

describe('an output', () => {
  it('prints exactly one JSON document, with big numbers and bytes as text', () => {
    const { output, stdout, stderr } = testOutput({ format: 'json' })
    output.document({ count: 2n ** 64n, bytes: new Uint8Array([1, 255]) }, () => 'not this')
    output.note('beside it')
    expect(JSON.parse(stdout())).toEqual({ count: '18446744073709551616', bytes: '01ff' })
    expect(stderr()).toBe('beside it\n')
  })

  it('prints the same value as YAML', () => {
    const { output, stdout } = testOutput({ format: 'yaml' })
    output.document({ name: '0x10', list: [1, 2], none: null }, () => 'not this')
    expect(parse(stdout())).toEqual({ name: '0x10', list: [1, 2], none: null })
  })

  it('prints nothing for an empty text', () => {
    const { output, stdout } = testOutput()
    output.document({}, () => '')
    expect(stdout()).toBe('')
  })

  it.each([
    ['on a terminal', true, {}, true],
    ['with NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['with an empty NO_COLOR, which says nothing', true, { NO_COLOR: '' }, true],
    ['on a dumb terminal', true, { TERM: 'dumb' }, false],
    ['into a file', false, {}, false],
  ] as const)('colours %s or not as it must', (_, terminal, environment, coloured) => {
    const { output } = testOutput({ terminal, environment })
    expect(output.state('good', 'configured').includes(escapeCharacter)).toBe(coloured)
    expect(output.strong('Devices').includes(escapeCharacter)).toBe(coloured)
    expect(stripVTControlCharacters(output.state('bad', 'refused'))).toBe('✖ refused')
  })

  it('never colours documents for programs', () => {
    const { output } = testOutput({ terminal: true, format: 'json' })
    expect(output.state('good', 'configured')).toBe('✔ configured')
  })

  it('takes its width from COLUMNS, else from the terminal, else 100', () => {
    expect(testOutput({ width: 70, environment: { COLUMNS: '60' } }).output.width).toBe(60)
    expect(testOutput({ width: 70 }).output.width).toBe(70)
    expect(testOutput().output.width).toBe(100)
    for (const COLUMNS of ['', '-1', 'wide', '3'])
      expect(testOutput({ environment: { COLUMNS } }).output.width).toBe(100)
  })

  it('makes notes safe for the terminal', () => {
    const { output, stderr } = testOutput()
    output.note(`device "${escapeCharacter}]0;owned\u0007"`)
    expect(stderr()).toBe('device "\\x1b]0;owned\\x07"\n')
  })
})

describe('a paragraph', () => {
  const text = 'one promise of the policy cannot be enforced'

  it('is broken between words on a terminal, and indented behind its first line', () => {
    const { output } = testOutput({ terminal: true, width: 20 })
    expect(output.paragraph(text, 2)).toBe('one promise of the\n  policy cannot be\n  enforced')
  })

  it('is one line elsewhere, so that a search finds it', () => {
    expect(testOutput({ width: 20 }).output.paragraph(text, 2)).toBe(text)
  })
})

describe('JSON', () => {
  it('holds nothing that a terminal obeys, and means the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (more) => {
        const value = { name: `\u009b2J \u202e \u200f\u2066 \u007f ${more}` }
        const { output, stdout } = testOutput({ format: 'json' })
        output.document(value, () => '')
        expect(JSON.parse(stdout())).toEqual(value)
        expect(stdout()).not.toMatch(/[\u007f-\u009f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/)
      }),
      { numRuns: 100 },
    )
  })
})
