import type { Crypto, PrivateKey } from '../crypto/provider.ts'
import { MalformedMessage, UsageError } from '../errors.ts'
import {
  type Certificate,
  isSignedBy,
  readSerial,
  readSigned,
  signatureIdentifier,
  signStructure,
} from './certificate.ts'
import { derEncode, derUnsigned, sameBytes } from './der.ts'
import {
  authorityKeyIdentifier,
  crlNumber,
  decodeExtensions,
  encodeExtensions,
  type Extensions,
  noExtensions,
} from './extensions.ts'
import { type Name, nameAt } from './name.ts'
import {
  checkDer,
  type DerElement,
  derBytes,
  derChildren,
  derContent,
  derExpect,
  derObjectIdentifier,
  derTags,
  derTime,
  revocationListLimits,
} from './strict.ts'
import { encodeTime } from './time.ts'

/** Reasons for a revocation by their CRLReason number (RFC 5280 5.3.1); 7 is not used there. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const

/** A word of {@link revocationReasons}. */
export type RevocationReasonName = keyof typeof revocationReasons

/** One revoked certificate. */
export interface RevokedEntry {
  /** Lower-case hex. */
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly revokedAt: number
  /** Absent means unspecified. */
  readonly reason?: RevocationReasonName
}

/** A certificate revocation list (RFC 5280 section 5) that passed the gate. */
export interface RevocationList {
  readonly der: Uint8Array
  readonly tbs: Uint8Array
  readonly issuer: Name
  /** Milliseconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number | undefined
  readonly entries: readonly RevokedEntry[]
  readonly signatureAlgorithm: string
  readonly signature: Uint8Array
  readonly extensions: Extensions
}

const reasonExtension = '2.5.29.21'
const reasonNames: ReadonlyMap<number, RevocationReasonName> = new Map(
  // The entries of a constant table keep its keys.
  Object.entries(revocationReasons).map(([name, number]) => [number, name as RevocationReasonName]),
)

/**
 * Reads a DER revocation list strictly.
 * @throws MalformedMessage for everything that is not a clean version 2 list; delta and indirect lists, and entries with
 * other critical extensions, are refused as well
 */
export function decodeRevocationList(der: Uint8Array): RevocationList {
  const what = 'revocation list'
  const signed = readSigned(der, checkDer(der, what, revocationListLimits), what)
  const fields = derChildren(der, signed.tbs, what)
  const [version, algorithm, issuer, thisUpdate, ...tail] = fields
  const number = derContent(der, derExpect(version, derTags.integer, `${what}, version`))
  if (number.length !== 1 || number[0] !== 1) throw new MalformedMessage('unknown-value', `${what}: expected version 2`)
  if (!sameBytes(derBytes(der, derExpect(algorithm, derTags.sequence, what)), derBytes(der, signed.algorithm))) {
    throw new MalformedMessage('bad-encoding', `${what}: the signature algorithm inside and outside differ`)
  }
  if (thisUpdate === undefined) throw new MalformedMessage('truncated', `${what}: without a date`)
  const isTime = (element: DerElement | undefined) =>
    element?.tag === derTags.utcTime || element?.tag === derTags.generalizedTime
  const nextUpdate = isTime(tail[0]) ? tail.shift() : undefined
  const revoked = tail[0]?.tag === derTags.sequence ? tail.shift() : undefined
  const wrapper = tail[0]?.tag === 0xa0 ? tail.shift() : undefined
  if (tail.length > 0) throw new MalformedMessage('trailing', `${what}: unknown fields at the end`)
  const [list, ...more] = wrapper === undefined ? [] : derChildren(der, wrapper, what)
  if (more.length > 0) throw new MalformedMessage('trailing', `${what}: expected one list of extensions`)
  const extensions = list === undefined ? noExtensions : decodeExtensions(der, list, what)
  if (extensions.unknownCritical.length > 0) {
    throw new MalformedMessage(
      'unknown-value',
      `${what}: critical extension ${extensions.unknownCritical.join(', ')}; delta and partial lists are not supported`,
    )
  }
  return {
    der: der.slice(),
    tbs: derBytes(der, signed.tbs).slice(),
    issuer: nameAt(der, derExpect(issuer, derTags.sequence, `${what}, issuer`), `${what}, issuer`),
    thisUpdate: derTime(der, thisUpdate, `${what}, date`),
    nextUpdate: nextUpdate === undefined ? undefined : derTime(der, nextUpdate, `${what}, next date`),
    entries: revoked === undefined ? [] : derChildren(der, revoked, what).map((entry) => readEntry(der, entry, what)),
    signatureAlgorithm: signed.signatureAlgorithm,
    signature: signed.signature,
    extensions,
  }
}

function readEntry(der: Uint8Array, element: DerElement, what: string): RevokedEntry {
  const [serial, time, list, ...rest] = derChildren(der, derExpect(element, derTags.sequence, what), what)
  if (time === undefined || rest.length > 0) {
    throw new MalformedMessage('bad-encoding', `${what} at byte ${element.start}: expected a serial number and a date`)
  }
  const reason = list === undefined ? undefined : readReason(der, list, what)
  return {
    serial: readSerial(der, serial, what),
    revokedAt: derTime(der, time, `${what}, entry`),
    ...(reason === undefined ? {} : { reason }),
  }
}

function readReason(der: Uint8Array, list: DerElement, what: string): RevocationReasonName | undefined {
  let reason: RevocationReasonName | undefined
  for (const element of derChildren(der, derExpect(list, derTags.sequence, what), what)) {
    const parts = derChildren(der, derExpect(element, derTags.sequence, what), what)
    const type = derObjectIdentifier(der, derExpect(parts[0], derTags.objectIdentifier, what), what)
    if (type === reasonExtension) {
      const value = derExpect(parts.at(-1), derTags.octetString, what)
      // Inside the octet string stands an ENUMERATED of one byte.
      reason = reasonNames.get(der[value.content + 2] ?? -1)
      if (value.end - value.content !== 3 || der[value.content] !== derTags.enumerated || reason === undefined) {
        throw new MalformedMessage('unknown-value', `${what} at byte ${element.start}: unknown reason`)
      }
    } else if (parts[1]?.tag === derTags.boolean) {
      throw new MalformedMessage('unknown-value', `${what} at byte ${element.start}: critical entry extension ${type}`)
    }
  }
  return reason
}

/** What a revocation list is to say. */
export interface RevocationContents {
  readonly issuer: Name
  /** Key identifier of the issuer's key. */
  readonly issuerKey: Uint8Array
  /** CRL number: grows with every list of an issuer. */
  readonly number: number
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly entries: readonly RevokedEntry[]
}

/**
 * Makes a revocation list. Written without schemas, because a long one must not hold up the event loop.
 * @throws UsageError `bad-value` for a serial number that is not hex or dates that end before they begin
 */
export async function buildRevocationList(contents: RevocationContents, signer: PrivateKey): Promise<Uint8Array> {
  if (contents.nextUpdate <= contents.thisUpdate) {
    throw new UsageError('bad-value', 'a revocation list must end after it begins')
  }
  const entries = contents.entries.map(encodeEntry)
  const tbs = derEncode(
    derTags.sequence,
    derUnsigned(Uint8Array.of(1)),
    signatureIdentifier(signer.kind),
    contents.issuer.der,
    encodeTime(contents.thisUpdate),
    encodeTime(contents.nextUpdate),
    // The sequence is left out when it would be empty (RFC 5280 5.1.2.6).
    ...(entries.length === 0 ? [] : [derEncode(derTags.sequence, ...entries)]),
    derEncode(0xa0, encodeExtensions([authorityKeyIdentifier(contents.issuerKey), crlNumber(contents.number)])),
  )
  return await signStructure(tbs, signer)
}

const reasonOid = Uint8Array.of(0x06, 0x03, 0x55, 0x1d, 0x15)

function encodeEntry({ serial, revokedAt, reason }: RevokedEntry): Uint8Array {
  if (!/^(?:[0-9a-f]{2}){1,20}$/.test(serial)) {
    throw new UsageError('bad-value', `expected a serial number as lower-case hex, got "${serial.slice(0, 64)}"`)
  }
  const magnitude = Uint8Array.from(serial.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  const parts = [derUnsigned(magnitude), encodeTime(revokedAt)]
  // "unspecified" should be left out (RFC 5280 5.3.1).
  if (reason !== undefined && reason !== 'unspecified') {
    const value = derEncode(
      derTags.octetString,
      derEncode(derTags.enumerated, Uint8Array.of(revocationReasons[reason])),
    )
    parts.push(derEncode(derTags.sequence, derEncode(derTags.sequence, reasonOid, value)))
  }
  return derEncode(derTags.sequence, ...parts)
}

/** Whether a list is the issuer's own: its name, signed by its key, and the issuer may sign lists. */
export function isListOf(crypto: Crypto, list: RevocationList, issuer: Certificate): boolean {
  const usage = issuer.extensions.keyUsage
  return (
    sameBytes(list.issuer.der, issuer.subject.der) &&
    (usage === undefined || usage.includes('cRLSign')) &&
    isSignedBy(crypto, list, issuer.publicKey)
  )
}
