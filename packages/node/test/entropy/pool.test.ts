import { TransportError, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import {
  type EntropyEvent,
  EntropyPool,
  fileSource,
  guardedCrypto,
  jitterSource,
  machineSources,
  type NoiseSource,
  systemSource,
} from '@cordon/node/entropy'
import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'cordon-entropy-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const good = (name: string): NoiseSource => ({ name, width: 8, entropy: 8, read: (count) => randomBytes(count) })
const stuck = (name: string): NoiseSource => ({ ...good(name), read: (count) => new Uint8Array(count) })

/** A source that is good until it is told otherwise. */
function fragile(name: string): NoiseSource & { spoil(): void } {
  let isGood = true
  return {
    ...good(name),
    read: (count) => (isGood ? randomBytes(count) : new Uint8Array(count).fill(7)),
    spoil: () => {
      isGood = false
    },
  }
}

function poolOf(...sources: readonly NoiseSource[]) {
  const mixed: Uint8Array[] = []
  const events: EntropyEvent[] = []
  const pool = new EntropyPool({ sources, mix: (bytes) => mixed.push(bytes.slice()), now: () => 5 })
  pool.onEvent((event) => events.push(event))
  return { pool, mixed, events }
}

describe('the entropy of a process', () => {
  test('starts with its sources tested and mixed in, and draws again', async () => {
    const { pool, mixed, events } = poolOf(good('a'), good('b'))
    await using _closed = pool
    expect(pool.status().state).toBe('starting')
    expect(() => pool.require()).toThrow(/start-up tests/)
    await Promise.all([pool.start(), pool.start()])
    expect(pool.status()).toMatchObject({ state: 'healthy', mixed: 1 })
    await pool.refresh()
    expect(pool.status().mixed).toBe(2)
    expect(mixed.map(({ length }) => length)).toEqual([32, 32])
    expect(mixed[0]).not.toEqual(mixed[1])
    expect(events).toEqual([])
    expect(pool.refusal()).toBeUndefined()
  })

  test('goes on without a source that is stuck from the start, and says which and why', async () => {
    const { pool, events } = poolOf(good('a'), stuck('b'))
    await using _closed = pool
    await pool.start()
    expect(pool.status().state).toBe('degraded')
    expect(events).toEqual([
      {
        severity: 'warning',
        state: 'degraded',
        message: expect.stringMatching(/source b failed: repetition.*with a$/),
      },
    ])
    expect(pool.status().sources).toMatchObject([
      { name: 'a', health: 'healthy', problem: undefined },
      { name: 'b', health: 'failed', problem: expect.stringContaining('repetition count test') },
    ])
    await pool.refresh()
    expect(events).toHaveLength(1)
    expect(pool.refusal()).toBeUndefined()
  })

  test('refuses keys when the last source fails, and never takes it back', async () => {
    const [a, b] = [fragile('a'), fragile('b')]
    const { pool, mixed, events } = poolOf(a, b)
    await using _closed = pool
    await pool.start()
    const crypto = guardedCrypto(nodeCrypto, pool)
    const key = await crypto.generateKey('ecdsa-p256')
    const sealed = crypto.seal(new Uint8Array(32), Uint8Array.of(1), new Uint8Array())
    a.spoil()
    await pool.refresh()
    await crypto.generateKey('ecdsa-p256')
    b.spoil()
    await pool.refresh()
    expect(events.map(({ severity, state }) => [severity, state])).toEqual([
      ['warning', 'degraded'],
      ['error', 'failed'],
    ])
    await expect(crypto.generateKey('ecdsa-p256')).rejects.toThrow(TransportError)
    expect(() => pool.require()).toThrow(/no entropy source is left: a: repetition.*b: repetition/)
    // What exists goes on.
    expect(crypto.random(8)).toHaveLength(8)
    expect(await key.sign(Uint8Array.of(1))).toBeInstanceOf(Uint8Array)
    expect(crypto.open(new Uint8Array(32), sealed, new Uint8Array())).toEqual(Uint8Array.of(1))
    await pool.refresh()
    expect(pool.status()).toMatchObject({ state: 'failed', mixed: mixed.length })
    expect(mixed).toHaveLength(2)
  })

  test('a source that throws or gives less than asked for has failed', async () => {
    const { pool, events } = poolOf(
      good('a'),
      { ...good('b'), read: () => Promise.reject(new Error('unplugged')) },
      { ...good('c'), read: () => new Uint8Array(3) },
    )
    await using _closed = pool
    await pool.start()
    expect(events.map(({ message }) => message)).toEqual([
      expect.stringContaining('b failed: it cannot be read: unplugged'),
      expect.stringContaining('c failed: it gave 3 of 1024 samples'),
    ])
  })

  test('where OpenSSL cannot take it, nothing is made', async () => {
    const pool = new EntropyPool({
      sources: [good('a')],
      mix: () => {
        throw new Error('the generator does not work')
      },
    })
    await using _closed = pool
    await pool.start()
    expect(() => pool.require()).toThrow(/the generator does not work/)
    expect(pool.status()).toMatchObject({ state: 'failed', mixed: 0 })
  })

  test('needs a source', () => {
    expect(() => new EntropyPool({ sources: [] })).toThrow(UsageError)
  })
})

describe('the sources of this machine', () => {
  test('pass their start-up tests and go into OpenSSL', async () => {
    await using pool = new EntropyPool()
    await pool.start()
    expect(pool.status()).toMatchObject({ state: 'healthy', mixed: 1 })
    expect(pool.status().sources.slice(0, 2)).toMatchObject([{ name: 'system' }, { name: 'jitter' }])
    expect(machineSources().map(({ name }) => name)).toEqual(pool.status().sources.map(({ name }) => name))
  })

  test('give as many samples as asked for, of their width', async () => {
    for (const source of [systemSource(), jitterSource()]) {
      expect(await source.read(100)).toHaveLength(100)
    }
  })

  test('a file is a source until it ends; wider bits are cut off', async () => {
    const path = join(directory, 'file')
    writeFileSync(path, Uint8Array.of(0xff, 0x12, 0x30))
    const source = fileSource({ path, width: 4, entropy: 2 })
    expect([...(await source.read(2))]).toEqual([15, 2])
    expect([...(await source.read(2))]).toEqual([0])
    await source.close?.()
    await expect(async () => await fileSource({ path: join(directory, 'absent') }).read(1)).rejects.toThrow(/ENOENT/)
  })

  test.skipIf(process.platform === 'win32')('a pipe that nobody writes to gives nothing, and is given up', async () => {
    const path = join(directory, 'pipe')
    execFileSync('sh', ['-c', 'mkfifo "$0"', path])
    const source = fileSource({ path, silenceMs: 50 })
    expect(await source.read(4)).toHaveLength(0)
    await source.close?.()
  })
})
