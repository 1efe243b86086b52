import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Renegotiation } from '@cordon/core/conformance'
import { encodePem } from '@cordon/core/x509'
import type { Credentials } from '../transports/credentials.ts'

/** Where, and how long. */
export interface RenegotiationTarget {
  readonly address: string
  readonly port: number
  readonly localAddress: string | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Opens TLS with Node's own client, which can ask for a new handshake where our sessions never do, and asks for one. What
 * the target showed was judged before; here its certificate does not matter.
 */
export function renegotiate(target: RenegotiationTarget, credentials: Credentials | undefined): Promise<Renegotiation> {
  const { address, port, localAddress, timeoutMs, signal } = target
  const chain = credentials?.chain?.map((der) => encodePem('CERTIFICATE', der)).join('')
  const key = credentials?.key === undefined ? undefined : encodePem('PRIVATE KEY', credentials.key)
  const options: ConnectionOptions & { readonly localAddress?: string } = {
    host: address,
    port,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    // Level 0 as everywhere in CIP Security: its suites without encryption and with SHA-1 are else not offered.
    ciphers: 'ALL:COMPLEMENTOFALL:@SECLEVEL=0',
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(chain === undefined || key === undefined ? {} : { cert: chain, key }),
  }
  return new Promise((resolve) => {
    const socket = connectTls(options)
    let asked = false
    const finish = (kind: Renegotiation['kind'], reason: string): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve({ kind, reason })
    }
    const onAbort = (): void => finish('unanswered', 'cancelled')
    // A target that ignores the question stays with the association it has: nothing new was negotiated.
    const timer = setTimeout(
      () => finish(asked ? 'refused' : 'unanswered', asked ? 'the question was ignored' : 'no handshake'),
      timeoutMs,
    )
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
    socket.on('error', (error) => finish(asked ? 'refused' : 'unanswered', error.message))
    socket.on('close', () => finish(asked ? 'refused' : 'unanswered', 'the target closed the connection'))
    socket.once('secureConnect', () => {
      asked = true
      socket.renegotiate({ rejectUnauthorized: false }, (error) => {
        if (error === null) finish('accepted', 'a second handshake was made')
        else finish('refused', error.message)
      })
      // OpenSSL sends the ClientHello of a renegotiation with the next record.
      socket.write(new Uint8Array(24))
    })
    socket.resume()
  })
}
