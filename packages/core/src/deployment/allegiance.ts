import type { Crypto } from '../crypto/provider.ts'
import type { CipSecurityStateName } from '../objects/cip-security.ts'
import type { EthernetIpSecurityStateName } from '../objects/ethernet-ip-security.ts'
import { fingerprint } from '../x509/certificate.ts'
import { hex } from '../x509/der.ts'
import { formatName } from '../x509/name.ts'
import { vendorFacts, type VendorTemplate, vendorTemplates } from '../x509/vendor-facts.ts'
import { isOfThisPlant } from './contact.ts'
import { spellFingerprint } from './first-contact.ts'
import type { Materials } from './materials.ts'

/** To whom a device answers: nobody yet, this plant, or somebody else. */
export type Allegiance = 'factory' | 'ours' | 'foreign'

/** What a device let be seen from outside, by TLS without credentials and by ListIdentity. None of it is proven. */
export interface DeviceOutside {
  /** The certificates that it showed, DER, leaf first; empty where it showed none. */
  readonly presented: readonly Uint8Array[]
  /** It opened without asking for a credential. */
  readonly isOpen: boolean
  /** States of 0x5D and 0x5E by its own word; undefined where it does not say. */
  readonly cipSecurityState?: CipSecurityStateName | number | undefined
  readonly ethernetIpSecurityState?: EthernetIpSecurityStateName | number | undefined
}

/** A certificate as people compare it. */
export interface ShownCertificate {
  readonly subject: string
  readonly issuer: string
  /** SHA-256 of the leaf, lower-case hex. */
  readonly fingerprint: string
  /** SHA-256 of the issuer's own certificate where the device sent it along, lower-case hex. */
  readonly issuerFingerprint: string | undefined
  /** Identifier of the issuer's key by the certificate's own word (RFC 5280 4.2.1.1), lower-case hex. */
  readonly issuerKey: string | undefined
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly notBefore: number
  /** Milliseconds since 1970. */
  readonly notAfter: number
  readonly selfSigned: boolean
}

/** Whose a device is, and by what that is judged. */
export interface AllegianceJudgement {
  readonly allegiance: Allegiance
  /** One sentence without its end. */
  readonly reason: string
  readonly certificate: ShownCertificate | undefined
  /** CIP Vendor ID that a default certificate names. */
  readonly vendorId: number | undefined
  /** Name for which this plant issued the certificate. */
  readonly holder: string | undefined
  /** SHA-256 of our CA certificate that signed it, lower-case hex. */
  readonly signedBy: string | undefined
}

/** By what certificates are told apart. */
export interface AllegianceMeans {
  readonly crypto: Crypto
  readonly materials: Materials
  /** CA certificates of vendors, DER. */
  readonly vendorAnchors: readonly Uint8Array[]
  readonly templates?: readonly VendorTemplate[] | undefined
}

/**
 * Judges to whom a device answers. A foreign certificate may copy every name of a default one, so names decide nothing:
 * what is not signed by this plant, by a trusted vendor or by itself is foreign, unless the device lets everybody in and
 * says that nobody configured it.
 */
export function judgeAllegiance(means: AllegianceMeans, outside: DeviceOutside): AllegianceJudgement {
  const { crypto, materials } = means
  const [leaf] = outside.presented
  if (leaf === undefined) return withoutCertificate(outside)
  const known = materials.certificates.read(leaf)
  if (known === undefined) {
    const reason = `what it showed is no valid certificate (SHA-256 ${spellFingerprint(fingerprint(crypto, leaf))})`
    return { ...nobody, allegiance: 'foreign', reason }
  }
  const { certificate, selfSigned } = known
  const [, issuer] = outside.presented
  const { authorityKeyIdentifier } = certificate.extensions
  const shown: ShownCertificate = {
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    fingerprint: fingerprint(crypto, leaf),
    issuerFingerprint: issuer === undefined ? undefined : fingerprint(crypto, issuer),
    issuerKey: authorityKeyIdentifier === undefined ? undefined : hex(authorityKeyIdentifier),
    serial: certificate.serial,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    selfSigned,
  }
  const judged = { ...nobody, certificate: shown }
  if (isOfThisPlant({ crypto, materials }, outside)) return { ...judged, ...ours(means, leaf) }
  const state = configuredState(outside)
  const vendorId = vendorFacts(certificate, means.templates ?? vendorTemplates)?.vendorId
  const isVendors = !selfSigned && isSignedByVendor(means, outside.presented)
  if ((selfSigned || isVendors) && state === undefined) {
    const reason = isVendors
      ? 'it shows its default certificate, signed by a trusted vendor'
      : 'it shows a self-signed default certificate, which proves nothing'
    return { ...judged, allegiance: 'factory', reason, vendorId }
  }
  if (selfSigned || isVendors) {
    const reason = `it shows its default certificate and says that somebody configured it: ${state}`
    return { ...judged, allegiance: 'foreign', reason, vendorId }
  }
  if (outside.isOpen && saysFactory(outside)) {
    const reason = 'it says that nobody configured it; no trusted vendor signed its certificate'
    return { ...judged, allegiance: 'factory', reason, vendorId }
  }
  return { ...judged, allegiance: 'foreign', reason: `its certificate is of ${shown.issuer}` }
}

const nobody = { certificate: undefined, vendorId: undefined, holder: undefined, signedBy: undefined }

function withoutCertificate(outside: DeviceOutside): AllegianceJudgement {
  const state = configuredState(outside)
  const words = state === undefined ? '' : `; it says: ${state}`
  const reason = `it refuses everybody without a key and shows no certificate${words}`
  return { ...nobody, allegiance: 'foreign', reason }
}

function ours({ crypto, materials }: AllegianceMeans, leaf: Uint8Array) {
  const signer = materials
    .anchorsOf(leaf)
    .find((anchor) => crypto.verifyChain({ leaf, anchors: [anchor], revocation: 'off', purpose: 'any' }).ok)
  const holder = materials.holderOf(leaf)
  const words = holder === undefined ? 'this plant signed its certificate' : `this plant signed it for ${holder}`
  return {
    allegiance: 'ours' as const,
    reason: materials.isRevoked(leaf) ? `${words}, and revoked it` : words,
    holder,
    signedBy: signer === undefined ? undefined : fingerprint(crypto, signer),
  }
}

function isSignedByVendor({ crypto, vendorAnchors }: AllegianceMeans, presented: readonly Uint8Array[]): boolean {
  const [leaf, ...intermediates] = presented
  if (leaf === undefined || vendorAnchors.length === 0) return false
  return crypto.verifyChain({ leaf, intermediates, anchors: vendorAnchors, revocation: 'off', purpose: 'any' }).ok
}

const beforePolicy = ['factoryDefault', 'pullModelInProgress', 'pullModelDisabled', 'configurationInProgress']

/** What a device says of settings that somebody gave it; undefined where it says nothing of the kind. */
function configuredState({ cipSecurityState: cip, ethernetIpSecurityState: eip }: DeviceOutside): string | undefined {
  if (eip !== undefined && !beforePolicy.includes(String(eip))) return `0x5E is ${eip}`
  if (cip !== undefined && !beforePolicy.includes(String(cip))) return `0x5D is ${cip}`
  return undefined
}

function saysFactory(outside: DeviceOutside): boolean {
  return outside.ethernetIpSecurityState !== undefined && configuredState(outside) === undefined
}
