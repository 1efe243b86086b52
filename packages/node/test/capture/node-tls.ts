import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { connect, createServer, type SecureVersion, TLSSocket, type TlsOptions } from 'node:tls'
import type { Side } from '@cordon/core/capture'
import type { Issued } from '../../../tls/test/pki.ts'
import type { Sent } from './conversations.ts'

/** One end of a cable in memory, with a tap on what it sends. */
class CableEnd extends Duplex {
  peer: CableEnd | undefined
  readonly #tap: (bytes: Uint8Array) => void

  constructor(tap: (bytes: Uint8Array) => void) {
    super()
    this.#tap = tap
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#tap(new Uint8Array(chunk))
    this.peer?.push(chunk)
    done()
  }

  override _final(done: () => void): void {
    this.peer?.push(null)
    done()
  }
}

/** What Node's own TLS is set to. */
export interface NodeTls {
  readonly version: SecureVersion
  readonly ciphers: string
  readonly server: Issued
  readonly client?: Issued
  readonly more?: Pick<TlsOptions, 'dhparam' | 'ecdhCurve'>
  /** The server's curve is not the one the client begins with, so it asks for another hello. */
  readonly retry?: boolean
}

/** A conversation of Node's own TLS with itself, by turns as {@link record} of the neighbour does: client, server, client. */
export async function recordNodeTls(
  settings: NodeTls,
  messages: readonly string[],
): Promise<{ wire: readonly Sent[]; keyLog: string }> {
  const wire: Sent[] = []
  const tap = (side: Side) => (bytes: Uint8Array) => wire.push({ side, bytes })
  const near = new CableEnd(tap('client'))
  const far = new CableEnd(tap('server'))
  near.peer = far
  far.peer = near
  const { version, ciphers, server, client, more } = settings
  const common = { minVersion: version, maxVersion: version, ciphers, ...more } as const
  const listener = createServer({
    ...common,
    cert: server.pem,
    key: server.keyPem,
    ...(settings.retry === true ? { ecdhCurve: 'P-384' } : {}),
    ...(client === undefined ? {} : { requestCert: true, rejectUnauthorized: false }),
  })
  const accepted = once(listener, 'secureConnection')
  listener.emit('connection', far)
  const asking = connect({
    ...common,
    socket: near,
    rejectUnauthorized: false,
    ...(client === undefined ? {} : { cert: client.pem, key: client.keyPem }),
  })
  let keyLog = ''
  asking.on('keylog', (line: Buffer) => {
    keyLog += line.toString('latin1')
  })
  await once(asking, 'secureConnect')
  const [answering] = await accepted
  if (!(answering instanceof TLSSocket)) throw new Error('Node gave something else than a TLS socket')
  for (const [i, message] of messages.entries()) {
    const [from, to] = i % 2 === 0 ? [asking, answering] : [answering, asking]
    const arrived = once(to, 'data')
    from.write(message)
    await arrived
  }
  const over = once(answering, 'end')
  answering.resume()
  asking.end()
  await over
  asking.destroy()
  answering.destroy()
  return { wire, keyLog }
}
