import type { BasicCredentials, Linking } from '@cordon/core/enrollment'
import type { Certificate, CertificateRequest } from '@cordon/core/x509'

/**
 * What stands between the EST listener, which speaks HTTP and TLS, and the decision, which knows the plant. The listener
 * hands over what it read and did not judge; the service answers with what is to be said.
 * @module
 */

/** A request for a certificate, read and proven to be signed by its own key, not judged. */
export interface EnrollmentRequest {
  readonly operation: 'simpleenroll' | 'simplereenroll' | 'serverkeygen'
  readonly label: string | undefined
  readonly request: CertificateRequest
  /** The address that it came from. */
  readonly address: string
  /** What the client showed in the TLS handshake and proved to hold. Nothing of its chain is checked yet. */
  readonly shown: { readonly leaf: Certificate; readonly intermediates: readonly Uint8Array[] } | undefined
  readonly basic: BasicCredentials | undefined
  readonly linking: Linking
}

/** What becomes of a request. The reasons are what the requester may know; the record holds more. */
export type EnrollmentAnswer =
  /** 200: the certificate and the CA certificates above it, DER. */
  | {
      readonly kind: 'granted'
      readonly certificate: Uint8Array
      readonly chain: readonly Uint8Array[]
      /** The key that was made for it, PKCS#8, of `serverkeygen` alone. */
      readonly key?: Uint8Array
    }
  /** 202. */
  | { readonly kind: 'pending'; readonly retryAfterS: number; readonly reason: string }
  /** 400: the request itself cannot be granted as it is. */
  | { readonly kind: 'malformed'; readonly reason: string }
  /** 401: a user name and password would help. */
  | { readonly kind: 'authenticate'; readonly reason: string }
  /** 403. */
  | { readonly kind: 'denied'; readonly reason: string }
  /** 429: this identity asks too often. */
  | { readonly kind: 'tooMany'; readonly retryAfterS: number; readonly reason: string }
  /** 503: the store does not answer; nothing was issued. */
  | { readonly kind: 'unavailable'; readonly retryAfterS: number; readonly reason: string }

/** Who decides about requests and issues what was decided. */
export interface EnrollmentService {
  /** Whether a label has rules; undefined is the path without one. A label without is answered 404. */
  hasLabel(label: string | undefined): boolean
  /**
   * What `cacerts` answers, DER: the plant's root, its issuing CAs, and while the root is rolled over the cross
   * certificates (RFC 7030 4.1.3).
   */
  authorities(label: string | undefined): Promise<readonly Uint8Array[]>
  /** What `csrattrs` answers, DER; undefined: nothing is wished for (204). */
  attributes(label: string | undefined): Promise<Uint8Array | undefined>
  /**
   * Decides, and issues what was granted. Whatever is returned is durable. Never throws for what a requester sent: that
   * is an answer too.
   */
  enroll(request: EnrollmentRequest): Promise<EnrollmentAnswer>
}
