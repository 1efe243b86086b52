import type { JsonWebKey } from 'node:crypto'
import type { KeyKind } from '@cordon/core/crypto'
import {
  type AnyError,
  MalformedMessage,
  NotAllowed,
  NotTrusted,
  PeerError,
  TransportError,
  UsageError,
} from '@cordon/core/errors'

/** What a signer process is asked. Every question names its key or token by PKCS#11 URI, so that none rests on an earlier one. */
export type SignerQuestion =
  | { readonly ask: 'find'; readonly uri: string }
  | { readonly ask: 'sign'; readonly uri: string; readonly digest: string }
  | { readonly ask: 'generate'; readonly uri: string; readonly kind: KeyKind }
  | { readonly ask: 'import'; readonly uri: string; readonly kind: KeyKind; readonly key: JsonWebKey }
  | { readonly ask: 'remove'; readonly uri: string }
  | { readonly ask: 'list'; readonly uri: string }

/** A question with the number that its answer carries. */
export type SignerRequest = SignerQuestion & { readonly number: number }

/** A key in a token, as far as it may be known outside. */
export interface FoundKey {
  readonly kind: KeyKind
  /** DER SubjectPublicKeyInfo, base64. */
  readonly publicKey: string
}

/** Answers by question. Bytes are base64. */
export interface SignerAnswers {
  readonly find: FoundKey
  /** r and s side by side for ECDSA, PKCS#1 v1.5 for RSA. */
  readonly sign: string
  readonly generate: FoundKey
  readonly import: FoundKey
  /** Whether there was a key. */
  readonly remove: boolean
  /** Labels of the private keys, sorted. */
  readonly list: readonly string[]
}

/** One of our errors in transit. */
export interface WireError {
  readonly name: string
  readonly code: string
  readonly message: string
}

/** What a signer process says. */
export type SignerReply =
  | { readonly number: number; readonly answer: SignerAnswers[keyof SignerAnswers] }
  | { readonly number: number; readonly error: WireError }

const classes = { MalformedMessage, NotAllowed, NotTrusted, PeerError, TransportError, UsageError } as const

/** An error for the way to the asking process: ours as it is, any other by its message. */
export function toWire(error: unknown): WireError {
  if (error instanceof Error && error.name in classes && 'code' in error) {
    return { name: error.name, code: String(error.code), message: error.message }
  }
  return { name: 'TransportError', code: 'io', message: error instanceof Error ? error.message : String(error) }
}

/** The error that {@link toWire} took. */
export function fromWire({ name, code, message }: WireError): AnyError {
  const Class = Object.entries(classes).find(([known]) => known === name)?.[1] ?? TransportError
  // Both ends are of one version, and the code was written by the class of that name.
  return new Class(code as never, message)
}
