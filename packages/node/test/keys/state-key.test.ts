import { loadStateKey, nodeCrypto } from '@cordon/node/crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let directory: string
const hex = '0123456789abcdef'.repeat(4)

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-state-key-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function keyFile(name: string, content: string | Uint8Array, mode = 0o600): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe('the key of the state', () => {
  test('is made once, 0600, and says that it needs a copy', async () => {
    const state = join(directory, 'state')
    const first = await loadStateKey(nodeCrypto, state, { env: {} })
    expect(first).toMatchObject({ source: 'state', created: true, path: join(state, 'key') })
    expect(first.note).toMatch(/Keep a copy/)
    expect(first.key).toHaveLength(32)
    expect(statSync(join(state, 'key')).mode & 0o777).toBe(0o600)
    expect(statSync(state).mode & 0o777).toBe(0o700)
    expect(await loadStateKey(nodeCrypto, state, { env: {} })).toMatchObject({ key: first.key, created: false })
  })

  test('is the same for all who ask at the same time', async () => {
    const keys = await Promise.all(
      Array.from({ length: 8 }, () => loadStateKey(nodeCrypto, join(directory, 's'), { env: {} })),
    )
    expect(new Set(keys.map(({ key }) => Buffer.from(key).toString('hex'))).size).toBe(1)
    expect(keys.filter(({ created }) => created)).toHaveLength(1)
  })

  test('comes from a credential first, then from CORDON_KEY_FILE', async () => {
    mkdirSync(join(directory, 'credentials'))
    keyFile('credentials/cordon-key', new Uint8Array(32).fill(7), 0o400)
    const named = keyFile('named', `${hex}\n`)
    const env = { CREDENTIALS_DIRECTORY: join(directory, 'credentials'), CORDON_KEY_FILE: named }
    expect(await loadStateKey(nodeCrypto, directory, { env })).toMatchObject({
      source: 'credential',
      key: new Uint8Array(32).fill(7),
    })
    const second = await loadStateKey(nodeCrypto, directory, { env: { CORDON_KEY_FILE: named } })
    expect(second).toMatchObject({ source: 'file', key: new Uint8Array(Buffer.from(hex, 'hex')) })
  })

  test('comes from elsewhere when the credentials are of another service', async () => {
    const named = keyFile('named', hex)
    const env = { CREDENTIALS_DIRECTORY: directory, CORDON_KEY_FILE: named }
    expect(await loadStateKey(nodeCrypto, directory, { env })).toMatchObject({ source: 'file' })
  })

  test.each([0o640, 0o604, 0o666])('is refused when others may touch it: mode %o', async (mode) => {
    const path = keyFile('open', hex, mode)
    await expect(loadStateKey(nodeCrypto, directory, { env: { CORDON_KEY_FILE: path } })).rejects.toThrow(/chmod 600/)
  })

  test.each(['', 'short', `${hex}00`, 'z'.repeat(64)])(
    'is refused when it is no key, and is not shown: %j',
    async (content) => {
      const path = keyFile('bad', content)
      const failure = await loadStateKey(nodeCrypto, directory, { env: { CORDON_KEY_FILE: path } }).catch(String)
      expect(failure).toMatch(/32 bytes or 64 hex digits/)
      if (content.length > 8) expect(failure).not.toContain(content)
    },
  )

  test('that is named but missing is not made in silence', async () => {
    const env = { CORDON_KEY_FILE: join(directory, 'nowhere') }
    await expect(loadStateKey(nodeCrypto, directory, { env })).rejects.toThrow(/does not exist/)
  })
})
