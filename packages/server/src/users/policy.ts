import type { Role } from './roles.ts'

/** What holds for all users of a manager. Times in milliseconds. */
export interface UserPolicy {
  /** Whom a second factor is required of: everybody, or whoever has one of these roles. */
  readonly secondFactor: 'everybody' | readonly Role[]
  /** A session ends after this long without a request. */
  readonly idleTimeoutMs: number
  /** A session ends this long after its sign-in. */
  readonly sessionLifetimeMs: number
  /** Failed attempts before the next one has to wait. */
  readonly freeFailures: number
  /** The first wait; each further failure doubles it. */
  readonly firstWaitMs: number
  readonly longestWaitMs: number
  /** Validity of the link that makes the first administrator, and of invitations. */
  readonly invitationMs: number
  /** Validity of a link that sets a new password. */
  readonly resetMs: number
  /** Validity of an API token that names none. */
  readonly tokenLifetimeMs: number
  readonly longestTokenLifetimeMs: number
}

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** What holds where nothing else was set. */
export const defaultUserPolicy: UserPolicy = {
  secondFactor: [],
  idleTimeoutMs: 30 * minute,
  sessionLifetimeMs: 12 * hour,
  freeFailures: 5,
  firstWaitMs: 30_000,
  longestWaitMs: 15 * minute,
  invitationMs: day,
  resetMs: hour,
  tokenLifetimeMs: 90 * day,
  longestTokenLifetimeMs: 2 * 365 * day,
}

/** Whether users with these roles need a second factor. */
export function needsSecondFactor({ secondFactor }: UserPolicy, roles: readonly Role[]): boolean {
  return secondFactor === 'everybody' || roles.some((role) => secondFactor.includes(role))
}
