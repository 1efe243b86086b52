import type { Plant } from '@cordon/core/policy'
import { openAuthority } from '@cordon/server/authority'
import type { Asker, JobWorld } from '@cordon/server/jobs'
import type { Store } from '@cordon/server/store'

/** Whoever asks in tests. */
export const asker: Asker = { actor: { kind: 'user', name: 'ann' }, address: '192.0.2.9', request: 'r-1' }

/** The rest of the manager, with one plant. */
export function worldOf(store: Store, plant: () => Plant, vendorAnchors: readonly Uint8Array[] = []): JobWorld {
  return {
    store,
    authority: openAuthority(store),
    plantAt: () => Promise.resolve({ plant: plant(), capabilities: new Map(), vendorAnchors }),
    recordDiscovered: () => Promise.resolve(),
    recordObserved: () => Promise.resolve(),
  }
}

/** Waits until something is so, looking every few milliseconds. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resume) => setTimeout(resume, 15))
}

/** Empties what jobs leave behind. */
export async function emptyJobs(store: Store): Promise<void> {
  await store.db.deleteFrom('jobs').execute()
  await store.db.deleteFrom('job_schedules').execute()
  await store.db.deleteFrom('maintenance_windows').execute()
  await store.db.deleteFrom('devices').execute()
  await store.db.deleteFrom('deployments').execute()
}
