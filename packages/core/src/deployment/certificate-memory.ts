import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { type Certificate, decodeCertificate, fingerprint, isSelfSigned } from '../x509/certificate.ts'

/** A certificate that was read once. */
export interface KnownCertificate {
  readonly certificate: Certificate
  readonly selfSigned: boolean
}

/** Certificates kept at most: beyond it the oldest are read again when they are met again. */
const most = 4096

/**
 * Certificates as they were read, by fingerprint: plan, first contact and read-back look at the same ones, and reading one
 * strictly costs about as much as a signature.
 */
export class CertificateMemory {
  readonly #crypto: Crypto
  readonly #known = new Map<string, KnownCertificate | undefined>()

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** The certificate of some DER, or undefined where it is none. */
  read(der: Uint8Array): KnownCertificate | undefined {
    const print = fingerprint(this.#crypto, der)
    if (this.#known.has(print)) return this.#known.get(print)
    const read = this.#decode(der)
    const [oldest] = this.#known.keys()
    if (this.#known.size >= most && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(print, read)
    return read
  }

  #decode(der: Uint8Array): KnownCertificate | undefined {
    try {
      const certificate = decodeCertificate(der)
      return { certificate, selfSigned: isSelfSigned(this.#crypto, certificate) }
    } catch (error) {
      if (error instanceof MalformedMessage) return undefined
      throw error
    }
  }
}
