import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'
import type { Protection, Standing, Verdict } from '../api-types.ts'

/** Most rows that the manager gives at once. */
const pageSize = 200

/** What a list of devices shows. */
export interface DeviceFilter {
  readonly zone?: string | undefined
  readonly standing?: Standing | undefined
  readonly search?: string | undefined
}

/** A query without what is undefined or empty. */
function given<Fields extends Readonly<Record<string, unknown>>>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  // Only what is there is left, under the same names.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>
  }
}

/** Devices by page. */
export const devicesQuery = (plant: string, filter: DeviceFilter) =>
  infiniteQueryOptions({
    queryKey: ['devices', plant, filter],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the devices',
        api.GET('/api/v1/plants/{plant}/devices', {
          params: { path: { plant }, query: { ...given({ ...filter, cursor: pageParam }), limit: pageSize } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    enabled: plant !== '',
  })

/** Devices whose name or address has this text, a few of them. */
export const deviceNamesQuery = (plant: string, search: string) =>
  queryOptions({
    queryKey: ['devices', plant, 'names', search],
    queryFn: ({ signal }) =>
      ask(
        'Searching devices',
        api.GET('/api/v1/plants/{plant}/devices', { params: { path: { plant }, query: { search, limit: 8 } }, signal }),
      ),
    placeholderData: keepPreviousData,
    enabled: plant !== '' && search !== '',
  })

/** Devices of a zone, for the opened card. */
export const zoneDevicesQuery = (plant: string, zone: string) =>
  queryOptions({
    queryKey: ['devices', plant, 'zone', zone],
    queryFn: ({ signal }) =>
      ask(
        `Reading the devices of zone ${zone}`,
        api.GET('/api/v1/plants/{plant}/devices', {
          params: { path: { plant }, query: { zone, limit: pageSize } },
          signal,
        }),
      ),
    enabled: plant !== '' && zone !== '',
  })

/** One device with all that is known of it. */
export const deviceQuery = (plant: string, device: string) =>
  queryOptions({
    queryKey: ['device', plant, device],
    queryFn: ({ signal }) =>
      ask(
        `Reading ${device}`,
        api.GET('/api/v1/plants/{plant}/devices/{device}', { params: { path: { plant, device } }, signal }),
      ),
    enabled: plant !== '',
  })

/** What a list of connections shows. */
export interface ConnectionFilter {
  readonly zone?: string | undefined
  readonly device?: string | undefined
  readonly protection?: Protection | undefined
  readonly verdict?: Verdict | undefined
  readonly search?: string | undefined
}

/** Connections by page, as they were last observed. */
export const connectionsQuery = (plant: string, filter: ConnectionFilter) =>
  infiniteQueryOptions({
    queryKey: ['connections', plant, filter],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the connections',
        api.GET('/api/v1/plants/{plant}/connections', {
          params: { path: { plant }, query: { ...given({ ...filter, cursor: pageParam }), limit: pageSize } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    enabled: plant !== '',
  })

/** What differed and differs between a device and its model. */
export const deviceFindingsQuery = (plant: string, device: string) =>
  queryOptions({
    queryKey: ['history', 'findings', plant, device],
    queryFn: ({ signal }) =>
      ask(
        `Reading the drift of ${device}`,
        api.GET('/api/v1/plants/{plant}/findings', {
          params: { path: { plant }, query: { device, gone: true, limit: pageSize } },
          signal,
        }),
      ),
    enabled: plant !== '',
  })

/** Who did what to a device. */
export const deviceAuditQuery = (plant: string, device: string) =>
  queryOptions({
    queryKey: ['history', 'audit', plant, device],
    queryFn: ({ signal }) =>
      ask(
        `Reading the audit of ${device}`,
        api.GET('/api/v1/audit', { params: { query: { plant, subject: device, limit: 100 } }, signal }),
      ),
    enabled: plant !== '',
  })

/** Asks the manager to read the live tables of the devices now. */
export function observe(plant: string): Promise<unknown> {
  return ask(
    'Reading the connections of the devices',
    api.POST('/api/v1/plants/{plant}/observations', { params: { path: { plant } }, body: {} }),
  )
}
