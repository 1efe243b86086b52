import type { ConnectionApplication } from '../policy/model.ts'
import { commentText, isPlainText } from './names.ts'
import { type ObservedConnection, type ObservedEnd, transportOf } from './observation.ts'
import type { Proposal, ProposedConnection, ProposedDevice } from './propose.ts'

/**
 * A proposal as the text of a plant file, written for a person who goes on with it: in the order of the plant file's own
 * documentation, aligned, each part with its evidence, and what could not be known as `# unknown:`.
 */
export function writeProposal(proposal: Proposal): string {
  const { connections, devices, zones, conduits, questions, manager } = proposal
  const asked = questionCount(proposal)
  const lines = [
    '# A plant file proposed by Cordon from what was seen. It is a beginning, not a policy: what was not seen while somebody',
    '# watched is not in it, and what was seen need not be right. Read it, rename, answer each "# unknown", then see with',
    '# `cordon validate` whether it holds and with `cordon learn --plant FILE` what it would break.',
    '#',
    `# Seen: ${count(connections.length, 'connection')} between ${count(devices.filter(({ address }) => address !== undefined).length - (manager === undefined ? 0 : 1), 'address', 'addresses')}. Open questions: ${asked}.`,
    ...questions.map((question) => `# unknown: ${commentText(question, 300)}`),
    '',
    'version: 1',
    `plant: ${textOf(proposal.plant)}`,
    '',
    '# Plain EtherNet/IP only where a zone says `nonSecure: allow`.',
    'nonSecure: deny',
    ...(manager === undefined
      ? []
      : [
          '',
          '# Cordon works from here. Its way in to every device that can be secured is implied.',
          `manager: ${manager.name}`,
        ]),
    '',
    '# Zones. The rule: each controller with what it alone opens I/O to is a cell, since it stops as a whole; other devices',
    '# share a zone by network; what does not speak CIP Security shares one and is reached by trusted address.',
    '# unknown: where recipes, programs or positions must stay secret in I/O too, say `io: confidentiality`.',
    zones.length === 0 ? 'zones: {}' : 'zones:',
    ...zoneLines(zones),
  ]
  if (zones.some(({ plain, kind }) => !plain && kind !== 'operations')) {
    lines.push(
      '  # A zone without `nonSecure: allow` can close its plain ports for good: `close: [tcp/44818, udp/2222]`.',
    )
  }
  if (proposal.chassis.length > 0) {
    lines.push('', '# Units on one backplane. It is plain: protection ends at the module.', 'chassis:')
    for (const { name, slots, questions: open } of proposal.chassis) {
      for (const question of open) lines.push(`  # unknown: ${commentText(question, 200)}`)
      lines.push(`  ${name}: { slots: { ${slots.map(({ slot, device }) => `${slot}: ${device}`).join(', ')} } }`)
    }
  }
  lines.push(
    '',
    '# Devices, by address. `expect` refuses another unit in the place of the one that was seen.',
    'devices:',
  )
  if (devices.length === 0) lines[lines.length - 1] = 'devices: {}'
  lines.push(...deviceLines(devices))
  lines.push('', '# Conduits: exactly who was seen to speak with whom, and who opened it.')
  if (conduits.length === 0) lines.push('conduits: []')
  else {
    lines.push('conduits:')
    lines.push(
      ...aligned(
        conduits.map(({ between, authentication, io, opens, reason }) => [
          `- { between: [${between.join(', ')}], authentication: ${authentication}${io === undefined ? '' : `, io: ${io}`}${opens === undefined ? '' : `, opens: ${opens}`} }`,
          `# ${commentText(reason, 200)}`,
        ]),
      ),
    )
  }
  lines.push('', '# Connections that must keep running, by originator and target.')
  if (connections.length === 0) lines.push('connections: []')
  else {
    const mute = connections.filter(({ seen }) => opensUnknown(seen)).length
    if (mute > 0) {
      const which = mute === 1 ? 'of one class 0/1 connection' : `of ${mute} class 0/1 connections`
      lines.push(
        `# unknown: what ${which} opens at its target: a device's pages do not say. Without \`opens\` the Identity object`,
        '# is assumed; say `opens: { tag: … }` or `opens: { assembly: { output: …, input: … } }`.',
      )
    }
    lines.push('connections:')
    for (const connection of connections) lines.push(...connectionLines(connection))
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

/** How many questions a proposal leaves open. */
export function questionCount(proposal: Proposal): number {
  const own = [...proposal.devices, ...proposal.chassis].reduce((sum, { questions }) => sum + questions.length, 0)
  const connections = proposal.connections.reduce((sum, { seen }) => sum + connectionQuestions(seen).length, 0)
  const opens = proposal.connections.some(({ seen }) => opensUnknown(seen)) ? 1 : 0
  return proposal.questions.length + own + connections + opens + 1
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

/** Rows whose cells stand under each other; the last cell is not padded. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [place, cell] of row.entries()) widths[place] = Math.max(widths[place] ?? 0, Math.min(cell.length, 100))
  return rows.map(
    (row) =>
      `  ${row.map((cell, place) => (place === row.length - 1 ? cell : cell.padEnd(widths[place] ?? 0))).join(' ')}`,
  )
}

/** Each zone under the reason for it. */
function zoneLines(zones: Proposal['zones']): readonly string[] {
  const width = zones.reduce((most, { name }) => Math.max(most, name.length + 1), 0)
  return zones.flatMap(({ name, kind, plain, reason }) => {
    const settings =
      kind === 'plain'
        ? ['authentication: none', 'messaging: none', 'io: none']
        : [
            'authentication: certificate',
            'messaging: confidentiality',
            kind === 'operations' ? 'io: deny' : 'io: integrity',
          ]
    const all = [...settings, ...(plain ? ['nonSecure: allow'] : [])].join(', ')
    return [`  # ${commentText(reason, 200)}`, `  ${`${name}:`.padEnd(width)} { ${all} }`]
  })
}

function deviceLines(devices: readonly ProposedDevice[]): readonly string[] {
  const lines: string[] = []
  const rows = aligned(
    devices.map(({ name, address, zone, capable, isManager, expect, description }) => {
      const settings = [
        ...(address === undefined ? [] : [`address: ${address}`]),
        `zone: ${zone}`,
        ...(capable ? [] : ['capability: none']),
        ...(isManager ? ['role: originator', 'io: deny'] : []),
        ...(expect === undefined ? [] : [`expect: { vendor: ${expect.vendor}, serial: ${serialText(expect.serial)} }`]),
      ]
      return [`${name}:`, `{ ${settings.join(', ')} }`, `# ${commentText(description, 200)}`]
    }),
  )
  for (const [place, { questions }] of devices.entries()) {
    for (const question of questions) lines.push(`  # unknown: ${commentText(question, 200)}`)
    lines.push(rows[place] ?? '')
  }
  return lines
}

function serialText(serial: number): string {
  return `0x${serial.toString(16).padStart(8, '0')}`
}

/** Who opened it and who saw it in comments, then the entry itself. */
function connectionLines({ from, originator, to, target, seen }: ProposedConnection): readonly string[] {
  const { shape } = seen
  const transportClass = seen.class ?? (transportOf(seen) === 'udp' ? 1 : 3)
  const least = transportClass === 0 ? 0 : 2
  const sizes = shape ?? assumedShape(transportClass)
  const opened = transportClass === 3 ? undefined : openedText(shape?.application)
  const settings = [
    `from: ${from}`,
    ...(originator === from ? [] : [`originator: ${originator}`]),
    `to: ${to}`,
    ...(target === to ? [] : [`target: ${target}`]),
    ...(opened === undefined ? [] : [`opens: ${opened}`]),
    `class: ${transportClass}`,
    `rpi: ${durationText(sizes.rpiUs)}`,
    ...(durationText(sizes.targetRpiUs) === durationText(sizes.rpiUs)
      ? []
      : [`targetRpi: ${durationText(sizes.targetRpiUs)}`]),
    `outputSize: ${clamp(sizes.outputSize, least)}`,
    `inputSize: ${clamp(sizes.inputSize, least)}`,
    ...(sizes.variable === (transportClass === 3) ? [] : [`variable: ${sizes.variable}`]),
  ]
  const half = settings.findIndex((setting) => setting.startsWith('class:'))
  const [ends, rest] = [settings.slice(0, half).join(', '), settings.slice(half).join(', ')]
  const entry = `  - { ${ends}, ${rest} }`
  return [
    `  # ${endText(seen.originator)} to ${endText(seen.target)}, ${protectionText(seen)}${seen.serial === undefined ? '' : `, serial ${seen.serial}`}${seen.count > 1 ? `, opened ${seen.count} times` : ''}`,
    `  # seen: ${seen.sources.map((source) => commentText(source, 120)).join('; ')}${seen.witnesses > seen.sources.length ? ` and ${seen.witnesses - seen.sources.length} more` : ''}`,
    ...connectionQuestions(seen).map((question) => `  # unknown: ${commentText(question, 200)}`),
    ...(entry.length <= 120 ? [entry] : [`  - { ${ends},`, `      ${rest} }`]),
  ]
}

/** A class 0/1 connection of which nobody says what it opens. */
function opensUnknown({ class: transportClass, shape }: ObservedConnection): boolean {
  return transportClass !== undefined && transportClass !== 3 && openedText(shape?.application) === undefined
}

/** What a witness could not tell of a connection. */
function connectionQuestions({
  class: transportClass,
  shape,
  over,
  messages,
  questions: told = [],
}: ObservedConnection): readonly string[] {
  if (transportClass === undefined && messages === true)
    return [...told, 'how often: messages without a connection were seen; a class 3 connection stands for them']
  if (transportClass === undefined) {
    const what = over === 'dtls' ? 'class 1' : 'class 3'
    return [...told, `what runs in it: a session was seen, not what was opened; ${what} and its numbers are assumed`]
  }
  if (shape === undefined) return [...told, 'its sizes and intervals; usual ones are assumed']
  const questions: string[] = [...told]
  if (shape.multicast)
    questions.push('it is multicast today, and DTLS has one peer: make it point to point before it is secured')
  return questions
}

function endText({ address, slot, name }: ObservedEnd): string {
  if (slot === undefined) return address
  return `${address} slot ${slot}${name === undefined ? '' : ` (${commentText(name, 40)})`}`
}

function protectionText({ class: transportClass, over, messages, confidentiality }: ObservedConnection): string {
  const session = messages === true ? 'messages without a connection' : 'session'
  const what = transportClass === undefined ? session : `class ${transportClass}`
  const how = over === 'plain' ? 'in plain' : `over ${over.toUpperCase()}`
  return `${what} ${how}${confidentiality === undefined || over === 'plain' ? '' : `, ${confidentiality.toLowerCase()}`}`
}

function assumedShape(transportClass: 0 | 1 | 3) {
  const explicit = transportClass === 3
  const size = explicit ? 502 : 2
  const rpiUs = explicit ? 750_000 : 100_000
  return { outputSize: size, inputSize: size, variable: explicit, multicast: false, rpiUs, targetRpiUs: rpiUs }
}

function openedText(application: ConnectionApplication | undefined): string | undefined {
  if (application === undefined || application.kind === 'messages') return undefined
  if (application.kind === 'identity') return 'identity'
  if (application.kind === 'tag')
    return /^[A-Za-z_][A-Za-z0-9_:.]{0,127}$/.test(application.tag) ? `{ tag: ${textOf(application.tag)} }` : undefined
  const { configuration, output, input } = application
  const all = [
    ...(configuration === undefined ? [] : [`configuration: ${configuration}`]),
    `output: ${output}`,
    `input: ${input}`,
  ]
  return `{ assembly: { ${all.join(', ')} } }`
}

/** A text of a stranger, quoted where YAML would read it as something else. */
function textOf(text: string): string {
  return isPlainText(text) ? text : JSON.stringify(text)
}

function clamp(size: number, least: number): number {
  return Math.min(65_535, Math.max(least, Math.round(size)))
}

/** Microseconds as a duration of a plant file, exactly, within what it takes. */
function durationText(us: number): string {
  const value = Math.min(3_600_000_000, Math.max(100, Math.round(us)))
  if (value < 1000) return `${value}us`
  return value < 1_000_000 ? `${value / 1000}ms` : `${value / 1_000_000}s`
}
