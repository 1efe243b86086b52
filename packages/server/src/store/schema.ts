import type { ColumnType, Generated } from 'kysely'

/**
 * A jsonb column: read as what was stored, written as JSON text made with {@link jsonText}. The driver would turn an
 * array into a PostgreSQL array, so plain values are not accepted.
 */
export type Json = ColumnType<unknown, string, string>

/** A jsonb column that may be null. */
export type NullableJson = ColumnType<unknown, string | null | undefined, string | null>

/** A value as the text of a jsonb column. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value)
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
  /** PKCS#8, sealed for the place `authority <id>`. */
  sealed: Bytes
  /** Number of the newest revocation list, 0 before the first. */
  crl_number: Generated<number>
  created_at: Created
}

/** Every certificate ever signed, recorded before it is released. */
export interface CertificateTable {
  issuer_id: string
  /** Lower-case hex. */
  serial: string
  profile: 'root' | 'issuing' | 'device' | 'client'
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
}

/** The store's tables. */
export interface Schema {
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
}
