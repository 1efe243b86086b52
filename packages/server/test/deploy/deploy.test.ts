import type { DeploymentEvent } from '@cordon/core/deployment'
import { connect } from '@cordon/node/originator'
import { openAuthority, type RolloverStep, type StoreAuthority } from '@cordon/server/authority'
import {
  deploy,
  listPsks,
  prepare,
  pushLists,
  readDeviceRecords,
  release,
  resume,
  revoke,
  storePsk,
} from '@cordon/server/deploy'
import type { Store } from '@cordon/server/store'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { address, plantOf, plantText, Unit, vendor } from './real-plant.ts'

let place: TemporaryState
let store: Store
let authority: StoreAuthority
let options: { readonly vendorAnchors: readonly Uint8Array[] }
let units: Unit[]

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  authority = openAuthority(store)
  options = { vendorAnchors: [(await vendor()).root] }
})

afterAll(async () => {
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
  // Each test meets new units under the same names.
  await store.db.deleteFrom('devices').execute()
  await store.db.deleteFrom('deployments').execute()
})

const plant = plantOf(plantText())
const request = () => ({ plant, store, authority, options })

/** Codes of the messages that are more than information, by device. */
function problems(report: {
  readonly devices: readonly { device: string; messages: readonly { code: string; severity: string }[] }[]
}) {
  return Object.fromEntries(
    report.devices
      .map(
        ({ device, messages }) =>
          [device, messages.filter(({ severity }) => severity !== 'information').map(({ code }) => code)] as const,
      )
      .filter(([, codes]) => codes.length > 0),
  )
}

describe('a deployment', () => {
  test('brings a plant of real devices under policy, and a second one finds nothing to do', {
    timeout: 60_000,
  }, async () => {
    const { plan } = await prepare(request())
    expect(plan.devices.map(({ device, action }) => [device, action])).toEqual([
      ['Green_1', 'commission'],
      ['Green_2', 'commission'],
      ['Blue_1', 'commission'],
    ])
    const run = deploy(request())
    const events: DeploymentEvent[] = []
    for await (const event of run) events.push(event)
    const report = await run.report
    // Without rules of its own Green_2 cannot limit plain traffic on the port that its zone leaves open.
    expect(problems(report)).toEqual({})
    expect(report.devices.map(({ configuration }) => configuration)).toEqual(['new', 'new', 'new'])
    expect(events.filter(({ kind }) => kind === 'device')).toHaveLength(3)
    expect(events.some((event) => event.kind === 'step' && event.step === 'apply' && event.state === 'done')).toBe(true)
    for (const unit of units) expect(unit.device.persist().state.cipSecurity).toBe('configured')
    // Plain EtherNet/IP has ended in the green zone.
    await expect(connect({ address: address(11), localAddress: address(2) })).rejects.toThrow()
    expect(JSON.parse(JSON.stringify(report)).outcome).toBe('complete')

    const again = await deploy(request()).report
    expect(again.devices.map(({ configuration }) => configuration)).toEqual(['unchanged', 'unchanged', 'unchanged'])
    expect(again.devices.flatMap(({ messages }) => messages.map(({ code }) => code))).toEqual([
      'nothing-to-do',
      'nothing-to-do',
      'nothing-to-do',
    ])
    expect(again.outcome).toBe('complete')
  })

  test('changes only the devices that it is told to', { timeout: 60_000 }, async () => {
    const report = await deploy({ ...request(), options: { ...options, onlyDevices: ['Blue_1'] } }).report
    expect(report.devices.map(({ device }) => device)).toEqual(['Blue_1'])
    expect(units.map(({ device }) => device.isConfigured())).toEqual([false, false, true])
  })

  test('refuses a device that changed after its plan was made, and does the others', { timeout: 60_000 }, async () => {
    const preparation = await prepare(request())
    const [first] = units
    first?.device.setProtectionMode(1)
    const report = await deploy({ ...request(), preparation }).report
    expect(problems(report)).toEqual({ Green_1: ['protection-mode'] })
    first?.device.setProtectionMode(0)
    await deploy({ ...request(), options: { ...options, onlyDevices: ['Green_1'] } }).report
    const late = await deploy({ ...request(), preparation }).report
    expect(problems(late)['Green_1']).toEqual(['changed-since-plan'])
  })

  test('goes on with the others when a device is gone, and completes it when it is back', {
    timeout: 60_000,
  }, async () => {
    await units[1]?.[Symbol.asyncDispose]()
    const report = await deploy(request()).report
    expect(problems(report)).toEqual({ Green_2: ['unreachable'] })
    expect(report.outcome).toBe('not-complete')
    expect(units[0]?.device.isConfigured()).toBe(true)
    units[1] = await Unit.start({ last: 12, security: { ingressEgress: false } })
    const again = await resume(request()).report
    expect(again.deployment).toBe(report.deployment)
    expect(problems(again)).toEqual({})
    expect(units[1].device.isConfigured()).toBe(true)
  })

  test('that is cancelled leaves each device in its old or its new settings, and resume finishes it', {
    timeout: 60_000,
  }, async () => {
    const controller = new AbortController()
    const run = deploy({ ...request(), options: { ...options, signal: controller.signal, concurrency: 1 } })
    for await (const event of run) {
      if (event.kind === 'step' && event.device === 'Green_1' && event.step === 'apply') controller.abort()
    }
    const report = await run.report
    expect(report.outcome).not.toBe('complete')
    expect(units.map(({ device }) => device.persist().state.cipSecurity)).toEqual([
      'configured',
      'factoryDefault',
      'factoryDefault',
    ])
    const again = await resume(request()).report
    expect(problems(again)).toEqual({})
    for (const unit of units) expect(unit.device.persist().state.cipSecurity).toBe('configured')
  })

  test('leaves devices alone that another deployment of the plant works on', { timeout: 60_000 }, async () => {
    const first = deploy({ ...request(), options: { ...options, concurrency: 1 } })
    const second = deploy({ ...request(), options: { ...options, concurrency: 1 } })
    const reports = await Promise.all([first.report, second.report])
    for (const name of ['Green_1', 'Green_2', 'Blue_1']) {
      const done = reports.filter((report) =>
        report.devices.some(({ device, configuration }) => device === name && configuration === 'new'),
      )
      expect(done.length, name).toBe(1)
    }
    for (const unit of units) expect(unit.device.persist().state.cipSecurity).toBe('configured')
  })

  test('refuses another unit that stands at the address of a commissioned one', { timeout: 60_000 }, async () => {
    await deploy(request()).report
    await units[0]?.[Symbol.asyncDispose]()
    units[0] = await Unit.start({ last: 11, serial: 0x7777 })
    const report = await deploy(request()).report
    expect(problems(report)['Green_1']).toEqual(['device-replaced'])
    expect(units[0].device.isConfigured()).toBe(false)
  })

  test('lists a device that left the plant file until it is released', { timeout: 60_000 }, async () => {
    await deploy(request()).report
    const smaller = plantOf(plantText().replace(/ {2}Green_2:.*\n/, ''))
    const { plan } = await prepare({ ...request(), plant: smaller })
    expect(plan.messages.map(({ code, subject }) => [code, subject])).toEqual([['orphan-in-force', 'Green_2']])
    await deploy({ ...request(), plant: smaller }).report
    expect((await store.db.selectFrom('orphans').select('device').execute()).map(({ device }) => device)).toEqual([
      'Green_2',
    ])
    const released = await release({ ...request(), plant: smaller }, ['Green_2'])
    expect(problems(released)).toEqual({})
    expect(units[1]?.device.isConfigured()).toBe(false)
    expect(await store.db.selectFrom('orphans').select('device').execute()).toEqual([])
  })
})

describe('a release', () => {
  test('takes rules, closed ports and settings off a device, with proof, and forgets it', {
    timeout: 60_000,
  }, async () => {
    await deploy(request()).report
    const report = await release(request(), ['Green_1'])
    expect(report.devices.flatMap(({ messages }) => messages.map(({ code }) => code))).toEqual(['released'])
    const [unit] = units
    expect(unit?.device.isConfigured()).toBe(false)
    expect(unit?.device.ports().every(({ open }) => open)).toBe(true)
    const session = await connect({ address: address(11), localAddress: address(2) })
    await session.close()
    expect((await readDeviceRecords(store, plant.name)).has('Green_1')).toBe(false)
    const again = await deploy(request()).report
    expect(problems(again)).toEqual({})
  })

  test('of a device that does not answer says so and keeps it on record', { timeout: 60_000 }, async () => {
    await deploy(request()).report
    await units[0]?.[Symbol.asyncDispose]()
    const report = await release(request(), ['Green_1'])
    expect(problems(report)).toEqual({ Green_1: ['unreachable'] })
    expect((await readDeviceRecords(store, plant.name)).has('Green_1')).toBe(true)
  })

  test('of a name that nobody knows is refused', async () => {
    await expect(release(request(), ['Nowhere'])).rejects.toThrow('Nowhere')
  })
})

describe('a revocation', () => {
  test('reaches every device that trusts the issuer, ends live associations and is proven', {
    timeout: 90_000,
  }, async () => {
    await units[1]?.[Symbol.asyncDispose]()
    units[1] = await Unit.start({ last: 12, security: { ingressEgress: false, trustedIdentities: false } })
    const capabilities = new Map([['Green_2', { trustedIdentities: false }]])
    const about = { ...request(), options: { ...options, capabilities } }
    await deploy(about).report
    const client = await authority.issueClient({ zone: 'green', name: 'workstation' })
    const key = client.key?.export()
    if (key === undefined) throw new Error('no key')
    const anchors = [...(await authority.anchors('green')), ...(await authority.anchors('blue'))]
    // Green_2 has neither rules nor single identities: its authorities decide, so that the workstation gets in.
    const credentials = { chain: [client.certificate, ...client.chain.slice(0, 1)], key, anchors }
    const open = () => connect({ address: address(12), localAddress: address(2), credentials })
    const live = await open()
    const report = await revoke(about, 'workstation')
    expect(problems(report)).toEqual({})
    const told = report.devices
      .filter(({ messages }) => messages.some(({ code }) => code === 'crl-pushed'))
      .map(({ device }) => device)
    expect(told).toContain('Green_2')
    expect(report.devices.find(({ device }) => device === 'Green_2')?.messages.map(({ code }) => code)).toEqual([
      'crl-pushed',
      'revocation-proved',
    ])
    expect(report.devices.find(({ device }) => device === 'Green_2')?.messages[1]?.evidence).toContain('revoked')
    await live.closed
    await expect(open()).rejects.toThrow('revoked')
    // Nothing else has changed, and the next plan agrees.
    const { plan } = await prepare(about)
    expect(plan.devices.map(({ action }) => action)).toEqual(['nothing', 'nothing', 'nothing'])

    // A list that is made anew reaches whoever trusts the zone, and nobody else.
    const pushed = await pushLists(about, { zones: ['green'], force: true })
    expect(pushed.lists).toMatchObject([{ zone: 'green' }])
    expect(problems(pushed)).toEqual({})
    expect(pushed.devices.map(({ device }) => device)).toContain('Green_2')
    expect(pushed.devices.every(({ messages }) => messages.some(({ code }) => code === 'crl-pushed'))).toBe(true)
    expect((await prepare(about)).plan.devices.map(({ action }) => action)).toEqual(['nothing', 'nothing', 'nothing'])
  })

  test('of a name that has no certificate is refused before anything is done', async () => {
    await expect(revoke(request(), 'nobody')).rejects.toThrow('nobody')
  })
})

describe('a rollover of an issuing CA', () => {
  test('goes through a plant in three steps, and every device is reached after each', {
    timeout: 120_000,
  }, async () => {
    await deploy(request()).report
    const step = async (name: RolloverStep) => await authority.rollover({ zone: 'green', step: name })
    await step('prepare')
    await expect(step('activate')).rejects.toThrow(/Green_1 does not hold the new anchor yet/)
    expect(problems(await deploy(request()).report)).not.toHaveProperty('Green_1')
    await step('activate')
    // The certificates of the devices are of the old generation, and the plant goes on.
    const after = await prepare(request())
    expect(after.plan.devices.map(({ action }) => action)).toEqual(['nothing', 'nothing', 'nothing'])
    await expect(step('retire')).rejects.toThrow(/device Green_1 uses .*cordon ca renew Green_1/)
    const devices = ['Green_1', 'Green_2']
    // Certificates know whole seconds: one of this second counts as renewed already.
    await sleep(1100)
    const renewing = { ...request(), options: { ...options, onlyDevices: devices, renew: devices } }
    expect((await deploy(renewing).report).outcome).not.toBe('not-complete')
    await deploy(request()).report
    expect((await step('retire')).obstacles).toEqual([])
    await deploy(request()).report
    expect((await prepare(request())).plan.devices.map(({ action }) => action)).toEqual([
      'nothing',
      'nothing',
      'nothing',
    ])
  })
})

describe('a zone of one pre-shared key', () => {
  const cell = plantOf(`
version: 1
plant: small
nonSecure: deny
suites: [0xCCAC, 0xC037]
manager: Manager
zones:
  cell3: { authentication: psk, messaging: confidentiality, io: confidentiality, psk: cell3-2026, close: [tcp/44818, udp/2222] }
devices:
  Cell_1:  { address: ${address(11)}, zone: cell3 }
  Cell_2:  { address: ${address(12)}, zone: cell3, role: target }
  Manager: { address: ${address(2)}, zone: cell3, role: originator, io: deny }
`)

  test('is deployed, and a key that is stored anew reaches every device', { timeout: 90_000 }, async () => {
    await storePsk(store, { name: 'cell3-2026' })
    const about = { ...request(), plant: cell }
    const report = await deploy(about).report
    expect(problems(report)).toEqual({})
    expect(units.map(({ device }) => device.security().psk.length)).toEqual([1, 1, 0])
    expect((await deploy(about).report).devices.map(({ configuration }) => configuration)).toEqual([
      'unchanged',
      'unchanged',
    ])
    const before = units[0]?.device.security().psk[0]?.key
    const [version] = await listPsks(store)
    await storePsk(store, { name: 'cell3-2027', identity: 'next' })
    expect((await listPsks(store))[0]).toEqual(version)
    // Another name in the plant file: old and new cannot overlap in one place, so it needs an interruption.
    const renewed = plantOf(`
version: 1
plant: small
nonSecure: deny
suites: [0xCCAC, 0xC037]
manager: Manager
zones:
  cell3: { authentication: psk, messaging: confidentiality, io: confidentiality, psk: cell3-2027, close: [tcp/44818, udp/2222] }
devices:
  Cell_1:  { address: ${address(11)}, zone: cell3 }
  Cell_2:  { address: ${address(12)}, zone: cell3, role: target }
  Manager: { address: ${address(2)}, zone: cell3, role: originator, io: deny }
`)
    const refused = await deploy({ ...about, plant: renewed }).report
    expect(Object.values(problems(refused)).flat()).toEqual([
      'psk-needs-close-connections',
      'psk-needs-close-connections',
    ])
    const done = await deploy({
      ...about,
      plant: renewed,
      options: { ...options, closeConnections: true, closeDelayMs: 500 },
    }).report
    expect(done.outcome).toBe('complete-with-warnings')
    expect(units[0]?.device.security().psk[0]?.key).not.toEqual(before)
  })

  test('whose key is not stored is refused in the plan', { timeout: 60_000 }, async () => {
    await store.db.deleteFrom('psks').execute()
    const { plan } = await prepare({ ...request(), plant: cell })
    expect(plan.devices.map(({ action }) => action)).toEqual(['refused', 'refused'])
    expect(plan.devices.flatMap(({ messages }) => messages.map(({ code }) => code))).toContain('psk-missing')
  })
})
