import { type Evaluation, evaluateEnrollment, formatEvaluation, formatUnit } from '@cordon/core/enrollment'
import { encodePem } from '@cordon/core/x509'
import { type EnrollmentRecord, readEnrollment } from '@cordon/server/enrollment'
import type { CommandContext } from '../context.ts'
import { enrollmentNumber, momentOf, short, stateText } from '../enrollment-text.ts'
import { enrollmentRules } from '../enrollment-rules.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, pairs, table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon enrollment show ID` */
export async function run(
  context: CommandContext,
  { policy: file }: { readonly policy?: string },
  id: string,
): Promise<ExitCode> {
  const { output } = context
  const number = enrollmentNumber(id)
  const rules = file === undefined ? undefined : await enrollmentRules(output, file)
  if (file !== undefined && rules === undefined) return exitCodes.usage
  await using workspace = await openWorkspace(context)
  const record = await readEnrollment(workspace.store, number)
  const approved =
    rules === undefined
      ? null
      : evaluateEnrollment(
          rules.policy,
          {
            ...record.facts,
            label: record.label ?? undefined,
            administrators: [...record.standing, { by: 'you', verdict: 'approve', reason: '' }],
          },
          { at: Date.now(), lists: rules.lists },
        )
  const request = encodePem('CERTIFICATE REQUEST', record.request)
  output.document({ ...record, request, ifApproved: approved }, () => page(output, record, approved))
  return exitCodes.ok
}

function page(output: Output, record: EnrollmentRecord, approved: Evaluation | null): string {
  const sections: readonly (readonly [string, string])[] = [
    [`Enrollment ${record.id}`, pairs(output, who(output, record))],
    ['What is known, and how well', proofs(output, record)],
    ['What the rules say', formatEvaluation(record.evaluation)],
    [
      'Alarms',
      record.evaluation.alarms.map(({ kind, reason }) => output.state('bad', `${kind}: ${reason}`)).join('\n'),
    ],
    ['Replacement', replacement(output, record)],
    ['At this address, or under this name', neighbours(output, record)],
    ['Certificates under this name', certificates(output, record)],
    ['What was said', words(output, record)],
    ['If you approve', ifApproved(record, approved)],
  ]
  return sections
    .filter(([, text]) => text !== '')
    .map(([title, text]) => `${output.strong(title)}\n${text}`)
    .join('\n\n')
}

function who(output: Output, record: EnrollmentRecord): readonly (readonly [string, string])[] {
  const { device, zone, certificate, expiresAt } = record
  return [
    ['state', `${stateText(output, record.state)}: ${record.reason}`],
    [
      'would be',
      device === null ? 'no device of the plant file' : `${device}${zone === null ? '' : ` in zone ${zone}`}`,
    ],
    ['asks as', record.requester],
    ['from', record.address],
    ['subject', record.subject],
    ['label', record.label ?? 'none'],
    ['key', `SHA-256 ${record.key}`],
    ['operation', record.operation],
    ['asked', `${momentOf(record.createdAt)}, last change ${momentOf(record.updatedAt)}`],
    ...(expiresAt === null ? [] : [['given up', momentOf(expiresAt)] as const]),
    ...(certificate === null
      ? []
      : [
          [
            'certificate',
            `serial ${certificate.serial}, ${certificate.status}, until ${momentOf(certificate.notAfter)}`,
          ] as const,
        ]),
  ]
}

function proofs(output: Output, { facts }: EnrollmentRecord): string {
  const { vendor, password, provisioning } = facts
  const rows = [
    ...facts.units.map(({ value, assurance, source }) => ({ what: formatUnit(value), assurance, source })),
    ...facts.macs.map(({ value, assurance, source }) => ({ what: `MAC address ${value}`, assurance, source })),
    ...(vendor === undefined
      ? []
      : [{ what: `vendor certificate ${vendor.verdict}`, assurance: 'checked', source: vendor.reason }]),
    ...(password === undefined
      ? []
      : [{ what: `account ${password.account}`, assurance: 'checked', source: `password ${password.verdict}` }]),
    ...(provisioning === undefined
      ? []
      : [
          {
            what: `provisioning certificate ${short(provisioning.fingerprint)}`,
            assurance: 'checked',
            source: `leads to ${provisioning.authority}${provisioning.revoked ? ', revoked' : ''}`,
          },
        ]),
  ]
  return table(
    output,
    rows,
    [
      { title: 'what', value: ({ what }) => what },
      { title: 'how well', value: ({ assurance }) => assurance },
      { title: 'from', value: ({ source }) => source },
    ],
    'nothing but its address and its own word for the subject',
  )
}

function replacement(output: Output, { replacement: verdict }: EnrollmentRecord): string {
  if (verdict === null) return ''
  const signs = { match: 'good', mismatch: 'bad', free: 'neutral' } as const
  const lines = verdict.criteria.map(({ name, result, reason }) => `${output.state(signs[result], name)}: ${reason}`)
  const sum = verdict.matches ? 'it may take over the role' : 'it may not take over the role by itself'
  return [...lines, sum].join('\n')
}

function neighbours(output: Output, { devices, earlier, sightings }: EnrollmentRecord): string {
  const rows = [
    ...devices.map((device) => ({
      what: `device ${device.name}${device.zone === null ? '' : ` of zone ${device.zone}`}`,
      detail: `last met at ${device.address}${device.serial === null ? '' : `, serial 0x${device.serial.toString(16).padStart(8, '0')}`}`,
      at: device.updatedAt,
    })),
    ...earlier.map((entry) => ({
      what: `enrollment ${entry.id}, ${entry.state}`,
      detail: `${entry.subject}: ${entry.reason}`,
      at: entry.updatedAt,
    })),
    ...sightings.map((seen) => ({
      what: `this key, seen at ${seen.address}`,
      detail: [seen.mac, seen.clearedBy === null ? '' : `declared harmless by ${seen.clearedBy}`]
        .filter((text) => text !== '')
        .join(', '),
      at: seen.at,
    })),
  ]
  return table(
    output,
    rows,
    [
      { title: 'what', value: ({ what }) => what },
      { title: 'detail', value: ({ detail }) => detail },
      { title: 'when', value: ({ at }) => momentOf(at), rank: 1 },
    ],
    'nothing was met there before',
  )
}

function certificates(output: Output, record: EnrollmentRecord): string {
  return table(
    output,
    record.certificates,
    [
      { title: 'serial', value: ({ serial }) => serial },
      { title: 'state', value: ({ status }) => output.state(status === 'valid' ? 'good' : 'bad', status) },
      { title: 'not after', value: ({ notAfter }) => momentOf(notAfter) },
    ],
    'none',
  )
}

function words(output: Output, record: EnrollmentRecord): string {
  return table(output, record.words, [
    { title: 'when', value: ({ at }) => momentOf(at) },
    { title: 'who', value: ({ by }) => by },
    { title: 'said', value: ({ kind }) => kind },
    { title: 'why', value: ({ reason }) => reason },
  ])
}

function ifApproved(record: EnrollmentRecord, approved: Evaluation | null): string {
  if (record.state === 'granted' || record.state === 'expired') return ''
  if (approved === null) return 'say --policy FILE to see what the rules make of your approval'
  switch (approved.verdict) {
    case 'grant':
      return `it gets a certificate${record.device === null ? '' : ` as ${record.device}`} when it asks again`
    case 'pend':
      return `it goes on waiting: ${approved.reason}`
    case 'deny':
      return `nothing: ${approved.reason}`
  }
}
