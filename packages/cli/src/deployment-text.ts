import type {
  ConnectionResult,
  DeploymentPlan,
  DeploymentReport,
  DeviceResult,
  Message,
  Outcome,
} from '@cordon/core/deployment'
import { suiteName } from '@cordon/core/security'
import { type Output, table } from './output.ts'

const actionWords = {
  commission: 'commission (first contact)',
  reconfigure: 'reconfigure',
  finish: 'finish',
  adjust: 'adjust rules or ports',
  nothing: 'nothing to do',
  leave: 'left as it is',
  refused: 'refused',
} as const

/** A plan for people: device by device what would change, what it interrupts, and what to know. */
export function planText(output: Output, plan: DeploymentPlan): string {
  const devices = table(output, plan.devices, [
    { title: 'device', value: (device) => device.device },
    { title: 'address', value: (device) => device.address, rank: 1 },
    { title: 'zone', value: (device) => device.zone, rank: 1 },
    {
      title: 'action',
      value: (device) =>
        device.action === 'refused' ? output.state('bad', actionWords.refused) : actionWords[device.action],
    },
    { title: 'changes', value: (device) => (device.changes.length === 0 ? '-' : String(device.changes.length)) },
    {
      title: 'interrupts',
      value: (device) => (device.interrupts.length === 0 ? 'nothing' : device.interrupts.join('; ')),
    },
    {
      title: 'default certificate',
      value: (device) => (device.fingerprint === undefined ? '-' : `${device.fingerprint.slice(0, 16)}…`),
      rank: 2,
    },
  ])
  const connections = table(
    output,
    plan.connections,
    [
      { title: 'from', value: (connection) => connection.from },
      { title: 'to', value: (connection) => connection.to },
      { title: 'class', value: (connection) => String(connection.class) },
      {
        title: 'will be',
        value: (connection) =>
          connection.verdict === 'secure'
            ? output.state('good', connection.suites.map(suiteName).join(', '))
            : output.state(connection.verdict === 'plain' ? 'neutral' : 'bad', connection.verdict),
      },
      { title: 'why', value: (connection) => connection.reason, rank: 1 },
    ],
    'none',
  )
  return [
    output.strong('Devices'),
    devices,
    '',
    output.strong('Connections'),
    connections,
    ...messagesText(output, [...plan.devices.flatMap((device) => device.messages), ...plan.messages]),
    '',
    `plan ${plan.digest.slice(0, 16)}: ${outcomeText(output, plan.outcome)}`,
  ].join('\n')
}

/** How a deployment ended, for people. */
export function reportText(output: Output, report: DeploymentReport): string {
  return [
    output.strong('Devices'),
    deviceResults(output, report.devices),
    ...(report.connections.length === 0
      ? []
      : ['', output.strong('Connections'), connectionResults(output, report.connections)]),
    ...messagesText(output, [
      ...report.devices.flatMap((device) => device.messages),
      ...report.connections.flatMap((connection) => connection.messages),
      ...report.messages,
    ]),
    '',
    `${report.plant}: ${outcomeText(output, report.outcome)} in ${(report.tookMs / 1000).toFixed(1)} s`,
  ].join('\n')
}

/** Results of devices with the messages that are worth reading. */
export function resultsText(output: Output, devices: readonly DeviceResult[]): string {
  return [
    deviceResults(output, devices),
    ...messagesText(
      output,
      devices.flatMap((device) => device.messages),
    ),
  ].join('\n')
}

function deviceResults(output: Output, devices: readonly DeviceResult[]): string {
  return table(output, devices, [
    { title: 'device', value: (device) => device.device },
    { title: 'address', value: (device) => device.address, rank: 1 },
    { title: 'result', value: (device) => outcomeText(output, device.outcome) },
    { title: 'configuration', value: (device) => device.configuration },
    {
      title: 'steps',
      value: (device) => String(device.steps.filter((step) => step.result === 'done').length),
      rank: 2,
    },
    {
      title: 'took',
      value: (device) => `${Math.round(device.steps.reduce((sum, step) => sum + step.tookMs, 0))} ms`,
      rank: 1,
    },
  ])
}

function connectionResults(output: Output, connections: readonly ConnectionResult[]): string {
  const way = (side: ConnectionResult['before']): string =>
    side === undefined
      ? '-'
      : `${side.transport.toUpperCase()}${side.suite === undefined ? '' : ` ${suiteName(side.suite)}`}`
  return table(output, connections, [
    { title: 'from', value: (connection) => connection.from },
    { title: 'to', value: (connection) => connection.to },
    { title: 'connection', value: (connection) => connection.connection, rank: 2 },
    { title: 'before', value: (connection) => way(connection.before), rank: 1 },
    { title: 'after', value: (connection) => way(connection.after) },
    {
      title: 'moved at',
      value: (connection) =>
        connection.movedAt === undefined ? '-' : new Date(connection.movedAt).toISOString().slice(11, 23),
      rank: 1,
    },
    {
      title: 'interrupted',
      value: (connection) => (connection.gapMs === undefined ? '-' : `${Math.round(connection.gapMs)} ms`),
    },
    { title: 'result', value: (connection) => outcomeText(output, connection.outcome), rank: 1 },
  ])
}

/** One of the three outcomes, in words and with its sign. */
export function outcomeText(output: Output, outcome: Outcome): string {
  const kinds = { complete: 'good', 'complete-with-warnings': 'warning', 'not-complete': 'bad' } as const
  return output.state(kinds[outcome], outcome.replaceAll('-', ' '))
}

function messagesText(output: Output, messages: readonly Message[]): string[] {
  const worth = messages.filter(({ severity }) => severity !== 'information')
  if (worth.length === 0) return []
  const seen = new Set<string>()
  const lines = worth.flatMap((message) => {
    const key = `${message.code} ${message.subject} ${message.evidence}`
    if (seen.has(key)) return []
    seen.add(key)
    return [
      output.paragraph(
        `${output.state(message.severity === 'error' ? 'bad' : 'warning', message.text)} [${message.code}]`,
        2,
      ),
      ...(message.evidence === '' ? [] : [output.paragraph(`    found: ${message.evidence}`, 11)]),
      output.paragraph(`    next:  ${message.next}`, 11),
    ]
  })
  return ['', output.strong('Messages'), ...lines]
}
