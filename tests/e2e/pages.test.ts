import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { path, port } from '@cordon/core/cip'
import type { BridgeRow, SecuredRow, TableDocument, TableName, TcpRow } from '@cordon/core/tables'
import { connect, openClass3 } from '@cordon/node/originator'
import { openPageClient } from '@cordon/node/pages'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon } from './cli.ts'

// What the pages of the local module must show: demonstration plant, sections 4 and 5 (source 000, Figures 4-1 to 4-5).
const local = '127.17.81.51'
const binary = resolve('packages/cli/bin/cordon.mjs')
const plantFile = 'examples/cpwe/plant.yaml'

/** The module's bridge connections: class, originator's port and link, target's port and link, O->T, T->O, RPI, serial, shown as. */
type Bridge = readonly [
  0 | 1 | 3,
  number,
  string,
  number,
  string,
  number,
  number,
  number,
  number,
  BridgeRow['confidentiality'],
]
const both: readonly Bridge[] = [
  [3, 2, '127.17.83.31', 1, '0', 502, 502, 750, 34405, 'Encrypted'],
  [1, 1, '0', 2, '127.17.81.31', 2, 2, 500, 771, 'Authenticated'],
  [0, 1, '0', 2, '127.17.81.41', 82, 154, 500, 795, 'None'],
  [3, 2, '127.18.2.76', 1, '0', 502, 502, 750, 4097, 'Encrypted'],
  [3, 1, '0', 2, '127.17.80.31', 502, 502, 750, 772, 'Authenticated'],
  [1, 1, '0', 2, '127.17.83.31', 2, 2, 500, 769, 'Authenticated'],
  [1, 1, '0', 2, '127.17.80.31', 2, 2, 500, 770, 'Authenticated'],
  [1, 1, '0', 2, '127.17.83.31', 2, 42, 20, 773, 'Authenticated'],
  [1, 1, '0', 2, '127.17.80.31', 2, 42, 20, 774, 'Authenticated'],
  [1, 1, '0', 2, '127.17.81.31', 2, 42, 20, 775, 'Authenticated'],
  [1, 2, '127.17.83.31', 1, '0', 2, 42, 20, 34406, 'Authenticated'],
  [1, 2, '127.17.80.31', 1, '0', 2, 42, 20, 12289, 'Authenticated'],
  [1, 2, '127.17.81.31', 1, '0', 2, 42, 20, 16385, 'Authenticated'],
  [0, 1, '0', 2, '127.17.81.40', 82, 154, 500, 796, 'None'],
  [1, 1, '0', 2, '127.60.3.150', 2, 42, 100, 777, 'None'],
  [1, 2, '127.60.3.150', 1, '0', 2, 42, 100, 20481, 'None'],
  [3, 2, '127.17.81.70', 1, '0', 502, 502, 750, 24577, 'None'],
]
const after: readonly Bridge[] = [
  ...both,
  [1, 1, '0', 2, '127.17.81.60', 26, 22, 20, 776, 'Authenticated'],
  [3, 2, '127.18.2.71', 1, '0', 502, 502, 750, 28673, 'None'],
  [3, 2, '127.18.3.253', 1, '0', 502, 502, 750, 29697, 'None'],
]

const rowText = (row: Bridge): string => row.join(' ')

function bridgeText(row: BridgeRow): string {
  const { originator, target, originatorToTarget: ot, targetToOriginator: to, serial, confidentiality } = row
  return rowText([
    row.class,
    originator.port,
    originator.link,
    target.port,
    target.link,
    ot.size,
    to.size,
    ot.rpiUs / 1000,
    serial,
    confidentiality,
  ])
}

const client = openPageClient({ address: local })

async function rows<Name extends Exclude<TableName, 'identity' | 'security'>>(
  name: Name,
): Promise<TableDocument<Name>['data']> {
  return (await client.read(name)).data
}

/** The TCP table without what is free: ephemeral ports and order. */
function tcpText(table: readonly TcpRow[]): readonly string[] {
  return table
    .map(({ state, side, localAddress, localPort, remoteAddress, remotePort, secured }) => {
      if (state === 'LISTEN') return `LISTEN ${localAddress}:${localPort}`
      const ends = side === 'client' ? `any to ${remoteAddress}:${remotePort}` : `:${localPort} from ${remoteAddress}`
      return `${state} ${side} ${ends} ${secured ? 'secured' : 'plain'}`
    })
    .toSorted()
}

const listening = [`LISTEN 0.0.0.0:80`, `LISTEN ${local}:2221`, `LISTEN ${local}:44818`]

/** Asks until it holds: connections are opened one after the other. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const until = Date.now() + 20_000
  for (;;) {
    try {
      await check()
      return
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((done) => setTimeout(done, 100))
    }
  }
}

/** A page as a browser at that address reads it. */
async function browse(from: string, target: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((done, fail) => {
    const asked = request({ host: local, path: target, localAddress: from, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part
      })
      response.on('end', () => done({ status: response.statusCode ?? 0, body }))
    })
    asked.on('error', fail)
    asked.end()
  })
}

/** Opens one more class 3 connection from there to the controller behind the module, looks, and closes it. */
async function oneMore(from: string): Promise<void> {
  const isMine = (row: BridgeRow) => row.originator.link === from && row.serial === 4711
  const session = await connect({ address: local, transport: 'tcp', localAddress: from })
  const sockets = async () =>
    (await rows('tcp')).filter(
      (row) => row.remoteAddress === from && row.remotePort === session.peer.localEndpoint.port,
    )
  const connection = await openClass3(session, {
    serial: 4711,
    path: [port(1, 0), ...path({ class: 0x02, instance: 1 })],
    size: 500,
    rpiMs: 1234,
  })
  expect(await sockets()).toMatchObject([{ state: 'ESTABLISHED', side: 'server', localPort: 44818, secured: false }])
  expect((await rows('bridge')).filter(isMine)).toMatchObject([
    {
      class: 3,
      side: 'target',
      target: { port: 1, link: '0', name: 'Blue_L85E' },
      originatorToTarget: { size: 500, rpiUs: 1_234_000, variable: true, multicast: false },
      confidentiality: 'None',
    },
  ])
  await connection.close()
  expect((await rows('bridge')).filter(isMine)).toEqual([])
  await session.close()
  await eventually(async () => expect(await sockets()).toEqual([]))
}

let work = ''
let child: ChildProcess

async function start(args: readonly string[]): Promise<void> {
  work = await mkdtemp(join(tmpdir(), 'cordon-pages-'))
  let messages = ''
  child = spawn(process.execPath, [binary, ...args, '--output', 'json', '--state', join(work, 'state')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    messages += text
  })
  await new Promise<void>((done, fail) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part
      try {
        JSON.parse(text)
        done()
      } catch {
        // The document is not whole yet.
      }
    })
    child.once('exit', (code) => fail(new Error(`it ended with ${code} before it ran:\n${messages.slice(-4000)}`)))
  })
}

async function end(): Promise<void> {
  if (child?.exitCode === null) {
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGTERM')
    await ended
  }
  await rm(work, { recursive: true, force: true })
}

describe('the pages of the local module before the deployment', () => {
  beforeAll(() => start(['simulate', plantFile]), 60_000)
  afterAll(end, 60_000)

  it('show the TCP connections of Figure 4-1', async () => {
    await browse('127.18.2.77', '/tcp')
    const expected = [
      ...listening,
      ...['127.17.81.41', '127.17.81.40', '127.17.83.31', '127.17.80.31', '127.17.81.31', '127.60.3.150'].map(
        (peer) => `ESTABLISHED client any to ${peer}:44818 plain`,
      ),
      ...['127.17.80.31', '127.17.81.31', '127.17.81.70', '127.17.83.31', '127.18.2.76', '127.60.3.150'].map(
        (peer) => `ESTABLISHED server :44818 from ${peer} plain`,
      ),
      'TIME_WAIT server :80 from 127.18.2.77 plain',
    ]
    await eventually(async () => expect(tcpText(await rows('tcp'))).toEqual(expected.toSorted()))
  })

  it('show the bridge connections, none of them protected', async () => {
    const expected = both.map((row) => rowText([...row.slice(0, 9), 'None'] as unknown as Bridge))
    await eventually(async () => expect((await rows('bridge')).map(bridgeText).toSorted()).toEqual(expected.toSorted()))
    expect(await rows('tls')).toEqual([])
    expect(await rows('dtls')).toEqual([])
  })

  it('show one more connection while it is there', () => oneMore('127.18.2.77'))

  it('are there for software that only originates, too', async () => {
    const panel = openPageClient({ address: '127.17.81.70' })
    const { data, device } = await panel.read('bridge')
    panel.close()
    expect(device).toBe('Panel_70')
    expect(data).toMatchObject([{ class: 3, side: 'originator', target: { port: 2, link: local, name: 'Blue_EN4TR' } }])
  })

  it('are joined and judged: what is not secured yet is weaker than promised', async () => {
    const { status, stdout } = await cordon([
      'connections',
      plantFile,
      '--pair',
      'Green_EN4TR,Blue_EN4TR',
      '-o',
      'json',
    ])
    const { connections } = JSON.parse(stdout) as { readonly connections: readonly Record<string, unknown>[] }
    expect(connections.length).toBe(4)
    for (const row of connections)
      expect(row).toMatchObject({ verdict: 'weaker', seenBy: 'both', confidentiality: 'None' })
    expect(status).toBe(1)
  })

  it('name whoever the plant does not know, as it comes and goes', async () => {
    const follow = spawn(
      process.execPath,
      [binary, 'connections', plantFile, '--follow', '--interval', '1s', '--verdict', 'unknown-peer', '-o', 'json'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    const changes: { readonly change: string; readonly connection: Record<string, unknown> }[] = []
    let pending = ''
    follow.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${pending}${text}`.split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) changes.push(JSON.parse(line))
    })
    try {
      const session = await connect({ address: local, transport: 'tcp', localAddress: '127.18.9.9' })
      await eventually(async () => expect(changes.length).toBe(1))
      expect(changes[0]?.connection).toMatchObject({ kind: 'session', from: '127.18.9.9', toName: 'Blue_EN4TR' })
      await session.close()
      await eventually(async () => expect(changes.map(({ change }) => change).at(-1)).toBe('closed'))
      expect(changes.length).toBe(2)
    } finally {
      follow.kill('SIGTERM')
    }
  })
})

describe('the pages of the local module after the deployment', () => {
  beforeAll(() => start(['demo']), 240_000)
  afterAll(end, 60_000)

  it('show the TCP connections of Figure 4-2', async () => {
    await browse('127.18.2.75', '/tcp')
    const expected = [
      ...listening,
      'ESTABLISHED client any to 127.17.80.31:2221 secured',
      ...['127.17.83.31', '127.18.2.76'].map((peer) => `ESTABLISHED server :2221 from ${peer} secured`),
      ...['127.17.81.40', '127.17.81.41', '127.60.3.150'].map(
        (peer) => `ESTABLISHED client any to ${peer}:44818 plain`,
      ),
      ...['127.17.81.70', '127.18.2.71', '127.18.3.253', '127.60.3.150'].map(
        (peer) => `ESTABLISHED server :44818 from ${peer} plain`,
      ),
      'TIME_WAIT server :80 from 127.18.2.75 plain',
    ]
    const table = await rows('tcp')
    const closed = table.filter(({ state }) => state === 'CLOSED')
    expect(tcpText(table.filter((row) => !closed.includes(row)))).toEqual(expected.toSorted())
    // Left over from the change: plain sessions to the chassis that are secured now.
    for (const row of closed) {
      expect(row).toMatchObject({ side: 'client', remotePort: 44818, secured: false })
      expect(['127.17.80.31', '127.17.81.31', '127.17.83.31']).toContain(row.remoteAddress)
    }
  })

  it('show the TLS connections of Figure 4-3 and the DTLS connections of Figure 4-4', async () => {
    const text = (table: readonly SecuredRow[]) =>
      table.map(({ remoteName, suite, side }) => `${remoteName} ${suite.toString(16)} ${side}`).toSorted()
    expect(text(await rows('tls'))).toEqual(
      ['Green_EN4TR c023 server', 'Data_Server c023 server', 'Red_EN4TR c006 client'].toSorted(),
    )
    expect(text(await rows('dtls'))).toEqual(
      [
        ...['Green_EN4TR', 'Red_EN4TR', 'Yellow_EN4TR'].flatMap((peer) => [
          `${peer} c006 client`,
          `${peer} c006 server`,
        ]),
        'Blue_Drive c006 client',
      ].toSorted(),
    )
  })

  it('show the bridge connections of Figure 4-5, each with its protection', async () => {
    const table = await rows('bridge')
    expect(table.map(bridgeText).toSorted()).toEqual(after.map(rowText).toSorted())
    for (const row of table) {
      expect(row).toMatchObject({ state: 'Active', missed: expect.any(Number) })
      expect(row.originatorToTarget).toMatchObject({ variable: row.class === 3, multicast: false })
    }
  })

  it('show one more connection of a trusted address while it is there', () => oneMore('127.17.81.70'))

  it('say who was refused, and why, and what the device holds', async () => {
    await connect({ address: local, transport: 'tcp', localAddress: '127.18.9.9' }).then(
      (session) => session.close(),
      () => undefined,
    )
    const { data } = await client.read('security')
    expect(data).toMatchObject({ cipSecurityState: 'configured', ethernetIpSecurityState: 'configured' })
    expect(data.suites.map(({ suite }) => suite).toSorted()).toEqual([0xc006, 0xc023, 0xc024])
    expect(data.refusals[0]).toMatchObject({ peer: '127.18.9.9', port: 44818 })
    expect(data.refusals[0]?.reason).not.toBe('')
    const [own] = data.certificates
    expect(own).toMatchObject({ use: 'own', expired: false })
    expect(own?.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(data.certificates.filter(({ use }) => use === 'authority').length).toBe(5)
  })

  it('say the same as HTML, without a script, refreshed as asked', async () => {
    const every = await browse('127.18.2.75', '/bridge?refresh=30')
    expect(every.status).toBe(200)
    expect(every.body).toContain('<meta http-equiv="refresh" content="30">')
    for (const [, , , , , , , , serial, shown] of after) {
      const line = every.body.split('\n').find((text) => text.includes(`>${serial}</td>`))
      expect(line).toContain(`>${shown}</span>`)
    }
    const never = await browse('127.18.2.75', '/?refresh=0')
    expect(never.body).not.toContain('http-equiv')
    expect(`${every.body}${never.body}`).not.toContain('<script')
  })

  it('are joined over the plant, and nothing disobeys', async () => {
    const { status, stdout } = await cordon(['connections', plantFile, '-o', 'json'])
    const { connections, unread } = JSON.parse(stdout) as {
      readonly connections: readonly { readonly verdict: string; readonly kind: string; readonly seenBy: string }[]
      readonly unread: readonly unknown[]
    }
    expect(unread).toEqual([])
    expect(connections.filter(({ verdict }) => verdict !== 'allowed')).toEqual([])
    expect(connections.filter(({ kind, seenBy }) => kind === 'connection' && seenBy === 'both').length).toBe(23)
    expect(status).toBe(0)
  })
})
