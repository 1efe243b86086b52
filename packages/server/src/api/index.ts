/**
 * The manager's API: its contract and its document.
 * @module
 */
export { routes } from './contract/all.ts'
export type { Access, Route, Routes } from './contract/route.ts'
export { apiPrefix, openApiDocument } from './openapi.ts'
