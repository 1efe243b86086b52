import type { Shapes } from '../api-types.ts'
import type { StateWords } from './states.ts'

/** States of users. */
export const userStates: Readonly<Record<Shapes['User']['state'], StateWords>> = {
  active: { tone: 'good', text: 'Active' },
  invited: { tone: 'wait', text: 'Invited' },
  locked: { tone: 'bad', text: 'Locked' },
  disabled: { tone: 'none', text: 'Disabled' },
}

/** Second factors. */
export const factorNames: Readonly<Record<Shapes['User']['factors'][number], string>> = {
  totp: 'App',
  webauthn: 'Security key',
}

/** What each role is for. */
export const roleLeads: Readonly<Record<Shapes['User']['roles'][number], string>> = {
  observer: 'Looks at everything of the plants and changes nothing.',
  operator: 'Also verifies, compares and discovers.',
  engineer: 'Also changes plants and makes plans, but deploys nothing.',
  deployer: 'Also deploys what engineers have made.',
  approver: 'Decides who gets a certificate, and revokes.',
  auditor: 'Reads the audit, users and settings.',
  administrator: 'May do everything, users and backups included.',
}
