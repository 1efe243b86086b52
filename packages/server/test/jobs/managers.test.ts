import { cancelJob, findJob, isEnd, type Job, requestJob } from '@cordon/server/jobs'
import type { Store } from '@cordon/server/store'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { plantText, Unit, vendor } from '../deploy/real-plant.ts'
import { environment, isBuilt, Program, TemporaryState } from '../store/support.ts'
import { asker, emptyJobs, until } from './support.ts'

/** A manager of its own process: it runs jobs until its standard input ends. */
const program = `
import { parsePlant } from '@cordon/core/policy'
import { openAuthority } from '@cordon/server/authority'
import { jobRunners, startJobWorker } from '@cordon/server/jobs'
import { openStore } from '@cordon/server/store'
const { state, clusters, text, anchor, leaseMs } = JSON.parse(process.env.MANAGER)
const store = await openStore({ state, clusters, env: process.env, connections: 4 })
const { plant } = parsePlant(text, 'plant.yaml')
const vendorAnchors = [new Uint8Array(Buffer.from(anchor, 'base64'))]
const world = {
  store,
  authority: openAuthority(store),
  deviceLeaseMs: leaseMs,
  plantAt: async () => ({ plant, capabilities: new Map(), vendorAnchors }),
  recordDiscovered: async () => {},
  recordObserved: async () => {},
}
const problem = (error) => console.log('problem ' + error.message)
const worker = startJobWorker({ store, runners: jobRunners(world), pollMs: 250, leaseMs, problem })
console.log('ready')
for await (const _ of process.stdin);
await worker[Symbol.asyncDispose]()
await store[Symbol.asyncDispose]()
console.log('ended')
`

/** Short, so that a lease really runs out in a test. */
const leaseMs = 4000

let place: TemporaryState
let store: Store
let units: readonly Unit[]
let managers: Program[] = []

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  const settings = {
    state: place.state,
    clusters: place.clusters,
    text: plantText(),
    anchor: Buffer.from((await vendor()).root).toString('base64'),
    leaseMs,
  }
  const env = environment({ MANAGER: JSON.stringify(settings) })
  managers = isBuilt ? [0, 1, 2].map(() => new Program(program, { env })) : []
  await Promise.all(managers.map((manager) => manager.line()))
})

afterAll(async () => {
  for (const manager of managers) {
    manager.child.kill('SIGCONT')
    await manager.kill()
  }
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

beforeEach(async () => {
  units = await Promise.all([
    Unit.start({ last: 11 }),
    Unit.start({ last: 12, security: { ingressEgress: false } }),
    Unit.start({ last: 13, security: { ethernetIpSecurityRevision: 7 } }),
  ])
})

afterEach(async () => {
  for (const unit of units) await unit[Symbol.asyncDispose]()
  await emptyJobs(store)
})

const deployment = { kind: 'deploy', plant: 'small' } as const

/** The process that runs a job. */
function managerOf(job: Job | undefined): Program {
  const pid = Number(job?.manager?.split(' ')[1])
  const found = managers.find(({ child }) => child.pid === pid)
  if (found === undefined) throw new Error(`no manager has process ${pid}`)
  return found
}

/** Waits until a step of a device is journaled. */
async function reached(step: string): Promise<void> {
  await until(async () => {
    const row = await store.db.selectFrom('journal').select('id').where('step', '=', step).executeTakeFirst()
    return row !== undefined
  })
}

async function ended(id: string): Promise<Job> {
  await until(async () => isEnd((await findJob(store, id))?.state ?? 'waiting'))
  const job = await findJob(store, id)
  if (job === undefined) throw new Error('the job is gone')
  return job
}

/** Every device got its configuration exactly once, and the journal never goes back to an owner that was replaced. */
async function expectOnce(): Promise<void> {
  for (const unit of units) expect(unit.device.persist().state.cipSecurity).toBe('configured')
  const rows = await store.db.selectFrom('journal').select(['device', 'step', 'phase']).orderBy('id').execute()
  for (const device of ['Green_1', 'Green_2', 'Blue_1']) {
    const applied = rows.filter((row) => row.device === device && row.step === 'apply' && row.phase === 'done')
    expect(applied.length, `${device} was applied`).toBe(1)
  }
}

// Children run the build, as users do. Each test leaves one manager less to the next.
describe.skipIf(!isBuilt)('three managers on one store', { timeout: 120_000 }, () => {
  test('one killed in the middle of a deployment is replaced, and it ends as if nothing had happened', async () => {
    const { id } = await requestJob(store, asker, deployment)
    await reached('files')
    const before = await findJob(store, id)
    await managerOf(before).kill()
    const job = await ended(id)
    expect(job, JSON.stringify(job.error)).toMatchObject({
      state: 'complete',
      attempts: 2,
      deployment: before?.deployment,
    })
    expect(before?.deployment).toBeDefined()
    expect(job.requestedBy).toBe('ann')
    await expectOnce()
    const deployments = await store.db.selectFrom('deployments').select(['id', 'status']).execute()
    expect(deployments).toEqual([{ id: job.deployment, status: 'complete' }])
  })

  test('one that was stopped and comes back writes nothing more', async () => {
    const { id } = await requestJob(store, asker, deployment)
    await reached('key')
    const late = managerOf(await findJob(store, id))
    late.child.kill('SIGSTOP')
    const job = await ended(id)
    expect(job).toMatchObject({ state: 'complete', attempts: 2 })
    const newest = store.db.selectFrom('journal').select(({ fn }) => fn.max<number>('id').as('id'))
    const written = async () => (await newest.executeTakeFirstOrThrow()).id
    const last = await written()
    const kept = await findJob(store, id)
    late.child.kill('SIGCONT')
    // It ends in order, which it does when its own work has stopped.
    late.child.stdin?.end()
    expect(await late.end()).toBe(0)
    expect(late.lines.at(-1)).toBe('ended')
    expect(await written()).toBe(last)
    expect(await findJob(store, id)).toEqual(kept)
    await expectOnce()
  })

  test('one of them stops at once what somebody cancels, and every device is whole', async () => {
    const { id } = await requestJob(store, asker, deployment)
    await reached('key')
    await cancelJob(store, asker, id)
    const job = await ended(id)
    expect(job).toMatchObject({ state: 'cancelled', cancelledBy: 'ann' })
    for (const unit of units)
      expect(['factoryDefault', 'configured']).toContain(unit.device.persist().state.cipSecurity)
    const left = await store.db
      .selectFrom('deployment_targets')
      .select('lease_owner')
      .where('lease_owner', 'is not', null)
      .execute()
    expect(left).toEqual([])
  })
})
