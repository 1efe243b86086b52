import type { EndpointGroup } from './plant-index.ts'

/** The devices of a kind, for people. */
export function describeGroup(group: EndpointGroup): string {
  const [first, second] = group.members
  if (first === undefined) return `zone ${group.zone.name}`
  return second === undefined
    ? first.name
    : `${first.name} and ${group.members.length - 1} like it in zone ${group.zone.name}`
}

/** Some names of many, for people. */
export function listNames(names: ReadonlySet<string>): string {
  const all = [...names]
  return all.length <= 4 ? all.join(', ') : `${all.slice(0, 4).join(', ')} and ${all.length - 4} more`
}

/** A conduit by its ends, for people. */
export function nameConduit({
  between: [a = '?', b = '?'],
}: {
  readonly between: readonly (string | undefined)[]
}): string {
  return `conduit ${a} - ${b}`
}
