import { checkIds } from '@cordon/core/verification'
import { messageCodes } from '@cordon/core/deployment'
import { doctorCodes } from '@cordon/node/doctor'
import { weakSpotCodes, weakSpotTable } from '@cordon/node/scan'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { messagesDocument } from '../src/messages-document.ts'

const page = new URL('../../../docs/messages.md', import.meta.url)

describe('the page of messages', () => {
  it('is printed in docs/messages.md', () => {
    if (process.env['CORDON_WRITE_DOCS'] !== undefined) writeFileSync(page, messagesDocument())
    expect(readFileSync(page, 'utf8')).toBe(messagesDocument())
  })

  it('explains every code that plans, deployments, verifications, the ladder and scans have', () => {
    const headings = new Set([...messagesDocument().matchAll(/^#### (.+)$/gm)].map(([, code]) => code))
    for (const code of [...messageCodes, ...checkIds, ...doctorCodes, ...weakSpotCodes])
      expect(headings).toContain(code)
  })

  it('gives each of them a cause and a next step', () => {
    const parts = messagesDocument()
      .split(/^#### /m)
      .slice(1)
    for (const part of parts) expect(part).toMatch(/^\S+\n\n[^\n]+\n\nCause: [^\n]+[.`]\n\nNext step: [^\n]+[.`]\n/)
  })

  it('knows weak spots by codes in alphabetical order, each in whole sentences', () => {
    expect(weakSpotCodes).toEqual([...weakSpotCodes].sort())
    expect(doctorCodes).toHaveLength(new Set(doctorCodes).size)
    for (const code of weakSpotCodes) {
      const { title, cause, next } = weakSpotTable[code]
      expect(title, code).toMatch(/^[a-zA-Z].*[^.]$/)
      expect(cause, code).toMatch(/^[A-Z0-9].*\.$/)
      expect(next, code).toMatch(/^[A-Z].*[.`]$/)
    }
  })
})

describe('a code that is in no table', () => {
  it('does not compile', () => {
    // @ts-expect-error: a weak spot must be a row of its table
    const spot: (typeof weakSpotCodes)[number] = 'no-such-spot'
    // @ts-expect-error: a message of the ladder must be a row of its table
    const rung: (typeof doctorCodes)[number] = 'no-such-message'
    // @ts-expect-error: a message of a deployment must be a row of its table
    const message: (typeof messageCodes)[number] = 'no-such-message'
    expect([spot, rung, message].some((code) => messagesDocument().includes(`#### ${code}\n`))).toBe(false)
  })
})
