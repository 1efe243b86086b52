import type { DeploymentPlan } from '@cordon/core/deployment'
import { type DiscoveryReply, discoveryRow } from '@cordon/node/originator'
import { sql } from 'kysely'
import type { StoreAuthority } from '../authority/authority.ts'
import { jobRunners } from '../jobs/kinds/runners.ts'
import type { JobWorld } from '../jobs/kinds/world.ts'
import { startLiveEvents } from '../jobs/live.ts'
import { keepSchedules } from '../jobs/keep-schedules.ts'
import { listManagers } from '../jobs/managers.ts'
import { startJobWorker } from '../jobs/worker.ts'
import { Opened } from '../opened.ts'
import { type DiscoveredAnswer, recordDiscovered } from '../plants/discovered.ts'
import type { PlantMeans } from '../plants/means.ts'
import { listPlants } from '../plants/list.ts'
import { dryRunPlant, recordObserved } from '../plants/observed.ts'
import { PlantReader } from '../plants/reader.ts'
import { newestVersion } from '../plants/versions.ts'
import { sweep } from '../settings/retention.ts'
import { readSettings } from '../settings/settings.ts'
import type { Store } from '../store/store.ts'
import { forgetExpired, isSessionOpen } from '../users/sessions.ts'
import { isTokenInForce } from '../users/tokens.ts'
import { type Api, openApi } from './app.ts'
import { identitiesOf } from './identities.ts'
import { listen, type Listening, type ListenOptions } from './listen.ts'
import type { Log } from './log.ts'
import type { StoreGauge } from './metrics.ts'
import { handlers } from './routes/all.ts'
import { userPolicy } from './user-policy.ts'
import type { Breakage, ManagerEntry, Services, SignedIn } from './services.ts'
import { stagedModel } from './staged-model.ts'

/** What a manager is put together from. */
export interface ManagerOptions {
  readonly store: Store
  readonly authority: StoreAuthority
  readonly version: string
  readonly log: Log
  readonly listen: ListenOptions
  /** Directory of the built web interface. */
  readonly web?: string | undefined
  readonly hosts?: readonly string[]
  readonly proxies?: readonly string[]
  /** Judges a capture that somebody brought, in a process of its own. */
  readonly judgeCapture: Services['judgeCapture']
  /** The EST service of this process, for the status page. */
  readonly est?: Services['est']
  /** Rehearses deployments in processes of their own; without it rehearsals are refused. */
  readonly rehearse?: (reader: PlantReader) => NonNullable<JobWorld['rehearse']>
  /** What a virtual plant of this process tells of its connections. */
  readonly virtual?: Pick<JobWorld, 'connectionMoves' | 'liveConnections'>
  /** False: other managers do the work, this one answers only. */
  readonly works?: boolean
}

/** A manager that answers and works. */
export interface Manager extends AsyncDisposable {
  readonly api: Api
  readonly listening: Listening
  readonly reader: PlantReader
}

const jobs: StoreGauge = {
  name: 'cordon_jobs',
  help: 'Jobs by kind and state',
  labels: ['kind', 'state'],
  read: async ({ db }) => {
    const { rows } = await sql<{ kind: string; state: string; count: number }>`
      select kind, state, count(*)::int as count from jobs group by kind, state`.execute(db)
    return rows.map(({ kind, state, count }) => ({ labels: { kind, state }, value: count }))
  },
}

const devices: StoreGauge = {
  name: 'cordon_devices',
  help: 'Devices of all plants by how they stand',
  labels: ['standing'],
  read: async (store) => {
    const sums = new Map<string, number>()
    for (const { standings } of await listPlants(store))
      for (const [standing, count] of Object.entries(standings)) sums.set(standing, (sums.get(standing) ?? 0) + count)
    return [...sums].map(([standing, value]) => ({ labels: { standing }, value }))
  },
}

const sweepEveryMs = 3_600_000
/** A new plant, or a new setting, is minded so soon. */
const schedulesEveryMs = 30_000

/** Starts a manager: events, plants, jobs, the API, and last of all it listens. */
export async function openManager(options: ManagerOptions): Promise<Manager> {
  const opening = new Opened()
  try {
    return await open(options, opening)
  } catch (error) {
    await opening.close()
    throw error
  }
}

async function open(options: ManagerOptions, opening: Opened): Promise<Manager> {
  const { store, authority, version, log, virtual = {} } = options
  const problem = (error: Error) => log.warn({ err: error }, 'hindered')
  const reader = opening.use(new PlantReader())
  const live = opening.use(startLiveEvents({ store, problem }))
  const means = { store, reader }
  const identities = identitiesOf(store)
  const services: Services = {
    store,
    authority,
    version,
    live,
    reader,
    managers: async () => await runningManagers(store),
    isSignedIn: async (caller) => await isStillSignedIn(store, caller),
    newestVersion: async (plant) => await newestVersion(store.db, plant),
    breaksOf: async (plan, number) => await breaks(means, plan, number),
    judgeCapture: options.judgeCapture,
    ...(options.est === undefined ? {} : { est: options.est }),
  }
  const api = opening.use(
    await openApi({
      services,
      handlers,
      authenticate: identities,
      version,
      log,
      web: options.web,
      hosts: options.hosts ?? [],
      proxies: options.proxies ?? [],
      gauges: [jobs, devices],
    }),
  )
  const listening = opening.use(await listen(api, options.listen))
  const [first] = listening.addresses
  if (options.works !== false) {
    opening.use(nowAndThen(sweepEveryMs, problem, async () => await sweepStore(store)))
    opening.use(
      nowAndThen(schedulesEveryMs, problem, async () => await keepSchedules(store, await readSettings(store.db))),
    )
    const world: JobWorld = {
      store,
      authority,
      plantAt: async (plant, version) => await stagedModel(means, plant, version),
      recordDiscovered: async ({ plant, replies, at }) => {
        // A discovery for no plant is its job's result and nothing else.
        if (plant !== undefined) await recordDiscovered(store, plant, replies.map(answerOf), new Date(at))
      },
      recordObserved: async ({ plant, reading, at }) =>
        await recordObserved(store, plant, reading.devices, new Date(at)),
      ...virtual,
      ...(options.rehearse === undefined ? {} : { rehearse: options.rehearse(reader) }),
    }
    opening.use(
      startJobWorker({
        store,
        runners: jobRunners(world),
        version,
        problem,
        ...(first === undefined ? {} : { address: `${first.address}:${first.port}` }),
      }),
    )
  }
  return {
    api,
    listening,
    reader,
    [Symbol.asyncDispose]: async () => {
      // Streams end first: a listener waits for the answers that it gives.
      api.end()
      await opening.close()
    },
  }
}

/** Does something now and then until it is closed; several managers may do so at once. */
function nowAndThen(everyMs: number, problem: (error: Error) => void, run: () => Promise<void>): AsyncDisposable {
  let running: Promise<void> | undefined
  const turn = () => {
    running ??= run()
      .catch((error: unknown) => problem(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        running = undefined
      })
  }
  turn()
  const timer = setInterval(turn, everyMs)
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await running
    },
  }
}

/** Deletes what is kept no longer. */
async function sweepStore(store: Store): Promise<void> {
  const { retention } = await readSettings(store.db)
  await sweep(store, retention)
  await forgetExpired(store, await userPolicy(store.db), Date.now())
}

async function runningManagers(store: Store): Promise<readonly ManagerEntry[]> {
  const managers = await listManagers(store)
  return managers.map(({ id, host, pid, address = '', startedAt, seenAt }) => ({
    id,
    host,
    pid,
    address,
    startedAt: new Date(startedAt),
    seenAt: new Date(seenAt),
  }))
}

/** Whether the session or token that a stream was opened with is still there, and its user may still use it. */
async function isStillSignedIn(store: Store, { session, token }: SignedIn): Promise<boolean> {
  const now = Date.now()
  if (session !== undefined) return await isSessionOpen(store, await userPolicy(store.db), session, now)
  return token !== undefined && (await isTokenInForce(store, token, now))
}

async function breaks(
  means: PlantMeans,
  { plant }: DeploymentPlan,
  version: number | undefined,
): Promise<readonly Breakage[]> {
  const answer = await dryRunPlant(means, plant, { version })
  return answer.breaks.map(({ from, to, reason, remedy }) => ({ from, to, reason, remedy }))
}

function answerOf(reply: DiscoveryReply): DiscoveredAnswer {
  const { address, vendorId, deviceType, productCode, revision, product, serial, security } = discoveryRow(reply)
  return {
    address,
    identity: {
      vendorId,
      deviceType,
      productCode,
      revision,
      productName: product,
      serialNumber: Number(serial),
    },
    capable: security !== 'none',
    ...(security === 'none' ? {} : { securityState: security }),
  }
}
