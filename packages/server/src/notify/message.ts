import { formatUnit } from '@cordon/core/enrollment'

/** A notification as a channel carries it. */
export interface Message {
  /** The same at every delivery, and never that of another notification: receivers drop repeats by it. */
  readonly id: string
  readonly kind: string
  /** When it happened, milliseconds since 1970. */
  readonly at: number
  readonly plant: string | undefined
  readonly subject: string
  readonly detail: Readonly<Record<string, unknown>>
}

/** A row of the outbox. */
export interface NotificationRow {
  readonly id: number
  readonly kind: string
  readonly subject: string
  readonly detail: unknown
  readonly created_at: Date
}

/** The message of a row. Its time is part of the id: numbers begin anew behind a restored backup. */
export function messageOf({ id, kind, subject, detail, created_at }: NotificationRow): Message {
  const at = created_at.getTime()
  const fields = isRecord(detail) ? detail : {}
  const plant = fields['plant']
  return {
    id: `${id}-${at.toString(36)}`,
    kind,
    at,
    plant: typeof plant === 'string' && plant !== '' ? plant : undefined,
    subject,
    detail: fields,
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How pressing a kind is, by the numbers of RFC 5424, 6.2.1: 1 alert … 6 informational. */
export type Severity = 1 | 2 | 4 | 5 | 6

/** A kind in plain words. */
export interface KindWords {
  /** Follows the subject: `Line3_Drive waits for approval`. */
  readonly title: string
  readonly sentence: string
  /** What the reason of the detail is a reason for. */
  readonly reason: string
  readonly severity: Severity
}

const kindWords: Readonly<Record<string, KindWords>> = {
  'enrollment-pending': {
    title: 'waits for approval',
    sentence: 'A device asks for a certificate and waits for approval.',
    reason: 'Why it waits',
    severity: 5,
  },
  'enrollment-granted': {
    title: 'was granted a certificate',
    sentence: 'A device was granted a certificate.',
    reason: 'Why',
    severity: 6,
  },
  'enrollment-denied': {
    title: 'was refused a certificate',
    sentence: 'A device was refused a certificate.',
    reason: 'Why',
    severity: 4,
  },
  'enrollment-approved': {
    title: 'was approved',
    sentence: 'An administrator approved a device; it gets its certificate when it asks again.',
    reason: 'Why',
    severity: 5,
  },
  'enrollment-withdrawn': {
    title: 'waits again: an approval was withdrawn',
    sentence: 'An administrator took an approval back.',
    reason: 'Why',
    severity: 5,
  },
  'enrollment-cleared': {
    title: 'was cleared of an alarm',
    sentence: 'An administrator declared the other places harmless where a key was seen.',
    reason: 'Why',
    severity: 5,
  },
  'enrollment-expired': {
    title: 'waited too long for approval',
    sentence: 'A device waited for approval until its request ended.',
    reason: 'Why',
    severity: 5,
  },
  'enrollment-alarm': {
    title: 'raised an alarm',
    sentence: 'A request for a certificate raised an alarm. Nothing is granted until somebody looks into it.',
    reason: 'The alarm',
    severity: 1,
  },
  'enrollment-replaced': {
    title: 'took over a role',
    sentence: 'A new unit took over the role of an old one, whose certificate was revoked.',
    reason: 'Why',
    severity: 5,
  },
  'global-grant': {
    title: 'grants certificates to everybody',
    sentence: 'A rule grants certificates to everybody for a while.',
    reason: 'Why',
    severity: 4,
  },
  'foreign-est-server': {
    title: 'advertises a foreign enrollment server',
    sentence: 'Another server on the network offers certificates to devices. Devices may enroll with it instead.',
    reason: 'What was seen',
    severity: 2,
  },
  'drift-found': {
    title: 'is not as the model says',
    sentence: 'A comparison of the plant with its model found a difference.',
    reason: 'What differs',
    severity: 4,
  },
  'drift-gone': {
    title: 'is as the model says again',
    sentence: 'It was compared with the model again, and no difference is left.',
    reason: 'What differed',
    severity: 5,
  },
  test: {
    title: 'is a test',
    sentence: 'This is a test of the channel. Nothing happened.',
    reason: 'Why',
    severity: 6,
  },
}

/** The words for a kind; a kind of a newer Cordon is called by its name. */
export function wordsFor(kind: string): KindWords {
  const words = Object.hasOwn(kindWords, kind) ? kindWords[kind] : undefined
  const name = clean(kind, 64)
  return words ?? { title: `(${name})`, sentence: `This happened: ${name}.`, reason: 'Why', severity: 5 }
}

/** One line that says what happened: `Line3_Drive waits for approval`. */
export function headline({ kind, subject }: Message): string {
  return `${clean(subject, 120)} ${wordsFor(kind).title}`
}

/** Characters that hide or turn around what stands beside them, and those that end a line. */
const misleading = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\p{Cs}]+/gu

/**
 * Text of a stranger as one line of at most `most` characters: requests carry names of the requester's choosing, which
 * must not end a header, begin a line or turn the direction of writing.
 */
export function clean(text: string, most: number): string {
  const characters = Array.from(
    text
      .slice(0, 4 * most)
      .replace(misleading, ' ')
      .trim(),
  )
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`
}

/** A value of a detail as one line of text; empty for none. */
export function valueText(value: unknown, most = 300): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return clean(value, most)
  if (isRecord(value)) {
    const { vendorId, serialNumber, verdict, reason } = value
    if (typeof vendorId === 'number' && typeof serialNumber === 'number') return formatUnit({ vendorId, serialNumber })
    if (typeof verdict === 'string' && typeof reason === 'string') return clean(`${verdict}: ${reason}`, most)
  }
  return clean(JSON.stringify(value) ?? '', most)
}

/** The number of the enrollment that a message is about. */
export function enrollmentOf({ detail }: Message): number | undefined {
  const number = detail['enrollment']
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}
