import type { Job } from '../../api-types.ts'

const words: Readonly<Record<Job['kind'], string>> = {
  plan: 'Plan',
  deploy: 'Deployment',
  release: 'Release',
  verify: 'Verification',
  drift: 'Drift check',
  discover: 'Discovery',
  observe: 'Reading of connections',
  rehearse: 'Rehearsal',
  renew: 'Renewal of certificates',
}

/** What a job is called. */
export function jobWord(kind: Job['kind']): string {
  return words[kind]
}
