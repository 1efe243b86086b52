import { MalformedMessage } from '../../errors.ts'
import type { Moment, Side } from '../conversation.ts'
import type { ProtectedListener } from '../protected.ts'
import { Agreements } from './agreements.ts'
import { alertFacts } from './alerts.ts'
import type { CertificateReader } from './certificates.ts'
import { CipherState } from './cipher-state.ts'
import type { StepDetail } from './detail.ts'
import {
  handshakeTypes,
  messageName,
  readCertificateList,
  readCertificateRequest,
  readClientKeyExchange,
  readNewSessionTicket,
  readServerKeyExchange,
} from './handshake.ts'
import { Handshake } from './handshake-keys.ts'
import { readClientHello, readHelloVerifyRequest, readServerHello } from './hello.ts'
import { isOldVersion } from './key-schedule.ts'
import type { WaitingFragments } from './waiting-fragments.ts'
import { contentTypes } from './record.ts'
import {
  type AlertReport,
  alertLimit,
  problemLimit,
  type Readability,
  type ReadableBy,
  type TlsReport,
} from './report.ts'
import type { CaptureSecrets } from './secrets.ts'
import { hashLengths } from './suites.ts'
import { signatureName } from './extensions.ts'

/** What the readers of TLS and DTLS conversations of one capture share. */
export interface WatchOptions {
  readonly secrets: CaptureSecrets
  readonly certificates: CertificateReader
  readonly listener: ProtectedListener
  /** DTLS: fragments that wait in all conversations of the capture; without it each conversation counts for itself. */
  readonly fragments?: WaitingFragments
  /**
   * Whether these bytes are whole messages of the application, exactly. With it a NULL suite is recognised also where the
   * capture begins after the handshake; without it nothing is guessed.
   */
  readonly isApplication?: (bytes: Uint8Array) => boolean
}

/** A message of a handshake, put together. */
export interface HandshakeMessage {
  readonly type: number
  readonly body: Uint8Array
  /** With its header, as the handshake hashes it. */
  readonly raw: Uint8Array
}

/** The other end. */
export function otherSide(side: Side): Side {
  return side === 'client' ? 'server' : 'client'
}

interface MutableCount {
  records: number
  bytes: number
  read: number
}

/** Lengths of the MACs that NULL suites append. */
const nullMacLengths = [hashLengths['SHA-1'], hashLengths['SHA-256'], hashLengths['SHA-384']]

/**
 * What the reader of a stream and that of datagrams have in common: the handshakes of one conversation, what they agree
 * on, and the account of all that was seen.
 */
export class Association {
  readonly #options: WatchOptions
  readonly #dtls: boolean
  #client: Side | undefined
  #handshake: Handshake | undefined
  #handshakes = 0
  #established = false
  #handshakeUs: number | undefined
  readonly #agreements = new Agreements()
  readonly #alerts: AlertReport[] = []
  readonly #problems: string[] = []
  readonly #application: Record<Side, MutableCount> = {
    client: { records: 0, bytes: 0, read: 0 },
    server: { records: 0, bytes: 0, read: 0 },
  }
  #readBy: ReadableBy | undefined
  #unreadReason: string | undefined
  #guessedMac: number | undefined
  #wrongMacs = 0
  retransmissions = 0
  repeatedRecords = 0

  constructor(options: WatchOptions, dtls: boolean) {
    this.#options = options
    this.#dtls = dtls
  }

  /** The handshake that is going on, or the last one. */
  get handshake(): Handshake | undefined {
    return this.#handshake
  }

  /** The part a side plays: the sender of the Client Hello is the client, whoever sent the first packet. */
  role(side: Side): 'client' | 'server' {
    return side === (this.#client ?? 'client') ? 'client' : 'server'
  }

  /**
   * What a side's records are under after its Change Cipher Spec. `before` is what they were under until then: a
   * handshake that was not seen must have taken place within it.
   */
  nextState(side: Side, before?: CipherState, epoch = 0): CipherState {
    const handshake = this.#handshake === before?.handshake ? undefined : this.#handshake
    const why =
      before?.handshake === undefined ? undefined : 'negotiated again within the encryption, where nobody can see it'
    return new CipherState(handshake, this.role(side), this.#options.secrets, epoch, why)
  }

  /** Hands on a step. */
  step(side: Side, name: string, detail: StepDetail, moment: Moment, retransmission = false): void {
    const { packet, timeUs } = moment
    this.#options.listener.step({
      side,
      packet,
      timeUs,
      name,
      detail,
      ...(retransmission ? { retransmission: true } : {}),
    })
  }

  /** Something odd, for the report. */
  problem(text: string): void {
    if (this.#problems.length < problemLimit && !this.#problems.includes(text)) this.#problems.push(text)
  }

  /** A record or message that is not what it claims to be. */
  malformed(side: Side, name: string, problem: string, moment: Moment): void {
    this.problem(problem)
    this.step(side, name, { kind: 'malformed', problem }, moment)
  }

  /** A message that was read before, sent again. */
  repeated(side: Side, message: HandshakeMessage, moment: Moment): void {
    this.retransmissions++
    const name = messageName(message.type) ?? 'Handshake Message'
    const detail: StepDetail = { kind: 'message', type: message.type, length: message.body.length }
    this.step(side, name, detail, moment, true)
  }

  /** Reads the next message of a handshake. */
  message(side: Side, message: HandshakeMessage, moment: Moment): void {
    const name = messageName(message.type)
    if (name === undefined) {
      this.malformed(side, 'Handshake Message', `handshake message of unknown type ${message.type}`, moment)
      return
    }
    let detail: StepDetail
    try {
      detail = this.#read(side, message, moment)
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      this.problem(error.message)
      detail = { kind: 'malformed', problem: error.message }
    }
    const retry = detail.kind === 'server-hello' && detail.retryRequest
    this.step(side, retry ? 'Hello Retry Request' : name, detail, moment)
    if (message.type === handshakeTypes.finished) this.#finish(side, moment)
  }

  /** A Change Cipher Spec; the state of the side changes with it, which is its owner's to keep. */
  changeCipherSpec(side: Side, moment: Moment): void {
    const handshake = this.#handshake
    if (handshake !== undefined && !handshake.modern) {
      handshake.changed[this.role(side)] = true
      if (handshake.changed.client && handshake.changed.server) this.#remember(handshake)
    }
    this.step(side, 'Change Cipher Spec', { kind: 'change-cipher-spec' }, moment)
  }

  /** The content of an alert record, in clear. */
  alert(side: Side, content: Uint8Array, moment: Moment): void {
    if (content.length !== 2) {
      this.malformed(side, 'Alert', `an alert of ${content.length} bytes, expected 2`, moment)
      return
    }
    const level = content[0] === 2 ? 'fatal' : 'warning'
    const { code, name, meaning } = alertFacts(content[1] ?? 0)
    if (this.#alerts.length < alertLimit) this.#alerts.push({ side, packet: moment.packet, level, name, meaning })
    this.step(side, 'Alert', { kind: 'alert', level, code, name, meaning }, moment)
  }

  /** Application data that could be read, under a handshake or under one that was not seen. */
  application(side: Side, content: Uint8Array, moment: Moment, handshake: Handshake | undefined): void {
    this.#established = true
    const agreement = this.#agreements.carried(handshake)
    agreement.established = true
    if (handshake === undefined && this.#guessedMac !== undefined) agreement.showsNull = true
    const count = this.#application[side]
    count.records++
    count.read++
    count.bytes += content.length
    this.#options.listener.application(side, content, content.length, moment)
  }

  /** A record was opened. */
  opened(by: ReadableBy, wrongMac: boolean): void {
    this.#readBy = by
    if (!wrongMac) return
    this.#wrongMacs++
    this.problem('a record of a NULL suite has a MAC that does not fit the keys')
  }

  /** A protected record that could not be opened. */
  unread(
    side: Side,
    type: number,
    fragment: Uint8Array,
    moment: Moment,
    reason: string,
    handshake: Handshake | undefined,
  ): void {
    const length = fragment.length
    switch (type) {
      case contentTypes.applicationData: {
        const guessed = this.#handshake === undefined ? this.#guess(fragment) : undefined
        if (guessed !== undefined) {
          this.#readBy = 'NULL suite'
          this.application(side, guessed, moment, undefined)
          return
        }
        this.#unreadReason = reason
        this.#agreements.carried(handshake).established ||= this.#handshake !== undefined
        this.#established ||= this.#handshake !== undefined
        const count = this.#application[side]
        count.records++
        count.bytes += length
        this.#options.listener.application(side, undefined, length, moment)
        return
      }
      case contentTypes.alert:
        this.#unreadReason ??= reason
        this.step(side, 'Encrypted Alert', { kind: 'encrypted', what: 'alert', length }, moment)
        return
      case contentTypes.handshake:
        this.#unreadReason ??= reason
        this.step(side, 'Encrypted Handshake Message', { kind: 'encrypted', what: 'handshake', length }, moment)
        this.#finish(side, moment)
        return
      case contentTypes.heartbeat:
        this.step(side, 'Heartbeat', { kind: 'encrypted', what: 'heartbeat', length }, moment)
    }
  }

  /** Bytes of the conversation are missing. */
  gap(side: Side, moment: Moment): void {
    this.missing()
    this.#options.listener.gap?.(side, moment)
  }

  /** Something of the handshake is not in the capture. */
  missing(): void {
    this.#handshake?.breakTranscript()
    this.#agreements.current.incomplete = true
  }

  /** Everything so far, in summary. */
  report(): TlsReport {
    const handshake = this.#handshake
    const server = handshake?.serverHello?.detail
    const { current, weakest } = this.#agreements
    return {
      protocol: this.#dtls ? 'DTLS' : 'TLS',
      client: this.#client,
      version: server?.extensions.supportedVersions?.[0] ?? server?.version,
      offered: handshake?.clientHello?.detail.suites ?? [],
      suite: weakest.handshake?.serverHello?.detail.suite,
      protection: weakest.protection,
      handshakes: this.#handshakes,
      established: this.#established,
      ...this.#agreements.report(),
      resumed: handshake?.resumed ?? false,
      extendedMasterSecret: handshake?.extendedMasterSecret ?? false,
      encryptThenMac: handshake?.encryptThenMac ?? false,
      clientCertificateRequested: current.clientCertificateRequested,
      clientCertificateGiven: current.clientCertificateGiven,
      pskIdentity: current.pskIdentity,
      certificates: { ...current.certificates },
      readable: this.#readability(),
      alerts: [...this.#alerts],
      handshakeUs: this.#handshakeUs,
      application: { client: { ...this.#application.client }, server: { ...this.#application.server } },
      wrongMacs: this.#wrongMacs,
      retransmissions: this.retransmissions,
      repeatedRecords: this.repeatedRecords,
      problems: [...this.#problems],
    }
  }

  #readability(): Readability {
    const { client, server } = this.#application
    const unread = client.records + server.records - client.read - server.read
    if (unread > 0 && this.#unreadReason !== undefined) {
      const some = client.read + server.read
      const reason = some === 0 ? this.#unreadReason : `${unread} of ${unread + some} records: ${this.#unreadReason}`
      return { yes: false, reason }
    }
    if (this.#readBy !== undefined) return { yes: true, by: this.#readBy }
    const fatal = this.#established ? undefined : this.#alerts.find(({ level }) => level === 'fatal')
    if (fatal !== undefined) return { yes: false, reason: `the handshake failed: the ${fatal.side} said ${fatal.name}` }
    return { yes: false, reason: this.#unreadReason ?? this.#problems[0] ?? 'nothing protected was sent' }
  }

  #guess(fragment: Uint8Array): Uint8Array | undefined {
    const { isApplication } = this.#options
    if (isApplication === undefined) return undefined
    const lengths = this.#guessedMac === undefined ? nullMacLengths : [this.#guessedMac]
    for (const mac of lengths) {
      if (fragment.length <= mac) continue
      const content = fragment.subarray(0, fragment.length - mac)
      if (!isApplication(content)) continue
      this.#guessedMac = mac
      this.problem('the capture begins after the handshake; what the records hold shows a NULL suite')
      return content
    }
    return undefined
  }

  #finish(side: Side, { timeUs }: Moment): void {
    const handshake = this.#handshake
    if (handshake === undefined) return
    const role = this.role(side)
    if (!handshake.modern && !handshake.changed[role]) return
    handshake.finished[role] = true
    if (!handshake.finished.client || !handshake.finished.server || this.#handshakeUs !== undefined) return
    this.#established = true
    this.#agreements.current.established = true
    this.#handshakeUs = Math.max(0, timeUs - handshake.begunAtUs)
  }

  #remember(handshake: Handshake): void {
    const master = handshake.master(this.#options.secrets)
    if ('reason' in master) return
    const id = handshake.serverHello?.sessionId ?? ''
    if (id !== '') this.#options.secrets.rememberSession(id, master)
    if (handshake.newTicket !== undefined) this.#options.secrets.rememberTicket(handshake.newTicket, master)
  }

  #begin(moment: Moment): Handshake {
    this.#handshakes++
    this.#handshakeUs = undefined
    this.#readBy = undefined
    this.#guessedMac = undefined
    this.#handshake = new Handshake(moment.timeUs)
    this.#agreements.begin(this.#handshake)
    return this.#handshake
  }

  #read(side: Side, { type, body, raw }: HandshakeMessage, moment: Moment): StepDetail {
    if (type === handshakeTypes.clientHello) return this.#clientHello(side, body, raw, moment)
    if (type === handshakeTypes.serverHello) return this.#serverHello(side, body, raw, moment)
    if (type === handshakeTypes.helloVerifyRequest) return readHelloVerifyRequest(body)
    const handshake = this.#handshake
    if (type !== handshakeTypes.helloRequest) handshake?.transcribe(raw)
    const exchange = handshake?.suite?.exchange
    // A capture that begins within a handshake lacks its version: today it is 1.2.
    const modern = handshake?.modern ?? false
    const withSignatures = !isOldVersion(handshake?.serverHello?.version ?? 0x0303)
    switch (type) {
      case handshakeTypes.certificate:
        return this.#certificate(side, body, modern)
      case handshakeTypes.certificateRequest:
        this.#agreements.current.clientCertificateRequested = true
        if (modern) return { kind: 'message', type, length: body.length }
        return readCertificateRequest(body, withSignatures)
      case handshakeTypes.serverKeyExchange:
        return readServerKeyExchange(body, exchange, withSignatures)
      case handshakeTypes.clientKeyExchange: {
        const { detail, encrypted } = readClientKeyExchange(body, exchange)
        this.#agreements.current.pskIdentity = detail.identity
        if (handshake !== undefined) {
          handshake.encryptedPremaster = encrypted
          handshake.closeTranscript(this.#options.secrets)
        }
        return detail
      }
      case handshakeTypes.certificateVerify: {
        const algorithm = withSignatures && body.length >= 2 ? ((body[0] ?? 0) << 8) | (body[1] ?? 0) : undefined
        return {
          kind: 'certificate-verify',
          ...(algorithm === undefined ? {} : { signatureAlgorithm: signatureName(algorithm) }),
        }
      }
      case handshakeTypes.newSessionTicket: {
        if (modern) return { kind: 'message', type, length: body.length }
        const { detail, ticket } = readNewSessionTicket(body)
        if (handshake !== undefined) handshake.newTicket = ticket
        return detail
      }
      case handshakeTypes.finished:
        return { kind: 'finished', verifyDataLength: body.length }
      default:
        return { kind: 'message', type, length: body.length }
    }
  }

  #clientHello(side: Side, body: Uint8Array, raw: Uint8Array, moment: Moment): StepDetail {
    const hello = readClientHello(body, this.#dtls)
    const before = this.#handshake
    const again = before?.clientHello?.detail.random === hello.detail.random && before.changed.server === false
    // A second hello with a cookie, or after a Hello Retry Request, belongs to the same handshake.
    const handshake = again && before !== undefined ? before : this.#begin(moment)
    if (this.#dtls) handshake.restartTranscript()
    this.#client = side
    this.#agreements.current.client = side
    handshake.clientHello = hello
    handshake.transcribe(raw)
    return hello.detail
  }

  #serverHello(side: Side, body: Uint8Array, raw: Uint8Array, moment: Moment): StepDetail {
    const before = this.#handshake
    const hello = readServerHello(body, before?.clientHello?.sessionId)
    // Its Client Hello is missing when another hello was answered before it.
    const fits = before !== undefined && (before.serverHello === undefined || before.serverHello.detail.retryRequest)
    const handshake = fits ? before : this.#begin(moment)
    this.#client = otherSide(side)
    this.#agreements.current.client = otherSide(side)
    handshake.chooseSuite(hello)
    handshake.transcribe(raw)
    return hello.detail
  }

  #certificate(side: Side, body: Uint8Array, modern: boolean): StepDetail {
    const { list, problem } = readCertificateList(body, modern)
    const certificates = list.map((der, i) =>
      this.#options.certificates.read(
        der,
        list.filter((_, k) => k !== i),
      ),
    )
    const { current } = this.#agreements
    current.certificates = { ...current.certificates, [side]: certificates }
    if (this.role(side) === 'client') current.clientCertificateGiven = certificates.length > 0
    for (const { problem: odd } of certificates) if (odd !== undefined) this.problem(odd)
    if (problem !== undefined) this.problem(problem)
    return { kind: 'certificate', certificates, ...(problem === undefined ? {} : { problem }) }
  }
}
