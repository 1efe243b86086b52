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
export { suiteMeaning } from './suite-meaning.ts'
