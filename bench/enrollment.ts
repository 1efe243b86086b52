import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { deviceContents, makeCertificate, rootContents, signCertificate } from '@cordon/core/authority'
import { parseEnrollmentPolicy } from '@cordon/core/enrollment'
import type { Plant } from '@cordon/core/policy'
import { decodeCertificate } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { openAuthority } from '@cordon/server/authority'
import { type EnrollmentFiles, type EnrollmentService, openEnrollment } from '@cordon/server/enrollment'
import { type EstServer, serveEst } from '@cordon/server/est'
import { destroyStore, openStore, type Store } from '@cordon/server/store'
import type { ClientOrder, ClientReport } from './enrollment-child.ts'
import { type Figure, median, rounded } from './figure.ts'
import { benchPlant } from './virtual-plant.ts'

/** Network of the devices: no other measurement uses it. */
const network = '127.70'
const address = `${network}.255.1`
const sizes = { warmUp: 200, rounds: 3, round: 600, all: 5000 }
/** How long they come at a steady rate. */
const steadyS = 5
/** Clients at once, where each asks as soon as another was answered. */
const atOnce = 64
const perSecond = 300
/** Devices that exist: nobody enrolls twice but to renew. */
const made = sizes.warmUp + sizes.rounds * (sizes.round + perSecond * steadyS)
const target = { ratio: 0.6, ms: 250 }
/** A site that powers up: seconds within which every device begins, and how often one tries. */
const powerUp = { withinS: 2, tries: 10 }

/**
 * Enrollment over a TLS connection of its own each, under a rule for vendor certificates and with durable records, beside
 * the same listener before a service that only signs; then 5,000 devices that renew at once.
 *
 * `scale` below 1 is for a quick look: fewer devices.
 */
export async function enrollmentFigures(scale = 1): Promise<Figure[]> {
  const count = (size: number) => Math.ceil(size * scale)
  const state = await mkdtemp(join(tmpdir(), 'cordon-bench-'))
  // The account of the database must be able to pass.
  chmodSync(state, 0o711)
  const place = { state: join(state, 'state'), clusters: join(state, 'clusters') }
  const store = await openStore(place)
  try {
    await using clients = startClients()
    const { vendor } = await clients.run({ kind: 'make', count: count(made), network })
    const { plant } = benchPlant(count(made), network)
    await using servers = await openServers(store, plant, vendor)
    return await measure(clients, servers, count)
  } finally {
    await store[Symbol.asyncDispose]()
    await destroyStore(place)
    rmSync(state, { recursive: true, force: true })
  }
}

interface Clients extends AsyncDisposable {
  run(order: ClientOrder): Promise<ClientReport>
}

/** A process with clients: it would otherwise be they who are measured. */
function startClients(): Clients {
  const child = fork(fileURLToPath(new URL('enrollment-child.js', import.meta.url)), { serialization: 'advanced' })
  const gone = new AbortController()
  child.once('exit', () => gone.abort())
  return {
    run: async (order) => {
      child.send(order)
      const [report] = await once(child, 'message', { signal: gone.signal })
      return report as ClientReport // it sends nothing else
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

interface Servers extends AsyncDisposable {
  readonly real: EstServer
  readonly stub: EstServer
  /** DER of the root that both lead to. */
  readonly root: Uint8Array
}

async function openServers(store: Store, plant: Plant, vendor: Uint8Array): Promise<Servers> {
  const authority = openAuthority(store)
  const zones = ['operations', ...plant.zones.map(({ name }) => name)]
  await authority.initialize({
    name: 'bench',
    key: 'ecdsa-p256',
    subject: { organization: 'Bench' },
    zones: [...new Set(zones)],
  })
  const service = await openEnrollment({
    store,
    authority,
    plant,
    files: rulesFor(vendor),
    verifyAccount: async () => 'refused',
    observe: async () => undefined,
  })
  const { certificate, chain, key } = await authority.issueServer({ name: 'bench est', addresses: [address] })
  const pkcs8 = key?.export()
  if (pkcs8 === undefined) throw new Error('the authority gave no key')
  const credential = { chain: [certificate, ...chain], key: pkcs8 }
  const open = (answers: EnrollmentService) =>
    serveEst({ service: answers, credential, listen: [{ address, port: 0 }] })
  const [real, stub] = await Promise.all([open(service), open(await stubService())])
  return {
    real,
    stub,
    root: await authority.root(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([real.close(), stub.close()])
      await service[Symbol.asyncDispose]()
    },
  }
}

function rulesFor(vendor: Uint8Array): EnrollmentFiles {
  const text = 'version: 1\nvendors: { maker: { anchors: [maker] } }\nlabels: { default: { vendorCertificate: {} } }\n'
  const { policy, problems } = parseEnrollmentPolicy(text, 'bench')
  if (policy === undefined) throw new Error(`the measured rules are refused: ${problems[0]?.message}`)
  const vendors = [...policy.vendors.values()].map((each) => ({ ...each, anchors: [vendor], revocationLists: [] }))
  return { policy, vendors, provisioning: [], lists: new Map() }
}

/** Signs whatever is asked for with a key in memory, keeps nothing and judges nobody. */
async function stubService(): Promise<EnrollmentService> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const subject = { organization: 'Bench' }
  const contents = rootContents(nodeCrypto, { plant: 'stub', subject, publicKey: key.publicKey, now: Date.now() })
  const context = { profile: 'root', issuer: undefined, now: Date.now() } as const
  const issuer = decodeCertificate(await signCertificate(nodeCrypto, contents, key, context))
  return {
    hasLabel: (label) => label === undefined,
    authorities: async () => [issuer.der],
    attributes: async () => undefined,
    enroll: async ({ request, address: from }) => {
      const now = Date.now()
      const wish = { name: 'device', zone: 'zone1', addresses: [from], dnsNames: [], publicKey: request.publicKey }
      const made = deviceContents(nodeCrypto, { ...wish, subject, issuer, now })
      const certificate = await makeCertificate(nodeCrypto, made, key, { profile: 'device', issuer, now })
      // As long an answer as the other's: an issuing CA and a root.
      return { kind: 'granted', certificate: certificate.der, chain: [issuer.der, issuer.der] }
    },
  }
}

/** How it went on the side of the server. */
interface Run {
  readonly report: ClientReport
  /** CPU time of this process. */
  readonly cpuMs: number
  /** The longest that its event loop stood still. */
  readonly delayMs: number
}

async function measure(clients: Clients, servers: Servers, count: (size: number) => number): Promise<Figure[]> {
  const { root } = servers
  const place = (server: EstServer) => ({ address, port: server.status().addresses[0]?.port ?? 0, root })
  const real = place(servers.real)
  const stub = place(servers.stub)
  let from = 0
  /** The next devices: nobody who has a certificate is new. */
  const next = (size: number) => {
    const range = { from, count: count(size) }
    from += range.count
    return range
  }
  const warm = next(sizes.warmUp)
  const closed = { kind: 'closed', atOnce } as const
  await clients.run({ ...closed, ...warm, server: stub })
  await clients.run({ ...closed, ...warm, server: real })
  const ours: Run[] = []
  const theirs: Run[] = []
  for (let round = 0; round < sizes.rounds; round++) {
    const range = next(sizes.round)
    theirs.push(await watched(() => clients.run({ ...closed, ...range, server: stub })))
    ours.push(await watched(() => clients.run({ ...closed, ...range, server: real })))
  }
  const rate = median(ours.map(rateOf))
  const offered = Math.min(perSecond, Math.max(1, Math.floor(rate * 0.7)))
  const steady: Record<'ours' | 'theirs', ClientReport[]> = { ours: [], theirs: [] }
  for (let round = 0; round < sizes.rounds; round++) {
    const open = { kind: 'open', perSecond: offered, ...next(offered * steadyS) } as const
    steady.theirs.push(await clients.run({ ...open, server: stub }))
    steady.ours.push(await clients.run({ ...open, server: real }))
  }
  const all = { from: 0, count: count(sizes.all), server: real }
  await clients.run({ ...all, kind: 'prepare' })
  const renewed = await watched(() => clients.run({ ...all, kind: 'renew', ...powerUp }))
  return [
    rateFigure(ours, theirs),
    cpuFigure(ours, theirs),
    ...latencyFigures(steady.ours, steady.theirs, offered, median(theirs.map(rateOf))),
    ...renewalFigures(renewed, count(sizes.all)),
  ]
}

async function watched(work: () => Promise<ClientReport>): Promise<Run> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const before = process.cpuUsage()
  const report = await work()
  const { user, system } = process.cpuUsage(before)
  delay.disable()
  return { report, cpuMs: (user + system) / 1000, delayMs: delay.max / 1e6 }
}

function rateOf({ report }: Run): number {
  if (report.failures > 0) throw new Error(`${report.failures} enrollments failed: ${JSON.stringify(report.others)}`)
  return report.latencies.length / report.seconds
}

function rateFigure(ours: readonly Run[], theirs: readonly Run[]): Figure {
  const value = median(ours.map(rateOf))
  const baseline = median(theirs.map(rateOf))
  return {
    name: 'enrollment-rate',
    value: rounded(value),
    unit: 'enrollments/s',
    baseline: rounded(baseline),
    ratio: rounded(value / baseline),
    target: `at least ${target.ratio} of a service that only signs`,
    met: value / baseline >= target.ratio,
  }
}

/** Where machines are shared, this says more than the rate. */
function cpuFigure(ours: readonly Run[], theirs: readonly Run[]): Figure {
  const each = ({ cpuMs, report }: Run) => cpuMs / report.latencies.length
  const value = median(ours.map(each))
  const baseline = median(theirs.map(each))
  return {
    name: 'enrollment-cpu',
    value: rounded(value),
    unit: 'ms/enrollment',
    baseline: rounded(baseline),
    ratio: rounded(value / baseline),
    target: 'CPU time of the listening process alone, without the database',
  }
}

/** Of several rounds the middle one counts: one stall of a shared machine is not the service's. */
function latencyFigures(
  ours: readonly ClientReport[],
  theirs: readonly ClientReport[],
  offered: number,
  mostOfStub: number,
): Figure[] {
  const at = (reports: readonly ClientReport[], share: number) =>
    median(reports.map(({ latencies }) => percentile(latencies, share)))
  const figure = (share: number) => ({
    name: `enrollment-p${share * 100}`,
    value: rounded(at(ours, share)),
    unit: 'ms',
    baseline: rounded(at(theirs, share)),
  })
  const failed = ours.reduce((sum, { failures }) => sum + failures, 0)
  const isSlow = at(ours, 0.99) >= target.ms || failed > 0
  const asked = `${offered} per second offered`
  // Where the stub itself cannot answer that many, nothing can be said about them.
  const limit = offered === perSecond ? '' : `, as the stub manages no more than ${Math.floor(mostOfStub)} here`
  const isTried = offered === perSecond || mostOfStub >= perSecond
  return [
    { ...figure(0.5), target: asked },
    {
      ...figure(0.99),
      target: `under ${target.ms} ms at ${perSecond} per second; ${asked}${limit}, ${failed} failed`,
      ...(isSlow || isTried ? { met: !isSlow && offered === perSecond } : {}),
    },
  ]
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function renewalFigures({ report, delayMs }: Run, count: number): Figure[] {
  const { failures, seconds, others } = report
  const again = Object.entries(others).map(([what, times]) => `${times} times ${what}`)
  return [
    {
      name: 'renewal-failures',
      value: failures,
      unit: 'devices',
      target: `none of ${count} that renew at once; asked again after ${again.join(', ') || 'nothing'}`,
      met: failures === 0,
    },
    { name: 'renewal-time', value: rounded(seconds), unit: 's', target: 'until the last has its certificate' },
    { name: 'renewal-delay', value: rounded(delayMs), unit: 'ms', target: 'longest that the event loop stood still' },
  ]
}
