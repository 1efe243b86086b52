/** What the manager's API tells, as far as the pages here need it. Times are ISO 8601. */

/** How traffic is protected: the three words that are shown everywhere. */
export type Protection = 'encrypted' | 'authenticated' | 'none'

/** How a device stands against its model. */
export type Standing = 'secured' | 'waiting' | 'drift' | 'failed' | 'unreachable' | 'plain'

/** How far a zone is on its way to enforcement. */
export type Stage = 'observe' | 'protect' | 'closed'

/** Who is signed in. */
export interface Session {
  readonly user: { readonly name: string; readonly displayName?: string; readonly roles: readonly string[] }
  readonly permissions: readonly string[]
  /** Sent as `x-csrf-token` with every change. */
  readonly csrfToken: string
  /** System-use notice of the organization that runs this manager. */
  readonly notice?: string
  readonly version: string
}

export interface PlantSummary {
  readonly name: string
  readonly devices: number
  readonly zones: number
  readonly version: number
}

export interface List<Row> {
  readonly items: readonly Row[]
  /** Pass it as `cursor` for the rows after these. */
  readonly next?: string
  readonly total?: number
}

export interface PlantOverview {
  readonly plant: string
  readonly version: number
  readonly versionAt: string
  readonly versionBy: string
  readonly devices: Readonly<Partial<Record<Standing, number>>>
  readonly conduits: Readonly<Record<Protection, number>>
  readonly certificates: {
    readonly expired: number
    readonly within7Days: number
    readonly within30Days: number
    readonly later: number
  }
  readonly enrollmentsWaiting: number
  readonly driftFindings: number
  readonly orphans: number
  readonly job?: JobSummary
  readonly lastDeployment?: DeploymentSummary
}

export interface JobSummary {
  readonly id: string
  readonly kind: string
  readonly done: number
  readonly total: number
  readonly startedAt: string
  readonly by: string
}

export interface DeploymentSummary {
  readonly id: string
  readonly kind: 'apply' | 'release'
  readonly status: 'running' | 'complete' | 'complete-with-warnings' | 'not-complete' | 'aborted'
  readonly at: string
  readonly by: string
}

export interface ZoneSummary {
  readonly name: string
  readonly devices: number
  readonly standings: Readonly<Partial<Record<Standing, number>>>
  readonly authentication: 'certificate' | 'psk' | 'trusted-ip' | 'none'
  readonly messaging: Protection
  readonly io: Protection
  readonly stage: Stage
  /** Where its card lies on the map, once somebody placed it or it was laid out. */
  readonly position?: Position
}

export interface Position {
  readonly x: number
  readonly y: number
}

export interface Conduit {
  readonly id: string
  /** Zones or devices. */
  readonly from: string
  readonly to: string
  readonly fromZone: string
  readonly toZone: string
  readonly authentication: 'certificate' | 'psk' | 'trusted-ip' | 'none'
  readonly messaging: Protection
  readonly io: Protection
}

export interface Topology {
  readonly zones: readonly ZoneSummary[]
  readonly conduits: readonly Conduit[]
}

export interface DeviceRow {
  readonly name: string
  readonly address: string
  readonly zone: string | null
  readonly standing: Standing
  readonly product: string | null
  readonly revision: string | null
  readonly messaging: Protection
  readonly io: Protection
  readonly certificateExpires: string | null
  readonly seenAt: string | null
}

export interface Message {
  readonly code: string
  readonly severity: 'error' | 'warning'
  readonly text: string
  readonly cause: string
  readonly nextStep: string
  readonly evidence?: string
}

export interface CertificateSummary {
  readonly use: 'own' | 'authority' | 'trusted'
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly notBefore: string
  readonly notAfter: string | null
  readonly fingerprint: string
}

export interface DeviceDetail extends DeviceRow {
  readonly vendor: string | null
  readonly deviceType: string | null
  readonly serial: string | null
  readonly capability: string
  readonly stage: Stage | null
  readonly certificate: CertificateSummary | null
  readonly vendorFingerprint: string | null
  readonly lastDeployment: (DeploymentSummary & { readonly messages: readonly Message[] }) | null
}

export interface ConnectionRow {
  readonly id: string
  readonly class: '0' | '1' | '3' | 'unconnected'
  readonly originator: ConnectionEnd
  readonly target: ConnectionEnd
  readonly protection: Protection
  readonly transport: 'tcp' | 'udp' | 'tls' | 'dtls'
  readonly suite: string | null
  readonly since: string | null
  readonly rpiMs: number | null
  readonly missed: number
  /** What the policy says of it. */
  readonly verdict: 'as-modelled' | 'would-break' | 'not-modelled'
  readonly reason: string
}

export interface ConnectionEnd {
  /** Name in the plant, or the address of somebody that it does not name. */
  readonly name: string
  readonly address: string
  readonly zone: string | null
}

export interface DeviceSecurity {
  readonly at: string
  readonly cipSecurityState: string
  readonly ethernetIpSecurityState: string
  readonly verifiesPeers: boolean
  readonly checksExpiration: boolean
  readonly preSharedKeys: number
  readonly revocationLists: number
  readonly suites: readonly SuiteRow[]
  readonly originatorSuites: readonly SuiteRow[]
  readonly certificates: readonly CertificateSummary[]
  readonly ports: readonly { readonly port: number; readonly protocol: 'tcp' | 'udp'; readonly open: boolean }[]
  readonly refusals: readonly {
    readonly at: string
    readonly peer: string
    readonly peerName?: string
    readonly port: number
    readonly reason: string
    readonly count: number
  }[]
}

export interface SuiteRow {
  readonly suite: string
  readonly name: string
  readonly meaning: string
  readonly protection: Protection
}

export interface HistoryEntry {
  readonly id: string
  readonly at: string
  readonly kind: 'deployment' | 'drift' | 'audit'
  readonly title: string
  readonly by: string | null
  readonly outcome: 'good' | 'warning' | 'bad' | 'none'
  readonly detail: string | null
}

/** One thing that happened, from the event stream. */
export interface LiveEvent {
  readonly id: number
  readonly kind: string
  readonly subject: string
  readonly plant: string | null
}
