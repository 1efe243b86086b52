import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import * as tls from 'node:tls'
import type { SyslogSettings } from '@cordon/core/enrollment'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSyslog } from '../../src/notify/syslog.ts'
import { formatSyslog, octetCounted } from '../../src/notify/syslog-format.ts'
import { TestAuthority } from './authority.ts'
import { hostile, pending } from './messages.ts'

const origin = { facility: 'authpriv', hostname: 'cordon-1', processId: 42 } as const
const never = new AbortController().signal

let authority: TestAuthority
let other: TestAuthority

beforeAll(() => {
  authority = new TestAuthority('SIEM')
  other = new TestAuthority('Stranger')
})

afterAll(() => {
  authority[Symbol.dispose]()
  other[Symbol.dispose]()
})

const settings = (port: number, transport: SyslogSettings['transport']): SyslogSettings => ({
  kind: 'syslog',
  name: 'siem',
  host: '127.0.0.1',
  port,
  transport,
  facility: 'authpriv',
  client: undefined,
  kinds: undefined,
  ca: undefined,
})

/** A listener that keeps what it gets, closed at the end. */
async function collect(server: Server): Promise<{ port: number; text: () => string } & AsyncDisposable> {
  const parts: Buffer[] = []
  const sockets = new Set<Socket>()
  server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('data', (part: Buffer) => parts.push(part)).on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // of a listening TCP server
  return {
    port,
    text: () => Buffer.concat(parts).toString(),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a syslog message', () => {
  test('is one of RFC 5424', () => {
    expect(formatSyslog(pending, origin, 2048).toString()).toBe(
      '<85>1 2026-11-28T09:30:05.250Z cordon-1 cordon 42 enrollment-pending ' +
        '[cordon@32473 id="17-mia4x2" enrollment="17" plant="mill" device="Line3_Drive" address="10.20.3.14" ' +
        'unit="vendor 1 serial 0x00E17388" vendor="unknown: no vendor of the rules signed it" requester="nobody"] ' +
        '\ufeffLine3_Drive waits for approval. A device asks for a certificate and waits for approval. ' +
        'Why it waits: an administrator must approve this key Enrollment 17.',
    )
  })

  test('has one line and whole structured data, whatever strangers write', () => {
    const text = formatSyslog(hostile, origin, 2048).toString()
    expect(text).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(text).toContain('device="Drive Bcc: everybody@example.net\\"\\]\\\\"')
    expect(text).toContain('übergröße')
  })

  test.each([2048, 8192] as const)('is at most %i bytes long, cut between characters', (longest) => {
    const long = { ...pending, subject: ']'.repeat(500), detail: { ...pending.detail, reason: 'ü€𝄞'.repeat(4000) } }
    for (let more = 0; more < 5; more++) {
      const bytes = formatSyslog({ ...long, kind: `a${'b'.repeat(more)}` }, origin, longest)
      expect(bytes.length).toBeLessThanOrEqual(longest)
      expect(bytes.length).toBeGreaterThan(longest - 8)
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
      expect(text.endsWith('…[truncated]')).toBe(true)
    }
    const detail = Object.fromEntries(Object.keys(pending.detail).map((key) => [key, '"]\\𝄞'.repeat(500)]))
    expect(formatSyslog({ ...pending, detail }, origin, 2048).length).toBeLessThanOrEqual(2048)
  })
})

describe('a syslog channel', () => {
  const two = [pending, hostile]

  test('sends over TCP, each message behind its length', async () => {
    await using server = await collect(createServer())
    const channel = openSyslog(settings(server.port, 'tcp'), { ca: undefined, client: undefined })
    expect(await channel.send(two, never)).toEqual({ kind: 'sent' })
    expect(server.text()).toMatch(/^\d+ <85>1 2026.*\d+ <85>1 2026/su)
    const [length = ''] = server.text().split(' ')
    expect(
      Buffer.from(server.text())
        .subarray(length.length + 1 + Number(length))
        .toString(),
    ).toMatch(/^\d+ <85>1 /)
  })

  test('sends over TLS, shows its certificate, and believes its CA alone', async () => {
    const shown = authority.issue('IP:127.0.0.1')
    const demands = { ...shown, ca: other.ca, requestCert: true, rejectUnauthorized: true }
    await using server = await collect(tls.createServer(demands))
    const mine = other.issue('DNS:cordon')
    const client = { certificate: mine.cert, key: mine.key }
    const send = (parts: Parameters<typeof openSyslog>[1]) =>
      openSyslog(settings(server.port, 'tls'), parts).send([pending], never)
    expect(await send({ ca: authority.ca, client })).toEqual({ kind: 'sent' })
    expect(server.text()).toContain('Line3_Drive')
    expect(await send({ ca: other.ca, client })).toMatchObject({
      kind: 'retry',
      error: expect.stringMatching(/certificate/),
    })
    // Without a certificate the server ends TLS 1.3 after the handshake: what was written is not believed to be there.
    expect(await send({ ca: authority.ca, client: undefined })).toMatchObject({ kind: 'retry' })
  })

  test('sends over UDP, a datagram for each message', async () => {
    const socket = createSocket('udp4')
    const got: string[] = []
    socket.on('message', (datagram) => got.push(datagram.toString()))
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    const channel = openSyslog(settings(socket.address().port, 'udp'), { ca: undefined, client: undefined })
    expect(await channel.send(two, never)).toEqual({ kind: 'sent' })
    await expect.poll(() => got.length).toBe(2)
    expect(got[0]).toBe(formatSyslog(pending, { ...origin, ...headOf(got[0]) }, 2048).toString())
    socket.close()
  })

  test('says so when the server does not close, or is not there', async () => {
    await using server = await collect(createServer({ allowHalfOpen: true }))
    const cutting = new AbortController()
    const channel = openSyslog(settings(server.port, 'tcp'), { ca: undefined, client: undefined })
    const sending = channel.send([pending], cutting.signal)
    await expect.poll(() => server.text()).toContain('Line3_Drive')
    cutting.abort()
    expect(await sending).toEqual({ kind: 'retry', error: 'cut off' })
    const nobody = openSyslog(settings(9, 'tcp'), { ca: undefined, client: undefined })
    expect(await nobody.send([pending], never)).toMatchObject({
      kind: 'retry',
      error: expect.stringMatching(/REFUSED/),
    })
  })
})

const headOf = (text = '') => {
  const [, , hostname = '', , processId = ''] = text.split(' ')
  return { hostname, processId: Number(processId) }
}

// Debian: rsyslog and rsyslog-gnutls.
const rsyslogd = '/usr/sbin/rsyslogd'
const canJudge = existsSync(rsyslogd) && existsSync(gnutlsModule())

function gnutlsModule(): string {
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  return `/usr/lib/${machine}/rsyslog/lmnsd_gtls.so`
}

describe.skipIf(!canJudge)('rsyslog', () => {
  test('reads messages over TLS, TCP and UDP, the structured data whole', async () => {
    const { directory } = authority
    const shown = authority.issue('IP:127.0.0.1')
    const file = (name: string, text = '') => {
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    }
    const [secured, plain, datagrams] = await freePorts()
    const out = file('out.log')
    const config = file(
      'rsyslog.conf',
      `global(workDirectory="${directory}" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="${file('root.pem', authority.ca)}"
  defaultNetstreamDriverCertFile="${file('server.pem', shown.cert)}"
  defaultNetstreamDriverKeyFile="${file('server.key', shown.key)}")
template(name="t" type="string" string="%syslogpriority%|%app-name%|%msgid%|%structured-data%|%msg%\\n")
ruleset(name="r") { action(type="omfile" file="${out}" template="t") }
module(load="imptcp")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="${secured}" ruleset="r")
input(type="imptcp" address="127.0.0.1" port="${plain}" ruleset="r")
input(type="imudp" address="127.0.0.1" port="${datagrams}" ruleset="r")
`,
    )
    execFileSync(rsyslogd, ['-N1', '-f', config], { stdio: 'pipe' })
    const daemon = spawn(rsyslogd, ['-n', '-f', config, '-i', join(directory, 'pid')], { stdio: 'ignore' })
    try {
      for (const [port, transport] of [
        [secured, 'tls'],
        [plain, 'tcp'],
        [datagrams, 'udp'],
      ] as const) {
        const ca = transport === 'tls' ? authority.ca : undefined
        const channel = openSyslog(settings(port, transport), { ca, client: undefined })
        await expect.poll(() => channel.send([pending, hostile], never), { timeout: 10_000 }).toEqual({ kind: 'sent' })
      }
      await expect.poll(() => readFileSync(out, 'utf8').trim().split('\n').length, { timeout: 10_000 }).toBe(6)
    } finally {
      daemon.kill()
      await once(daemon, 'close')
    }
    const lines = readFileSync(out, 'utf8').trim().split('\n')
    for (const line of lines) expect(line).toMatch(/^5\|cordon\|enrollment-pending\|\[cordon@32473 id="1[78]-.*"\]\|/)
    expect(lines.filter((line) => line.includes('Line3_Drive waits for approval.'))).toHaveLength(3)
    expect(lines.filter((line) => line.includes('device="Drive Bcc: everybody@example.net\\"\\]\\\\"'))).toHaveLength(3)
  })
})

async function freePorts(): Promise<[number, number, number]> {
  const servers = [createServer(), createServer(), createServer()] as const
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports.push((server.address() as AddressInfo).port) // of a listening TCP server
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  const [a = 0, b = 0, c = 0] = ports
  return [a, b, c]
}

test('a length counts bytes, not characters', () => {
  expect(octetCounted(Buffer.from('ü')).toString()).toBe('2 ü')
})
