import type { Authority } from '@cordon/core/authority'
import { decodeCertificate, decodeRequest } from '@cordon/core/x509'
import { openAuthority } from '@cordon/server/authority'
import { deploy, prepare } from '@cordon/server/deploy'
import type { Store } from '@cordon/server/store'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { address, plantOf, plantText, Unit, vendor } from './real-plant.ts'

let place: TemporaryState
let store: Store
let authority: Authority
let options: { readonly vendorAnchors: readonly Uint8Array[]; readonly onlyDevices: readonly string[] }
let unit: Unit

const plant = plantOf(plantText())
const request = () => ({ plant, store, authority, options })
const nothing = new Uint8Array(0)

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  authority = openAuthority(store)
  options = { vendorAnchors: [(await vendor()).root], onlyDevices: ['Green_1'] }
  // Makes the authorities and the manager's credential, as the first plan of a plant does.
  await prepare(request())
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

beforeEach(async () => {
  unit = await Unit.start({ last: 11, security: { pull: true } })
})

afterEach(async () => {
  await unit[Symbol.asyncDispose]()
  await store.db.deleteFrom('devices').execute()
  await store.db.deleteFrom('deployments').execute()
})

/** Lets the unit pull: what an EST service and its client would do, without the network between them. */
async function pull(wished: {
  readonly zone?: string
  readonly name?: string
  readonly address?: string
  readonly authorities: readonly Uint8Array[]
}): Promise<Uint8Array> {
  const { pull: pulled } = unit.device
  const csr = await pulled.makeRequest({ keyKind: 'ecdsa-p256', template: undefined, renews: undefined })
  const issued = await authority.issueDevice({
    zone: wished.zone ?? 'green',
    device: wished.name ?? 'Green_1',
    csr,
    addresses: [wished.address ?? address(11)],
  })
  const { certificate, chain } = issued
  const server = { host: '127.0.0.1', port: 8444 }
  const earned = { certificate, authorities: wished.authorities, server, installedAt: Date.now() }
  pulled.follow({
    kind: 'working',
    step: 'installing',
    id: 1,
    nextId: 2,
    until: 0,
    earned,
    round: {
      identity: undefined,
      renewal: false,
      began: 0,
      searches: 1,
      failures: 0,
      servers: [server],
      authorities: wished.authorities,
      wishes: undefined,
      request: csr,
      pendingSince: undefined,
    },
  })
  pulled.install({ certificate, chain: chain.slice(0, 1), authorities: wished.authorities })
  unit.host.deviceChanged()
  return certificate
}

/** What `cacerts` of the plant's own service names: the root, and every issuing CA. */
const published = async () => [
  await authority.root(),
  ...(await authority.anchors('green')),
  ...(await authority.anchors('operations')),
]

const codes = (report: {
  readonly devices: readonly { readonly messages: readonly { readonly code: string; readonly severity: string }[] }[]
}) =>
  report.devices.flatMap(({ messages }) =>
    messages.filter(({ severity }) => severity !== 'information').map(({ code }) => code),
  )

describe('a device that pulled its certificate', () => {
  test('is opened by the manager, keeps its identity, and gets the rest by push', { timeout: 60_000 }, async () => {
    const certificate = await pull({ authorities: await published() })
    expect(unit.device.persist().state.ethernetIpSecurity.state).toBe('pullModelCompleted')
    const { plan } = await prepare(request())
    const [planned] = plan.devices
    expect(planned).toMatchObject({ device: 'Green_1', action: 'reconfigure' })
    expect(planned?.changes.map(({ what }) => what)).toContain('state')
    // Its certificate is as good as one that was pushed.
    expect(planned?.changes.map(({ what }) => what)).not.toContain('certificate')
    const report = await deploy(request()).report
    expect([codes(report), report.outcome]).toEqual([[], 'complete'])
    const { state } = unit.device.persist()
    expect([state.cipSecurity, state.ethernetIpSecurity.state]).toEqual(['configured', 'configured'])
    expect(unit.device.security().chain[0]).toEqual(certificate)
    // It trusts its own zone, its peers' and the manager's from now on, and no more all that the root stands for.
    const { anchors } = unit.device.security()
    expect(anchors).toHaveLength(3)
    expect(anchors).not.toContainEqual(await authority.root())
    // The key of the pulled identity is in force on, and nothing is left of the pull itself.
    expect(unit.device.pull.kept()).toEqual({ identity: undefined, pending: undefined })
    const again = await deploy(request()).report
    expect(again.devices.map(({ configuration }) => configuration)).toEqual(['unchanged'])
  })

  test('gets another certificate where the pulled one lacks its address', { timeout: 60_000 }, async () => {
    const certificate = await pull({ address: address(99), authorities: await published() })
    const report = await deploy(request()).report
    expect([codes(report), report.outcome]).toEqual([[], 'complete'])
    const [leaf] = unit.device.security().chain
    expect(leaf).not.toEqual(certificate)
    expect(decodeCertificate(leaf ?? nothing).publicKey).not.toEqual(decodeCertificate(certificate).publicKey)
  })

  test('is refused where it holds the certificate of another device', { timeout: 60_000 }, async () => {
    await pull({ name: 'Green_2', authorities: await published() })
    const report = await deploy(request()).report
    expect(codes(report)).toContain('device-replaced')
  })

  test('is out of reach where nothing that it was given leads to the manager', { timeout: 60_000 }, async () => {
    await pull({ authorities: await authority.anchors('green') })
    const report = await deploy(request()).report
    expect(codes(report)).toContain('already-configured-elsewhere')
  })

  test('is in the way of nobody while it still pulls', { timeout: 60_000 }, async () => {
    const csr = await unit.device.pull.makeRequest({ keyKind: 'ecdsa-p256', template: undefined, renews: undefined })
    expect(decodeRequest(csr).subject.parts.length).toBeGreaterThan(0)
    const report = await deploy(request()).report
    expect(report.outcome).toBe('complete')
    expect(unit.device.pull.isOpen).toBe(false)
  })
})
