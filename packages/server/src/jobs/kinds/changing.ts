import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '@cordon/core/errors'
import type { DeploymentEvent } from '@cordon/core/deployment'
import type { Plant } from '@cordon/core/policy'
import { claimedForMs } from '../../deploy/claims.ts'
import type { Store } from '../../store/store.ts'
import type { JobProgress } from '../job.ts'
import type { JobWork } from '../kind.ts'
import type { DeployParameters } from '../parameters.ts'
import { findWindow } from '../window-records.ts'

/** How long the claims of a manager that cannot be asked are waited for, milliseconds: they may be renewed for a while. */
const longestWaitMs = 180_000
const lookAgainMs = 1000

/**
 * Before a job goes on that another manager began: waits until that one's claims on devices have run out. A manager that
 * lives and lost the job ends its devices first; of one on another machine nothing is known but its leases.
 */
export async function awaitFormerClaims(
  { store }: { readonly store: Store },
  work: JobWork,
  plant: string,
): Promise<void> {
  if (work.job.attempts < 2 && work.job.deployment === undefined) return
  const until = performance.now() + longestWaitMs
  while (!work.signal.aborted && performance.now() < until) {
    const leftMs = await claimedForMs(store, plant)
    if (leftMs === 0) return
    work.progress({ current: 'waits for the devices that another manager had claimed' })
    await sleep(Math.min(leftMs + 50, lookAgainMs), undefined, { signal: work.signal }).catch(() => undefined)
  }
}

/** Devices that a job may change: those that it names, and of the zone of its window. */
export async function allowedDevices(
  { store }: { readonly store: Store },
  work: JobWork,
  plant: Plant,
  { onlyDevices, zones }: Pick<DeployParameters, 'onlyDevices' | 'zones'>,
): Promise<readonly string[] | undefined> {
  const strangeZone = zones?.find((zone) => !plant.zones.some(({ name }) => name === zone))
  if (strangeZone !== undefined) throw new UsageError('bad-value', `${plant.name} has no zone ${strangeZone}`)
  const inZones = (list: readonly string[]) =>
    plant.devices.filter((device) => device.zone !== undefined && list.includes(device.zone)).map(({ name }) => name)
  const isLimited = onlyDevices !== undefined || zones !== undefined
  const named = isLimited ? [...new Set([...(onlyDevices ?? []), ...inZones(zones ?? [])])] : undefined
  const known = new Set(plant.devices.map(({ name }) => name))
  const stranger = named?.find((name) => !known.has(name))
  if (stranger !== undefined)
    throw new UsageError('bad-value', `version ${work.job.version ?? 'newest'} of ${plant.name} has no ${stranger}`)
  const { window: id } = work.job
  const zone = id === undefined ? undefined : (await findWindow(store.db, id))?.zone
  const touched = touchedOf(plant)
  if (zone === undefined)
    return touched === undefined ? named : (named ?? [...known]).filter((name) => touched.has(name))
  const within = inZones([zone]).filter((name) => touched?.has(name) ?? true)
  return named === undefined ? within : named.filter((name) => within.includes(name))
}

/** Devices of zones that are not merely observed; undefined: all. */
function touchedOf({ zones, devices }: Plant): ReadonlySet<string> | undefined {
  const observed = new Set(zones.filter(({ stage }) => stage === 'observe').map(({ name }) => name))
  if (observed.size === 0) return undefined
  return new Set(devices.filter(({ zone }) => !observed.has(zone)).map(({ name }) => name))
}

/** Most devices whose step is told: a job may change 64 at a time. */
const mostTold = 64

/** Turns the events of a deployment into progress. */
export function deploymentProgress(
  total: number,
  tell: (progress: JobProgress) => void,
): (event: DeploymentEvent) => void {
  const changing = new Map<string, string>()
  let done = 0
  let current = 'reads the devices'
  return (event) => {
    if (event.kind === 'phase') current = event.phase
    else if (event.kind === 'step') changing.set(event.device, event.step)
    else if (event.kind === 'device') {
      changing.delete(event.result.device)
      done++
    } else return
    tell({ current, done, total, devices: Object.fromEntries([...changing].slice(0, mostTold)) })
  }
}
