import { createHash, createPublicKey, type KeyObject, randomBytes, verify } from 'node:crypto'
import { formatPkcs11Uri, type KeyKind, type PrivateKey, parsePkcs11Uri, tokenProblem } from '@cordon/core/crypto'
import { NotTrusted, UsageError } from '@cordon/core/errors'
import { ecdsaSignature } from './ecdsa.ts'
import { kindFacts } from './kinds.ts'
import type { FoundKey } from './protocol.ts'
import { Signers } from './signer.ts'

let shared: Signers | undefined

/** The signers that this process uses where it was given none. */
export function sharedSigners(): Signers {
  shared ??= new Signers()
  return shared
}

/**
 * The private key that a PKCS#11 URI (RFC 7512) names. It stays in its token: {@link PrivateKey.export} gives undefined,
 * and a signature is made by the signer process, beside the event loop.
 * @throws MalformedMessage for a URI that is none; UsageError `missing` for a module, token, key or PIN that is not there,
 * `bad-value` when several keys fit; NotAllowed `refused` for a wrong PIN; TransportError when the token fails
 */
export async function pkcs11Key(uri: string, signers: Signers = sharedSigners()): Promise<PrivateKey> {
  const text = formatPkcs11Uri(parsePkcs11Uri(uri))
  return tokenKey(signers, text, await signers.ask({ ask: 'find', uri: text }))
}

/**
 * Makes a key pair in the token that a PKCS#11 URI names, under the label that its `object` gives.
 * @throws as {@link pkcs11Key}; UsageError `bad-value` when a key of that label is there already, `not-supported` when the
 * token cannot make that kind
 */
export async function generatePkcs11Key(
  uri: string,
  kind: KeyKind,
  signers: Signers = sharedSigners(),
): Promise<PrivateKey> {
  const text = formatPkcs11Uri(parsePkcs11Uri(uri))
  return tokenKey(signers, text, await signers.ask({ ask: 'generate', uri: text, kind }))
}

/** The keys of an authority in hardware: how they are made and opened. */
export interface AuthorityHardware {
  /** As {@link pkcs11Key}. */
  openKey(uri: string): Promise<PrivateKey>
  /**
   * Makes a key in the token that `uri` names. Its own label is `cordon-LABEL-` and eight digits that are new each time,
   * because an attempt that failed halfway leaves its key behind, and several authorities may share a token.
   * @throws as {@link generatePkcs11Key}; UsageError `bad-value` when `uri` does not name a token, or names an object
   */
  makeKey(request: {
    readonly uri: string
    readonly kind: KeyKind
    readonly label: string
  }): Promise<{ readonly uri: string; readonly key: PrivateKey }>
}

/** Hardware keys for an authority, through these signers or those of the process. */
export function authorityHardware(signers: Signers = sharedSigners()): AuthorityHardware {
  return {
    openKey: (uri) => pkcs11Key(uri, signers),
    makeKey: async ({ uri, kind, label }) => {
      const token = parsePkcs11Uri(uri)
      const problem = tokenProblem(token)
      if (problem !== undefined) throw new UsageError('bad-value', problem)
      const object = `cordon-${label.replace(/\s+/g, '-')}-${randomBytes(4).toString('hex')}`
      const made = formatPkcs11Uri({ ...token, object, type: 'private' })
      return { uri: made, key: await generatePkcs11Key(made, kind, signers) }
    },
  }
}

/** A key as the signer found it. */
export function tokenKey(signers: Signers, uri: string, { kind, publicKey }: FoundKey): PrivateKey {
  return new TokenPrivateKey(signers, uri, kind, new Uint8Array(Buffer.from(publicKey, 'base64')))
}

class TokenPrivateKey implements PrivateKey {
  readonly kind: KeyKind
  readonly publicKey: Uint8Array
  readonly #signers: Signers
  readonly #uri: string
  readonly #verifier: KeyObject

  constructor(signers: Signers, uri: string, kind: KeyKind, publicKey: Uint8Array) {
    this.kind = kind
    this.publicKey = publicKey
    this.#signers = signers
    this.#uri = uri
    this.#verifier = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  }

  async sign(data: Uint8Array): Promise<Uint8Array> {
    const facts = kindFacts[this.kind]
    const digest = createHash(facts.hash).update(data).digest('base64')
    const answer = await this.#signers.ask({ ask: 'sign', uri: this.#uri, digest })
    const raw = new Uint8Array(Buffer.from(answer, 'base64'))
    const signature = facts.family === 'ecdsa' ? ecdsaSignature(raw, facts.bytes) : raw
    // A faulty signature can give the key away, and a token whose key was replaced gives one of another key.
    if (await this.#holds(facts.hash, data, signature)) return signature
    throw new NotTrusted(
      'bad-signature',
      `the token gave a signature that its public key does not confirm (${this.#uri}); it was discarded: the key was replaced, or the token is faulty`,
    )
  }

  async #holds(hash: string, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return await new Promise((resolve, reject) =>
      verify(hash, data, this.#verifier, signature, (error, holds) => (error ? reject(error) : resolve(holds))),
    )
  }

  export(): undefined {
    return undefined
  }
}
