import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, connect as connectTcp, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import {
  type Context,
  Listener,
  type ListenerOptions,
  Session,
  type SessionEvent,
  type SessionOptions,
} from '../lib/index.ts'

const now = () => performance.now()

/** A session on a real socket, with what it has said so far. */
export class Link {
  readonly session: Session
  readonly events: SessionEvent[] = []
  readonly #send: (bytes: Uint8Array) => void
  #timer: NodeJS.Timeout | undefined
  #waiting: (() => void)[] = []
  #ended = false

  constructor(session: Session, send: (bytes: Uint8Array) => void) {
    this.session = session
    this.#send = send
  }

  start(): void {
    this.session.start(now())
    this.flush()
  }

  receive(bytes: Uint8Array): void {
    this.session.receive(bytes, now())
    this.flush()
  }

  write(bytes: Uint8Array): void {
    this.session.write(bytes)
    this.flush()
  }

  close(): void {
    this.session.close()
    this.flush()
  }

  /** The other end hung up. */
  ended(): void {
    this.#ended = true
    this.#wake()
  }

  /** Sends what is due, notes events, sets the timer. */
  flush(): void {
    for (const bytes of this.session.takeOutput()) this.#send(bytes)
    this.events.push(...this.session.takeEvents())
    clearTimeout(this.#timer)
    const deadline = this.session.deadline()
    if (deadline !== undefined) {
      this.#timer = setTimeout(
        () => {
          this.session.tick(now())
          this.flush()
        },
        Math.max(0, deadline - now()),
      )
    }
    this.#wake()
  }

  /** Waits for an event of a kind, for ten seconds at most. */
  async until<K extends SessionEvent['kind']>(kind: K): Promise<Extract<SessionEvent, { kind: K }>> {
    const deadline = Date.now() + 10_000
    for (;;) {
      const found = this.events.find((event): event is Extract<SessionEvent, { kind: K }> => event.kind === kind)
      if (found !== undefined) return found
      const failed = this.events.find((event) => event.kind === 'failed')
      if (failed !== undefined || this.#ended || Date.now() >= deadline) {
        throw new Error(`No event ${kind}, but ${JSON.stringify(this.events)}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now())
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  /** The data received, once it contains a text. */
  async untilText(wanted: string): Promise<string> {
    const deadline = Date.now() + 10_000
    for (;;) {
      const got = Buffer.concat(this.events.flatMap((event) => (event.kind === 'data' ? [event.bytes] : []))).toString()
      if (got.includes(wanted)) return got
      if (Date.now() >= deadline) throw new Error(`No text ${wanted}, but ${JSON.stringify(this.events)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200)
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  destroy(): void {
    clearTimeout(this.#timer)
    this.session.destroy()
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

/** Things to be closed at the end of a test, last first. */
export class Cleanup {
  readonly #actions: (() => unknown)[] = []

  add(action: () => unknown): void {
    this.#actions.push(action)
  }

  async run(): Promise<void> {
    for (const action of this.#actions.splice(0).reverse()) await action()
  }
}

/** Connects a client session to a loopback port. */
export async function connect(
  context: Context,
  port: number,
  cleanup: Cleanup,
  options: SessionOptions = {},
): Promise<Link> {
  const session = new Session(context, options)
  if (context.protocol === 'tls') {
    const socket = connectTcp(port, '127.0.0.1')
    await once(socket, 'connect')
    const link = attach(session, socket)
    cleanup.add(() => {
      socket.destroy()
      link.destroy()
    })
    link.start()
    return link
  }
  const socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const link = new Link(session, (bytes) => socket.send(bytes))
  socket.on('message', (bytes) => link.receive(bytes))
  socket.on('error', () => {})
  cleanup.add(() => {
    link.destroy()
    socket.close()
  })
  link.start()
  return link
}

function attach(session: Session, socket: Socket): Link {
  const link = new Link(session, (bytes) => socket.write(bytes))
  socket.on('data', (bytes) => link.receive(bytes))
  socket.on('error', () => {})
  socket.on('close', () => link.ended())
  return link
}

/** Accepts sessions on a loopback port. `accepted` resolves with the first. */
export async function listen(
  context: Context,
  cleanup: Cleanup,
  options: ListenerOptions = { maxSessions: 10, maxPerHost: 10 },
): Promise<{ port: number; accepted: Promise<Link>; links: Link[] }> {
  const links: Link[] = []
  let accept: (link: Link) => void = () => {}
  const accepted = new Promise<Link>((resolve) => {
    accept = resolve
  })
  const add = (link: Link) => {
    links.push(link)
    accept(link)
  }
  cleanup.add(() => {
    for (const link of links) link.destroy()
  })
  if (context.protocol === 'tls') {
    const server = createServer((socket) => {
      cleanup.add(() => socket.destroy())
      add(attach(new Session(context, { peer: socket.remoteAddress ?? '127.0.0.1' }), socket))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanup.add(() => server.close())
    const address = server.address()
    return { port: typeof address === 'object' && address !== null ? address.port : 0, accepted, links }
  }
  const socket: UdpSocket = createSocket('udp4')
  const listener = new Listener(context, options)
  const bySession = new Map<Session, Link>()
  socket.on('message', (bytes, remote) => {
    const { session, created, output } = listener.receive(remote, bytes, now())
    for (const datagram of output) socket.send(datagram, remote.port, remote.address)
    if (session === undefined) return
    if (created) {
      const link = new Link(session, (datagram) => socket.send(datagram, remote.port, remote.address))
      bySession.set(session, link)
      add(link)
    }
    bySession.get(session)?.flush()
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  cleanup.add(() => socket.close())
  return { port: socket.address().port, accepted, links }
}
