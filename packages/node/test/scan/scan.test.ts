import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { scan } from '../../src/scan/scan.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { bindUdp } from '../../src/transports/udp.ts'
import { testAddress } from '../addresses.ts'
import { secureDevice, steer } from '../target/test-device.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'

let authority: TestAuthority
let own: Identity

beforeAll(async () => {
  authority = await makeAuthority('plant')
  own = await authority.issue('device')
})

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const offered = (rows: readonly { verdict: string; suite: number }[]) =>
  rows.filter((row) => row.verdict === 'offered').map((row) => row.suite)

/** A gate before a target that may close a connection without a word. */
async function gate(
  address: string,
  target: string,
  rules: { readonly isFull?: (open: number) => boolean; readonly hidesAlerts?: boolean },
): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket)).on('error', () => {})
    if (rules.isFull?.(sockets.size) === true) {
      socket.once('data', () => socket.end())
      return
    }
    const behind = connect({ host: target, port: 2221 })
    behind.on('error', () => socket.destroy()).once('close', () => socket.end())
    socket.once('close', () => behind.destroy())
    socket.on('data', (bytes) => behind.write(bytes))
    behind.on('data', (bytes) => {
      // 21: a record that is an alert.
      if (rules.hidesAlerts === true && bytes[0] === 21) socket.end()
      else socket.write(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(2221, address, resolve))
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  })
}

/** A target with two suites of version 1.2. */
async function target(address: string): Promise<void> {
  const device = await secureDevice(address)
  const host = new TargetHost({ device: steer(device, credentialsOf(own, authority, { suites: [0xc02c, 0xc023] })) })
  await host.start()
  open.push(host)
}

describe('scan', () => {
  it.each(['tls', 'dtls'] as const)('lists exactly what a target offers over %s', async (transport) => {
    const device = await secureDevice(testAddress(transport === 'tls' ? 150 : 151))
    const psk = [{ identity: new TextEncoder().encode('cell'), key: new Uint8Array(16).fill(1) }]
    const host = new TargetHost({
      device: steer(device, credentialsOf(own, authority, { psk, suites: [0xc02c, 0xc006, 0xc037] })),
    })
    await host.start()
    open.push(host)
    const result = await scan(device.address, { transport, timeoutMs: 1000 })
    expect(result.answered).toBe(true)
    expect(offered(result.suites).sort()).toEqual([0xc006, 0xc02c, 0xc037].sort())
    expect(result.suites.find((row) => row.suite === 0xd001)).toMatchObject({ verdict: 'refused' })
    expect(result.suites).toHaveLength(13)
    expect(Object.fromEntries(result.versions.map((row) => [row.version, row.verdict]))).toEqual(
      transport === 'tls'
        ? { TLSv1: 'refused', 'TLSv1.1': 'refused', 'TLSv1.2': 'offered', 'TLSv1.3': 'refused' }
        : { DTLSv1: 'refused', 'DTLSv1.2': 'offered' },
    )
  })

  it('does not call a closed port a refusal', async () => {
    const result = await scan(testAddress(152), { transport: 'tls', timeoutMs: 500 })
    expect(result.answered).toBe(false)
    expect(new Set(result.suites.map((row) => row.verdict))).toEqual(new Set(['not-tested']))
    expect(result.suites[0]?.reason).toMatch(/nothing listens there/)
  })

  it('does not call silence over UDP a refusal', async () => {
    const silent = await bindUdp({ address: testAddress(153), port: 2221 }, () => {})
    open.push({ close: async () => silent.close() })
    const result = await scan(testAddress(153), { transport: 'dtls', timeoutMs: 200, concurrency: 15 })
    expect(result.answered).toBe(false)
    expect(new Set(result.versions.map((row) => row.verdict))).toEqual(new Set(['not-tested']))
  })

  it('calls a server that hangs up on every hello one that refuses', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.end()))
    await new Promise<void>((resolve) => server.listen(2221, testAddress(154), resolve))
    open.push({ close: () => new Promise((resolve) => server.close(resolve)) })
    const result = await scan(testAddress(154), { transport: 'tls', timeoutMs: 1000 })
    expect(new Set(result.suites.map((row) => row.verdict))).toEqual(new Set(['refused']))
  })

  it('asks one that hangs up because too much is open once more, alone, and finds all that it offers', async () => {
    await target(testAddress(157))
    await gate(testAddress(159), testAddress(157), { isFull: (count) => count > 1 })
    const [direct, result] = [
      await scan(testAddress(157), { transport: 'tls' }),
      await scan(testAddress(159), { transport: 'tls' }),
    ]
    expect(result.versions).toEqual(direct.versions)
    expect(result.suites).toEqual(direct.suites)
    expect(result.offers).toEqual(direct.offers)
    expect(result.features).toEqual(direct.features)
    expect(result.probes).toBeGreaterThan(direct.probes)
  })

  it('calls what is closed without an alert not tested where other questions were answered', async () => {
    await target(testAddress(157))
    await gate(testAddress(159), testAddress(157), { hidesAlerts: true })
    const result = await scan(testAddress(159), { transport: 'tls' })
    expect(result.answered).toBe(true)
    expect(Object.fromEntries(result.versions.map((row) => [row.version, row.verdict]))).toEqual({
      TLSv1: 'not-tested',
      'TLSv1.1': 'not-tested',
      'TLSv1.2': 'offered',
      'TLSv1.3': 'not-tested',
    })
    expect(result.versions[0]?.reason).toMatch(/closed the connection without an alert, and again/)
    expect(result.offers).toHaveLength(1)
    expect(result.offers[0]).toMatchObject({ complete: false, order: 'server' })
    expect(result.offers[0]?.suites.map(({ suite }) => suite).sort()).toEqual([0xc023, 0xc02c])
    expect(new Set(result.suites.map((row) => row.verdict))).toEqual(new Set(['offered', 'not-tested']))
  })

  it('is cancelled in the pause before it asks again', async () => {
    const controller = new AbortController()
    const server = createServer((socket) => socket.once('data', () => socket.end()))
    await new Promise<void>((resolve) => server.listen(2221, testAddress(154), resolve))
    open.push({ close: () => new Promise((resolve) => server.close(resolve)) })
    let asked = 0
    const progress = () => {
      asked++
      if (asked === 4) setTimeout(() => controller.abort(), 20)
    }
    const scanning = scan(testAddress(154), { transport: 'tls', signal: controller.signal, progress })
    await expect(scanning).rejects.toMatchObject({ code: 'aborted' })
    expect(asked).toBe(4)
  })

  it('is cancelled by its signal', async () => {
    const silent = await bindUdp({ address: testAddress(155), port: 2221 }, () => {})
    open.push({ close: async () => silent.close() })
    const controller = new AbortController()
    const scanning = scan(testAddress(155), { transport: 'dtls', signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    await expect(scanning).rejects.toMatchObject({ code: 'aborted' })
  })

  it('finds old versions on an OpenSSL server that still speaks them', async ({ skip }) => {
    const directory = mkdtempSync(join(tmpdir(), 'cordon-scan-'))
    const pem = (label: string, der: Uint8Array) =>
      `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`
    writeFileSync(join(directory, 'server.pem'), pem('CERTIFICATE', own.certificate) + pem('PRIVATE KEY', own.key), {
      mode: 0o600,
    })
    const address = testAddress(156)
    const server = spawn(
      'openssl',
      [
        's_server',
        '-accept',
        `${address}:2221`,
        '-cert',
        join(directory, 'server.pem'),
        '-cipher',
        'ALL:eNULL:@SECLEVEL=0',
        '-quiet',
      ],
      { stdio: 'ignore' },
    )
    try {
      const missing = await new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(true))
        server.once('spawn', () => resolve(false))
      })
      if (missing) skip('the openssl command is not installed')
      let result = await scan(address, { transport: 'tls' })
      // It may begin to listen between two questions, so one answer is not enough.
      const isAsked = () => result.versions.every(({ verdict }) => verdict !== 'not-tested')
      for (let i = 0; i < 50 && !isAsked(); i++) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        result = await scan(address, { transport: 'tls' })
      }
      const versions = Object.fromEntries(result.versions.map((row) => [row.version, row.verdict]))
      expect(versions).toMatchObject({
        TLSv1: 'offered',
        'TLSv1.1': 'offered',
        'TLSv1.2': 'offered',
        'TLSv1.3': 'offered',
      })
      expect(offered(result.suites)).toContain(0xc006)
    } finally {
      server.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
