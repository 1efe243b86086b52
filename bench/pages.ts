import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { path } from '@cordon/core/cip'
import { parsePlant, parseSimulation } from '@cordon/core/policy'
import { connect, openClass3, type Session } from '@cordon/node/originator'
import { VirtualPlant } from '@cordon/simulator'
import { type Figure, median, rounded } from './figure.ts'
import type { ReadOrder, ReadReport } from './pages-child.ts'

const connections = 10_000
const sessions = 20
const rounds = 21
const targetMs = 50
const address = '127.10.1.1'

/**
 * How long a device with ten thousand open connections takes to answer for its bridge connections: as a page, which has
 * the first rows and links to the rest, and as JSON with all of them. Beside it the same number of bytes from a server
 * that only sends them.
 */
export async function pageFigures(): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cordon-bench-'))
  const sealingKey = new Uint8Array(32).fill(7)
  const plant = await VirtualPlant.start({ ...onePlant(), directory, sealingKey, broadcast: null })
  const opened: Session[] = []
  try {
    for (let place = 0; place < sessions; place++) opened.push(await connect({ address, transport: 'tcp' }))
    await Promise.all(opened.map((session) => open(session, connections / sessions)))
    const port = plant.device('Unit')?.status().pages
    if (port === undefined) throw new Error('the device has no pages')
    await using reader = startReader()
    return [
      await figure(reader, 'pages-10000-connections-html', port, '/bridge?refresh=0'),
      await figure(reader, 'pages-10000-connections-json', port, '/api/bridge'),
    ]
  } finally {
    await Promise.all(opened.map((session) => session.close()))
    await plant.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function open(session: Session, count: number): Promise<void> {
  const messages = path({ class: 0x02, instance: 1 })
  // A long interval: nothing is asked over them, and none is to time out.
  for (let place = 0; place < count; place++) await openClass3(session, { path: messages, rpiMs: 30_000 })
}

interface Reader extends AsyncDisposable {
  read(order: ReadOrder): Promise<ReadReport>
}

/** A process that reads: in this one it would take turns with what it waits for. */
function startReader(): Reader {
  const child = fork(fileURLToPath(new URL('pages-child.js', import.meta.url)))
  const gone = new AbortController()
  child.once('exit', () => gone.abort())
  return {
    read: async (order) => {
      child.send(order)
      const [report] = await once(child, 'message', { signal: gone.signal })
      return report as ReadReport // it sends nothing else
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

async function figure(reader: Reader, name: string, port: number, target: string): Promise<Figure> {
  const { ms, bytes } = await measured(reader, port, target)
  const body = Buffer.alloc(bytes, 0x20)
  const constant = createServer((_, response) => {
    response.writeHead(200, { 'Content-Length': body.length, Connection: 'close' })
    response.end(body)
  })
  await new Promise<void>((done) => constant.listen(0, address, done))
  const bound = constant.address()
  const baseline = await measured(reader, typeof bound === 'object' && bound !== null ? bound.port : 0, '/')
  await new Promise((done) => constant.close(done))
  return {
    name,
    value: rounded(ms),
    unit: 'ms',
    baseline: rounded(baseline.ms),
    ratio: rounded(ms / baseline.ms),
    target: `at most ${targetMs} ms; baseline: the same ${bytes} bytes, constant`,
    met: ms <= targetMs,
  }
}

/** Time until the last byte is there, in the middle of several rounds. */
async function measured(
  reader: Reader,
  port: number,
  target: string,
): Promise<{ readonly ms: number; readonly bytes: number }> {
  const { times, bytes } = await reader.read({ host: address, port, path: target, rounds })
  return { ms: median(times.slice(1)), bytes }
}

function onePlant() {
  const { plant } = parsePlant(
    `version: 1
plant: pages
authority: { key: ecdsa-p256, subject: { organization: Bench }, device: { validity: 5y } }
nonSecure: allow
zones: { line: { authentication: none, messaging: none, io: none, nonSecure: allow } }
devices: { Unit: { address: ${address}, zone: line } }
`,
    'bench plant',
  )
  const { simulation, problems } = parseSimulation(
    `version: 1
plant: pages
devices:
  Unit:
    kind: adapter
    identity: { vendor: 77, type: 12, product: 1, revision: [1, 1], serial: 1, name: Bench Unit }
    security: none
    capacity: { connections: ${connections}, sessions: 64 }
`,
    'bench simulation',
  )
  if (plant === undefined || simulation === undefined)
    throw new Error(problems.map(({ message }) => message).join('\n'))
  return { plant, simulation }
}
