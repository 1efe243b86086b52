import { connect, isIP, type Socket } from 'node:net'
import * as tls from 'node:tls'
import { silenceMs } from './channel.ts'

/** A server, and what is believed of its certificate; without a context the connection is plain. */
export interface Dial {
  readonly host: string
  readonly port: number
  readonly context?: tls.SecureContext | undefined
}

/**
 * A connection to a server, over TLS verified by chain and name. It is destroyed when `signal` aborts or the peer keeps
 * silent for too long, and then fails like any other.
 */
export async function dial({ host, port, context }: Dial, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const socket =
    context === undefined
      ? connect({ host, port })
      : tls.connect({ host, port, secureContext: context, ...(isIP(host) === 0 ? { servername: host } : {}) })
  const abort = () => void socket.destroy(new Error('cut off'))
  signal.addEventListener('abort', abort, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', abort))
  socket.setTimeout(silenceMs, () => socket.destroy(new Error(`no answer in ${silenceMs / 1000} s`)))
  await new Promise<void>((resolve, reject) => {
    socket.once(context === undefined ? 'connect' : 'secureConnect', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed')))
  })
  return socket
}
