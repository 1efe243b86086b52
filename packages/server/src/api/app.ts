import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { type Readable, Transform } from 'node:stream'
import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RouteOptions,
} from 'fastify'
import { routes } from './contract/all.ts'
import { problem } from './contract/common.ts'
import type { Route } from './contract/route.ts'
import type { Authenticate } from './authenticate.ts'
import { lazyCompilers } from './compilers.ts'
import { failureOf } from './failures.ts'
import { callerOfRequest, guard, rememberCallers } from './guard.ts'
import type { Call, Handler, SomeHandlers, Upload } from './handler.ts'
import { setHeaders } from './headers.ts'
import { type Log, openLog } from './log.ts'
import { type Metrics, startMetrics, type StoreGauge } from './metrics.ts'
import { apiPrefix, openApiDocument } from './openapi.ts'
import { addOperations } from './operations.ts'
import { notFound, RequestProblem } from './problem.ts'
import { filesPerMinute, rateOptions } from './rates.ts'
import { Refusals } from './refusals.ts'
import type { Services } from './services.ts'
import { leaving, typed } from './validation.ts'
import { isViewAddress, type Page, serveWebPages } from './web-pages.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Name of the operation, for the log and the metrics. */
    operation?: string
  }
}

/** Handlers of the API's routes by operation name. */
export type ApiHandlers = SomeHandlers<typeof routes>

/** What an application is put together from. */
export interface ApiOptions {
  readonly services: Services
  /** A route without one answers 501. */
  readonly handlers: ApiHandlers
  readonly authenticate: Authenticate
  /** Of Cordon, for the document. */
  readonly version: string
  /** Directory of the built web interface; without one there is only the API. */
  readonly web?: string | undefined
  /** Names of the manager besides `localhost` and IP addresses. */
  readonly hosts?: readonly string[]
  /** Addresses or networks of reverse proxies whose `x-forwarded-…` headers are believed; default none. */
  readonly proxies?: readonly string[]
  /** Default: none is written. */
  readonly log?: Log
  /** What else of the store is among the metrics. */
  readonly gauges?: readonly StoreGauge[]
  /** Longest that the body of a request may take to come, milliseconds; default 20,000. Uploads are not bounded by it. */
  readonly bodyTimeoutMs?: number
}

/** An application, ready to answer. */
export interface Api extends AsyncDisposable {
  readonly fastify: FastifyInstance
  readonly metrics: Metrics
  readonly log: Log
  /** Operations that nobody answers yet. */
  readonly missing: readonly string[]
  /** Resolves when the refusals so far are in the audit. */
  settled(): Promise<void>
  /** Aborts what is being answered, so that streams end; then disposal finds nothing open. */
  end(): void
}

/** Largest body of a request that says nothing else, bytes. */
const defaultBodyLimit = 65_536
const defaultBodyTimeoutMs = 20_000

/** Operations without a handler. */
export function missingHandlers(handlers: ApiHandlers): readonly string[] {
  return Object.keys(routes).filter((name) => !Object.hasOwn(handlers, name))
}

/**
 * Puts the manager's application together: the routes of the contract with their handlers, who may use them, health,
 * metrics and the web interface. It listens nowhere: see `listen`.
 */
export async function openApi(options: ApiOptions): Promise<Api> {
  const { services, handlers, version, proxies = [], log = openLog({ level: 'silent' }) } = options
  const metrics = startMetrics(services.store, options.gauges)
  const refusals = new Refusals(services.store, (error) => log.error({ err: error }, 'a refusal is not in the audit'))
  const ending = new AbortController()
  // Every open stream listens to it: many are no leak.
  setMaxListeners(0, ending.signal)
  const app: FastifyInstance = fastify({
    loggerInstance: log as FastifyBaseLogger,
    // One line for each answer, of ours, instead of two.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    bodyLimit: defaultBodyLimit,
    genReqId: () => randomBytes(8).toString('hex'),
    trustProxy: proxies.length === 0 ? false : [...proxies],
    // Whoever asks while the manager ends gets an answer still.
    return503OnClosing: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 2048 },
    schemaController: { compilersFactory: lazyCompilers },
    frameworkErrors: (error, request, reply) => void answerFailure(error, request, reply),
  })
  rememberCallers(app)
  app.setErrorHandler(answerFailure)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
  await app.register(cookie)
  await setHeaders(app, { hosts: options.hosts ?? [] })
  app.addHook('onResponse', async (request, reply) => record(request, reply, metrics))

  const guards = guard({ authenticate: options.authenticate, refusals, monotonic: () => performance.now() })
  await app.register(
    async (scope) => {
      await scope.register(rateLimit, { global: false })
      scope.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', 'no-store')
      })
      for (const [name, route] of Object.entries(routes) as [string, Route][]) {
        // By the table each handler is of its route; here all routes are alike.
        const handler = (handlers as Readonly<Record<string, Handler<Route> | undefined>>)[name]
        const declared = routeOf(name, route, handler, { options, guards, metrics, ending: ending.signal })
        const { upload, bodyLimit = defaultBodyLimit } = route
        if (upload === undefined) scope.route(declared)
        else {
          await scope.register(async (own) => {
            acceptUpload(own, upload, bodyLimit)
            own.route(declared)
          })
        }
      }
    },
    { prefix: apiPrefix },
  )
  await addOperations(app, {
    store: services.store,
    metrics,
    guard: guards,
    document: JSON.stringify(openApiDocument(routes, version)),
  })
  let page: Page | undefined
  await app.register(async (scope) => {
    await scope.register(rateLimit, rateOptions({ access: 'public' }, filesPerMinute))
    if (options.web !== undefined) page = await serveWebPages(scope, options.web)
  })
  app.setNotFoundHandler(async (request, reply) => {
    if (page !== undefined && isViewAddress(request.method, request.url)) return await page(reply)
    throw notFound('such address')
  })
  await app.ready()
  return {
    fastify: app,
    metrics,
    log,
    missing: missingHandlers(handlers),
    settled: () => refusals.settled(),
    end: () => ending.abort(),
    [Symbol.asyncDispose]: async () => {
      ending.abort()
      await app.close()
      await refusals.settled()
    },
  }
}

/** Every failure is a problem with the id of its request. What is ours to repair is told to the log only. */
async function answerFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { status, body, unexpected, retryAfter } = failureOf(error, request.id)
  if (unexpected) request.log.error({ err: error }, body.code)
  if (reply.raw.headersSent) {
    reply.raw.destroy()
    return
  }
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  // A body that was not read to its end must not be taken for the next request.
  if (status === 408 || status === 413) reply.header('connection', 'close')
  await reply.code(status).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body)
}

function record(request: FastifyRequest, reply: FastifyReply, metrics: Metrics): void {
  const operation = request.routeOptions.config.operation ?? request.routeOptions.url ?? 'none'
  metrics.request(operation, reply.statusCode, reply.elapsedTime / 1000)
  request.log.info(
    {
      address: request.ip,
      caller: callerOfRequest(request).actor.name,
      method: request.method,
      route: operation,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    },
    'request',
  )
}

/** An operation as Fastify takes it. */
function routeOf(
  name: string,
  route: Route,
  handler: Handler<Route> | undefined,
  about: {
    readonly options: ApiOptions
    readonly guards: ReturnType<typeof guard>
    readonly metrics: Metrics
    readonly ending: AbortSignal
  },
): RouteOptions {
  const { options, guards, metrics, ending } = about
  const { response, status, bodyLimit = defaultBodyLimit } = route
  const bodyTimeoutMs = options.bodyTimeoutMs ?? defaultBodyTimeoutMs
  return {
    method: route.method,
    url: route.path,
    config: { operation: name, rateLimit: rateOptions(route) },
    bodyLimit,
    schema: {
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.body === undefined ? {} : { body: route.body }),
      response: {
        ...(response === undefined ? {} : { [status]: leaving(response) }),
        '4xx': leaving(problem),
        '5xx': leaving(problem),
      },
    },
    onRequest: guards.identify(name),
    preParsing: [
      guards.admit(name, route),
      async (request, reply) => {
        if (route.upload === undefined) endSlowBody(request, reply, bodyTimeoutMs)
      },
    ],
    preValidation: async (request) => {
      request.params = typed(route.params, request.params)
      request.query = typed(route.query, request.query)
      if (route.body === undefined && route.upload === undefined && !isEmpty(request.body)) {
        throw new RequestProblem(400, { code: 'bad-request', message: 'the request has a body, expected none' })
      }
    },
    handler: async (request, reply) => {
      if (handler === undefined) {
        throw new RequestProblem(501, { code: 'not-there-yet', message: `${name} is not there yet` })
      }
      if (route.download === 'text/event-stream') {
        metrics.streams(1)
        reply.raw.once('close', () => metrics.streams(-1))
      }
      const answer = await handler(callOf(request, reply, options.services, ending))
      if (reply.sent) return reply
      if (answer === undefined && status !== 204) throw new Error(`${name} answered nothing`)
      return reply.code(status).send(answer)
    },
  }
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0)
}

function callOf(request: FastifyRequest, reply: FastifyReply, services: Services, ending: AbortSignal): Call<Route> {
  let signal: AbortSignal | undefined
  return {
    // As validated by the schemas of the route, whose types these are.
    params: request.params as Call<Route>['params'],
    query: request.query as Call<Route>['query'],
    body: request.body as Call<Route>['body'],
    caller: callerOfRequest(request),
    request: { id: request.id, address: request.ip, agent: request.headers['user-agent'] ?? '', host: request.host },
    services,
    // Made for those who ask for it: most answers are there before anybody could abort them.
    get signal() {
      signal ??= untilClosed(reply, ending)
      return signal
    },
    fastify: { request, reply },
  }
}

/** Aborts when the client goes away before it has its answer, or the manager ends. */
function untilClosed(reply: FastifyReply, ending: AbortSignal): AbortSignal {
  const gone = new AbortController()
  const abort = () => gone.abort()
  if (ending.aborted || reply.raw.destroyed) abort()
  ending.addEventListener('abort', abort, { once: true })
  reply.raw.once('close', () => {
    ending.removeEventListener('abort', abort)
    abort()
  })
  return gone.signal
}

/** A body that comes drop by drop holds a connection, not for ever. */
function endSlowBody(request: FastifyRequest, reply: FastifyReply, ms: number): void {
  if (request.raw.readableEnded || request.raw.complete) return
  const timer = setTimeout(() => {
    if (request.raw.complete || reply.sent) return
    reply.raw.once('finish', () => request.raw.destroy())
    reply.send(
      new RequestProblem(408, { code: 'timeout', message: `the body took longer than ${ms / 1000} s to come` }),
    )
  }, ms)
  request.raw.once('close', () => clearTimeout(timer))
  request.raw.once('end', () => clearTimeout(timer))
}

/** Hands the bytes of an upload to its handler as they come, up to a limit. */
function acceptUpload(scope: FastifyInstance, mediaType: string, limit: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(mediaType, (request, payload, done) => {
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      done(tooLarge(limit), undefined)
      return
    }
    done(null, bounded(payload, limit))
  })
}

function tooLarge(limit: number): RequestProblem {
  return new RequestProblem(413, { code: 'too-large', message: `the upload is larger than ${limit} bytes` })
}

function bounded(payload: Readable, limit: number): Upload {
  let length = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      length += chunk.length
      if (length > limit) next(tooLarge(limit))
      else next(null, chunk)
    },
  })
  payload.once('error', (error) => stream.destroy(error))
  payload.once('close', () => {
    if (!payload.readableEnded) stream.destroy(new Error('the client went away'))
  })
  return payload.pipe(stream)
}
