import { PeerError, TransportError } from '@cordon/core/errors'
import { suiteParts } from '@cordon/core/security'
import { Context, type ProbeVersion, type ResumptionTicket } from '@cordon/tls'
import { processSchedule } from '../schedule.ts'
import { connectDtls } from '../transports/dtls.ts'
import type { SecureTransport } from '../transports/secure.ts'
import { isOurs } from '../transports/system-error.ts'
import { connectTls } from '../transports/tls.ts'
import type { ProbeOptions } from './probe.ts'

/** What whole handshakes without a certificate of ours tell, which a ClientHello alone does not. */
export interface HandshakeFindings {
  /** Whether one came about; undefined where none could be tried: `reason` says why. */
  readonly established: boolean | undefined
  readonly reason: string
  /** Whether a second one took up the session of the first; undefined where that was not tried. */
  readonly resumes: boolean | undefined
  /** DER, leaf first, as far as the target showed it. */
  readonly chain: readonly Uint8Array[]
}

/** How long version 1.3 may take to refuse after the handshake is done for us (RFC 8446 4.4.2.4). */
const refusalMs = 500

/**
 * Makes one handshake in which we show no certificate and judge none, and a second that takes up its session. Nothing is
 * sent over them.
 *
 * @throws TransportError `aborted`
 */
export async function handshakeWithout(
  options: ProbeOptions,
  version: ProbeVersion,
  suites: readonly number[],
): Promise<HandshakeFindings> {
  const context = usableContext(options, version, suites)
  if (context === undefined) {
    return {
      established: undefined,
      reason: 'no suite that authenticates the target by certificate and that OpenSSL has',
      resumes: undefined,
      chain: [],
    }
  }
  let chain: readonly Uint8Array[] = []
  const shown = (certificates: readonly Uint8Array[]) => {
    chain = certificates
  }
  try {
    const first = await open(options, context, shown)
    const refusal = version === 'TLSv1.3' ? await refusedAfterwards(first) : undefined
    if (refusal !== undefined) return { established: false, reason: refusal, resumes: undefined, chain }
    const ticket = version === 'TLSv1.3' ? undefined : first.session.ticket()
    first.close()
    const resumes = version === 'TLSv1.3' ? undefined : await isResumed(options, context, ticket)
    return { established: true, reason: 'the handshake was finished', resumes, chain }
  } catch (error) {
    if (!isOurs(error) || (error instanceof TransportError && error.code === 'aborted')) throw error
    const refused = error instanceof PeerError
    return { established: refused ? false : undefined, reason: error.message, resumes: undefined, chain }
  } finally {
    context.close()
  }
}

/** Of the suites the first for which OpenSSL makes a context: a host's crypto policy may have taken some out. */
function usableContext(options: ProbeOptions, version: ProbeVersion, suites: readonly number[]): Context | undefined {
  for (const suite of suites) {
    const { authentication } = suiteParts(suite)
    if (authentication !== 'rsa' && authentication !== 'ecdsa' && authentication !== 'any') continue
    try {
      return new Context({
        role: 'client',
        protocol: options.transport,
        suites: [suite],
        versions: { min: version, max: version },
        verify: { peer: 'none' },
      })
    } catch (error) {
      if (!(error instanceof Error && error.name === 'TlsError')) throw error
    }
  }
  return undefined
}

function open(
  options: ProbeOptions,
  context: Context,
  shown: (chain: readonly Uint8Array[]) => void,
  resume?: ResumptionTicket,
): Promise<SecureTransport> {
  const { address, transport, localAddress, signal, schedule, port = 2221, timeoutMs = 3_000 } = options
  const all = {
    address,
    port,
    timeoutMs,
    context,
    shown,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(signal === undefined ? {} : { signal }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(resume === undefined ? {} : { resume }),
  }
  return transport === 'tls' ? connectTls(all) : connectDtls(all)
}

async function isResumed(
  options: ProbeOptions,
  context: Context,
  ticket: ResumptionTicket | undefined,
): Promise<boolean | undefined> {
  if (ticket === undefined) return false
  try {
    const second = await open(options, context, () => {}, ticket)
    const resumed = second.security?.resumed === true
    second.close()
    return resumed
  } catch (error) {
    if (!isOurs(error) || (error instanceof TransportError && error.code === 'aborted')) throw error
    return undefined
  }
}

/** Why the target ended it after all, or undefined where it did not. */
function refusedAfterwards(transport: SecureTransport): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = processSchedule().after(refusalMs, () => resolve(undefined))
    transport.attach({
      data: () => {},
      closed: (error) => {
        timer.cancel()
        // An orderly end is no refusal: a target may have nothing to say.
        resolve(error?.message)
      },
    })
  })
}
