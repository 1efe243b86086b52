/** Enrollment over Secure Transport from the client's side: one exchange, and the driver of the pull model. */
export { type EstRequest, exchange, type ExchangeOptions, type ExchangeTimeouts } from './exchange.ts'
export { PullClient, type PullClientOptions, type PullProblem } from './pull-client.ts'
export type { CardCredential, ClientCredential, KeyCredential, PullUnit } from './pull-unit.ts'
export {
  type AnnouncedEstServer,
  announcedEstServers,
  type EstSearchOptions,
  estServers,
  parseEstServer,
} from './servers.ts'
export { ServiceResolver, type ServiceResolverOptions } from './service-resolver.ts'
export { FileUnit, type FileUnitOptions, type UnitFiles, unitFiles } from './file-unit.ts'
