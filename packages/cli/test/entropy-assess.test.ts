import { UsageError } from '@cordon/core/errors'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../src/commands/entropy-assess.ts'
import { run as record } from '../src/commands/entropy-record.ts'
import type { CommandContext } from '../src/context.ts'
import { type TestOutputOptions, testOutput } from './test-output.ts'
import { testProgram } from './tree.ts'

const directory = mkdtempSync(join(tmpdir(), 'cordon-assess-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function file(name: string, bytes: Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return path
}

/** A counter hashed badly: fixed samples that are far from random and far from constant. */
const samples = (count: number, width: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 13) & (2 ** width - 1))

async function assess(
  path: string,
  options: { readonly bits: number; readonly samples?: number; readonly packed?: boolean },
  how: TestOutputOptions & { readonly signal?: AbortSignal } = {},
) {
  const kept = testOutput(how)
  const signal = how.signal ?? new AbortController().signal
  // The command uses no more of its context.
  const context = { output: kept.output, signal } as unknown as CommandContext
  const code = await run(context, { samples: 1_000_000, ...options }, path)
  return { code, ...kept }
}

describe('cordon entropy assess', () => {
  test('prints every estimate and the least of them', async () => {
    const path = file('bytes', samples(4000, 8))
    const { code, stdout, stderr } = await assess(path, { bits: 8 })
    expect(code).toBe(0)
    for (let i = 1; i <= 10; i++) expect(stdout()).toMatch(new RegExp(` 6\\.3\\.${i} `))
    expect(stdout()).toContain('4000 samples of 8 bits, and the first 32000 of their bits')
    expect(stdout()).toMatch(/assessed min-entropy: \d\.\d{6} bits per sample of 8/)
    expect(stderr()).toContain('4000 samples are fewer than the 1000000')
  })

  test('gives programs the same numbers', async () => {
    const path = file('bits', samples(20_000, 1))
    const { stdout } = await assess(path, { bits: 1 }, { format: 'json' })
    const report = JSON.parse(stdout())
    expect(report).toMatchObject({ file: path, width: 1, samples: 20_000, bits: 0, restartTests: 'not run' })
    const found = report.estimates.flatMap(({ entropy }: { entropy?: number }) => entropy ?? [])
    expect(report.estimates).toHaveLength(10)
    expect(report.entropy).toBe(Math.min(...found))
  })

  test.each([1, 2, 4])('packed samples of %i bits are the same samples', async (width) => {
    const apart = samples(8000, width)
    const per = 8 / width
    const packed = Uint8Array.from({ length: apart.length / per }, (_, i) =>
      apart.subarray(i * per, (i + 1) * per).reduce((byte, sample) => (byte << width) | sample, 0),
    )
    const json = { format: 'json' } as const
    const one = JSON.parse((await assess(file('apart', apart), { bits: width }, json)).stdout())
    const other = JSON.parse((await assess(file('packed', packed), { bits: width, packed: true }, json)).stdout())
    expect({ ...other, file: '' }).toEqual({ ...one, file: '' })
  })

  test('reads no more samples than it was told to', async () => {
    const { stdout } = await assess(file('long', samples(9000, 8)), { bits: 8, samples: 2000 }, { format: 'json' })
    expect(JSON.parse(stdout()).samples).toBe(2000)
  })

  test('refuses what it cannot assess', async () => {
    await expect(assess(file('few', samples(999, 8)), { bits: 8 })).rejects.toThrow(/at least 1000 samples/)
    await expect(assess(file('wide', samples(2000, 8)), { bits: 4 })).rejects.toThrow(UsageError)
    await expect(assess(file('packed8', samples(2000, 8)), { bits: 8, packed: true })).rejects.toThrow(/--packed/)
    await expect(assess(join(directory, 'absent'), { bits: 8 })).rejects.toThrow(/ENOENT/)
  })

  test('ends when it is told to', async () => {
    const path = file('aborted', samples(4000, 8))
    await expect(assess(path, { bits: 8 }, { signal: AbortSignal.abort() })).rejects.toThrow()
  })

  test.each([
    ['--bits', '9'],
    ['--bits', '0x8'],
    ['--samples', '10'],
    ['--samples', '1e9'],
  ])('%s %s is refused', async (option, value) => {
    const program = testProgram()
    const parsed = program.exitOverride().parseAsync(['entropy', 'assess', 'x', option, value], { from: 'user' })
    await expect(parsed).rejects.toThrow(/whole number/)
  })
})

describe('cordon entropy record', () => {
  const recorded = async (path: string, source: string, count: number, force?: boolean) => {
    const { output, stdout } = testOutput()
    const context = { output, signal: new AbortController().signal } as unknown as CommandContext
    const code = await record(context, { source, samples: count, ...(force === undefined ? {} : { force }) }, path)
    return { code, stdout: stdout() }
  }

  test.each(['jitter', 'system'])('writes samples of %s that can be assessed', async (source) => {
    const path = join(directory, `recorded-${source}`)
    const { code, stdout } = await recorded(path, source, 12_000)
    expect(code).toBe(0)
    expect(stdout).toContain(`12000 samples of 8 bits from ${source}`)
    expect(statSync(path)).toMatchObject({ size: 12_000 })
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
    await expect(recorded(path, source, 10)).rejects.toThrow(/exists/)
    expect((await recorded(path, source, 10, true)).code).toBe(0)
    expect(statSync(path).size).toBe(10)
  })

  test('says when a source ends early', async () => {
    const short = file('short', samples(50, 8))
    await expect(recorded(join(directory, 'never'), short, 51)).rejects.toThrow(/gave 50 samples and no more/)
  })
})
