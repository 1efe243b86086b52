import type { KeyKind, PrivateKey } from './provider.ts'

/**
 * Private keys by name, wherever they lie: in memory, in files, in hardware. A name is 1 to 128 of the characters
 * `A-Z a-z 0-9 . _ -` and does not begin with a dot, so that it may be a file name everywhere.
 */
export interface KeyStore {
  /**
   * Makes a key pair where it is kept, so that nothing else ever holds it where the place can do that. Durable when the
   * promise resolves.
   * @throws UsageError `bad-value` when the name is taken or outside the rules, `not-supported` for a kind that the place cannot make
   */
  generate(name: string, kind: KeyKind): Promise<PrivateKey>
  /**
   * Brings in a key that was made elsewhere, replacing what was there. Durable when the promise resolves.
   * @throws UsageError `bad-value` for a name outside the rules, `not-supported` for a key that cannot be exported, and
   * where the place takes only keys that were made in it
   */
  put(name: string, key: PrivateKey): Promise<void>
  /**
   * The key of that name, or undefined.
   * @throws NotTrusted `bad-signature` when what is stored was altered or sealed under another key
   */
  get(name: string): Promise<PrivateKey | undefined>
  /** Forgets a key; true when there was one. */
  delete(name: string): Promise<boolean>
  /** All names, sorted. */
  names(): Promise<readonly string[]>
}

const keyName = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/

/** Whether a text may name a key in a {@link KeyStore}. */
export function isKeyName(name: string): boolean {
  return keyName.test(name)
}
