import type { Protection } from '../api-types.ts'

const strength: readonly Protection[] = ['None', 'Authenticated', 'Encrypted']

/** The weaker of two protections: what both together promise. */
export function weaker(a: Protection, b: Protection): Protection {
  return strength[Math.min(strength.indexOf(a), strength.indexOf(b))] ?? 'None'
}
