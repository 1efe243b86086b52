import { queryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'
import type { Position } from '../api-types.ts'

/** Zones and conduits of a plant, with where the cards lie. */
export const topologyQuery = (plant: string) =>
  queryOptions({
    queryKey: ['topology', plant],
    queryFn: ({ signal }) =>
      ask('Reading the plant', api.GET('/api/v1/plants/{plant}/topology', { params: { path: { plant } }, signal })),
    enabled: plant !== '',
  })

/** Keeps where these cards lie, for everybody. */
export function keepPositions(plant: string, positions: Readonly<Record<string, Position>>): Promise<unknown> {
  return ask(
    'Keeping the layout',
    api.PUT('/api/v1/plants/{plant}/layout', { params: { path: { plant } }, body: { places: { ...positions } } }),
  )
}
