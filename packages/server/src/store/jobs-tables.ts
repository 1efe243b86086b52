import type { ColumnType, Generated } from 'kysely'

// As in the schema, which imports this file.
type Json = ColumnType<unknown, string, string>
type NullableJson = ColumnType<unknown, string | null | undefined, string | null>
type Created = ColumnType<Date, Date | undefined, never>

/** Where a job stands. `complete` to `failed` are ends. */
export type JobState =
  | 'waiting'
  | 'running'
  | 'complete'
  | 'complete-with-warnings'
  | 'not-complete'
  | 'cancelled'
  | 'failed'

/** Work that a manager does for people, claimed by one of them under a lease. */
export interface JobTable {
  id: Generated<string>
  /** In the order in which jobs were asked for. */
  number: Generated<number>
  kind: string
  /** It changes devices: of these one runs per plant, in order. */
  changes: boolean
  plant: string | null
  /** Number of the plant's version; null for the newest at the time it runs. */
  version: number | null
  parameters: Json
  /** Name of the actor. */
  requested_by: string
  requested_at: Created
  not_before: ColumnType<Date, Date | undefined, Date>
  /** Maintenance window that it waits for. */
  window_id: ColumnType<string | null, string | null | undefined, string | null>
  /** What a schedule made it for: one job for each due time. */
  due: ColumnType<string | null, string | null | undefined, never>
  state: ColumnType<JobState, JobState | undefined, JobState>
  /** Host, process and a random part of the manager that runs it. */
  lease_owner: ColumnType<string | null, string | null | undefined, string | null>
  lease_until: ColumnType<Date | null, Date | null | undefined, Date | null>
  /** Grows with every claim; a writer with an older number has lost its lease. */
  fencing_token: Generated<number>
  attempts: Generated<number>
  cancel_by: ColumnType<string | null, string | null | undefined, string | null>
  cancel_at: ColumnType<Date | null, Date | null | undefined, Date | null>
  /** JobProgress. */
  progress: NullableJson
  result: NullableJson
  /** JobError. */
  error: NullableJson
  /** The deployment that it runs, as soon as there is one. */
  deployment: ColumnType<string | null, string | null | undefined, string | null>
  started_at: ColumnType<Date | null, Date | null | undefined, Date | null>
  finished_at: ColumnType<Date | null, Date | null | undefined, Date | null>
}

/** When devices of a plant, or of one zone of it, may be changed. */
export interface MaintenanceWindowTable {
  id: Generated<string>
  plant: string
  /** Null for the whole plant. */
  zone: string | null
  name: string
  /** WindowRule. */
  rule: Json
  created_at: Created
}

/** What is asked for again and again, per plant and kind of job. */
export interface JobScheduleTable {
  plant: string
  kind: string
  /** Seconds from one due time to the next. */
  every_s: number
  parameters: Json
  window_id: ColumnType<string | null, string | null | undefined, string | null>
  next_at: ColumnType<Date, Date, Date>
  set_by: string
}

/** The managers that share the work, and when each was last seen. */
export interface ManagerTable {
  id: string
  host: string
  pid: number
  /** Where it is reached. */
  address: string | null
  version: string | null
  started_at: Created
  seen_at: ColumnType<Date, Date | undefined, Date>
}
