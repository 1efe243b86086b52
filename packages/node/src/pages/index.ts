/** A device's own pages, and the same as JSON: served by devices, read by tools. */
export { openPageClient, type PageClient, type PageClientOptions } from './client.ts'
export { type PlantReading, PlantTables, type PlantTablesOptions, type UnreadDevice } from './plant-tables.ts'
export { defaultPagePorts, type PageLimits, PageServer, type PageServerOptions } from './server.ts'
export { type DeviceParts, deviceSource, type PageSource } from './source.ts'
