/**
 * People and programs that use the manager, what proves them, and what they may do.
 * @module
 */
export {
  changeOwnPassword,
  changeUser,
  createUser,
  type InvitedUser,
  removeUser,
  unlockUser,
  type UserChange,
} from './changes.ts'
export {
  createFirstRunLink,
  createUserLink,
  type LinkPurpose,
  type OneTimeLink,
  readLink,
  useFirstRunLink,
  useLink,
} from './links.ts'
export type { Asker, Origin } from './origin.ts'
export { type PasswordStrength, passwordStrength } from './password-rules.ts'
export { defaultUserPolicy, needsSecondFactor, type UserPolicy } from './policy.ts'
export {
  finishProviderSignIn,
  type ProviderSignIn,
  type ProviderTest,
  providerRefusal,
  startProviderSignIn,
  testProvider,
} from './provider-sign-in.ts'
export {
  changeProvider,
  createProvider,
  type IdentityProvider,
  linkIdentity,
  listProviders,
  type ProviderEntry,
  type ProviderResult,
  removeProvider,
} from './providers.ts'
export { type MappedRoles, mapRoles, readClaim, type RoleMap } from './role-mapping.ts'
export { type Permission, permissions, permits, type Role, roleNames, roles } from './roles.ts'
export {
  beginKey,
  beginTotp,
  type Enrolled,
  type FactorProof,
  type Factors,
  finishKey,
  finishTotp,
  proveSecondFactor,
  readFactors,
  removeFactor,
  removeFactors,
  renewRecoveryCodes,
  type SecurityKey,
} from './second-factor.ts'
export { type KeySite, keyAuthenticationOptions } from './security-keys.ts'
export {
  csrfToken,
  endSession,
  endSessions,
  forgetExpired,
  isCsrfToken,
  type ListedSession,
  listSessions,
  type OpenedSession,
  type Session,
  type SessionState,
  type SessionUse,
  useSession,
} from './sessions.ts'
export { provePassword, signIn, signInRefusal, signOut } from './sign-in.ts'
export {
  type ApiToken,
  createToken,
  listTokens,
  revokeToken,
  type TokenUse,
  tokenMark,
  useToken,
} from './tokens.ts'
export type { TotpSetup } from './totp.ts'
export { findUser, isUsable, type ListedUser, listUsers, readUser, type Usable, type User } from './user.ts'
