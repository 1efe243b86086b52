import { queryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'

/** Settings of the manager. */
export const settingsQuery = queryOptions({
  queryKey: ['settings', 'all'],
  queryFn: ({ signal }) => ask('Reading the settings', api.GET('/api/v1/settings', { signal })),
})

/** Versions, store, managers. */
export const systemQuery = queryOptions({
  queryKey: ['system'],
  queryFn: ({ signal }) => ask('Reading the state of the system', api.GET('/api/v1/system', { signal })),
  // No event tells of it: whoever opens the page sees it as it is now.
  staleTime: 0,
})
