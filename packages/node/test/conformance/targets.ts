import { internationalText, paddedEPath, path } from '@cordon/core/cip'
import {
  type CaseResult,
  type ConformanceOptions,
  type ConformancePort,
  type ConformanceReport,
  conformanceCases,
  describeFinding,
  runConformance,
  selectCases,
  type Verdict,
} from '@cordon/core/conformance'
import {
  createDevice,
  type Device,
  type DeviceOptions,
  type HostedDevice,
  type SecurityOptions,
} from '@cordon/core/device'
import { encode } from '@cordon/core/wire'
import { encodeBase64, encodePem } from '@cordon/core/x509'
import { type ConformanceTarget, openConformancePort } from '../../src/conformance/port.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { plainDevice, secureDevice } from '../target/test-device.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] }

/** The class 1 connection points of the devices in these tests. */
export const io = {
  output: { point: 101, size: 8 },
  input: { point: 100, size: 40 },
  configuration: 102,
} as const

/** On the loopback an answer comes at once, and silence needs no long listening. */
export const quick: ConformanceOptions = {
  allowWrites: true,
  allowReset: true,
  // Ten seconds without a kick, and a retransmission after one: rules about time are asked by hand.
  longestMs: 3000,
  patience: { answerMs: 1000, quietMs: 40 },
  recoveryMs: 1000,
  io,
}

/** What stands between a device and its sockets. */
export type Hosting = (device: Device) => HostedDevice

/** A running target. */
export interface Stand extends AsyncDisposable {
  readonly device: Device
  readonly target: ConformanceTarget
}

async function stand(device: Device, target: Omit<ConformanceTarget, 'address'>, hosting: Hosting): Promise<Stand> {
  const host = new TargetHost({
    device: hosting(device),
    // One peer asks everything.
    limits: { maxPerHost: 64, maxHandshakesPerSecond: 10_000 },
  })
  await host.start()
  return {
    device,
    target: { address: device.address, ...target },
    [Symbol.asyncDispose]: () => host.close(),
  }
}

const asItIs: Hosting = (device) => device

/** A device without CIP Security. */
export function plainStand(address: string, hosting = asItIs, more: Partial<DeviceOptions> = {}): Promise<Stand> {
  return stand(plainDevice(address, more), {}, hosting)
}

/** A device as it leaves the factory. */
export async function factoryStand(
  address: string,
  hosting = asItIs,
  more: Partial<DeviceOptions> = {},
  security: Partial<SecurityOptions> = {},
): Promise<Stand> {
  return stand(await secureDevice(address, more, security), { pin: 'any' }, hosting)
}

let authority: Promise<TestAuthority> | undefined
let manager: Promise<Identity> | undefined

/** How a configured device is. */
export interface Configured {
  readonly closed?: readonly { readonly port: number; readonly protocol: 'tcp' | 'udp' }[]
  readonly suites?: readonly number[]
  readonly psk?: boolean
}

/** A device as a finished deployment leaves it, with the manager's certificate to open it. */
export async function configuredStand(
  address: string,
  { closed = [], suites = [0xc02c, 0xc02b, 0xc023], psk = false }: Configured = {},
  hosting = asItIs,
): Promise<Stand> {
  authority ??= makeAuthority('plant')
  const own = await (await authority).issue('device', address)
  manager ??= (await authority).issue('manager')
  const factory = await secureDevice(address)
  const { state: before, secrets: kept } = factory.persist()
  const state = structuredClone(before) as Mutable<typeof before>
  const secrets = structuredClone(kept) as Mutable<typeof kept>
  const storedPath = (cls: number, instance: number): string =>
    encodeBase64(encode(paddedEPath, path({ class: cls, instance })))
  const file = (der: Uint8Array): string => {
    const instance = state.nextFile++
    state.files.push({
      instance,
      instanceName: internationalText(`file ${instance}`),
      fileName: internationalText(`file ${instance}`),
      content: encodeBase64(new TextEncoder().encode(encodePem('CERTIFICATE', der))),
      encoding: 'pemCertificate',
      revision: [1, 1],
      readOnly: false,
      timeoutS: 10,
    } as Mutable<(typeof state)['files'][number]>)
    return storedPath(0x37, instance)
  }
  const leaf = file(own.certificate)
  const anchor = file((await authority).certificate)
  state.cipSecurity = 'configured'
  state.ethernetIpSecurity.state = 'configured'
  state.certificates.push({
    instance: 2,
    name: 'plant',
    state: 'verified',
    device: { status: 'verified', path: leaf },
    ca: { status: 'verified', path: anchor },
    csrFile: 0,
  })
  state.nextCertificate = 3
  secrets.keys.push({ instance: 2, pkcs8: encodeBase64(own.key) })
  const { settings } = state.ethernetIpSecurity
  settings.activeCertificates = [storedPath(0x5f, 2)]
  settings.trustedAuthorities = [anchor]
  settings.allowedSuites = psk ? [...suites, 0xccac, 0xc037] : [...suites]
  settings.allowedOriginatorSuites = [...suites]
  settings.verifyClient = true
  if (psk) {
    settings.preSharedKeys.push({ identity: encodeBase64(new TextEncoder().encode('cell')), usage: 'any' })
    secrets.preSharedKeys.push(encodeBase64(new Uint8Array(32).fill(7)))
  }
  state.tcpIp.closed = closed.map((each) => ({ ...each }))
  const device = createDevice(factory.options, { state: state as typeof before, secrets: secrets as typeof kept })
  const credentials = credentialsOf(await manager, await authority)
  return stand(device, { credentials }, hosting)
}

/** Something between the cases and the sockets. */
export type Interference = (port: ConformancePort) => ConformancePort

/** Runs cases, all or some by name, against a target. */
export async function run(
  target: ConformanceTarget,
  names: readonly string[] = [],
  options: ConformanceOptions = {},
  interfere: Interference = (port) => port,
): Promise<ConformanceReport> {
  const port = await openConformancePort({ connectTimeoutMs: 1500, ...target })
  try {
    const cases = names.length === 0 ? conformanceCases : selectCases(names)
    return await runConformance(interfere(port), cases, { ...quick, ...options })
  } finally {
    port.close()
  }
}

/** Results of some verdicts, as lines that tell what to look at. */
export function lines(results: readonly CaseResult[], ...verdicts: readonly Verdict[]): string[] {
  return results
    .filter(({ finding }) => verdicts.includes(finding.verdict))
    .map(({ id, finding }) => `${id} ${finding.verdict}: ${describeFinding(finding)}`)
}
