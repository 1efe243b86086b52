import {
  createDefaultCredentials,
  createDevice,
  createVendorPki,
  type Device,
  type DeviceOptions,
  type SecurityOptions,
  type VendorPki,
} from '@cordon/core/device'
import { parsePlant, type Plant } from '@cordon/core/policy'
import { nodeCrypto } from '@cordon/node/crypto'
import { TargetHost } from '@cordon/node/target'

/** A loopback address of this worker: 127.64.0.0/10 is shared by all tests. */
export function address(last: number): string {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 1) % 50
  return `127.${70 + worker}.77.${last}`
}

/** Suites of the devices: all that OpenSSL has for ECDSA and for keys. */
export const suites = [0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0xccac, 0xc037, 0xc006, 0xc03a]

let pki: Promise<VendorPki> | undefined

/** The vendor of all devices. */
export function vendor(): Promise<VendorPki> {
  pki ??= createVendorPki(nodeCrypto, { vendorName: 'Example Devices', now: Date.now() })
  return pki
}

/** A plant from the text of its file. */
export function plantOf(text: string): Plant {
  const { plant, problems } = parsePlant(text, 'plant.yaml')
  if (plant === undefined) throw new Error(JSON.stringify(problems, undefined, 1))
  return plant
}

/** What makes a unit differ from the others. */
export interface UnitOptions {
  readonly last: number
  readonly serial?: number
  readonly selfSigned?: boolean
  readonly productName?: string
  /** It does not speak CIP Security. */
  readonly plain?: boolean
  readonly security?: Partial<SecurityOptions>
}

/** A unit with its sockets open. */
export class Unit implements AsyncDisposable {
  readonly device: Device
  readonly host: TargetHost

  private constructor(device: Device, host: TargetHost) {
    this.device = device
    this.host = host
  }

  static async start(options: UnitOptions): Promise<Unit> {
    const { last, serial = 0x2000 + last, selfSigned = false, productName = 'Example', plain = false } = options
    const identity = {
      vendorId: 1,
      deviceType: 12,
      productCode: 166,
      majorRevision: 4,
      minorRevision: 1,
      serialNumber: serial,
      productName: 'Example',
    }
    const credentials = await createDefaultCredentials(nodeCrypto, {
      identity,
      now: Date.now(),
      ...(selfSigned ? {} : { vendor: await vendor() }),
    })
    const made: DeviceOptions = {
      address: address(last),
      // Its certificate cannot bear every name that a unit may tell.
      identity: { ...identity, productName },
      crypto: nodeCrypto,
      ...(plain ? {} : { security: { credentials, suites, ...options.security } }),
    }
    const device = createDevice(made)
    const host = new TargetHost({ device })
    await host.start()
    return new Unit(device, host)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]()
  }
}

/** The file of a small plant: two zones of certificates, one device in each or as many as are named. */
export function plantText(more = '', name = 'small'): string {
  return `
version: 1
plant: ${name}
authority: { key: ecdsa-p256, subject: { organization: Example Works, country: US } }
nonSecure: deny
suites: [0xC023, 0xC024, 0xC006]
manager: Manager
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818, udp/2222] }
  blue:  { authentication: certificate, messaging: integrity, io: integrity }
  operations: { authentication: certificate, messaging: confidentiality, io: deny }
devices:
  Green_1: { address: ${address(11)}, zone: green }
  Green_2: { address: ${address(12)}, zone: green }
  Blue_1:  { address: ${address(13)}, zone: blue }
  Manager: { address: ${address(2)}, zone: operations, role: originator, io: deny }
conduits:
  - { between: [green, blue], authentication: certificate, messaging: confidentiality, io: integrity }
${more}`
}
