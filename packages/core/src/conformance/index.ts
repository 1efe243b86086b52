/** The rules of the wire reference as cases that any target can be asked: what a target does, against what public sources say. */
export { type Basis, type CaseGroup, type CaseKind, caseGroups, type ConformanceCase } from './case.ts'
export { catalogueText, conformanceCases, groupsInOrder, selectCases, unknownNames } from './catalogue.ts'
export { type Bench, type EncapsulationLine, type Patience, usualPatience } from './bench.ts'
export type { Facts, SessionWay } from './facts.ts'
export { htmlText, type PageFacts, sorted } from './html.ts'
export { describeFinding, type Finding, type Judge, type Verdict } from './judge.ts'
export { junitText } from './junit.ts'
export type { Need } from './needs.ts'
export type {
  Arrival,
  ConformancePort,
  HandshakeIdentity,
  IoDescription,
  Line,
  LineSecurity,
  Opening,
  Renegotiation,
  Way,
} from './port.ts'
export {
  type CaseResult,
  type ConformanceOptions,
  type ConformanceReport,
  type ConformanceSummary,
  disclaimer,
  runConformance,
  summarize,
  type VerdictCount,
} from './run.ts'
