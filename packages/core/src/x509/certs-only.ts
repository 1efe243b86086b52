import { MalformedMessage } from '../errors.ts'
import { type Certificate, decodeCertificate } from './certificate.ts'
import { derEncode, hex } from './der.ts'
import { checkDer, derBytes, derChildren, derContent, type DerLimits, derExpect, derTags } from './strict.ts'

/** The object identifiers, ready encoded: signedData and data of PKCS#7 (RFC 2315 section 14). */
const signedData = Uint8Array.of(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02)
const data = Uint8Array.of(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01)

const limits: DerLimits = { maxBytes: 1024 * 1024, maxDepth: 28 }
const maxCertificates = 64

/**
 * Writes certificates as a certs-only message, the degenerate SignedData of RFC 5652 5.1 and RFC 8951: version 1, no
 * digest algorithms, content type data with the content left out, the certificates, no signers.
 */
export function encodeCertsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const body = derEncode(
    derTags.sequence,
    derEncode(derTags.integer, Uint8Array.of(1)),
    derEncode(derTags.set),
    derEncode(derTags.sequence, data),
    // Left out when empty: an empty set would not be the degenerate form.
    ...(certificates.length === 0 ? [] : [derEncode(0xa0, ...certificates)]),
    derEncode(derTags.set),
  )
  return derEncode(derTags.sequence, signedData, derEncode(0xa0, body))
}

/**
 * Reads a certs-only message in its exact degenerate form; revocation lists beside the certificates are skipped. The
 * order of the certificates means nothing: find one by its public key.
 * @throws MalformedMessage for signers, content, digest algorithms, more than 64 certificates, or a certificate that does
 * not pass the gate
 */
export function decodeCertsOnly(der: Uint8Array): Certificate[] {
  const what = 'certs-only message'
  const [type, wrapper, ...rest] = derChildren(
    der,
    derExpect(checkDer(der, what, limits), derTags.sequence, what),
    what,
  )
  if (type === undefined || hex(derBytes(der, type)) !== hex(signedData) || rest.length > 0) {
    throw new MalformedMessage('unknown-value', `${what}: expected PKCS#7 signed data`)
  }
  const [body, ...moreBodies] = derChildren(der, derExpect(wrapper, 0xa0, what), what)
  const fields = derChildren(der, derExpect(body, derTags.sequence, what), what)
  const [version, digests, content, ...tail] = fields
  if (hex(derContent(der, derExpect(version, derTags.integer, what))) !== '01' || moreBodies.length > 0) {
    throw new MalformedMessage('unknown-value', `${what}: expected version 1`)
  }
  const digestSet = derExpect(digests, derTags.set, what)
  const contentInfo = derExpect(content, derTags.sequence, what)
  if (digestSet.end !== digestSet.content || hex(derContent(der, contentInfo)) !== hex(data)) {
    throw new MalformedMessage('unknown-value', `${what}: expected no digest algorithms and no content`)
  }
  const certificates = tail[0]?.tag === 0xa0 ? tail.shift() : undefined
  if (tail[0]?.tag === 0xa1) tail.shift()
  const signers = derExpect(tail.shift(), derTags.set, `${what}, signers`)
  if (signers.end !== signers.content || tail.length > 0) {
    throw new MalformedMessage('unknown-value', `${what}: expected no signers`)
  }
  const elements = certificates === undefined ? [] : derChildren(der, certificates, what)
  if (elements.length > maxCertificates) {
    throw new MalformedMessage(
      'out-of-range',
      `${what}: ${elements.length} certificates, expected at most ${maxCertificates}`,
    )
  }
  return elements.map((element) => decodeCertificate(derBytes(der, element).slice()))
}
