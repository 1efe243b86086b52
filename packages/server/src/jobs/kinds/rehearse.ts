import { UsageError } from '@cordon/core/errors'
import type { RehearsalReport } from '@cordon/core/rehearsal'
import type { JobRunner } from '../kind.ts'
import type { PlanParameters } from '../parameters.ts'
import type { JobWorld } from './world.ts'

/** Rehearsals: the deployment on a virtual twin of the plant, in a process of its own. */
export function rehearseRunner(world: JobWorld): JobRunner {
  return async ({ job, signal, progress }) => {
    if (world.rehearse === undefined)
      throw new UsageError('not-supported', 'this manager cannot rehearse: it was started without a simulator')
    // Written by requestJob.
    const { onlyDevices, zones, closeConnections } = job.parameters as PlanParameters
    const report = await world.rehearse({
      plant: job.plant ?? '',
      version: job.version,
      ...(onlyDevices === undefined ? {} : { onlyDevices }),
      ...(zones === undefined ? {} : { zones }),
      closeConnections: closeConnections === true,
      signal,
      tell: (current) => progress({ current }),
    })
    return { state: report.verdict === 'pass' ? report.outcome : 'not-complete', result: resultOf(report) }
  }
}

const gone = {
  broke: 'not-complete',
  never: 'not-complete',
  moved: 'complete',
  kept: 'complete',
  ended: 'complete',
} as const

/** As the API tells it. */
function resultOf(report: RehearsalReport): object {
  const { verdict, outcome, devices, connections, assumptions, findings, verification, tookMs } = report
  return {
    outcome: verdict === 'pass' ? outcome : 'not-complete',
    tookMs: Object.values(tookMs).reduce((sum, ms) => sum + ms, 0),
    assumptions: assumptions.map(({ what, devices: about }) =>
      about.length === 0 ? what : `${what} (${about.join(', ')})`,
    ),
    findings: findings.map(({ subject, limit, reason, alternative }) => ({ subject, limit, reason, alternative })),
    devices: devices.map(({ device, outcome: how, messages }) => ({ device, outcome: how, messages })),
    connections: connections.map(({ connection, fate, gapMs, reason }) => ({
      connection,
      outcome: gone[fate],
      gapMs: gapMs ?? null,
      reason: reason ?? fate,
    })),
    verification: verification === undefined ? null : { verdict: verification.verdict, counts: verification.counts },
  }
}
