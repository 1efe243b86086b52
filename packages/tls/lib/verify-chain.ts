import { crlNumbers } from './context.ts'
import { callNative } from './errors.ts'
import { failureMessage } from './failures.ts'
import { load } from './load.ts'
import type { CrlPolicy } from './policy.ts'

/** A certificate to judge, and by what. All certificates and lists in DER. */
export interface VerifyChainOptions {
  readonly leaf: Uint8Array
  /** Certificates that may link the leaf to an anchor; not trusted themselves. */
  readonly intermediates?: readonly Uint8Array[]
  /** Authorities that end a chain, self-issued or not. */
  readonly anchors: readonly Uint8Array[]
  /** End-entity certificates accepted by exact match. */
  readonly trusted?: readonly Uint8Array[]
  readonly crls?: readonly Uint8Array[]
  /** Default `ifPresent`. */
  readonly crl?: CrlPolicy
  /** Check dates. Default `false`. */
  readonly time?: boolean
  /** Milliseconds since 1970 for the dates. Default: now. */
  readonly at?: number
  /** What the leaf must be good for, by key usage and extended key usage where it has them. Default `any`. */
  readonly purpose?: 'server' | 'client' | 'any'
}

/** The verdict, with the reason. */
export type VerifyChainResult =
  | {
      readonly ok: true
      /** DER, leaf first, the anchor last. */
      readonly chain: Uint8Array[]
    }
  | {
      readonly ok: false
      /** See failures.ts; the gravest of what was found. */
      readonly code: string
      readonly message: string
      /** Position in the chain, 0 for the leaf. */
      readonly depth: number
      /** Every X509_V_ERR number found. */
      readonly errors: readonly number[]
    }

const purposes = { any: 0, server: 1, client: 2 } as const

/**
 * Certificate path validation (RFC 5280 section 6, by OpenSSL), by the same rules as in a handshake.
 *
 * @throws TlsError `bad-certificate`, `bad-crl` for bytes that are not one complete DER object.
 */
export function verifyChain(options: VerifyChainOptions): VerifyChainResult {
  const result = callNative(() =>
    load().verifyChain({
      leaf: options.leaf,
      intermediates: options.intermediates ?? [],
      anchors: options.anchors,
      trusted: options.trusted ?? [],
      crls: options.crls ?? [],
      crl: crlNumbers[options.crl ?? 'ifPresent'],
      time: options.time ?? false,
      at: Math.floor((options.at ?? Date.now()) / 1000),
      purpose: purposes[options.purpose ?? 'any'],
    }),
  )
  if (result.ok) return { ok: true, chain: result.chain }
  const { code, reason, depth, errors } = result
  return { ok: false, code, message: failureMessage(code, reason), depth, errors }
}
