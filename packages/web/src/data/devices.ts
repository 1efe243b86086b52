import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { get } from '../api.ts'
import type { ConnectionRow, DeviceDetail, DeviceRow, DeviceSecurity, HistoryEntry, List } from '../api-types.ts'
import { plantPath } from './plants.ts'

/** What a list of devices shows; all texts, as the address has them. */
export interface DeviceFilter {
  readonly zone?: string | undefined
  readonly standing?: string | undefined
  readonly text?: string | undefined
  /** Column, with `-` before it for descending. */
  readonly sort?: string | undefined
}

const pageSize = 200

/** Devices by page. */
export const devicesQuery = (plant: string, { zone, standing, text, sort }: DeviceFilter) =>
  infiniteQueryOptions({
    queryKey: ['devices', plant, { zone, standing, text, sort }],
    queryFn: ({ pageParam, signal }) =>
      get<List<DeviceRow>>(
        'Reading the devices',
        plantPath(plant, '/devices'),
        { zone, standing, text, sort, limit: pageSize, cursor: pageParam },
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    enabled: plant !== '',
  })

/** Devices whose name or address has this text, a few of them. */
export const deviceNamesQuery = (plant: string, text: string) =>
  queryOptions({
    queryKey: ['devices', plant, 'names', text],
    queryFn: ({ signal }) =>
      get<List<DeviceRow>>('Searching devices', plantPath(plant, '/devices'), { text, limit: 8 }, signal),
    placeholderData: keepPreviousData,
    enabled: plant !== '' && text !== '',
  })

/** All devices of a zone, for the opened card. */
export const zoneDevicesQuery = (plant: string, zone: string) =>
  queryOptions({
    queryKey: ['devices', plant, 'zone', zone],
    queryFn: ({ signal }) =>
      get<List<DeviceRow>>(
        `Reading the devices of zone ${zone}`,
        plantPath(plant, '/devices'),
        { zone, limit: 500 },
        signal,
      ),
    enabled: plant !== '' && zone !== '',
  })

const devicePath = (plant: string, device: string, rest = '') =>
  plantPath(plant, `/devices/${encodeURIComponent(device)}${rest}`)

/** One device. */
export const deviceQuery = (plant: string, device: string) =>
  queryOptions({
    queryKey: ['device', plant, device],
    queryFn: ({ signal }) => get<DeviceDetail>(`Reading ${device}`, devicePath(plant, device), {}, signal),
    enabled: plant !== '',
  })

/** What a device is connected with, as it was last seen. */
export const deviceConnectionsQuery = (plant: string, device: string) =>
  queryOptions({
    queryKey: ['connections', plant, { device }],
    queryFn: ({ signal }) =>
      get<List<ConnectionRow>>(
        `Reading the connections of ${device}`,
        plantPath(plant, '/connections'),
        { device, limit: 500 },
        signal,
      ),
    enabled: plant !== '',
  })

/** Security settings of a device, as it was last read. */
export const deviceSecurityQuery = (plant: string, device: string) =>
  queryOptions({
    queryKey: ['device', plant, device, 'security'],
    queryFn: ({ signal }) =>
      get<DeviceSecurity>(`Reading the security of ${device}`, devicePath(plant, device, '/security'), {}, signal),
    enabled: plant !== '',
  })

/** What happened to a device, the newest first. */
export const deviceHistoryQuery = (plant: string, device: string) =>
  queryOptions({
    queryKey: ['history', plant, device],
    queryFn: ({ signal }) =>
      get<List<HistoryEntry>>(`Reading the history of ${device}`, devicePath(plant, device, '/history'), {}, signal),
    enabled: plant !== '',
  })
