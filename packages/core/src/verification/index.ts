/**
 * Verification: which checks prove that a plant is as its policy says, and what makes an observation a pass. Nothing here
 * sends a byte; who does hands in what came of it.
 * @module
 */
export {
  type Attempt,
  type AttemptOutcome,
  attemptKey,
  type CredentialChoice,
  type OtherVersion,
  type RefusalForm,
  type SecureTransport,
  type Source,
} from './attempt.ts'
export {
  type CertificateExpectation,
  judgeCertificate,
  judgeDefaultTrust,
  type TrustHeld,
} from './certificates.ts'
export type {
  CertificateCheck,
  Check,
  CheckResult,
  ConnectCheck,
  ConnectionCheck,
  Limit,
  LiveConnection,
  ReadBackCheck,
  RefusalCheck,
  RepeatCheck,
  Risk,
  RuleFallback,
  SettledCheck,
  TrustCheck,
  Verdict,
  VerificationResult,
} from './check.ts'
export {
  type CheckDescription,
  type CheckId,
  type CheckKind,
  checkIds,
  checkTable,
  printChecks,
} from './check-table.ts'
export { type Derivation, type DeriveRequest, deriveChecks, type Means } from './checks.ts'
export { type DeviceEvidence, judgeReadBack, type ReadBackExpectation } from './read-back.ts'
export {
  type Controls,
  concludeVerification,
  type Judgement,
  judgeConnect,
  judgeConnection,
  judgeRefusal,
  resultOf,
  spellAttempt,
} from './verdict.ts'
