import {
  type ConnectionResult,
  type DeploymentPlan,
  type DeploymentReport,
  type DeviceResult,
  type Message,
  messageTable,
  type Outcome,
} from '@cordon/core/deployment'
import { type ConnectionHop, spellProtectedWay } from '@cordon/core/policy'
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
    ...protectionText(output, plan.connections),
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
    ...protectionText(output, report.connections),
    ...messagesText(output, [
      ...report.devices.flatMap((device) => device.messages),
      ...report.connections.flatMap((connection) => connection.messages),
      ...report.messages,
    ]),
    '',
    `${report.plant}: ${outcomeText(output, report.outcome)} in ${(report.tookMs / 1000).toFixed(1)} s`,
  ].join('\n')
}

/** Results of devices with the messages that are worth reading, and with the proof of each release. */
export function resultsText(output: Output, devices: readonly DeviceResult[]): string {
  return [
    deviceResults(output, devices),
    ...proofText(output, devices),
    ...messagesText(
      output,
      devices.flatMap((device) => device.messages),
    ),
  ].join('\n')
}

/** What was seen that proves a release, a line for each thing. */
function proofText(output: Output, devices: readonly DeviceResult[]): string[] {
  const lines = devices.flatMap(({ device, proof }) =>
    proof === undefined
      ? []
      : [output.state('good', `${device} is free`), ...proof.map((seen) => output.paragraph(`    ${seen}`, 6))],
  )
  return lines.length === 0 ? [] : ['', output.strong('Proof'), ...lines]
}

/** On which stretch of their way connections are protected, where it is not from end to end: a line for each way. */
export function protectionText(
  output: Output,
  connections: readonly { readonly hops?: readonly ConnectionHop[] }[],
): string[] {
  const ways = new Set(connections.flatMap(({ hops = [] }) => spellProtectedWay(hops) ?? []))
  if (ways.size === 0) return []
  return ['', output.strong('Protection ends at the module'), ...[...ways].map((way) => output.paragraph(way, 2))]
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
  const lines = together(worth).flatMap((alike) => {
    const [{ code, severity, evidence }] = alike
    return [
      output.paragraph(`${output.state(severity === 'error' ? 'bad' : 'warning', textOf(alike))} [${code}]`, 2),
      ...(evidence === '' ? [] : [output.paragraph(`    found: ${evidence}`, 11)]),
      output.paragraph(`    next:  ${nextOf(alike)}`, 11),
    ]
  })
  return ['', output.strong('Messages'), ...lines]
}

/** Messages that say the same of different subjects. */
type Alike = readonly [Message, ...Message[]]

/** The same found in the same words stands once, with all whom it is about, unless a command to run names them. */
function together(messages: readonly Message[]): readonly Alike[] {
  const groups = new Map<string, [Message, ...Message[]]>()
  for (const message of messages) {
    const { code, subject, evidence, next } = message
    const isCommand = next.split('`').some((part, place) => place % 2 === 1 && part.includes(subject))
    const key = JSON.stringify([code, evidence, ...(isCommand ? [subject] : [])])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [message])
    else if (!group.some((one) => one.subject === subject)) group.push(message)
  }
  return [...groups.values()]
}

function textOf(alike: Alike): string {
  const [{ subject, text }] = alike
  return text.startsWith(`${subject}: `) ? `${subjectsOf(alike)}${text.slice(subject.length)}` : text
}

function nextOf(alike: Alike): string {
  const [{ code, next }] = alike
  return alike.length === 1 ? next : messageTable[code].next.replaceAll('{subject}', subjectsOf(alike))
}

function subjectsOf(alike: Alike): string {
  return alike.map(({ subject }) => subject).join(', ')
}
