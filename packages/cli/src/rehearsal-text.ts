import type { Outcome } from '@cordon/core/deployment'
import type { RehearsalReport, RehearsedConnection } from '@cordon/core/rehearsal'
import { suiteName } from '@cordon/core/security'
import { type Output, table } from './output.ts'

const kinds = {
  complete: 'good',
  'complete-with-warnings': 'warning',
  'not-complete': 'bad',
} as const satisfies Record<Outcome, string>
const fateKinds = { moved: 'good', kept: 'neutral', ended: 'neutral', broke: 'bad', never: 'bad' } as const

/** Most names that are listed of the devices that an assumption is about. */
const mostNames = 4

/** A rehearsal for people. */
export function rehearsalText(output: Output, report: RehearsalReport): string {
  const { devices, connections, verification, findings, assumptions, messages, tookMs } = report
  const parts: (readonly string[])[] = []
  if (findings.length > 0) {
    const lines = findings.flatMap(({ subject, limit, reason, alternative }) => [
      output.paragraph(output.state('bad', `${subject}: ${limit}: ${reason}`), 4),
      output.paragraph(`    instead: ${alternative}`, 4),
    ])
    parts.push([output.strong('Limits that do not suffice'), ...lines])
  }
  if (devices.length > 0) {
    const rows = table(
      output,
      devices,
      [
        { title: 'device', value: ({ device }) => device },
        { title: 'address', value: ({ address }) => address, rank: 1 },
        { title: 'outcome', value: ({ outcome }) => output.state(kinds[outcome], outcome) },
        { title: 'settings', value: ({ configuration }) => configuration },
      ],
      'no devices',
    )
    parts.push([output.strong('Devices'), rows])
  }
  const told = [...messages, ...devices.flatMap((device) => device.messages)].filter(
    ({ severity }) => severity !== 'information',
  )
  if (told.length > 0) {
    const lines = told.map(({ severity, code, subject, cause, evidence, next }) =>
      output.paragraph(
        `${output.state(severity === 'error' ? 'bad' : 'warning', `${subject}: ${code}`)}: ${cause} ${evidence} ${next}`,
        4,
      ),
    )
    parts.push([output.strong('Messages'), ...new Set(lines)])
  }
  if (connections.length > 0) parts.push([output.strong('Connections'), connectionRows(output, connections)])
  if (verification !== undefined) {
    const { counts, failed } = verification
    const line = `${counts.pass} checks pass, ${counts.fail} fail, ${counts['not-probed'] + counts['not-tested']} were not made, ${counts.risk} at risk`
    const lines = failed.map(({ id, subject, reason }) =>
      output.paragraph(`${output.state('bad', `${id}  ${subject}`)}: ${reason}`, 4),
    )
    parts.push([
      output.strong('Verification'),
      output.state(verification.verdict === 'pass' ? 'good' : 'bad', line),
      ...lines,
    ])
  }
  if (assumptions.length > 0) {
    const lines = assumptions.map(({ what, devices: about }) =>
      output.paragraph(`assumed: ${what}${namesOf(about)}`, 4),
    )
    parts.push([output.strong('What is not known'), ...lines])
  }
  const seconds = ((tookMs['total'] ?? 0) / 1000).toFixed(1)
  const verdict =
    report.verdict === 'pass'
      ? output.state('good', `${report.plant}: the rehearsal went through in ${seconds} s; nothing real was touched`)
      : output.state('bad', `${report.plant}: the rehearsal failed after ${seconds} s; nothing real was touched`)
  return [...parts, [verdict]].map((lines) => lines.join('\n')).join('\n\n')
}

function connectionRows(output: Output, connections: readonly RehearsedConnection[]): string {
  const rows = table(
    output,
    connections,
    [
      { title: 'from', value: ({ from }) => from },
      { title: 'to', value: ({ to }) => to },
      { title: 'fate', value: ({ fate }) => output.state(fateKinds[fate], fate) },
      { title: 'over', value: ({ over }) => over?.toUpperCase() ?? '-' },
      { title: 'interrupted', value: ({ gapMs }) => (gapMs === undefined ? '-' : `${Math.round(gapMs)} ms`) },
      { title: 'suite', value: ({ suite }) => (suite === undefined ? '-' : suiteName(suite)), rank: 1 },
    ],
    'no connections',
  )
  const reasons = connections.flatMap(({ connection, from, to, fate, reason }) =>
    reason === undefined
      ? []
      : [output.paragraph(output.state('bad', `${from} to ${to} (${connection}) ${fate}: ${reason}`), 4)],
  )
  return [rows, ...reasons].join('\n')
}

function namesOf(devices: readonly string[]): string {
  if (devices.length === 0) return ''
  const more = devices.length - mostNames
  return `: ${devices.slice(0, mostNames).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
