import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto, KeyKind, KeyStore, PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import { clearLeftovers, lock, privateDirectory, readIfExists, removeDurably, writeDurably } from '../files.ts'
import { checkKeyName, nameIsTaken } from './memory.ts'

const suffix = '.sealed'

/** Far more than a sealed key takes, bytes. */
const largestFile = 64 * 1024

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

  async generate(name: string, kind: KeyKind): Promise<PrivateKey> {
    checkKeyName(name)
    await this.#open()
    // Two processes at once must not make two keys of one name.
    await using _held = await lock(join(this.#directory, `.${name}.lock`), { note: `making the key ${name}` })
    if ((await readIfExists(this.#path(name), largestFile)) !== undefined) throw nameIsTaken(name)
    const key = await this.#crypto.generateKey(kind)
    await this.#write(name, key)
    return key
  }

  async put(name: string, key: PrivateKey): Promise<void> {
    checkKeyName(name)
    await this.#write(name, key)
  }

  async get(name: string): Promise<PrivateKey | undefined> {
    checkKeyName(name)
    const sealed = await readIfExists(this.#path(name), largestFile)
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

  async #write(name: string, key: PrivateKey): Promise<void> {
    const pkcs8 = key.export()
    if (pkcs8 === undefined) {
      throw new UsageError('not-supported', `the key "${name}" lives in hardware and cannot be kept in a file`)
    }
    await this.#open()
    await writeDurably(this.#path(name), this.#crypto.seal(this.#sealingKey, pkcs8, associated(name)))
  }

  async #open(): Promise<void> {
    this.#ready ??= privateDirectory(this.#directory).then(async () => {
      await clearLeftovers(this.#directory)
    })
    await this.#ready
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${suffix}`)
  }
}

function associated(name: string): Uint8Array {
  return new TextEncoder().encode(`cordon key ${name}`)
}
