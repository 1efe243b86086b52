import { parseDeviceTable } from '@cordon/core/policy'
import { PlantReader } from '@cordon/server/plants'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mergeTexts } from '../../src/plants/merge.ts'
import { createPlant, importTable, saveVersion } from '../../src/plants/index.ts'
import { longestDifference, textDifference } from '../../src/plants/text-difference.ts'
import { ada, PlantBench, worksText } from './support.ts'

let bench: PlantBench
beforeAll(async () => {
  bench = await PlantBench.open()
  await createPlant(bench.means, { text: worksText('hostile'), simulation: null, message: 'begin', acting: ada })
})
afterAll(() => bench[Symbol.asyncDispose]())

async function refused(text: string): Promise<unknown> {
  const result = await saveVersion(bench.means, { plant: 'hostile', base: 1, text, message: 'x', acting: ada })
  if (result.kind !== 'invalid') throw new Error(result.kind)
  const [first] = result.problems
  return first
}

describe('a hostile text', () => {
  const text = worksText('hostile')

  it('is refused by its size, its depth and its aliases', async () => {
    expect(await refused(`${text}#${'x'.repeat(8 * 1024 * 1024)}`)).toMatchObject({
      expected: expect.stringMatching(/^at most 8388608 bytes$/),
    })
    // Two bytes each: shorter in characters than the limit.
    expect(await refused(`${text}#${'ä'.repeat(5 * 1024 * 1024)}`)).toMatchObject({
      expected: expect.stringMatching(/bytes/),
    })
    expect(await refused(`${text}tests: ${'['.repeat(100_000)}`)).toMatchObject({
      message: expect.stringMatching(/nested too deeply/),
    })
    const laughs = [
      'a: &a [x, x]',
      ...Array.from(
        { length: 30 },
        (_, n) => `b${n}: &b${n} [*${n === 0 ? 'a' : `b${n - 1}`}, *${n === 0 ? 'a' : `b${n - 1}`}]`,
      ),
    ]
    expect(await refused(`${text}${laughs.join('\n')}\n`)).toMatchObject({ severity: 'error' })
    expect(await refused(text.replace('zone: paint }', 'zone: &z paint }'))).toMatchObject({
      message: expect.stringMatching(/is an anchor/),
    })
  })

  it('is refused for characters that hide or that no database takes, with their place', async () => {
    expect(await refused(text.replace('# Presses', '# \u0000Presses'))).toMatchObject({
      line: 3,
      column: 3,
      message: expect.stringMatching(/U\+0000/),
    })
    expect(await refused(text.replace('# Presses', '# a \u202e b'))).toMatchObject({
      line: 3,
      column: 5,
      message: expect.stringMatching(/U\+202E/),
    })
    expect(await refused(text.replace('# Presses', '# \ud800'))).toMatchObject({
      message: expect.stringMatching(/U\+D800/),
    })
    const { kind } = await saveVersion(bench.means, {
      plant: 'hostile',
      base: 1,
      text: `${text}# Größe 机 😀\n`,
      message: 'ümläut 机',
      acting: ada,
    })
    expect(kind).toBe('saved')
  })

  it('lets requests go on while it is read', async () => {
    const devices = Array.from(
      { length: 8000 },
      (_, n) => `  D${n}: { address: 10.0.${n >> 8}.${n & 255}, zone: press }`,
    )
    const large = text.replace('devices:', `devices:\n${devices.join('\n')}`)
    let turns = 0
    const timer = setInterval(() => turns++, 5)
    const judgement = await bench.means.reader.ask('judge', { text: large, simulation: null })
    clearInterval(timer)
    expect(judgement).toMatchObject({ accepted: true, counts: { devices: 8006 } })
    // It took far longer than that, wherever it was read.
    expect(turns).toBeGreaterThan(10)
  })
})

describe('a reader', () => {
  it('refuses what takes too long, and answers the next one', async () => {
    await using reader = new PlantReader({ questionMs: 150 })
    const names = Array.from(
      { length: 60_000 },
      (_, n) => `  D${n}: { zone: press, address: 10.1.${n >> 8}.${n & 255} }`,
    ).join('\n')
    const slow = reader.ask('judge', {
      text: worksText('slow').replace('devices:', `devices:\n${names}`),
      simulation: null,
    })
    await expect(slow).rejects.toMatchObject({
      name: 'NotAllowed',
      message: expect.stringMatching(/takes more than 0.15 s/),
    })
    const patient = new PlantReader()
    expect((await patient.ask('judge', { text: worksText('quick'), simulation: null })).name).toBe('quick')
    await patient[Symbol.asyncDispose]()
    await expect(patient.ask('judge', { text: '', simulation: null })).rejects.toMatchObject({ code: 'closed' })
  })

  it('ends its thread and not the process for one that takes too much memory', async () => {
    await using reader = new PlantReader({ memoryMb: 16 })
    const names = Array.from({ length: 30_000 }, (_, n) => `  D${n}: { zone: press }`).join('\n')
    const large = reader.ask('judge', {
      text: worksText('big').replace('devices:', `devices:\n${names}`),
      simulation: null,
    })
    await expect(large).rejects.toMatchObject({ name: 'NotAllowed', message: expect.stringMatching(/16 MB/) })
    expect((await reader.ask('judge', { text: worksText('after'), simulation: null })).name).toBe('after')
  })

  it('lets a bounded number wait', async () => {
    await using reader = new PlantReader({ waiting: 2 })
    const ask = () => reader.ask('judge', { text: worksText('many'), simulation: null })
    const asked = [ask(), ask(), ask()]
    await expect(ask()).rejects.toMatchObject({ name: 'NotAllowed' })
    expect(await Promise.all(asked)).toHaveLength(3)
  })
})

describe('texts that cannot be compared in time', () => {
  it('are not merged, and not compared line by line', () => {
    const same = (count: number, last: string) => `${'a\n'.repeat(count)}${last}`
    const lines = (seed: number) => Array.from({ length: 40_000 }, (_, n) => `${(n * 7919 + seed) % 40_009}`).join('\n')
    expect(mergeTexts(`x\n${same(20_000, 'o')}`, `y\n${same(19_000, 'a')}`, `z\n${same(18_000, 'b')}`)).toEqual({
      kind: 'too-different',
    })
    const { isCoarse, text } = textDifference(lines(1), lines(5), ['a', 'b'])
    expect(isCoarse).toBe(true)
    expect(text?.split('\n').filter((line) => line.startsWith('-')).length).toBeGreaterThan(30_000)
    const huge = 'x'.repeat(longestDifference)
    expect(textDifference(huge, `${huge}y`, ['a', 'b']).text).toBeUndefined()
  })

  it('are merged exactly where nothing is in doubt', () => {
    expect(mergeTexts('a\nb\nc\n', 'a\nB\nc\n', 'a\nb\nc\nd\n')).toEqual({ kind: 'merged', text: 'a\nB\nc\nd\n' })
    expect(mergeTexts('a\r\nb\r\n', 'a\r\nb\r\nc\r\n', 'A\r\nb\r\n')).toEqual({
      kind: 'merged',
      text: 'A\r\nb\r\nc\r\n',
    })
    expect(mergeTexts('a\nb', 'a\nX', 'a\nX')).toEqual({ kind: 'merged', text: 'a\nX' })
    expect(mergeTexts('a', 'b', 'c')).toMatchObject({
      kind: 'conflict',
      conflicts: [{ line: 1, mine: ['b'], base: ['a'], theirs: ['c'] }],
    })
  })
})

describe('a table of devices', () => {
  it('is read with quotes, in any of the usual separators', () => {
    const read = (text: string) => parseDeviceTable(text, 'devices.csv')
    expect(read('\ufeffZone,Name,Serial\n"a","x ""1""",0x1F\n').devices).toEqual([
      { name: 'x "1"', zone: 'a', serial: 31 },
    ])
    expect(read('name\tzone\nA\tz\n').devices).toEqual([{ name: 'A', zone: 'z' }])
    expect(read('name;zone\r\nA;"z\r\nz"\r\nB;z').devices).toEqual([
      { name: 'A', zone: 'z\r\nz' },
      { name: 'B', zone: 'z' },
    ])
  })

  it('says where it is wrong', () => {
    const first = (text: string) => parseDeviceTable(text, 'devices.csv').problems[0]
    expect(first('')).toMatchObject({ line: 1, message: 'there is no heading' })
    expect(first('name,address\n')).toMatchObject({ message: 'there is no column zone' })
    expect(first('name,zone\nA,z\nA,z\n')).toMatchObject({
      line: 3,
      column: 1,
      message: expect.stringMatching(/line 2 too/),
    })
    expect(first('name,zone\nA\n')).toMatchObject({ line: 2, expected: '2 fields' })
    expect(first('name,zone,serial\nA,z,seven\n')).toMatchObject({ line: 2, column: 5 })
    expect(first('name,zone\n"A,z\n')).toMatchObject({
      line: 2,
      column: 1,
      message: expect.stringMatching(/not closed/),
    })
    expect(first('name,zone\n"A"x,z\n')).toMatchObject({ line: 2, column: 4 })
  })

  it('is bounded in columns, rows and fields', async () => {
    const first = (text: string) => parseDeviceTable(text, 'devices.csv').problems[0]
    expect(first(`name,zone${',x'.repeat(1_000_000)}\n`)).toMatchObject({ expected: 'at most 64' })
    expect(first(`name,zone\n${'A'.repeat(5_000)},z\n`)).toMatchObject({ expected: 'at most 1024 characters' })
    expect(first(`name,zone\n"${'A'.repeat(5_000)}",z\n`)).toMatchObject({ expected: 'at most 1024 characters' })
    expect(first(`name,zone\n${Array.from({ length: 50_001 }, (_, n) => `A${n},z`).join('\n')}`)).toMatchObject({
      expected: 'at most 50000',
    })
    expect(first('a'.repeat(8 * 1024 * 1024 + 1))).toMatchObject({ remedy: 'split it' })
    const hostile = await importTable(
      bench.means,
      'hostile',
      'name,zone,role\n"x }, Evil: { zone: press",press,\u0000\n',
    )
    expect(hostile.problems.length).toBeGreaterThan(0)
    expect(hostile.text).not.toMatch(/^ {2}Evil/m)
  })
})
