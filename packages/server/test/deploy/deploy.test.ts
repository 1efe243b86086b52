import type { Authority } from '@cordon/core/authority'
import { openAuthority } from '@cordon/server/authority'
import { deploy, prepare } from '@cordon/server/deploy'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { plantOf, plantText, Unit, vendor } from './real-plant.ts'

let place: TemporaryState
let store: Store
let authority: Authority

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  authority = openAuthority(store)
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

describe('a deployment', () => {
  test('brings a plant of real devices under policy, and a second one finds nothing to do', async () => {
    await using one = await Unit.start({ last: 11 })
    await using two = await Unit.start({ last: 12 })
    await using three = await Unit.start({ last: 13, security: { ethernetIpSecurityRevision: 7 } })
    const plant = plantOf(plantText())
    const options = { vendorAnchors: [(await vendor()).root] }
    const { plan } = await prepare({ plant, store, authority, options })
    expect(plan.devices.map(({ device, action }) => [device, action])).toEqual([])
    const run = deploy({ plant, store, authority, options })
    const report = await run.report
    expect(report.devices.map(({ device, outcome, configuration, messages }) => [device, outcome, configuration, messages.filter(m => m.severity !== 'information')])).toEqual([])
  })
})
