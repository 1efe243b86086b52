import type { Authority } from '@cordon/core/authority'
import { parsePlant, parseSimulation, type Plant, type Simulation } from '@cordon/core/policy'
import type { VerificationResult } from '@cordon/core/verification'
import { decodePem } from '@cordon/core/x509'
import { identity } from '@cordon/core/objects'
import { connect } from '@cordon/node/originator'
import { prepareVerification, runVerifier, type VerificationRequest } from '@cordon/node/verify'
import { openAuthority } from '@cordon/server/authority'
import { deploy, managerCredential } from '@cordon/server/deploy'
import { destroyStore, openStore, type Store, type StoreOptions } from '@cordon/server/store'
import { VirtualPlant } from '@cordon/simulator'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testAddress } from '../interop/address.ts'

const isBuilt = existsSync(new URL('../../packages/node/dist/verify/main.js', import.meta.url))

const network = testAddress(0).replace(/\.0$/, '')

const plantText = `
version: 1
plant: verified
authority: { key: ecdsa-p256, subject: { organization: Test, country: US } }
nonSecure: deny
suites: [0xC02C, 0xC023, 0xC006]
manager: Manager
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818, udp/44818, udp/2222] }
  blue: { authentication: certificate, messaging: integrity, io: integrity, nonSecure: allow }
  red: { authentication: certificate, messaging: integrity, io: integrity, close: [tcp/44818, udp/2222] }
  operations: { authentication: certificate, messaging: confidentiality, io: integrity }
  legacy: { authentication: none, messaging: none, io: none, nonSecure: allow }
devices:
  Green: { address: ${network}.11, zone: green }
  Blue: { address: ${network}.12, zone: blue }
  Blue_IO: { address: ${network}.13, zone: blue }
  Red: { address: ${network}.14, zone: red }
  Panel: { address: ${network}.15, zone: legacy, capability: none, role: originator, io: deny }
  Manager: { address: ${network}.2, zone: operations, role: originator, io: deny }
conduits:
  - { between: [green, blue], authentication: certificate, messaging: confidentiality, io: integrity }
  - { between: [Blue, Panel], authentication: trusted-ip, opens: Panel }
connections:
  - { name: Green_asks_Blue, from: Green, to: Blue, class: 3, rpi: 250ms, outputSize: 102, inputSize: 102 }
  - { name: Blue_to_IO, from: Blue, to: Blue_IO, opens: identity, class: 1, rpi: 100ms, outputSize: 2, inputSize: 2 }
  - { name: Panel_asks_Blue, from: Panel, to: Blue, class: 3, rpi: 250ms, outputSize: 102, inputSize: 102 }
tests:
  - { from: red, to: [green, blue], access: denied }
`

const simulationText = `
version: 1
plant: verified
vendors:
  maker: { vendor: 1, organization: Example Automation, country: US, signature: ecdsa-sha256, commonName: '{name} ({serial})' }
models:
  Unit:
    kind: controller
    identity: { vendor: 1, type: 14, product: 1, revision: [1, 1], name: Unit }
    security: { credential: { vendor: maker } }
  Old:
    kind: controller
    identity: { vendor: 1, type: 14, product: 2, revision: [1, 1], name: Old Unit }
    security:
      suites: [0xC02C, 0xC023, 0xC006]
      revisions: { cipSecurity: 3, ethernetIpSecurity: 7, certificateManagement: 2 }
      credential: { vendor: maker }
devices:
  Green: { model: Unit, identity: { serial: 101 } }
  Blue: { model: Old, identity: { serial: 102 } }
  Blue_IO: { model: Unit, identity: { serial: 103 } }
  Red: { model: Old, identity: { serial: 104 } }
  Panel:
    kind: client
    identity: { vendor: 1, type: 24, product: 3, revision: [1, 1], serial: 105, name: Panel }
    security: none
    listens: false
`

function read(): { plant: Plant; simulation: Simulation } {
  const { plant, problems } = parsePlant(plantText, 'plant.yaml')
  const parsed = parseSimulation(simulationText, 'simulation.yaml')
  if (plant === undefined || parsed.simulation === undefined)
    throw new Error(JSON.stringify([problems, parsed.problems]))
  return { plant, simulation: parsed.simulation }
}

/** One plant serves all tests: commissioned once over TLS by the product itself, while its traffic runs. */
describe.skipIf(!isBuilt)('a plant that the product deployed', () => {
  const { plant, simulation } = read()
  const directory = mkdtempSync(join(tmpdir(), 'cordon-verified-'))
  const storeOptions: StoreOptions = {
    state: join(directory, 'state'),
    clusters: join(directory, 'clusters'),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    durable: false,
  }
  let virtual: VirtualPlant
  let store: Store
  let authority: Authority

  async function request(): Promise<VerificationRequest> {
    const manager = await managerCredential(store, authority, {
      name: plant.name,
      zone: 'operations',
      manager: 'Manager',
      addresses: [`${network}.2`],
    })
    const key = manager.key.export()
    return await prepareVerification({
      plant,
      authority,
      live: virtual.connections(),
      ...(key === undefined ? {} : { manager: { chain: manager.chain, key } }),
    })
  }

  const failures = ({ checks }: VerificationResult) =>
    checks.filter(({ verdict }) => verdict === 'fail').map(({ id, subject, reason }) => `${id} ${subject}: ${reason}`)

  beforeAll(async () => {
    chmodSync(directory, 0o711)
    virtual = await VirtualPlant.start({
      plant,
      simulation,
      directory: join(directory, 'plant'),
      sealingKey: randomBytes(32),
      broadcast: null,
    })
    store = await openStore(storeOptions)
    authority = openAuthority(store)
    const roots = decodePem(readFileSync(virtual.vendorRoots, 'utf8')).map(({ bytes }) => bytes)
    const { report } = deploy({
      plant,
      store,
      authority,
      options: { vendorAnchors: roots, closeDelayMs: 0, moveTimeoutMs: 1 },
    })
    const { outcome, devices } = await report
    if (outcome === 'not-complete')
      throw new Error(JSON.stringify(devices.map(({ device, messages }) => [device, messages])))
  }, 180_000)

  afterAll(async () => {
    await virtual?.stop()
    await store?.[Symbol.asyncDispose]()
    await destroyStore(storeOptions)
    rmSync(directory, { recursive: true, force: true })
  }, 60_000)

  test('passes in a process of its own, with everything tried but what only the maker could', async () => {
    await expect
      .poll(() => virtual.connections().map(({ name, state, protection }) => `${name} ${state} ${protection}`), {
        timeout: 30_000,
      })
      .toEqual(['Green_asks_Blue open Encrypted', 'Blue_to_IO open Authenticated', 'Panel_asks_Blue open None'])
    const result = await runVerifier(await request())
    expect(failures(result)).toEqual([])
    expect(result.verdict).toBe('pass')
    const open = new Set(result.checks.filter(({ verdict }) => verdict !== 'pass').map(({ id }) => id))
    open.delete('openssl-agrees')
    expect([...open]).toEqual(['vendor-certificate-refused'])
    expect(result.counts.pass).toBeGreaterThan(300)
  }, 120_000)

  test('keeps its traffic running while it is verified', async () => {
    const before = new Map(virtual.connections().map(({ name, losses }) => [name, losses]))
    await runVerifier({ ...(await request()), only: ['Blue', 'Blue_IO'] }, { openssl: false })
    for (const { name, losses, state } of virtual.connections()) {
      expect(state).toBe('open')
      expect(losses, name).toBe(before.get(name))
    }
  }, 120_000)

  test('leaves neither keys nor pre-shared keys in what it prints', async () => {
    const asked = await request()
    const printed = JSON.stringify(await runVerifier({ ...asked, only: ['Red'] }, { openssl: false }))
    const keys = [asked.verifier, asked.manager, ...Object.values(asked.probes), ...Object.values(asked.zoneProbes)]
    expect(keys.length).toBeGreaterThan(5)
    for (const credential of keys) expect(printed).not.toContain(credential?.key)
  }, 60_000)

  // The last one: it takes a device out of the policy.
  test('fails for a device that somebody reset, and for that device alone', async () => {
    const manager = await managerCredential(store, authority, {
      name: plant.name,
      zone: 'operations',
      manager: 'Manager',
      addresses: [`${network}.2`],
    })
    const key = manager.key.export()
    if (key === undefined) throw new Error('no key')
    const session = await connect({
      address: `${network}.14`,
      localAddress: `${network}.2`,
      credentials: { chain: manager.chain, key, anchors: await authority.anchors('red') },
    })
    await session.objects.call(identity, 1, 'reset', { type: 'factoryDefault' }).catch(() => {})
    await session.close()
    await expect
      .poll(() => virtual.devices().find(({ name }) => name === 'Red')?.security, { timeout: 10_000 })
      .toBe('factory-default')
    const result = await runVerifier(await request(), { openssl: false })
    const failed = result.checks.filter(({ verdict }) => verdict === 'fail')
    expect(new Set(failed.map(({ device }) => device))).toEqual(new Set(['Red']))
    const ids = new Set(failed.map(({ id }) => id))
    for (const id of [
      'state-configured',
      'certificate-not-default',
      'no-certificate-refused',
      'pair-refused',
      'plain-port-closed',
      'ingress-rules',
    ] as const)
      expect(ids).toContain(id)
  }, 120_000)
})
