import { NotTrusted, PeerError, TransportError } from '@cordon/core/errors'
import { suiteName } from '@cordon/core/security'
import { alertMeaningOf } from '../scan/alert-meanings.ts'
import { connect, type SessionOptions } from '../originator/connect.ts'
import { describeTrust } from './chain-trust.ts'
import { broken, type Facts, holds, type Question, type RungOutcome } from './ladder.ts'
import type { DoctorCode } from './messages.ts'

/** Does it let us in, and does RegisterSession succeed? */
export async function session(question: Question, facts: Facts): Promise<RungOutcome> {
  const { expectation } = question
  const isSecure = facts.flight !== undefined
  const asks = facts.flight?.certificateRequest !== undefined || facts.chain?.length === 0
  if (isSecure && asks && expectation === undefined) {
    const shown = facts.chain?.length === 0 ? 'a pre-shared key is asked for' : 'a client certificate is asked for'
    return { verdict: 'not-asked', evidence: [shown], findings: [['identity-needed', shown]] }
  }
  const way = isSecure ? (asks ? 'manager' : 'open') : 'plain'
  try {
    const opened = await connect({ ...base(question), ...credentials(question, way) })
    const { security } = opened.peer
    const how =
      security === undefined
        ? 'in plain: whoever is on the wire reads along'
        : `over ${security.version} with ${suiteName(security.suite)}`
    return holds([`RegisterSession succeeded ${how}`], {
      facts: { session: opened, access: way, ...(security === undefined ? {} : { chain: security.peerChain }) },
    })
  } catch (error) {
    return failure(question, facts, error)
  }
}

function base(question: Question): SessionOptions {
  const { address, timeoutMs, localAddress, signal, schedule } = question
  return {
    address,
    connectTimeoutMs: timeoutMs,
    requestTimeoutMs: timeoutMs,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(signal === undefined ? {} : { signal }),
    ...(schedule === undefined ? {} : { schedule }),
  }
}

/** The certificate of the device is judged on a rung of its own; here it only has to let us in. */
function credentials(question: Question, way: 'plain' | 'open' | 'manager'): Partial<SessionOptions> {
  if (way === 'plain') return { transport: 'tcp', port: question.plainPort }
  const known = question.expectation?.credentials
  if (way === 'open' || known === undefined) return { transport: 'tls', port: question.port, commissioning: true }
  return { transport: 'tls', port: question.port, credentials: { ...known, verify: { peer: 'none' } } }
}

const alerts: Readonly<Record<string, DoctorCode>> = {
  unknown_ca: 'our-certificate-refused',
  bad_certificate: 'our-certificate-refused',
  certificate_unknown: 'our-certificate-refused',
  access_denied: 'our-certificate-refused',
  unknown_psk_identity: 'our-certificate-refused',
  certificate_expired: 'our-certificate-expired',
  certificate_revoked: 'our-certificate-revoked',
}

function failure(question: Question, facts: Facts, error: unknown): RungOutcome {
  if (error instanceof TransportError) {
    if (error.code === 'aborted') throw error
    return broken(error.code === 'timeout' ? 'session-silent' : 'session-closed', error.message)
  }
  if (error instanceof NotTrusted) return broken('session-refused', error.message)
  if (!(error instanceof PeerError)) throw error
  const alert = typeof error.details['alert'] === 'string' ? error.details['alert'] : undefined
  if (alert === undefined) {
    const isClosed = error.code === 'handshake'
    return broken(isClosed ? 'session-closed' : 'session-refused', error.message)
  }
  const meaning = alertMeaningOf(alert)
  const evidence = meaning === undefined ? error.message : `${error.message}: ${meaning}`
  // Whose the device is explains best why it does not know us: it showed its chain before it refused.
  const trust = describeTrust(question, facts.chain ?? [])
  if (trust.kind === 'foreign') return broken('other-authority', `${trust.evidence}; ${evidence}`)
  return broken(alerts[alert] ?? 'session-refused', evidence)
}
