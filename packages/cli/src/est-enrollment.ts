import type { Certificate } from '@cordon/core/x509'
import { decodeCertificate, decodeRequest, fingerprint, formatName, noExpiry } from '@cordon/core/x509'
import { type EstServer, keyFingerprint, type PullOptions, type PullState } from '@cordon/core/enrollment'
import { NotAllowed, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { type FileUnit, PullClient, type PullClientOptions, type PullProblem } from '@cordon/node/est'
import { moment } from './dates.ts'

/** How a pull came to its end. */
export type PullEnd =
  | { readonly kind: 'enrolled'; readonly state: Extract<PullState, { readonly kind: 'enrolled' }> }
  /** Somebody has to decide, which may take days. */
  | { readonly kind: 'pending'; readonly state: Waiting }
  | { readonly kind: 'failed'; readonly state: Waiting }

type Waiting = Extract<PullState, { readonly kind: 'waiting' }>

/** A pull that ends by itself. */
export interface Pull extends Omit<PullClientOptions, 'unit'> {
  readonly unit: FileUnit
  /** Calls back with every state; the unit was opened with the same. */
  readonly states: PullStates
  readonly server: EstServer | undefined
  /** How long to wait for an approval, milliseconds. */
  readonly waitMs: number
  /** Goes on over failures and approvals, however long they take. */
  readonly isPatient: boolean
  /** A certificate that is not enough: the one that is to be renewed. */
  readonly renews: Uint8Array | undefined
  readonly signal: AbortSignal
}

/** Passes the states of a unit on to whoever listens now. */
export class PullStates {
  #listener: (state: PullState) => void = () => undefined

  /** For {@link FileUnit.open}. */
  readonly changed = (state: PullState): void => this.#listener(state)

  listen(listener: (state: PullState) => void): void {
    this.#listener = listener
  }
}

/**
 * Pulls until there is a certificate, a wait or a failure. What was kept is taken up; what is under way at the end is
 * ended and kept.
 * @throws TransportError `aborted`, and `io` when something could not be kept
 * @throws UsageError for a credential that cannot be used here; NotAllowed `refused` for the wrong PIN of a card
 */
export async function pullUntil(pull: Pull, say: (line: string) => void): Promise<PullEnd> {
  const { unit, signal, waitMs } = pull
  let patience: NodeJS.Timeout | undefined
  let onAbort = () => {}
  let stop: (error: Error) => void = () => {}
  const problem = ({ doing, error }: PullProblem) => {
    // Only a person can put these right, and a wrong PIN must not be tried again.
    if (doing === 'exchange' && (error instanceof UsageError || error instanceof NotAllowed)) stop(error)
  }
  await using client = new PullClient({ ...pull, problem })
  try {
    return await new Promise<PullEnd>((resolve, reject) => {
      stop = reject
      onAbort = () => reject(new TransportError('aborted', 'enrolling: cancelled; the same command goes on with it'))
      if (signal.aborted) onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      let said = ''
      pull.states.listen((state) => {
        const line = stateLine(state, pull.server)
        if (line !== '' && line !== said) say(line)
        said = line
        const end = endOf(state, pull)
        if (end?.kind === 'pending' && waitMs > 0) patience ??= setTimeout(() => resolve(end), waitMs)
        else if (end !== undefined) resolve(end)
      })
      client.resume(keptFor(pull))
    })
  } finally {
    clearTimeout(patience)
    signal.removeEventListener('abort', onAbort)
    await client.close()
    pull.states.listen(() => undefined)
    await unit.flush()
  }
}

/** A server that a person names takes the place of the one from before: the authorities stay the same. */
function keptFor({ unit, server }: Pull) {
  const { identity, pending } = unit.kept
  return { identity: identity && server ? { ...identity, server } : identity, pending }
}

function endOf(state: PullState, { isPatient, renews, now = Date.now }: Pull): PullEnd | undefined {
  if (state.kind === 'enrolled') {
    const isNew = renews === undefined || !nodeCrypto.equal(state.identity.certificate, renews)
    const isFresh = renews !== undefined || state.renewAt === undefined || state.renewAt > now()
    return isNew && isFresh ? { kind: 'enrolled', state } : undefined
  }
  if (state.kind !== 'waiting' || isPatient) return undefined
  return { kind: state.why === 'approval' ? 'pending' : 'failed', state }
}

/** What is being done, for people; empty where it is not worth a line. */
function stateLine(state: PullState, named: EstServer | undefined): string {
  if (state.kind === 'waiting') return `${state.reason}; asking again at ${moment(state.until)}`
  if (state.kind !== 'working') return ''
  const [server = named] = state.round.servers
  const host = server === undefined ? '' : `${server.host}:${server.port}`
  switch (state.step) {
    case 'searching':
      return named === undefined ? 'looking for EST servers …' : ''
    case 'authorities':
      return `asking ${host} for its authorities …`
    case 'enrolling':
      return `asking ${host} for ${state.round.renewal ? 'a new certificate in place of the old one' : 'a certificate'} …`
    case 'attributes':
    case 'making':
    case 'installing':
      return ''
  }
}

/** A failure as an error, by whose fault it is. */
export function failureOf({ status, reason }: Waiting): Error {
  switch (status) {
    case 'noServer':
    case 'idle':
    case 'disabled':
    case 'searching':
      return new TransportError('unreachable', `no certificate: ${reason}`)
    case 'serverRefused':
      return new NotTrusted('unknown-authority', `no certificate: ${reason}`)
    case 'certificateInvalid':
      return new NotTrusted('wrong-identity', `no certificate: ${reason}`)
    case 'requestRejected':
      return new NotAllowed('refused', `no certificate: ${reason}`)
    case 'tlsFailure':
      return new PeerError('handshake', `no certificate: ${reason}`)
    default:
      return new PeerError('unexpected-reply', `no certificate: ${reason}`)
  }
}

/** A certificate in force, for programs. */
export function enrolledResult(name: string, unit: FileUnit, { state }: Extract<PullEnd, { kind: 'enrolled' }>) {
  const { identity } = state
  const certificate = decodeCertificate(identity.certificate)
  const { certificate: leaf, chain, authorities, key } = unit.files
  return {
    name,
    outcome: 'enrolled' as const,
    server: place(identity.server),
    subject: formatName(certificate.subject),
    issuer: formatName(certificate.issuer),
    serial: certificate.serial,
    notAfter: expiry(certificate),
    renewAt: renewal(certificate),
    authorities: identity.authorities.map((der) => ({
      name: formatName(decodeCertificate(der).subject),
      fingerprint: fingerprint(nodeCrypto, der),
    })),
    files: { certificate: leaf, chain, authorities, key },
  }
}

/** A request that waits, for programs. */
export function pendingResult(name: string, { state }: Extract<PullEnd, { kind: 'pending' }>) {
  const { request, servers } = state.round
  const [server] = servers
  return {
    name,
    outcome: 'pending' as const,
    server: server && place(server),
    /** By this the authority's administrator recognises it. */
    key: request && keyFingerprint(nodeCrypto, decodeRequest(request).publicKey),
    askAgainAt: moment(state.until),
  }
}

function place({ host, port, label }: EstServer) {
  return { host, port, ...(label !== undefined && { label }) }
}

function expiry({ notAfter }: Certificate): string {
  return notAfter === noExpiry ? 'never' : moment(notAfter)
}

/** When its turn comes, also of one that was renewed before its time. */
function renewal({ notBefore, notAfter }: Certificate): string {
  return notAfter === noExpiry ? 'never' : moment(notBefore + ((notAfter - notBefore) * 2) / 3)
}

/** Shares of a lifetime, as the state machine has them; 0 renews what is still good. */
export function pullOptions(trust: PullOptions['trust'], renewNow: boolean): PullOptions {
  return {
    crypto: nodeCrypto,
    trust,
    // A person asks again after days: the server decides how long it keeps a request.
    patienceMs: Number.POSITIVE_INFINITY,
    ...(renewNow && { renewAt: 0 }),
  }
}
