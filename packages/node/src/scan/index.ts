/** What a target offers: versions and suites, asked one by one. */
export { type Offer, type ProbeOptions, type ProbeOutcome, probe } from './probe.ts'
export { type ScanOptions, type ScanResult, type ScanVerdict, type SuiteRow, scan, type VersionRow } from './scan.ts'
