import { ObjectClient } from '@cordon/core/client'
import type { DeviceSession } from '@cordon/core/deployment'
import { spellPlace } from '@cordon/core/drift'
import { cipSecurity, ethernetIpSecurity, identity, ingressEgress, tcpIp } from '@cordon/core/objects'
import { openAuthority, type StoreAuthority } from '@cordon/server/authority'
import { deploy, prepare, release } from '@cordon/server/deploy'
import {
  compareOnce,
  driftHistory,
  type KeptComparison,
  type KeptFinding,
  openFindings,
  type WatchOptions,
  watchDrift,
} from '@cordon/server/drift'
import type { Store } from '@cordon/server/store'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { address, plantOf, plantText, Unit, type UnitOptions, vendor } from '../deploy/real-plant.ts'
import { TemporaryState } from '../store/support.ts'

let place: TemporaryState
let store: Store
let authority: StoreAuthority
let options: { readonly vendorAnchors: readonly Uint8Array[] }
const units = new Map<string, Unit>()

const plant = plantOf(plantText())
const request = () => ({ plant, store, authority, options, search: 'none' as const })
const lasts = { Green_1: 11, Green_2: 12, Blue_1: 13 } as const
/** Without rules of its own Green_2 shows what a device without class 0x63 drifts by. */
const security = {
  Green_1: {},
  Green_2: { ingressEgress: false },
  // Of the plant's suites it lacks one, so that its peers get other settings for it than for a device that has all.
  Blue_1: { ethernetIpSecurityRevision: 7, suites: [0xc023, 0xc006] },
} as const

async function start(name: keyof typeof lasts, serial?: number, more: Partial<UnitOptions> = {}): Promise<void> {
  const unit = await Unit.start({
    last: lasts[name],
    security: security[name],
    ...(serial === undefined ? {} : { serial }),
    ...more,
  })
  units.set(name, unit)
}

async function stop(name: keyof typeof lasts): Promise<void> {
  await units.get(name)?.[Symbol.asyncDispose]()
}

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  authority = openAuthority(store)
  options = { vendorAnchors: [(await vendor()).root] }
  await Promise.all([start('Green_1'), start('Green_2'), start('Blue_1')])
})

afterAll(async () => {
  for (const unit of units.values()) await unit[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

/** Findings in one line each: device, place or kind, expected, found, who. */
function lines(list: readonly KeptFinding[]): readonly string[] {
  return list.map(({ finding, explanation }) => {
    const what = finding.place === undefined ? finding.kind : spellPlace(finding.place)
    return `${finding.device}: ${what}: ${finding.expected} <- ${finding.found} (${explanation.words})`
  })
}

const within = (list: readonly KeptFinding[], device: string) => list.filter(({ finding }) => finding.device === device)

/** Does something to a device that no record of Cordon's tells of. */
async function behindOurBack(
  name: keyof typeof lasts,
  work: (client: ObjectClient) => Promise<unknown>,
): Promise<void> {
  const { manager, materials, ports } = await prepare(request())
  const access = { kind: 'certificate', credential: manager, anchors: materials.allAnchors() } as const
  const session: DeviceSession = await ports.port(address(lasts[name])).open(access)
  try {
    await work(new ObjectClient(session))
  } finally {
    await session.close()
  }
}

/** Numbers of events of drift, by kind. */
async function events(): Promise<Readonly<Record<string, number>>> {
  const rows = await store.db
    .selectFrom('events')
    .select('kind')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('kind', 'like', 'drift-%')
    .groupBy('kind')
    .execute()
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]))
}

describe.sequential('a plant that is compared with its model', () => {
  test('needs a state that deployed it', { timeout: 60_000 }, async () => {
    await expect(compareOnce(request())).rejects.toThrow(/no authority of small/)
  })

  test('is not deployed before it is deployed, and as the model says afterwards', { timeout: 60_000 }, async () => {
    await prepare(request())
    const before = await compareOnce(request())
    expect(before.open.map(({ finding }) => [finding.device, finding.kind])).toEqual([
      ['Green_1', 'not-deployed'],
      ['Green_2', 'not-deployed'],
      ['Blue_1', 'not-deployed'],
    ])
    const { outcome } = await deploy(request()).report
    expect(outcome).toBe('complete')
    const after = await compareOnce(request())
    expect(lines(after.open)).toEqual([])
    expect(after.gone).toHaveLength(3)
    expect(after.compared).toEqual(['Green_1', 'Green_2', 'Blue_1'])
    expect(await events()).toEqual({ 'drift-found': 3, 'drift-gone': 3 })
    // Nobody is told that a plant waits for its first deployment.
    expect(await store.db.selectFrom('notifications').selectAll().execute()).toEqual([])
    // What Green_2 cannot enforce is no drift, and is said each time.
    expect(after.risks.filter(({ kind }) => kind === 'not-enforceable').map(({ from }) => from)).not.toContain(
      'Green_1',
    )
  })

  test('names one port and one attribute that somebody changed, once, and says that nobody is known', {
    timeout: 60_000,
  }, async () => {
    await behindOurBack('Green_1', (client) =>
      client.call(tcpIp, 1, 'setPortAdminState', [{ port: 44_818, protocol: 'tcp', open: true }]),
    )
    await behindOurBack('Blue_1', async (client) => {
      await client.call(cipSecurity, 1, 'beginConfig')
      await client.call(ethernetIpSecurity, 1, 'beginConfig')
      await client.set(ethernetIpSecurity, 1, 'dtlsTimeout', 77)
      await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
      await client.call(cipSecurity, 1, 'endConfig')
    })
    const found = await compareOnce(request())
    expect(lines(found.open)).toEqual([
      'Green_1: TCP/IP Interface (0xF5) instance 1 attribute 14, Port Admin State tcp/44818: closed <- open (nobody known)',
      'Blue_1: EtherNet/IP Security (0x5E) instance 1 attribute 15, DTLS Timeout: 12 s <- 77 s (nobody known)',
    ])
    expect(found.appeared).toHaveLength(2)
    const again = await compareOnce(request())
    expect(again.appeared).toEqual([])
    expect(again.open.map(({ id }) => id)).toEqual(found.open.map(({ id }) => id))
    expect(await events()).toEqual({ 'drift-found': 5, 'drift-gone': 3 })
    const notices = await store.db.selectFrom('notifications').select(['kind', 'subject']).orderBy('id').execute()
    expect(notices).toEqual([
      { kind: 'drift-found', subject: 'Green_1' },
      { kind: 'drift-found', subject: 'Blue_1' },
    ])
    await deploy(request()).report
    const mended = await compareOnce(request())
    expect(lines(mended.open)).toEqual([])
    expect(mended.gone.map(({ finding }) => finding.device)).toEqual(['Green_1', 'Blue_1'])
    expect(await events()).toEqual({ 'drift-found': 5, 'drift-gone': 5 })
  })

  test('names a policy that was turned off within one interval, rule by rule', { timeout: 60_000 }, async () => {
    const stopped = new AbortController()
    const seen: KeptComparison[] = []
    let compared: () => void = () => {}
    const next = () => new Promise<void>((resolve) => (compared = resolve))
    const watched: WatchOptions = {
      intervalMs: 1000,
      onComparison: (comparison) => {
        seen.push(comparison)
        compared()
      },
      random: () => 0.5,
    }
    const watching = watchDrift({ ...request(), options: { ...options, signal: stopped.signal } }, watched)
    await next()
    const clean = lines(seen[0]?.open ?? [])
    await behindOurBack('Blue_1', async (client) => {
      const changeCount = await client.getClass(ingressEgress, 'changeCount')
      await client.call(ingressEgress, 0, 'setRules', {
        changeCount,
        behaviour: 0,
        instances: [{ instance: 1, ingress: [], egress: [] }],
      })
    })
    const already = seen.length
    // The one that runs may have read Blue_1 before; the next one has not.
    while (seen.length < already + 2) await next()
    stopped.abort()
    await watching
    expect(clean).toEqual([])
    const appeared = seen.flatMap((comparison) => comparison.appeared)
    expect(lines(appeared)).toEqual([
      expect.stringMatching(
        /^Blue_1: Ingress Egress \(0x63\) instance 1 attribute 1, Ingress Rules: \d+ rules <- no rules: everything passes \(nobody known\)$/,
      ),
      expect.stringMatching(/^Blue_1: Ingress Egress \(0x63\) instance 1 attribute 2, Egress Rules: .*nobody known/),
    ])
  })

  test('names a reset device attribute by attribute, another unit, and one that is away', {
    timeout: 60_000,
  }, async () => {
    await deploy(request()).report
    await compareOnce(request())
    await behindOurBack('Green_1', (client) => client.call(identity, 1, 'reset', { type: 'factoryDefault' }))
    await stop('Green_2')
    await stop('Blue_1')
    await start('Blue_1', 0x77)
    const { open, appeared } = await compareOnce(request())
    const reset = within(open, 'Green_1')
    expect(reset.map(({ finding: { place } }) => `0x${place?.class.toString(16)}/${place?.attribute}`)).toEqual([
      '0x5d/1',
      '0x5e/1',
      '0x5e/4',
      '0x5e/6',
      '0x5e/7',
      '0x5e/9',
      '0x5e/19',
      '0x63/1',
      '0x63/2',
      '0xf5/14',
      '0xf5/14',
    ])
    expect(lines(reset)[0]).toBe(
      'Green_1: CIP Security (0x5D) instance 1 attribute 1, State: configured <- factoryDefault (nobody known)',
    )
    expect(lines(within(open, 'Blue_1'))).toEqual([
      'Blue_1: replaced: the unit that was commissioned, 0x0000200d <- Example 0x00000077 (nobody known)',
    ])
    expect(within(open, 'Green_2').map(({ finding }) => finding.kind)).toEqual(['missing'])
    expect(appeared).toHaveLength(open.length)
    // Its settings are unknown while it is away, so that nothing is gone of what was there.
    const back = async () => {
      await stop('Blue_1')
      await Promise.all([start('Green_2'), start('Blue_1')])
    }
    await back()
    const returned = await compareOnce(request())
    expect(returned.gone.map(({ finding }) => [finding.device, finding.kind])).toEqual(
      expect.arrayContaining([
        ['Green_2', 'missing'],
        ['Blue_1', 'replaced'],
      ]),
    )
  })

  test('is explained by the release or the deployment that did it', { timeout: 60_000 }, async () => {
    // New units stand there since the test before.
    await store.db.deleteFrom('devices').execute()
    await deploy(request()).report
    const clean = await compareOnce(request())
    expect(lines(clean.open)).toEqual([])
    const other = plantOf(plantText().replace('io: integrity }', 'io: integrity, dtlsTimeout: 30s }'))
    await deploy({ ...request(), plant: other, options: { ...options, onlyDevices: ['Blue_1'] } }).report
    await release(request(), ['Green_1'])
    const { open } = await compareOnce(request())
    expect(within(open, 'Green_1').map(({ finding, explanation }) => [finding.kind, explanation.words])).toEqual([
      ['not-deployed', expect.stringMatching(/^explained by release [0-9a-f]{8}$/)],
    ])
    expect(within(open, 'Blue_1').map(({ explanation }) => explanation)).toEqual([
      { kind: 'record', words: expect.stringMatching(/^explained by deployment [0-9a-f]{8}$/), at: expect.any(Number) },
    ])
    expect(await openFindings(store.db, plant.name)).toEqual(open)
    const history = await driftHistory(store, plant.name, new Date(0))
    expect(history.length).toBeGreaterThan(open.length)
    expect(history.filter(({ goneAt }) => goneAt === undefined)).toHaveLength(open.length)
  })

  test('shows who is new in its networks, and certificates that end soon', { timeout: 60_000 }, async () => {
    await using stranger = await Unit.start({ last: 40, serial: 0x40 })
    const { open, searched } = await compareOnce({ ...request(), search: 'sweep', nearMs: 6 * 365 * 86_400_000 })
    expect(searched).toBe(true)
    expect(lines(within(open, stranger.device.address))).toEqual([
      `${address(40)}: new: no device <- Example 0x00000040, with CIP Security (nobody known)`,
    ])
    const ending = open.filter(({ finding }) => finding.kind === 'certificate')
    expect(ending.every(({ finding }) => finding.weight === 'warning')).toBe(true)
    expect(ending.map(({ finding }) => finding.device)).toEqual(expect.arrayContaining(['Green_2', 'Blue_1']))
    // One that does not look cannot say that the stranger is gone; one that looks can.
    const blind = await compareOnce(request())
    expect(within(blind.open, stranger.device.address)).toHaveLength(1)
    expect(blind.gone.map(({ finding }) => finding.kind)).not.toContain('new')
    await stranger[Symbol.asyncDispose]()
    const looking = await compareOnce({ ...request(), search: 'sweep' })
    expect(looking.gone.map(({ finding }) => finding.kind)).toEqual(['new'])
  })

  test('is not judged by what a device might do that cannot be read', { timeout: 60_000 }, async () => {
    await store.db.deleteFrom('devices').execute()
    await deploy(request()).report
    expect(lines((await compareOnce(request())).open)).toEqual([])
    await stop('Blue_1')
    const known = await compareOnce(request())
    expect(known.open.map(({ finding }) => `${finding.device} ${finding.kind}`)).toEqual(['Blue_1 missing'])
    expect(known.unjudged).toEqual([])
    // A state of an older version does not know what Blue_1 can do.
    await sql`update devices set observed = observed - 'capabilities'`.execute(store.db)
    const unknown = await compareOnce(request())
    expect(unknown.open.map(({ finding }) => `${finding.device} ${finding.kind}`)).toEqual(['Blue_1 missing'])
    expect(unknown.unjudged.map(({ device, peers }) => [device, peers])).toEqual([
      ['Green_1', ['Blue_1']],
      ['Green_2', ['Blue_1']],
    ])
    // What it is compared for teaches it anew: both were read.
    const rows = await store.db.selectFrom('devices').select(['name', 'observed']).orderBy('name').execute()
    expect(rows.map(({ name, observed }) => [name, Object.hasOwn(observed ?? {}, 'capabilities')])).toEqual([
      ['Blue_1', false],
      ['Green_1', true],
      ['Green_2', true],
    ])
  })

  test('is told to be well again only when all of a device was read and nothing is left', {
    timeout: 60_000,
  }, async () => {
    const notices = async () => {
      const rows = await store.db.selectFrom('notifications').select(['kind', 'subject']).orderBy('id').execute()
      return rows.filter(({ subject }) => subject === 'Blue_1').map(({ kind }) => kind)
    }
    const before = await notices()
    expect(before.at(-1)).toBe('drift-found')
    // It answers again, and nothing is known of its settings.
    await start('Blue_1', undefined, { plain: true })
    const unread = await compareOnce(request())
    expect(unread.gone.map(({ finding }) => `${finding.device} ${finding.kind}`)).toEqual(['Blue_1 missing'])
    expect(unread.unread).toEqual(['Blue_1'])
    expect(await notices()).toEqual(before)
    await stop('Blue_1')
    await start('Blue_1')
    await store.db.deleteFrom('devices').execute()
    await deploy(request()).report
    expect(lines((await compareOnce(request())).open)).toEqual([])
    expect(await notices()).toEqual([...before, 'drift-gone'])
    // Once: the next comparison has no news.
    await compareOnce(request())
    expect(await notices()).toEqual([...before, 'drift-gone'])
  })

  test('keeps what it finds of a device with a name that jsonb does not know', { timeout: 60_000 }, async () => {
    await stop('Blue_1')
    await start('Blue_1', 0x79, { productName: 'Exam\u0000ple' })
    const found = await compareOnce(request())
    expect(lines(within(found.appeared, 'Blue_1'))).toEqual([
      'Blue_1: replaced: the unit that was commissioned, 0x0000200d <- Exam\ufffdple 0x00000079 (nobody known)',
    ])
    const again = await compareOnce(request())
    expect(again.appeared).toEqual([])
    expect(again.gone).toEqual([])
    await stop('Blue_1')
    await start('Blue_1')
  })

  test('is compared by one process at a time, and by one of two that watch', { timeout: 60_000 }, async () => {
    const both = await Promise.all([compareOnce(request()), compareOnce(request())])
    const times = both.map(({ startedAt, durationMs }) => [Date.parse(startedAt), durationMs] as const)
    const [[first = [0, 0], second = [0, 0]]] = [times.toSorted((a, b) => a[0] - b[0])]
    expect(second[0]).toBeGreaterThanOrEqual(first[0] + first[1] - 1)
    const stopped = new AbortController()
    let count = 0
    const counted = (): WatchOptions => ({ intervalMs: 3_600_000, onComparison: () => count++ })
    const watcher = () => watchDrift({ ...request(), options: { ...options, signal: stopped.signal } }, counted())
    await store.db.updateTable('drift_plants').set({ next_at: null }).execute()
    const watching = Promise.all([watcher(), watcher()])
    while (count === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    // The other one looks again after a second, and finds that nothing is due.
    await new Promise((resolve) => setTimeout(resolve, 1300))
    stopped.abort()
    await watching
    expect(count).toBe(1)
  })
})
