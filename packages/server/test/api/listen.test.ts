import { listen, listenForMetrics, type Listening } from '@cordon/server/api'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csrf, openSample } from './support.ts'

const address = '127.77.5.1'

describe('an application that listens', () => {
  let sample: Awaited<ReturnType<typeof openSample>>
  let listening: Listening
  const seen: number[] = []
  beforeAll(async () => {
    sample = await openSample({
      bodyTimeoutMs: 200,
      handlers: {
        'session.start': async () => ({}) as never,
        'captures.judge': async ({ body }) => {
          let length = 0
          for await (const part of body) length += (part as Buffer).length
          seen.push(length)
          return { packets: length, unreadable: 0, flows: [], disobeying: 0, notes: [] }
        },
      },
    })
    listening = await listen(sample.api, {
      addresses: [{ address, port: 0 }],
      credential: undefined,
      limits: { headersMs: 300, headerBytes: 8192 },
    })
  })
  afterAll(async () => {
    await listening[Symbol.asyncDispose]()
    await sample.api[Symbol.asyncDispose]()
  })
  const port = () => listening.addresses[0]?.port ?? 0

  /** Everything that a connection gets after these parts were sent, until it is closed. */
  const conversation = async (...parts: readonly string[]) => {
    const socket = connect(port(), address)
    let answer = ''
    socket.on('data', (part: Buffer) => (answer += part.toString()))
    socket.on('error', () => undefined)
    for (const part of parts) socket.write(part)
    await once(socket, 'close')
    return answer
  }

  it('ends a request whose headers do not come', async () => {
    expect(await conversation('GET /healthz HTTP/1.1\r\nHost: localhost\r\n')).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('ends a request whose body does not come', async () => {
    const head =
      'POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na'
    const answer = await conversation(head)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(answer).toContain('"code":"timeout"')
  })

  it('refuses a flood of headers', async () => {
    const flood = `X-Flood: ${'a'.repeat(20_000)}\r\n`
    expect(await conversation(`GET /healthz HTTP/1.1\r\nHost: localhost\r\n${flood}\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('refuses what is no HTTP', async () => {
    expect(await conversation('\u0016\u0003\u0001 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('hands an upload on as it comes', async () => {
    const outgoing = request({
      host: address,
      port: port(),
      method: 'POST',
      path: '/api/v1/plants/cpwe/captures',
      headers: {
        host: 'localhost',
        'content-type': 'application/octet-stream',
        cookie: '__Host-cordon=session:operator:1',
        'x-csrf-token': csrf,
      },
    })
    for (let n = 0; n < 32; n++) outgoing.write(Buffer.alloc(65_536))
    outgoing.end()
    const [response] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream & { statusCode: number }]
    response.resume()
    expect([response.statusCode, seen]).toEqual([200, [32 * 65_536]])
  })

  it('serves figures, and nothing else, where they are asked for plainly', async () => {
    await using plain = await listenForMetrics(sample.api.metrics, '127.77.5.2', 0)
    const at = `http://127.77.5.2:${plain.addresses[0]?.port}`
    expect(await (await fetch(`${at}/metrics`)).text()).toContain('cordon_http_requests_total')
    expect((await fetch(`${at}/api/v1/welcome`)).status).toBe(404)
  })

  it('says who is in its way', async () => {
    const taken = listen(sample.api, { addresses: [{ address, port: port() }], credential: undefined })
    await expect(taken).rejects.toMatchObject({ code: 'address-in-use' })
    const foreign = listen(sample.api, { addresses: [{ address: '192.0.2.1', port: 0 }], credential: undefined })
    await expect(foreign).rejects.toMatchObject({ code: 'unreachable' })
  })
})
