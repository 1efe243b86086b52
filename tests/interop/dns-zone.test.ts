import { zoneSnippet } from '@cordon/core/discovery'
import { announcedEstServers, ServiceResolver } from '@cordon/node/est'
import { estServices } from '@cordon/server/est'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const isMissing = spawnSync('named', ['-v']).status !== 0
/** BIND listens on addresses that the system lists alone: of the loopback that is this one. */
const address = '127.0.0.1'
const domain = 'plant.example'
const host = `manager.${domain}`
const services = estServices({
  name: 'Süd 1 "Press"',
  listen: [{ address: '192.0.2.10', port: 8444 }],
  labels: [undefined, 'cell 3'],
  subtypes: ['_cip'],
  text: { note: 'a "quoted" \\ word' },
})

/** A port that is free now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, address, resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

/** BIND with the zone of a plant in a directory of its own, as an ordinary user would have written it. */
class Bind {
  readonly #directory = mkdtempSync(join(tmpdir(), 'cordon-dns-'))
  readonly #child: ChildProcess
  #log = ''

  constructor(port: number) {
    chmodSync(this.#directory, 0o777)
    const file = (name: string, text: string) => {
      writeFileSync(join(this.#directory, name), text)
      return join(this.#directory, name)
    }
    const zone = file(
      'zone',
      [
        '$TTL 300',
        `@ IN SOA ${host}. admin.${domain}. 1 3600 600 86400 300`,
        `@ IN NS ${host}.`,
        'manager IN A 192.0.2.10',
        zoneSnippet({ domain, host, services }),
      ].join('\n'),
    )
    const settings = file(
      'named.conf',
      `options { directory "${this.#directory}"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
        listen-on port ${port} { ${address}; }; listen-on-v6 { none; }; };
      controls {};
      zone "${domain}" { type primary; file "${zone}"; };\n`,
    )
    this.#child = spawn('named', ['-g', '-c', settings, '-n', '1'])
    const hear = (bytes: Buffer) => {
      this.#log += bytes.toString()
    }
    this.#child.stderr?.on('data', hear)
    this.#child.stdout?.on('data', hear)
  }

  async ready(): Promise<void> {
    for (let waited = 0; waited < 10_000; waited += 50) {
      if (/\brunning\b/.test(this.#log)) return
      if (this.#child.exitCode !== null) break
      await sleep(50)
    }
    throw new Error(`named: ${this.#log}`)
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null) {
      const closed = new Promise((resolve) => this.#child.once('close', resolve))
      this.#child.kill('SIGTERM')
      await closed
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

describe.skipIf(isMissing)(`the zone of a plant in BIND${isMissing ? ' (the named command is missing)' : ''}`, () => {
  let bind: Bind
  let resolver: ServiceResolver

  beforeAll(async () => {
    const port = await freePort()
    bind = new Bind(port)
    await bind.ready()
    resolver = new ServiceResolver({ timeoutMs: 3_000, servers: [`${address}:${port}`] })
  })

  afterAll(() => bind.close())

  const search = (subtype?: string) =>
    announcedEstServers({
      interfaces: [],
      domain,
      subtype,
      waitMs: 3_000,
      signal: new AbortController().signal,
      resolver,
    })

  test.each([undefined, '_cip'])('is found by the unicast search, under the subtype %s', async (subtype) => {
    const found = await search(subtype)
    expect(
      found
        .map(({ instance, where, server }) => [instance, where, server.host, server.port, server.label])
        .sort(([, , , , a], [, , , , b]) => String(a).localeCompare(String(b))),
    ).toEqual([
      ['Süd 1 "Press" cell 3', domain, host, 8444, 'cell 3'],
      ['Süd 1 "Press"', domain, host, 8444, undefined],
    ])
  })

  test('tells domains to browse, types, and texts as they were written', async () => {
    expect(await resolver.resolvePtr(`lb._dns-sd._udp.${domain}`)).toEqual([domain])
    expect(await resolver.resolvePtr(`_services._dns-sd._udp.${domain}`)).toEqual([`_est._tcp.${domain}`])
    const [name = ''] = await resolver.resolvePtr(`_est._tcp.${domain}`)
    expect((await resolver.resolveTxt(name))[0]).toContain('note=a "quoted" \\ word')
  })

  test('knows no other subtype', async () => {
    expect(await search('_other')).toEqual([])
  })
})
