import { TransportError } from '@cordon/core/errors'
import { certificate } from './certificate.ts'
import { clock } from './clock.ts'
import { identity } from './identity.ts'
import type { DoctorOptions, Facts, Question, Rung, RungWork } from './ladder.ts'
import { finding } from './messages.ts'
import { objects } from './objects.ts'
import { policy } from './policy.ts'
import { ports } from './ports.ts'
import { route } from './route.ts'
import { type RungId, rungIds } from './rungs.ts'
import { session } from './session.ts'
import { tls } from './tls.ts'

/** What came of an examination. */
export interface Diagnosis {
  readonly address: string
  /** Name in the plant, where it has one. */
  readonly device?: string
  /** `partly`: nothing is broken, and something could not be tried. */
  readonly verdict: 'holds' | 'broken' | 'partly'
  readonly rungs: readonly Rung[]
}

const works: Readonly<Record<RungId, RungWork>> = {
  route,
  ports,
  identity,
  tls,
  session,
  objects,
  certificate,
  clock,
  policy,
}

/**
 * Climbs the ladder to a device and stops at the first rung that is broken or could not be tried: what lies above it could
 * only fail for the same reason. Reads only; nothing of the device is changed.
 *
 * @throws TransportError `aborted`
 */
export async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const { address, signal, expectation } = options
  const question: Question = {
    ...options,
    port: options.port ?? 2221,
    plainPort: options.plainPort ?? 44_818,
    timeoutMs: options.timeoutMs ?? 3_000,
    silenceMs: options.silenceMs ?? 1_000,
    date: options.date ?? Date.now(),
    subject: expectation?.device ?? address,
  }
  const rungs: Rung[] = []
  let facts: Facts = {}
  try {
    for (const id of rungIds) {
      const last = rungs.at(-1)
      if (last !== undefined && !climbs(last)) {
        rungs.push({ id, verdict: 'not-reached', evidence: [], findings: [] })
        continue
      }
      if (signal?.aborted === true)
        throw new TransportError('aborted', 'examination: cancelled by the caller', { cause: signal.reason })
      options.progress?.(id)
      const outcome = await works[id](question, facts)
      facts = { ...facts, ...outcome.facts }
      rungs.push({
        id,
        verdict: outcome.verdict,
        evidence: outcome.evidence,
        findings: (outcome.findings ?? []).map(([code, evidence]) => finding(code, question.subject, evidence)),
      })
    }
  } finally {
    await facts.session?.close()
  }
  const has = (verdict: Rung['verdict']) => rungs.some((rung) => rung.verdict === verdict)
  return {
    address,
    ...(expectation?.device === undefined ? {} : { device: expectation.device }),
    verdict: has('broken') ? 'broken' : has('not-asked') ? 'partly' : 'holds',
    rungs,
  }
}

function climbs({ verdict }: Rung): boolean {
  return verdict === 'holds' || verdict === 'not-applicable'
}
