import { chmodSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import {
  createPlant,
  listDevices,
  type PlantMeans,
  PlantReader,
  readDevice,
  readTopology,
  saveVersion,
  validateTexts,
} from '@cordon/server/plants'
import { destroyStore, openStore, type Store } from '@cordon/server/store'
import { type Figure, median, rounded } from './figure.ts'

const devices = 10_000
const zones = 100
/** Devices of the zone that every other zone has a conduit with. */
const servers = 10
const runs = 7
const acting = { actor: { kind: 'system', name: 'bench' } } as const
const targets = { saveMs: 200, pageMs: 20, blockMs: 50 }

/**
 * A plant of 10,000 devices in the store: saving a change of one line after it was validated, as the editor does, and
 * without; pages of its devices and its map, all with two deployments and findings on record.
 */
export async function plantFigures(): Promise<Figure[]> {
  const root = await mkdtemp(join(tmpdir(), 'cordon-bench-'))
  // The account of the database must be able to pass.
  chmodSync(root, 0o711)
  const place = { state: join(root, 'state'), clusters: join(root, 'clusters') }
  const store = await openStore(place)
  await using reader = new PlantReader()
  try {
    return await measure({ store, reader }, store)
  } finally {
    await store[Symbol.asyncDispose]()
    await destroyStore(place)
    rmSync(root, { recursive: true, force: true })
  }
}

async function measure(means: PlantMeans, store: Store): Promise<Figure[]> {
  const plant = 'large'
  const made = await createPlant(means, { text: plantText(0), simulation: null, message: 'begin', acting })
  if (made.kind !== 'saved' || made.version.devices !== devices) throw new Error('the measured plant was not created')
  await fill(store, plant)

  const cold: number[] = []
  const warm: number[] = []
  const blocked: number[] = []
  for (let run = 1; run <= runs; run++) {
    const [text, next] = [plantText(2 * run - 1), plantText(2 * run)]
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    cold.push(await timed(() => saved(means, plant, 2 * run - 1, text)))
    delay.disable()
    blocked.push(delay.max / 1e6)
    await validateTexts(means, { text: next, simulation: null })
    warm.push(await timed(() => saved(means, plant, 2 * run, next)))
  }
  const pages: number[] = []
  for (let run = 0; run < 5 * runs; run++) {
    const after = `Device_${1000 + run * 200}`
    pages.push(await timed(() => page(means, plant, { limit: 50, after })))
  }
  const drifted: number[] = []
  const topology: number[] = []
  const device: number[] = []
  for (let run = 0; run < runs; run++) {
    drifted.push(await timed(() => page(means, plant, { limit: 50, standing: 'drift' })))
    topology.push(await timed(() => readTopology(means.store, plant)))
    device.push(await timed(() => readDevice(means, plant, `Device_${run + 1}`)))
  }
  const [save, list, block] = [median(warm), median(pages), median(blocked)]
  return [
    {
      name: 'plants-10000-save',
      value: rounded(save),
      unit: 'ms',
      target: `at most ${targets.saveMs} ms, validated before`,
      met: save <= targets.saveMs,
    },
    {
      name: 'plants-10000-save-unread',
      value: rounded(median(cold)),
      unit: 'ms',
      target: 'reported: the text is read first',
    },
    {
      name: 'plants-10000-save-blocks',
      value: rounded(block),
      unit: 'ms',
      target: `the event loop stands at most ${targets.blockMs} ms`,
      met: block <= targets.blockMs,
    },
    {
      name: 'plants-10000-page-50',
      value: rounded(list),
      unit: 'ms',
      target: `at most ${targets.pageMs} ms`,
      met: list <= targets.pageMs,
    },
    { name: 'plants-10000-page-by-standing', value: rounded(median(drifted)), unit: 'ms', target: 'reported' },
    { name: 'plants-10000-topology', value: rounded(median(topology)), unit: 'ms', target: 'reported' },
    { name: 'plants-10000-device', value: rounded(median(device)), unit: 'ms', target: 'reported' },
  ]
}

async function saved(means: PlantMeans, plant: string, base: number, text: string): Promise<void> {
  const result = await saveVersion(means, { plant, base, text, message: `change ${base}`, acting })
  if (result.kind !== 'saved') throw new Error(`the change was not saved: ${JSON.stringify(result).slice(0, 500)}`)
}

async function page(means: PlantMeans, plant: string, question: Parameters<typeof listDevices>[2]): Promise<void> {
  const { items } = await listDevices(means.store, plant, question)
  if (items.length !== 50) throw new Error(`a page has ${items.length} rows`)
}

/** Records of all devices, two deployments of them, and a finding at each twentieth. */
async function fill({ db }: Store, plant: string): Promise<void> {
  const names = Array.from({ length: devices - 1 }, (_, place) => `Device_${place + 1}`)
  for (let start = 0; start < names.length; start += 2000) {
    await db
      .insertInto('devices')
      .values(
        names.slice(start, start + 2000).map((name, place) => ({
          plant,
          name,
          address: addressOf(start + place + 1),
          zone: 'zone0',
          identity: JSON.stringify({ productName: '1756-EN4TR' }),
          serial: start + place,
          vendor_fingerprint: null,
          pinned_at: null,
          certificate_fingerprint: null,
          observed: JSON.stringify({ configured: true }),
        })),
      )
      .execute()
  }
  for (let count = 0; count < 2; count++) {
    const { id } = await db
      .insertInto('deployments')
      .values({ plant, kind: 'apply', status: 'complete', plan: null, options: null, result: null, finished_at: null })
      .returning('id')
      .executeTakeFirstOrThrow()
    for (let start = 0; start < names.length; start += 2000) {
      await db
        .insertInto('deployment_targets')
        .values(
          names.slice(start, start + 2000).map((device, place) => ({
            deployment: id,
            device,
            position: start + place,
            status: 'complete' as const,
            lease_owner: null,
            lease_until: null,
            result: null,
          })),
        )
        .execute()
    }
  }
  const drifting = names.filter((_, place) => place % 20 === 0)
  await db
    .insertInto('drift_findings')
    .values(
      drifting.map((device) => ({
        plant,
        key: device,
        device,
        finding: JSON.stringify({ kind: 'attribute', weight: 'drift', device }),
        explanation: '{}',
        found_at: new Date(),
      })),
    )
    .execute()
}

function addressOf(place: number): string {
  return `10.${(place >> 8) + 1}.${place & 255}.1`
}

/** One zone of servers and 99 cells; each change moves one device to another address. */
function plantText(change: number): string {
  const lines = ['version: 1', 'plant: large', 'manager: Manager', 'zones:']
  for (let zone = 0; zone < zones; zone++) lines.push(`  zone${zone}: { authentication: certificate, io: integrity }`)
  lines.push('devices:', '  Manager: { address: 10.255.0.1, zone: zone0, role: originator, io: deny }')
  for (let place = 1; place < devices; place++) {
    const zone = place <= servers ? 0 : 1 + Math.floor(((place - servers - 1) * (zones - 1)) / (devices - servers - 1))
    const address = place === 100 + change ? `10.200.0.${change + 1}` : addressOf(place)
    lines.push(`  Device_${place}: { address: ${address}, zone: zone${zone} }`)
  }
  lines.push('conduits:')
  for (let zone = 1; zone < zones; zone++) lines.push(`  - { between: [zone0, zone${zone}], io: integrity }`)
  return `${lines.join('\n')}\n`
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
