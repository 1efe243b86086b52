import {
  AddressNames,
  type CaptureJudgement,
  type CaptureReport,
  type ConnectionReport,
  type ConversationReport,
  describeStep,
  disobedient,
  type FlowReport,
  type FlowVerdict,
  type JudgedFlow,
  type MessageCounts,
  type PushStep,
  type Readability,
  readabilityText,
} from '@cordon/core/capture'
import type { PlantIndex } from '@cordon/core/policy'
import { type Column, type Output, table } from './output.ts'

/** What is shown of captures. */
export interface ShownCapture {
  readonly report: CaptureReport
  readonly judgement: CaptureJudgement | undefined
  readonly index: PlantIndex | undefined
  /** Rows of each table. */
  readonly top: number
  readonly handshakes: boolean
}

type NameOf = (address: string) => string

/** Columns from which on addresses stand beside names. */
const wideEnough = 140

/** Captures for people: what disobeys first, then who talks to whom, connections, commissioning, what was not read. */
export function captureText(output: Output, shown: ShownCapture): string {
  const { report, judgement, index, top } = shown
  const names = index === undefined ? undefined : new AddressNames(index)
  const nameOf: NameOf = (address) => names?.find(address)?.name ?? address
  const began = report.firstUs ?? 0
  const sections = [
    summary(report),
    ...(judgement === undefined
      ? [section(output, 'Conversations', conversationsTable(output, report, nameOf, top))]
      : judgementSections(output, judgement, began, top)),
    section(output, 'Connections', connectionsTable(output, report, nameOf, began, top)),
    section(output, 'Commissioning', commissioningText(output, report, nameOf, began, top)),
    section(output, 'Refused or answered with an error', errorsTable(output, report, nameOf, began, top)),
    ...(shown.handshakes ? [section(output, 'Handshakes', handshakesText(output, report, nameOf, began, top))] : []),
    section(output, 'Not read', notReadText(report)),
  ]
  return sections.filter((text) => text !== '').join('\n\n')
}

function section(output: Output, title: string, body: string): string {
  return body === '' ? '' : `${output.strong(title)}\n${body}`
}

function summary(report: CaptureReport): string {
  const { packets, conversations } = report.packets
  const { firstUs, lastUs } = report
  const names = report.files.map(({ name }) => name).join(', ')
  if (packets === 0) return `${names}: no packet`
  if (firstUs === undefined || lastUs === undefined)
    return `${names}: ${count(packets, 'packet')}, ${count(conversations, 'conversation')}; no packet has a date`
  const when = `${dateText(firstUs)} to ${dateText(lastUs)}`
  const span = seconds(lastUs - firstUs)
  return `${names}: ${count(packets, 'packet')} in ${span} s, ${count(conversations, 'conversation')}\n${when}`
}

/** A file may hold any number as a time. */
function dateText(us: number): string {
  const date = new Date(us / 1000)
  return Number.isNaN(date.getTime()) ? 'not a date' : date.toISOString()
}

function count(value: number, word: string): string {
  return `${value.toLocaleString('en')} ${word}${value === 1 ? '' : 's'}`
}

function seconds(us: number): string {
  return (us / 1e6).toFixed(1)
}

/** When something was seen, in seconds since the capture began. */
function when(firstUs: number, lastUs: number, began: number): string {
  return `${seconds(firstUs - began)} - ${seconds(lastUs - began)}`
}

/** The first rows of a table, how many there are besides, and how many `beyond` these were not kept. */
function limited<Row>(
  output: Output,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  top: number,
  beyond = 0,
): string {
  if (rows.length === 0) return ''
  const hidden = rows.length - Math.min(top, rows.length)
  const lines = [table(output, rows.slice(0, top), columns)]
  if (hidden > 0) lines.push(`… ${hidden.toLocaleString('en')} more; --top 0 shows ${beyond > 0 ? 'them' : 'all'}`)
  if (beyond > 0) lines.push(`… ${beyond.toLocaleString('en')} more beyond the limit, only counted`)
  return lines.join('\n')
}

const verdictWords: Readonly<Record<FlowVerdict, string>> = {
  allowed: 'allowed',
  manager: 'manager',
  commissioning: 'commissioning',
  discovery: 'discovery',
  refused: 'refused',
  forbidden: 'forbidden',
  weaker: 'weaker than promised',
  'unknown-peer': 'unknown peer',
  'not-judged': 'not judged',
}

function verdictText(output: Output, verdict: FlowVerdict): string {
  const isBad = disobedient.includes(verdict)
  const isGood = verdict === 'allowed' || verdict === 'manager' || verdict === 'commissioning'
  return output.state(isBad ? 'bad' : isGood ? 'good' : 'neutral', verdictWords[verdict])
}

function judgementSections(
  output: Output,
  { plant, verdict, unjudged, counts, flows }: CaptureJudgement,
  began: number,
  top: number,
): readonly string[] {
  const isWide = output.width >= wideEnough
  const end = ({ name, address }: JudgedFlow['from']): string =>
    name === undefined ? address : isWide ? `${name} ${address}` : name
  const columns: readonly Column<JudgedFlow>[] = [
    { title: 'verdict', value: (flow) => verdictText(output, flow.verdict) },
    { title: 'from', value: (flow) => end(flow.from) },
    { title: 'to', value: (flow) => end(flow.to) },
    { title: 'port', value: (flow) => `${flow.port}/${flow.transport}` },
    { title: 'protection', value: (flow) => flow.protection ?? 'unknown', rank: 1 },
    { title: 'seen, s', value: (flow) => when(flow.firstUs, flow.lastUs, began) },
    { title: 'times', value: (flow) => String(flow.count), rank: 3 },
    { title: 'because', value: (flow) => flow.reason },
  ]
  const words = Object.entries(counts).filter(([, flowCount]) => flowCount > 0)
  const line = words.map(([word, flowCount]) => `${flowCount} ${verdictWords[word as FlowVerdict]}`).join(', ')
  const state = {
    obeys: output.state('good', 'obeys'),
    incomplete: output.state('warning', 'nothing against it, but not all could be judged'),
    disobeys: output.state('bad', 'disobeys'),
  }[verdict]
  const missing = unjudged.length === 0 ? '' : `\nNot judged: ${unjudged.join('; ')}`
  const bad = flows.filter((flow) => disobedient.includes(flow.verdict))
  const other = flows.filter((flow) => !disobedient.includes(flow.verdict))
  return [
    section(output, `Measured against ${plant}`, `${state}: ${line || 'no flow'}${missing}`),
    section(output, 'Does not obey the plant file', limited(output, bad, columns, top)),
    section(output, 'Other flows', limited(output, other, columns, top)),
  ]
}

/** Conversations of the same ends with the same protection. */
interface Group {
  readonly first: ConversationReport
  count: number
  packets: number
  bytes: number
  lastUs: number
}

function conversationsTable(output: Output, report: CaptureReport, nameOf: NameOf, top: number): string {
  const groups = new Map<string, Group>()
  for (const conversation of report.conversations) {
    const { client, server, transport, content, protection, tls, figures, lastUs } = conversation
    const key = [client.address, server.address, server.port, transport, content, protection, tls?.suite?.id].join('|')
    const packets = figures.client.packets + figures.server.packets
    const bytes = figures.client.bytes + figures.server.bytes
    const known = groups.get(key)
    if (known === undefined) groups.set(key, { first: conversation, count: 1, packets, bytes, lastUs })
    else {
      known.count++
      known.packets += packets
      known.bytes += bytes
      known.lastUs = Math.max(known.lastUs, lastUs)
    }
  }
  const began = report.firstUs ?? 0
  const rows = [...groups.values()].sort((a, b) => b.packets - a.packets)
  return limited(
    output,
    rows,
    [
      { title: 'client', value: ({ first }) => nameOf(first.client.address) },
      { title: 'server', value: ({ first }) => nameOf(first.server.address) },
      { title: 'port', value: ({ first }) => `${first.server.port}/${first.transport}` },
      { title: 'what', value: ({ first }) => contentWords[first.content] },
      {
        title: 'protection',
        value: ({ first }) => (first.content === 'other' ? '-' : (first.protection ?? 'no handshake finished')),
      },
      { title: 'suite', value: ({ first }) => first.tls?.suite?.name ?? '-', rank: 2 },
      {
        title: 'readable',
        value: ({ first }) => (first.tls === undefined ? '-' : readabilityText(first.tls.readable)),
        rank: 3,
      },
      { title: 'times', value: (group) => String(group.count), rank: 1 },
      { title: 'packets', value: (group) => String(group.packets) },
      { title: 'bytes', value: (group) => String(group.bytes), rank: 2 },
      { title: 'seen, s', value: (group) => when(group.first.firstUs, group.lastUs, began), rank: 1 },
    ],
    top,
    report.moreConversations,
  )
}

const contentWords: Readonly<Record<ConversationReport['content'], string>> = {
  'ethernet-ip': 'EtherNet/IP',
  tls: 'TLS',
  dtls: 'DTLS',
  other: 'something else',
}

const stateKinds: Readonly<Record<ConnectionReport['state'], 'good' | 'warning' | 'bad' | 'neutral'>> = {
  open: 'good',
  closed: 'neutral',
  older: 'neutral',
  unanswered: 'warning',
  'timed-out': 'bad',
  refused: 'bad',
}

function connectionsTable(output: Output, report: CaptureReport, nameOf: NameOf, began: number, top: number): string {
  return limited(
    output,
    report.connections,
    [
      { title: 'state', value: ({ state, status }) => output.state(stateKinds[state], stateText(state, status)) },
      {
        title: 'class',
        value: ({ transportClass }) => (transportClass === undefined ? '0/1' : String(transportClass)),
      },
      { title: 'originator', value: ({ originator }) => nameOf(originator) },
      { title: 'target', value: ({ target }) => nameOf(target) },
      { title: 'opens', value: ({ application, route }) => opensText(application, route) },
      { title: 'over', value: ({ protection }) => (protection === 'none' ? 'plain' : protection.toUpperCase()) },
      { title: 'RPI', value: (one) => rpiText(one), rank: 1 },
      { title: 'data', value: (one) => dataText(one) },
      { title: 'serial', value: ({ triad }) => String(triad?.connectionSerialNumber ?? '-'), rank: 3 },
      { title: 'seen, s', value: ({ firstUs, lastUs }) => when(firstUs, lastUs, began), rank: 2 },
    ],
    top,
  )
}

function opensText(application: string | undefined, route: string | undefined): string {
  if (application === undefined) return '-'
  return route === undefined ? application : `${application} via ${route}`
}

function rpiText({ otRpiUs, ot, to }: ConnectionReport): string {
  if (otRpiUs !== undefined) return `${otRpiUs / 1000} ms`
  const measured = ot?.rpiUs ?? to?.rpiUs
  return measured === undefined ? '-' : `${(measured / 1000).toFixed(1)} ms measured`
}

function stateText(state: ConnectionReport['state'], status: string | undefined): string {
  return status === undefined ? state : `${state}: ${status}`
}

/** `O->T 545, held; T->O 544, held, 3 missing`, or what messages there were. */
function dataText({ ot, to, messages }: ConnectionReport): string {
  if (messages !== undefined) return messagesText(messages)
  const flows = [flowText('O->T', ot), flowText('T->O', to)].filter((text) => text !== '')
  return flows.length === 0 ? '-' : flows.join('; ')
}

function flowText(way: string, flow: FlowReport | undefined): string {
  if (flow === undefined) return ''
  const parts = [
    `${way} ${flow.frames}`,
    flow.held === undefined ? '' : flow.held ? 'held' : 'not held',
    flow.missing > 0 ? `${flow.missing} missing` : '',
    flow.duplicates > 0 ? `${flow.duplicates} twice` : '',
    flow.outOfOrder > 0 ? `${flow.outOfOrder} late` : '',
    flow.timeouts > 0 ? `${flow.timeouts} timeouts` : '',
    flow.mode === 'idle' ? 'idle' : '',
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function messagesText({ requests, errors, meanLatencyUs }: MessageCounts): string {
  const latency = meanLatencyUs === undefined ? '' : `, answered in ${(meanLatencyUs / 1000).toFixed(1)} ms`
  return `${requests} requests${errors > 0 ? `, ${errors} errors` : ''}${latency}`
}

function commissioningText(output: Output, report: CaptureReport, nameOf: NameOf, began: number, top: number): string {
  const rows = report.commissioning.slice(0, top)
  const lines = rows.flatMap(({ client, server, how, text, firstUs, lastUs, push }) => {
    const sign = output.state(how === 'read' ? 'good' : 'neutral', how === 'read' ? 'read' : 'guess')
    const head = `${sign}  ${nameOf(client)} at ${nameOf(server)}, ${when(firstUs, lastUs, began)} s: ${text}`
    return [head, ...stepLines(push?.steps ?? [])]
  })
  const more = report.commissioning.length - rows.length
  return [...lines, ...(more > 0 ? [`… ${more} more; --top 0 shows all`] : [])].join('\n')
}

/** One line a step; the many messages that move files are one line together. */
function stepLines(steps: readonly PushStep[]): readonly string[] {
  const lines: string[] = []
  let files: { readonly packet: number; readonly times: Map<string, number> } | undefined
  const endFiles = (): void => {
    if (files === undefined) return
    const parts = [...files.times].map(([name, times]) => `${times} x ${name}`)
    lines.push(`    packet ${files.packet}  File: ${parts.join(', ')}`)
    files = undefined
  }
  for (const { text, times, packet, refused } of steps) {
    const name = /^File - (.*)$/.exec(text)?.[1]
    if (name !== undefined && refused === undefined) {
      files ??= { packet, times: new Map() }
      files.times.set(name, (files.times.get(name) ?? 0) + times)
      continue
    }
    endFiles()
    const answer = refused === undefined ? '' : `: ${refused}`
    lines.push(`    packet ${packet}  ${text}${times > 1 ? ` x${times}` : ''}${answer}`)
  }
  endFiles()
  return lines
}

function errorsTable(output: Output, report: CaptureReport, nameOf: NameOf, began: number, top: number): string {
  const rows = report.conversations.flatMap(({ client, server, cip }) =>
    (cip?.errors.first ?? []).map((error) => ({ ...error, client: client.address, server: server.address })),
  )
  const all = report.conversations.reduce((total, { cip }) => total + (cip?.errors.count ?? 0), 0)
  return limited(
    output,
    rows,
    [
      { title: 'packet', value: ({ packet }) => String(packet) },
      { title: 's', value: ({ timeUs }) => seconds(timeUs - began) },
      { title: 'client', value: ({ client }) => nameOf(client) },
      { title: 'server', value: ({ server }) => nameOf(server) },
      { title: 'answer', value: ({ text }) => text },
    ],
    top,
    all - rows.length,
  )
}

function handshakesText(output: Output, report: CaptureReport, nameOf: NameOf, began: number, top: number): string {
  const rows = report.conversations.filter(({ steps }) => steps.length > 0)
  const told = rows.slice(0, top).map(({ client, server, tls, steps, moreSteps, transport }) => {
    const title = `${nameOf(client.address)}:${client.port} -> ${nameOf(server.address)}:${server.port}/${transport}`
    const result =
      tls?.established === true
        ? `${tls.suite?.name ?? ''}, ${((tls.handshakeUs ?? 0) / 1000).toFixed(1)} ms; data ${readableText(tls.readable)}`
        : 'not finished'
    const lines = steps.map((step) => {
      const way = step.side === 'client' ? 'client -> server' : 'client <- server'
      const again = step.retransmission === true ? ' (again)' : ''
      return `  ${String(step.packet).padStart(7)} ${((step.timeUs - began) / 1e6).toFixed(3).padStart(9)}  ${way}  ${step.name}${again}: ${describeStep(step)}`
    })
    const more = moreSteps > 0 ? [`  … ${moreSteps} more steps`] : []
    return [`${output.strong(title)}: ${result}`, ...lines, ...more].join('\n')
  })
  const more = rows.length - told.length
  return [...told, ...(more > 0 ? [`… ${more} more; --top 0 shows all`] : [])].join('\n')
}

function readableText(readable: Readability): string {
  return readable.yes ? `readable by ${readable.by}` : `not readable: ${readable.reason}`
}

function notReadText(report: CaptureReport): string {
  const lines = report.notRead.map(({ what, count: rows, examplePacket }) => {
    const example = examplePacket === undefined ? '' : ` (packet ${examplePacket})`
    return `${rows.toLocaleString('en')} ${what}${example}`
  })
  const more = report.moreConversations
  return [
    ...lines,
    ...(more > 0 ? [`${more.toLocaleString('en')} conversations beyond the limit: counted only`] : []),
  ].join('\n')
}
