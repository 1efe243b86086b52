import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Ended, follow, repository } from './checkout.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-lock-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Adds one to a file, many times, each time by reading, waiting a little, and writing: lost without a lock. */
const increments = `
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
const { withLock } = await import(process.argv[1])
for (let count = 0; count < Number(process.argv[3]); count++) {
  await withLock(process.argv[2] + '/lock', 'a test', async () => {
    const value = Number(readFileSync(process.argv[2] + '/value', 'utf8'))
    await setTimeout(2)
    writeFileSync(process.argv[2] + '/value', String(value + 1))
  })
}
`

function increment(times: number): Promise<Ended> {
  const args = ['--input-type=module', '-e', increments, join(repository, 'tools/lock.mjs'), folder, String(times)]
  return follow(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })).ended
}

describe('the lock of the set-up', () => {
  test('lets one process in at a time', async () => {
    writeFileSync(join(folder, 'value'), '0')
    const ended = await Promise.all(Array.from({ length: 5 }, () => increment(8)))
    expect(ended.map(({ stderr }) => stderr)).toEqual(['', '', '', '', ''])
    expect(readFileSync(join(folder, 'value'), 'utf8')).toBe('40')
  })

  test('is taken over, by one process alone, from a holder that died', async () => {
    const dead = spawn(process.execPath, ['-e', ''])
    await follow(dead).ended
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: dead.pid, host: hostname(), what: 'a test' }))
    writeFileSync(join(folder, 'value'), '0')
    await Promise.all(Array.from({ length: 5 }, () => increment(2)))
    expect(readFileSync(join(folder, 'value'), 'utf8')).toBe('10')
  })

  test('leaves no files behind', async () => {
    writeFileSync(join(folder, 'value'), '0')
    await increment(2)
    expect(readdirSync(folder)).toEqual(['value'])
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })
})
