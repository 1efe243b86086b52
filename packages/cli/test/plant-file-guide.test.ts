import { readFileSync } from 'node:fs'
import { indexPlant, parsePlant, runTests, validate } from '@cordon/core/policy'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const guide = read('docs/plant-file.md')

interface Section {
  readonly title: string
  readonly text: string
}

const sections: readonly Section[] = guide
  .split(/^## /m)
  .slice(1)
  .map((text) => ({ title: text.slice(0, text.indexOf('\n')), text }))

const sectionOf = (title: string): string => sections.find((section) => section.title === title)?.text ?? ''

/** Examples in the guide: the first is a whole file, the others stand in the place of the same keys there. */
const examples = sections.flatMap(({ title, text }) =>
  [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml = '']) => ({ title, yaml })),
)

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly required?: readonly string[]
}

const schema = JSON.parse(read('docs/schema/plant.schema.json')) as Schema

/** The keys below a part, dotted; of a key that holds others only these count. */
function keysOf(part: Schema, prefix = ''): string[] {
  const keys = Object.entries(part.properties ?? {}).flatMap(([key, value]) => {
    const below = keysOf(value, `${prefix}${key}.`)
    return below.length === 0 || value.anyOf !== undefined ? [`${prefix}${key}`, ...below] : below
  })
  return [...keys, ...(part.anyOf ?? []).flatMap((each) => keysOf(each, prefix))]
}

/** What a top-level key holds: itself, one of its entries, or one of its named parts. */
function partOf(key: string): Schema {
  const value = schema.properties?.[key] ?? {}
  return value.items ?? Object.values(value.patternProperties ?? {})[0] ?? value
}

const rowsOf = (text: string): string[] => [...text.matchAll(/^\| `([A-Za-z.]+)` \|/gm)].map(([, key = '']) => key)

describe('docs/plant-file.md', () => {
  it('begins with a whole plant file', () => {
    const { plant, problems } = parsePlant(examples[0]?.yaml ?? '', 'frame')
    expect(problems).toEqual([])
    expect(plant?.name).toBe('line-7')
  })

  it('has an example for every part of the file', () => {
    expect(new Set(examples.map(({ title }) => title))).toEqual(
      new Set([
        'The frame',
        ...Object.keys(schema.properties ?? {}).filter((key) => partOf(key).properties !== undefined),
      ]),
    )
  })

  it.each(examples.map(({ title, yaml }) => [title, yaml] as const))('the example under "%s" validates', (_, yaml) => {
    const frame = parse(examples[0]?.yaml ?? '') as Record<string, unknown>
    const text = stringify({ ...frame, ...(parse(yaml) as Record<string, unknown>) })
    const { plant, problems, positions } = parsePlant(text, 'example')
    expect(problems).toEqual([])
    if (plant === undefined) throw new Error('no plant')
    const index = indexPlant(plant, new Map())
    const errors = validate(index, { positions }).filter(({ severity }) => severity === 'error')
    expect(errors).toEqual([])
    expect(runTests(index).filter(({ verdict }) => verdict === 'fail')).toEqual([])
  })

  it('lists the keys of the whole file', () => {
    expect(new Set(rowsOf(sectionOf('The frame')))).toEqual(new Set(Object.keys(schema.properties ?? {})))
  })

  it.each(Object.keys(schema.properties ?? {}).filter((key) => partOf(key).properties !== undefined))(
    'lists every key of %s and no other',
    (title) => {
      const section = sectionOf(title)
      const known = new Set([...keysOf(partOf(title))])
      expect(new Set(rowsOf(section))).toEqual(known)
    },
  )

  it.each(Object.keys(schema.properties ?? {}).filter((key) => partOf(key).properties !== undefined))(
    'says of %s what is required',
    (title) => {
      const section = sectionOf(title)
      for (const key of partOf(title).required ?? []) {
        expect(section, key).toMatch(new RegExp(`^\\| \`${key}\` \\|.*\\| required \\|$`, 'm'))
      }
    },
  )

  it('lists every code of a refusal and of a warning', () => {
    const source = read('packages/core/src/policy/problem.ts')
    const codes = [...source.matchAll(/^ {2}\| '([a-z-]+)'$/gm)].map(([, code = '']) => code)
    expect(codes.length).toBeGreaterThan(30)
    const listed = [...sectionOf('What is refused').matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, code = '']) => code)
    expect(codes.filter((code) => !listed.includes(code))).toEqual([])
    expect(listed.filter((code) => !codes.includes(code))).toEqual([])
  })

  it('shows every choice of every key', () => {
    const choices: string[] = []
    const walk = (part: Schema & { readonly enum?: readonly unknown[] }): void => {
      for (const choice of part.enum ?? []) choices.push(String(choice))
      for (const child of [
        ...Object.values(part.properties ?? {}),
        ...Object.values(part.patternProperties ?? {}),
        ...(part.anyOf ?? []),
        ...(part.items === undefined ? [] : [part.items]),
      ])
        walk(child)
    }
    walk(schema)
    expect(choices.length).toBeGreaterThan(30)
    expect([...new Set(choices)].filter((choice) => !new RegExp(`\\b${choice}\\b`).test(guide))).toEqual([])
  })
})
