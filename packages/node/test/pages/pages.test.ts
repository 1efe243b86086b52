import { connect as connectTcp } from 'node:net'
import { request } from 'node:http'
import type { BridgeRow, SecurityTable, TcpRow } from '@cordon/core/tables'
import { afterEach, describe, expect, it } from 'vitest'
import { openPageClient } from '../../src/pages/client.ts'
import { escapeHtml } from '../../src/pages/html.ts'
import { PageServer, type PageServerOptions } from '../../src/pages/server.ts'
import type { PageSource } from '../../src/pages/source.ts'
import { testAddress } from '../addresses.ts'

const address = testAddress(201)
const servers: PageServer[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

const nasty = `<script>alert(1)</script>"'\`><img src=x onerror=alert(1)>\u0000\u001b[2J\u202egpj\u200b&amp;`

const end = { port: 2, link: '192.0.2.1', name: nasty }
const direction = { size: 2, variable: false, rpiUs: 1000, multicast: false }
const bridgeRow: BridgeRow = {
  class: 1,
  state: nasty,
  uptimeS: 5,
  originator: end,
  target: end,
  originatorToTarget: direction,
  targetToOriginator: direction,
  missed: 0,
  serial: 1,
  confidentiality: 'None',
  transport: 'udp',
  side: 'target',
}
const security: SecurityTable = {
  capable: true,
  cipSecurityState: 'configured',
  ethernetIpSecurityState: nasty,
  verifiesPeers: true,
  checksExpiration: true,
  preSharedKeys: 0,
  revocationLists: 0,
  suites: [],
  originatorSuites: [],
  certificates: [
    {
      use: 'own',
      subject: nasty,
      issuer: nasty,
      serial: nasty,
      notBefore: '2026-01-01T00:00:00.000Z',
      notAfter: '2026-01-02T00:00:00.000Z',
      expired: true,
      fingerprint: '00',
    },
  ],
  ports: [],
  refusals: [{ at: '2026-01-01T00:00:00.000Z', peer: nasty, peerName: nasty, port: 1, reason: nasty, count: 1 }],
}
const tcpRow: TcpRow = {
  state: 'ESTABLISHED',
  localAddress: address,
  localPort: 44818,
  remoteAddress: '192.0.2.1',
  remotePort: 1,
  remoteName: nasty,
  side: 'server',
  secured: false,
  since: undefined,
}

function source(more: Partial<PageSource> = {}): PageSource {
  return {
    identity: () => ({
      name: nasty,
      address,
      productName: nasty,
      vendorId: 1,
      deviceType: 12,
      productCode: 1,
      revision: '1.1',
      serialNumber: 1,
      slot: undefined,
      cipSecurity: true,
    }),
    tcp: () => [tcpRow],
    tls: () => [],
    dtls: () => [],
    bridge: () => ({ rows: [bridgeRow], total: 1 }),
    security: () => security,
    ...more,
  }
}

async function serve(more: Partial<PageServerOptions> = {}, from = source()): Promise<PageServer> {
  const server = await PageServer.open(from, { address, ports: [0], names: ['Unit'], ...more })
  servers.push(server)
  return server
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

function ask(
  server: PageServer,
  path: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Answer> {
  return new Promise((done, fail) => {
    const { method = 'GET', headers = {}, body } = options
    const asked = request({ host: address, port: server.port, path, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    asked.on('error', fail)
    asked.end(body)
  })
}

const pages = ['/', '/tcp', '/tls', '/dtls', '/bridge', '/security']

describe('the text of peers', () => {
  it('cannot become markup, on any page', async () => {
    const server = await serve()
    for (const path of pages) {
      const { status, body } = await ask(server, path)
      expect(status).toBe(200)
      expect(body).not.toMatch(/<script|<img|onerror=alert\(1\)>/)
      expect(body.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      expect(body.match(/<title>/g)).toHaveLength(1)
    }
    expect((await ask(server, '/tcp')).body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&#96;')
  })

  it('is kept where it is harmless, and spelled where it cannot be seen', () => {
    expect(escapeHtml('Pumpe Süd 泵 №3')).toBe('Pumpe Süd 泵 №3')
    expect(escapeHtml('a\u202eb\u0007\u2028')).toBe('a\\u202eb\\u0007\\u2028')
    expect(escapeHtml('x" autofocus onfocus=')).toBe('x&quot; autofocus onfocus=')
  })

  it('comes through JSON as it is', async () => {
    const server = await serve()
    const client = openPageClient({ address, ports: [server.port] })
    expect((await client.read('bridge')).data[0]?.originator.name).toBe(nasty)
    client.close()
  })
})

describe('a page', () => {
  it('brings no script and lets none in', async () => {
    const server = await serve()
    for (const path of [...pages, '/api/tcp', '/nowhere']) {
      const { headers } = await ask(server, path)
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/]+=*';/)
      expect(headers['content-security-policy']).not.toContain('unsafe')
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    }
  })

  it('refreshes as often as asked, and never with 0', async () => {
    const server = await serve()
    expect((await ask(server, '/tcp')).body).toContain('content="15"')
    const slow = await ask(server, '/tcp?refresh=60')
    expect(slow.body).toContain('content="60"')
    expect(slow.body).toContain('href="/bridge?refresh=60"')
    expect((await ask(server, '/tcp?refresh=0')).body).not.toContain('http-equiv')
    for (const wrong of ['-1', '1e3', '99999', '1"><b>']) {
      expect((await ask(server, `/tcp?refresh=${encodeURIComponent(wrong)}`)).status).toBe(400)
    }
  })

  it('has a part of many rows, with links to the rest; JSON has all or what was asked for', async () => {
    const many = Array.from({ length: 1200 }, (_, place) => ({ ...tcpRow, remotePort: place + 1 }))
    const server = await serve({}, source({ tcp: () => many }))
    const first = await ask(server, '/tcp?refresh=0')
    expect(first.body).toContain('Rows 1 to 250 of 1200')
    expect(first.body).toContain('href="/tcp?refresh=0&amp;from=250"')
    const last = await ask(server, '/tcp?refresh=0&from=1000')
    expect(last.body.match(/<tr role="row">/g)).toHaveLength(201)
    expect(JSON.parse((await ask(server, '/api/tcp')).body)).toMatchObject({ total: 1200 })
    const part = JSON.parse((await ask(server, '/api/tcp?from=1199&limit=5')).body)
    expect(part).toMatchObject({ total: 1200, data: [{ remotePort: 1200 }] })
  })

  it('cannot be written to', async () => {
    const server = await serve()
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      const { status, headers } = await ask(server, '/tcp', { method })
      expect([status, headers['allow']]).toEqual([405, 'GET, HEAD'])
    }
    expect((await ask(server, '/tcp', { body: 'x', headers: { 'Content-Length': '1' } })).status).toBe(400)
    const head = await ask(server, '/tcp', { method: 'HEAD' })
    expect([head.status, head.body]).toEqual([200, ''])
  })

  it('is not read under a name of somebody else', async () => {
    const server = await serve()
    expect((await ask(server, '/api/tcp', { headers: { Host: 'evil.example' } })).status).toBe(421)
    for (const Host of ['unit', `${address}:${server.port}`, 'localhost:8080']) {
      expect((await ask(server, '/api/tcp', { headers: { Host } })).status).toBe(200)
    }
  })

  it('that cannot be made is a defect of ours and ends nothing', async () => {
    const defects: unknown[] = []
    const broken = () => {
      throw new Error('secret detail')
    }
    const server = await serve({ defect: (error) => defects.push(error) }, source({ tls: broken }))
    const { status, body } = await ask(server, '/tls')
    expect(status).toBe(500)
    expect(body).not.toContain('secret')
    expect(defects).toHaveLength(1)
    expect((await ask(server, '/tcp')).status).toBe(200)
  })
})

describe('the limits of a page server', () => {
  it('answer bytes that are no request, too large a head, and too many requests', async () => {
    const server = await serve({ limits: { requestsPerSecond: 8 } })
    expect(await raw(server, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/)
    expect(await raw(server, `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 400/,
    )
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(server, '/api/tls')))
    expect(answers.some(({ status }) => status === 429)).toBe(true)
  })

  it('end a connection that never asks', async () => {
    const server = await serve({ limits: { requestMs: 50 } })
    expect(await raw(server, 'GET / HT')).toBe('')
  })

  it('let a newcomer in where idle connections hold every place', async () => {
    const server = await serve({ limits: { maxConnections: 3, maxPerHost: 3 } })
    const idle = Array.from({ length: 3 }, () => connectTcp(server.port, address))
    await Promise.all(idle.map((socket) => new Promise((done) => socket.once('connect', done))))
    for (const socket of idle) socket.on('error', () => {})
    expect((await ask(server, '/api/tls')).status).toBe(200)
    for (const socket of idle) socket.destroy()
  })

  it('remember whom the server closed, as TCP does, and not the one that asks', async () => {
    const holder: { server?: PageServer } = {}
    holder.server = await serve({}, source({ tcp: () => holder.server?.rows() ?? [] }))
    await ask(holder.server, '/')
    const { data } = JSON.parse((await ask(holder.server, '/api/tcp')).body) as { readonly data: readonly TcpRow[] }
    expect(data.map(({ state }) => state)).toEqual(['LISTEN', 'TIME_WAIT'])
  })
})

describe('a client of pages', () => {
  it('reports what is no table, field by field', async () => {
    const wrong = { ...tcpRow, remotePort: 'many' } as unknown as TcpRow
    const server = await serve({}, source({ tcp: () => [tcpRow, wrong] }))
    const client = openPageClient({ address, ports: [server.port] })
    await expect(client.read('tcp')).rejects.toMatchObject({
      code: 'bad-encoding',
      message: '/api/tcp.data[1].remotePort: expected a number, got "many"',
    })
    client.close()
  })

  it('says that a device has no pages', async () => {
    const server = await serve()
    const { port } = server
    await server.close()
    servers.length = 0
    await expect(openPageClient({ address, ports: [port] }).read('tcp')).rejects.toMatchObject({ code: 'refused' })
  })
})

/** Everything that comes back for these bytes until the connection ends. */
function raw(server: PageServer, bytes: string): Promise<string> {
  return new Promise((done) => {
    let text = ''
    const socket = connectTcp(server.port, address, () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    socket.on('error', () => {})
    socket.on('close', () => done(text))
  })
}
