import type { components } from '@cordon/client'
import type { DeviceDetail } from '../../api-types.ts'

type Finding = components['schemas']['DriftFinding']
type AuditEntry = components['schemas']['AuditEntry']

/** Something that happened to a device. */
export interface HistoryEntry {
  readonly key: string
  /** ISO 8601. */
  readonly at: string
  readonly kind: 'deployment' | 'drift-found' | 'drift-gone' | 'audit'
  readonly title: string
  readonly detail: string
  /** A deployment's id, to lead to it. */
  readonly deployment?: string
  /** Of an audit entry. */
  readonly outcome?: AuditEntry['outcome']
}

/** Deployments, drift and audit entries in one list, the newest first. */
export function historyOf(
  lastDeployment: DeviceDetail['lastDeployment'],
  findings: readonly Finding[],
  audit: readonly AuditEntry[],
): readonly HistoryEntry[] {
  const entries: HistoryEntry[] = []
  if (lastDeployment !== null) {
    const { id, at, outcome, messages } = lastDeployment
    const detail = messages.length === 0 ? 'no messages' : messages.map(({ text }) => text).join('; ')
    entries.push({ key: `deployment ${id}`, at, kind: 'deployment', title: outcome, detail, deployment: id })
  }
  for (const { id, text, explanation, foundAt, goneAt } of findings) {
    entries.push({ key: `found ${id}`, at: foundAt, kind: 'drift-found', title: text, detail: explanation })
    if (goneAt !== null)
      entries.push({
        key: `gone ${id}`,
        at: goneAt,
        kind: 'drift-gone',
        title: text,
        detail: 'as the model wants it again',
      })
  }
  for (const { id, at, action, actor, outcome } of audit)
    entries.push({ key: `audit ${id}`, at, kind: 'audit', title: action, detail: `by ${actor}`, outcome })
  return entries.sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? 1 : -1))
}
