import { type AddressInfo, createConnection } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { addressOf, type MessageRouterReply, type MessageRouterRequest } from '@cordon/core/cip'
import type { ConformancePort, Line, Way } from '@cordon/core/conformance'
import type { Device, DeviceReply, HostedDevice } from '@cordon/core/device'
import { encodePem } from '@cordon/core/x509'
import type { Hosting, Interference } from './targets.ts'

/** A device with some of its decisions taken by a test. */
export function around(device: Device, over: Partial<HostedDevice>): HostedDevice {
  return {
    address: device.address,
    ports: () => device.ports(),
    security: () => device.security(),
    admit: (peer, port, protocol) => device.admit(peer, port, protocol),
    egress: (peer, protocol) => device.egress(peer, protocol),
    request: (request, link, now, context) => device.request(request, link, now, context),
    connected: (link, id, count, message, now) => device.connected(link, id, count, message, now),
    openSession: (link) => device.openSession(link),
    encapsulation: () => device.encapsulation(),
    dscp: () => device.dscp(),
    heardNonCip: (now) => device.heardNonCip(now),
    listIdentity: () => device.listIdentity(),
    datagram: (link, bytes, now) => device.datagram(link, bytes, now),
    linkClosed: (link, now) => device.linkClosed(link, now),
    deadline: () => device.deadline(),
    tick: (now) => device.tick(now),
    takeActions: () => device.takeActions(),
    ...over,
  }
}

/** What a request asks for. */
export interface Asked {
  readonly service: number
  readonly class: number | undefined
  readonly instance: number | undefined
  readonly attribute: number | undefined
}

/** A device whose replies are not its own. */
export function replying(change: (reply: MessageRouterReply, asked: Asked) => MessageRouterReply): Hosting {
  return (device) =>
    around(device, {
      request: (request, link, now, context) => {
        const asked = askedOf(request)
        const altered = (reply: DeviceReply): DeviceReply => ({ ...reply, ...change(reply, asked) })
        const reply = device.request(request, link, now, context)
        return reply instanceof Promise ? reply.then(altered) : altered(reply)
      },
    })
}

function askedOf({ service, path }: MessageRouterRequest): Asked {
  // A path that addresses nothing is refused by the device itself.
  try {
    const { class: classId, instance, attribute } = addressOf(path)
    return { service, class: classId, instance, attribute }
  } catch {
    return { service, class: undefined, instance: undefined, attribute: undefined }
  }
}

/** The value that one attribute reads as. */
export function reading(
  classId: number,
  instance: number,
  attribute: number,
  change: (value: Uint8Array) => Uint8Array,
): Hosting {
  return replying((reply, asked) =>
    asked.service === 0x0e &&
    asked.class === classId &&
    (asked.instance ?? 0) === instance &&
    asked.attribute === attribute
      ? { ...reply, data: change(reply.data.slice()) }
      : reply,
  )
}

/** One status where another belongs. */
export function answering(
  from: number,
  to: number,
  when: (asked: Asked, reply: MessageRouterReply) => boolean = () => true,
): Hosting {
  return replying((reply, asked) => (reply.status === from && when(asked, reply) ? { ...reply, status: to } : reply))
}

/** Somebody between the cases and the lines who changes what passes: nothing stands for "does not pass". */
export interface MiddleMan {
  readonly carriers?: readonly string[]
  readonly out?: (bytes: Uint8Array) => Uint8Array | undefined
  readonly in?: (bytes: Uint8Array) => Uint8Array
  /** Answers in the target's place. */
  readonly inject?: (bytes: Uint8Array) => Uint8Array | undefined
}

/** Puts him there. */
export function between(man: MiddleMan): Interference {
  return (port) => ({
    ...port,
    open: async (way) => {
      const opening = await port.open(way)
      if (opening.kind !== 'open' || man.carriers?.includes(way.carrier) === false) return opening
      return { kind: 'open', line: altered(opening.line, man) }
    },
  })
}

function altered(line: Line, man: MiddleMan): Line {
  const injected: Uint8Array[] = []
  return {
    boundaries: line.boundaries,
    security: line.security,
    localPort: line.localPort,
    send: (bytes) => {
      const extra = man.inject?.(bytes)
      if (extra !== undefined) injected.push(extra)
      const passed = man.out === undefined ? bytes : man.out(bytes.slice())
      if (passed !== undefined) line.send(passed)
    },
    receive: async (withinMs) => {
      const extra = injected.shift()
      if (extra !== undefined) return { kind: 'bytes', bytes: extra }
      const arrival = await line.receive(withinMs)
      return arrival.kind === 'bytes' && man.in !== undefined
        ? { kind: 'bytes', bytes: man.in(arrival.bytes.slice()) }
        : arrival
    },
    close: () => line.close(),
  }
}

/** The reply to the first request that holds these bytes is lost on its way. */
export function losing(request: (bytes: Uint8Array) => boolean): Interference {
  let isLost = false
  return (port) => ({
    ...port,
    open: async (way) => {
      const opening = await port.open(way)
      if (opening.kind !== 'open') return opening
      const { line } = opening
      let loses = false
      return {
        kind: 'open',
        line: {
          boundaries: line.boundaries,
          security: line.security,
          localPort: line.localPort,
          send: (bytes) => {
            loses ||= !isLost && request(bytes)
            isLost ||= loses
            line.send(bytes)
          },
          receive: async (withinMs) => {
            const arrival = await line.receive(withinMs)
            if (!loses) return arrival
            loses = false
            return { kind: 'silence' }
          },
          close: () => line.close(),
        },
      }
    },
  })
}

/** Does a message hold these bytes? */
export function holding(...part: readonly number[]): (bytes: Uint8Array) => boolean {
  return (bytes) => Buffer.from(bytes).includes(Buffer.from(part))
}

/** What is sent over such a line does not arrive; the handshake did. */
export function deaf(to: (way: Way) => boolean): Interference {
  return (port) => ({
    ...port,
    open: async (way) => {
      const opening = await port.open(way)
      return opening.kind === 'open' && to(way)
        ? { kind: 'open', line: altered(opening.line, { out: () => undefined }) }
        : opening
    },
  })
}

/** A target that answers nothing any more once it got these bytes. */
export function deadlyBytes(isDeadly: (bytes: Uint8Array) => boolean): Interference {
  return (port: ConformancePort) => {
    let dead = false
    return {
      ...port,
      open: async (way) => {
        if (dead) return { kind: 'unanswered', reason: 'no answer' }
        const opening = await port.open(way)
        if (opening.kind !== 'open') return opening
        const { line } = opening
        return {
          kind: 'open',
          line: {
            boundaries: line.boundaries,
            security: line.security,
            localPort: line.localPort,
            send: (bytes) => {
              if (isDeadly(bytes)) dead = true
              else line.send(bytes)
            },
            receive: (withinMs) => (dead ? Promise.resolve({ kind: 'silence' }) : line.receive(withinMs)),
            close: () => line.close(),
          },
        }
      },
    }
  }
}

/** Command, status and data of an encapsulation message in a stream piece. */
export const command = (bytes: Uint8Array): number => (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)
/** Low word of the status. */
export const status = (bytes: Uint8Array): number => (bytes[8] ?? 0) | ((bytes[9] ?? 0) << 8)

/** A device that leaves 2221/tcp to somebody else. */
export const withoutTls: Hosting = (device) =>
  around(device, {
    ports: () => device.ports().filter(({ port, protocol }) => !(port === 2221 && protocol === 'tcp')),
  })

/**
 * Node's own TLS server in front of a device's plain port: it can be told to be lenient where ours cannot.
 */
export async function tlsFront(device: Device, options: TlsOptions): Promise<AsyncDisposable> {
  const { chain, key } = device.security()
  const server = createServer(
    {
      cert: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
      key: encodePem('PRIVATE KEY', key),
      ...options,
    },
    (socket) => {
      const inner = createConnection({ host: device.address, port: 44818, localAddress: device.address })
      socket.pipe(inner)
      inner.pipe(socket)
      for (const each of [socket, inner]) each.on('error', () => undefined)
      socket.on('close', () => inner.destroy())
      inner.on('close', () => socket.destroy())
    },
  )
  server.on('tlsClientError', () => undefined)
  await new Promise<AddressInfo | string | null>((resolve) => {
    server.listen(2221, device.address, () => resolve(server.address()))
  })
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
      }),
  }
}
