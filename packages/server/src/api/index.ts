/**
 * The manager's API: its contract and document, and the application that answers it.
 * @module
 */
export { type Api, type ApiHandlers, type ApiOptions, missingHandlers, openApi } from './app.ts'
export {
  type Authenticate,
  type Identity,
  sessionCookie,
  sessionCookieOptions,
  type SignInState,
  tokenPrefix,
} from './authenticate.ts'
export { routes } from './contract/all.ts'
export type { Access, Route, Routes } from './contract/route.ts'
export type { Call, Caller, Handler, Handlers, SomeHandlers, Upload } from './handler.ts'
export {
  listen,
  type ListenCredential,
  listenForMetrics,
  type Listening,
  type ListenLimits,
  type ListenOptions,
} from './listen.ts'
export { type Log, logLevels, type LogOptions, openLog } from './log.ts'
export { type Manager, type ManagerOptions, openManager } from './manager.ts'
export { managerCredential, type ManagerNames, shownFingerprint } from './manager-credential.ts'
export type { Measured, Metrics, StoreGauge } from './metrics.ts'
export { apiPrefix, openApiDocument } from './openapi.ts'
export { notFound, type Problem, RequestProblem } from './problem.ts'
export { handlers } from './routes/all.ts'
export type { CaptureVerdict, Services } from './services.ts'
export { userPolicy } from './user-policy.ts'
