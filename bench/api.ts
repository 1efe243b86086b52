import { listen, openApi, type ApiOptions } from '@cordon/server/api'
import fastify from 'fastify'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Figure, rounded } from './figure.ts'

const requests = 6000
const connections = 16
const address = '127.0.0.1'

/** Sends requests over kept connections, one after the other on each, from a thread of its own; seconds that it took. */
const client = `
const { workerData: { port, address, path, headers, requests, connections }, parentPort } = require('node:worker_threads')
const { connect } = require('node:net')
const text = 'GET ' + path + ' HTTP/1.1\\r\\nHost: localhost\\r\\n' + headers + '\\r\\n'
let sent = 0, done = 0, failed = 0
const began = performance.now()
for (let n = 0; n < connections; n++) {
  const socket = connect(port, address)
  let left = -1, held = ''
  const next = () => { if (sent < requests) { sent++; socket.write(text) } }
  socket.on('connect', next)
  socket.on('data', (part) => {
    held += part.toString('latin1')
    const end = held.indexOf('\\r\\n\\r\\n')
    if (end < 0) return
    if (left < 0) left = end + 4 + Number(/content-length: (\\d+)/i.exec(held)[1])
    if (held.length < left) return
    if (!held.startsWith('HTTP/1.1 200')) failed++
    held = ''; left = -1; done++
    if (done === requests) parentPort.postMessage({ seconds: (performance.now() - began) / 1000, failed })
    else next()
  })
}
`

async function rate(port: number, path: string, headers: string): Promise<number> {
  const worker = new Worker(client, {
    eval: true,
    workerData: { port, address, path, headers, requests, connections },
  })
  const [{ seconds, failed }] = (await once(worker, 'message')) as [{ seconds: number; failed: number }]
  await worker.terminate()
  if (failed > 0) throw new Error(`${failed} of ${requests} requests were not answered with 200`)
  return requests / seconds
}

const rows = Array.from({ length: 50 }, (_row, n) => ({
  id: n,
  at: '2026-11-28T17:00:00.000Z',
  kind: 'device-standing',
  subject: `Device_${n}`,
  plant: 'cpwe',
  detail: { standing: 'ok', was: 'running', by: 'verification' },
}))

/**
 * A list of 50 rows over the whole application (headers, cookies, authentication, rights, rate, query by schema,
 * serialisation by schema, log line counted) beside a bare Fastify route that returns the same bytes. Neither asks a
 * database: what is measured is what the application adds.
 */
export async function apiFigures(): Promise<readonly Figure[]> {
  let users = 0
  const api = await openApi({
    // The application itself asks nothing of the store here.
    services: { store: { db: {} } } as unknown as ApiOptions['services'],
    version: '0.0.0',
    handlers: { 'events.history': async () => ({ items: rows }) },
    authenticate: {
      session: async () => undefined,
      token: async () => {
        // Another user each time: the rate of one is what nobody measures here.
        users += 1
        const id = `${users}`
        const user = { id, name: 'bench', display: 'bench' }
        const actor = { kind: 'token', name: 'bench' } as const
        return {
          actor,
          user,
          roles: ['observer'],
          state: 'signed-in',
          session: undefined,
          token: id,
          isCsrfToken: () => false,
        }
      },
    },
  })
  const bare = fastify()
  const bytes = JSON.stringify({ items: rows })
  bare.get('/list', async (_request, reply) => await reply.type('application/json; charset=utf-8').send(bytes))
  await bare.ready()
  await using whole = await listen(api, { addresses: [{ address, port: 0 }], credential: undefined })
  await using beside = await listen({ fastify: bare }, { addresses: [{ address, port: 0 }], credential: undefined })
  const wholeRate = async () =>
    await rate(
      whole.addresses[0]?.port ?? 0,
      '/api/v1/events/history?limit=50',
      'Authorization: Bearer cordon_bench\r\n',
    )
  const bareRate = async () => await rate(beside.addresses[0]?.port ?? 0, '/list', '')
  await wholeRate()
  await bareRate()
  const ratios: { whole: number; bare: number }[] = []
  // One after the other and the other way round, so that a machine that gets slower favours neither.
  for (let n = 0; n < 4; n++) {
    const [first, second] = n % 2 === 0 ? [wholeRate, bareRate] : [bareRate, wholeRate]
    const [a, b] = [await first(), await second()]
    ratios.push(n % 2 === 0 ? { whole: a, bare: b } : { whole: b, bare: a })
  }
  await api[Symbol.asyncDispose]()
  await bare.close()
  const best = (of: 'whole' | 'bare') => Math.max(...ratios.map((one) => one[of]))
  const ratio = rounded(best('whole') / best('bare'))
  return [
    {
      name: 'api-list-rate',
      value: rounded(best('whole')),
      unit: 'requests per second',
      baseline: rounded(best('bare')),
      ratio,
      target: 'at least 0.6 of a bare Fastify route with the same bytes',
      met: ratio >= 0.6,
    },
  ]
}
