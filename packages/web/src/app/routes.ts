import type { ComponentType } from 'react'
import type { Session } from '../api-types.ts'
import type { IconName } from '../components/icon.tsx'

/** A page: where it lies, what it is called and how it is loaded. */
export interface PageRoute {
  /** Path with `$name` for what changes. */
  readonly path: string
  readonly title: string
  /** Its group in the navigation; without one it has no entry there. */
  readonly group?: 'Plant' | 'Change' | 'Trust' | 'Manager'
  readonly icon?: IconName
  /** Permission without which it is not offered. */
  readonly needs?: Session['permissions'][number]
  /** Second key of the shortcut `g …`. */
  readonly key?: string
  /** Shown without the shell. */
  readonly bare?: boolean
  readonly load: () => Promise<{ readonly Page: ComponentType }>
}

/** Every page, in the order of the navigation. A new one is a folder in `pages` and a line here. */
export const pageRoutes: readonly PageRoute[] = [
  {
    path: '/',
    title: 'Overview',
    group: 'Plant',
    icon: 'overview',
    key: 'o',
    load: () => import('../pages/overview/overview.tsx'),
  },
  {
    path: '/start',
    title: 'First hour',
    group: 'Plant',
    icon: 'next',
    key: 'h',
    load: () => import('../pages/start/start.tsx'),
  },
  {
    path: '/plant',
    title: 'Plant',
    group: 'Plant',
    icon: 'plant',
    key: 'p',
    load: () => import('../pages/plant/plant.tsx'),
  },
  {
    path: '/devices',
    title: 'Devices',
    group: 'Plant',
    icon: 'device',
    key: 'd',
    load: () => import('../pages/devices/devices.tsx'),
  },
  { path: '/devices/$device', title: 'Device', load: () => import('../pages/device/device.tsx') },
  {
    path: '/connections',
    title: 'Connections',
    group: 'Plant',
    icon: 'connection',
    key: 'c',
    load: () => import('../pages/connections/connections.tsx'),
  },
  {
    path: '/editor',
    title: 'Editor',
    group: 'Change',
    icon: 'editor',
    key: 'e',
    load: () => import('../pages/editor/editor.tsx'),
  },
  { path: '/plants/new', title: 'New plant', load: () => import('../pages/new-plant/new-plant.tsx') },
  {
    path: '/deployments',
    title: 'Plans & deployments',
    group: 'Change',
    icon: 'deploy',
    key: 'm',
    load: () => import('../pages/changes/changes.tsx'),
  },
  { path: '/deployments/$deployment', title: 'Deployment', load: () => import('../pages/deployment/deployment.tsx') },
  { path: '/plans/new', title: 'New plan', load: () => import('../pages/new-plan/new-plan.tsx') },
  { path: '/plans/$plan', title: 'Plan', load: () => import('../pages/plan/plan.tsx') },
  {
    path: '/verifications/$verification',
    title: 'Verification',
    load: () => import('../pages/verification/verification.tsx'),
  },
  { path: '/rehearsals/$rehearsal', title: 'Rehearsal', load: () => import('../pages/rehearsal/rehearsal.tsx') },
  {
    path: '/discovery',
    title: 'Discovery',
    group: 'Change',
    icon: 'discovery',
    key: 'f',
    load: () => import('../pages/discovery/discovery.tsx'),
  },
  {
    path: '/enrollment',
    title: 'Enrollment',
    group: 'Trust',
    icon: 'enrollment',
    needs: 'enrollment.read',
    key: 'n',
    load: () => import('../pages/enrollments/enrollments.tsx'),
  },
  {
    path: '/enrollment/$enrollment',
    title: 'Enrollment',
    needs: 'enrollment.read',
    load: () => import('../pages/enrollment/enrollment.tsx'),
  },
  {
    path: '/certificates',
    title: 'Certificates',
    group: 'Trust',
    icon: 'certificate',
    needs: 'certificate.read',
    key: 't',
    load: () => import('../pages/certificates/certificates.tsx'),
  },
  {
    path: '/certificates/$issuer/$serial',
    title: 'Certificate',
    needs: 'certificate.read',
    load: () => import('../pages/certificate/certificate.tsx'),
  },
  {
    path: '/jobs',
    title: 'Jobs',
    group: 'Manager',
    icon: 'job',
    key: 'j',
    load: () => import('../pages/jobs/jobs.tsx'),
  },
  { path: '/jobs/$job', title: 'Job', load: () => import('../pages/job/job.tsx') },
  {
    path: '/audit',
    title: 'Audit',
    group: 'Manager',
    icon: 'audit',
    needs: 'audit.read',
    key: 'a',
    load: () => import('../pages/audit/audit.tsx'),
  },
  {
    path: '/users',
    title: 'Users',
    group: 'Manager',
    icon: 'users',
    needs: 'user.read',
    key: 'u',
    load: () => import('../pages/users/users.tsx'),
  },
  { path: '/users/$user', title: 'User', needs: 'user.read', load: () => import('../pages/user/user.tsx') },
  {
    path: '/settings',
    title: 'Settings',
    group: 'Manager',
    icon: 'settings',
    needs: 'settings.read',
    key: 's',
    load: () => import('../pages/settings/settings.tsx'),
  },
  {
    path: '/account',
    title: 'Account',
    group: 'Manager',
    icon: 'account',
    key: 'y',
    load: () => import('../pages/account/account.tsx'),
  },
  { path: '/sign-in', title: 'Sign in', bare: true, load: () => import('../pages/sign-in/sign-in.tsx') },
  { path: '/first-run', title: 'First run', bare: true, load: () => import('../pages/first-run/first-run.tsx') },
  { path: '/invitation', title: 'Invitation', bare: true, load: () => import('../pages/invitation/invitation.tsx') },
]
