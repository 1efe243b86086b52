import type { KeyKind } from '../crypto/provider.ts'
import type { RequestTemplate } from '../enrollment/csr-attributes.ts'
import type { PullKept, PullState } from '../enrollment/pull.ts'
import type { EthernetIpSecurityStateName, PullStatus } from '../objects/ethernet-ip-security.ts'

/** What the objects of a device tell whoever pulls for it. */
export type PullNotice =
  /** A configurator opened a session on 0x5D or 0x5E. */
  | { readonly kind: 'pushBegan' }
  /** The last session ended; `configured`: settings that were applied are in force. */
  | { readonly kind: 'pushEnded'; readonly configured: boolean }
  /** A reset: everything that was pulled is gone, and pull begins anew, or is off. */
  | { readonly kind: 'reset'; readonly enabled: boolean }

/** A certificate that was earned. */
export interface EarnedCertificate {
  /** DER. */
  readonly certificate: Uint8Array
  /** From the certificate up, without it, DER. */
  readonly chain: readonly Uint8Array[]
  /** DER: they become the Trusted Authorities. */
  readonly authorities: readonly Uint8Array[]
}

/** What a request is to hold. */
export interface PullRequestWishes {
  readonly keyKind: KeyKind
  readonly template: RequestTemplate | undefined
  /** DER of the certificate whose subject and alternative names the request repeats (RFC 7030 4.2.2). */
  readonly renews: Uint8Array | undefined
}

/**
 * The side of a device that the pull model moves (cip-security-wire 6.2): whoever drives it finds servers and speaks EST;
 * key, certificate and states are the device's. After each call the device's actions are to be taken.
 */
export interface DevicePull {
  /** The device has the pull model and 0x5E attribute 13 is TRUE. */
  readonly isEnabled: boolean
  /** Nobody has configured it or is about to: 0x5E is in a state of the pull model, or from the factory. */
  readonly isOpen: boolean
  /** What 0x5E shows of it: attribute 14, and attribute 1. */
  report(): { readonly status: PullStatus; readonly state: EthernetIpSecurityStateName }
  /** What a pull client goes on with after a power cycle: the identity in force if it was pulled, and the last request. */
  kept(): PullKept
  /** Shows how far the client is: attribute 14, and attribute 1 between 0 and 3. Installing leads to 4. */
  follow(state: PullState): void
  /**
   * Makes a fresh key that stays in the device, and a request for it, DER PKCS#10.
   * @throws UsageError `not-open` while a configuration is under way or done, pull is off, or a reset came meanwhile
   */
  makeRequest(wished: PullRequestWishes): Promise<Uint8Array>
  /**
   * Puts a certificate in force for the key of the last request, in place of the one that was pulled before: all of it or
   * nothing. The client that {@link follow} saw last must be installing.
   * @throws NotTrusted `wrong-identity` for a certificate of another key; UsageError `not-open` as for a request;
   * UsageError `not-supported` where it does not fit into the device
   */
  install(earned: EarnedCertificate): void
  /** Certificate and key for TLS, leaf first: the factory's, or the one in force if it was pulled. */
  credential(which: 'default' | 'current'): PullCredential | undefined
  /** Who hears of what concerns the pull model; one listener. */
  onNotice(listener: ((notice: PullNotice) => void) | undefined): void
}

/** Certificate and key as TLS takes them; the key stays inside the process of the device. */
export interface PullCredential {
  /** Leaf first, DER. */
  readonly chain: readonly Uint8Array[]
  /** DER PKCS#8. */
  readonly key: Uint8Array
}
