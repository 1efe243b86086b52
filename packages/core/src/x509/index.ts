/**
 * Certificates, requests, revocation lists and their wrappings, read strictly and written exactly.
 * @module
 */
export { addressBytes, addressText } from './address.ts'
export {
  type Certificate,
  type CertificateContents,
  decodeCertificate,
  encodeTbs,
  fingerprint,
  isSelfSigned,
  isSignedBy,
  keyIdentifier,
  noExpiry,
  signStructure,
} from './certificate.ts'
export { decodeCertsOnly, encodeCertsOnly } from './certs-only.ts'
export {
  buildRevocationList,
  decodeRevocationList,
  isListOf,
  type RevocationContents,
  type RevocationList,
  type RevocationReasonName,
  type RevokedEntry,
  revocationReasons,
} from './crl.ts'
export {
  type Extension,
  type Extensions,
  extensionTypes,
  type GeneralName,
  type KeyUsage,
  keyPurposes,
  subjectAlternativeName,
} from './extensions.ts'
export {
  type AttributeLabel,
  attributeTypes,
  decodeName,
  encodeName,
  formatName,
  type Name,
  type NameAttribute,
  type NameEncoding,
  nameAttribute,
  nameValue,
  parseName,
  type RelativeName,
  sameName,
} from './name.ts'
export { decodeBase64, decodePem, encodeBase64, encodePem, type PemBlock, type PemLabel, pemOrDer } from './pem.ts'
export { buildRequest, type CertificateRequest, decodeRequest, isProven, type RequestContents } from './request.ts'
export {
  certificateLimits,
  checkDer,
  checkPublicKey,
  type DerElement,
  type DerLimits,
  type PublicKeyFacts,
  revocationListLimits,
  type SignatureAlgorithm,
  signatureAlgorithms,
} from './strict.ts'
