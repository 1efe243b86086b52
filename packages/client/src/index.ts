/**
 * The manager's API, typed: types from its OpenAPI document, requests by `openapi-fetch`.
 * @module
 */
export { type ApiClient, type ApiOptions, apiClient, ApiProblem, answered } from './client.ts'
export type { components, operations, paths } from './schema.ts'
