import { UsageError } from '@cordon/core/errors'
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { canReach, findBinaries, usableBinaries } from '../../src/store/binaries.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cordon-binaries-'))
  chmodSync(root, 0o755)
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function program(path: string, text = '#!/bin/sh\necho "postgres (PostgreSQL) 17.2"\n'): void {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

function npmPackage(): string {
  const path = join(root, 'package')
  program(join(path, 'native/bin/postgres'))
  mkdirSync(join(path, 'native/lib'))
  writeFileSync(join(path, 'package.json'), '{"version":"18.4.0-beta.17"}')
  writeFileSync(join(path, 'native/lib/libx.so.1.2'), 'x')
  writeFileSync(
    join(path, 'native/pg-symlinks.json'),
    JSON.stringify([
      { source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so' },
      { source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so.1' },
    ]),
  )
  return path
}

describe('PostgreSQL is looked for', () => {
  test('where CORDON_PG_BIN says, then in the npm package, then on the system, the newest first', async () => {
    program(join(root, 'own/postgres'))
    program(join(root, 'system/15/bin/postgres'))
    program(join(root, 'system/16/bin/postgres'))
    mkdirSync(join(root, 'system/99'))
    const found = await findBinaries({
      env: { CORDON_PG_BIN: join(root, 'own') },
      packageRoot: npmPackage(),
      systemRoot: join(root, 'system'),
    })
    expect(found.map(({ origin, major }) => [origin, major])).toEqual([
      ['configured', 17],
      ['package', 18],
      ['system', 16],
      ['system', 15],
    ])
  })

  test('and nothing is found where there is none', async () => {
    expect(await findBinaries({ env: {}, packageRoot: null, systemRoot: join(root, 'none') })).toEqual([])
  })

  test('and a wrong CORDON_PG_BIN is said, not passed over', async () => {
    await expect(findBinaries({ env: { CORDON_PG_BIN: root }, packageRoot: null })).rejects.toThrow(UsageError)
    program(join(root, 'postgres'), '#!/bin/sh\necho hello\n')
    await expect(findBinaries({ env: { CORDON_PG_BIN: root }, packageRoot: null })).rejects.toThrow(/CORDON_PG_BIN/)
  })
})

describe('the npm package', () => {
  const found = (path: string) => ({ origin: 'package' as const, bin: join(path, 'native/bin'), major: 18 })

  test('gets the links that npm does not pack, once', async () => {
    const path = npmPackage()
    for (let round = 0; round < 2; round++) {
      expect(await usableBinaries(found(path), undefined, join(root, 'copies'))).toBe(join(path, 'native/bin'))
      expect(lstatSync(join(path, 'native/lib/libx.so')).isSymbolicLink()).toBe(true)
    }
    expect(existsSync(join(root, 'copies'))).toBe(false)
  })

  test('behind a directory that the database may not enter is copied, links and all', async () => {
    const path = npmPackage()
    chmodSync(path, 0o700)
    const stranger = { uid: 61_000, gid: 61_000 }
    for (let round = 0; round < 2; round++) {
      const bin = await usableBinaries(found(path), stranger, join(root, 'copies'))
      expect(bin).toMatch(/copies\/server-18-[0-9a-f]{16}\/bin$/)
      expect(lstatSync(join(bin, '../lib/libx.so.1')).isSymbolicLink()).toBe(true)
    }
  })
})

describe('an account', () => {
  test('reaches a file when every directory above it lets it pass', async () => {
    mkdirSync(join(root, 'a/b'), { recursive: true })
    program(join(root, 'a/b/file'))
    const stranger = { uid: 61_000, gid: 61_000 }
    expect(await canReach(join(root, 'a/b/file'), stranger)).toBe(true)
    chmodSync(join(root, 'a'), 0o700)
    expect(await canReach(join(root, 'a/b/file'), stranger)).toBe(false)
    chmodSync(join(root, 'a'), 0o711)
    chmodSync(join(root, 'a/b/file'), 0o640)
    expect(await canReach(join(root, 'a/b/file'), stranger)).toBe(false)
    expect(await canReach(join(root, 'nowhere'), stranger)).toBe(false)
  })
})
