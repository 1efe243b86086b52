import { queryOptions } from '@tanstack/react-query'
import { get, send } from '../api.ts'
import type { Position, Topology } from '../api-types.ts'
import { plantPath } from './plants.ts'

/** Zones and conduits of a plant, with where the cards lie. */
export const topologyQuery = (plant: string) =>
  queryOptions({
    queryKey: ['topology', plant],
    queryFn: ({ signal }) => get<Topology>('Reading the plant', plantPath(plant, '/topology'), {}, signal),
    enabled: plant !== '',
  })

/** Keeps where cards lie, for everybody. */
export function keepPositions(plant: string, positions: Readonly<Record<string, Position>>): Promise<undefined> {
  return send('Keeping the layout', 'PATCH', plantPath(plant, '/layout'), { positions })
}
