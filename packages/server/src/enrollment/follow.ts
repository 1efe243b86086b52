import { type DeploymentEvent, type DeviceResult, type Outcome, worst } from '@cordon/core/deployment'
import type { Plant } from '@cordon/core/policy'
import { sql } from 'kysely'
import { setTimeout as sleep } from 'node:timers/promises'
import { deploy, type ApplyOptions } from '../deploy/deploy.ts'
import { readDeviceRecords } from '../deploy/device-records.ts'
import type { StoreAuthority } from '../authority/authority.ts'
import type { Store } from '../store/store.ts'

/** What is pushed to devices that earned a certificate, and by which means. */
export interface FollowOptions {
  readonly store: Store
  readonly authority: StoreAuthority
  readonly plant: Plant
  /** How devices are treated, as `cordon apply` does; which ones is decided here. */
  readonly deployment?: Omit<ApplyOptions, 'onlyDevices' | 'resume' | 'signal'>
  /** Hears how each push went. */
  readonly pushed?: (push: FollowedPush) => void
  /** Hears the steps of each push. */
  readonly event?: (event: DeploymentEvent) => void
  /** Hears why a push could not be made at all; it is tried again. */
  readonly problem?: (error: Error) => void
  /** How often the store is asked for new certificates when nobody wakes it, milliseconds. Default 2000. */
  readonly pollMs?: number
  /** Pause before the first repeat of a push that was not complete, milliseconds; doubles up to {@link longestPauseMs}. */
  readonly firstPauseMs?: number
}

/** A push to the devices that had earned a certificate since the last one. */
export interface FollowedPush {
  readonly outcome: Outcome
  readonly devices: readonly DeviceResult[]
}

/** Pushes configurations until it is closed. */
export interface Follower extends AsyncDisposable {
  /** Looks now instead of at the next poll. */
  wake(): void
  /** Devices that wait for their push, each with the last obstacle. */
  waiting(): ReadonlyMap<string, string>
}

/** Longest pause between two pushes to a device that is not complete. */
export const longestPauseMs = 300_000

interface Attempt {
  /** Of the certificate that is followed: another one begins anew. */
  readonly serial: string
  readonly attempts: number
  /** By the monotonic clock. */
  readonly notBefore: number
  readonly obstacle: string
}

/**
 * Brings the policy to devices that earned their certificate by themselves: the last step of the pull model
 * (cip-security-wire 6.2, step 10). What is to do is read from the store: a device whose newest certificate is younger
 * than its last complete deployment. So nothing is forgotten when the process ends in between, and nothing done twice.
 */
export function followEnrollments(options: FollowOptions): Follower {
  return new StoreFollower(options)
}

class StoreFollower implements Follower {
  readonly #options: FollowOptions
  readonly #over = new AbortController()
  readonly #attempts = new Map<string, Attempt>()
  readonly #running: Promise<void>
  #nap = new AbortController()

  constructor(options: FollowOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  wake(): void {
    this.#nap.abort()
  }

  waiting(): ReadonlyMap<string, string> {
    return new Map([...this.#attempts].map(([device, { obstacle }]) => [device, obstacle]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    this.#nap.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { pollMs = 2_000 } = this.#options
    while (!this.#over.signal.aborted) {
      this.#nap = new AbortController()
      try {
        await this.#look()
      } catch (error) {
        if (!(error instanceof Error)) throw error
        this.#options.problem?.(error)
      }
      const either = AbortSignal.any([this.#nap.signal, this.#over.signal])
      await sleep(pollMs, undefined, { signal: either }).catch(() => undefined)
    }
  }

  async #look(): Promise<void> {
    const { store, authority, plant, deployment } = this.#options
    const certified = await newestCertificates(store, plant.name)
    const secured = new Set(plant.devices.filter(({ address }) => address !== undefined).map(({ name }) => name))
    const open = certified.filter(({ device, followed }) => !followed && secured.has(device))
    for (const device of this.#attempts.keys()) {
      if (!open.some((one) => one.device === device)) this.#attempts.delete(device)
    }
    const now = performance.now()
    const due = open.filter(({ device, serial }) => {
      const attempt = this.#attempts.get(device)
      return attempt === undefined || attempt.serial !== serial || attempt.notBefore <= now
    })
    if (due.length === 0) return
    // Peers that believe single certificates must learn the new ones too.
    const records = await readDeviceRecords(store, plant.name)
    const configured = [...records.values()].filter((record) => record.configured).map(({ device }) => device)
    const { signal } = this.#over
    const onlyDevices = [...new Set([...due.map(({ device }) => device), ...configured])]
    const run = deploy({ plant, store, authority, options: { ...deployment, onlyDevices, signal } })
    for await (const event of run) this.#options.event?.(event)
    this.#note(due, (await run.report).devices)
  }

  #note(due: readonly Certified[], results: readonly DeviceResult[]): void {
    const { firstPauseMs = 2_000, pushed } = this.#options
    for (const { device, serial } of due) {
      const result = results.find((one) => one.device === device)
      if (result !== undefined && result.outcome !== 'not-complete') {
        this.#attempts.delete(device)
        continue
      }
      const earlier = this.#attempts.get(device)
      const attempts = earlier?.serial === serial ? earlier.attempts + 1 : 1
      const pause = Math.min(firstPauseMs * 2 ** Math.min(attempts - 1, 16), longestPauseMs)
      const worstMessage = result?.messages.find(({ severity }) => severity === 'error')
      const obstacle =
        worstMessage === undefined ? 'it was not reached' : `${worstMessage.code}: ${worstMessage.evidence}`
      this.#attempts.set(device, { serial, attempts, notBefore: performance.now() + pause, obstacle })
    }
    if (results.length > 0) pushed?.({ outcome: worst(results.map(({ outcome }) => outcome)), devices: results })
  }
}

/** The newest certificate that a device of the plant earned. */
interface Certified {
  readonly device: string
  /** Of the certificate, lower-case hex. */
  readonly serial: string
  /** A deployment to the device was complete after it was issued. */
  readonly followed: boolean
}

async function newestCertificates(store: Store, plant: string): Promise<readonly Certified[]> {
  const { rows } = await sql<Certified>`
    select e.device, e.serial,
      exists (
        select 1 from deployment_targets t join deployments d on d.id = t.deployment
        where d.plant = e.plant and d.kind = 'apply' and t.device = e.device
          and t.status in ('complete', 'complete-with-warnings') and t.updated_at > e.updated_at
      ) as followed
    from (
      select distinct on (device) device, serial, plant, updated_at from enrollments
      where plant = ${plant} and state = 'granted' and device is not null and serial is not null
      order by device, updated_at desc
    ) e`.execute(store.db)
  return rows
}
