import {
  type Message,
  message,
  messageCodes,
  messageTable,
  outcomeOf,
  printMessages,
  worst,
} from '@cordon/core/deployment'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = new URL('../../../../docs/messages.md', import.meta.url)

describe('the table of messages', () => {
  test('begins docs/messages.md, which goes on with what higher layers say', () => {
    expect(readFileSync(page, 'utf8').startsWith(printMessages())).toBe(true)
  })

  test('prints the sections of other parts after its own', () => {
    const entry = { severity: 'warning', title: 'it leaks', cause: 'Rust.', next: 'Seal {subject}.' } as const
    const text = printMessages([{ title: 'Roofs', text: 'All roofs.', table: { leak: entry } }])
    expect(text).toMatch(
      /\n## Roofs\n\nAll roofs\.\n\n### Warnings\n\n#### leak\n\nIt leaks\.\n\nCause: Rust\.\n\nNext step: Seal DEVICE\.\n$/,
    )
  })

  test('names a cause and a next step for each code, in whole sentences', () => {
    for (const code of messageCodes) {
      const { title, cause, next } = messageTable[code]
      expect(title, code).toMatch(/^[a-z].*[^.]$/)
      expect(cause, code).toMatch(/^[A-Z0-9].*\.$/)
      expect(next, code).toMatch(/^[A-Z].*\.$/)
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    }
  })

  test('is in alphabetical order, so that a code is found', () => {
    expect(messageCodes).toEqual([...messageCodes].sort())
  })

  test('speaks of the subject by name', () => {
    const made = message('self-signed-first-contact', 'Green_1', 'CN=Example')
    expect(made.text).toBe('Green_1: the default certificate is self-signed and proves nothing')
    expect(made.next).toContain('Green_1')
    expect(made.next).not.toContain('{subject}')
    expect(made.evidence).toBe('CN=Example')
  })
})

describe('an outcome', () => {
  const of = (...codes: Message['code'][]) => outcomeOf(codes.map((code) => message(code, 'x', '')))

  test('is not complete with an error, complete with warnings with a warning, complete otherwise', () => {
    expect(of()).toBe('complete')
    expect(of('nothing-to-do')).toBe('complete')
    expect(of('nothing-to-do', 'not-enforceable')).toBe('complete-with-warnings')
    expect(of('not-enforceable', 'unreachable')).toBe('not-complete')
  })

  test('of a whole is the worst of its parts', () => {
    expect(worst([])).toBe('complete')
    expect(worst(['complete', 'complete-with-warnings', 'complete'])).toBe('complete-with-warnings')
    expect(worst(['complete-with-warnings', 'not-complete', 'complete'])).toBe('not-complete')
  })
})
