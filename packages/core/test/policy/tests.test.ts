import { runTests } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { indexOf, twoZones } from './plants.ts'

function run(statement: string) {
  const [result] = runTests(indexOf(`${twoZones}tests:\n  - ${statement}\n`))
  if (result === undefined) throw new Error('the plant has a test')
  return result
}

describe('a statement about the policy', () => {
  test.each([
    ['{ from: A1, to: B1, messaging: confidentiality, io: integrity }'],
    ['{ from: A1, to: B1, access: secure, authentication: certificate }'],
    ['{ from: A1, to: A2, messaging: integrity }'],
    ['{ from: A1, to: Manager, access: denied }'],
    ['{ from: Manager, to: A1, io: deny }'],
  ])('holds: %s', (statement) => {
    const result = run(statement)
    expect(result).toMatchObject({ verdict: 'pass', path: 'tests[0]' })
    expect(result.reason).toContain('messages')
  })

  test.each([
    ['{ from: A1, to: B1, messaging: integrity }', 'expected messages with integrity'],
    ['{ from: A1, to: B1, io: confidentiality }', 'expected I/O with confidentiality'],
    ['{ from: A1, to: B1, access: denied }', 'expected no access'],
    ['{ from: A1, to: B1, access: plain }', 'expected plain access'],
    ['{ from: A1, to: Manager, access: secure }', 'expected secure access'],
    ['{ from: A1, to: B1, authentication: psk }', 'expected authentication by psk'],
    ['{ from: A1, to: Manager, authentication: certificate }', 'expected authentication by certificate'],
    ['{ from: Manager, to: A1, access: denied }', 'expected no access'],
  ])('fails, and says what was found and on what it rests: %s', (statement, reason) => {
    const result = run(statement)
    expect(result.verdict).toBe('fail')
    expect(result.reason).toContain(reason)
    expect(result.reason).toMatch(/found: messages .*\(.+\); I\/O .*\(.+\)/)
  })

  test('about a name that does not exist fails, although nobody could reach it', () => {
    const result = run('{ from: A1, to: Gone, access: denied }')
    expect(result.verdict).toBe('fail')
    expect(result.reason).toContain('there is no device or range Gone')
  })

  test('keeps its place when it stands for several pairs', () => {
    const results = runTests(
      indexOf(
        `${twoZones}tests:\n  - { from: A1, to: B1, access: secure }\n  - { from: [A1, A2], to: right, access: denied }\n`,
      ),
    )
    expect(results.map((result) => [result.path, result.test.from, result.test.to, result.verdict])).toEqual([
      ['tests[0]', 'A1', 'B1', 'pass'],
      ['tests[1]', 'A1', 'B1', 'fail'],
      ['tests[1]', 'A1', 'B2', 'fail'],
      ['tests[1]', 'A1', 'Manager', 'pass'],
      ['tests[1]', 'A2', 'B1', 'fail'],
      ['tests[1]', 'A2', 'B2', 'fail'],
      ['tests[1]', 'A2', 'Manager', 'pass'],
    ])
  })
})
