import { type EnrollmentFacts, type EnrollmentPolicy, parseEnrollmentPolicy } from '@cordon/core/enrollment'

/** A file with everything in it that rules may name. */
export const definitions = `version: 1
vendors:
  rockwell: { anchors: [rockwell-root], vendorId: 1, attribute: CN, pattern: '(?<product>[^()]{1,40}) \\((?<serial>[0-9A-Fa-f]{8})\\)' }
  example: { anchors: [example-root.pem] }
accounts:
  engineering: { most: 3, labels: [default, pc], subject: { attribute: CN, pattern: 'PC-\\d{1,4}' } }
  spare: { most: 1 }
provisioning:
  cards: { anchors: [cards], use: once }
  media: { anchors: [media], use: many }
`

/** Rules with one rule for the path without a label. */
export function policyOf(rule: string, more = ''): EnrollmentPolicy {
  const { policy, problems } = parseEnrollmentPolicy(
    `${definitions}labels:\n  pc: { administrator: {} }\n  default: ${rule}\n${more}`,
    'enrollment.yaml',
  )
  if (policy === undefined) throw new Error(JSON.stringify(problems))
  return policy
}

/** A request of which nothing is known, and what is added to it. */
export function factsOf(more: Partial<EnrollmentFacts> = {}): EnrollmentFacts {
  return {
    label: undefined,
    key: 'k1',
    subject: { text: 'CN=PC-12', attributes: [{ type: '2.5.4.3', value: 'PC-12' }] },
    address: '192.0.2.1',
    units: [],
    macs: [],
    administrators: [],
    sightings: [],
    ...more,
  }
}
