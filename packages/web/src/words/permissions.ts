import type { Session } from '../api-types.ts'

type Permission = Session['permissions'][number]

/** What each permission lets a person do. */
export const permissionWords: Readonly<Record<Permission, string>> = {
  'plant.read': 'See plants, devices, connections and jobs',
  'plant.write': 'Change plants: new versions, layout, adopting devices',
  plan: 'Make plans and rehearsals',
  operate: 'Verify, compare, discover and observe',
  deploy: 'Deploy, release, renew; stages, windows, vendor anchors',
  'enrollment.read': 'See enrollments',
  'enrollment.decide': 'Approve and deny enrollments',
  'certificate.read': 'See certificates and authorities',
  'certificate.revoke': 'Revoke certificates',
  'audit.read': 'Read and export the audit',
  'user.read': 'See users, tokens and identity providers',
  'user.write': 'Change users, tokens and identity providers',
  'settings.read': 'See settings and the state of the system',
  'settings.write': 'Change settings',
  backup: 'Make backups',
}

/** Roles besides the administrator that permit it. The manager decides again; this is only for a sentence. */
const others: Readonly<Partial<Record<Permission, readonly string[]>>> = {
  'plant.write': ['engineers'],
  plan: ['engineers', 'deployers'],
  operate: ['operators', 'engineers', 'deployers'],
  deploy: ['deployers'],
  'enrollment.decide': ['approvers'],
  'certificate.revoke': ['approvers'],
  'audit.read': ['auditors'],
  'user.read': ['auditors'],
  'settings.read': ['auditors'],
}

/** `approvers and administrators`. */
export function rolesWith(permission: Permission): string {
  const names = [...(others[permission] ?? []), 'administrators']
  return names.length === 1 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}
