/** What a request may need, one of these or none. */
export const permissions = [
  /** Plants, versions, devices, connections, plans, deployments, jobs, events. */
  'plant.read',
  /** New plants and versions, layout, adopting what was discovered. */
  'plant.write',
  /** Plans and rehearsals: reads devices, changes nothing. */
  'plan',
  /** Verifications, drift checks, discoveries, observations. */
  'operate',
  /** Deployments, releases, renewals, stages, maintenance windows, cancelling. */
  'deploy',
  'enrollment.read',
  'enrollment.decide',
  'certificate.read',
  'certificate.revoke',
  'audit.read',
  'user.read',
  /** Users, their roles, factors, sessions and tokens; identity providers. */
  'user.write',
  'settings.read',
  'settings.write',
  'backup',
] as const

/** What a request may need. */
export type Permission = (typeof permissions)[number]

const reading = ['plant.read', 'enrollment.read', 'certificate.read'] as const

/** Roles and what each permits; a user may have several. */
export const roles = {
  observer: [...reading],
  operator: [...reading, 'operate'],
  engineer: [...reading, 'operate', 'plan', 'plant.write'],
  deployer: [...reading, 'operate', 'plan', 'deploy'],
  approver: [...reading, 'enrollment.decide', 'certificate.revoke'],
  auditor: [...reading, 'audit.read', 'user.read', 'settings.read'],
  administrator: [...permissions],
} as const satisfies Readonly<Record<string, readonly Permission[]>>

/** Name of a role. */
export type Role = keyof typeof roles

/** In order of growing rights, for lists. */
export const roleNames = Object.keys(roles) as readonly Role[]

/** Whether one of these roles permits it. */
export function permits(held: readonly Role[], permission: Permission): boolean {
  return held.some((role) => (roles[role] as readonly Permission[]).includes(permission))
}
