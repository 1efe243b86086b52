import type { JobRunner, JobRunners } from '../kind.ts'
import type { JobKindName } from '../parameters.ts'
import { deployRunner } from './deploy.ts'
import { discoverRunner } from './discover.ts'
import { driftRunner } from './drift.ts'
import { observeRunner } from './observe.ts'
import { planRunner } from './plan.ts'
import { rehearseRunner } from './rehearse.ts'
import { releaseRunner } from './release.ts'
import { renewRunner } from './renew.ts'
import { verifyRunner } from './verify.ts'
import type { JobWorld } from './world.ts'

/** The runners of a manager: those of this unit, and those that are handed in for the other kinds. */
export function jobRunners(
  world: JobWorld,
  others: Readonly<Partial<Record<JobKindName, JobRunner>>> = {},
): JobRunners {
  return {
    plan: planRunner(world),
    deploy: deployRunner(world),
    release: releaseRunner(world),
    renew: renewRunner(world),
    verify: verifyRunner(world),
    drift: driftRunner(world),
    discover: discoverRunner(world),
    observe: observeRunner(world),
    rehearse: rehearseRunner(world),
    ...others,
  }
}
