import { clean, enrollmentOf, headline, type Message, valueText, wordsFor } from './message.ts'

/**
 * Notifications as mail: short lines, the commands whole, to be read on a telephone.
 * @module
 */

/** Subject and body of a mail, plain text. */
export interface MailText {
  readonly subject: string
  readonly body: string
}

/** What of a detail is shown, and how it is called. */
const labels: Readonly<Record<string, string>> = {
  device: 'Device',
  subject: 'Subject',
  address: 'Address',
  unit: 'Unit',
  vendor: 'Vendor certificate',
  requester: 'Asked as',
  label: 'Label',
  by: 'By',
}

/** Kinds after which somebody has to decide. */
const undecided: ReadonlySet<string> = new Set(['enrollment-pending', 'enrollment-alarm', 'enrollment-withdrawn'])

/** Most further values of a detail that are shown. */
const mostOthers = 16

/** A mail about one message. */
export function mailText(message: Message): MailText {
  const { sentence, reason } = wordsFor(message.kind)
  const why = valueText(message.detail['reason'], 1000)
  const number = enrollmentOf(message)
  const blocks = [
    sentence,
    facts(message),
    why === '' ? '' : `${reason}: ${why}`,
    number === undefined ? '' : commands(number, undecided.has(message.kind)),
    `Message ${message.id}`,
  ]
  return { subject: `${prefix([message])} ${headline(message)}`, body: join(blocks) }
}

function facts(message: Message): string {
  const { detail, plant, subject, at } = message
  const known = Object.entries(labels)
    .map(([key, label]) => [label, valueText(detail[key])] as const)
    .filter(([, value]) => value !== '')
  const others = Object.entries(detail)
    .filter(([key]) => !Object.hasOwn(labels, key) && !['enrollment', 'plant', 'reason'].includes(key))
    .slice(0, mostOthers)
    .map(([key, value]) => [clean(key, 40), valueText(value)] as const)
  const rows = [
    ...(detail['device'] === undefined && detail['subject'] === undefined
      ? [['About', clean(subject, 300)] as const]
      : []),
    ...known,
    ...others,
    ['Plant', clean(plant ?? '', 100)] as const,
    ['Time', `${new Date(at).toISOString().slice(0, 19)}Z`] as const,
  ]
  return rows
    .filter(([, value]) => value !== '')
    .map(([label, value]) => `${label}: ${value}`)
    .join('\n')
}

/** Only the number of the request stands in a command: nothing that a stranger wrote. */
function commands(enrollment: number, undecidedYet: boolean): string {
  const show = `Everything known of it:\n  cordon enrollment show ${enrollment}`
  if (!undecidedYet) return show
  return join([
    `To approve:\n  cordon enrollment approve ${enrollment}`,
    `To deny:\n  cordon enrollment deny ${enrollment} --reason "not ours"`,
    show,
  ])
}

/** One mail about many messages: how many of each kind, then a line for each. */
export function digestText(messages: readonly Message[]): MailText {
  const counts = new Map<string, number>()
  for (const { kind } of messages) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const summary = [...counts].map(([kind, count]) => `${count} × ${clean(kind, 64)}`).join('\n')
  const lines = messages.map((message) => {
    const number = enrollmentOf(message)
    const time = new Date(message.at).toISOString().slice(11, 19)
    const address = valueText(message.detail['address'], 45)
    return `${time} ${headline(message)}${address === '' ? '' : `, ${address}`}${number === undefined ? '' : `, enrollment ${number}`}`
  })
  const body = join([
    'Many things happened at once, so they come together.',
    summary,
    lines.join('\n'),
    'Who waits:\n  cordon enrollment list',
    `Messages ${messages.at(0)?.id} to ${messages.at(-1)?.id}`,
  ])
  return { subject: `${prefix(messages)} ${messages.length} notifications`, body }
}

/** The plant, where all messages are of one. */
function prefix(messages: readonly Message[]): string {
  const plants = new Set(messages.map(({ plant }) => plant))
  const [plant] = plants
  return plants.size === 1 && plant !== undefined ? `[Cordon ${clean(plant, 63)}]` : '[Cordon]'
}

function join(blocks: readonly string[]): string {
  return blocks.filter((block) => block !== '').join('\n\n')
}
