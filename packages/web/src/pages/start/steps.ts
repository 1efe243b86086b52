import type { Shapes } from '../../api-types.ts'

/** Steps of the first hour, in order. */
export const steps = ['plant', 'discover', 'group', 'learn', 'dry-run', 'deploy', 'verify', 'go-on'] as const
/** A step of the first hour. */
export type Step = (typeof steps)[number]

/** What the manager knows, as far as it decides which step comes next. */
export interface Known {
  readonly plant:
    | Pick<Shapes['Plant'], 'version' | 'devices' | 'zones' | 'conduits' | 'deployed' | 'standings'>
    | undefined
  /** How many devices answered, and how many of them are not in the plant nor ignored. */
  readonly answered: number
  readonly unassigned: number
  readonly observations: readonly Pick<Shapes['Job'], 'state' | 'finishedAt'>[]
  readonly plans: readonly Pick<Shapes['Job'], 'state' | 'version' | 'finishedAt'>[]
  readonly deployments: readonly Pick<Shapes['Deployment'], 'kind' | 'status' | 'finishedAt'>[]
  readonly verifications: readonly Pick<Shapes['Job'], 'state' | 'finishedAt'>[]
  readonly stages: readonly Pick<Shapes['StageEntry'], 'stage'>[]
}

const isGood = ({ state }: { readonly state: Shapes['Job']['state'] }) =>
  state === 'complete' || state === 'complete-with-warnings'

/**
 * Which steps are done. It follows from what the manager knows and from nothing else, so that anybody goes on where somebody
 * stopped.
 */
export function doneSteps(known: Known): ReadonlySet<Step> {
  const done = new Set<Step>()
  const { plant } = known
  if (plant === undefined) return done
  done.add('plant')
  // A plant that came from a file has its devices already.
  const hasDevices = plant.devices > 1
  if (known.answered > 0 || hasDevices) done.add('discover')
  if (hasDevices && known.unassigned === 0) done.add('group')
  if (known.observations.some(isGood) && (plant.conduits > 0 || plant.zones <= 1)) done.add('learn')
  if (known.plans.some((job) => isGood(job) && job.version === plant.version) || known.deployments.length > 0)
    done.add('dry-run')
  const deployed = known.deployments
    .filter(({ kind, status, finishedAt }) => kind === 'apply' && finishedAt !== null && status.startsWith('complete'))
    .map(({ finishedAt }) => finishedAt ?? '')
    .sort()
  if (deployed.length > 0) done.add('deploy')
  const first = deployed[0]
  if (first !== undefined && known.verifications.some((job) => isGood(job) && (job.finishedAt ?? '') >= first))
    done.add('verify')
  if (done.has('verify') && known.stages.length > 0 && known.stages.every(({ stage }) => stage === 'enforce'))
    done.add('go-on')
  return done
}

/** The first step that is not done. */
export function nextStep(done: ReadonlySet<Step>): Step {
  return steps.find((step) => !done.has(step)) ?? 'go-on'
}
