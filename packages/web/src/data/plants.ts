import { queryOptions, useQuery } from '@tanstack/react-query'
import { useContext } from 'react'
import { PlantContext } from '../address/plant-context.ts'
import { api, ask } from '../api.ts'

/** The plants that this manager keeps. */
export const plantsQuery = queryOptions({
  queryKey: ['plants'],
  queryFn: ({ signal }) => ask('Reading the plants', api.GET('/api/v1/plants', { signal })),
})

/** Name of the plant that is shown; empty where there is none, and then nothing is asked. */
export function usePlant(): string {
  return useContext(PlantContext).plant ?? ''
}

/** One plant with its numbers. */
export const plantQuery = (plant: string) =>
  queryOptions({
    queryKey: ['overview', plant],
    queryFn: ({ signal }) =>
      ask(`Reading plant ${plant}`, api.GET('/api/v1/plants/{plant}', { params: { path: { plant } }, signal })),
    enabled: plant !== '',
  })

/** How many enrollments of a plant wait for a person. */
const waitingQuery = (plant: string, isEnabled: boolean) =>
  queryOptions({
    queryKey: ['enrollments', 'waiting', plant],
    queryFn: async ({ signal }) => {
      const page = await ask(
        'Counting the enrollments that wait',
        api.GET('/api/v1/enrollments', { params: { query: { plant, state: 'pending', limit: 200 } }, signal }),
      )
      return page.total ?? page.items.length
    },
    enabled: isEnabled && plant !== '',
  })

/** How many enrollments wait in the plant that is shown. */
export function useWaiting(isEnabled: boolean) {
  return useQuery(waitingQuery(usePlant(), isEnabled))
}

/** Jobs of a plant that wait or run. */
export const activeJobsQuery = (plant: string) =>
  queryOptions({
    queryKey: ['jobs', 'active', plant],
    queryFn: ({ signal }) =>
      ask(
        'Reading the jobs',
        api.GET('/api/v1/jobs', { params: { query: { plant, active: true, limit: 20 } }, signal }),
      ),
    enabled: plant !== '',
  })

/** The deployments of a plant, the newest few. */
export const recentDeploymentsQuery = (plant: string) =>
  queryOptions({
    queryKey: ['deployments', 'recent', plant],
    queryFn: ({ signal }) =>
      ask(
        'Reading the deployments',
        api.GET('/api/v1/plants/{plant}/deployments', { params: { path: { plant }, query: { limit: 5 } }, signal }),
      ),
    enabled: plant !== '',
  })

/** How many certificates end when, in all plants. */
export const certificateSummaryQuery = queryOptions({
  queryKey: ['certificates', 'summary'],
  queryFn: ({ signal }) => ask('Counting the certificates', api.GET('/api/v1/certificates/summary', { signal })),
})
