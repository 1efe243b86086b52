import type { Crypto, RevocationCheck } from '../crypto/provider.ts'
import { latin1, utf8 } from '../wire/text.ts'
import type { Certificate } from '../x509/certificate.ts'
import { hex } from '../x509/der.ts'
import { formatName } from '../x509/name.ts'
import type { CertificateRequest } from '../x509/request.ts'
import { checkDer, derContent, derTags } from '../x509/strict.ts'
import { vendorFacts, type VendorTemplate, vendorTemplates } from '../x509/vendor-facts.ts'
import { requestAttributes } from './csr-attributes.ts'

/**
 * What is known of a request for a certificate, and how well. Rules are predicates over these facts; who collects them
 * asks verifiers, lists and the network, and hands over what came of it. All of it is plain data, for the record.
 * @module
 */

/**
 * How well a fact is known: `proven` by a vendor's certificate chain, `observed` by the network, `claimed` by the request
 * or by a self-signed certificate.
 */
export type Assurance = 'proven' | 'observed' | 'claimed'

const ranks: Readonly<Record<Assurance, number>> = { claimed: 0, observed: 1, proven: 2 }

/** Whether an assurance is at least as good as the one a rule needs. */
export function isAssured(have: Assurance, need: Assurance): boolean {
  return ranks[have] >= ranks[need]
}

/** Something known, how well, and from where. */
export interface Fact<Value> {
  readonly value: Value
  readonly assurance: Assurance
  /** For people: `vendor certificate`, `request`, `ARP`. */
  readonly source: string
}

/** A unit among all units of all vendors (Identity attributes 1 and 6): a serial number alone is unique per vendor only. */
export interface UnitIdentity {
  /** CIP Vendor ID, 16 bits. */
  readonly vendorId: number
  /** CIP serial number, 32 bits. */
  readonly serialNumber: number
}

/** What became of the certificate with which a device authenticated itself, as a vendor's. */
export type VendorJudgement =
  | {
      readonly verdict: 'trusted'
      /** The vendor's name in the rules. */
      readonly vendor: string
      readonly unit: UnitIdentity
      readonly product: string | undefined
      readonly reason: string
    }
  /** `unknown`: no vendor of the rules signed it. The others are about one that did. */
  | {
      readonly verdict: 'unknown' | 'revoked' | 'refused'
      readonly vendor: string | undefined
      readonly reason: string
    }

/** What an administrator said about this key. */
export interface AdministratorWord {
  /** Who, by name; one person counts once. */
  readonly by: string
  readonly verdict: 'approve' | 'deny'
  readonly reason: string
}

/** What the verifier of passwords found. The password itself is no fact. */
export interface PasswordFact {
  readonly account: string
  readonly verdict: 'accepted' | 'refused'
  /** Certificates granted under the account so far, those for this very key not counted. */
  readonly granted: number
}

/** The provisioning certificate with which the requester authenticated itself. */
export interface ProvisioningFact {
  /** The name, in the rules, of the authority it leads to. */
  readonly authority: string
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string
  readonly revoked: boolean
  /** The key that it was used up for, as {@link EnrollmentFacts.key}; undefined: not used yet. */
  readonly consumedBy: string | undefined
}

/** Another time that the same key was seen. */
export interface Sighting {
  readonly address: string
  readonly unit: UnitIdentity | undefined
  readonly mac: string | undefined
}

/** One attribute of the wished-for subject. */
export interface SubjectFact {
  /** Dotted object identifier. */
  readonly type: string
  readonly value: string
}

/** All facts about one request. */
export interface EnrollmentFacts {
  readonly label: string | undefined
  /** SHA-256 over the DER SubjectPublicKeyInfo of the request, hex: what a decision is bound to. */
  readonly key: string
  /** The subject that the request wishes for: text form, and attribute by attribute. A claim. */
  readonly subject: { readonly text: string; readonly attributes: readonly SubjectFact[] }
  /** The address that the request came from. Observed. */
  readonly address: string
  readonly units: readonly Fact<UnitIdentity>[]
  /** MAC addresses as `00:1d:9c:01:02:03`. */
  readonly macs: readonly Fact<string>[]
  readonly vendor?: VendorJudgement | undefined
  readonly administrators: readonly AdministratorWord[]
  readonly password?: PasswordFact | undefined
  readonly provisioning?: ProvisioningFact | undefined
  /** Where else the key was seen, as far as nobody has cleared it. */
  readonly sightings: readonly Sighting[]
}

/** A vendor whose certificates count, its anchors and lists at hand. */
export interface Vendor {
  readonly name: string
  /** DER. */
  readonly anchors: readonly Uint8Array[]
  readonly template: VendorTemplate
  /** DER. */
  readonly revocationLists: readonly Uint8Array[]
  /** `required`: without a current list of its issuer no certificate counts. */
  readonly revocation: RevocationCheck
  /** Whether dates are judged; makers write long ones, and devices outlive them. */
  readonly checkDates: boolean
}

/**
 * Judges what a device showed in TLS against each vendor. What leads to a vendor's anchor and names another vendor, or
 * names no unit, is refused: the proof is of something else than the rules are about.
 */
export function judgeVendorCertificate(
  crypto: Crypto,
  shown: { readonly leaf: Certificate; readonly intermediates: readonly Uint8Array[] },
  vendors: readonly Vendor[],
  at: number,
): VendorJudgement {
  let worst: VendorJudgement = { verdict: 'unknown', vendor: undefined, reason: 'no vendor of the rules signed it' }
  for (const vendor of vendors) {
    const verdict = crypto.verifyChain({
      leaf: shown.leaf.der,
      intermediates: shown.intermediates,
      anchors: vendor.anchors,
      revocationLists: vendor.revocationLists,
      revocation: vendor.revocation,
      purpose: 'client',
      ...(vendor.checkDates ? { at } : {}),
    })
    if (verdict.ok) return judgeUnit(shown.leaf, vendor)
    if (verdict.code === 'unknown-authority' || verdict.code === 'self-signed') continue
    const revoked = verdict.code === 'revoked'
    if (revoked || worst.verdict === 'unknown') {
      worst = { verdict: revoked ? 'revoked' : 'refused', vendor: vendor.name, reason: verdict.reason }
    }
  }
  return worst
}

function judgeUnit(leaf: Certificate, { name, template }: Vendor): VendorJudgement {
  const facts = vendorFacts(leaf, [template])
  if (facts === undefined) {
    const reason = `no vendor and serial number where ${name} writes them (${template.name})`
    return { verdict: 'refused', vendor: name, reason }
  }
  const { vendorId, serialNumber, product } = facts
  if (template.vendorId !== undefined && vendorId !== template.vendorId) {
    const reason = `names vendor ${vendorId}; ${name} is vendor ${template.vendorId}`
    return { verdict: 'refused', vendor: name, reason }
  }
  return {
    verdict: 'trusted',
    vendor: name,
    unit: { vendorId, serialNumber },
    product,
    reason: `leads to an anchor of ${name}`,
  }
}

/** The unit that a vendor certificate proves. */
export function provenUnits(judgement: VendorJudgement | undefined): readonly Fact<UnitIdentity>[] {
  return judgement?.verdict === 'trusted'
    ? [{ value: judgement.unit, assurance: 'proven', source: `certificate of ${judgement.vendor}` }]
    : []
}

/** What a certificate claims that leads to nobody: the self-signed one of a device without a vendor's. */
export function claimedUnits(
  certificate: Certificate,
  templates: readonly VendorTemplate[] = vendorTemplates,
): readonly Fact<UnitIdentity>[] {
  return unitClaims(vendorFacts(certificate, templates), 'self-signed certificate')
}

function unitClaims(facts: UnitIdentity | undefined, source: string): readonly Fact<UnitIdentity>[] {
  if (facts === undefined) return []
  const { vendorId, serialNumber } = facts
  return [{ value: { vendorId, serialNumber }, assurance: 'claimed', source }]
}

/** What a request says of itself: everything in it is a claim. */
export function requestFacts(
  crypto: Crypto,
  request: CertificateRequest,
  templates: readonly VendorTemplate[] = vendorTemplates,
): Pick<EnrollmentFacts, 'key' | 'subject' | 'units' | 'macs'> {
  return {
    key: keyFingerprint(crypto, request.publicKey),
    subject: {
      text: formatName(request.subject),
      attributes: request.subject.parts.flat().map(({ type, value }) => ({ type, value })),
    },
    units: unitClaims(vendorFacts(request, templates), 'request'),
    macs: macClaims(request),
  }
}

/** SHA-256 over a DER SubjectPublicKeyInfo, hex. */
export function keyFingerprint(crypto: Crypto, publicKey: Uint8Array): string {
  return hex(crypto.digest('SHA-256', publicKey))
}

function macClaims(request: CertificateRequest): readonly Fact<string>[] {
  const facts: Fact<string>[] = []
  for (const value of request.attributes.get(requestAttributes.macAddress)?.slice(0, 8) ?? []) {
    const element = checkDer(value, 'certificate request, macAddress')
    const content = derContent(value, element)
    const text = element.tag === derTags.octetString ? hex(content) : (utf8(content) ?? latin1(content))
    const mac = parseMac(text)
    if (mac !== undefined) facts.push({ value: mac, assurance: 'claimed', source: 'request' })
  }
  return facts
}

/** A MAC address in any usual spelling as `00:1d:9c:01:02:03`; undefined for what is none. */
export function parseMac(text: string): string | undefined {
  const form =
    /^(?:[0-9a-f]{12}|[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})$/
  const plain = text.trim().toLowerCase()
  if (plain.length > 17 || !form.test(plain)) return undefined
  return (plain.replace(/[^0-9a-f]/g, '').match(/../g) ?? []).join(':')
}

/** A unit for people: `vendor 1 serial 0x00E17388`. */
export function formatUnit({ vendorId, serialNumber }: UnitIdentity): string {
  return `vendor ${vendorId} serial 0x${serialNumber.toString(16).toUpperCase().padStart(8, '0')}`
}

/** Whether two units are one. */
export function sameUnit(a: UnitIdentity, b: UnitIdentity): boolean {
  return a.vendorId === b.vendorId && a.serialNumber === b.serialNumber
}
