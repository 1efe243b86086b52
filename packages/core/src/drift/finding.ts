import type { PlannedChange } from '../deployment/assess.ts'
import type { AttributePlace } from './attributes.ts'

/** In which way a plant is not as its model says. */
export type FindingKind =
  /** An attribute of a device holds another value. */
  | 'attribute'
  /** A device of the model was never brought under its policy. */
  | 'not-deployed'
  /** Another unit stands at the address of a device. */
  | 'replaced'
  /** A device does not answer. */
  | 'missing'
  /** Something answers in the plant's networks and is not in the model. */
  | 'new'
  /** A device that left the model is still under a policy of it. */
  | 'orphan'
  /** A certificate or a list ends soon, or has ended. */
  | 'certificate'
  /** A device answers and could not be read: nothing is known of its settings. */
  | 'unreadable'

/** How much a finding weighs. `drift`: the plant is not as the model says. `warning`: it will not be for long. */
export type FindingWeight = 'drift' | 'warning' | 'unread'

/** One difference between a plant and its model. Plain data that survives JSON. */
export interface Finding {
  readonly kind: FindingKind
  readonly weight: FindingWeight
  /** The device; the address of one that the model does not know. */
  readonly device: string
  readonly address: string
  /** For `attribute`. */
  readonly place: AttributePlace | undefined
  readonly expected: string
  readonly found: string
  /** Which setting of a deployment it is, by which records about deployments are joined; undefined for what is none. */
  readonly setting: PlannedChange['what'] | undefined
  /** The value that a deployment would name as its aim, in its own words. */
  readonly aim: string | undefined
}

/**
 * What tells findings apart: equal for the same difference at another time. A value that changes again makes another
 * finding; a device that fails in another way is still the same one that is away or cannot be read.
 */
export function findingKey({ kind, device, place, expected, found }: Finding): string {
  const where = place === undefined ? '' : `${place.class}/${place.instance}/${place.attribute}/${place.part ?? ''}`
  const value = kind === 'missing' || kind === 'unreadable' ? [] : [found]
  return JSON.stringify([kind, device, where, expected, ...value])
}

/** The findings of a comparison by what became of them since the one before. */
export interface FindingChanges {
  readonly appeared: readonly Finding[]
  readonly gone: readonly Finding[]
  /** Keys of those that were there before and are still. */
  readonly kept: ReadonlySet<string>
}

/**
 * Compares two lists of findings. Nothing is gone on the word of a comparison that did not look: `looked` says which
 * devices it could judge.
 */
export function compareFindings(
  before: readonly Finding[],
  now: readonly Finding[],
  looked: (finding: Finding) => boolean,
): FindingChanges {
  const old = new Map(before.map((finding) => [findingKey(finding), finding]))
  const fresh = new Map(now.map((finding) => [findingKey(finding), finding]))
  return {
    appeared: [...fresh].filter(([key]) => !old.has(key)).map(([, finding]) => finding),
    gone: [...old].filter(([key, finding]) => !fresh.has(key) && looked(finding)).map(([, finding]) => finding),
    kept: new Set([...old.keys()].filter((key) => fresh.has(key))),
  }
}
