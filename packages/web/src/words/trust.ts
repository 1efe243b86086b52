import type { Shapes } from '../api-types.ts'
import type { StateWords } from './states.ts'

type EnrollmentState = Shapes['Enrollment']['state']
type CertificateStatus = Shapes['Certificate']['status']

/** States of enrollments. */
export const enrollmentStates: Readonly<Record<EnrollmentState, StateWords>> = {
  pending: { tone: 'wait', text: 'Waiting' },
  granted: { tone: 'good', text: 'Granted' },
  denied: { tone: 'bad', text: 'Denied' },
  expired: { tone: 'none', text: 'Expired' },
}

/** States of certificates. */
export const certificateStates: Readonly<Record<CertificateStatus, StateWords>> = {
  valid: { tone: 'good', text: 'Valid' },
  revoked: { tone: 'bad', text: 'Revoked' },
  expired: { tone: 'none', text: 'Expired' },
}

/** Alarms that block an enrollment. */
export const alarmWords: Readonly<Record<string, string>> = {
  clone: 'The same key was seen elsewhere: it may be copied.',
  contradiction: 'What the request claims contradicts what is proven.',
}

/** What was said about an enrollment, by kind. */
export function wordKind(kind: string): StateWords {
  if (kind === 'approve') return { tone: 'good', text: 'Approved' }
  if (kind === 'deny') return { tone: 'bad', text: 'Denied' }
  if (kind === 'withdraw') return { tone: 'none', text: 'Withdrawn' }
  if (kind === 'expire') return { tone: 'none', text: 'Expired' }
  if (kind === 'clear') return { tone: 'good', text: 'Alarm cleared' }
  const text = kind.replaceAll(/[-.]/g, ' ')
  return { tone: 'none', text: text.charAt(0).toUpperCase() + text.slice(1) }
}

/** `ab:cd:…` as people compare fingerprints; what is no hex stays as it is. */
export function fingerprintText(hex: string): string {
  return /^(?:[0-9a-f]{2})+$/i.test(hex) ? (hex.toUpperCase().match(/../g) ?? []).join(':') : hex
}
