import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Avahi, avahiMissing, TwoHosts } from './avahi.ts'

const packages = join(dirname(fileURLToPath(import.meta.url)), '../../packages')
const product = join(packages, 'node/dist/mdns/index.js')
const listener = join(packages, 'server/dist/est/announce.js')
const missing = existsSync(product) && existsSync(listener) ? avahiMissing() : 'it is not built: npm run build'

/** Runs in the other namespace: announces or looks, tells events as lines of JSON, ends well on SIGTERM. */
const script = `
const { advertise, browse } = await import(process.argv[1])
const { announceEst } = await import(process.argv[3])
const tell = (what) => (value) => process.stdout.write(JSON.stringify({ what, ...value }) + '\\n')
const problem = ({ interface: at, error }) => tell('problem')({ at, message: error.message })
const settings = JSON.parse(process.argv[2])
const open = [
  ...(settings.listener ? [announceEst({ ...settings.listener, problem, labels: settings.listener.labels.map((label) => label || undefined), alarm: tell('alarm'),
      renamed: (from, to) => tell('renamed')({ kind: 'renamed', from, to }) })] : []),
  ...(settings.advertise ? [advertise({ ...settings.advertise, pollMs: 200, event: tell('advertise'), problem })] : []),
  ...(settings.browse
    ? [browse({ ...settings.browse, pollMs: 200, problem,
        ...(settings.own ? { own: () => settings.own, alarm: tell('alarm') } : {}),
        event: ({ service, ...event }) => tell('browse')({ ...event, service: { ...service, text: [...service.text] } }) })]
    : []),
]
process.on('SIGTERM', async () => { for (const one of open) await one.close() })
`

interface Line {
  readonly what: string
  readonly kind?: string
  readonly interface?: string
  readonly from?: string
  readonly to?: string
  readonly reason?: string
  readonly instances?: readonly string[]
  readonly service?: {
    readonly instance: string
    readonly addresses: readonly string[]
    readonly port: number
    readonly text: unknown
  }
}

/** The product in our namespace, in a process of its own: a namespace belongs to a process. */
class Product {
  readonly lines: Line[] = []
  readonly #child: ChildProcess
  #errors = ''

  constructor(namespace: string, settings: object) {
    const args = [process.execPath, '--input-type=module', '-e', script, pathToFileURL(product).href]
    const told = [JSON.stringify(settings), pathToFileURL(listener).href]
    this.#child = spawn('ip', ['netns', 'exec', namespace, ...args, ...told])
    let rest = ''
    this.#child.stdout?.on('data', (bytes: Buffer) => {
      const parts = (rest + bytes.toString()).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) this.lines.push(JSON.parse(part) as Line) // written by the script above
    })
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      this.#errors += bytes.toString()
    })
  }

  async saw(what: string, isIt: (line: Line) => boolean): Promise<Line> {
    for (let waited = 0; waited < 20_000; waited += 50) {
      const line = this.lines.find(isIt)
      if (line !== undefined) return line
      await sleep(50)
    }
    throw new Error(`never ${what}: ${JSON.stringify(this.lines, undefined, 1)}\n${this.#errors}`)
  }

  established(): Promise<Line> {
    return this.saw('established', ({ kind }) => kind === 'established')
  }

  /** Ends it with a goodbye; gives the exit code, which is 0 when nothing kept it alive. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode
    const closed = new Promise<number | null>((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGTERM')
    return await closed
  }

  /** Ends it as a power failure would. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Waits until avahi sees it so. */
async function until<T>(what: string, look: () => Promise<T>, isIt: (value: T) => boolean): Promise<T> {
  let last: T | undefined
  for (let tries = 0; tries < 15; tries++) {
    last = await look()
    if (isIt(last)) return last
    await sleep(200)
  }
  throw new Error(`never ${what}, last ${JSON.stringify(last)}`)
}

describe.skipIf(missing !== undefined)(
  `multicast DNS beside avahi${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let hosts: TwoHosts
    let avahi: Avahi
    let running: Product[] = []
    const start = (settings: object): Product => {
      const one = new Product(hosts.ours, settings)
      running.push(one)
      return one
    }
    const announce = (instance: string, more: object = {}): Product =>
      start({ advertise: { host: 'manager', services: [{ instance, port: 8444, subtypes: ['_cip'] }], ...more } })

    beforeEach(async () => {
      hosts = new TwoHosts(2)
      avahi = await hosts.avahi('judge')
    })

    afterEach(async () => {
      for (const one of running) one.kill()
      running = []
      await avahi.close()
      hosts.delete()
    })

    test('avahi finds the service on each interface with the address of that interface, and loses it at the goodbye', async () => {
      const one = announce('Plant EST – Süd')
      await one.established()
      const found = await until(
        'found on both',
        () => avahi.browse('_est._tcp'),
        ({ length }) => length === 2,
      )
      expect([...found].sort((a, b) => a.interface.localeCompare(b.interface))).toEqual(
        [0, 1].map((n) => ({
          interface: `b${n}`,
          instance: 'Plant EST – Süd',
          host: 'manager.local',
          address: `10.77.${n}.1`,
          port: 8444,
          // avahi shows the strings of a TXT record last first.
          text: '"path=/.well-known/est" "txtvers=1"',
        })),
      )
      expect(await one.stop()).toBe(0)
      await until(
        'gone',
        () => avahi.browse('_est._tcp'),
        ({ length }) => length === 0,
      )
    })

    test('a listener is announced on the interface whose address it listens on alone, by label, and hears avahi there alone', async () => {
      const stop = await avahi.publish('Their EST', '_est._tcp', 8443)
      const listen = [{ address: '10.77.1.1', port: 8444 }]
      const one = start({ listener: { name: 'Plant', host: 'manager', listen, labels: ['', 'cell 3'] } })
      const ours = async () => (await avahi.browse('_est._tcp')).filter(({ port }) => port === 8444)
      const found = await until('found', ours, ({ length }) => length >= 2)
      const common = { interface: 'b1', host: 'manager.local', address: '10.77.1.1', port: 8444 }
      expect([...found].sort((a, b) => a.instance.localeCompare(b.instance))).toEqual([
        { ...common, instance: 'Plant', text: '"path=/.well-known/est" "txtvers=1"' },
        { ...common, instance: 'Plant cell 3', text: '"label=cell 3" "path=/.well-known/est" "txtvers=1"' },
      ])
      const raised = ({ what, kind }: Line) => what === 'alarm' && kind === 'raised'
      expect((await one.saw('alarmed', raised)).interface).toBe('a1')
      await stop()
      await one.saw('cleared', ({ what, kind }) => what === 'alarm' && kind === 'cleared')
      expect(one.lines.filter(({ interface: at }) => at === 'a0')).toEqual([])
      expect(await one.stop()).toBe(0)
      await until('gone', ours, ({ length }) => length === 0)
    })

    test('a question is answered long after the announcement: avahi that started later finds it, by subtype and among all types', async () => {
      const one = announce('Plant EST')
      await one.established()
      await sleep(2_500)
      await avahi.close()
      avahi = await hosts.avahi('late')
      await until(
        'found',
        () => avahi.browse('_est._tcp'),
        ({ length }) => length === 2,
      )
      await until(
        'found by subtype',
        () => avahi.browse('_cip._sub._est._tcp'),
        ({ length }) => length === 2,
      )
      expect(await avahi.types()).toContain('_est._tcp')
    })

    test('a name that avahi holds already is left to it, and ours becomes "(2)"', async () => {
      const stop = await avahi.publish('Plant EST', '_est._tcp', 8443)
      const one = announce('Plant EST')
      await one.saw('renamed', ({ kind, to }) => kind === 'renamed' && to === 'Plant EST (2)')
      const found = await until(
        'both found',
        () => avahi.browse('_est._tcp'),
        (all) => all.length >= 4,
      )
      expect(new Set(found.map(({ instance, port }) => `${instance} ${port}`))).toEqual(
        new Set(['Plant EST 8443', 'Plant EST (2) 8444']),
      )
      await stop()
    })

    test("avahi's host name is left to it, and ours becomes the next", async () => {
      const one = announce('Plant EST', { host: 'judge' })
      await one.saw('renamed', ({ kind, from, to }) => kind === 'renamed' && from === 'judge' && to === 'judge-2')
      const found = await until(
        'found',
        () => avahi.browse('_est._tcp'),
        ({ length }) => length === 2,
      )
      expect(new Set(found.map(({ host }) => host))).toEqual(new Set(['judge-2.local']))
    })

    test('our name is defended: avahi that comes later takes another', async () => {
      const one = announce('Plant EST')
      await one.established()
      const stop = await avahi.publish('Plant EST', '_est._tcp', 8443)
      const found = await until(
        'both found',
        () => avahi.browse('_est._tcp'),
        (all) => all.some(({ port }) => port === 8443),
      )
      expect(found.filter(({ port }) => port === 8443).map(({ instance }) => instance)).toContain('Plant EST #2')
      expect(found.filter(({ port }) => port === 8444).map(({ instance }) => instance)).toEqual([
        'Plant EST',
        'Plant EST',
      ])
      await stop()
    })

    test('a service that avahi publishes is found, with a dot in its name too, raises the alarm, and is lost when avahi takes it back', async () => {
      const one = start({ browse: {}, own: { instances: ['Plant EST'], addresses: ['10.77.0.1', '10.77.1.1'] } })
      const stop = await avahi.publish('Cell 1.5', '_est._tcp', 8443, 'txtvers=1', 'path=/est')
      const found = await one.saw('found', ({ kind, interface: at }) => kind === 'found' && at === 'a1')
      expect(found.service).toMatchObject({
        instance: 'Cell 1.5',
        port: 8443,
        addresses: ['10.77.1.2'],
        text: [
          ['txtvers', '1'],
          ['path', '/est'],
        ],
      })
      const alarm = await one.saw('alarmed', ({ what, kind }) => what === 'alarm' && kind === 'raised')
      expect(alarm.reason).toMatch(/^not one of our services: announced by 10\.77\.[01]\.2 as "Cell 1\.5"/)
      await stop()
      await one.saw('lost', ({ kind, interface: at }) => kind === 'lost' && at === 'a1')
      await one.saw('cleared', ({ what, kind }) => what === 'alarm' && kind === 'cleared')
      expect(await one.stop()).toBe(0)
    })

    test('a service that was published before we look is found by asking', async () => {
      const stop = await avahi.publish('Their EST', '_est._tcp', 8443)
      await sleep(2_500)
      const one = start({ browse: {} })
      await one.saw('found', ({ kind, service }) => kind === 'found' && service?.instance === 'Their EST')
      await stop()
    })

    test('a pulled cable loses what was found there; plugged in again, both sides find each other anew', async () => {
      const stop = await avahi.publish('Their EST', '_est._tcp', 8443)
      const one = start({
        browse: {},
        advertise: { host: 'manager', services: [{ instance: 'Plant EST', port: 8444 }] },
      })
      const theirsOn = (kind: string) => (line: Line) =>
        line.kind === kind && line.interface === 'a0' && line.service?.instance === 'Their EST'
      await one.saw('found', theirsOn('found'))
      hosts.cable(0, 'down')
      await one.saw('lost', theirsOn('lost'))
      const before = one.lines.length
      hosts.cable(0, 'up')
      await one.saw('found again', (line) => one.lines.indexOf(line) >= before && theirsOn('found')(line))
      const onFirst = (all: readonly { interface: string; instance: string; address: string }[]) =>
        all.filter(({ interface: at, instance }) => at === 'b0' && instance === 'Plant EST')
      const found = await until(
        'found again by avahi',
        () => avahi.browse('_est._tcp'),
        (all) => onFirst(all).length === 1,
      )
      expect(onFirst(found)[0]?.address).toBe('10.77.0.1')
      await stop()
    })
  },
)
