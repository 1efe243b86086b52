/**
 * Work that managers do for people and share through the store: jobs, maintenance windows, schedules, live events.
 * @module
 */
export { type Asker, systemActor } from './asker.ts'
export { type ClaimedJob, type ClaimWish, claimJob, endJob, type JobEnd, jobLeaseMs } from './claim.ts'
export {
  type DeploymentDetail,
  type DeploymentSummary,
  listDeployments,
  readDeployment,
  type TargetState,
} from './deployments.ts'
export { type Job, jobEnds, type JobError, type JobProgress } from './job.ts'
export type { JobRunner, JobRunners, JobWork, RunnerEnd } from './kind.ts'
export { jobRunners } from './kinds/runners.ts'
export type { Discovery, JobWorld, ObservedTables, PlantModel, RehearsalRequest } from './kinds/world.ts'
export { keepSchedules, type ScheduleWish } from './keep-schedules.ts'
export { discoveryTargets } from './kinds/discover.ts'
export {
  type EventFilter,
  eventPermission,
  listEvents,
  type PastEvent,
  type LiveEnd,
  type LiveEvent,
  type LiveEvents,
  type LiveOptions,
  type LiveSubscription,
  type LiveWish,
  startLiveEvents,
} from './live.ts'
export { listManagers, type RunningManager } from './managers.ts'
export {
  type DeployParameters,
  type DiscoverParameters,
  type DriftParameters,
  type JobKindName,
  jobKinds,
  type ObserveParameters,
  type PlanParameters,
  type ReleaseParameters,
  type RenewParameters,
  type VerifyParameters,
} from './parameters.ts'
export {
  cancelJob,
  findJob,
  isEnd,
  type JobFilter,
  type JobRequest,
  listJobs,
  requestJob,
  retryFailed,
} from './requests.ts'
export { listSchedules, type Schedule, scheduledKinds, type ScheduledKind, setSchedule } from './schedules.ts'
export {
  addWindow,
  changeWindow,
  findWindow,
  listWindows,
  type MaintenanceWindow,
  removeWindow,
  type WindowDraft,
} from './window-records.ts'
export { checkRule, type Weekday, weekdays, type WindowRule, type WindowState, windowState } from './windows.ts'
export { type JobWorker, startJobWorker, type WorkerOptions } from './worker.ts'
