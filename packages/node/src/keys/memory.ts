import { type Crypto, isKeyName, type KeyKind, type KeyStore, type PrivateKey } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'

/** Refuses a name that {@link isKeyName} refuses. */
export function checkKeyName(name: string): void {
  if (!isKeyName(name)) {
    throw new UsageError(
      'bad-value',
      `expected a key name of 1 to 128 letters, digits, ".", "_" or "-" that does not begin with a dot, got "${name.slice(0, 140)}"`,
    )
  }
}

/** What {@link KeyStore.generate} says about a name that has a key. */
export function nameIsTaken(name: string): UsageError {
  return new UsageError('bad-value', `there is already a key "${name}"; choose another name, or delete that one first`)
}

/** Keys that live as long as this object: for tests and for what must leave no trace. */
export class MemoryKeyStore implements KeyStore {
  readonly #crypto: Pick<Crypto, 'generateKey'>
  readonly #keys = new Map<string, PrivateKey>()

  constructor(crypto: Pick<Crypto, 'generateKey'>) {
    this.#crypto = crypto
  }

  async generate(name: string, kind: KeyKind): Promise<PrivateKey> {
    checkKeyName(name)
    const key = await this.#crypto.generateKey(kind)
    if (this.#keys.has(name)) throw nameIsTaken(name)
    this.#keys.set(name, key)
    return key
  }

  async put(name: string, key: PrivateKey): Promise<void> {
    checkKeyName(name)
    this.#keys.set(name, key)
  }

  async get(name: string): Promise<PrivateKey | undefined> {
    checkKeyName(name)
    return this.#keys.get(name)
  }

  async delete(name: string): Promise<boolean> {
    checkKeyName(name)
    return this.#keys.delete(name)
  }

  async names(): Promise<readonly string[]> {
    return [...this.#keys.keys()].sort()
  }
}
