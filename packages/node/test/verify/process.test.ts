import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runVerifier, verifyMain } from '../../src/verify/main.ts'
import type { VerificationEvent } from '../../src/verify/verify.ts'
import { quick, smallPlant } from './small-plant.ts'
import { startTestPlant } from './test-plant.ts'

const isBuilt = existsSync(new URL('../../dist/verify/main.js', import.meta.url))

describe('a verifier', () => {
  let directory = ''

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cordon-verify-'))
  })

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true })
  })

  // It runs the built package, as an installed one does; without a build there is nothing to run.
  test.skipIf(!isBuilt)(
    'runs in a process of its own, which gets its secrets through a pipe and tells its progress',
    async () => {
      await using plant = await startTestPlant(smallPlant(1))
      const events: VerificationEvent[] = []
      const request = { ...(await plant.request()), only: ['Green_1'] }
      const result = await runVerifier(request, {
        limits: quick,
        openssl: false,
        onEvent: (event) => events.push(event),
      })
      expect(result.checks.filter(({ verdict }) => verdict === 'fail')).toEqual([])
      expect(result.verdict).toBe('pass')
      const checked = events.filter(({ kind }) => kind === 'checked')
      expect(checked).toHaveLength(result.checks.length)
      expect(events.map(({ kind }) => kind).slice(0, 2)).toEqual(['read', 'derived'])
      expect(checked.at(-1)).toMatchObject({ done: result.checks.length, total: result.checks.length })
    },
  )

  test.skipIf(!isBuilt)('ends when it is told to, and says so', async () => {
    await using plant = await startTestPlant(smallPlant(2))
    const controller = new AbortController()
    const running = runVerifier(await plant.request(), {
      limits: quick,
      signal: controller.signal,
      onEvent: () => controller.abort(new Error('enough')),
    })
    await expect(running).rejects.toMatchObject({ code: 'aborted' })
  })

  test.skipIf(!isBuilt)('that cannot read its request says what is wrong with it', async () => {
    // A request of another version, as an older program might write it.
    const foreign = { version: 2 } as unknown as Parameters<typeof runVerifier>[0]
    await expect(runVerifier(foreign, { openssl: false })).rejects.toThrow(/MalformedMessage unknown-value.*version 1/)
  })

  test('does not use a request file that others can read', async () => {
    const path = join(directory, 'request.json')
    await writeFile(path, '{}', { mode: 0o644 })
    const printed = await captured(() => verifyMain([path]))
    expect(printed.status).toBe(2)
    expect(printed.text).toContain('chmod 600')
  })

  test('reads a request from a private file and gives its verdict as exit status', async () => {
    await using plant = await startTestPlant(smallPlant(3), { spoiling: { off: ['Green_2'] } })
    const path = join(directory, 'request.json')
    await writeFile(path, JSON.stringify({ ...(await plant.request()), only: ['Green_2'] }), { mode: 0o600 })
    const printed = await captured(() => verifyMain([path]))
    const output: unknown = JSON.parse(printed.text)
    expect(output).toMatchObject({ kind: 'result', result: { verdict: 'fail' } })
    expect(printed.status).toBe(3)
  })

  test('refuses more arguments than one, which might be secrets', async () => {
    const printed = await captured(() => verifyMain(['one', 'two']))
    expect(printed.status).toBe(2)
    expect(printed.text).not.toContain('two')
  })
})

/** What a call prints on standard output. */
async function captured(call: () => Promise<number>): Promise<{ status: number; text: string }> {
  const write = process.stdout.write
  let text = ''
  process.stdout.write = ((chunk: string, done?: () => void) => {
    text += chunk
    done?.()
    return true
  }) as typeof process.stdout.write
  try {
    return { status: await call(), text }
  } finally {
    process.stdout.write = write
  }
}
