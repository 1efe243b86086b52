import type { Connection } from '../../api-types.ts'

/** The two zones of a filter such as `green~blue`; undefined where it is none. */
export function pairOf(text: string | undefined): readonly [string, string] | undefined {
  const [one, other, more] = text?.split('~') ?? []
  if (one === undefined || one === '' || other === undefined || other === '' || more !== undefined) return undefined
  return [one, other]
}

/** Whether a connection goes between these zones, in whichever direction. */
export function joins(
  { fromZone, toZone }: Pick<Connection, 'fromZone' | 'toZone'>,
  [one, other]: readonly [string, string],
): boolean {
  return (fromZone === one && toZone === other) || (fromZone === other && toZone === one)
}
