import { queryOptions } from '@tanstack/react-query'
import { api, ask } from '../api.ts'

/** All users. */
export const usersQuery = queryOptions({
  queryKey: ['users', 'list'],
  queryFn: ({ signal }) => ask('Reading the users', api.GET('/api/v1/users', { signal })),
})

/** One user. */
export const userQuery = (id: string) =>
  queryOptions({
    queryKey: ['users', 'one', id],
    queryFn: ({ signal }) =>
      ask('Reading the user', api.GET('/api/v1/users/{id}', { params: { path: { id } }, signal })),
    enabled: id !== '',
  })

/** Roles and what each permits; they are part of the manager and do not change while it runs. */
export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: ({ signal }) => ask('Reading the roles', api.GET('/api/v1/roles', { signal })),
})

/** Identity providers. */
export const providersQuery = queryOptions({
  queryKey: ['users', 'providers'],
  queryFn: ({ signal }) => ask('Reading the identity providers', api.GET('/api/v1/identity-providers', { signal })),
})

/** API tokens of everybody. */
export const allTokensQuery = queryOptions({
  queryKey: ['tokens', 'all'],
  queryFn: ({ signal }) =>
    ask('Reading the API tokens', api.GET('/api/v1/tokens', { params: { query: { all: true } }, signal })),
})
