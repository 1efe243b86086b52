import { mkdtempSync, chmodSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LiveEvents, startLiveEvents } from '@cordon/server/jobs'
import { destroyStore, openStore, type Store } from '@cordon/server/store'
import { type Figure, rounded } from './figure.ts'

const viewers = 200
const perSecond = 10
const seconds = 8

/**
 * What 200 live viewers cost this process at 10 events in a second, in seconds of processor per second, beside the same
 * with one viewer; and how long an event takes from its commit to the last of them.
 */
export async function liveFigures(): Promise<readonly Figure[]> {
  const root = mkdtempSync(join(tmpdir(), 'cordon-live-'))
  chmodSync(root, 0o711)
  const options = { state: join(root, 'state'), clusters: join(root, 'clusters') }
  const store = await openStore(options)
  try {
    const one = await measure(store, 1)
    const many = await measure(store, viewers)
    return [
      {
        name: 'live-viewers-processor',
        value: rounded(many.processor),
        unit: 'cores',
        baseline: rounded(one.processor),
        ratio: rounded(many.processor / one.processor),
        target: `${viewers} viewers at ${perSecond} events/s under one core, their clients included; beside one viewer`,
        met: many.processor < 1,
      },
      {
        name: 'live-viewers-delay',
        value: rounded(many.delayMs),
        unit: 'ms',
        baseline: rounded(one.delayMs),
        target: 'reported: mean from the insert to the last viewer; beside one viewer',
      },
    ]
  } finally {
    await store[Symbol.asyncDispose]()
    await destroyStore(options)
    rmSync(root, { recursive: true, force: true })
  }
}

async function measure(store: Store, count: number): Promise<{ readonly processor: number; readonly delayMs: number }> {
  await using live = startLiveEvents({ store })
  const server = createServer((_, response) => {
    void pass(live, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const clients = await Promise.all(Array.from({ length: count }, () => connect(port)))
  try {
    while (live.subscribers < count) await sleep(20)
    await happen(store)
    await sleep(500)
    const before = process.cpuUsage()
    const began = performance.now()
    const delays: number[] = []
    for (let sent = 0; sent < seconds * perSecond; sent++) {
      const at = performance.now()
      const wanted = clients.map((client) => client.heard + 1)
      await happen(store)
      while (clients.some((client, place) => client.heard < (wanted[place] ?? 0))) await sleep(1)
      delays.push(performance.now() - at)
      await sleep(Math.max(0, began + ((sent + 1) * 1000) / perSecond - performance.now()))
    }
    const { user, system } = process.cpuUsage(before)
    const tookMs = performance.now() - began
    return {
      processor: (user + system) / 1000 / tookMs,
      delayMs: delays.reduce((sum, delay) => sum + delay, 0) / delays.length,
    }
  } finally {
    for (const { response } of clients) response.destroy()
    server.close()
  }
}

async function happen(store: Store): Promise<void> {
  const detail = JSON.stringify({ kind: 'deploy', state: 'running', done: 17, total: 400, current: 'identities' })
  await store.db.insertInto('events').values({ kind: 'job', subject: 'bench', plant: 'cpwe', detail }).execute()
}

async function pass(live: LiveEvents, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  using subscription = live.subscribe({ wants: () => true })
  response.once('close', () => subscription[Symbol.dispose]())
  for (;;) {
    const events = await subscription.next()
    if (events === undefined) return
    response.write(Buffer.concat(events.map(({ frame }) => frame)))
  }
}

interface Client {
  readonly response: IncomingMessage
  heard: number
}

function connect(port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, (response) => {
      const client = { response, heard: 0 }
      response.on('data', (chunk: Buffer) => {
        client.heard += chunk.toString('latin1').split('\n\n').length - 1
      })
      response.on('error', () => undefined)
      resolve(client)
    }).on('error', reject)
  })
}
