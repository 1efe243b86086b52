import { PeerError, TransportError, UsageError } from '@cordon/core/errors'
import {
  type BasicCredentials,
  encodeEstBody,
  type EstReply,
  linkingText,
  longestResponseBody,
  type PullAction,
  writeBasic,
} from '@cordon/core/enrollment'
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { aborted, errorCode, isOurs, systemError } from '../transports/system-error.ts'
import { authorityOf, connectEst, type EstConnection } from './connection.ts'
import type { ClientCredential } from './pull-unit.ts'

/** What is asked of an EST server: the part of a pull client's action that goes over the network. */
export type EstRequest = Omit<Extract<PullAction, { readonly kind: 'exchange' }>, 'kind' | 'id' | 'credential'>

/** With what an exchange is made. */
export interface ExchangeOptions {
  /** What the client shows in TLS; undefined: nothing. A card is not shown to a server that is let in provisionally. */
  readonly credential?: ClientCredential | undefined
  /**
   * When the server's certificate must be valid, milliseconds since 1970; undefined: dates are not judged, but with a card
   * as of now.
   */
  readonly at?: number | undefined
  readonly localAddress?: string | undefined
  /** Told to a server that asks for it (RFC 7030 3.2.3), and never to one that was let in provisionally. */
  readonly basic?: BasicCredentials | undefined
  /** Makes the request in the body anew with a challenge password that ties it to the connection (RFC 7030 3.5). Not with a card. */
  readonly link?: ((challengePassword: string) => Promise<Uint8Array>) | undefined
  readonly signal?: AbortSignal | undefined
  readonly timeouts?: ExchangeTimeouts | undefined
}

/** How long an exchange may take, milliseconds. */
export interface ExchangeTimeouts {
  /** For connection and handshake with one address. Default 10000, with a card 15000. */
  readonly connectMs?: number | undefined
  /** From the first byte of the request to the last of the answer. Default 30000. */
  readonly answerMs?: number | undefined
}

const longestHeaders = 16 * 1024
const redirects: ReadonlySet<number> = new Set([301, 302, 307, 308])

/**
 * One exchange with an EST server: a connection of its own (HTTP/1.1, TLS 1.2 or 1.3) that is closed behind it. Follows
 * one redirection within the server (RFC 7030 3.2.1) and answers one demand for HTTP Basic authentication; every other
 * answer, whatever its status, is the result.
 * @throws TransportError when no answer comes, or not in time
 * @throws PeerError `handshake` or `alert` when TLS fails, `unexpected-reply` for what is no HTTP or too long
 * @throws NotTrusted when the server's certificate does not convince
 * @throws UsageError for a credential, name or path that cannot be, and for linking with a card
 * @throws NotAllowed `refused` for the wrong PIN of a card
 */
export async function exchange(request: EstRequest, options: ExchangeOptions = {}): Promise<EstReply> {
  let { path } = request
  let authorization: string | undefined
  let isRedirected = false
  for (;;) {
    const answer = await once({ ...request, path }, authorization, options)
    const { basic } = options
    if (authorization === undefined && basic !== undefined && request.anchors !== undefined && asksForBasic(answer)) {
      authorization = writeBasic(basic)
      continue
    }
    const elsewhere = isRedirected ? undefined : redirection(request, path, answer)
    if (elsewhere === undefined) return answer.reply
    isRedirected = true
    path = elsewhere
  }
}

function asksForBasic({ reply, headers }: Answer): boolean {
  return reply.status === 401 && /(?:^|,)\s*basic(?:[\s,]|$)/i.test(headers['www-authenticate'] ?? '')
}

interface Answer {
  readonly reply: EstReply
  readonly headers: IncomingMessage['headers']
}

/** The path that a redirection leads to, where it stays on the server and asks for the same again. */
function redirection(request: EstRequest, path: string, { reply, headers }: Answer): string | undefined {
  const { location } = headers
  const isSafe = request.method === 'GET' ? redirects.has(reply.status) : reply.status === 307 || reply.status === 308
  if (!isSafe || location === undefined || location.length > 2048) return undefined
  const here = `https://${authorityOf(request.server)}${path}`
  if (!URL.canParse(location, here)) return undefined
  const target = new URL(location, here)
  return target.origin === new URL(here).origin ? `${target.pathname}${target.search}` : undefined
}

async function once(request: EstRequest, authorization: string | undefined, options: ExchangeOptions): Promise<Answer> {
  const { credential, at, localAddress, timeouts = {} } = options
  const { connectMs, answerMs = 30_000 } = timeouts
  const signal = options.signal ?? new AbortController().signal
  const connecting = { anchors: request.anchors, credential, at, localAddress, signal, connectMs }
  const connection = await connectEst(request.server, connecting)
  const { stream, peer } = connection
  // Stays: a stream over a process says that it was ended, and must never be unheard.
  stream.on('error', () => {})
  try {
    const body = await bodyFor(request, connection, options)
    const sent = { ...request, body, authorization }
    return await converse(stream, sent, { signal, answerMs, peer })
  } finally {
    stream.destroy()
  }
}

async function bodyFor(
  request: EstRequest,
  { binding }: EstConnection,
  { link }: ExchangeOptions,
): Promise<string | undefined> {
  if (request.body === undefined || link === undefined || request.anchors === undefined) return request.body
  if (binding === undefined) throw new UsageError('not-supported', cannotLink)
  return encodeEstBody(await link(linkingText(binding())))
}

/** Why a request does not go out linked where a card is used. */
export const cannotLink =
  'linking: a connection whose key lies in a card has no channel binding; leave linking out, or use a key in a file'

interface Sent extends Omit<EstRequest, 'body'> {
  readonly authorization: string | undefined
  readonly body: string | undefined
}

interface Listening {
  readonly signal: AbortSignal
  readonly answerMs: number
  readonly peer: readonly Uint8Array[]
}

function converse(stream: Duplex, sent: Sent, { signal, answerMs, peer }: Listening): Promise<Answer> {
  const doing = `asking the EST server ${authorityOf(sent.server)} for ${sent.path}`
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw aborted(signal, doing)
    const request = ask(stream, sent)
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown) => {
      end()
      reject(asOurs(error, doing))
      request.destroy()
    }
    const onAbort = () => fail(aborted(signal, doing))
    const late = () => fail(new TransportError('timeout', `${doing}: no whole answer within ${answerMs / 1000} s`))
    const timer = setTimeout(late, answerMs)
    signal.addEventListener('abort', onAbort, { once: true })
    // The connection may break without the request hearing of it, as with an alert that refuses our certificate.
    stream.on('error', fail)
    request.on('error', fail)
    request.once('response', (response) => {
      collect(response, doing).then((body) => {
        end()
        resolve({ reply: replyOf(response, body, peer), headers: response.headers })
      }, fail)
    })
    request.end(sent.body)
  })
}

function ask(stream: Duplex, { server, method, path, contentType, body, authorization }: Sent): ClientRequest {
  return httpRequest({
    createConnection: () => stream,
    method,
    path,
    maxHeaderSize: longestHeaders,
    setHost: false,
    headers: {
      Host: server.port === 443 ? authorityOf(server).slice(0, -':443'.length) : authorityOf(server),
      'User-Agent': 'cordon',
      Accept: '*/*',
      Connection: 'close',
      ...(authorization !== undefined && { Authorization: authorization }),
      ...(body !== undefined && {
        'Content-Type': contentType ?? 'application/octet-stream',
        // Older servers refuse a request without it (RFC 8951 took it back).
        'Content-Transfer-Encoding': 'base64',
        'Content-Length': String(Buffer.byteLength(body)),
      }),
    },
  })
}

function replyOf(response: IncomingMessage, body: Uint8Array, peer: readonly Uint8Array[]): EstReply {
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'],
    retryAfter: response.headers['retry-after'],
    body,
    peer,
  }
}

async function collect(response: IncomingMessage, doing: string): Promise<Uint8Array> {
  const tooLong = () =>
    new PeerError('unexpected-reply', `${doing}: an answer of more than ${longestResponseBody} bytes`)
  if (Number(response.headers['content-length'] ?? 0) > longestResponseBody) throw tooLong()
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response) {
    // Without an encoding, a response is read in Buffers.
    const bytes = part as Buffer
    length += bytes.length
    if (length > longestResponseBody) throw tooLong()
    parts.push(bytes)
  }
  return new Uint8Array(Buffer.concat(parts))
}

function asOurs(error: unknown, doing: string): Error {
  if (isOurs(error)) return error
  const code = errorCode(error)
  const message = error instanceof Error ? error.message : String(error)
  const context = { cause: error, details: { code } }
  if (code.startsWith('HPE_'))
    return new PeerError('unexpected-reply', `${doing}: no answer of HTTP: ${message}`, context)
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return new PeerError('alert', `${doing}: ${message}`, context)
  return systemError(error, doing)
}
