import type { Shapes } from '../../api-types.ts'
import { duration } from '../../words/time.ts'

type Target = Shapes['DeploymentTarget']

/** States in the order in which people need to see them. */
export const targetOrder = [
  'not-complete',
  'complete-with-warnings',
  'running',
  'waiting',
  'complete',
  'skipped',
] as const satisfies readonly Target['state'][]

/** The devices that a person looks for, those that need attention first. */
export function shownTargets(targets: readonly Target[], state: string, text: string): readonly Target[] {
  const wanted = text.trim().toLowerCase()
  return targets
    .filter(
      (target) =>
        (state === '' || target.state === state) &&
        (wanted === '' || target.device.toLowerCase().includes(wanted) || (target.address ?? '').includes(wanted)),
    )
    .sort((a, b) => targetOrder.indexOf(a.state) - targetOrder.indexOf(b.state) || a.device.localeCompare(b.device))
}

/** What is being done on a device now, else the last that was done. */
export function stepOf(target: Target, job: Pick<Shapes['Job'], 'current'> | undefined): string {
  const now = job?.current.find(({ device }) => device === target.device)?.step
  if (target.state === 'running' && now !== undefined) return now
  return target.state === 'waiting' ? '' : (target.steps.at(-1)?.step ?? '')
}

/** How long no data arrived; a connection that did not come back has no gap. */
export function gapWords(gapMs: number | null): string {
  return gapMs === null ? '–' : gapMs === 0 ? 'none' : duration(gapMs)
}
