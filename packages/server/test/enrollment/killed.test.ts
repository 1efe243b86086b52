import { createHash } from 'node:crypto'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { environment, isBuilt, Program, TemporaryState } from '../store/support.ts'
import { granted, initialize, makeWorld, openBench, plantText, start, Unit, type World } from './support.ts'

/** Decides one request and stops at a moment: signed and not recorded, or recorded and not answered. */
const program = `
import { parseEnrollmentPolicy } from '@cordon/core/enrollment'
import { parsePlant } from '@cordon/core/policy'
import { decodeRequest } from '@cordon/core/x509'
import { openAuthority } from '@cordon/server/authority'
import { openEnrollment } from '@cordon/server/enrollment'
import { openStore } from '@cordon/server/store'
const { state, clusters, plant, request, address, moment, now } = JSON.parse(process.env.ENROLLMENT)
const store = await openStore({ state, clusters, env: process.env })
const real = openAuthority(store, { now: () => now })
const stop = async (what) => {
  console.log(what)
  await new Promise((resolve) => setTimeout(resolve, 60_000))
}
const authority = {
  revoke: (...all) => real.revoke(...all),
  signDevice: async (order) => {
    const signed = await real.signDevice(order)
    if (moment === 'signed') await stop('signed')
    return signed
  },
}
const text = 'version: 1\\nlabels: { lab: { globalGrant: { from: 2026-06-01T00:00:00Z, until: 2026-06-02T00:00:00Z } } }\\n'
const { policy } = parseEnrollmentPolicy(text, 'enrollment.yaml')
const service = await openEnrollment({
  store, authority, now: () => now, plant: parsePlant(plant, 'plant.yaml').plant,
  files: { policy, vendors: [], provisioning: [], lists: new Map() },
  verifyAccount: async () => 'refused', observe: async () => undefined,
})
const answer = await service.enroll({
  operation: 'simpleenroll', label: 'lab', request: decodeRequest(new Uint8Array(Buffer.from(request, 'hex'))),
  address, shown: undefined, basic: undefined, linking: { state: 'absent', reason: '' },
})
await stop('committed ' + answer.kind)
`

let place: TemporaryState
let store: Store
let world: World

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  world = await makeWorld()
  await initialize(store, () => start)
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

describe.skipIf(!isBuilt)('an enrollment whose process is killed', () => {
  test.each([
    ['signed', '127.70.1.11', 0],
    ['committed granted', '127.70.1.12', 1],
  ] as const)('when it had %s, ends with one certificate', { timeout: 60_000 }, async (moment, address, before) => {
    const unit = await Unit.make(address)
    const request = await unit.request('lab')
    const enrollment = {
      state: place.state,
      clusters: place.clusters,
      plant: plantText,
      request: Buffer.from(request.request.der).toString('hex'),
      address,
      moment,
      now: start,
    }
    using child = new Program(program, { env: environment({ ENROLLMENT: JSON.stringify(enrollment) }) })
    expect(await child.line()).toBe(moment)
    await child.kill()
    const key = createHash('sha256').update(unit.key.publicKey).digest()
    const certificates = async () =>
      await store.db.selectFrom('certificates').select(['serial', 'status']).where('key_hash', '=', key).execute()
    expect(await certificates()).toHaveLength(before)
    await using bench = await openBench(store, world, () => start)
    const { serial } = granted(await bench.service.enroll(request))
    expect(await certificates()).toEqual([{ serial, status: 'valid' }])
    const row = await store.db.selectFrom('enrollments').selectAll().where('key', '=', key.toString('hex')).execute()
    expect(row).toMatchObject([{ state: 'granted', serial }])
  })
})
