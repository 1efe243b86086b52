/** What CIP Security can promise: cipher suites and security profiles. */
export type { CipherSuite, SuiteAuthentication, SuiteProtection } from './cipher-suites.ts'
export {
  cipherSuites,
  defaultAllowedSuites,
  defaultSuiteOrder,
  findSuite,
  isIntegrityOnly,
  suiteFromText,
  suiteHex,
  suiteName,
  suiteProtection,
  suitesFor,
} from './cipher-suites.ts'
export type { SecurityProfile } from './profiles.ts'
export { profileBits, profilesOf, securityProfiles } from './profiles.ts'
export {
  type ChainCertificate,
  type ConnectionFacts,
  acceptableBits,
  cipherStrength,
  connectionStrength,
  curveName,
  curveStrength,
  type KeyFacts,
  keyName,
  keyStrength,
  macStrength,
  modulusStrength,
  type Strength,
  type StrengthLink,
  type StrengthReport,
  type StrengthRole,
  type StrengthVerdict,
  type SuiteParts,
  signatureHashStrength,
  spellStrength,
  strengthLinks,
  strengthRoles,
  strengthVerdicts,
  suiteParts,
} from './strength.ts'
export { ianaSuiteName, type NamedSuite, namedSuites, suitesBefore13, tls13Suites } from './strength-suites.ts'
export { suiteMeaning } from './suite-meaning.ts'
