import { queryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'

/** The plant: its newest version, standings and last deployment. */
export const plantQuery = (plant: string) =>
  queryOptions({
    queryKey: ['plants', 'one', plant],
    queryFn: ({ signal }) =>
      ask('Reading the plant', api.GET('/api/v1/plants/{plant}', { params: { path: { plant } }, signal })),
    enabled: plant !== '',
  })

/** Zones with what they promise. */
export const zonesQuery = (plant: string) =>
  queryOptions({
    queryKey: ['topology', 'zones', plant],
    queryFn: ({ signal }) =>
      ask('Reading the zones', api.GET('/api/v1/plants/{plant}/zones', { params: { path: { plant } }, signal })),
    enabled: plant !== '',
  })

/** How far each zone is enforced. */
export const stagesQuery = (plant: string) =>
  queryOptions({
    queryKey: ['topology', 'stages', plant],
    queryFn: ({ signal }) =>
      ask('Reading the stages', api.GET('/api/v1/plants/{plant}/stages', { params: { path: { plant } }, signal })),
    enabled: plant !== '',
  })

/** The text of a version. */
export const versionQuery = (plant: string, version: number) =>
  queryOptions({
    queryKey: ['version-text', plant, version],
    queryFn: ({ signal }) =>
      ask(
        `Reading version ${version}`,
        api.GET('/api/v1/plants/{plant}/versions/{version}', { params: { path: { plant, version } }, signal }),
      ),
    enabled: plant !== '' && version > 0,
  })

/** What two versions differ in. */
export const differenceQuery = (plant: string, from: number, to: number) =>
  queryOptions({
    queryKey: ['version-difference', plant, from, to],
    queryFn: ({ signal }) =>
      ask(
        'Comparing the versions',
        api.GET('/api/v1/plants/{plant}/difference', { params: { path: { plant }, query: { from, to } }, signal }),
      ),
    enabled: plant !== '' && from > 0 && to > 0 && from !== to,
  })

/** Devices that answered. */
export const discoveredQuery = (plant: string) =>
  queryOptions({
    queryKey: ['discovery', plant],
    queryFn: ({ signal }) =>
      ask(
        'Reading what answered',
        api.GET('/api/v1/plants/{plant}/discovered', { params: { path: { plant } }, signal }),
      ),
    enabled: plant !== '',
  })

/** Observed connections that the newest version would break. */
export const dryRunQuery = (plant: string, version: number) =>
  queryOptions({
    queryKey: ['connections', 'dry-run', plant, version],
    queryFn: ({ signal }) =>
      ask(
        'Comparing with observed connections',
        api.POST('/api/v1/plants/{plant}/dry-run', { params: { path: { plant } }, body: { version }, signal }),
      ),
    enabled: plant !== '' && version > 0,
  })
