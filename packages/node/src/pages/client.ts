import { Agent, type IncomingMessage, request as httpRequest } from 'node:http'
import { MalformedMessage, PeerError, TransportError } from '@cordon/core/errors'
import { decodeTable, type TableDocument, type TableName } from '@cordon/core/tables'
import { aborted, isOurs, systemError } from '../transports/system-error.ts'
import { defaultPagePorts } from './server.ts'

/** How the tables of a device are read. */
export interface PageClientOptions {
  readonly address: string
  /** Tried one after the other. Default 80, then 8080. */
  readonly ports?: readonly number[]
  readonly localAddress?: string
  /** For each table, milliseconds. Default 5000. */
  readonly timeoutMs?: number
}

/** Reads the tables of one device over a connection that is kept. */
export interface PageClient {
  /**
   * Reads a table as it is now.
   * @throws TransportError `refused` where the device has no pages, `timeout`, `unreachable`, `closed`, `aborted`;
   * PeerError `unexpected-reply`; MalformedMessage naming the field
   */
  read<Name extends TableName>(name: Name, signal?: AbortSignal): Promise<TableDocument<Name>>
  /** Ends the connection. */
  close(): void
}

/** Longest table that is taken, bytes. */
const maximumBody = 64 * 1024 * 1024

const defaultTimeoutMs = 5_000

/** A client for the pages of a device. Nothing is sent before the first table is read. */
export function openPageClient(options: PageClientOptions): PageClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, keepAliveMsecs: 30_000 })
  const ports = options.ports ?? defaultPagePorts
  let known: number | undefined
  return {
    async read(name, signal) {
      let failure: unknown
      for (const port of known === undefined ? ports : [known, ...ports.filter((other) => other !== known)]) {
        try {
          const text = await get(agent, options, port, `/api/${name}`, signal)
          known = port
          return decodeTable(name, text)
        } catch (error) {
          failure ??= error
          // Another port is worth a try only where nobody answers at this one.
          if (!(error instanceof TransportError) || error.code !== 'refused') throw error
        }
      }
      known = undefined
      if (isOurs(failure)) throw failure
      throw new TransportError('io', `pages of ${options.address}: there is no port to ask`, { cause: failure })
    },
    close: () => agent.destroy(),
  }
}

async function get(
  agent: Agent,
  options: PageClientOptions,
  port: number,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    return await getOnce(agent, options, port, path, signal)
  } catch (error) {
    // A connection that was kept may have been closed just when it was used again.
    if (!(error instanceof TransportError) || error.code !== 'closed' || signal?.aborted === true) throw error
    return getOnce(agent, options, port, path, signal)
  }
}

function getOnce(
  agent: Agent,
  { address, localAddress, timeoutMs = defaultTimeoutMs }: PageClientOptions,
  port: number,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const doing = `http://${address}${port === 80 ? '' : `:${port}`}${path}`
  return new Promise((done, fail) => {
    const request = httpRequest({
      agent,
      host: address,
      port,
      path,
      headers: { Accept: 'application/json' },
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    const over = setTimeout(
      () => request.destroy(new TransportError('timeout', `${doing}: no answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    const onAbort = () => {
      if (signal !== undefined) request.destroy(aborted(signal, doing))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    const settle = () => {
      clearTimeout(over)
      signal?.removeEventListener('abort', onAbort)
    }
    request.on('error', (error) => {
      settle()
      fail(isOurs(error) ? error : systemError(error, doing))
    })
    request.on('response', (response) => {
      body(response, doing).then(done, fail).finally(settle)
    })
    if (signal?.aborted === true) onAbort()
    request.end()
  })
}

async function body(response: IncomingMessage, doing: string): Promise<string> {
  const { statusCode, headers } = response
  if (statusCode !== 200 || headers['content-type']?.startsWith('application/json') !== true) {
    response.resume()
    const what = `status ${statusCode}, ${headers['content-type'] ?? 'no type'}`
    throw new PeerError('unexpected-reply', `${doing}: expected a table as JSON, got ${what}: these are not its pages`)
  }
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of response) {
      // A response without an encoding gives bytes.
      const bytes = part as Buffer
      length += bytes.length
      if (length > maximumBody) {
        response.destroy()
        throw new MalformedMessage('bad-length', `${doing}: expected at most ${maximumBody} bytes, more came`)
      }
      parts.push(bytes)
    }
  } catch (error) {
    throw isOurs(error) ? error : systemError(error, doing)
  }
  return Buffer.concat(parts).toString('utf8')
}
