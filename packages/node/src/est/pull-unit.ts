import type { KeyKind } from '@cordon/core/crypto'
import type { PullState, RequestTemplate } from '@cordon/core/enrollment'

/** A certificate and where its private key is, for the client's side of a TLS handshake. */
export type ClientCredential = KeyCredential | CardCredential

/** A certificate with its private key. */
export interface KeyCredential {
  /** Leaf first, DER. */
  readonly chain: readonly Uint8Array[]
  /** DER PKCS#8. */
  readonly key: Uint8Array
}

/** A certificate whose private key lies in a card or token. It is shown only to a server that something vouches for. */
export interface CardCredential {
  /** Leaf first, DER. */
  readonly chain: readonly Uint8Array[]
  /** PKCS#11 URI of the key (RFC 7512). */
  readonly card: string
}

/**
 * Who pulls: a virtual device, or a program on a PC. It keeps keys and certificates; the pull client decides what is done
 * when. What is thrown here ends the round as a fault of this unit's own, to be tried again.
 */
export interface PullUnit {
  /** What it shows in TLS: `default` is the factory's, `current` the one that is to be renewed; undefined: nothing. */
  credential(which: 'default' | 'current'): ClientCredential | undefined
  /**
   * Makes a fresh key, keeps it for {@link PullUnit.install}, and gives a request for it, DER PKCS#10. Where requests
   * outlive a restart, both are on the disk when the promise resolves.
   * @param wished.renews the certificate whose subject and alternative names the request must repeat
   */
  makeRequest(wished: {
    readonly keyKind: KeyKind
    readonly template: RequestTemplate | undefined
    readonly renews: Uint8Array | undefined
  }): Promise<Uint8Array>
  /**
   * Makes the last request anew, for the same key and with the same contents, and puts this challenge password into it: it
   * ties the request to the connection that it goes over (RFC 7030 3.5). Absent: this unit does not link requests.
   */
  linkRequest?(challengePassword: string): Promise<Uint8Array>
  /** Puts a certificate in force, with the key of the last request; durable when the promise resolves. */
  install(earned: {
    readonly certificate: Uint8Array
    /** From the certificate up, without it, DER. */
    readonly chain: readonly Uint8Array[]
    readonly authorities: readonly Uint8Array[]
  }): Promise<void>
  /** Hears of every change: what the object shows, and what is to be kept over a restart. */
  changed(state: PullState): void
}
