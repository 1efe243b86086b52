import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { hostname } from 'node:os'
import { pid } from 'node:process'
import type { SyslogSettings } from '@cordon/core/enrollment'
import type { Channel, Outcome } from './channel.ts'
import { failureText } from './failure.ts'
import type { Message } from './message.ts'
import { type Dial, dial } from './socket.ts'
import { formatSyslog, octetCounted } from './syslog-format.ts'
import { trustContext } from './trust.ts'

/** What a syslog channel needs besides its settings: PEM texts. */
export interface SyslogParts {
  readonly ca: string | undefined
  readonly client: { readonly certificate: string; readonly key: string } | undefined
}

/** Messages that one connection carries: syslog has no answers, so that only its orderly end shows that all arrived. */
const mostPerConnection = 100

/**
 * A syslog server over TLS, TCP or UDP. Over a stream messages count as sent when the server closed the connection after
 * the last of them; over UDP when they left this machine.
 * @throws UsageError `bad-value` for certificates or a key that cannot be read
 */
export function openSyslog(settings: SyslogSettings, { ca, client }: SyslogParts): Channel {
  const { name, kinds, host, port, transport, facility } = settings
  const origin = { facility, hostname: hostname(), processId: pid }
  const context = transport === 'tls' ? trustContext({ ca, client }, `syslog ${name}`) : undefined
  const send =
    transport === 'udp'
      ? (messages: readonly Message[]) =>
          sendDatagrams(
            { host, port },
            messages.map((each) => formatSyslog(each, origin, 2048)),
          )
      : (messages: readonly Message[], signal: AbortSignal) =>
          sendStream(
            { host, port, context },
            messages.map((each) => octetCounted(formatSyslog(each, origin, 8192))),
            signal,
          )
  return {
    name,
    kind: 'syslog',
    kinds,
    target: `${host}:${port}`,
    perMinute: undefined,
    take: (waiting) => Math.min(waiting, mostPerConnection),
    send: async (messages, signal): Promise<Outcome> => {
      try {
        await send(messages, signal)
        return { kind: 'sent' }
      } catch (error) {
        return { kind: 'retry', error: failureText(error) }
      }
    },
    close: () => undefined,
  }
}

async function sendDatagrams({ host, port }: Dial, datagrams: readonly Buffer[]): Promise<void> {
  const { address, family } = await lookup(host)
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  try {
    for (const datagram of datagrams) {
      await new Promise<void>((resolve, reject) => {
        socket.send(datagram, port, address, (error) => (error === null ? resolve() : reject(error)))
      })
    }
  } finally {
    socket.close()
  }
}

async function sendStream(server: Dial, frames: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const socket = await dial(server, signal)
  // A refusal of TLS 1.3 comes behind the handshake, and a stream that nobody reads never ends.
  socket.resume()
  await new Promise<void>((resolve, reject) => {
    let ended = false
    socket.once('end', () => {
      ended = socket.writableFinished
    })
    socket.once('error', reject)
    socket.once('close', () => {
      if (ended) resolve()
      else reject(new Error('the server closed the connection before the end'))
    })
    socket.end(Buffer.concat(frames))
  })
}
