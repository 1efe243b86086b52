import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { PrivateKey } from '@cordon/core/crypto'
import { createDefaultCredentials, createVendorPki, type VendorPki } from '@cordon/core/device'
import {
  decodeCertificates,
  encodeEstBody,
  estMediaTypes,
  estPath,
  pullTimes,
  readRetryAfter,
  renewedContents,
} from '@cordon/core/enrollment'
import { type Certificate, buildRequest, encodePem, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { benchAddress } from './virtual-plant.ts'

/** What the process with the clients is told to do; a range is of devices. */
export type ClientOrder =
  /** Make devices, each with a certificate of a vendor, a key and a request. */
  | { readonly kind: 'make'; readonly count: number; readonly network: string }
  /** Enroll a range, so many at once, each on a connection of its own. */
  | (Range & { readonly kind: 'closed'; readonly atOnce: number })
  /** Enroll a range at a steady rate, whether answers come or not. */
  | (Range & { readonly kind: 'open'; readonly perSecond: number })
  /** Enroll whoever of a range has no certificate yet, and make keys and requests for the renewal of all. */
  | (Range & { readonly kind: 'prepare' })
  /** Renew all of a range, begun within so many seconds; each tries again as a pull client does, so many times. */
  | (Range & { readonly kind: 'renew'; readonly withinS: number; readonly tries: number })

interface Range {
  readonly server: { readonly address: string; readonly port: number; readonly root: Uint8Array }
  readonly from: number
  readonly count: number
}

/** What the process reports of an order. */
export interface ClientReport {
  /** DER of the vendor's root. */
  readonly vendor: Uint8Array
  readonly seconds: number
  /** Milliseconds from the connection to the whole answer, of each that was granted at once. */
  readonly latencies: readonly number[]
  /** How often something else came, by what it was. */
  readonly others: Readonly<Record<string, number>>
  /** Devices that got nothing in the end. */
  readonly failures: number
}

interface Credential {
  readonly chain: string
  readonly key: string
}

interface Device {
  readonly address: string
  readonly key: PrivateKey
  readonly factory: Credential
  readonly request: string
  certificates: readonly Certificate[]
  renewal: { readonly credential: Credential; readonly request: string } | undefined
}

interface Answer {
  readonly status: number
  readonly type: string | undefined
  readonly retryAfter: string | undefined
  readonly body: Uint8Array
}

/** How long a pull client waits for an answer, milliseconds. */
const patienceMs = 30_000
const atOnce = 32
let vendor: VendorPki | undefined
let devices: readonly Device[] = []

async function make(count: number, network: string): Promise<void> {
  vendor = await createVendorPki(nodeCrypto, { vendorName: 'Bench Maker', now: Date.now() })
  const made: Device[] = []
  for (let place = 0; place < count; place++) made.push(await makeDevice(vendor, place, benchAddress(network, place)))
  devices = made
}

async function makeDevice(maker: VendorPki, place: number, address: string): Promise<Device> {
  const identity = {
    vendorId: 77,
    deviceType: 12,
    productCode: 1,
    majorRevision: 1,
    minorRevision: 1,
    serialNumber: 0x0200_0000 + place,
    productName: 'Bench Unit',
  }
  const factory = await createDefaultCredentials(nodeCrypto, { identity, vendor: maker, now: Date.now() })
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  return {
    address,
    key,
    factory: credentialOf(factory.chain, factory.key),
    request: encodeEstBody(await buildRequest(key, { subject: parseName('CN=bench'), extensions: [] })),
    certificates: [],
    renewal: undefined,
  }
}

function credentialOf(chain: readonly Uint8Array[], key: PrivateKey): Credential {
  const pkcs8 = key.export() ?? new Uint8Array()
  return {
    chain: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
    key: encodePem('PRIVATE KEY', pkcs8),
  }
}

async function prepare(range: Range): Promise<void> {
  const lacking = rangeOf(range).filter(({ certificates }) => certificates.length === 0)
  await inTurn(lacking, atOnce, async (device) => {
    for (let tries = 0; tries < 20 && device.certificates.length === 0; tries++) await enroll(range, device)
  })
  for (const device of rangeOf(range)) {
    const certificate = device.certificates.find(({ publicKey }) => nodeCrypto.equal(publicKey, device.key.publicKey))
    if (certificate === undefined) continue
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    device.renewal = {
      credential: credentialOf([certificate.der], device.key),
      request: encodeEstBody(await buildRequest(key, renewedContents(certificate.der))),
    }
  }
}

function rangeOf({ from, count }: Range): readonly Device[] {
  return devices.slice(from, from + count)
}

async function enroll({ server }: Range, device: Device): Promise<Answer> {
  const answer = await ask(server, 'simpleenroll', device.address, device.factory, device.request)
  if (answer.status === 200) device.certificates = decodeCertificates(answer.type, answer.body)
  return answer
}

function ask(
  server: Range['server'],
  operation: 'simpleenroll' | 'simplereenroll',
  localAddress: string,
  { chain, key }: Credential,
  body: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      agent: false,
      host: server.address,
      port: server.port,
      path: estPath(operation),
      method: 'POST',
      headers: { 'content-type': estMediaTypes.request, 'content-length': body.length, connection: 'close' },
      localAddress,
      cert: chain,
      key,
      ca: encodePem('CERTIFICATE', server.root),
      signal: AbortSignal.timeout(patienceMs),
    })
    request.once('response', (response) => void answerOf(response).then(resolve, reject))
    request.once('error', reject)
    request.end(body)
  })
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  const pieces: Uint8Array[] = []
  // Without an encoding a stream of HTTP gives bytes.
  for await (const piece of response) pieces.push(piece as Uint8Array)
  const { 'content-type': type, 'retry-after': retryAfter } = response.headers
  return { status: response.statusCode ?? 0, type, retryAfter, body: new Uint8Array(Buffer.concat(pieces)) }
}

/** What came of an order, while it is carried out. */
class Tally {
  readonly latencies: number[] = []
  readonly others: Record<string, number> = {}
  failures = 0
  readonly #start = performance.now()

  async time(work: () => Promise<Answer>): Promise<Answer | undefined> {
    const start = performance.now()
    try {
      const answer = await work()
      if (answer.status === 200) this.latencies.push(performance.now() - start)
      else this.#count(String(answer.status))
      return answer
    } catch (error) {
      this.#count(error instanceof Error && 'code' in error ? String(error.code) : String(error))
      return undefined
    }
  }

  report(maker: VendorPki): ClientReport {
    const { latencies, others, failures } = this
    return { vendor: maker.root, seconds: (performance.now() - this.#start) / 1000, latencies, others, failures }
  }

  #count(what: string): void {
    this.others[what] = (this.others[what] ?? 0) + 1
  }
}

async function inTurn(all: readonly Device[], many: number, work: (device: Device) => Promise<unknown>): Promise<void> {
  const waiting = all.values()
  const worker = async () => {
    for (const device of waiting) await work(device)
  }
  await Promise.all(Array.from({ length: many }, worker))
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function enrollSteadily(range: Range, perSecond: number, tally: Tally): Promise<void> {
  const start = performance.now()
  const all = rangeOf(range).map(async (device, place) => {
    await pause((place * 1000) / perSecond - (performance.now() - start))
    if ((await tally.time(() => enroll(range, device)))?.status !== 200) tally.failures++
  })
  await Promise.all(all)
}

async function renew(
  range: Range,
  device: Device,
  { withinS, tries }: Extract<ClientOrder, { kind: 'renew' }>,
  tally: Tally,
): Promise<void> {
  const { renewal } = device
  await pause(Math.random() * withinS * 1000)
  for (let failed = 0; renewal !== undefined && failed < tries; failed++) {
    const { credential, request } = renewal
    const answer = await tally.time(() => ask(range.server, 'simplereenroll', device.address, credential, request))
    if (answer?.status === 200) return
    await pause(pauseAfter(failed, answer) * 1000)
  }
  tally.failures++
}

/** Seconds that a pull client waits after its rounds failed. */
function pauseAfter(failed: number, answer: Answer | undefined): number {
  const { firstBackOffS, longestBackOffS, jitter } = pullTimes
  const spread = 1 + jitter * (2 * Math.random() - 1)
  const wanted = readRetryAfter(answer?.retryAfter, Date.now()) ?? 0
  return Math.max(Math.min(firstBackOffS * 2 ** failed, longestBackOffS) * spread, wanted)
}

async function carryOut(order: ClientOrder): Promise<ClientReport> {
  const tally = new Tally()
  if (order.kind === 'make') await make(order.count, order.network)
  else if (order.kind === 'prepare') await prepare(order)
  else if (order.kind === 'open') await enrollSteadily(order, order.perSecond, tally)
  else if (order.kind === 'renew') await Promise.all(rangeOf(order).map((device) => renew(order, device, order, tally)))
  else {
    await inTurn(rangeOf(order), order.atOnce, async (device) => {
      if ((await tally.time(() => enroll(order, device)))?.status !== 200) tally.failures++
    })
  }
  if (vendor === undefined) throw new Error('expected an order to make devices first')
  return tally.report(vendor)
}

// enrollment-child.js: carries out the orders of the process that started it.
process.on('message', (order) => {
  // The process that started this one sends nothing else.
  void carryOut(order as ClientOrder).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit())
