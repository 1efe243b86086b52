import type { AuthorityState, CertificateProfile } from '@cordon/core/authority'
import type { DeviceCapabilities } from '@cordon/core/policy'
import type { ColumnType, Generated } from 'kysely'
import type { PlantSchema } from './plants-tables.ts'
import type { JobScheduleTable, JobTable, MaintenanceWindowTable, ManagerTable } from './jobs-tables.ts'
import type { SettingsSchema } from './settings-tables.ts'
import type { UserTables } from './users-tables.ts'

/**
 * A jsonb column: read as what was stored, written as JSON text made with {@link jsonText}. The driver would turn an
 * array into a PostgreSQL array, so plain values are not accepted.
 */
export type Json = ColumnType<unknown, string, string>

/** A jsonb column that may be null. */
export type NullableJson = ColumnType<unknown, string | null | undefined, string | null>

/**
 * A value as the text of a jsonb column. jsonb knows neither U+0000 nor a surrogate without its other half, and texts of
 * strangers may have them: each becomes U+FFFD, in keys too.
 */
export function jsonText(value: unknown): string {
  // Escapes are taken one by one, so that a backslash that is itself escaped begins none. JSON.stringify escapes
  // surrogates only where the other half is missing.
  return JSON.stringify(value).replace(/\\(?:u(?<lost>0000|d[89a-f][0-9a-f]{2})|.)/g, (sequence, lost?: string) =>
    lost === undefined ? sequence : '\ufffd',
  )
}

type Created = ColumnType<Date, Date | undefined, never>
type Bytes = ColumnType<Uint8Array, Uint8Array, Uint8Array>

/** Facts about the store as a whole. */
export interface FactTable {
  name: string
  value: Json
}

/** A certificate authority: the root (no zone) or one of a zone's issuing CAs, with its sealed key. */
export interface AuthorityTable {
  /** Such as `root-1` or `green-1`: zone and generation. */
  id: string
  zone: string | null
  generation: number
  certificate: Bytes
  key_kind: string
  /** PKCS#8, sealed for the place `authority <id>`; null for a key in hardware. */
  sealed: ColumnType<Uint8Array | null, Uint8Array | null | undefined, Uint8Array | null>
  /** PKCS#11 URI (RFC 7512) of a key in hardware, without its PIN; null for a sealed one. */
  key_uri: ColumnType<string | null, string | null | undefined, string | null>
  state: ColumnType<AuthorityState, AuthorityState | undefined, AuthorityState>
  /** Number of the newest revocation list, 0 before the first. */
  crl_number: Generated<number>
  created_at: Created
}

/** Every certificate ever signed, recorded before it is released. */
export interface CertificateTable {
  issuer_id: string
  /** Lower-case hex. */
  serial: string
  profile: CertificateProfile
  zone: string | null
  /** The device or client. */
  name: string
  subject: string
  issuer: string
  /** SHA-256 of the signed part. */
  tbs_hash: Bytes
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: string
  /** SHA-256 of the SubjectPublicKeyInfo. */
  key_hash: Bytes
  /** Addresses and DNS names, in one line: with the key it decides whether a request was answered before. */
  names: string
  certificate: Bytes
  not_before: ColumnType<Date, Date, never>
  not_after: ColumnType<Date, Date, never>
  status: 'valid' | 'revoked'
  created_at: Created
}

/** Revoked certificates. */
export interface RevocationTable {
  issuer_id: string
  serial: string
  reason: string
  revoked_at: ColumnType<Date, Date, never>
  /** The first list that names it. */
  crl_number: number
}

/** Every revocation list ever made. */
export interface RevocationListTable {
  issuer_id: string
  number: number
  der: Bytes
  this_update: ColumnType<Date, Date, never>
  next_update: ColumnType<Date, Date, never>
}

/** What `devices.observed` tells about a device's trust, besides what only a deployment reads. */
export interface DeviceObserved {
  /** Under a policy of ours, as far as is known. */
  readonly configured: boolean
  /** SHA-256 of the CA certificates that it was last seen to trust, lower-case hex; absent where that is not on record. */
  readonly anchors?: readonly string[]
  /** What it could do when it was last read; absent where that is not on record. */
  readonly capabilities?: DeviceCapabilities
}

/** Devices as they were met. */
export interface DeviceTable {
  plant: string
  name: string
  address: string
  zone: string | null
  /** Vendor, type, product code, revision, name: as ListIdentity gave them. */
  identity: NullableJson
  /** CIP serial number. */
  serial: number | null
  /** SHA-256 of the vendor or self-signed certificate that was accepted at first contact, lower-case hex. */
  vendor_fingerprint: string | null
  pinned_at: Date | null
  /** SHA-256 of the operational certificate that Cordon installed, lower-case hex. */
  certificate_fingerprint: string | null
  /** Last settings read back, for the difference. */
  observed: NullableJson
  updated_at: ColumnType<Date, Date | undefined, Date>
}

/** One run of apply or release over a plant. */
export interface DeploymentTable {
  id: Generated<string>
  plant: string
  kind: 'apply' | 'release'
  status: 'running' | 'complete' | 'complete-with-warnings' | 'not-complete' | 'aborted'
  /** The plan it follows. */
  plan: NullableJson
  options: NullableJson
  result: NullableJson
  created_at: Created
  finished_at: Date | null
}

/** What a deployment has to do with one device, claimed by a worker under a lease. */
export interface DeploymentTargetTable {
  deployment: string
  device: string
  /** Order within the deployment. */
  position: number
  status: 'waiting' | 'running' | 'complete' | 'complete-with-warnings' | 'not-complete' | 'skipped'
  lease_owner: string | null
  lease_until: Date | null
  /** Grows with every claim; a writer with an older number has lost its lease. */
  fencing_token: Generated<number>
  attempts: Generated<number>
  result: NullableJson
  updated_at: ColumnType<Date, Date | undefined, Date>
}

/** What was about to be done, was done and was undone at each device. */
export interface JournalTable {
  id: Generated<number>
  deployment: string
  device: string
  step: string
  phase: 'begin' | 'done' | 'undone' | 'failed'
  detail: NullableJson
  /** A secret that finishing or undoing needs, sealed for the place `journal <deployment> <device>`. */
  sealed: ColumnType<Uint8Array | null, Uint8Array | null | undefined, Uint8Array | null>
  at: Created
}

/** Pre-shared keys by the name a plant file uses. */
export interface PskTable {
  name: string
  /** The PSK identity that peers send, UTF-8. */
  identity: string
  /** Sealed for the place `psk <name>`. */
  sealed: Bytes
  created_at: Created
}

/** Devices that left the plant file while a policy of ours is still in force on them. */
export interface OrphanTable {
  plant: string
  device: string
  address: string
  reason: string
  detail: NullableJson
  since: Created
}

/** What happened, in order; its id is the resume point of a reader. */
export interface EventTable {
  id: Generated<number>
  at: Created
  kind: string
  subject: string
  detail: NullableJson
  /** The plant that it concerns; null for what concerns all or none. */
  plant: ColumnType<string | null, string | null | undefined, string | null>
}

/** What people, tokens and the system itself did. Number, time and hash are given by the database. */
export interface AuditTable {
  id: Generated<number>
  at: Created
  actor_kind: 'user' | 'token' | 'system' | 'anonymous'
  /** Name of the user, name and owner of the token, or what of the system it was. */
  actor: string
  /** The operation, such as `deployments.start`. */
  action: string
  subject: string
  plant: string | null
  outcome: 'done' | 'refused' | 'failed'
  /** Where the request came from. */
  address: string | null
  /** Id of the request, to find it in the log. */
  request: string | null
  detail: NullableJson
  /** Hash of the entry before it; null for the first. */
  previous: ColumnType<Uint8Array | null, never, never>
  /** SHA-256 over the whole entry with `previous`. */
  hash: ColumnType<Uint8Array, Uint8Array | undefined, never>
}

/** A request for a certificate by EST, one row for each key under a label: whatever is decided is bound to the key. */
export interface EnrollmentTable {
  id: Generated<number>
  plant: string
  /** Empty for the path without a label. */
  label: string
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  key: string
  operation: 'simpleenroll' | 'simplereenroll' | 'serverkeygen'
  /** By what the requester is known, in words: `vendor rockwell`, `account line3`, `certificate 4f…`, `nobody`. */
  requester: string
  address: string
  /** Text form of the subject that it wishes for. */
  subject: string
  /** PKCS#10, DER; of `serverkeygen` the key of the request is not the one that is certified. */
  request: Bytes
  /** EnrollmentFacts of the last request. */
  facts: Json
  /** Evaluation of the last request. */
  evaluation: Json
  /** ReplacementVerdict, where a role is taken over, with `device`, `serial` of the old certificate. */
  replacement: NullableJson
  state: 'pending' | 'granted' | 'denied' | 'expired'
  reason: string
  /** Device of the plant file, or the name it was given. */
  device: string | null
  zone: string | null
  /** The certificate that was issued for it. */
  issuer_id: string | null
  serial: string | null
  created_at: Created
  updated_at: ColumnType<Date, Date | undefined, Date>
  /** When a pending one is given up. */
  expires_at: Date | null
}

/** Who said what about an enrollment, in order and for ever. */
export interface EnrollmentWordTable {
  id: Generated<number>
  enrollment: number
  at: Created
  kind: 'asked' | 'approve' | 'deny' | 'withdraw' | 'expire' | 'issue' | 'replace' | 'clear'
  /** A person's name, or `policy`. */
  by: string
  reason: string
  detail: NullableJson
}

/** Where each key was seen: one key at two places is a copy. */
export interface EnrollmentSightingTable {
  key: string
  address: string
  /** unitKey of the unit that it was seen with, or empty. */
  unit: string
  mac: string
  seen_at: Created
  /** Who declared it harmless. */
  cleared_by: ColumnType<string | null, string | null | undefined, string | null>
}

/** Holders of enrollment accounts, and administrators who approve. */
export interface EnrollmentPersonTable {
  kind: 'account' | 'administrator'
  name: string
  /** PHC string of argon2id. */
  hash: string
  revoked_at: ColumnType<Date | null, Date | null | undefined, Date | null>
  created_at: Created
}

/** What was granted under a counted credential: one row for each key. */
export interface CredentialUseTable {
  kind: 'account' | 'provisioning'
  /** Name of the account, or SHA-256 fingerprint of the provisioning certificate. */
  credential: string
  key: string
  enrollment: number
  at: Created
}

/** Credentials that count no more. */
export interface RevokedCredentialTable {
  kind: 'account' | 'provisioning'
  credential: string
  by: string
  reason: string
  at: Created
}

/** Something that people are to be told, written in the transaction that it happened in. */
export interface NotificationTable {
  id: Generated<number>
  kind: string
  subject: string
  detail: Json
  created_at: Created
}

/** How far a notification came on each channel. */
export interface NotificationDeliveryTable {
  notification: number
  channel: string
  state: 'waiting' | 'sent' | 'given-up'
  attempts: Generated<number>
  next_at: ColumnType<Date, Date | undefined, Date>
  error: ColumnType<string | null, string | null | undefined, string | null>
}

/** The comparisons of a plant with its model: whose turn it is, and the last result. */
export interface DriftPlantTable {
  plant: string
  /** The process that compares now. */
  lease_owner: ColumnType<string | null, string | null | undefined, string | null>
  lease_until: ColumnType<Date | null, Date | null | undefined, Date | null>
  /** When a scheduled comparison is due. */
  next_at: ColumnType<Date | null, Date | null | undefined, Date | null>
  /** When the last one began. */
  compared_at: ColumnType<Date | null, Date | null | undefined, Date | null>
  /** PlantComparison of the last one. */
  result: NullableJson
}

/** A difference between a plant and its model, from when it was found until it was gone. */
export interface DriftFindingTable {
  id: Generated<number>
  plant: string
  /** SHA-256 of what tells findings apart, lower-case hex. */
  key: string
  device: string
  /** Finding of `@cordon/core/drift`. */
  finding: Json
  /** Explanation of `@cordon/core/drift`. */
  explanation: Json
  found_at: ColumnType<Date, Date, Date>
  /** Null: it is still there. */
  gone_at: ColumnType<Date | null, Date | null | undefined, Date | null>
}

/** The store's tables. */
export interface Schema extends PlantSchema, SettingsSchema, UserTables {
  facts: FactTable
  authorities: AuthorityTable
  certificates: CertificateTable
  revocations: RevocationTable
  revocation_lists: RevocationListTable
  devices: DeviceTable
  deployments: DeploymentTable
  deployment_targets: DeploymentTargetTable
  journal: JournalTable
  psks: PskTable
  orphans: OrphanTable
  events: EventTable
  enrollments: EnrollmentTable
  enrollment_words: EnrollmentWordTable
  enrollment_sightings: EnrollmentSightingTable
  enrollment_people: EnrollmentPersonTable
  credential_uses: CredentialUseTable
  revoked_credentials: RevokedCredentialTable
  notifications: NotificationTable
  notification_deliveries: NotificationDeliveryTable
  drift_plants: DriftPlantTable
  drift_findings: DriftFindingTable
  audit: AuditTable
  maintenance_windows: MaintenanceWindowTable
  jobs: JobTable
  job_schedules: JobScheduleTable
  managers: ManagerTable
}
