import { type VendorFacts, type VendorTemplate, vendorFacts, vendorTemplates } from '../x509/vendor-facts.ts'
import type { Crypto } from '../crypto/provider.ts'
import { fingerprint } from '../x509/certificate.ts'
import { formatName } from '../x509/name.ts'
import { CertificateMemory } from './certificate-memory.ts'
import { type Message, message } from './messages.ts'

/** What is believed about default certificates before a device is met. */
export interface FirstContactPolicy {
  /** CA certificates of vendors, DER: several vendors may be trusted. */
  readonly vendorAnchors: readonly Uint8Array[]
  /** Where vendors write vendor and serial number into their certificates; the built-in templates when absent. */
  readonly templates?: readonly VendorTemplate[] | undefined
  /** SHA-256 fingerprint that a person gave for this device (plant file, label), 64 lower-case hex digits. */
  readonly expected?: string | undefined
  /** Fingerprint seen at an earlier contact and kept since. It makes a change visible; it proves nothing. */
  readonly seenBefore?: string | undefined
  /** A person said that this device may be used although its certificate proves nothing. */
  readonly acceptUnproven: boolean
}

/** Who the device says it is: attributes of its Identity object, to be held against its vendor certificate. */
export interface UnitNumbers {
  readonly vendorId: number
  readonly serialNumber: number
}

/** By what the default certificate of a device was believed. */
export type ContactProof = 'vendor' | 'fingerprint' | 'accepted' | 'none'

/** The judgement of a first contact. */
export interface FirstContact {
  /** May the device be configured at all? */
  readonly verdict: 'go' | 'stop'
  readonly proof: ContactProof
  /** May a pre-shared key be sent to it? Only after `vendor` or `fingerprint`. */
  readonly maySendSecrets: boolean
  /** SHA-256 over the leaf, lower-case hex: what a person compares, and what is pinned. */
  readonly fingerprint: string
  /** Subject of the certificate as text. */
  readonly subject: string
  readonly selfSigned: boolean
  readonly messages: readonly Message[]
}

/**
 * Judges the default certificate that a device showed at the first contact, before anything of worth is sent. The order
 * matters: a fingerprint that differs stops everything, also where a vendor anchor would have been satisfied.
 */
export function judgeFirstContact(
  crypto: Crypto,
  device: string,
  presented: readonly Uint8Array[],
  unit: UnitNumbers,
  policy: FirstContactPolicy,
  memory: CertificateMemory = new CertificateMemory(crypto),
): FirstContact {
  const [leaf, ...intermediates] = presented
  if (leaf === undefined)
    return stopped('', '', false, [message('self-signed-not-accepted', device, 'it showed no certificate')])
  const print = fingerprint(crypto, leaf)
  const known = memory.read(leaf)
  if (known === undefined) {
    const evidence = `what it showed is no valid certificate (SHA-256 ${spellFingerprint(print)})`
    return stopped(print, '', false, [message('self-signed-not-accepted', device, evidence)])
  }
  const { certificate, selfSigned } = known
  const subject = formatName(certificate.subject)
  const shown = `${subject}, SHA-256 ${spellFingerprint(print)}`
  for (const [known, from] of [
    [policy.expected, 'expected'],
    [policy.seenBefore, 'at an earlier contact'],
  ] as const) {
    if (known === undefined || crypto.equal(bytesOf(known), bytesOf(print))) continue
    const evidence = `shown: ${shown}; ${from}: ${spellFingerprint(known)}`
    return stopped(print, subject, selfSigned, [message('fingerprint-mismatch', device, evidence)])
  }
  const verdict =
    policy.vendorAnchors.length === 0
      ? undefined
      : crypto.verifyChain({ leaf, intermediates, anchors: policy.vendorAnchors, revocation: 'off', purpose: 'any' })
  if (verdict?.ok === true && !selfSigned) {
    const named = vendorFacts(certificate, policy.templates ?? vendorTemplates)
    const wrong = named === undefined ? undefined : mismatch(named, unit)
    if (wrong !== undefined) {
      return stopped(print, subject, selfSigned, [message('vendor-certificate-mismatch', device, `${shown}: ${wrong}`)])
    }
    const unnamed = named === undefined ? ', which names no unit' : ''
    const messages = [message('vendor-certificate-verified', device, `${shown}${unnamed}`)]
    return { verdict: 'go', proof: 'vendor', maySendSecrets: true, fingerprint: print, subject, selfSigned, messages }
  }
  const unproven = selfSigned ? 'self-signed-first-contact' : 'unknown-vendor'
  if (policy.expected !== undefined) {
    const messages = [message('fingerprint-pinned', device, shown)]
    if (selfSigned) messages.push(message(unproven, device, `${shown}; accepted by its fingerprint`))
    return {
      verdict: 'go',
      proof: 'fingerprint',
      maySendSecrets: true,
      fingerprint: print,
      subject,
      selfSigned,
      messages,
    }
  }
  if (policy.acceptUnproven) {
    const messages = [message(unproven, device, `${shown}; accepted by name`)]
    return {
      verdict: 'go',
      proof: 'accepted',
      maySendSecrets: false,
      fingerprint: print,
      subject,
      selfSigned,
      messages,
    }
  }
  const why = verdict === undefined || verdict.ok ? '' : ` (${verdict.reason})`
  return stopped(print, subject, selfSigned, [message('self-signed-not-accepted', device, `${shown}${why}`)])
}

/** A fingerprint as people compare it: pairs of hex digits between colons. */
export function spellFingerprint(digits: string): string {
  return (digits.match(/.{1,2}/g) ?? []).join(':').toUpperCase()
}

function stopped(print: string, subject: string, selfSigned: boolean, messages: readonly Message[]): FirstContact {
  return { verdict: 'stop', proof: 'none', maySendSecrets: false, fingerprint: print, subject, selfSigned, messages }
}

function mismatch(named: VendorFacts, unit: UnitNumbers): string | undefined {
  for (const field of ['vendorId', 'serialNumber'] as const) {
    if (named[field] === unit[field]) continue
    const words = { vendorId: 'vendor', serialNumber: 'serial number' }[field]
    return `the certificate names ${words} ${hexNumber(named[field])}, the device answers ${hexNumber(unit[field])}`
  }
  return undefined
}

function hexNumber(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}

/** Characters as bytes, for a comparison in constant time; upper case counts as lower. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.toLowerCase(), (character) => character.charCodeAt(0) & 0xff)
}
