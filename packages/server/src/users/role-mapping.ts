import { type Role, roleNames } from './roles.ts'

/** Roles by value of a claim. */
export type RoleMap = Readonly<Record<string, readonly Role[]>>

/** What a provider's claims give, and why. */
export interface MappedRoles {
  readonly roles: readonly Role[]
  /** For administrators: where was looked, what was found, what it gave. */
  readonly explanation: string
}

/** Values that are looked at; a person is in some hundred groups at most. */
const mostValues = 1000
/** Values that an explanation names. */
const mostNamed = 20

/**
 * The value at a path of claims. A path is the name of a claim as it is (`https://example.com/roles`), or members joined
 * by dots (`realm_access.roles`).
 */
export function readClaim(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let value: unknown = claims
  for (const member of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return undefined
    // An object that has it, as was just seen.
    value = (value as Readonly<Record<string, unknown>>)[member]
  }
  return value
}

/** The values that a claim lists: a text, a list of texts, or an object whose members are the values. */
function valuesOf(claim: unknown): readonly string[] | undefined {
  if (typeof claim === 'string') return [claim]
  if (Array.isArray(claim)) return claim.slice(0, mostValues).filter((value) => typeof value === 'string')
  return typeof claim === 'object' && claim !== null ? Object.keys(claim).slice(0, mostValues) : undefined
}

/** Roles for claims, with the reason why each was found, or none. */
export function mapRoles(claims: Readonly<Record<string, unknown>>, path: string, map: RoleMap): MappedRoles {
  const values = valuesOf(readClaim(claims, path))
  if (values === undefined) {
    const there = Object.keys(claims).slice(0, mostNamed).join(', ')
    return {
      roles: [],
      explanation: `there is no claim "${path}" with a text or a list; the claims are: ${shown(there)}`,
    }
  }
  const mapped = values.filter((value) => Object.hasOwn(map, value))
  const roles = roleNames.filter((role) => mapped.some((value) => map[value]?.includes(role)))
  const found = values.length === 0 ? 'is empty' : `is ${listed(values)}`
  const given =
    mapped.length === 0
      ? `none of it is in the map of roles, which has ${listed(Object.keys(map))}`
      : mapped
          .map((value) => `"${shown(value)}" gives ${map[value]?.join(', ') || 'nothing'}`)
          .slice(0, mostNamed)
          .join('; ')
  return { roles, explanation: `claim "${path}" ${found}; ${given}` }
}

function listed(values: readonly string[]): string {
  const more = values.length > mostNamed ? ` and ${values.length - mostNamed} more` : ''
  return values.length === 0
    ? 'nothing'
    : values
        .slice(0, mostNamed)
        .map((value) => `"${shown(value)}"`)
        .join(', ') + more
}

/** A stranger's text on one line. */
function shown(text: string): string {
  return text.slice(0, 500).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd')
}
