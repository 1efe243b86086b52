import {
  type AddressType,
  type DnsMessage,
  dnsMessage,
  type Question,
  type ResourceRecord,
} from '@cordon/core/discovery'
import { isIPv4, isIPv6 } from 'node:net'

/** The border to the DNS codec: what the library decodes is checked here, and only what we know goes further. */

/** A record as the library wants it. */
type OutgoingRecord = {
  readonly name: string
  readonly class: 'IN'
  readonly ttl: number
  readonly flush: boolean
} & (
  | { readonly type: 'A' | 'AAAA' | 'PTR'; readonly data: string }
  | {
      readonly type: 'SRV'
      readonly data: {
        readonly priority: number
        readonly weight: number
        readonly port: number
        readonly target: string
      }
    }
  | { readonly type: 'TXT'; readonly data: Buffer[] }
  | { readonly type: 'NSEC'; readonly data: { readonly nextDomain: string; readonly rrtypes: AddressType[] } }
)

/** A message as the library wants it. */
export interface OutgoingPacket {
  readonly type: 'query' | 'response'
  readonly id: number
  readonly flags: number
  readonly questions: { readonly name: string; readonly type: Question['type']; readonly class: 'IN' }[]
  readonly answers: OutgoingRecord[]
  readonly authorities: OutgoingRecord[]
  readonly additionals: OutgoingRecord[]
}

/** The longest datagram (RFC 6762 §17), and more records than an honest one holds. */
const longestDatagram = 9_000
const mostRecords = 256
const authoritativeAnswer = 1 << 10
const truncatedFlag = 1 << 9
const quBit = 1 << 15

/** A message of ours for the library. Questions are sent without the QU bit, since the port is shared. */
export function toPacket(message: DnsMessage): OutgoingPacket {
  return {
    type: message.response ? 'response' : 'query',
    id: message.id,
    flags: (message.response ? authoritativeAnswer : 0) | (message.truncated ? truncatedFlag : 0),
    questions: message.questions.map(({ name, type }) => ({ name, type, class: 'IN' })),
    answers: message.answers.map(toRecord),
    authorities: message.authorities.map(toRecord),
    additionals: message.additionals.map(toRecord),
  }
}

function toRecord(record: ResourceRecord): OutgoingRecord {
  const common = { name: record.name, class: 'IN', ttl: record.ttl, flush: record.flush } as const
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { ...common, type: record.type, data: record.address }
    case 'PTR':
      return { ...common, type: 'PTR', data: record.target }
    case 'SRV': {
      const { priority, weight, port, target } = record
      return { ...common, type: 'SRV', data: { priority, weight, port, target } }
    }
    case 'TXT':
      return { ...common, type: 'TXT', data: record.entries.map((entry) => Buffer.from(entry)) }
    case 'NSEC':
      return { ...common, type: 'NSEC', data: { nextDomain: record.name, rrtypes: [...record.types] } }
  }
}

/** Whether a datagram is worth decoding, by its length and the counts in its header (RFC 1035 §4.1.1). */
export function isPlausible(datagram: Buffer): boolean {
  if (datagram.length < 12 || datagram.length > longestDatagram) return false
  return [4, 6, 8, 10].reduce((sum, at) => sum + datagram.readUInt16BE(at), 0) <= mostRecords
}

/** What the library decoded, as a message; nothing if it cannot be one. Records of other types are left out. */
export function fromPacket(packet: unknown): DnsMessage | undefined {
  if (!isObject(packet)) return undefined
  const { type, id } = packet
  if (type !== 'query' && type !== 'response') return undefined
  const questions = list(packet['questions'])
  const answers = list(packet['answers'])
  const authorities = list(packet['authorities'])
  const additionals = list(packet['additionals'])
  if (questions.length + answers.length + authorities.length + additionals.length > mostRecords) return undefined
  return dnsMessage({
    response: type === 'response',
    id: isU16(id) ? id : 0,
    truncated: packet['flag_tc'] === true,
    questions: questions.flatMap(fromQuestion),
    answers: answers.flatMap(fromRecord),
    authorities: authorities.flatMap(fromRecord),
    additionals: additionals.flatMap(fromRecord),
  })
}

const questionTypes = ['A', 'AAAA', 'PTR', 'SRV', 'TXT', 'NSEC', 'ANY'] as const

function fromQuestion(question: unknown): readonly Question[] {
  if (!isObject(question) || !isName(question['name'])) return []
  const type = questionTypes.find((known) => known === question['type'])
  // The library takes the QU bit for part of the class, and calls the sum unknown.
  const text = String(question['class'])
  const number = text === 'IN' ? 1 : text === 'ANY' ? 255 : Number(/^UNKNOWN_(\d+)$/.exec(text)?.[1])
  const isOurs = (number & ~quBit) === 1 || (number & ~quBit) === 255
  if (type === undefined || !isOurs) return []
  return [{ name: question['name'], type, unicast: (number & quBit) !== 0 }]
}

function fromRecord(record: unknown): readonly ResourceRecord[] {
  if (!isObject(record) || record['class'] !== 'IN') return []
  const { name, ttl, data } = record
  if (!isName(name) || typeof ttl !== 'number' || !(ttl >= 0)) return []
  const common = { name, ttl, flush: record['flush'] === true }
  switch (record['type']) {
    case 'A':
      return typeof data === 'string' && isIPv4(data) ? [{ ...common, type: 'A', address: data }] : []
    case 'AAAA':
      return typeof data === 'string' && isIPv6(data) ? [{ ...common, type: 'AAAA', address: data }] : []
    case 'PTR':
      return isName(data) ? [{ ...common, type: 'PTR', target: data }] : []
    case 'SRV': {
      if (!isObject(data)) return []
      const { priority, weight, port, target } = data
      if (!isU16(priority) || !isU16(weight) || !isU16(port) || !isName(target)) return []
      return [{ ...common, type: 'SRV', priority, weight, port, target }]
    }
    case 'TXT': {
      const entries = list(data).filter((entry) => entry instanceof Uint8Array)
      const octets = entries.reduce((sum, { length }) => sum + length + 1, 0)
      // Copied, so that a record that is kept does not keep its whole datagram.
      return octets <= longestDatagram
        ? [{ ...common, type: 'TXT', entries: entries.map((e) => Uint8Array.from(e)) }]
        : []
    }
    default:
      return []
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isU16(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff
}

/** At most what 255 octets on the wire decode to. The root, which the library writes as a dot, is no name here. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value !== '.' && value.length <= 255
}
