import { readFileSync, writeFileSync } from 'node:fs'
import {
  catalogueText,
  caseGroups,
  conformanceCases,
  groupsInOrder,
  selectCases,
  unknownNames,
} from '@cordon/core/conformance'
import { describe, expect, it } from 'vitest'

const page = new URL('../../../../docs/conformance.md', import.meta.url)
const begin = '<!-- cases: begin -->'
const end = '<!-- cases: end -->'

describe('the catalogue of cases', () => {
  it('has each id once, in its group, and at least 150 of them', () => {
    const ids = conformanceCases.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThanOrEqual(150)
    for (const { id, group } of conformanceCases) expect(id).toMatch(new RegExp(`^${group}\\.[a-z0-9-]+$`))
  })

  it('says of every case on what section of the reference it rests', () => {
    for (const { source } of conformanceCases) expect(source).toMatch(/^cip-security-wire \d/)
  })

  it('has cases of every group', () => {
    expect(new Set(conformanceCases.map(({ group }) => group))).toEqual(new Set(Object.keys(caseGroups)))
    expect(groupsInOrder).toEqual(Object.keys(caseGroups))
  })

  it('lets cases that change something be told from those that only ask', () => {
    const setters = conformanceCases.filter(({ title }) => /cannot be set|Begin_Config|Create|Delete|Reset/.test(title))
    expect(setters.length).toBeGreaterThan(50)
    expect(setters.filter(({ kind }) => kind === 'read').map(({ id }) => id)).toEqual([])
  })

  it('is selected by group, by id and by how ids begin', () => {
    expect(new Set(selectCases(['packets']).map(({ group }) => group))).toEqual(new Set(['packets']))
    expect(selectCases(['tls.version-1-0'])).toHaveLength(1)
    expect(selectCases(['tls.version*']).length).toBeGreaterThan(4)
    expect(unknownNames(['packets', 'nonsense', 'tls.x*'])).toEqual(['nonsense', 'tls.x*'])
  })

  it('is printed in docs/conformance.md', () => {
    const text = readFileSync(page, 'utf8')
    const [before, rest = ''] = text.split(begin)
    const [, after] = rest.split(end)
    const wanted = `${before}${begin}\n\n${catalogueText()}\n\n${end}${after}`
    if (process.env['CORDON_UPDATE_DOCS'] === '1') writeFileSync(page, wanted)
    expect(readFileSync(page, 'utf8')).toBe(wanted)
  })
})
