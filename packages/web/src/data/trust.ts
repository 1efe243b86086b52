import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'
import type { Shapes } from '../api-types.ts'

const pageSize = 100

/** How enrollments are narrowed. */
export interface EnrollmentFilter {
  readonly plant?: string
  readonly state: Shapes['Enrollment']['state']
  readonly search?: string
}

/** Requests for certificates, oldest first. */
export const enrollmentsQuery = (filter: EnrollmentFilter) =>
  infiniteQueryOptions({
    queryKey: ['enrollments', 'list', filter],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the enrollments',
        api.GET('/api/v1/enrollments', {
          params: { query: { ...filter, limit: pageSize, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
  })

/** One request with its history. */
export const enrollmentQuery = (id: number) =>
  queryOptions({
    queryKey: ['enrollments', 'one', id],
    queryFn: ({ signal }) =>
      ask('Reading the enrollment', api.GET('/api/v1/enrollments/{id}', { params: { path: { id } }, signal })),
    enabled: Number.isSafeInteger(id) && id > 0,
  })

/** How certificates are narrowed, as the manager takes it. */
export interface CertificateFilter {
  readonly status?: Shapes['Certificate']['status']
  readonly withinDays?: number
  readonly zone?: string
  readonly search?: string
}

/** Certificates by their end, the earliest first. */
export const certificatesQuery = (filter: CertificateFilter) =>
  infiniteQueryOptions({
    queryKey: ['certificates', 'list', filter],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the certificates',
        api.GET('/api/v1/certificates', {
          params: { query: { ...filter, limit: 200, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
  })

/** One certificate, with its PEM. */
export const certificateQuery = (issuer: string, serial: string) =>
  queryOptions({
    queryKey: ['certificates', 'one', issuer, serial],
    queryFn: ({ signal }) =>
      ask(
        'Reading the certificate',
        api.GET('/api/v1/certificates/{issuer}/{serial}', { params: { path: { issuer, serial } }, signal }),
      ),
    enabled: issuer !== '' && serial !== '',
  })

/** Root and issuing authorities. */
export const authoritiesQuery = queryOptions({
  queryKey: ['certificates', 'authorities'],
  queryFn: ({ signal }) => ask('Reading the authorities', api.GET('/api/v1/authorities', { signal })),
})

/** Vendors’ certificates that first contact is checked by. */
export const anchorsQuery = queryOptions({
  queryKey: ['certificates', 'anchors'],
  queryFn: ({ signal }) => ask('Reading the vendor anchors', api.GET('/api/v1/vendor-anchors', { signal })),
})
