import type { SecurityTable } from '@cordon/core/tables'

/** The security table of a device in what the manager keeps of it; undefined where it has none. */
export function securityTable(kept: unknown): SecurityTable | undefined {
  if (typeof kept !== 'object' || kept === null) return undefined
  if ('data' in kept) return securityTable(kept.data)
  const fields = kept as Readonly<Record<string, unknown>> // any object; the fields are looked at
  const areLists = ['suites', 'originatorSuites', 'certificates', 'ports', 'refusals'].every((name) =>
    Array.isArray(fields[name]),
  )
  // The manager read it field by field before it kept it.
  return areLists ? (kept as SecurityTable) : undefined
}
