import { NotTrusted, UsageError } from '@cordon/core/errors'
import { FileKeyStore, MemoryKeyStore, nodeCrypto } from '@cordon/node/crypto'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeKeyStore } from './describe-key-store.ts'

let directory: string
const sealingKey = nodeCrypto.random(32)

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-keys-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describeKeyStore('in memory', () => new MemoryKeyStore(nodeCrypto))
describeKeyStore('in files', () => new FileKeyStore(nodeCrypto, join(directory, 'keys'), sealingKey))

describe('a key store in files', () => {
  const open = (key = sealingKey) => new FileKeyStore(nodeCrypto, join(directory, 'keys'), key)

  test('keeps keys sealed, 0600 in 0700, and gives them to the next process', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    await open().put('a', key)
    expect(statSync(join(directory, 'keys')).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'keys', 'a.sealed')).mode & 0o777).toBe(0o600)
    const stored = readFileSync(join(directory, 'keys', 'a.sealed'))
    expect(stored.includes(Buffer.from(key.export() ?? new Uint8Array()).subarray(30))).toBe(false)
    expect((await open().get('a'))?.publicKey).toEqual(key.publicKey)
  })

  test('refuses a key that was altered, moved to another name, or sealed under another key', async () => {
    await open().put('a', await nodeCrypto.generateKey('ecdsa-p256'))
    const path = join(directory, 'keys', 'a.sealed')
    await expect(open(nodeCrypto.random(32)).get('a')).rejects.toThrow(NotTrusted)
    const bytes = readFileSync(path)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    writeFileSync(path, bytes)
    await expect(open().get('a')).rejects.toThrow(NotTrusted)
    bytes[20] ^= 1
    writeFileSync(path, bytes)
    renameSync(path, join(directory, 'keys', 'b.sealed'))
    await expect(open().get('b')).rejects.toThrow(NotTrusted)
  })

  test('refuses a key that lives in hardware', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    await expect(
      open().put('a', {
        ...key,
        publicKey: key.publicKey,
        kind: key.kind,
        sign: (data) => key.sign(data),
        export: () => undefined,
      }),
    ).rejects.toThrow(UsageError)
    expect(readdirSync(directory)).toEqual([])
  })
})
