/**
 * What a certificate authority signs and what is asked of it. Keys and records live with whoever runs it.
 * @module
 */
export type {
  Authority,
  AuthorityPlan,
  AuthorityState,
  CertificateProfile,
  CertificateRecord,
  ClientRequest,
  DeviceRequest,
  IssuedCertificate,
  IssuedClient,
  Revocation,
  RevocationReason,
  SubjectTemplate,
} from './authority.ts'
export {
  authorityKeyKinds,
  backdateMs,
  clientContents,
  defaultValidityMs,
  deviceContents,
  type EndEntityIssuance,
  type EndEntityProfile,
  type Issuance,
  issuingContents,
  minimumValidityMs,
  newSerial,
  provisioningAuthorityContents,
  provisioningContents,
  recertifiedContents,
  revocationListValidityMs,
  rootContents,
  serverContents,
  subjectName,
} from './contents.ts'
export { checkTbs, type LintContext, lintTbs } from './lint.ts'
export { makeCertificate, type SigningContext, signCertificate, signVendorCertificate } from './sign.ts'
export {
  cordonVendorTemplate,
  rockwellVendorTemplate,
  type VendorFacts,
  type VendorTemplate,
  vendorFacts,
  vendorTemplates,
} from '../x509/vendor-facts.ts'
export { vendorAuthorityContents, vendorContents, vendorSubject } from './vendor.ts'
