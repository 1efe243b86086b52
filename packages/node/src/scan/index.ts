/** What a target offers: versions, suites in its order, chains, what it wants of clients, and the weak spots in that. */
export { type AlertMeaning, alertMeaning, alertMeaningOf } from './alert-meanings.ts'
export type { ChainTrust, ScanAnchors, ShownCertificate, ShownChain } from './chain.ts'
export type { Offer } from './client-hello.ts'
export type { SuiteOrder } from './offers.ts'
export { type ProbeOptions, type ProbeOutcome, probe } from './probe.ts'
export { type ScanOptions, scan } from './scan.ts'
export type {
  ClientCertificateFindings,
  OfferedSuite,
  OfferedVersion,
  ScanFeatures,
  ScanResult,
  ScanVerdict,
  SuiteRow,
  VersionRow,
} from './scan-result.ts'
export type { CertificateRequest, ServerFlight } from './server-flight.ts'
export { type WeakSpot, type WeakSpotCode, weakSpot, weakSpotCodes, weakSpotTable } from './weak-spots.ts'
