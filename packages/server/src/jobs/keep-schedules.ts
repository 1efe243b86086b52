import type { Store } from '../store/store.ts'
import { systemActor } from './asker.ts'
import { listSchedules, type ScheduledKind, setSchedule } from './schedules.ts'

/** How often what is done on every plant. */
export interface ScheduleWish {
  /** Minutes between comparisons with the model; 0: none. */
  readonly driftMinutes: number
  /** Minutes between readings of the live tables; 0: none. */
  readonly observeMinutes: number
  /** Certificates that end within so many days are renewed; 0: never by itself. */
  readonly renewDays: number
}

const dayS = 86_400
const dayMs = 86_400_000

/** Brings the schedules of all plants to what is wished; what is so already is left, with its due times. */
export async function keepSchedules(store: Store, wish: ScheduleWish): Promise<void> {
  const [plants, deployed, schedules] = await Promise.all([
    store.db.selectFrom('plants').select('name').execute(),
    store.db.selectFrom('deployments').select('plant').distinct().execute(),
    listSchedules(store),
  ])
  const isDeployed = new Set(deployed.map(({ plant }) => plant))
  for (const { name: plant } of plants) {
    const wanted: Readonly<
      Record<ScheduledKind, { readonly everyS: number | undefined; readonly parameters?: object }>
    > = {
      // A plant that nobody deployed differs from its model everywhere, which is no news.
      drift: { everyS: isDeployed.has(plant) ? seconds(wish.driftMinutes) : undefined },
      observe: { everyS: seconds(wish.observeMinutes) },
      renew: {
        everyS: wish.renewDays > 0 && isDeployed.has(plant) ? dayS : undefined,
        parameters: { withinMs: wish.renewDays * dayMs },
      },
    }
    for (const kind of ['drift', 'observe', 'renew'] as const) {
      const now = schedules.find((one) => one.plant === plant && one.kind === kind)
      const { everyS, parameters = {} } = wanted[kind]
      const isSame =
        now?.everyS === everyS &&
        (everyS === undefined || JSON.stringify(now?.parameters) === JSON.stringify(parameters))
      if (isSame) continue
      await setSchedule(store, { actor: systemActor }, { plant, kind, everyS, parameters, window: now?.window })
    }
  }
}

function seconds(minutes: number): number | undefined {
  return minutes > 0 ? minutes * 60 : undefined
}
