import { infiniteQueryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'
import type { Shapes } from '../api-types.ts'

/** Which entries are read. */
export interface AuditFilter {
  readonly from?: string
  readonly to?: string
  readonly actor?: string
  readonly action?: string
  readonly subject?: string
  readonly plant?: string
  readonly outcome?: Shapes['AuditEntry']['outcome']
}

/**
 * Who did what, newest first. Reading is an entry itself, and entries are events: events do not make it stale, or it would
 * be read for ever.
 */
export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ['audit-entries', filter],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the audit',
        api.GET('/api/v1/audit', {
          params: { query: { ...filter, limit: 100, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
  })

/** Where the entries of a filter are downloaded. */
export function exportPath(filter: AuditFilter, format: 'csv' | 'jsonl'): string {
  return `/api/v1/audit/export?${new URLSearchParams({ ...filter, format }).toString()}`
}
