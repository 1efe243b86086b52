import type { Crypto, KeyKind } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import type { EthernetIpSecurityStateName, PullStatus } from '../objects/ethernet-ip-security.ts'
import { type Certificate, decodeCertificate, fingerprint, noExpiry } from '../x509/certificate.ts'
import { sameBytes } from '../x509/der.ts'
import { decodeRequest } from '../x509/request.ts'
import { decodeRequestWishes, type RequestTemplate, type RequestWishes, wishedKey } from './csr-attributes.ts'
import {
  decodeAttributesBody,
  decodeCertificates,
  encodeEstBody,
  estMediaTypes,
  type EstOperation,
  estOperations,
  estPath,
  estPrefix,
  readRetryAfter,
} from './est.ts'

/**
 * The pull model from the side that has no identity yet (cip-security-wire 6.2): find a server, learn its authorities,
 * make a request, wait for its certificate, install and renew it. A pure step over plain data: what the network and the
 * key store did comes in as events with the time, what they are to do leaves as actions.
 *
 * Every action that asks for something has an `id`, and the event that answers it carries the same one. An answer to what
 * is no longer asked changes nothing.
 * @module
 */

/** An EST server, as discovery or a person named it. */
export interface EstServer {
  /** Name or address, as it stands in the Host header and is checked in the server's certificate. */
  readonly host: string
  readonly port: number
  /**
   * Where discovery saw it, to be tried before its name is looked up; undefined for a server that a person named. Its
   * certificate may name one of them instead, and must be that of an EST server.
   */
  readonly addresses?: readonly string[] | undefined
  /** `/.well-known/est` when absent. */
  readonly prefix?: string | undefined
  readonly label?: string | undefined
}

/** By what a server is believed before this device has an authority of its own. */
export type PullTrust =
  /** By nothing (RFC 7030 4.1.1): whoever answers first becomes the authority. What CIP devices do. */
  | { readonly kind: 'provisional' }
  /** By the SHA-256 fingerprint of one of its authorities, lower-case hex. */
  | { readonly kind: 'fingerprint'; readonly sha256: string }
  /** By authorities known before, DER. */
  | { readonly kind: 'anchors'; readonly anchors: readonly Uint8Array[] }

/** What does not change while a pull client lives. */
export interface PullOptions {
  readonly crypto: Crypto
  readonly trust: PullTrust
  /** The kind of key when the server has no wish; `ecdsa-p256` when absent. */
  readonly keyKind?: KeyKind | undefined
  /** Whether the clock knows the date. Without, dates are not judged and renewal counts from installation. Default true. */
  readonly calendar?: boolean | undefined
  /** Share of a certificate's lifetime after which it is renewed; two thirds when absent (cip-security-wire 6.2). */
  readonly renewAt?: number | undefined
  /** How long a request may wait for approval before the round is given up; a day when absent. Milliseconds. */
  readonly patienceMs?: number | undefined
}

/** The identity that was earned: what the next renewal needs. Plain data, to be kept over a restart. */
export interface PullIdentity {
  /** DER. */
  readonly certificate: Uint8Array
  /** DER of the CA certificates that may end a chain. */
  readonly authorities: readonly Uint8Array[]
  readonly server: EstServer
  /** Milliseconds of the clock that the events count in. */
  readonly installedAt: number
}

/** A request whose certificate has not come, kept with its key: a server that heard of it recognises it. Plain data. */
export interface PullPending {
  /** DER PKCS#10. */
  readonly request: Uint8Array
  /** Whether it is for the renewal of an identity. */
  readonly renewal: boolean
  /** Since when it waits for approval, milliseconds of the clock that the events count in; undefined: it does not. */
  readonly since: number | undefined
}

/** What a pull client needs to go on after a restart. */
export interface PullKept {
  readonly identity: PullIdentity | undefined
  readonly pending: PullPending | undefined
}

/** What the network answered, not yet believed. */
export interface EstReply {
  readonly status: number
  readonly contentType?: string | undefined
  readonly retryAfter?: string | undefined
  readonly body: Uint8Array
  /** What the server showed in the TLS handshake, leaf first, DER. Needed when it was let in provisionally. */
  readonly peer?: readonly Uint8Array[] | undefined
}

/** Why something that was asked for did not happen. */
export type PullFault =
  /** No connection, or no answer in time. */
  | 'unreachable'
  /** The handshake failed on either side. */
  | 'tls'
  /** The server's certificate does not lead to the authorities. */
  | 'server'
  /** What came is no answer of HTTP, or one too long. */
  | 'http'
  /** The device itself could not: no key, no room. */
  | 'local'

/** What happens. `at` is milliseconds of one clock, `random` from 0 to below 1: it spreads devices that failed together. */
export type PullEvent = { readonly at: number; readonly random: number } & (
  | { readonly kind: 'enable' }
  | { readonly kind: 'disable' }
  /** After a restart: what was kept, with the key of a pending request. Nothing is the same as `enable`. */
  | ({ readonly kind: 'resume' } & Partial<PullKept>)
  /** What discovery knows, best first; none is an answer too. */
  | { readonly kind: 'found'; readonly id: number; readonly servers: readonly EstServer[] }
  | { readonly kind: 'answered'; readonly id: number; readonly reply: EstReply }
  /** The key is made; its request, DER. */
  | { readonly kind: 'made'; readonly id: number; readonly request: Uint8Array }
  | { readonly kind: 'installed'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly fault: PullFault; readonly reason: string }
  /** Time passed: due at {@link pullDeadline}. */
  | { readonly kind: 'tick' }
  /** A configurator opened a session on 0x5D or 0x5E. */
  | { readonly kind: 'pushBegan' }
  | { readonly kind: 'pushEnded'; readonly configured: boolean }
)

/** What is to be done. */
export type PullAction =
  | { readonly kind: 'search'; readonly id: number }
  | {
      readonly kind: 'exchange'
      readonly id: number
      readonly server: EstServer
      readonly method: 'GET' | 'POST'
      readonly path: string
      readonly contentType?: string
      readonly body?: string
      /** Which certificate the client shows: the one from the factory, or the one that is to be renewed. */
      readonly credential: 'default' | 'current'
      /** Authorities the server must lead to, DER; undefined: let it in provisionally, for this exchange alone. */
      readonly anchors: readonly Uint8Array[] | undefined
    }
  /** Make a fresh key, keep it, and answer with a request for it. */
  | {
      readonly kind: 'makeRequest'
      readonly id: number
      readonly keyKind: KeyKind
      /** What the server wishes the request to hold, where it said so. */
      readonly template: RequestTemplate | undefined
      /** The identity whose subject and alternative names the request must repeat (RFC 7030 4.2.2). */
      readonly renews: Uint8Array | undefined
    }
  | {
      readonly kind: 'install'
      readonly id: number
      readonly certificate: Uint8Array
      /** From the certificate up, without it, DER. */
      readonly chain: readonly Uint8Array[]
      readonly authorities: readonly Uint8Array[]
    }
  | { readonly kind: 'cancel'; readonly id: number }

/** What is known in one attempt to get a certificate, and what is kept for the next. */
export interface PullRound {
  readonly identity: PullIdentity | undefined
  readonly renewal: boolean
  /** When its search began. */
  readonly began: number
  readonly searches: number
  /** Rounds given up since the last success. */
  readonly failures: number
  /** Servers not tried yet, the one in use first. */
  readonly servers: readonly EstServer[]
  readonly authorities: readonly Uint8Array[]
  readonly wishes: RequestWishes | undefined
  /** DER; outlives a round, so that a server that heard of it before recognises it. */
  readonly request: Uint8Array | undefined
  readonly pendingSince: number | undefined
}

/** What the client is waiting for an answer to. */
export type PullStep = 'searching' | 'authorities' | 'attributes' | 'making' | 'enrolling' | 'installing'

/** Where the client stands. `nextId` counts the actions. */
export type PullState = { readonly nextId: number } & (
  | { readonly kind: 'idle' }
  | { readonly kind: 'disabled' }
  /** A push session has the device, or has configured it. */
  | { readonly kind: 'stopped'; readonly identity: PullIdentity | undefined }
  | {
      readonly kind: 'working'
      readonly step: PullStep
      readonly id: number
      readonly until: number
      readonly round: PullRound
      /** Set while installing. */
      readonly earned?: PullIdentity
    }
  | {
      readonly kind: 'waiting'
      readonly why: 'search' | 'approval' | 'failure'
      readonly until: number
      readonly round: PullRound
      readonly status: PullStatus
      /** For a log or a person. */
      readonly reason: string
    }
  | {
      readonly kind: 'enrolled'
      readonly identity: PullIdentity
      /** Undefined: never. */
      readonly renewAt: number | undefined
    }
)

/** What a step leads to. */
export interface PullOutcome {
  readonly state: PullState
  readonly actions: readonly PullAction[]
}

/** Where every pull client begins. */
export const initialPullState: PullState = { kind: 'idle', nextId: 1 }

/**
 * Deviation: the times are not public; these are ours (cip-security-wire 6.2). Searches at these seconds after the first,
 * then each minute; polls as often as the server says, else each minute; failures from half a minute to an hour.
 */
export const pullTimes = {
  searchesS: [0, 5, 15, 30, 60],
  searchEveryS: 60,
  pollS: 60,
  firstBackOffS: 30,
  longestBackOffS: 3600,
  /** The spread to either side, as a share. Wide: devices that got their power back together fail together. */
  jitter: 0.5,
  /** Longest wait for the answer to one action. */
  answerS: 60,
} as const

const defaultPatienceMs = 24 * 3_600_000

/** When to raise `tick`; undefined: nothing is due. */
export function pullDeadline(state: PullState): number | undefined {
  switch (state.kind) {
    case 'idle':
    case 'disabled':
    case 'stopped':
      return undefined
    case 'working':
    case 'waiting':
      return state.until
    case 'enrolled':
      return state.renewAt
  }
}

const stepStatus: Readonly<Record<PullStep, PullStatus>> = {
  searching: 'searching',
  authorities: 'fetchingAuthorities',
  attributes: 'fetchingAuthorities',
  making: 'serverFound',
  enrolling: 'enrollmentSent',
  installing: 'enrollmentSent',
}

/** What is to be kept over a restart; it goes into `resume`. */
export function pullKept(state: PullState): PullKept {
  switch (state.kind) {
    case 'idle':
    case 'disabled':
      return { identity: undefined, pending: undefined }
    case 'stopped':
    case 'enrolled':
      return { identity: state.identity, pending: undefined }
    case 'working':
    case 'waiting': {
      const { identity, request, renewal, pendingSince: since } = state.round
      return { identity, pending: request && { request, renewal, since } }
    }
  }
}

/** What the EtherNet/IP Security Object shows: attribute 14, and attribute 1 where the pull model decides it. */
export function pullReport(state: PullState): {
  readonly status: PullStatus
  readonly state: EthernetIpSecurityStateName | undefined
} {
  switch (state.kind) {
    case 'idle':
      return { status: 'idle', state: 'factoryDefault' }
    case 'disabled':
      return { status: 'disabled', state: 'pullModelDisabled' }
    case 'stopped':
      return { status: 'idle', state: undefined }
    case 'enrolled':
      return { status: 'idle', state: 'pullModelCompleted' }
    case 'working':
      return { status: stepStatus[state.step], state: objectState(state.round, state.step !== 'searching') }
    case 'waiting':
      return { status: state.status, state: objectState(state.round, state.why === 'approval') }
  }
}

/** A device that has an identity keeps it in force while it renews it. */
function objectState(round: PullRound, underWay: boolean): EthernetIpSecurityStateName {
  if (round.identity !== undefined) return 'pullModelCompleted'
  return underWay ? 'pullModelInProgress' : 'factoryDefault'
}

/** The next state and what is to be done. */
export function stepPull(options: PullOptions, state: PullState, event: PullEvent): PullOutcome {
  switch (event.kind) {
    case 'disable':
      return { state: { kind: 'disabled', nextId: state.nextId }, actions: cancelled(state) }
    case 'enable':
      return state.kind === 'idle' || state.kind === 'disabled' || state.kind === 'stopped'
        ? search(state, firstRound(event.at))
        : same(state)
    case 'resume':
      return state.kind === 'idle' ? resumed(options, state, event) : same(state)
    case 'pushBegan':
      return state.kind === 'disabled' || state.kind === 'stopped' ? same(state) : stopped(state)
    case 'pushEnded':
      return pushEnded(options, state, event)
    case 'tick':
      return tick(options, state, event)
    case 'found':
    case 'answered':
    case 'made':
    case 'installed':
    case 'failed':
      return state.kind === 'working' && event.id === state.id ? answered(options, state, event) : same(state)
  }
}

type Working = Extract<PullState, { kind: 'working' }>
type Waiting = Extract<PullState, { kind: 'waiting' }>
type Answer = Extract<PullEvent, { id: number }>

function same(state: PullState): PullOutcome {
  return { state, actions: [] }
}

function cancelled(state: PullState): readonly PullAction[] {
  return state.kind === 'working' ? [{ kind: 'cancel', id: state.id }] : []
}

function firstRound(at: number): PullRound {
  return {
    identity: undefined,
    renewal: false,
    began: at,
    searches: 0,
    failures: 0,
    servers: [],
    authorities: [],
    wishes: undefined,
    request: undefined,
    pendingSince: undefined,
  }
}

/** Does one thing and waits for its answer. */
function work(
  from: PullState,
  at: number,
  step: PullStep,
  round: PullRound,
  action: (id: number) => PullAction,
  earned?: PullIdentity,
): PullOutcome {
  const id = from.nextId
  const until = at + pullTimes.answerS * 1000
  const state: Working = { kind: 'working', step, id, until, round, nextId: id + 1, ...(earned && { earned }) }
  return { state, actions: [action(id)] }
}

function search(from: PullState, round: PullRound, at: number = round.began): PullOutcome {
  return work(from, at, 'searching', { ...round, searches: round.searches + 1 }, (id) => ({ kind: 'search', id }))
}

function stopped(state: PullState): PullOutcome {
  const holder = state.kind === 'working' || state.kind === 'waiting' ? state.round.identity : undefined
  const identity = state.kind === 'enrolled' ? state.identity : holder
  return { state: { kind: 'stopped', identity, nextId: state.nextId }, actions: cancelled(state) }
}

/** A push that was given up leaves the device as it was before. */
function pushEnded(
  options: PullOptions,
  state: PullState,
  event: PullEvent & { readonly kind: 'pushEnded' },
): PullOutcome {
  if (state.kind !== 'stopped' || event.configured) return same(state)
  return state.identity === undefined ? search(state, firstRound(event.at)) : enrolled(options, state, state.identity)
}

function enrolled(options: PullOptions, from: PullState, identity: PullIdentity): PullOutcome {
  const renewAt = renewalTime(options, identity)
  return { state: { kind: 'enrolled', identity, renewAt, nextId: from.nextId }, actions: [] }
}

/** When to renew: a share of the lifetime after its beginning, or after installation where the clock knows no date. */
function renewalTime(options: PullOptions, identity: PullIdentity): number | undefined {
  const { notBefore, notAfter } = decodeCertificate(identity.certificate)
  if (notAfter === noExpiry) return undefined
  return (
    (options.calendar === false ? identity.installedAt : notBefore) +
    (notAfter - notBefore) * (options.renewAt ?? 2 / 3)
  )
}

function resumed(
  options: PullOptions,
  from: PullState,
  { at, identity, pending }: PullEvent & { readonly kind: 'resume' },
): PullOutcome {
  if (pending === undefined) return identity ? enrolled(options, from, identity) : search(from, firstRound(at))
  const { request, renewal, since } = pending
  const round = { ...firstRound(at), identity, renewal, request, pendingSince: since }
  return identity === undefined
    ? search(from, round)
    : fetchAuthorities(options, from, at, { ...round, servers: [identity.server] })
}

function tick(options: PullOptions, state: PullState, event: PullEvent): PullOutcome {
  const due = pullDeadline(state)
  if (due === undefined || event.at < due) return same(state)
  switch (state.kind) {
    case 'idle':
    case 'disabled':
    case 'stopped':
      return same(state)
    case 'working': {
      const fault = state.step === 'making' || state.step === 'installing' ? 'local' : 'unreachable'
      const failed = giveUp(options, state, event, fault, `no answer within ${pullTimes.answerS} s`)
      return { ...failed, actions: [...cancelled(state), ...failed.actions] }
    }
    case 'waiting':
      return goOn(options, state, event)
    case 'enrolled': {
      const round = { ...firstRound(event.at), identity: state.identity, servers: [state.identity.server] }
      return fetchAuthorities(options, state, event.at, round)
    }
  }
}

function goOn(options: PullOptions, state: Waiting, event: PullEvent): PullOutcome {
  const { round } = state
  switch (state.why) {
    case 'approval':
      return enroll(options, state, event.at, round)
    case 'search':
      return search(state, round, event.at)
    case 'failure':
      return search(state, { ...round, began: event.at, searches: 0, servers: [], pendingSince: undefined })
  }
}

function answered(options: PullOptions, state: Working, event: Answer): PullOutcome {
  if (event.kind === 'failed') return giveUp(options, state, event, event.fault, event.reason)
  try {
    switch (state.step) {
      case 'searching':
        return event.kind === 'found' ? found(options, state, event) : same(state)
      case 'authorities':
        return event.kind === 'answered' ? readAuthorities(options, state, event) : same(state)
      case 'attributes':
        return event.kind === 'answered' ? readAttributes(options, state, event) : same(state)
      case 'making':
        return event.kind === 'made' ? made(options, state, event) : same(state)
      case 'enrolling':
        return event.kind === 'answered' ? readEnrollment(options, state, event) : same(state)
      case 'installing':
        return event.kind === 'installed' && state.earned !== undefined
          ? enrolled(options, state, { ...state.earned, installedAt: event.at })
          : same(state)
    }
  } catch (error) {
    // What came is not what the step needs; anything else is a fault of ours and must be seen.
    if (!(error instanceof MalformedMessage)) throw error
    return fail(state, event, malformedStatus[state.step], error.message)
  }
}

const malformedStatus: Readonly<Record<PullStep, PullStatus>> = {
  searching: 'noServer',
  authorities: 'httpError',
  attributes: 'httpError',
  making: 'requestRejected',
  enrolling: 'certificateInvalid',
  installing: 'certificateInvalid',
}

function found(options: PullOptions, state: Working, event: Extract<Answer, { kind: 'found' }>): PullOutcome {
  const { round } = state
  if (event.servers.length > 0) {
    return fetchAuthorities(options, state, event.at, { ...round, servers: event.servers.slice(0, 16) })
  }
  const { searchesS, searchEveryS } = pullTimes
  const offset = searchesS[round.searches] ?? (round.searches - searchesS.length + 2) * searchEveryS
  const until = Math.max(event.at, round.began + offset * 1000)
  const reason = 'discovery found no EST server'
  return wait(state, { why: 'search', until, round, status: 'noServer', reason })
}

function wait(from: PullState, waiting: Omit<Waiting, 'kind' | 'nextId'>): PullOutcome {
  return { state: { kind: 'waiting', nextId: from.nextId, ...waiting }, actions: [] }
}

function exchange(
  from: PullState,
  at: number,
  step: PullStep,
  round: PullRound,
  operation: EstOperation,
  anchors: readonly Uint8Array[] | undefined,
  body?: string,
): PullOutcome {
  const [server] = round.servers
  if (server === undefined) return search(from, { ...round, began: at, searches: 0 }, at)
  return work(from, at, step, round, (id) => ({
    kind: 'exchange',
    id,
    server,
    method: estOperations[operation],
    path: estPath(operation, server.label, server.prefix ?? estPrefix),
    credential: round.renewal ? 'current' : 'default',
    anchors,
    ...(body === undefined ? {} : { contentType: estMediaTypes.request, body }),
  }))
}

/** Authorities known before this round: those of the identity, else those given from outside. */
function knownAnchors(options: PullOptions, round: PullRound): readonly Uint8Array[] | undefined {
  if (round.identity !== undefined) return round.identity.authorities
  return options.trust.kind === 'anchors' ? options.trust.anchors : undefined
}

function fetchAuthorities(options: PullOptions, from: PullState, at: number, given: PullRound): PullOutcome {
  // What has expired authenticates nobody: then the factory's credential has to do again.
  const renewal = given.identity !== undefined && !hasExpired(options, given.identity, at)
  const round = { ...given, renewal, request: renewal === given.renewal ? given.request : undefined }
  return exchange(from, at, 'authorities', round, 'cacerts', knownAnchors(options, round))
}

function hasExpired(options: PullOptions, identity: PullIdentity, at: number): boolean {
  return options.calendar !== false && at > decodeCertificate(identity.certificate).notAfter
}

function readAuthorities(
  options: PullOptions,
  state: Working,
  event: Extract<Answer, { kind: 'answered' }>,
): PullOutcome {
  const { reply } = event
  if (reply.status !== 200) return failStatus(state, event, 'the certificates of the authority')
  const verdict = judgeAuthorities(options, state.round, decodeCertificates(reply.contentType, reply.body), reply.peer)
  if (!verdict.ok) return giveUp(options, state, event, 'server', verdict.reason)
  const round = { ...state.round, authorities: verdict.authorities }
  return exchange(state, event.at, 'attributes', round, 'csrattrs', verdict.authorities)
}

type AuthoritiesVerdict =
  | { readonly ok: true; readonly authorities: readonly Uint8Array[] }
  | { readonly ok: false; readonly reason: string }

function judgeAuthorities(
  options: PullOptions,
  round: PullRound,
  certificates: readonly Certificate[],
  peer: readonly Uint8Array[] | undefined,
): AuthoritiesVerdict {
  const { crypto, trust } = options
  const authorities = certificates.filter(({ extensions }) => extensions.basicConstraints?.ca === true)
  const all = authorities.map(({ der }) => der)
  if (all.length === 0) return { ok: false, reason: 'the server named no certificate of an authority' }
  let anchors = knownAnchors(options, round)
  if (anchors === undefined && trust.kind === 'fingerprint') {
    anchors = all.filter((der) => fingerprint(crypto, der) === trust.sha256.toLowerCase())
    if (anchors.length === 0) {
      return { ok: false, reason: `no authority of the server has the expected fingerprint ${trust.sha256}` }
    }
  }
  const ends = anchors
  const leads = (der: Uint8Array) =>
    ends === undefined ||
    ends.some((end) => sameBytes(end, der)) ||
    crypto.verifyChain({ leaf: der, intermediates: all, anchors: ends, revocation: 'off' }).ok
  const believed = all.filter(leads)
  if (believed.length === 0)
    return { ok: false, reason: 'no authority of the server leads to one that was known before' }
  // Let in provisionally, the server must at least be one of the authority that it names.
  if (knownAnchors(options, round) === undefined) {
    const [leaf, ...intermediates] = peer ?? []
    const judged =
      leaf !== undefined &&
      crypto.verifyChain({ leaf, intermediates, anchors: believed, revocation: 'off', purpose: 'server' })
    if (judged === false) return { ok: false, reason: 'the server showed no certificate' }
    if (!judged.ok) return { ok: false, reason: `the server's own certificate: ${judged.reason}` }
  }
  return { ok: true, authorities: believed }
}

function readAttributes(
  options: PullOptions,
  state: Working,
  event: Extract<Answer, { kind: 'answered' }>,
): PullOutcome {
  const { status, contentType, body } = event.reply
  // Nothing to wish for (RFC 7030 4.5.2), or a server that does not have the operation.
  if (status !== 200 && status !== 204 && status !== 404 && status !== 501) {
    return failStatus(state, event, 'its wishes')
  }
  const wishes = status === 200 ? decodeRequestWishes(decodeAttributesBody(contentType, body)) : undefined
  const round = { ...state.round, wishes }
  return round.request === undefined
    ? makeRequest(options, state, event.at, round)
    : enroll(options, state, event.at, round)
}

function makeRequest(options: PullOptions, from: PullState, at: number, round: PullRound): PullOutcome {
  const wished = round.wishes === undefined ? undefined : wishedKey(round.wishes)
  const own = options.keyKind ?? 'ecdsa-p256'
  const keyKind = wished === 'rsa' ? (own.startsWith('rsa') ? own : 'rsa-2048') : (wished ?? own)
  return work(from, at, 'making', round, (id) => ({
    kind: 'makeRequest',
    id,
    keyKind,
    template: round.wishes?.template,
    renews: round.renewal ? round.identity?.certificate : undefined,
  }))
}

function made(options: PullOptions, state: Working, event: Extract<Answer, { kind: 'made' }>): PullOutcome {
  decodeRequest(event.request)
  return enroll(options, state, event.at, { ...state.round, request: event.request.slice() })
}

function enroll(options: PullOptions, from: PullState, at: number, round: PullRound): PullOutcome {
  const { request } = round
  if (request === undefined) return makeRequest(options, from, at, round)
  const operation = round.renewal ? 'simplereenroll' : 'simpleenroll'
  return exchange(from, at, 'enrolling', round, operation, round.authorities, encodeEstBody(request))
}

function readEnrollment(
  options: PullOptions,
  state: Working,
  event: Extract<Answer, { kind: 'answered' }>,
): PullOutcome {
  const { reply, at } = event
  const { round } = state
  if (reply.status === 202) return waitForApproval(options, state, event)
  if (reply.status !== 200) return failStatus(state, event, 'a certificate')
  const [server] = round.servers
  if (round.request === undefined || server === undefined) return same(state)
  const verdict = judgeIssued(options.crypto, {
    request: round.request,
    certificates: decodeCertificates(reply.contentType, reply.body),
    authorities: round.authorities,
    at: options.calendar === false ? undefined : at,
  })
  // A new key for the next attempt: this certificate is out in the world with the old one.
  if (!verdict.ok)
    return fail({ ...state, round: { ...round, request: undefined } }, event, 'certificateInvalid', verdict.reason)
  const certificate = verdict.certificate.der
  const earned = { certificate, authorities: round.authorities, server, installedAt: at }
  return work(
    state,
    at,
    'installing',
    round,
    (id) => ({ kind: 'install', id, certificate, chain: verdict.chain, authorities: round.authorities }),
    earned,
  )
}

function waitForApproval(
  options: PullOptions,
  state: Working,
  event: Extract<Answer, { kind: 'answered' }>,
): PullOutcome {
  const { at, reply } = event
  const pendingSince = state.round.pendingSince ?? at
  if (at - pendingSince >= (options.patienceMs ?? defaultPatienceMs)) {
    return fail(state, event, 'waitingForApproval', 'nobody approved the request in time')
  }
  const until = at + (readRetryAfter(reply.retryAfter, at) ?? pullTimes.pollS) * 1000
  const round = { ...state.round, pendingSince }
  const reason = 'the server keeps the request for a decision'
  return wait(state, { why: 'approval', until, round, status: 'waitingForApproval', reason })
}

/** What an issued certificate is judged by. */
export interface IssuedCertificate {
  /** DER of the request it answers. */
  readonly request: Uint8Array
  /** What the server sent, in any order. */
  readonly certificates: readonly Certificate[]
  readonly authorities: readonly Uint8Array[]
  /** Undefined: dates are not judged. */
  readonly at: number | undefined
}

/** Whether an issued certificate is the one that was asked for. */
export type IssuedVerdict =
  | {
      readonly ok: true
      readonly certificate: Certificate
      /** From its issuer to an authority, DER. */
      readonly chain: readonly Uint8Array[]
    }
  | { readonly ok: false; readonly reason: string }

/**
 * Finds the certificate among what came by its public key, as nothing else may be relied on (RFC 7030 4.2.3), and judges
 * it: it must lead to the authorities and must not be one.
 */
export function judgeIssued(crypto: Crypto, issued: IssuedCertificate): IssuedVerdict {
  const { publicKey } = decodeRequest(issued.request)
  const certificate = issued.certificates.find((each) => sameBytes(each.publicKey, publicKey))
  if (certificate === undefined) return { ok: false, reason: 'no certificate that came is for the key of the request' }
  if (certificate.extensions.basicConstraints?.ca === true) {
    return { ok: false, reason: 'the certificate would make this device an authority' }
  }
  const verdict = crypto.verifyChain({
    leaf: certificate.der,
    intermediates: issued.certificates.filter((each) => each !== certificate).map(({ der }) => der),
    anchors: issued.authorities,
    revocation: 'off',
    ...(issued.at === undefined ? {} : { at: issued.at }),
  })
  return verdict.ok
    ? { ok: true, certificate, chain: verdict.chain.slice(1) }
    : { ok: false, reason: `the certificate that came: ${verdict.reason}` }
}

/** An answer with another status than the step can use. */
function failStatus(state: Working, event: Extract<Answer, { kind: 'answered' }>, wanted: string): PullOutcome {
  const { status, retryAfter } = event.reply
  const reason = `asked for ${wanted}, the server answered ${status}`
  const rejected = state.step === 'enrolling' && status >= 400 && status < 500 && status !== 404 && status !== 429
  // A broken request is made anew; one that was refused may be granted later, and is recognised by its key.
  const round = state.step === 'enrolling' && status === 400 ? { ...state.round, request: undefined } : state.round
  const least = status === 429 || status === 503 ? readRetryAfter(retryAfter, event.at) : undefined
  return fail({ ...state, round }, event, rejected ? 'requestRejected' : 'httpError', reason, least)
}

const faultStatus: Readonly<Record<PullFault, PullStatus>> = {
  unreachable: 'noServer',
  tls: 'tlsFailure',
  server: 'serverRefused',
  http: 'httpError',
  local: 'requestRejected',
}

/** Turns to the next server where the fault is one of this server's, else ends the round. */
function giveUp(options: PullOptions, state: Working, event: PullEvent, fault: PullFault, reason: string): PullOutcome {
  const [, ...others] = state.round.servers
  const isElsewhere = fault !== 'local' && ['authorities', 'attributes', 'enrolling'].includes(state.step)
  if (isElsewhere && others.length > 0) {
    return fetchAuthorities(options, state, event.at, { ...state.round, servers: others, pendingSince: undefined })
  }
  return fail(state, event, state.step === 'installing' ? 'certificateInvalid' : faultStatus[fault], reason)
}

/** Ends the round; the next begins after a pause that grows with each. */
function fail(state: Working, event: PullEvent, status: PullStatus, reason: string, leastS = 0): PullOutcome {
  const { firstBackOffS, longestBackOffS, jitter } = pullTimes
  const pause = Math.min(firstBackOffS * 2 ** Math.min(state.round.failures, 16), longestBackOffS)
  const spread = 1 + jitter * (2 * event.random - 1)
  const until = event.at + Math.max(pause * spread, leastS) * 1000
  const round = { ...state.round, failures: state.round.failures + 1, servers: [] }
  return wait(state, { why: 'failure', until, round, status, reason })
}
