import { type Finding, type FindingKind, type ModelRisk, spellPlace } from '@cordon/core/drift'
import type { KeptComparison, KeptFinding } from '@cordon/server/drift'
import { moment } from './dates.ts'
import { type Output, table } from './output.ts'

const kindWords: Readonly<Record<FindingKind, string>> = {
  attribute: 'attribute',
  'not-deployed': 'not deployed',
  replaced: 'another unit',
  missing: 'missing',
  new: 'new device',
  orphan: 'left the model',
  certificate: 'certificate',
  unreadable: 'not read',
}

/** What of a device differs. */
function whatText({ kind, place }: Finding): string {
  return place === undefined ? kindWords[kind] : spellPlace(place)
}

const weights = { drift: 'bad', warning: 'warning', unread: 'warning' } as const

/** Who and when. */
function whoText({ explanation: { words, at, by } }: KeptFinding): string {
  if (at === undefined) return words
  return `${words}, ${moment(at)}${by === undefined ? '' : `, by ${by}`}`
}

function findingsTable(output: Output, list: readonly KeptFinding[], empty: string): string {
  return table(
    output,
    list,
    [
      { title: 'device', value: ({ finding }) => output.state(weights[finding.weight], finding.device) },
      { title: 'what', value: ({ finding }) => whatText(finding) },
      { title: 'expected', value: ({ finding }) => finding.expected },
      { title: 'found', value: ({ finding }) => finding.found },
      { title: 'who and when', value: whoText },
      { title: 'since', value: ({ foundAt }) => moment(Date.parse(foundAt)), rank: 1 },
    ],
    empty,
  )
}

/** Edges of one kind together, since most plants have many. */
function riskLines(output: Output, risks: readonly ModelRisk[]): readonly string[] {
  const title = {
    'plaintext-edge': 'plain',
    'trusted-address-edge': 'trusted address',
    'not-enforceable': 'not enforceable',
  }
  return risks.map(({ kind, from, to, transports, reason }) => {
    const ends = to === '' ? from : `${from} to ${to} (${transports.join(', ')})`
    return output.paragraph(output.state('warning', `${title[kind]}: ${ends}: ${reason}`), 2)
  })
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** Most names that are written out. */
const mostNames = 10

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).join(', ')
  return names.length <= mostNames ? shown : `${shown} and ${names.length - mostNames} more`
}

/** What is said where nothing differs: no more than of what could be read. */
function cleanText(output: Output, { plant, whole, compared, unread, unjudged }: KeptComparison): string {
  if (unread.length > 0) {
    const read = `no difference on the ${counted(compared.length, 'device')} that could be read`
    const words = compared.length === 0 ? 'no device could be read' : read
    return output.state('warning', `${words}; ${unread.length} not read: ${namesText(unread)}`)
  }
  if (compared.length === 0) return output.state('warning', `no device of ${plant} was compared`)
  if (unjudged.length > 0) return output.state('warning', 'no difference in what could be judged')
  if (whole) return output.state('good', `${plant} is as its model says`)
  return output.state('good', `${namesText(compared)} ${compared.length === 1 ? 'is' : 'are'} as the model says`)
}

/** What could not be judged, since it follows from devices of which nothing is known. */
function unjudgedText(output: Output, { unjudged }: KeptComparison): string {
  const devices = namesText(unjudged.map(({ device }) => device))
  const peers = namesText([...new Set(unjudged.flatMap((one) => one.peers))])
  const words = `suites and rules of ${devices} were not judged: nothing is known of what ${peers} can do`
  return output.paragraph(output.state('warning', words), 2)
}

/** Where new devices were not looked for. */
function searchText({ searched, searchedNetworks }: KeptComparison): readonly string[] {
  if (searched) return []
  if (searchedNetworks.length === 0) return ['new devices were not looked for']
  return [`new devices were looked for in ${namesText(searchedNetworks)} only`]
}

/** A comparison for people: what differs, what the model itself accepts, and what could not be said. */
export function comparisonText(output: Output, comparison: KeptComparison): string {
  const { compared, unread, open, gone, risks, durationMs } = comparison
  const drift = open.filter(({ finding }) => finding.weight === 'drift')
  const devices = new Set(drift.map(({ finding }) => finding.device))
  const subject = comparison.whole ? comparison.plant : namesText([...compared, ...unread])
  const verdict =
    drift.length === 0
      ? cleanText(output, comparison)
      : output.state('bad', `${subject}: ${counted(drift.length, 'difference')} on ${counted(devices.size, 'device')}`)
  const warnings = open.length - drift.length
  const counts = [
    `${counted(compared.length, 'device')} compared in ${(durationMs / 1000).toFixed(1)} s`,
    ...(unread.length === 0 || drift.length === 0 ? [] : [`${unread.length} not read: ${unread.join(', ')}`]),
    ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
    ...(gone.length === 0 ? [] : [`${gone.length} gone since the last comparison`]),
    ...searchText(comparison),
  ]
  return [
    ...(open.length === 0 ? [] : [findingsTable(output, open, ''), '']),
    ...(risks.length === 0 ? [] : [output.strong('Risks that the model accepts'), ...riskLines(output, risks), '']),
    ...(comparison.unjudged.length === 0 ? [] : [unjudgedText(output, comparison), '']),
    output.paragraph(`${verdict}; ${counts.join('; ')}`, 2),
  ].join('\n')
}

/** What a comparison changed, one line each. */
export function changesText(output: Output, { appeared, gone, startedAt, unread }: KeptComparison): string {
  const at = moment(Date.parse(startedAt))
  const line = (state: string, { finding, ...kept }: KeptFinding): string =>
    `${at} ${state}  ${finding.device}  ${whatText(finding)}: expected ${finding.expected}, found ${finding.found} (${whoText({ finding, ...kept })})`
  const lines = [
    ...appeared.map((kept) => line(output.state(weights[kept.finding.weight], 'found'), kept)),
    ...gone.map((kept) => line(output.state('good', 'gone'), kept)),
  ]
  const rest = unread.length === 0 ? '' : `, ${unread.length} not read`
  return lines.length === 0 ? `${at} ${output.state('neutral', `no change${rest}`)}` : lines.join('\n')
}

/** What was found before, the newest first. */
export function historyText(output: Output, history: readonly KeptFinding[]): string {
  return table(
    output,
    history,
    [
      { title: 'found', value: ({ foundAt }) => moment(Date.parse(foundAt)) },
      {
        title: 'gone',
        value: ({ goneAt }) => (goneAt === undefined ? output.state('bad', 'still there') : moment(Date.parse(goneAt))),
      },
      { title: 'device', value: ({ finding }) => finding.device },
      { title: 'what', value: ({ finding }) => whatText(finding) },
      { title: 'found value', value: ({ finding }) => finding.found },
      { title: 'expected', value: ({ finding }) => finding.expected, rank: 1 },
      { title: 'who and when', value: whoText },
    ],
    'nothing was found in this time',
  )
}
