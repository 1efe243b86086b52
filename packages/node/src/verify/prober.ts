import { extendedStatuses, generalStatus, path } from '@cordon/core/cip'
import { closeRequest, describeStatus, listIdentityReply, listIdentityRequest, openRequest } from '@cordon/core/client'
import { connectionManager, identity } from '@cordon/core/objects'
import { PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { suiteHex } from '@cordon/core/security'
import type { Attempt, AttemptOutcome, OtherVersion } from '@cordon/core/verification'
import {
  Context,
  type FirstRecord,
  probeClientHello,
  readFirstRecord,
  Session,
  suites as knownSuites,
  TlsError,
} from '@cordon/tls'
import { randomInt } from 'node:crypto'
import { connect } from '../originator/connect.ts'
import { ioRequest } from '../originator/io.ts'
import type { Session as PlainSession } from '../originator/session.ts'
import { secureClient } from '../transports/secure.ts'
import { connectTcp } from '../transports/tcp.ts'
import type { Transport, TransportHandlers } from '../transports/transport.ts'
import { connectUdp } from '../transports/udp.ts'
import type { CredentialBook, Proof } from './credentials.ts'
import { Gate } from './gate.ts'

/** How patiently devices are asked, and how hard. */
export interface ProberLimits {
  /** Datagrams that nobody answered in this time were refused, milliseconds. Default 2000. */
  readonly silenceMs: number
  /** For everything that was answered at all, milliseconds. Default 10000. */
  readonly timeoutMs: number
  /** Attempts at the same time in all. Default 48. */
  readonly together: number
  /** Attempts at one device at the same time; devices bound what one peer may open. Default 8. */
  readonly perDevice: number
  /** Attempts at one device in a second: many devices refuse more handshakes than they can do. Default 50. */
  readonly perSecond: number
}

/** The limits used where none are given. */
export const defaultProberLimits: ProberLimits = {
  silenceMs: 2_000,
  timeoutMs: 10_000,
  together: 48,
  perDevice: 8,
  perSecond: 50,
}

/** First retransmission of a handshake's datagrams, milliseconds; doubled each time. Three go out before silence counts. */
const retransmitMs = 300

/** Suites to ask for with an older or newer version: those of CIP Security are of version 1.2, save the first. */
const otherVersionSuites: Readonly<Record<'certificate' | 'psk' | 'newer', readonly number[]>> = {
  certificate: [0xc006, 0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035, 0x0002],
  psk: [0xc035, 0xc036, 0xc039, 0x008c, 0x008d],
  newer: [0x1301, 0x1302, 0x1303],
}

/** Makes attempts from outside, within limits, and says what came of them. Never throws for what a target does. */
export class Prober {
  readonly #book: CredentialBook
  readonly #limits: ProberLimits
  readonly #signal: AbortSignal | undefined
  readonly #byCertificateAlone: (target: string) => boolean
  readonly #gate: Gate
  readonly #devices = new Map<string, Gate>()

  constructor(options: {
    readonly book: CredentialBook
    readonly limits?: Partial<ProberLimits> | undefined
    readonly signal?: AbortSignal | undefined
    /** Does the device at this address know its peers by their certificates alone? */
    readonly byCertificateAlone?: (target: string) => boolean
  }) {
    this.#book = options.book
    this.#limits = { ...defaultProberLimits, ...options.limits }
    this.#signal = options.signal
    this.#byCertificateAlone = options.byCertificateAlone ?? (() => false)
    this.#gate = new Gate(this.#limits.together, Number.POSITIVE_INFINITY)
  }

  /** @throws TransportError `aborted` */
  async attempt(attempt: Attempt): Promise<AttemptOutcome> {
    const { perDevice, perSecond } = this.#limits
    const own = this.#devices.get(attempt.target) ?? new Gate(perDevice, perSecond)
    this.#devices.set(attempt.target, own)
    const checkWanted = () => this.#throwIfAborted()
    return own.run(() => this.#gate.run(() => this.#make(attempt), checkWanted), checkWanted)
  }

  #throwIfAborted(): void {
    if (this.#signal?.aborted !== true) return
    throw new TransportError('aborted', 'the verification was cancelled', { cause: this.#signal.reason })
  }

  async #make(attempt: Attempt): Promise<AttemptOutcome> {
    const base = {
      address: attempt.target,
      timeoutMs: this.#limits.timeoutMs,
      ...(attempt.source.address === undefined ? {} : { localAddress: attempt.source.address }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    }
    try {
      switch (attempt.kind) {
        case 'handshake':
          return await this.#handshake(attempt, base)
        case 'hello':
          return await this.#hello(attempt, base)
        case 'version':
          return await this.#version(attempt, base)
        case 'port':
          return await this.#port(attempt, base)
        case 'plain-session':
          return await plainSession(base, async () => ({ kind: 'accepted' }))
        case 'plain-io':
          return await plainSession(base, plainIo)
      }
    } catch (error) {
      return outcomeOf(error, 'transport' in attempt ? attempt.transport : 'tls')
    }
  }

  #proof(attempt: Attempt): Proof | undefined {
    return this.#book.find(attempt.source.credential, this.#byCertificateAlone(attempt.target))
  }

  async #handshake(attempt: Extract<Attempt, { kind: 'handshake' }>, base: ConnectBase): Promise<AttemptOutcome> {
    const proof = this.#proof(attempt)
    if (proof === undefined) return noMeans(attempt)
    const usable = attempt.suites.filter((id) => knownSuites.some((suite) => suite.id === id && suite.available))
    if (usable.length === 0)
      return { kind: 'no-means', detail: `OpenSSL has none of ${attempt.suites.map(suiteHex).join(', ')}` }
    const context = new Context({
      role: 'client',
      protocol: attempt.transport,
      suites: usable,
      ...identityOf(proof),
      // Whatever the target shows is looked at afterwards.
      verify: { peer: 'none' },
      resumption: false,
      retransmitMs,
      handshakeTimeoutMs: this.#limits.timeoutMs,
    })
    const { kind } = attempt.source.credential
    return this.#shakeHands(context, attempt.transport, base, kind === 'wrong-psk' || kind === 'unknown-psk')
  }

  async #version(attempt: Extract<Attempt, { kind: 'version' }>, base: ConnectBase): Promise<AttemptOutcome> {
    const proof = this.#proof(attempt)
    if (proof === undefined) return noMeans(attempt)
    const { version, transport } = attempt
    const context = versionContext(version, transport, proof, this.#limits.timeoutMs)
    if (context === undefined) return { kind: 'no-means', detail: `OpenSSL cannot speak ${version} here` }
    return this.#shakeHands(context, transport, base, false)
  }

  /** @param keyIsWrong the pre-shared key is one that the target cannot hold */
  async #shakeHands(
    context: Context,
    transport: 'tls' | 'dtls',
    base: ConnectBase,
    keyIsWrong: boolean,
  ): Promise<AttemptOutcome> {
    const { silenceMs, timeoutMs } = this.#limits
    const settings = { ...base, port: securePort }
    try {
      if (transport === 'tls') {
        const lower = await connectTcp(settings)
        return accepted(await secureClient(lower, new Session(context, { peer: base.address }), settings))
      }
      let keyless: NodeJS.Timeout | undefined
      const lower = new Listening(await connectUdp(settings), () => {
        if (!keyIsWrong) return
        keyless = setTimeout(() => lower.destroy(new TransportError('timeout', silentAboutKey)), silenceMs)
      })
      const silent = setTimeout(() => {
        if (!lower.heard) lower.destroy(new TransportError('timeout', `no answer within ${silenceMs} ms`))
      }, silenceMs)
      try {
        return accepted(
          await secureClient(lower, new Session(context, { peer: base.address }), { ...settings, timeoutMs }),
        )
      } catch (error) {
        if (keyIsWrong && lower.isAwaitingKey && error instanceof TransportError && error.code === 'timeout')
          return { kind: 'refused', form: 'silence', detail: silentAboutKey }
        // Who answered and then fell silent did not refuse.
        if (error instanceof TransportError && error.code === 'timeout' && lower.heard)
          return { kind: 'error', detail: `it began a handshake and did not finish it: ${error.message}` }
        throw error
      } finally {
        clearTimeout(silent)
        clearTimeout(keyless)
      }
    } finally {
      context.close()
    }
  }

  async #hello(attempt: Extract<Attempt, { kind: 'hello' }>, base: ConnectBase): Promise<AttemptOutcome> {
    const { transport, suites } = attempt
    const first = probeClientHello({ protocol: transport, suites })
    const { silenceMs, timeoutMs } = this.#limits
    const settings = { ...base, port: securePort }
    if (transport === 'tls') {
      const lower = await connectTcp(settings)
      return this.#whileWanted(lower, firstWord(lower, first, suites, { transport, silenceMs: timeoutMs, timeoutMs }))
    }
    const lower = await connectUdp(settings)
    return this.#whileWanted(lower, firstWord(lower, first, suites, { transport, silenceMs, timeoutMs }))
  }

  async #port(attempt: Extract<Attempt, { kind: 'port' }>, base: ConnectBase): Promise<AttemptOutcome> {
    const { protocol, port } = attempt
    if (protocol === 'tcp') {
      const transport = await connectTcp({ ...base, port })
      transport.destroy()
      return { kind: 'accepted' }
    }
    const transport = await connectUdp({ ...base, port })
    const asking =
      port === listIdentityPort ? listIdentity(transport, this.#limits.silenceMs) : portUnreachable(transport)
    return this.#whileWanted(transport, asking)
  }

  /** An end from outside ends the transport, and so the work; what comes of it counts no more. */
  async #whileWanted(transport: Transport, work: Promise<AttemptOutcome>): Promise<AttemptOutcome> {
    const onAbort = () => transport.destroy()
    this.#signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await work
    } finally {
      this.#signal?.removeEventListener('abort', onAbort)
    }
  }
}

interface ConnectBase {
  readonly address: string
  readonly timeoutMs: number
  readonly localAddress?: string
  readonly signal?: AbortSignal
}

const securePort = 2221
const listIdentityPort = 44_818

/**
 * A wrong pre-shared key makes records that do not decrypt, and DTLS drops these without a word (RFC 6347, 4.1.2.7). So
 * silence at this point, and no earlier, is how a target refuses a key.
 */
const silentAboutKey = 'it asked for the key and took no record that was made with it'

/** Whether a datagram holds ServerHelloDone (RFC 5246, 7.4.5): the server has said all that it says before it sees a key. */
export function hasServerHelloDone(datagram: Uint8Array): boolean {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
  // Record header, 13 bytes: type 22 is handshake, the epoch at 3 is 0 while nothing is encrypted, the length is at 11.
  for (let at = 0; at + 14 <= datagram.length; at += 13 + view.getUint16(at + 11))
    if (datagram[at] === 22 && view.getUint16(at + 3) === 0 && datagram[at + 13] === 14) return true
  return false
}

/** A carrier that knows whether anything came, and whether the target waits for a key. */
class Listening implements Transport {
  readonly #lower: Transport
  readonly #onAwaitingKey: () => void
  heard = false
  isAwaitingKey = false

  constructor(lower: Transport, onAwaitingKey: () => void) {
    this.#lower = lower
    this.#onAwaitingKey = onAwaitingKey
  }

  get kind() {
    return this.#lower.kind
  }

  get boundaries() {
    return this.#lower.boundaries
  }

  get local() {
    return this.#lower.local
  }

  get remote() {
    return this.#lower.remote
  }

  get security() {
    return this.#lower.security
  }

  get state() {
    return this.#lower.state
  }

  attach(handlers: TransportHandlers): void {
    this.#lower.attach({
      data: (bytes) => {
        this.heard = true
        if (!this.isAwaitingKey && hasServerHelloDone(bytes)) {
          this.isAwaitingKey = true
          this.#onAwaitingKey()
        }
        handlers.data(bytes)
      },
      drain: () => handlers.drain?.(),
      closed: (error) => handlers.closed(error),
    })
  }

  send(bytes: Uint8Array): boolean {
    return this.#lower.send(bytes)
  }

  pause(): void {
    this.#lower.pause()
  }

  resume(): void {
    this.#lower.resume()
  }

  close(): void {
    this.#lower.close()
  }

  destroy(error?: TransportError): void {
    this.#lower.destroy(error)
  }
}

function identityOf({ chain, key, psk }: Proof) {
  return {
    ...(chain === undefined || key === undefined ? {} : { identity: { chain, key } }),
    // A context without a key for its suites cannot be made: without a credential an unknown one stands in.
    ...(psk === undefined ? {} : { psk }),
  }
}

function versionContext(
  version: OtherVersion,
  transport: 'tls' | 'dtls',
  proof: Proof,
  handshakeTimeoutMs: number,
): Context | undefined {
  const wanted =
    version === 'TLSv1.3'
      ? otherVersionSuites.newer
      : proof.psk === undefined
        ? otherVersionSuites.certificate
        : otherVersionSuites.psk
  // What this OpenSSL was built without is left out, one by one.
  const usable = wanted.filter((id) => {
    try {
      make([id]).close()
      return true
    } catch (error) {
      if (error instanceof TlsError) return false
      throw error
    }
  })
  return usable.length === 0 ? undefined : make(usable)

  function make(suites: readonly number[]): Context {
    return new Context({
      role: 'client',
      protocol: transport,
      suites,
      ...identityOf(proof),
      verify: { peer: 'none' },
      versions: { min: version, max: version },
      resumption: false,
      retransmitMs,
      handshakeTimeoutMs,
    })
  }
}

function accepted(transport: Transport): AttemptOutcome {
  const { security } = transport
  transport.close()
  return { kind: 'accepted', suite: security?.suite, version: security?.version, chain: security?.peerChain }
}

function noMeans({ source }: Attempt): AttemptOutcome {
  const { credential } = source
  const what =
    'endpoint' in credential
      ? ` ${credential.endpoint}`
      : 'zone' in credential
        ? ` ${credential.zone}`
        : 'name' in credential
          ? ` ${credential.name}`
          : ''
  return { kind: 'no-means', detail: `no credential is at hand for: ${credential.kind}${what}` }
}

/** Sends a ClientHello, with a cookie when asked for one, and takes the first word of the answer. */
function firstWord(
  lower: Transport,
  hello: Uint8Array,
  suites: readonly number[],
  limits: { readonly transport: 'tls' | 'dtls'; readonly silenceMs: number; readonly timeoutMs: number },
): Promise<AttemptOutcome> {
  const { transport, silenceMs, timeoutMs } = limits
  return new Promise((resolve) => {
    let message = hello
    let received = new Uint8Array(0)
    let heard = false
    let waitMs = retransmitMs
    let timer: NodeJS.Timeout | undefined
    const finish = (outcome: AttemptOutcome) => {
      clearTimeout(timer)
      clearTimeout(silence)
      clearTimeout(end)
      lower.destroy()
      resolve(outcome)
    }
    const send = () => {
      lower.send(message)
      if (transport === 'tls') return
      clearTimeout(timer)
      timer = setTimeout(send, waitMs)
      waitMs *= 2
    }
    const silence = setTimeout(() => {
      if (heard) return
      const detail = `no answer within ${silenceMs} ms`
      finish(transport === 'dtls' ? { kind: 'refused', form: 'silence', detail } : { kind: 'error', detail })
    }, silenceMs)
    const end = setTimeout(
      () => finish({ kind: 'error', detail: `it answered and said nothing of use within ${timeoutMs} ms` }),
      timeoutMs + 1,
    )
    lower.attach({
      data: (bytes) => {
        heard = true
        received = transport === 'dtls' ? Uint8Array.from(bytes) : Uint8Array.from([...received, ...bytes])
        const word = readFirstRecord(transport, received)
        if (word === undefined) {
          // One record is at most 2^14 bytes; more without a word is no TLS.
          if (received.length > 20_000)
            finish({ kind: 'error', detail: 'it answered with something that is no TLS record' })
          return
        }
        if (word.kind !== 'hello-verify') {
          finish(spellWord(word, suites))
          return
        }
        message = probeClientHello({ protocol: transport, suites, cookie: word.cookie })
        waitMs = retransmitMs
        send()
      },
      closed: (error) => {
        if (error === undefined || (error instanceof TransportError && error.code === 'closed'))
          finish({ kind: 'refused', form: 'closed', detail: 'it closed the connection after the ClientHello' })
        else finish(outcomeOf(error, transport))
      },
    })
    send()
  })
}

function spellWord(word: Exclude<FirstRecord, { kind: 'hello-verify' }>, suites: readonly number[]): AttemptOutcome {
  if (word.kind === 'alert') return { kind: 'refused', form: 'alert', detail: `alert ${word.name} (${word.code})` }
  if (suites.includes(word.suite)) return { kind: 'accepted', suite: word.suite, version: word.version }
  return { kind: 'error', detail: `it chose ${suiteHex(word.suite)}, which was not offered` }
}

async function plainSession(
  base: ConnectBase,
  inside: (session: PlainSession) => Promise<AttemptOutcome>,
): Promise<AttemptOutcome> {
  const { timeoutMs, ...target } = base
  let session: PlainSession
  try {
    session = await connect({ ...target, transport: 'tcp', connectTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs })
  } catch (error) {
    // The port may take the connection and end it at once, or refuse the session: both are its doing.
    if (error instanceof PeerError) return { kind: 'refused', form: 'closed', detail: error.message }
    if (error instanceof TransportError && error.code === 'closed')
      return { kind: 'refused', form: 'closed', detail: 'it closed the connection before a session was opened' }
    throw error
  }
  try {
    return await inside(session)
  } finally {
    await session.close()
  }
}

/**
 * The keepalive that controllers open at modules: to the Identity object, with sequence counts and not a byte of data in
 * either direction, so that no output can move. Nothing is sent over it, and its watchdog is the shortest there is.
 */
const keepalive = {
  path: path({ class: identity.id, instance: 1 }),
  class: 1,
  rpiMs: 500,
  outputSize: 2,
  inputSize: 2,
  timeoutMultiplier: 4,
} as const

/** What the rules of class 0x63 say to a Forward_Open that they do not let through (cip-security-wire 3.7). */
const ruleStatuses: ReadonlySet<unknown> = new Set([
  extendedStatuses.noMatchingIngressRule,
  extendedStatuses.ingressRuleDenies,
  extendedStatuses.ingressRuleDeniesNonSecure,
])

async function plainIo(session: PlainSession): Promise<AttemptOutcome> {
  const request = ioRequest(keepalive)
  const reply = await session.request(openRequest(request))
  if (reply.status === 0) {
    // What was opened is closed at once; where even that fails, the end of the session and the watchdog do it.
    await session.request(closeRequest(request)).catch(() => {})
    return { kind: 'accepted' }
  }
  const detail = `Forward_Open: ${describeStatus(reply, connectionManager.id)}`
  const isByRule = reply.status === generalStatus.connectionFailure && ruleStatuses.has(reply.extended[0])
  return isByRule ? { kind: 'refused', form: 'rule', detail } : { kind: 'undecided', detail }
}

/** Asks with ListIdentity, several times. */
function listIdentity(transport: Transport, silenceMs: number): Promise<AttemptOutcome> {
  const tag = randomInt(1, 0xffff_ffff)
  return new Promise((resolve) => {
    // The device spreads its answer over up to half a second, so each question has that long.
    const ask = setInterval(() => transport.send(listIdentityRequest(500, tag)), 600)
    const finish = (outcome: AttemptOutcome) => {
      clearInterval(ask)
      clearTimeout(end)
      transport.destroy()
      resolve(outcome)
    }
    const end = setTimeout(
      () =>
        finish({ kind: 'refused', form: 'silence', detail: `ListIdentity was not answered within ${silenceMs} ms` }),
      silenceMs,
    )
    transport.attach({
      data: (bytes) => {
        if (listIdentityReply(bytes, tag) !== undefined) finish({ kind: 'accepted' })
      },
      closed: (error) =>
        finish(error === undefined ? { kind: 'error', detail: 'the socket was closed' } : outcomeOf(error, 'dtls')),
    })
    transport.send(listIdentityRequest(500, tag))
  })
}

/** How long a port-unreachable may take, milliseconds. */
const unreachableMs = 600

/** Class 0/1 datagrams have no answer: an open port is one that is not reported unreachable. */
function portUnreachable(transport: Transport): Promise<AttemptOutcome> {
  return new Promise((resolve) => {
    // An empty Common Packet: two bytes that name no item and belong to no connection.
    const send = () => transport.send(new Uint8Array(2))
    const again = setInterval(send, unreachableMs / 3)
    const finish = (outcome: AttemptOutcome) => {
      clearInterval(again)
      clearTimeout(end)
      transport.destroy()
      resolve(outcome)
    }
    const end = setTimeout(() => finish({ kind: 'accepted' }), unreachableMs)
    transport.attach({
      data: () => {},
      closed: (error) =>
        finish(error === undefined ? { kind: 'error', detail: 'the socket was closed' } : outcomeOf(error, 'dtls')),
    })
    send()
  })
}

/** What an error says about the target, or about the network. */
export function outcomeOf(error: unknown, transport: 'tls' | 'dtls'): AttemptOutcome {
  if (error instanceof PeerError) {
    if (error.code === 'alert')
      return { kind: 'refused', form: 'alert', detail: `alert ${String(error.details['alert'])}` }
    const reason = error.details['reason']
    // Without a reason of the protocol the target hung up; a version that it answers with is not the one that was asked.
    if (reason === undefined)
      return { kind: 'refused', form: 'closed', detail: 'it closed the connection during the handshake' }
    // OpenSSL's words tell a version that it does not want from bytes that are no TLS at all.
    if (reason === 'wrong-version' && error.message.includes('unsupported protocol'))
      return { kind: 'refused', form: 'alert', detail: 'it answers with another version only' }
    return { kind: 'error', detail: error.message }
  }
  if (error instanceof TransportError) {
    switch (error.code) {
      case 'refused':
        return { kind: 'refused', form: 'port-closed', detail: 'nothing listens on the port' }
      case 'closed':
        return { kind: 'refused', form: 'closed', detail: 'it closed the connection' }
      case 'timeout':
        return transport === 'dtls'
          ? { kind: 'refused', form: 'silence', detail: error.message }
          : { kind: 'error', detail: error.message }
      case 'unreachable':
        return isOwnAddress(error)
          ? { kind: 'no-address', detail: error.message }
          : { kind: 'error', detail: error.message }
      case 'aborted':
        throw error
      case 'address-in-use':
      case 'io':
        return { kind: 'error', detail: error.message }
    }
  }
  if (error instanceof TlsError || error instanceof UsageError) return { kind: 'no-means', detail: error.message }
  throw error
}

/** The socket could not be bound, as opposed to the target being away. */
function isOwnAddress(error: TransportError): boolean {
  return error.details['code'] === 'EADDRNOTAVAIL'
}
