import { suiteName } from '@cordon/core/security'
import { suites as cipSuites } from '@cordon/tls'
import { alertMeaning } from '../scan/alert-meanings.ts'
import { type ProbeOptions, probe } from '../scan/probe.ts'
import { usableSuites } from '../transports/credentials.ts'
import { broken, type Facts, holds, notApplicable, type Question, type RungOutcome } from './ladder.ts'

/** Is there a version and a suite in common? */
export async function tls(question: Question, { doors }: Facts): Promise<RungOutcome> {
  if (doors?.secure !== 'open') {
    return {
      ...notApplicable(`${question.port}/tcp is closed: plain EtherNet/IP alone`),
      findings: [['plain-only', `${question.port}/tcp ${doors?.secure ?? 'silent'}`]],
    }
  }
  const suites = ourSuites(question)
  const outcome = await probe(howTo(question, 'tls'), { version: 'TLSv1.2', suites })
  if (outcome.kind === 'unanswered') return broken('tls-silent', outcome.reason)
  if (outcome.kind === 'refused') return refusal(question, outcome)
  const { flight } = outcome
  const evidence = [
    `TLS 1.2 with ${suiteName(flight.suite)}`,
    flight.certificateRequest === undefined
      ? 'no client certificate is asked for'
      : 'a client certificate is asked for',
  ]
  const dtls = await probe(howTo(question, 'dtls'), { version: 'DTLSv1.2', suites })
  const facts = { flight, chain: flight.chain }
  if (dtls.kind === 'accepted') return holds([...evidence, `DTLS 1.2 with ${suiteName(dtls.flight.suite)}`], { facts })
  return holds(evidence, { facts, findings: [['dtls-closed', dtls.reason]] })
}

/** What we would offer: with a plant what the manager's credentials can serve, else everything that CIP Security names. */
function ourSuites({ expectation }: Question): readonly number[] {
  const all = cipSuites.map(({ id }) => id)
  if (expectation === undefined) return all
  const usable = usableSuites('client', expectation.credentials)
  return usable.length === 0 ? all : usable
}

function howTo(question: Question, transport: ProbeOptions['transport']): ProbeOptions {
  const { address, port, timeoutMs, silenceMs, localAddress, signal, schedule } = question
  return {
    address,
    port,
    transport,
    timeoutMs: transport === 'tls' ? timeoutMs : silenceMs,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(signal === undefined ? {} : { signal }),
    ...(schedule === undefined ? {} : { schedule }),
  }
}

/** A refusal of everything that we offer: is it the version, the suites, or us? */
async function refusal(
  question: Question,
  refused: { readonly reason: string; readonly alert?: number },
): Promise<RungOutcome> {
  const { alert, reason } = refused
  const words = alert === undefined ? reason : `${reason}: ${alertMeaning(alert).meaning}`
  if (reason === 'the answer is not (D)TLS') return broken('listener-not-tls', words)
  if (alert === 70) return broken('no-version-in-common', words)
  if (/answered with .* instead/.test(reason)) return broken('no-version-in-common', words)
  if (alert === 40 || alert === 71) {
    // A target that has another suite says so when it is asked for all of them.
    const all = cipSuites.map(({ id }) => id)
    const other = await probe(howTo(question, 'tls'), { version: 'TLSv1.2', suites: all })
    const more = other.kind === 'accepted' ? `; it would take ${suiteName(other.flight.suite)}` : ''
    return broken('no-suite-in-common', `${words}${more}`)
  }
  return broken('tls-refused', words)
}
