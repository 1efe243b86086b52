import { UsageError } from '../errors.ts'
import { hexadecimal } from '../wire/text.ts'
import { ConnectionTable } from './cip/connection-table.ts'
import type { CaptureRow } from './cip/row.ts'
import { commissionings } from './commissioning.ts'
import type { Conversation } from './conversation.ts'
import type { CapturedPacket } from './file/captured-packet.ts'
import { type CaptureReader, captureReader } from './file/reader.ts'
import type { CaptureFileReport } from './file/report.ts'
import type { ConversationSummary } from './network/flow.ts'
import { type CaptureNetwork, captureNetwork } from './network/network.ts'
import type { PacketNotes, PacketTotals } from './network/totals.ts'
import { observedPairs } from './pairs.ts'
import { type CaptureReport, type ConversationReport, faultTexts, type NotRead } from './report.ts'
import { CertificateReader, type CertificateJudge } from './tls/certificates.ts'
import { isEnipContent } from './tls/enip-content.ts'
import { WaitingFragments } from './tls/waiting-fragments.ts'
import type { CaptureRsaKey, RecordCrypto } from './tls/record-crypto.ts'
import { CaptureSecrets } from './tls/secrets.ts'
import { mostStepCharacters, mostStepsInAll, Watched } from './watched.ts'

/** Conversations that are described; those beyond are read as well, and only counted. */
export const mostConversations = 20_000

/** Of these: conversations that are none of EtherNet/IP's, nor TLS or DTLS. */
const mostOthers = 5000

/** The latest and, negative, the earliest time that a date can have, microseconds since 1970 (ECMAScript, time range). */
const farthestUs = 8.64e18

type NamedFileReport = CaptureFileReport & { readonly name: string }

/** What a capture is read with. */
export interface AnalysisOptions {
  /** Opens records and certificates. */
  readonly records: RecordCrypto
  readonly certificates: CertificateJudge
  /** Private RSA keys of servers. */
  readonly rsaKeys?: readonly CaptureRsaKey[]
  /** Any number that whoever made the capture does not know. */
  readonly seed?: number
  /** Takes each message as a line, in the order of the capture; without it reading is faster. */
  readonly row?: (row: CaptureRow) => void
}

/** A capture that is being read. */
export interface CaptureAnalysis {
  /** A file begins; it follows on the one before. */
  beginFile(name: string): void
  /**
   * The next bytes of the file; they may be reused as soon as this returns.
   * @throws MalformedMessage `unknown-value` when this is no capture file
   */
  push(chunk: Uint8Array): void
  /** The file ends. @throws MalformedMessage `truncated` when it is too short to be a capture file */
  endFile(): CaptureFileReport
  /**
   * Text of a key log, in pieces of any size, before the packets that it opens; the log ends where a file begins. Secret.
   * @throws UsageError `bad-value` beyond 200 000 secrets
   */
  keyLog(text: string): void
  /** Packets so far. */
  readonly packets: number
  /** The capture is over. */
  end(): CaptureReport
}

/**
 * Reads captures: files, packets and streams, TLS and DTLS as far as they are readable, EtherNet/IP and CIP. Bytes in,
 * lines and a report out; memory is bounded whatever the capture holds, and what was not readable is counted.
 */
export function analyzeCapture(options: AnalysisOptions): CaptureAnalysis {
  return new Analysis(options)
}

class Analysis implements CaptureAnalysis {
  readonly #options: AnalysisOptions
  readonly #secrets: CaptureSecrets
  readonly #certificates: CertificateReader
  readonly #connections = new ConnectionTable()
  readonly #network: CaptureNetwork
  /** Conversations that go on, by number. */
  readonly #watched = new Map<number, Watched>()
  readonly #conversations: ConversationReport[] = []
  readonly #files: NamedFileReport[] = []
  readonly #budget = { steps: mostStepsInAll, characters: mostStepCharacters }
  readonly #fragments = new WaitingFragments()
  #more = 0
  #others = 0
  #file: { readonly name: string; readonly reader: CaptureReader } | undefined
  #packets = 0
  /** Packets whose time is no date, and the first of them. */
  readonly #undated = { count: 0, example: 0 }
  #firstUs: number | undefined
  #lastUs: number | undefined

  constructor(options: AnalysisOptions) {
    this.#options = options
    this.#secrets = new CaptureSecrets(options.records, options.rsaKeys)
    this.#certificates = new CertificateReader(options.certificates)
    const watch = (conversation: Conversation): Watched => this.#watch(conversation)
    this.#network = captureNetwork(
      { stream: watch, datagrams: watch },
      {
        ...(options.seed === undefined ? {} : { seed: options.seed }),
        ended: (summary) => this.#ended(summary),
      },
    )
  }

  get packets(): number {
    return this.#packets
  }

  beginFile(name: string): void {
    if (this.#file !== undefined) throw new UsageError('not-open', 'expected the end of the file before')
    const reader = captureReader({
      packet: (packet) => this.#packet(packet),
      secrets: (text) => this.#secrets.keyLog.addFromCapture(text),
    })
    // The log of another source ends before: its last line needs no line end.
    this.#secrets.keyLog.end()
    this.#file = { name, reader }
  }

  push(chunk: Uint8Array): void {
    if (this.#file === undefined) throw new UsageError('not-open', 'expected a file to be begun')
    this.#file.reader.push(chunk)
  }

  endFile(): CaptureFileReport {
    if (this.#file === undefined) throw new UsageError('not-open', 'expected a file to be begun')
    const { name, reader } = this.#file
    this.#file = undefined
    const report = reader.end()
    this.#files.push({ name, ...report })
    return report
  }

  keyLog(text: string): void {
    this.#secrets.keyLog.add(text)
  }

  #packet(packet: CapturedPacket): void {
    this.#packets++
    if (Math.abs(packet.timeUs) <= farthestUs) {
      this.#firstUs ??= packet.timeUs
      this.#lastUs = Math.max(this.#lastUs ?? packet.timeUs, packet.timeUs)
    } else if (this.#undated.count++ === 0) this.#undated.example = packet.number
    this.#network.packet(packet)
  }

  #watch(conversation: Conversation): Watched {
    const watched = new Watched(conversation, {
      connections: this.#connections,
      tls: {
        secrets: this.#secrets,
        certificates: this.#certificates,
        isApplication: isEnipContent,
        fragments: this.#fragments,
      },
      row: this.#options.row,
      budget: this.#budget,
    })
    this.#watched.set(conversation.id, watched)
    return watched
  }

  #ended(summary: ConversationSummary): void {
    const watched = this.#watched.get(summary.conversation.id)
    if (watched === undefined) return
    this.#watched.delete(summary.conversation.id)
    const isOther = watched.isOther
    if (this.#conversations.length >= mostConversations || (isOther && this.#others >= mostOthers)) {
      this.#more++
      return
    }
    if (isOther) this.#others++
    this.#conversations.push(watched.report(summary))
  }

  end(): CaptureReport {
    this.#secrets.keyLog.end()
    const totals = this.#network.end()
    const conversations = this.#conversations.sort((a, b) => a.id - b.id)
    const connections = this.#connections.report(this.#lastUs ?? 0)
    const { packets, tcp, udp, snapped, headersSnapped, evicted } = totals
    const { vendorAnchors, plantAnchors } = this.#options.certificates
    return {
      files: this.#files,
      packets: { packets, tcp, udp, snapped, headersSnapped, conversations: totals.conversations, evicted },
      firstUs: this.#firstUs,
      lastUs: this.#lastUs,
      notRead: notRead(totals, this.#files, conversations, {
        undated: this.#undated,
        secrets: this.#secrets.keyLog.ignored,
        connectionMessages: this.#connections.uncounted,
      }),
      conversations,
      moreConversations: this.#more,
      connections,
      moreConnectionMessages: this.#connections.uncounted,
      commissioning: commissionings(conversations),
      pairs: observedPairs(connections, conversations),
      anchors: { vendor: vendorAnchors.length, plant: plantAnchors.length },
      keyLogSecrets: this.#secrets.keyLog.count.secrets,
    }
  }
}

/** What was not read, and why: one row for each reason. */
function notRead(
  totals: PacketTotals & PacketNotes,
  files: readonly NamedFileReport[],
  conversations: readonly ConversationReport[],
  beyond: {
    readonly undated: { readonly count: number; readonly example: number }
    readonly secrets: number
    readonly connectionMessages: number
  },
): readonly NotRead[] {
  const rows: NotRead[] = []
  const add = (what: string, count: number, examplePacket?: number): void => {
    if (count > 0) rows.push({ what, count, examplePacket })
  }
  for (const file of files) {
    add(`${file.name}: packet records that cannot be read`, file.unreadable)
    add(`${file.name}: bytes in no readable record`, file.lostBytes)
    add(`${file.name}: packets that the capturing machine itself lost`, file.dropped)
  }
  const { undated } = beyond
  add('packets whose time is no date: they do not count for when the capture was made', undated.count, undated.example)
  add('secrets within the capture beyond the limit of those that are kept', beyond.secrets)
  for (const [fault, { count, example }] of totals.malformed) add(`packets with ${faultTexts[fault]}`, count, example)
  for (const [type, { count, example }] of totals.otherLink) add(`packets of link type ${type}`, count, example)
  for (const [type, { count, example }] of totals.notIp)
    add(`packets that are not IP (${etherName(type)})`, count, example)
  for (const [protocol, { count, example }] of totals.otherIp)
    add(`packets of IP protocol ${protocol}${ipNames.get(protocol) ?? ''}`, count, example)
  add('packets cut before the end of their headers', totals.headersSnapped)
  add('packets captured without their end', totals.snapped)
  add('fragments whose datagram never became whole', totals.fragmentsIncomplete)
  add('fragments that contradict others', totals.fragmentsRefused)
  add('conversations forgotten to keep within memory', totals.evicted)
  add('messages and datagrams of connections beyond the limit: counted only', beyond.connectionMessages)
  let missing = 0
  let skipped = 0
  let malformed = 0
  let example: number | undefined
  let sealed = 0
  for (const { figures, cip, tls } of conversations) {
    for (const { stream } of [figures.client, figures.server]) missing += stream?.gapBytes ?? 0
    skipped += cip?.skippedBytes ?? 0
    malformed += cip?.malformed.count ?? 0
    example ??= cip?.malformed.first[0]?.packet
    for (const count of tls === undefined ? [] : [tls.application.client, tls.application.server])
      sealed += count.records - count.read
  }
  add('bytes of streams that are not in the capture', missing)
  add('bytes in EtherNet/IP streams that belong to no message', skipped)
  add('EtherNet/IP messages whose content cannot be read', malformed, example)
  add('TLS and DTLS records of data that cannot be decrypted: give a key log or, for RSA key exchange, the key', sealed)
  return rows
}

const ipNames: ReadonlyMap<number, string> = new Map([
  [1, ' (ICMP)'],
  [2, ' (IGMP)'],
  [50, ' (ESP)'],
  [58, ' (ICMPv6)'],
])

function etherName(type: number): string {
  if (type === 0x0806) return 'ARP'
  if (type === 0x88cc) return 'LLDP'
  return type < 0 ? 'others' : `type ${hexadecimal(type, 4)}`
}
