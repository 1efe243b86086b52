import { QueryClient } from '@tanstack/react-query'
import { RequestFailure } from '../api.ts'

/** What was read stays good until an event says otherwise: nothing polls. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 10 * 60_000,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      retry: (count, failure) => count < 2 && failure instanceof RequestFailure && isPassing(failure.status),
      retryDelay: (attempt) => 500 * 2 ** attempt,
    },
    mutations: { retry: false },
  },
})

/** Whether the same request may succeed a moment later. */
function isPassing(status: number): boolean {
  return status === 0 || status === 502 || status === 503 || status === 504
}
