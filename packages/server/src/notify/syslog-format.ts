import { type SyslogFacility, syslogFacilities } from '@cordon/core/enrollment'
import { clean, enrollmentOf, headline, type Message, valueText, wordsFor } from './message.ts'

/**
 * Notifications as syslog messages (RFC 5424).
 * @module
 */

/**
 * The SD-ID of the structured data. Deviation: 32473 is the private enterprise number that IANA keeps for examples
 * (RFC 5612); Cordon has none of its own yet.
 */
export const structuredDataId = 'cordon@32473'

/** What stands in the header besides the message. */
export interface SyslogOrigin {
  readonly facility: SyslogFacility
  readonly hostname: string
  readonly processId: number
}

const truncationMark = '…[truncated]'
const byteOrderMark = '\ufeff'

/**
 * One message, UTF-8, without a line end inside.
 * @param longest bytes at most: 2048 for UDP (RFC 5426, 3.2), 8192 for TCP and TLS (RFC 5425, 4.3.1)
 */
export function formatSyslog(message: Message, origin: SyslogOrigin, longest: 2048 | 8192): Buffer {
  const priority = syslogFacilities[origin.facility] * 8 + wordsFor(message.kind).severity
  const time = new Date(message.at).toISOString()
  const host = printUsAscii(origin.hostname, 255)
  const head = `<${priority}>1 ${time} ${host} cordon ${origin.processId} ${printUsAscii(message.kind, 32)} `
  const before = Buffer.from(`${head}${structuredData(message)} ${byteOrderMark}`)
  return Buffer.concat([before, cut(freeText(message), longest - before.length)])
}

/** A field of the header: printable US-ASCII without spaces, `-` for nothing (RFC 5424, 6). */
function printUsAscii(text: string, most: number): string {
  return text.replace(/[^\x21-\x7e]/g, '').slice(0, most) || '-'
}

/** Keys of a detail that become parameters, in this order. */
const parameters = ['enrollment', 'plant', 'device', 'address', 'unit', 'vendor', 'requester', 'label', 'by'] as const

/** Longest value of a parameter, characters: nine of them, four bytes each and escaped, leave room for the text in 2048. */
const longestValue = 48

/** The structured data (RFC 5424, 6.3). */
function structuredData(message: Message): string {
  const params = [
    ['id', message.id],
    ...parameters.map((key) => [key, valueText(message.detail[key], longestValue)] as const),
  ].filter(([, value]) => value !== '')
  let data = `[${structuredDataId}`
  for (const [key, value] of params) {
    const next = ` ${key}="${escapeValue(value ?? '')}"`
    if (Buffer.byteLength(data + next) <= longestData) data += next
  }
  return `${data}]`
}

/** Most bytes of the structured data. */
const longestData = 1200

/** `"`, `\` and `]` are escaped (RFC 5424, 6.3.3). */
function escapeValue(text: string): string {
  return text.replace(/["\\\]]/g, '\\$&')
}

function freeText(message: Message): string {
  const reason = valueText(message.detail['reason'], 4096)
  const { sentence, reason: title } = wordsFor(message.kind)
  const number = enrollmentOf(message)
  const parts = [`${headline(message)}. ${sentence}`, reason === '' ? '' : `${title}: ${reason}`]
  if (number !== undefined) parts.push(`Enrollment ${number}.`)
  return clean(parts.filter((part) => part !== '').join(' '), 8192)
}

/** Text as UTF-8 of at most `most` bytes, cut between characters and marked. */
function cut(text: string, most: number): Buffer {
  const whole = Buffer.from(text)
  if (whole.length <= most) return whole
  const mark = Buffer.from(truncationMark)
  let end = most - mark.length
  // Bytes 10xxxxxx continue a character.
  while (end > 0 && ((whole[end] ?? 0) & 0xc0) === 0x80) end--
  return Buffer.concat([whole.subarray(0, end), mark])
}

/** A message for a stream: its length in front (RFC 5425, 4.3; RFC 6587, 3.4.1). */
export function octetCounted(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${message.length} `), message])
}
