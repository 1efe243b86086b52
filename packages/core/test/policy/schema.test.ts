import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parsePlant, parseSimulation, plantSchema, simulationSchema } from '@cordon/core/policy'
import { Value } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { example } from './plants.ts'
import { fc } from './properties.ts'

const schemaFile = (name: string): string => fileURLToPath(new URL(`../../../../docs/schema/${name}`, import.meta.url))

const published = (name: string): unknown => JSON.parse(readFileSync(schemaFile(name), 'utf8'))

describe('the published schemas', () => {
  // After a change of a schema, `npx vitest run packages/core/test/policy/schema.test.ts -u` writes them anew.
  test.each([
    ['plant.schema.json', plantSchema],
    ['simulation.schema.json', simulationSchema],
  ])('%s is the one that files are read by', async (name, schema) => {
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(schemaFile(name))
  })

  test('describe every key, so that an editor can explain it', () => {
    const silent: string[] = []
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return
      for (const [key, part] of Object.entries(schema)) {
        if (key === 'properties' && typeof part === 'object' && part !== null) {
          for (const [name, property] of Object.entries(part)) {
            const described = typeof property === 'object' && property !== null && 'description' in property
            if (!described) silent.push(`${path}.${name}`)
            walk(property, `${path}.${name}`)
          }
        } else walk(part, path)
      }
    }
    walk(published('plant.schema.json'), 'plant')
    walk(published('simulation.schema.json'), 'simulation')
    expect(silent).toEqual([])
  })

  test('refuse unknown keys everywhere', () => {
    const open: string[] = []
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return
      const isMapping = 'type' in schema && schema.type === 'object'
      if (isMapping && !('additionalProperties' in schema && schema.additionalProperties === false)) open.push(path)
      for (const [key, part] of Object.entries(schema)) walk(part, `${path}.${key}`)
    }
    walk(plantSchema, 'plant')
    walk(simulationSchema, 'simulation')
    expect(open).toEqual([])
  })

  test.each(['cpwe', 'cell3'])('hold for the example %s, by an independent judge', (name) => {
    expect([...Value.Errors(plantSchema, parse(readFileSync(example(`${name}/plant.yaml`), 'utf8')))]).toEqual([])
    expect([
      ...Value.Errors(simulationSchema, parse(readFileSync(example(`${name}/simulation.yaml`), 'utf8'))),
    ]).toEqual([])
  })
})

describe('our reader and an independent judge of the schema', () => {
  const plant = readFileSync(example('cpwe/plant.yaml'), 'utf8')
  const simulation = readFileSync(example('cpwe/simulation.yaml'), 'utf8')
  const replacement = fc.constantFrom(
    'none',
    'both',
    '1',
    '0',
    'true',
    '[]',
    '{}',
    '[a, b]',
    'A',
    'a b',
    '"127.0.0.1"',
    '192.0.2.0/28',
    '20ms',
    '-1',
    '65536',
    '0xC023',
    '1.5',
    '{ tag: X }',
    'tcp/44818',
  )
  /** Scalars as the files write them: after a colon, a bracket or a comma. */
  const scalar = /(?<=[:[,] )[A-Za-z0-9_./-]+(?=[ ,\]}\n])/g

  function agree(
    text: string,
    problems: readonly { readonly message: string; readonly path: string }[],
    schema: typeof plantSchema | typeof simulationSchema,
  ): void {
    let value: unknown
    try {
      value = parse(text)
    } catch {
      expect(problems.length).toBeGreaterThan(0)
      return
    }
    // The judge knows the schema alone; what no schema can say comes with problems of its own.
    if (!Value.Check(schema, value)) expect(problems.length).toBeGreaterThan(0)
    if (problems.length === 0) expect(Value.Check(schema, value)).toBe(true)
  }

  test('agree about files with parts replaced', () => {
    const edits = fc.array(fc.tuple(fc.nat(2000), replacement), { minLength: 1, maxLength: 2 })
    const edit = (text: string, list: readonly (readonly [number, string])[]): string => {
      const places = [...text.matchAll(scalar)]
      return list.reduce((current, [at, word]) => {
        const place = places[at % places.length]
        return place === undefined
          ? current
          : current.slice(0, place.index) + word + text.slice(place.index + place[0].length)
      }, text)
    }
    fc.assert(
      fc.property(edits, fc.boolean(), (list, isPlant) => {
        const [first] = list
        if (first === undefined) return
        const text = edit(isPlant ? plant : simulation, [first])
        if (isPlant) agree(text, parsePlant(text, 'plant.yaml').problems, plantSchema)
        else agree(text, parseSimulation(text, 'simulation.yaml').problems, simulationSchema)
      }),
      { numRuns: 60 },
    )
  })
})
