import { createHash } from 'node:crypto'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { MalformedMessage, PeerError, TransportError } from '@cordon/core/errors'
import type { FaultKind } from '@cordon/core/policy'
import type { EntropyStatus } from '@cordon/node/entropy'
import type { ExchangedUnit } from './device-files.ts'
import type { Interception } from './man-in-the-middle.ts'
import type { ConnectionStatus, DeviceStatus } from './status.ts'

/** What a running virtual plant can be asked from another process of the same user. */
export interface ControlRequests {
  /**
   * Every device: what it is, its security state, its faults. `stalls` is the time for which the machine did not let the
   * plant run, in all and at most at once, milliseconds: the plant's own time stood still meanwhile. `entropy` is where
   * the randomness of all units stands.
   */
  readonly status: {
    readonly request: Record<never, never>
    readonly reply: {
      readonly devices: readonly DeviceStatus[]
      readonly stalls: { readonly totalMs: number; readonly longestMs: number }
      readonly entropy: EntropyStatus
      /** File that gets the keys of every association; absent while none does. Whoever shows a status says it. */
      readonly keyLog?: string
    }
  }
  /** Every connection: over what it runs, when it moved, how long its data was interrupted. */
  readonly connections: {
    readonly request: Record<never, never>
    readonly reply: {
      readonly connections: readonly ConnectionStatus[]
      /** File that gets the keys of every association; absent while none does. Whoever shows a status says it. */
      readonly keyLog?: string
    }
  }
  /** Starts what the plant file says begins after a deployment. */
  readonly 'start-later': {
    readonly request: Record<never, never>
    readonly reply: { readonly started: readonly string[] }
  }
  /** Makes a device misbehave, or well again (`fault: null`). */
  readonly fault: {
    readonly request: { readonly device: string; readonly fault: FaultKind | null }
    readonly reply: Record<never, never>
  }
  /** Pulls the cable of a device out, or puts it in again. */
  readonly cable: {
    readonly request: { readonly device: string; readonly pulled: boolean }
    readonly reply: Record<never, never>
  }
  /** Puts another unit of the same model in a device's place, factory-new. */
  readonly exchange: {
    readonly request: { readonly device: string; readonly unit: ExchangedUnit }
    readonly reply: Record<never, never>
  }
  /** What the man in the middle of a device got between. */
  readonly interceptions: {
    readonly request: { readonly device: string }
    readonly reply: { readonly interceptions: readonly Interception[] }
  }
  /** Ends the plant; the reply comes before. */
  readonly stop: { readonly request: Record<never, never>; readonly reply: Record<never, never> }
}

/** Name of a request. */
export type ControlOperation = keyof ControlRequests

/** How a plant answers each request. */
export type ControlHandlers = {
  readonly [O in ControlOperation]: (request: ControlRequests[O]['request']) => Promise<ControlRequests[O]['reply']>
}

/** Longest line accepted: a request is small, a reply holds the table of a large plant. */
const maximumRequest = 64 * 1024
const maximumReply = 64 * 1024 * 1024

/** Bytes that a Unix socket's path may have on every system. */
const maximumPath = 100

/** Where the control socket of a plant lies: in its directory, or in the temporary directory where the path is too long. */
export function controlPath(directory: string): string {
  const path = join(resolve(directory), 'control.sock')
  if (Buffer.byteLength(path) <= maximumPath) return path
  const hash = createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 16)
  return join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `cordon-${hash}`, 'control.sock')
}

/** Serves a plant's control socket (mode 0600): one JSON object a line, `{ id, operation, request }`. */
export class ControlServer {
  readonly path: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(path: string, server: Server) {
    this.path = path
    this.#server = server
  }

  /** Listens. @throws TransportError `address-in-use` when another plant runs in this directory */
  static async open(directory: string, handlers: ControlHandlers): Promise<ControlServer> {
    const path = controlPath(directory)
    await mkdir(resolve(path, '..'), { recursive: true, mode: 0o700 })
    if (await answers(path)) {
      throw new TransportError(
        'address-in-use',
        `a plant already runs in ${directory}; end it, or choose another directory`,
      )
    }
    await rm(path, { force: true })
    const server = createServer()
    const control = new ControlServer(path, server)
    server.on('connection', (socket) => control.#serve(socket, handlers))
    await new Promise<void>((done, fail) => {
      server.once('error', fail)
      server.listen(path, done)
    })
    await chmod(path, 0o600)
    return control
  }

  #serve(socket: Socket, handlers: ControlHandlers): void {
    this.#sockets.add(socket)
    let pending = ''
    socket.setEncoding('utf8')
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (text: string) => {
      pending += text
      if (pending.length > maximumRequest) {
        socket.destroy()
        return
      }
      const lines = pending.split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) {
        answer(line, handlers).then(
          (reply) => socket.writable && socket.write(`${JSON.stringify(reply)}\n`),
          () => socket.destroy(),
        )
      }
    })
  }

  /** Stops listening and drops whoever is connected. */
  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()))
    for (const socket of this.#sockets) socket.destroySoon()
    await closed
    await rm(this.path, { force: true })
  }
}

async function answer(
  line: string,
  handlers: ControlHandlers,
): Promise<{ id: unknown; reply?: unknown; error?: string }> {
  let message: { id?: unknown; operation?: unknown; request?: unknown }
  try {
    // Any JSON: every part is looked at below.
    message = JSON.parse(line) as typeof message
  } catch {
    return { id: undefined, error: 'expected one JSON object a line' }
  }
  const { id, operation, request } = message ?? {}
  const handler = Object.entries(handlers).find(([name]) => name === operation)?.[1]
  if (handler === undefined)
    return { id, error: `expected one of ${Object.keys(handlers).join(', ')}, got ${JSON.stringify(operation)}` }
  try {
    // The table of handlers is typed per operation; by name only the common shape is left.
    return { id, reply: await (handler as (request: unknown) => Promise<unknown>)(request ?? {}) }
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) }
  }
}

async function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })
}

/** A client of a running plant's control socket. */
export class PlantControl implements AsyncDisposable {
  readonly #socket: Socket
  readonly #waiting = new Map<number, { done: (reply: unknown) => void; fail: (error: Error) => void }>()
  #next = 1

  private constructor(socket: Socket) {
    this.#socket = socket
    let pending = ''
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      pending += text
      if (pending.length > maximumReply) {
        socket.destroy()
        return
      }
      const lines = pending.split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) this.#receive(line)
    })
    socket.on('close', () => this.#fail(new TransportError('closed', 'the virtual plant has ended')))
    socket.on('error', (error) =>
      this.#fail(new TransportError('io', 'the virtual plant cannot be reached', { cause: error })),
    )
  }

  /** Connects to the plant that runs in `directory`. @throws TransportError `unreachable` when none does */
  static async connect(directory: string): Promise<PlantControl> {
    const path = controlPath(directory)
    const socket = connect(path)
    await new Promise<void>((done, fail) => {
      socket.once('connect', done)
      socket.once('error', (cause) =>
        fail(
          new TransportError('unreachable', `no virtual plant runs in ${directory}; start one with "cordon simulate"`, {
            cause,
          }),
        ),
      )
    })
    return new PlantControl(socket)
  }

  /** Asks the plant. @throws PeerError what the plant refuses @throws TransportError when it is gone */
  async call<O extends ControlOperation>(
    operation: O,
    request: ControlRequests[O]['request'],
  ): Promise<ControlRequests[O]['reply']> {
    const id = this.#next++
    const reply = new Promise<unknown>((done, fail) => this.#waiting.set(id, { done, fail }))
    if (!this.#socket.writable) throw new TransportError('closed', 'the virtual plant has ended')
    this.#socket.write(`${JSON.stringify({ id, operation, request })}\n`)
    // The plant is this product in another process: its replies have the shape that ControlRequests declares.
    return (await reply) as ControlRequests[O]['reply']
  }

  #receive(line: string): void {
    let message: { id?: unknown; reply?: unknown; error?: unknown }
    try {
      // Any JSON: every part is looked at below.
      message = JSON.parse(line) as typeof message
    } catch (cause) {
      this.#fail(new MalformedMessage('bad-encoding', 'the virtual plant sent something else than JSON', { cause }))
      return
    }
    const { id } = message
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined
    if (typeof id !== 'number' || waiting === undefined) return
    this.#waiting.delete(id)
    if (typeof message.error === 'string') waiting.fail(new PeerError('unexpected-reply', message.error))
    else waiting.done(message.reply)
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.fail(error)
    this.#waiting.clear()
  }

  /** As closing it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }
}

/** Where a plant keeps its devices unless told: in Cordon's state, by the plant's name. */
export function defaultDirectory(state: string, plant: string): string {
  return join(state, 'virtual', plant)
}
