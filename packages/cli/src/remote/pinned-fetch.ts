import { NotTrusted, TransportError } from '@cordon/core/errors'
import { request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'

/** Whom to believe that a server is the manager. */
export interface ServerTrust {
  /** SHA-256 of its certificate, lower-case hex: it must be exactly that one. */
  readonly fingerprint?: string
  /** PEM of the authorities that may have issued its certificate; default those of the system. */
  readonly authorities?: string
}

const connectMs = 10_000

/**
 * `fetch` over a connection whose server was checked before anything is sent on it: by the fingerprint of its certificate,
 * or by path and name.
 */
export function pinnedFetch(trust: ServerTrust, ending: AbortSignal): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url)
    const signal = AbortSignal.any([ending, request.signal])
    const socket = await checkedSocket(url, trust, signal)
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer())
    return await new Promise((resolve, reject) => {
      const sent = httpsRequest(
        url,
        {
          method: request.method,
          headers: {
            ...Object.fromEntries(request.headers),
            ...(body === undefined ? {} : { 'content-length': body.length }),
            connection: 'close',
          },
          createConnection: () => socket,
          signal,
        },
        (answer) => {
          const status = answer.statusCode ?? 500
          const headers = new Headers()
          for (const [name, value] of Object.entries(answer.headers))
            for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one)
          const isEmpty = status === 204 || status === 304
          if (isEmpty) answer.resume()
          // Node's web streams are those of the platform's own Response.
          const stream = isEmpty ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>)
          resolve(new Response(stream, { status, headers }))
        },
      )
      sent.on('error', (cause) => reject(signal.aborted ? cause : unreachable(url, cause)))
      sent.end(body)
    })
  }
}

async function checkedSocket(url: URL, trust: ServerTrust, signal: AbortSignal): Promise<TLSSocket> {
  const { fingerprint, authorities } = trust
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return await new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: url.port === '' ? 443 : Number(url.port),
      ...(/^[\d.:]+$/.test(host) ? {} : { servername: host }),
      minVersion: 'TLSv1.2',
      // A pinned certificate is checked by its fingerprint below, before a byte is sent.
      rejectUnauthorized: fingerprint === undefined,
      ...(authorities === undefined ? {} : { ca: authorities }),
      ALPNProtocols: ['http/1.1'],
    })
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => fail(unreachable(url, new Error('no answer'))), connectMs)
    const cancel = () => fail(new DOMException('aborted', 'AbortError'))
    signal.addEventListener('abort', cancel, { once: true })
    socket.once('error', (cause) => fail(distrust(url, cause)))
    socket.once('close', () => clearTimeout(timer))
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      const shown = socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase()
      if (fingerprint !== undefined && shown !== fingerprint)
        return fail(
          new NotTrusted(
            'wrong-identity',
            `${url.host} shows the certificate ${shown}, expected ${fingerprint}; compare with what the manager printed, then sign in again with \`cordon login\``,
          ),
        )
      return resolve(socket)
    })
  })
}

function unreachable(url: URL, cause: Error): TransportError {
  const code = 'code' in cause && cause.code === 'ECONNREFUSED' ? 'refused' : 'unreachable'
  return new TransportError(
    code,
    `${url.host} cannot be reached: ${cause.message}; is \`cordon server\` running there?`,
    {
      cause,
    },
  )
}

/** Codes of a chain that leads nowhere, and of a name that is another's. */
const distrusted = /^(?:UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|CERT_|ERR_TLS_CERT)/

function distrust(url: URL, cause: Error): Error {
  if (!('code' in cause) || !distrusted.test(String(cause.code))) return unreachable(url, cause)
  return new NotTrusted(
    'unknown-authority',
    `the certificate of ${url.host} is not believed: ${cause.message}; give the fingerprint that the manager printed with --server-fingerprint, or its authority with --server-ca FILE`,
    { cause },
  )
}
