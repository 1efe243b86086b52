import { rmSync, watch } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageRouterReply, messageRouterRequest } from '@cordon/core/cip'
import type { DeviceSession } from '@cordon/core/deployment'
import { encode } from '@cordon/core/wire'
import { openAuthority } from '@cordon/server/authority'
import { deploy, SessionPorts } from '@cordon/server/deploy'
import { destroyStore, openStore, type Store } from '@cordon/server/store'
import { VirtualPlant } from '@cordon/simulator'
import { replayCommissioning, type TraceEntry } from './commissioning-baseline.ts'
import { type Figure, median, rounded } from './figure.ts'
import { benchAddress, benchPlant } from './virtual-plant.ts'

/** Devices at a time, as `cordon apply` does it. */
const concurrency = 64
const zoneSize = 10
/** Network of the devices: no test and no demonstration uses it. */
const network = '127.10'

/** Runs per size. A thousand devices take minutes, so they are run once after the warm-up. */
const sizes = [
  { count: 10, runs: 5 },
  { count: 100, runs: 5 },
  { count: 1000, runs: 1 },
] as const

/**
 * Commissioning of virtual devices from factory default to verified settings, in seconds per device: with its plan, over
 * real sockets, state on disk at both ends, close delay 0. The baseline is the TLS addon alone at both ends, with the same
 * handshakes, round trips, message sizes, keys, signatures and durable writes, and handlers that do nothing.
 *
 * `only` limits the sizes, for a quick look.
 */
export async function commissioningFigures(only: readonly number[] = []): Promise<Figure[]> {
  const state = await mkdtemp(join(tmpdir(), 'cordon-bench-'))
  const store = await openStore({ state: join(state, 'state'), clusters: join(state, 'clusters') })
  try {
    const { trace, stateSize } = await recordTrace(store)
    const how = { concurrency, network, stateSize }
    const figures: Figure[] = []
    const perDevice = new Map<number, number>()
    const wanted = sizes.filter(({ count }) => only.length === 0 || only.includes(count))
    // One warm-up of both, which is not counted.
    await commission(store, zoneSize)
    await replayCommissioning(store, trace, zoneSize, how)
    for (const { count, runs } of wanted) {
      const ours: number[] = []
      const theirs: number[] = []
      for (let run = 0; run < runs; run++) {
        ours.push((await commission(store, count)) / count)
        theirs.push((await replayCommissioning(store, trace, count, how)) / count)
      }
      const value = median(ours)
      const baseline = median(theirs)
      const ratio = value / baseline
      perDevice.set(count, value)
      const judged = count > zoneSize
      figures.push({
        name: `commissioning-${count}`,
        value: rounded(value),
        unit: 's/device',
        baseline: rounded(baseline),
        ratio: rounded(ratio),
        target: judged ? `at most 2 times the baseline (${runs === 1 ? 'one run' : `median of ${runs}`})` : 'reported',
        ...(judged ? { met: ratio <= 2 } : {}),
      })
    }
    const hundred = perDevice.get(100)
    const thousand = perDevice.get(1000)
    if (hundred !== undefined && thousand !== undefined) {
      const ratio = thousand / hundred
      figures.push({
        name: 'commissioning-1000-to-100',
        value: rounded(thousand),
        unit: 's/device',
        baseline: rounded(hundred),
        ratio: rounded(ratio),
        target: 'at most 1.2 times what a device of 100 takes',
        met: ratio <= 1.2,
      })
    }
    return figures
  } finally {
    await store[Symbol.asyncDispose]()
    await destroyStore({ state: join(state, 'state'), clusters: join(state, 'clusters') })
    rmSync(state, { recursive: true, force: true })
  }
}

/** Commissions a new plant of so many devices; gives the seconds it took. */
async function commission(
  store: Store,
  count: number,
  watching?: { readonly before: (directory: string) => void; readonly after: () => Promise<void> },
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'cordon-bench-plant-'))
  const { plant, simulation } = benchPlant(count, network, zoneSize)
  await using virtual = await VirtualPlant.start({
    plant,
    simulation,
    directory,
    sealingKey: new Uint8Array(32).fill(7),
    broadcast: null,
  })
  try {
    watching?.before(join(virtual.directory, 'devices'))
    const authority = openAuthority(store)
    const started = performance.now()
    const report = await deploy({
      plant,
      store,
      authority,
      options: { concurrency, closeDelayMs: 0, acceptSelfSigned: 'all' },
    }).report
    const seconds = (performance.now() - started) / 1000
    const failed = report.devices.find(({ outcome }) => outcome === 'not-complete')
    if (failed !== undefined)
      throw new Error(
        `${failed.device}: ${failed.messages.map(({ text, evidence }) => `${text} (${evidence})`).join('; ')}`,
      )
    await watching?.after()
    return seconds
  } finally {
    // The next run meets new units under the same names.
    await store.db.deleteFrom('devices').execute()
    await store.db.deleteFrom('deployments').execute()
    await rm(directory, { recursive: true, force: true })
  }
}

/**
 * What commissioning one device takes, seen from outside: sessions, requests with their sizes, durable writes at both
 * ends. Recorded from the product at work, so that the baseline does the same and no less.
 */
async function recordTrace(
  store: Store,
): Promise<{ readonly trace: readonly TraceEntry[]; readonly stateSize: number }> {
  const trace: TraceEntry[] = []
  const ports = SessionPorts.prototype
  const original = ports.port
  const address = benchAddress(network, 0)
  ports.port = function record(this: SessionPorts, target: string) {
    const port = original.call(this, target)
    if (target !== address) return port
    return {
      ...port,
      open: async (access) => {
        const session = await port.open(access)
        const id = trace.filter(({ kind }) => kind === 'open').length
        trace.push({ kind: 'open', session: id, mutual: access.kind === 'certificate' })
        return recorded(session, id, trace)
      },
    }
  }
  let saves = 0
  let stateSize = 0
  let state = ''
  let watcher: ReturnType<typeof watch> | undefined
  try {
    await commission(store, zoneSize, {
      before: (directory) => {
        watcher = watch(directory, (kind, name) => {
          if (kind !== 'rename' || name?.startsWith('Device_1.') !== true || name.endsWith('.tmp')) return
          saves++
          state = join(directory, name)
        })
      },
      after: async () => {
        stateSize = (await stat(state)).size
      },
    })
  } finally {
    ports.port = original
    watcher?.close()
  }
  return { trace: withWrites(trace, saves), stateSize }
}

function recorded(session: DeviceSession, id: number, trace: TraceEntry[]): DeviceSession {
  let next = 0
  return {
    access: session.access,
    presented: session.presented,
    suite: session.suite,
    localAddress: session.localAddress,
    request: async (request, options) => {
      const number = next++
      const sent = encode(messageRouterRequest, request).length
      const isKey =
        request.service === 0x4b && request.path.some((part) => part.kind === 'class' && part.value === 0x5f)
      const isRead = [0x01, 0x0e, 0x4f].includes(request.service)
      trace.push({ kind: 'send', session: id, number, sent, makesKey: isKey, saves: false, changes: !isRead })
      const reply = await session.request(request, options)
      trace.push({ kind: 'receive', session: id, number, received: encode(messageRouterReply, reply).length })
      return reply
    },
    close: async () => {
      trace.push({ kind: 'close', session: id })
      await session.close()
    },
  }
}

/**
 * Puts the durable writes into a trace: at the device, as often as its file was replaced; at the manager, one before each
 * step that changes the device (key, Begin_Config, files, install, settings, Apply_Config, End_Config, clean-up), and for
 * claim, certificate, end of the journal, device record and release of the claim.
 */
function withWrites(trace: readonly TraceEntry[], saves: number): readonly TraceEntry[] {
  let left = saves
  const whole = trace.map((entry): TraceEntry => {
    if (entry.kind !== 'send' || !entry.changes || left === 0) return entry
    left--
    return { ...entry, saves: true }
  })
  const managerWrites = 13
  const places = whole.flatMap((entry, place) => (entry.kind === 'send' && entry.changes ? [place] : []))
  const chosen = new Set(
    Array.from({ length: managerWrites }, (_, write) => places[Math.floor((write * places.length) / managerWrites)]),
  )
  return whole.flatMap((entry, place): TraceEntry[] => (chosen.has(place) ? [{ kind: 'write' }, entry] : [entry]))
}
