import { createPrivateKey } from 'node:crypto'
import {
  formatPkcs11Uri,
  isKeyName,
  type KeyKind,
  type KeyStore,
  type Pkcs11Uri,
  type PrivateKey,
  parsePkcs11Uri,
  tokenProblem,
} from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'
import { checkKeyName } from '../memory.ts'
import { sharedSigners, tokenKey } from './key.ts'
import type { Signers } from './signer.ts'

/** How a store uses its token. */
export interface Pkcs11KeyStoreOptions {
  /** What the labels of this store's keys begin with, so that others may share the token; default `cordon-`. */
  readonly prefix?: string
  /** Whether `put` may bring in a key that was made elsewhere, and so was known elsewhere; default false. */
  readonly allowImport?: boolean
  readonly signers?: Signers
}

/** Keys in a token, by label. They are made there with {@link Pkcs11KeyStore.generate} and never leave it. */
export class Pkcs11KeyStore implements KeyStore {
  readonly #token: Pkcs11Uri
  readonly #prefix: string
  readonly #allowImport: boolean
  readonly #signers: Signers

  /** @throws MalformedMessage for a URI that is none; UsageError `bad-value` for one that does not name a token, or names an object */
  constructor(
    uri: string,
    { prefix = 'cordon-', allowImport = false, signers = sharedSigners() }: Pkcs11KeyStoreOptions = {},
  ) {
    this.#token = parsePkcs11Uri(uri)
    const problem = tokenProblem(this.#token)
    if (problem !== undefined) throw new UsageError('bad-value', problem)
    this.#prefix = prefix
    this.#allowImport = allowImport
    this.#signers = signers
  }

  /**
   * Makes a key pair in the token.
   * @throws UsageError `bad-value` when the name is taken or outside the rules, `not-supported` when the token cannot make that kind
   */
  async generate(name: string, kind: KeyKind): Promise<PrivateKey> {
    const uri = this.#uri(name)
    return tokenKey(this.#signers, uri, await this.#signers.ask({ ask: 'generate', uri, kind }))
  }

  /** Brings a key in, where the store allows it. The old one of that name is destroyed first: a token cannot replace. */
  async put(name: string, key: PrivateKey): Promise<void> {
    const uri = this.#uri(name)
    const pkcs8 = key.export()
    if (!this.#allowImport || pkcs8 === undefined) {
      const why = pkcs8 === undefined ? 'lives in hardware and stays there' : 'was made outside of the token'
      throw new UsageError('not-supported', `the key "${name}" ${why}; make one in the token with generate`)
    }
    const jwk = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }).export({ format: 'jwk' })
    await this.#signers.ask({ ask: 'remove', uri })
    await this.#signers.ask({ ask: 'import', uri, kind: key.kind, key: jwk })
  }

  async get(name: string): Promise<PrivateKey | undefined> {
    const uri = this.#uri(name)
    if (!(await this.names()).includes(name)) return undefined
    return tokenKey(this.#signers, uri, await this.#signers.ask({ ask: 'find', uri }))
  }

  async delete(name: string): Promise<boolean> {
    return await this.#signers.ask({ ask: 'remove', uri: this.#uri(name) })
  }

  async names(): Promise<readonly string[]> {
    const labels = await this.#signers.ask({ ask: 'list', uri: formatPkcs11Uri(this.#token) })
    const names = labels
      .filter((label) => label.startsWith(this.#prefix))
      .map((label) => label.slice(this.#prefix.length))
    return [...new Set(names.filter(isKeyName))].sort()
  }

  #uri(name: string): string {
    checkKeyName(name)
    return formatPkcs11Uri({ ...this.#token, object: `${this.#prefix}${name}`, type: 'private' })
  }
}
