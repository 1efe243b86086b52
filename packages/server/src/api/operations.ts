import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { newestMigration } from '../store/migrations.ts'
import { appliedMigration, type Store } from '../store/store.ts'
import type { Route } from './contract/route.ts'
import type { guard } from './guard.ts'
import { type Metrics, within } from './metrics.ts'
import { rateOptions } from './rates.ts'

/** Longest that a question about readiness takes, milliseconds. */
const readyTimeoutMs = 2000

/** Why a manager cannot work now; undefined when it can. */
export async function notReady(store: Pick<Store, 'db'>): Promise<string | undefined> {
  try {
    const applied = await within(
      readyTimeoutMs,
      sql`select 1`.execute(store.db).then(() => appliedMigration(store.db)),
    )
    return applied === newestMigration
      ? undefined
      : `the schema is ${applied ?? 'missing'}, expected ${newestMigration}`
  } catch {
    return 'the database does not answer'
  }
}

/** Metrics are guarded like an operation. */
const metricsRoute: Route = {
  method: 'GET',
  path: '/metrics',
  access: 'settings.read',
  summary: 'Figures for Prometheus',
  status: 200,
}

/** What operators and programs ask for outside of the API: health, metrics and the document. */
export async function addOperations(
  app: FastifyInstance,
  about: {
    readonly store: Pick<Store, 'db'>
    readonly metrics: Metrics
    readonly guard: ReturnType<typeof guard>
    /** Text of the OpenAPI document. */
    readonly document: string
  },
): Promise<void> {
  const { store, metrics, document } = about
  await app.register(async (scope) => {
    await scope.register(rateLimit, rateOptions({ access: 'public' }))
    scope.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'no-store')
    })
    scope.get('/openapi.json', async (_request, reply) => await reply.type('application/json').send(document))
    // Only that the process lives: a manager whose database is away must not be restarted for it.
    scope.get('/healthz', async () => ({ status: 'ok' }))
    scope.get('/readyz', async (_request, reply) => {
      const reason = await notReady(store)
      if (reason === undefined) return { status: 'ok' }
      return await reply.code(503).header('retry-after', '5').send({ status: 'not ready', reason })
    })
    scope.get(
      metricsRoute.path,
      {
        onRequest: about.guard.identify('metrics.read'),
        preParsing: about.guard.admit('metrics.read', metricsRoute),
      },
      async (_request, reply) => await reply.type(metrics.contentType).send(await metrics.text()),
    )
  })
}
