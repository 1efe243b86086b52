/** Verifying a plant from outside: in this process, or in one of its own with an identity of its own. */
export { type RunVerifierOptions, runVerifier, type VerifierOutput, verifyMain } from './main.ts'
export { defaultProberLimits, type ProberLimits } from './prober.ts'
export {
  type NeededProbe,
  neededProbes,
  parseRequest,
  type PrepareOptions,
  prepareVerification,
  type StoredCredential,
  type StoredPsk,
  type VerificationRequest,
} from './request.ts'
export { type VerificationEvent, type VerifyOptions, verifyPlant } from './verify.ts'
