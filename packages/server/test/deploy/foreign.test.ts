import type { Plant } from '@cordon/core/policy'
import { openAuthority, type StoreAuthority } from '@cordon/server/authority'
import { type DeviceStanding, Lookout, takeBack } from '@cordon/server/deploy'
import { openEstHost } from '@cordon/server/est'
import type { Store } from '@cordon/server/store'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { VirtualPlant } from '../../../simulator/src/plant.ts'
import { TestEstServer } from '../../../simulator/test/est-server.ts'
import {
  files,
  freshAddress,
  freshDirectory,
  removeDirectories,
  startPlant,
  stopPlants,
  until,
} from '../../../simulator/test/small-plant.ts'
import { TemporaryState } from '../store/support.ts'
import { plantOf } from './real-plant.ts'

const names = ['Caught', 'Locked', 'Fresh', 'Old', 'Gone'] as const
const at = new Map(names.map((name) => [name, freshAddress()]))
const service = freshAddress()
const elsewhere = freshAddress()

/** The plant as its owner wrote it. */
const plantText = (expected = 0x101) => `version: 1
plant: small
authority: { key: ecdsa-p256, subject: { organization: Example Works } }
nonSecure: allow
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity }
devices:
${names.map((name) => `  ${name}: { address: ${at.get(name)}, zone: line${name === 'Caught' ? `, expect: { vendor: 77, serial: ${expected} }` : ''} }`).join('\n')}
`

const identityOf = (serial: number) =>
  `kind: adapter, identity: { vendor: 77, type: 12, product: 3, revision: [2, 5], serial: ${serial}, name: Test }`
const security = (more = '') => `security: { suites: [0xC02B, 0xC023], credential: { vendor: maker }${more} }`

/** The units: two that found the wrong server first, one without pull, one without CIP Security. */
const written = (foreign: TestEstServer) => {
  const servers = `pull: { servers: [{ host: ${foreign.address}, port: ${foreign.port} }, { host: ${service}, port: 8444 }] }`
  return files(
    `devices:\n${names.map((name) => `  ${name}: { address: ${at.get(name)}, zone: line }`).join('\n')}`,
    `devices:
  Caught: { ${identityOf(0x101)}, ${security(', plainReset: true')}, ${servers} }
  Locked: { ${identityOf(0x102)}, ${security()}, ${servers} }
  Fresh: { ${identityOf(0x103)}, ${security()} }
  Old: { ${identityOf(0x104)}, security: none }
  Gone: { ${identityOf(0x105)}, security: none, listens: false }`,
  )
}

let place: TemporaryState
let store: Store
let authority: StoreAuthority
let foreign: TestEstServer
let virtual: VirtualPlant

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  authority = openAuthority(store)
  await authority.initialize({ name: 'small', key: 'ecdsa-p256', subject: {}, zones: ['line'] })
  foreign = await TestEstServer.open(elsewhere)
  virtual = (await startPlant(written(foreign))).plant
  const enrolled = () => virtual.devices().filter(({ pull }) => pull === 'enrolled').length === 2
  await until(enrolled, 'both caught', 40_000)
}, 120_000)

afterAll(async () => {
  await stopPlants()
  await foreign.close()
  await removeDirectories()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const request = (plant: Plant) => ({ plant, store, authority })
const look = async (plant = plantOf(plantText())) => {
  const found = await (await Lookout.open(request(plant))).all()
  return new Map(found.map((one): [string, DeviceStanding] => [one.device, one]))
}
const take = async (name: string, plant = plantOf(plantText())) =>
  await takeBack(request(plant), await Lookout.open(request(plant)), name)

describe('devices of a foreign authority', () => {
  test('are found and named among the others', { timeout: 60_000 }, async () => {
    const found = await look()
    expect([...found].map(([name, { standing }]) => [name, standing])).toEqual([
      ['Caught', 'foreign'],
      ['Locked', 'foreign'],
      ['Fresh', 'factory'],
      ['Old', 'not-secured'],
      ['Gone', 'unreachable'],
    ])
    const { certificate: root } = foreign.authority
    const caught = found.get('Caught')
    expect(caught?.reason).toBe('its certificate is of CN=EST root,O=Example')
    expect(caught?.certificate).toMatchObject({ issuer: 'CN=EST root,O=Example', selfSigned: false })
    expect(caught?.certificate?.issuerKey).toBe(Buffer.from(root.extensions.subjectKeyIdentifier ?? []).toString('hex'))
    expect(caught?.unit).toMatchObject({ vendorId: 77, serialNumber: 0x101 })
    expect(found.get('Fresh')).toMatchObject({ vendorId: 77, unit: { serialNumber: 0x103 } })
  })

  test('stay as they are where another unit stands there', { timeout: 60_000 }, async () => {
    const { outcome, reason, after } = await take('Caught', plantOf(plantText(0x999)))
    expect([outcome, reason, after]).toEqual(['wrong-unit', 'serial: expected 2457, found 257', undefined])
  })

  test('need a person where they take no reset in plain', { timeout: 60_000 }, async () => {
    const { outcome, remedy } = await take('Locked')
    expect([outcome, remedy]).toEqual(['refused', expect.stringContaining('reset switch')])
    expect((await take('Fresh')).outcome).toBe('not-foreign')
    expect((await look()).get('Locked')?.standing).toBe('foreign')
  })

  test('are taken back, and enroll with this plant', { timeout: 120_000 }, async () => {
    await foreign.close()
    const rules = join(await freshDirectory(), 'enrollment.yaml')
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().replace(/\.\d+/, '')
    await writeFile(
      rules,
      `version: 1\nlabels:\n  default: { globalGrant: { from: ${day(-1)}, until: ${day(1)} } }\nunlisted: { default: line }\n`,
    )
    const plant = plantOf(plantText())
    await using _host = await openEstHost({
      ...request(plant),
      rules,
      listen: [{ address: service, port: 8444 }],
      announcement: false,
      push: false,
      log: () => {},
    })
    const { outcome, remedy } = await take('Caught')
    expect([outcome, remedy]).toEqual(['taken-back', undefined])
    const isBack = () => virtual.devices().find(({ name }) => name === 'Caught')?.pull === 'enrolled'
    await until(isBack, 'enrolled with this plant', 60_000)
    expect((await look()).get('Caught')).toMatchObject({
      standing: 'ours',
      holder: 'Caught',
      zone: 'line',
      generation: 1,
    })
    const events = await store.db.selectFrom('events').selectAll().where('kind', '=', 'device-taken-back').execute()
    expect(events).toMatchObject([
      { subject: 'Caught', detail: { plant: 'small', serial: 0x101, issuer: 'CN=EST root,O=Example' } },
    ])
  })
})
