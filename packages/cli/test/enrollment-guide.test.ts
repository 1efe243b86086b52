import { readFileSync } from 'node:fs'
import { explainPolicy, listsOf, parseEnrollmentPolicy, parseSerialList } from '@cordon/core/enrollment'
import { describe, expect, it } from 'vitest'
import { everyCommand, fullName, testProgram } from './tree.ts'

const guide = readFileSync(new URL('../../../docs/enrollment.md', import.meta.url), 'utf8')
const [, yaml = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(guide) ?? []

describe('docs/enrollment.md', () => {
  it('has a whole enrollment file with all six policies', () => {
    const { policy, problems } = parseEnrollmentPolicy(yaml, 'enrollment.yaml')
    expect(problems).toEqual([])
    expect(policy && explainPolicy(policy).policies).toHaveLength(6)
    expect(policy && listsOf(policy)).toEqual(['ordered', 'stolen'])
  })

  it('has an inventory that can be read', () => {
    const [, csv = ''] = /^```\n(vendor,[\s\S]*?)^```/m.exec(guide) ?? []
    expect(parseSerialList(csv, 'ordered.csv').list?.entries).toHaveLength(2)
  })

  it('names only commands that there are', () => {
    const known = everyCommand(testProgram()).map(fullName)
    const named = [...guide.matchAll(/cordon (?:enrollment|ca)(?: [a-z]+)+/g)].map(([text]) => text)
    expect(named.length).toBeGreaterThan(10)
    for (const text of named) expect(known.some((name) => text === name || text.startsWith(`${name} `))).toBe(true)
  })
})
