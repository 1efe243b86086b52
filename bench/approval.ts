import {
  evaluateEnrollment,
  type EnrollmentFacts,
  type EnrollmentPolicy,
  parseEnrollmentPolicy,
  serialList,
} from '@cordon/core/enrollment'
import { type Figure, median, rounded } from './figure.ts'

const runs = 5
const evaluations = 20_000
const listed = 10_000
/** Microseconds. */
const target = 50

/** Every policy at once, joined in every way: what a plant has is smaller. */
const rules = `version: 1
vendors:
  one: { anchors: [one] }
  two: { anchors: [two], vendorId: 2, attribute: CN, pattern: '(?<product>[^()]{1,40}) \\((?<serial>[0-9A-Fa-f]{8})\\)' }
accounts:
  engineering: { most: 10, subject: { attribute: CN, pattern: 'PC-\\d{1,4}' } }
provisioning:
  cards: { anchors: [cards], use: once }
labels:
  default:
    anyOf:
      - allOf: [{ vendorCertificate: { vendors: [one] } }, { serialList: { list: units } }, { not: { serialList: { list: stolen } } }]
      - allOf: [{ serialList: { list: units, needs: claimed } }, { administrator: { approvals: 2 } }]
      - password: {}
      - provisioningCertificate: {}
      - globalGrant: { from: 2026-06-01T00:00:00Z, until: 2026-06-02T00:00:00Z }
`

/** Evaluation of a request under all six policies, beside a loop over as many predicates that hold nothing. */
export async function approvalFigures(): Promise<Figure[]> {
  const { policy, problems } = parseEnrollmentPolicy(rules, 'bench')
  if (policy === undefined) throw new Error(`the measured rules are refused: ${problems[0]?.message}`)
  const requests = Array.from({ length: evaluations }, (_, index) => factsOf(index))
  const baseline: number[] = []
  const measured: number[] = []
  for (let run = 0; run < runs; run++) {
    baseline.push(timePredicates(requests))
    measured.push(timeEvaluations(policy, requests))
  }
  const value = rounded(median(measured))
  const beside = rounded(median(baseline))
  return [
    {
      name: 'approval-evaluation',
      value,
      unit: 'µs',
      baseline: beside,
      ratio: rounded(value / beside),
      target: `under ${target} µs`,
      met: value < target,
    },
  ]
}

function factsOf(index: number): EnrollmentFacts {
  const unit = { vendorId: 1, serialNumber: index }
  return {
    label: undefined,
    key: `key ${index}`,
    subject: { text: `CN=PC-${index % 1000}`, attributes: [{ type: '2.5.4.3', value: `PC-${index % 1000}` }] },
    address: '192.0.2.1',
    units: [
      { value: unit, assurance: 'proven', source: 'certificate of one' },
      { value: unit, assurance: 'claimed', source: 'request' },
    ],
    macs: [{ value: '00:1d:9c:01:02:03', assurance: 'observed', source: 'ARP' }],
    vendor: { verdict: 'trusted', vendor: 'one', unit, product: undefined, reason: 'leads to an anchor of one' },
    administrators: [],
    password: { account: 'engineering', verdict: 'accepted', granted: index % 11 },
    provisioning: { authority: 'cards', fingerprint: '00'.repeat(32), revoked: false, consumedBy: undefined },
    sightings: [{ address: '192.0.2.1', unit, mac: undefined }],
  }
}

function timeEvaluations(policy: EnrollmentPolicy, requests: readonly EnrollmentFacts[]): number {
  const entry = (serialNumber: number) => ({ unit: { vendorId: 1, serialNumber }, mac: undefined, note: '' })
  const lists = new Map([
    ['units', serialList(Array.from({ length: listed }, (_, index) => entry(index)))],
    ['stolen', serialList([entry(1)])],
  ])
  const context = { at: Date.UTC(2026, 5, 1, 12), lists }
  let granted = 0
  const start = performance.now()
  for (const facts of requests) if (evaluateEnrollment(policy, facts, context).verdict === 'grant') granted++
  const spent = performance.now() - start
  // All are granted by one alternative or another: a run that granted nothing would have measured refusals.
  if (granted !== requests.length) throw new Error(`${granted} of ${requests.length} granted`)
  return (spent * 1000) / requests.length
}

/** As many calls as there are rules in the file above. */
const predicates = Array.from({ length: 11 }, (_, index) => (facts: EnrollmentFacts) => facts.units.length + index > 0)

function timePredicates(requests: readonly EnrollmentFacts[]): number {
  let held = 0
  const start = performance.now()
  for (const facts of requests) for (const holds of predicates) if (holds(facts)) held++
  const spent = performance.now() - start
  if (held !== requests.length * predicates.length) throw new Error(`${held} predicates held`)
  return (spent * 1000) / requests.length
}
