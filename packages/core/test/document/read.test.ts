import { maximumFileLength, type ParseProblem, parsePlant } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { fc } from '../policy/properties.ts'

const head =
  'version: 1\nplant: p\nzones:\n  z: { authentication: certificate }\ndevices:\n  A: { address: 192.0.2.1, zone: z }\n'

function problemsOf(text: string): readonly ParseProblem[] {
  const result = parsePlant(text, 'plant.yaml')
  expect(result.plant === undefined).toBe(result.problems.length > 0)
  return result.problems
}

describe('a problem of form', () => {
  test.each([
    [
      'an unknown key',
      `${head}zonse: {}\n`,
      { line: 7, column: 1, path: 'zonse', message: '"zonse" is unknown here', remedy: 'did you mean `zones`?' },
    ],
    ['an unknown key that resembles nothing', `${head}colour: red\n`, { line: 7, path: 'colour', remedy: 'remove it' }],
    [
      'an unknown key deep inside',
      head.replace('zone: z', 'zone: z, adress: 1'),
      { line: 6, column: 37, path: 'devices.A.adress', remedy: 'did you mean `address`?' },
    ],
    [
      'a key twice',
      `${head}plant: q\n`,
      { line: 7, column: 1, path: 'plant', message: '"plant" stands here twice', expected: 'each key once' },
    ],
    ['a device twice', `${head}  A: { address: 192.0.2.2, zone: z }\n`, { line: 7, column: 3, path: 'devices.A' }],
    [
      'a missing key',
      head.replace('plant: p\n', ''),
      { line: 1, column: 1, message: '"plant" is missing', remedy: 'add `plant:`' },
    ],
    [
      'a missing key deep inside',
      head.replace(', zone: z', ''),
      { line: 6, column: 6, path: 'devices.A', message: '"zone" is missing' },
    ],
    [
      'a wrong type',
      head.replace('{ authentication: certificate }', 'certificate'),
      {
        line: 4,
        column: 6,
        path: 'zones.z',
        message: 'zones.z: found "certificate"',
        expected: 'a mapping (`key: value`)',
      },
    ],
    [
      'a list where a mapping belongs',
      head.replace('{ authentication: certificate }', '[certificate]'),
      { line: 4, path: 'zones.z', message: 'zones.z: found a list' },
    ],
    [
      'no value',
      `${head}conduits:\n`,
      { line: 7, path: 'conduits', message: 'conduits: found nothing', expected: 'a list' },
    ],
    [
      'a bad address',
      head.replace('192.0.2.1', '192.0.2.256'),
      { line: 6, column: 17, path: 'devices.A.address', message: 'devices.A.address: found "192.0.2.256"' },
    ],
    [
      'an address with a leading zero',
      head.replace('192.0.2.1', '192.0.2.01'),
      { path: 'devices.A.address', expected: 'an IPv4 address such as 192.0.2.17, without leading zeros' },
    ],
    [
      'a bad name',
      head.replace('  A:', '  1A:'),
      { line: 6, column: 3, message: '"1A" is not a name that may stand here' },
    ],
    [
      'a name that names something in every object',
      head.replace('  A:', '  __proto__:'),
      { message: '"__proto__" is not a name that may stand here' },
    ],
    [
      'a wrong word',
      head.replace('certificate', 'certificates'),
      { line: 4, column: 24, path: 'zones.z.authentication', expected: 'one of certificate, psk, none' },
    ],
    [
      'a wrong version',
      head.replace('version: 1', 'version: 2'),
      { line: 1, column: 10, path: 'version', expected: '1', remedy: 'write `version: 1`' },
    ],
    ['a version as text', head.replace('version: 1', 'version: "1"'), { line: 1, path: 'version' }],
    [
      'a list that is too short',
      `${head}conduits: [{ between: [z] }]\n`,
      {
        line: 7,
        column: 23,
        path: 'conduits[0].between',
        message: 'conduits[0].between: found 1 items',
        expected: 'a list of two names',
      },
    ],
    [
      'a tab',
      'version: 1\nplant: p\nzones:\n\tz: {}\n',
      { line: 4, expected: 'spaces', remedy: 'indent with spaces, YAML does not allow tabs' },
    ],
    [
      'an open bracket',
      head.replace('zone: z }', 'zone: z'),
      { expected: expect.stringContaining('closing') as string },
    ],
    [
      'an alias',
      head
        .replace('  A: { address', '  B: &b { address: 192.0.2.9, zone: z }\n  A: { address')
        .replace('zone: z }\n', 'zone: z }\n  C: *b\n'),
      { message: expect.stringContaining('anchor') as string },
    ],
    ['a tag', head.replace('plant: p', 'plant: !!binary cA=='), { line: 2, remedy: 'remove the `!` tag' }],
    ['two documents', `${head}---\n${head}`, { expected: 'one document' }],
    ['an empty file', '', { line: 1, column: 1, message: 'the file is empty' }],
    ['a file of comments', '# nothing\n', { line: 1, column: 1 }],
    [
      'a file that is no mapping',
      'just text\n',
      {
        line: 1,
        column: 1,
        message: 'found "just text"',
        expected: 'a mapping with version, plant, zones and devices',
      },
    ],
    ['a key that is a list', `${head}? [a, b]\n: c\n`, { path: '' }],
    [
      'a number too large',
      head.replace('zone: z', 'zone: z, expect: { serial: 0x100000000 }'),
      { path: 'devices.A.expect.serial', expected: 'a whole number from 0 to 4294967295' },
    ],
    [
      'a fraction for a whole number',
      head.replace('zone: z', 'zone: z, expect: { serial: 1.5 }'),
      { path: 'devices.A.expect.serial' },
    ],
    ['infinity', head.replace('zone: z', 'zone: z, expect: { serial: .inf }'), { path: 'devices.A.expect.serial' }],
  ])('%s is found at its place, with what was expected and a remedy', (_, text, expected) => {
    const problems = problemsOf(text)
    expect(problems).toContainEqual(expect.objectContaining({ file: 'plant.yaml', ...expected }))
    for (const problem of problems) expect(problem.remedy.length).toBeGreaterThan(0)
  })

  test('does not hide the others: all are told at once, in order', () => {
    const text = `version: 2\nplant: 1st\nzones:\n  z: { authentication: none, close: [44818] }\ndevices:\n  A: { address: x, zone: z, colour: red }\nextra: 1\n`
    const problems = problemsOf(text)
    expect(problems.map((problem) => problem.path)).toEqual([
      'version',
      'plant',
      'zones.z.close[0]',
      'devices.A.address',
      'devices.A.colour',
      'extra',
    ])
    expect(problems.map((problem) => problem.line)).toEqual([1, 2, 4, 6, 6, 7])
  })

  test('in a flood is listed shortly', () => {
    const text = head + Array.from({ length: 5000 }, (_, place) => `wrong${place}: 1\n`).join('')
    const problems = problemsOf(text)
    expect(problems).toHaveLength(201)
    expect(problems.at(-1)?.message).toBe('and 4800 more problems')
  })

  test('never repeats long or unprintable text', () => {
    const [first] = problemsOf(head.replace('192.0.2.1', `"\\e[31m${'x'.repeat(150)}"`))
    expect(first?.message.length).toBeLessThan(120)
    for (const problem of problemsOf(`${head}"\\x9b\\u2028evil": 1\n`))
      expect(problem.message).not.toMatch(/[\p{Cc}\u2028]/u)
  })
})

describe('hostile text', () => {
  test.each([
    ['a file beyond the limit', ' '.repeat(maximumFileLength + 1), 'characters'],
    ['a million open brackets', '['.repeat(1_000_000), 'nested too deeply'],
    ['a million open braces', '{a: '.repeat(1_000_000), 'nested too deeply'],
    ['a million list marks on a line', '- '.repeat(1_000_000), 'nested too deeply'],
    ['a million question marks on a line', '? '.repeat(1_000_000), 'nested too deeply'],
    ['brackets line by line', '[\n'.repeat(200_000), 'nested too deeply'],
    ['brackets hidden behind keys at the left', `${'k: [\nk2: {\n'.repeat(20_000)}`, ''],
    [
      'a staircase of keys',
      Array.from({ length: 3000 }, (_, depth) => `${' '.repeat(depth)}k:`).join('\n'),
      'nested too deeply',
    ],
    [
      'an alias bomb',
      `${Array.from({ length: 30 }, (_, place) => `a${place}: &a${place} [${place === 0 ? '1' : Array.from({ length: 10 }, () => `*a${place - 1}`).join(', ')}]`).join('\n')}\n`,
      '',
    ],
    ['an alias to itself', 'a: &a [*a]\n', ''],
    ['thirty thousand different keys', Array.from({ length: 30_000 }, (_, place) => `k${place}: 1`).join('\n'), ''],
    ['thirty thousand equal keys', 'k: 1\n'.repeat(30_000), ''],
    ['one line of a million letters', 'a'.repeat(1_000_000), ''],
    [
      'a megabyte of noise',
      Array.from({ length: 1_000_000 }, (_, place) => String.fromCharCode(32 + ((place * 7919) % 95))).join(''),
      '',
    ],
    ['null characters', '\0'.repeat(100_000), ''],
  ])('gives problems and ends: %s', (_, text, message) => {
    const problems = problemsOf(text)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.length).toBeLessThanOrEqual(201)
    expect(problems.some((problem) => problem.message.includes(message))).toBe(true)
  })

  test('gives a plant or problems whatever it is', () => {
    const yaml = fc.string({
      unit: fc.constantFrom(
        ...'{}[]:,-?&*!|>#%@`"\' \n\tabz0.1/',
        'zones',
        'devices',
        'plant: ',
        '  ',
        '\n- ',
        '&a ',
        '*a ',
      ),
    })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          yaml,
          yaml.map((tail) => head + tail),
        ),
        (text) => {
          for (const problem of problemsOf(text)) {
            expect(problem.line).toBeGreaterThan(0)
            expect(problem.column).toBeGreaterThan(0)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('in comments and quotes does not count as nesting', () => {
    expect(problemsOf(`${head}# ${'['.repeat(500)}\n${'# {\n'.repeat(200)}`)).toEqual([])
  })
})

describe('the places of a file', () => {
  const text = `${head}conduits:\n  - { between: [z, A], io: deny }\n`
  const { positions } = parsePlant(text, 'plant.yaml')

  test('are known for keys, values and list items', () => {
    expect(positions.at('devices.A')).toEqual({ line: 6, column: 3 })
    expect(positions.at('devices.A.zone')).toEqual({ line: 6, column: 34 })
    expect(positions.at('conduits[0]')).toEqual({ line: 8, column: 5 })
    expect(positions.at('conduits[0].between[1]')).toEqual({ line: 8, column: 20 })
  })

  test('of what is not there are those of the nearest part that is', () => {
    expect(positions.at('devices.A.role')).toEqual({ line: 6, column: 3 })
    expect(positions.at('conduits[0].messaging')).toEqual({ line: 8, column: 5 })
    expect(positions.at('tests[3].from')).toEqual({ line: 1, column: 1 })
    expect(positions.at('')).toEqual({ line: 1, column: 1 })
  })

  test('are right after lines that end as on Windows', () => {
    const [problem] = problemsOf(text.replaceAll('\n', '\r\n').replace('io: deny', 'io: maybe'))
    expect(problem).toMatchObject({ line: 8, column: 28, path: 'conduits[0].io' })
  })
})

test.each([
  ['\t', { line: 7, expected: 'spaces' }],
  ['   ', { line: 7, message: 'All mapping items must start at the same column' }],
])('a line indented by %j is told once, not again for each of its neighbours', (indent, problem) => {
  const text = `${head}${indent}B: { address: 192.0.2.2, zone: z }
  C: { address: 192.0.2.3, zone: z }

  # Spare
  D: { address: 192.0.2.4, zone: z }
`
  const found = problemsOf(text).filter(({ message }) => /indentation|same column/.test(message))
  expect(found).toMatchObject([problem])
})

test('two lines that stand wrong, with a sound one between them, are told both', () => {
  const text = `${head}   B: { address: 192.0.2.2, zone: z }\n  C: { address: 192.0.2.3, zone: z }\n   D: { address: 192.0.2.4, zone: z }\n`
  expect(problemsOf(text).map(({ line }) => line)).toEqual([7, 9])
})
