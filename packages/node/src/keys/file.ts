import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto, KeyStore, PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import { clearLeftovers, privateDirectory, readIfExists, removeDurably, writeDurably } from '../files.ts'
import { checkKeyName } from './memory.ts'

const suffix = '.sealed'

/**
 * Keys in a directory of their own, one file each (0600): the PKCS#8 bytes sealed under the key of the state, tied to
 * the name, so that two files cannot be swapped.
 */
export class FileKeyStore implements KeyStore {
  readonly #crypto: Crypto
  readonly #directory: string
  readonly #sealingKey: Uint8Array
  #ready: Promise<void> | undefined

  constructor(crypto: Crypto, directory: string, sealingKey: Uint8Array) {
    this.#crypto = crypto
    this.#directory = directory
    this.#sealingKey = sealingKey
  }

  async put(name: string, key: PrivateKey): Promise<void> {
    checkKeyName(name)
    const pkcs8 = key.export()
    if (pkcs8 === undefined) {
      throw new UsageError('not-supported', `the key "${name}" lives in hardware and cannot be kept in a file`)
    }
    this.#ready ??= privateDirectory(this.#directory).then(async () => {
      await clearLeftovers(this.#directory)
    })
    await this.#ready
    await writeDurably(this.#path(name), this.#crypto.seal(this.#sealingKey, pkcs8, associated(name)))
  }

  async get(name: string): Promise<PrivateKey | undefined> {
    checkKeyName(name)
    const sealed = await readIfExists(this.#path(name), 64 * 1024)
    if (sealed === undefined) return undefined
    return this.#crypto.importKey(this.#crypto.open(this.#sealingKey, sealed, associated(name)))
  }

  async delete(name: string): Promise<boolean> {
    checkKeyName(name)
    return await removeDurably(this.#path(name))
  }

  async names(): Promise<readonly string[]> {
    const files = await readdir(this.#directory).catch(() => [])
    return files
      .filter((file) => file.endsWith(suffix) && !file.startsWith('.'))
      .map((file) => file.slice(0, -suffix.length))
      .sort()
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${suffix}`)
  }
}

function associated(name: string): Uint8Array {
  return new TextEncoder().encode(`cordon key ${name}`)
}
