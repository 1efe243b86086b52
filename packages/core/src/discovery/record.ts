import { utf8Bytes } from '../wire/text.ts'

/** What a record says, by its type (RFC 1035, RFC 2782, RFC 3596, RFC 4034). Names are dotted, without a last dot. */
export type RecordData =
  | { readonly type: 'A'; readonly address: string }
  | { readonly type: 'AAAA'; readonly address: string }
  | { readonly type: 'PTR'; readonly target: string }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: string
    }
  | { readonly type: 'TXT'; readonly entries: readonly Uint8Array[] }
  /** The types that exist for its name, and so that others do not (RFC 6762 §6.1). */
  | { readonly type: 'NSEC'; readonly types: readonly AddressType[] }

/** The two kinds of address records. */
export type AddressType = 'A' | 'AAAA'

/** One resource record of class IN. */
export type ResourceRecord = RecordData & {
  readonly name: string
  /** Lifetime in seconds; 0 takes the record back (RFC 6762 §10.1). */
  readonly ttl: number
  /** This is the whole set of its name and type: older members go (RFC 6762 §10.2). */
  readonly flush: boolean
}

/** What is asked for: a name and a type. */
export interface Question {
  readonly name: string
  readonly type: RecordData['type'] | 'ANY'
  /** The answer may come to the asker alone (the QU bit, RFC 6762 §5.4). */
  readonly unicast: boolean
}

/** One DNS message as multicast DNS uses it (RFC 6762 §18). */
export interface DnsMessage {
  readonly response: boolean
  /** Zero, except in answers to simple resolvers. */
  readonly id: number
  /** More known answers follow in another message (RFC 6762 §7.2). */
  readonly truncated: boolean
  readonly questions: readonly Question[]
  readonly answers: readonly ResourceRecord[]
  /** In a probe: the records its sender wants (RFC 6762 §8.2). */
  readonly authorities: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
}

/** Where a datagram came from, or goes to. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** A message to send: to the group, or to one asker. */
export interface OutgoingMessage {
  readonly message: DnsMessage
  readonly to?: Endpoint
}

/** The port of multicast DNS; a query from another comes from a simple resolver (RFC 6762 §6.7). */
export const mdnsPort = 5353

/** A DNS message, with what is not given left empty. */
export function dnsMessage(parts: Partial<DnsMessage>): DnsMessage {
  return {
    response: false,
    id: 0,
    truncated: false,
    questions: [],
    answers: [],
    authorities: [],
    additionals: [],
    ...parts,
  }
}

/** A name as names are compared: ASCII letters without case (RFC 6762 §16). */
export function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Name and type: what a set of records is known by. */
export function setKey(record: { readonly name: string; readonly type: string }): string {
  return `${record.type} ${foldName(record.name)}`
}

/** What makes a record this one and no other: name, type and data, not its lifetime. */
export function recordKey(record: ResourceRecord): string {
  return `${setKey(record)} ${dataKey(record)}`
}

function dataKey(record: ResourceRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return foldName(record.address)
    case 'PTR':
      return foldName(record.target)
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${foldName(record.target)}`
    case 'TXT':
      return record.entries.map((entry) => entry.join(',')).join(';')
    case 'NSEC':
      return record.types.join(' ')
  }
}

const typeNumbers = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, NSEC: 47 } as const

/**
 * Which of two sets of records wins when two hosts probe for one name at once: positive when `ours` is later in order
 * (RFC 6762 §8.2.1), 0 when both want the same.
 */
export function compareSets(ours: readonly ResourceRecord[], theirs: readonly ResourceRecord[]): number {
  const left = ours.map(orderBytes).sort(compareBytes)
  const right = theirs.map(orderBytes).sort(compareBytes)
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareBytes(left[i] ?? [], right[i] ?? [])
    if (order !== 0) return order
  }
  return left.length - right.length
}

/** Type, then the data as on the wire without compression; the class is IN throughout. */
function orderBytes(record: ResourceRecord): readonly number[] {
  return [typeNumbers[record.type], ...dataBytes(record)]
}

function dataBytes(record: ResourceRecord): readonly number[] {
  switch (record.type) {
    case 'A':
      return record.address.split('.').map(Number)
    case 'AAAA':
      return ipv6Bytes(record.address)
    case 'PTR':
      return nameBytes(record.target)
    case 'SRV':
      return [...u16(record.priority), ...u16(record.weight), ...u16(record.port), ...nameBytes(record.target)]
    case 'TXT':
      return record.entries.flatMap((entry) => [entry.length, ...entry])
    case 'NSEC':
      return nameBytes(record.name)
  }
}

function compareBytes(left: readonly number[], right: readonly number[]): number {
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function u16(value: number): readonly number[] {
  return [value >> 8, value & 0xff]
}

function nameBytes(name: string): readonly number[] {
  const labels = name.split('.').filter((label) => label !== '')
  return [...labels.flatMap((label) => [label.length, ...utf8Bytes(label)]), 0]
}

function ipv6Bytes(address: string): readonly number[] {
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0)
  return [...before, ...(tail === undefined ? [] : zeros), ...after].flatMap(u16)
}

/** Octets that a record takes on the wire at most: names are counted without compression. */
function wireSize(record: ResourceRecord): number {
  return 3 * record.name.length + 12 + dataBytes(record).length
}

/** What fits a datagram on any Ethernet, with room for headers and questions. */
const messageOctets = 1_200

/** Records in portions that each fit one datagram; one that is too large alone still gets a message (RFC 6762 §17). */
export function portions(records: readonly ResourceRecord[]): readonly (readonly ResourceRecord[])[] {
  const all: ResourceRecord[][] = []
  let left = 0
  for (const record of records) {
    const size = wireSize(record)
    const last = all.at(-1)
    if (last === undefined || size > left) {
      all.push([record])
      left = messageOctets - size
    } else {
      last.push(record)
      left -= size
    }
  }
  return all
}
