/** A device's own pages, and the same as JSON: served by devices, read by tools. */
export { type PageClient, openPageClient, type PageClientOptions } from './client.ts'
export { defaultPagePorts, type PageLimits, PageServer, type PageServerOptions } from './server.ts'
export { type DeviceParts, deviceSource, type PageSource } from './source.ts'
