import { openAuthority } from '@cordon/server/authority'
import { resume } from '@cordon/server/deploy'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { environment, isBuilt, Program, TemporaryState } from '../store/support.ts'
import { plantOf, plantText, Unit, vendor } from './real-plant.ts'

/** Deploys a plant and tells its steps, one line each, as they begin and end. */
const program = `
import { parsePlant } from '@cordon/core/policy'
import { openAuthority } from '@cordon/server/authority'
import { deploy } from '@cordon/server/deploy'
import { openStore } from '@cordon/server/store'
const { state, clusters, text, anchor } = JSON.parse(process.env.DEPLOYMENT)
const store = await openStore({ state, clusters, env: process.env })
const { plant } = parsePlant(text, 'plant.yaml')
const options = { vendorAnchors: [new Uint8Array(Buffer.from(anchor, 'base64'))], concurrency: 2 }
const run = deploy({ plant, store, authority: openAuthority(store), options })
for await (const event of run) if (event.kind === 'step') console.log(event.device + ' ' + event.step + ' ' + event.state)
console.log('end ' + (await run.report).outcome)
await store[Symbol.asyncDispose]()
`

/** Moments at which the process is killed: of one device, every step of its way. */
const moments = [
  'key begin',
  'begin-config begin',
  'files begin',
  'install begin',
  'settings begin',
  'review begin',
  'apply begin',
  'apply done',
  'end-config begin',
  'read-back begin',
  'clean-up begin',
  'overlap-rules begin',
  'final-rules begin',
  'ports begin',
]
const chosen =
  process.env['CORDON_THOROUGH'] === undefined
    ? ['files begin', 'apply begin', 'apply done', 'final-rules begin']
    : moments

let place: TemporaryState
let store: Store

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

// A child process runs the build, as users do; without one there is nothing to kill.
describe.skipIf(!isBuilt)('a deployment whose process is killed', () => {
  test.each(chosen)('at "%s" is finished by resume, and every device opens', { timeout: 120_000 }, async (moment) => {
    const units = await Promise.all([
      Unit.start({ last: 11 }),
      Unit.start({ last: 12, security: { ingressEgress: false } }),
      Unit.start({ last: 13, security: { ethernetIpSecurityRevision: 7 } }),
    ])
    try {
      const anchor = (await vendor()).root
      const deployment = {
        state: place.state,
        clusters: place.clusters,
        text: plantText(),
        anchor: Buffer.from(anchor).toString('base64'),
      }
      using child = new Program(program, { env: environment({ DEPLOYMENT: JSON.stringify(deployment) }) })
      for (let count = 1; ; count++) {
        const line = await child.line(count)
        if (line.startsWith('end')) throw new Error(`the step ${moment} never came: ${child.lines.join(', ')}`)
        if (line === `Green_1 ${moment}`) break
      }
      await child.kill()
      const request = {
        plant: plantOf(plantText()),
        store,
        authority: openAuthority(store),
        options: { vendorAnchors: [anchor] },
      }
      const report = await resume(request).report
      expect(report.devices.flatMap(({ messages }) => messages.filter(({ severity }) => severity === 'error'))).toEqual(
        [],
      )
      for (const unit of units) expect(unit.device.persist().state.cipSecurity).toBe('configured')
      expect(
        report.devices.every(({ configuration }) => configuration === 'new' || configuration === 'unchanged'),
      ).toBe(true)
    } finally {
      for (const unit of units) await unit[Symbol.asyncDispose]()
      await store.db.deleteFrom('devices').execute()
      await store.db.deleteFrom('deployments').execute()
    }
  })
})
