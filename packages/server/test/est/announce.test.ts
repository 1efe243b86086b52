import { announceEst, type AnnounceOptions, foreignAdvertisers } from '@cordon/server/est'
import { publishListener } from '@cordon/server/enrollment'
import type { ForeignAlarm } from '@cordon/core/discovery'
import { announcedEstServers } from '@cordon/node/est'
import { advertise, browse } from '@cordon/node/mdns'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'

/** Of this process alone: other test runs of this machine speak on the same loopback. */
const at = (last: number) => `127.78.${process.pid & 0xff}.${last}`
const type = `_t${process.pid}._tcp`
const host = `manager-${process.pid}`

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

function opened<T extends AsyncDisposable>(part: T): T {
  open.push(part)
  return part
}

function announce(more: Partial<AnnounceOptions> = {}) {
  const listen = [{ address: at(1), port: 8444 }]
  return opened(announceEst({ name: 'Plant', listen, labels: [undefined], type, host, ...more }))
}

/** Somebody else on the link. */
const stranger = (instance: string, name = 'stranger', last = 9) =>
  opened(
    advertise({ interfaces: [at(last)], host: `${name}-${process.pid}`, services: [{ instance, type, port: 8443 }] }),
  )

async function until(what: string, isIt: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000 && !isIt(); waited += 20) await sleep(20)
  if (!isIt()) throw new Error(`never ${what}`)
}

const search = (label?: string) =>
  announcedEstServers({
    interfaces: [at(2)],
    type,
    waitMs: 1_500,
    signal: new AbortController().signal,
    ...(label === undefined ? {} : { label }),
  })

describe('the announcement of a listener', () => {
  test('is found with one service for each label, on the address where it listens, and gone after its goodbye', async () => {
    const gone: string[] = []
    const look = opened(
      browse({
        interfaces: [at(2)],
        type,
        event: ({ kind, service }) => {
          if (kind === 'lost') gone.push(service.instance)
        },
      }),
    )
    const one = announce({ labels: [undefined, 'cell 3'], subtypes: ['_cip'], text: { vendor: 'any' } })
    await until('found', () => look.services().length === 2)
    const texts = new Map(look.services().map(({ instance, text }) => [instance, Object.fromEntries(text)]))
    const common = { txtvers: '1', path: '/.well-known/est', vendor: 'any' }
    expect(Object.fromEntries(texts)).toEqual({ Plant: common, 'Plant cell 3': { ...common, label: 'cell 3' } })
    const found = await search()
    expect(found.map(({ instance, server }) => [instance, server.label, server.port, server.addresses])).toEqual([
      ['Plant', undefined, 8444, [at(1)]],
      ['Plant cell 3', 'cell 3', 8444, [at(1)]],
    ])
    expect(one.foreign()).toEqual([])
    await one.close()
    await until('taken back', () => gone.length === 2)
  })

  test('hears of a stranger, and of its end; a listener of the same plant is none', async () => {
    const alarms: ForeignAlarm[] = []
    const look = opened(browse({ interfaces: [at(2)], type }))
    const one = announce({ others: () => [at(8)], alarm: (alarm) => alarms.push(alarm) })
    const friend = stranger('Plant', 'friend', 8)
    await until('the friend renamed', () => friend.status()[0]?.instances[0] === 'Plant (2)')
    await until('announced', () => friend.status()[0]?.isEstablished === true)
    await until('the browser of ours has it too', () => look.services().length === 2)
    expect(one.foreign()).toEqual([])
    const foreign = stranger('Maintenance')
    await until('raised', () => one.foreign().some(({ service }) => service.instance === 'Maintenance'))
    await foreign.close()
    await until('cleared', () =>
      alarms.some(({ kind, service }) => kind === 'cleared' && service.instance === 'Maintenance'),
    )
  })

  test('tells the name that it takes where its own is taken', async () => {
    const held = stranger('Plant')
    await until('held', () => held.status()[0]?.isEstablished === true)
    const renamed: (readonly [string, string])[] = []
    const one = announce({ renamed: (from, to) => renamed.push([from, to]) })
    await until('renamed', () => renamed.length > 0)
    expect(renamed).toEqual([['Plant', 'Plant (2)']])
    expect(one.instances()).toEqual(['Plant (2)'])
  })
})

describe('foreign advertisers', () => {
  test('are those that no listener of the plant in the store stands for', { timeout: 60_000 }, async () => {
    const place = opened(new TemporaryState())
    const store = opened(await place.open())
    const one = announce()
    const plant = { plant: 'Plant', labels: [''], rules: 'enrollment.yaml', banners: [] }
    const listener = opened(
      publishListener(store, () => ({ ...plant, addresses: [`${at(1)}:8444`], announced: one.instances() })),
    )
    await listener.ready
    const other = stranger('Maintenance')
    await until('announced', () => other.status()[0]?.isEstablished === true)
    const { signal } = new AbortController()
    const found = await foreignAdvertisers({
      store,
      plant: 'Plant',
      interfaces: [at(2)],
      type,
      waitMs: 1_500,
      signal,
    })
    expect(found.map(({ service }) => service.instance)).toEqual(['Maintenance'])
    await other.close()
    const later = await foreignAdvertisers({ store, plant: 'Plant', type, waitMs: 1_500, signal })
    expect(later).toEqual([])
  })
})
