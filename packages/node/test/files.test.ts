import { TransportError } from '@cordon/core/errors'
import {
  clearLeftovers,
  type FileLock,
  isAlive,
  isMarkAlive,
  lock,
  pathHash,
  privateDirectory,
  processMark,
  readIfExists,
  removeDurably,
  stateDirectory,
  tryLock,
  writeDurably,
} from '@cordon/node/files'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let directory: string
const packageRoot = fileURLToPath(new URL('..', import.meta.url))
/** The program that is killed runs from the build; without one the test is skipped. */
const isBuilt = existsSync(join(packageRoot, 'dist/files.js'))

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-files-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('the state directory', () => {
  const home = '/home/alice'

  test.each([
    ['what CORDON_STATE says, before all', { CORDON_STATE: '/srv/cordon', XDG_STATE_HOME: '/x' }, 0, '/srv/cordon'],
    ['/var/lib/cordon for root', { XDG_STATE_HOME: '/x' }, 0, '/var/lib/cordon'],
    ['under XDG_STATE_HOME', { XDG_STATE_HOME: '/x' }, 1000, '/x/cordon'],
    ['in the home directory', {}, 1000, '/home/alice/.local/state/cordon'],
    [
      'in the home directory when XDG_STATE_HOME is relative',
      { XDG_STATE_HOME: 'x' },
      1000,
      '/home/alice/.local/state/cordon',
    ],
    [
      'in the home directory when the variables are empty',
      { CORDON_STATE: '', XDG_STATE_HOME: '' },
      1000,
      '/home/alice/.local/state/cordon',
    ],
  ])('is %s', (_, env, uid, expected) => {
    expect(stateDirectory({ env, uid, home })).toBe(expected)
  })

  test('without a home is asked for', () => {
    expect(() => stateDirectory({ env: {}, uid: 1000, home: '' })).toThrow(/CORDON_STATE/)
  })

  test('has a short name that is the same for the same path', () => {
    expect(pathHash('/a/b/../c')).toBe(pathHash('/a/c'))
    expect(pathHash('/a/c')).toMatch(/^[0-9a-f]{16}$/)
    expect(pathHash('/a/c')).not.toBe(pathHash('/a/d'))
  })
})

describe('a file', () => {
  test('is written whole, 0600, and leaves nothing beside it', async () => {
    const path = join(directory, 'x')
    await writeDurably(path, 'old')
    await writeDurably(path, Uint8Array.of(1, 2, 3))
    expect(await readIfExists(path)).toEqual(Uint8Array.of(1, 2, 3))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory)).toEqual(['x'])
  })

  test('can be written by many at once: one of them wins, whole', async () => {
    const path = join(directory, 'x')
    const contents = Array.from({ length: 20 }, (_, i) => new Uint8Array(5000).fill(i))
    await Promise.all(contents.map((bytes) => writeDurably(path, bytes)))
    const found = await readIfExists(path)
    expect(contents.some((bytes) => Buffer.from(bytes).equals(found ?? new Uint8Array()))).toBe(true)
    expect(readdirSync(directory)).toEqual(['x'])
  })

  test('that cannot be written says so and leaves the old one', async () => {
    await expect(writeDurably(join(directory, 'missing', 'x'), 'a')).rejects.toThrow(TransportError)
    await privateDirectory(join(directory, 'd'))
    await expect(writeDurably(join(directory, 'd'), 'a')).rejects.toThrow(/writing .*\/d/)
    expect(readdirSync(directory)).toEqual(['d'])
  })

  test('that is missing is undefined; one that is too large is an error', async () => {
    expect(await readIfExists(join(directory, 'x'))).toBeUndefined()
    expect(await readIfExists(join(directory, 'x', 'y'))).toBeUndefined()
    writeFileSync(join(directory, 'big'), new Uint8Array(100))
    await expect(readIfExists(join(directory, 'big'), 99)).rejects.toThrow(/at most 99/)
  })

  test('is removed once', async () => {
    await writeDurably(join(directory, 'x'), 'a')
    expect(await removeDurably(join(directory, 'x'))).toBe(true)
    expect(await removeDurably(join(directory, 'x'))).toBe(false)
  })

  test('left half-written by a killed process is cleared, that of a living one is not', async () => {
    const child = await sleeper()
    writeFileSync(join(directory, `.x.${child.pid}-1.tmp`), 'half')
    expect(await clearLeftovers(directory)).toBe(0)
    await killed(child)
    expect(await clearLeftovers(directory)).toBe(1)
    expect(readdirSync(directory)).toEqual([])
  })

  test.skipIf(!isBuilt)('killed at any moment of its writing is the old or the new one, whole', async () => {
    const path = join(directory, 'x')
    const size = 200_000
    await writeDurably(path, new Uint8Array(size).fill(0x30))
    const program = `
      import { writeDurably } from '@cordon/node/files'
      console.log('ready')
      for (let i = 0; ; i++) await writeDurably(${JSON.stringify(path)}, new Uint8Array(${size}).fill(0x30 + (i % 10)))`
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        cwd: packageRoot,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(child.stdout, 'data')
      await new Promise((resume) => setTimeout(resume, round * 3))
      await killed(child)
      const bytes = (await readIfExists(path)) ?? new Uint8Array()
      expect(bytes).toHaveLength(size)
      expect(new Set(bytes).size).toBe(1)
    }
    await clearLeftovers(directory)
    expect(readdirSync(directory)).toEqual(['x'])
  })
})

async function sleeper(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000); console.log(1)'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child, 'spawn')
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  const end = once(child, 'exit')
  child.kill('SIGKILL')
  await end
}

describe('a process', () => {
  test('lives until it is dead', async () => {
    const child = await sleeper()
    const pid = child.pid ?? 0
    const mark = processMark(pid)
    expect([isAlive(pid), isMarkAlive(mark)]).toEqual([true, true])
    await killed(child)
    expect([isAlive(pid), isMarkAlive(mark)]).toEqual([false, false])
  })

  test.skipIf(process.platform === 'win32')('that died and was not reaped does not live', async () => {
    const shell = spawn('sh', ['-c', '(exit 0) & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line]: Buffer[] = await once(shell.stdout, 'data')
    const pid = Number(line?.toString())
    await expect.poll(() => isAlive(pid)).toBe(false)
    expect(() => process.kill(pid, 0)).not.toThrow()
    await killed(shell)
  })

  test('is not another one with the same number', () => {
    const [pid, started, boot] = processMark().split(' ')
    expect(isMarkAlive(`${pid} ${started} ${boot}`)).toBe(true)
    if (process.platform === 'linux') {
      expect(isMarkAlive(`${pid} 1 ${boot}`)).toBe(false)
      expect(isMarkAlive(`${pid} ${started} other-boot`)).toBe(false)
    }
  })

  test.each([0, -1, 1.5, Number.NaN, 2 ** 40])('has no number %d', (pid) => {
    expect(isAlive(pid)).toBe(false)
  })
})

describe('a lock', () => {
  const path = () => join(directory, 'lock')

  async function taken(note?: string): Promise<FileLock> {
    const found = await tryLock(path(), note)
    if (!(Symbol.asyncDispose in found)) throw new Error(`held by ${found.pid}`)
    return found
  }

  test('is held by one, who is named to the others', async () => {
    await using _held = await taken('cordon apply')
    expect(await tryLock(path())).toEqual({ pid: process.pid, note: 'cordon apply' })
    await expect(lock(path(), { timeoutMs: 30 })).rejects.toThrow(
      new RegExp(`process ${process.pid} \\(cordon apply\\)`),
    )
  })

  test('is free again when its holder lets go, and waiting takes it', async () => {
    const first = await taken()
    const waiting = lock(path())
    await first[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    const second = await waiting
    expect(await tryLock(path())).toHaveProperty('pid')
    await second[Symbol.asyncDispose]()
    expect(readdirSync(directory)).toHaveLength(1)
  })

  test('of a killed holder is free', async () => {
    const child = await sleeper()
    writeFileSync(join(directory, 'lock.7'), `${processMark(child.pid)}\ndead soon`)
    expect(await tryLock(path())).toEqual({ pid: child.pid, note: 'dead soon' })
    await killed(child)
    await using _held = await taken()
    expect(readdirSync(directory)).toEqual(['lock.8'])
  })

  test('lets one in at a time, however many push', async () => {
    let inside = 0
    let most = 0
    let entered = 0
    await Promise.all(
      Array.from({ length: 25 }, async () => {
        await using _held = await lock(path())
        most = Math.max(most, ++inside)
        entered++
        await new Promise((resume) => setImmediate(resume))
        inside--
      }),
    )
    expect([most, entered]).toEqual([1, 25])
  })
})
