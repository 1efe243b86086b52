import { queryOptions, useQuery } from '@tanstack/react-query'
import { useContext } from 'react'
import { PlantContext } from '../address/plant-context.ts'
import { get } from '../api.ts'
import type { List, PlantOverview, PlantSummary } from '../api-types.ts'

/** The plants that this manager keeps. */
export const plantsQuery = queryOptions({
  queryKey: ['plants'],
  queryFn: ({ signal }) => get<List<PlantSummary>>('Reading the plants', '/plants', {}, signal),
})

/** Path of something in a plant. */
export function plantPath(plant: string, rest = ''): string {
  return `/plants/${encodeURIComponent(plant)}${rest}`
}

/** Name of the plant that is shown; empty where there is none, and then nothing is asked. */
export function usePlant(): string {
  return useContext(PlantContext).plant ?? ''
}

const overviewQuery = (plant: string) =>
  queryOptions({
    queryKey: ['overview', plant],
    queryFn: ({ signal }) => get<PlantOverview>('Reading the overview', plantPath(plant, '/overview'), {}, signal),
    enabled: plant !== '',
  })

/** The numbers of the plant that is shown. */
export function useOverview() {
  return useQuery(overviewQuery(usePlant()))
}
