import { decodeCertificate } from '@cordon/core/x509'
import { sql } from 'kysely'
import type { StoreAuthority } from '../authority/authority.ts'
import { jobRunners } from '../jobs/kinds/runners.ts'
import type { JobWorld } from '../jobs/kinds/world.ts'
import { startLiveEvents } from '../jobs/live.ts'
import { listManagers } from '../jobs/managers.ts'
import { startJobWorker } from '../jobs/worker.ts'
import { recordDiscovered } from '../plants/discovered.ts'
import { dryRunPlant, recordObserved } from '../plants/observed.ts'
import { PlantReader } from '../plants/reader.ts'
import { newestVersion, readModel } from '../plants/versions.ts'
import { listVendorAnchors } from '../settings/anchors.ts'
import type { Store } from '../store/store.ts'
import { type Api, openApi } from './app.ts'
import { identitiesOf } from './identities.ts'
import { type Listening, type ListenOptions, listen } from './listen.ts'
import type { Log } from './log.ts'
import type { StoreGauge } from './metrics.ts'
import { handlers } from './routes/all.ts'
import type { Services } from './services.ts'

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
  readonly est?: Services['est']
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

/** Starts a manager: events, plants, jobs, the API, and last of all it listens. */
export async function openManager(options: ManagerOptions): Promise<Manager> {
  const { store, authority, version, log, virtual = {} } = options
  await using opening = new AsyncDisposableStack()
  const problem = (error: Error) => log.warn({ err: error }, 'hindered')
  const reader = opening.use(new PlantReader())
  const live = opening.use(startLiveEvents({ store, problem }))
  const means = { store, reader }
  const identities = identitiesOf(store)
  const plantAt: JobWorld['plantAt'] = async (plant, number) => {
    const { plant: model, capabilities } = await readModel(means, plant, number)
    const anchors = await listVendorAnchors(store.db)
    return { plant: model, capabilities, vendorAnchors: anchors.map(({ der }) => der) }
  }
  const services: Services = {
    store,
    authority,
    version,
    live,
    managers: async () => await runningManagers(store),
    isSignedIn: async (caller) => await isStillSignedIn(store, caller),
    newestVersion: async (plant) => await newestVersion(store.db, plant),
    breaksOf: async (plan, number) => await breaks(means, plan.plant, number),
    judgeCapture: options.judgeCapture,
    ...(options.est === undefined ? {} : { est: options.est }),
  }
  void decodeCertificate
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
      gauges: [jobs],
    }),
  )
  const listening = opening.use(await listen(api, options.listen))
  const [first] = listening.addresses
  if (options.works !== false) {
    const world: JobWorld = {
      store,
      authority,
      plantAt,
      recordDiscovered: async () => undefined,
      recordObserved: async () => undefined,
      ...virtual,
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
  const open = opening.move()
  return { api, listening, reader, [Symbol.asyncDispose]: async () => await open.disposeAsync() }
}
