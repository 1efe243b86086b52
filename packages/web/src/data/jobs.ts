import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'
import type { Shapes } from '../api-types.ts'

/** What the list of jobs shows. */
export interface JobFilter {
  readonly plant?: string
  readonly kind?: Shapes['Job']['kind']
  readonly state?: Shapes['Job']['state']
  readonly active?: boolean
}

const pageSize = 50

/** Jobs, newest first. */
export const jobsQuery = (filter: JobFilter) =>
  infiniteQueryOptions({
    queryKey: ['jobs', 'list', filter],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the jobs',
        api.GET('/api/v1/jobs', {
          params: { query: { ...filter, limit: pageSize, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
  })

/** The latest jobs of one kind in a plant. */
export const latestJobsQuery = (plant: string, kind: Shapes['Job']['kind'], limit: number) =>
  queryOptions({
    queryKey: ['jobs', 'latest', plant, kind, limit],
    queryFn: ({ signal }) =>
      ask('Reading the jobs', api.GET('/api/v1/jobs', { params: { query: { plant, kind, limit } }, signal })),
    enabled: plant !== '',
  })

/** Jobs of a plant that run or wait. */
export const activeJobsQuery = (plant: string) =>
  queryOptions({
    queryKey: ['jobs', 'active', plant],
    queryFn: ({ signal }) =>
      ask(
        'Reading the jobs',
        api.GET('/api/v1/jobs', { params: { query: { plant, active: true, limit: 50 } }, signal }),
      ),
    enabled: plant !== '',
  })

/** One job. */
export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['jobs', 'one', id],
    queryFn: ({ signal }) => ask('Reading the job', api.GET('/api/v1/jobs/{id}', { params: { path: { id } }, signal })),
    enabled: id !== '',
  })

/** A plan with its impact. */
export const planQuery = (id: string) =>
  queryOptions({
    queryKey: ['jobs', 'plan', id],
    queryFn: ({ signal }) =>
      ask('Reading the plan', api.GET('/api/v1/plans/{id}', { params: { path: { id } }, signal })),
    enabled: id !== '',
  })

/** How a rehearsal went. */
export const rehearsalQuery = (id: string) =>
  queryOptions({
    queryKey: ['jobs', 'rehearsal', id],
    queryFn: ({ signal }) =>
      ask('Reading the rehearsal', api.GET('/api/v1/rehearsals/{id}', { params: { path: { id } }, signal })),
    enabled: id !== '',
  })

/** Every check of a verification. */
export const verificationQuery = (id: string) =>
  queryOptions({
    queryKey: ['jobs', 'verification', id],
    queryFn: ({ signal }) =>
      ask('Reading the verification', api.GET('/api/v1/verifications/{id}', { params: { path: { id } }, signal })),
    enabled: id !== '',
  })

/** Deployments, newest first. */
export const deploymentsQuery = (plant: string) =>
  infiniteQueryOptions({
    queryKey: ['deployments', 'list', plant],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the deployments',
        api.GET('/api/v1/plants/{plant}/deployments', {
          params: { path: { plant }, query: { limit: pageSize, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
    enabled: plant !== '',
  })

/** A deployment device by device. */
export const deploymentQuery = (id: string) =>
  queryOptions({
    queryKey: ['deployments', 'one', id],
    queryFn: ({ signal }) =>
      ask('Reading the deployment', api.GET('/api/v1/deployments/{id}', { params: { path: { id } }, signal })),
    enabled: id !== '',
  })

/** Maintenance windows of a plant. */
export const windowsQuery = (plant: string) =>
  queryOptions({
    queryKey: ['jobs', 'windows', plant],
    queryFn: ({ signal }) =>
      ask(
        'Reading the maintenance windows',
        api.GET('/api/v1/plants/{plant}/windows', { params: { path: { plant } }, signal }),
      ),
    enabled: plant !== '',
  })
