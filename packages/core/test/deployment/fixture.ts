import {
  type Authority,
  signVendorCertificate,
  vendorAuthorityContents,
  vendorContents,
  vendorSubject,
} from '@cordon/core/authority'
import type { PrivateKey } from '@cordon/core/crypto'
import {
  type DeploymentEvent,
  type DeviceTarget,
  DeviceTransaction,
  type Journal,
  loadMaterials,
  type ManagerCredential,
  type Materials,
  memoryJournal,
  type Secrets,
  type TransactionMeans,
  type TransactionOptions,
} from '@cordon/core/deployment'
import type { DeviceSettings } from '@cordon/core/policy'
import { type Certificate, decodeCertificate } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { createDevice, type Device } from '../../src/device/device.ts'
import type { SecurityOptions } from '../../src/device/options.ts'
import { MemoryAuthority } from './memory-authority.ts'
import type { MemoryPort } from './memory-port.ts'
import { VirtualTime } from './virtual-time.ts'

/** Suites of the virtual devices: certificates and keys, with and without encryption. */
export const deviceSuites = [0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0xccac, 0xc037, 0xc006, 0xc03a]

/** A vendor with an authority of its own. */
export interface Vendor {
  readonly id: number
  readonly name: string
  readonly key: PrivateKey
  readonly certificate: Certificate
}

let vendor: Promise<Vendor> | undefined

/** The vendor of devices for which no other is given; made once. */
export function testVendor(): Promise<Vendor> {
  vendor ??= makeVendor(1, 'Example Devices')
  return vendor
}

/** Another vendor. */
export async function makeVendor(id: number, name: string): Promise<Vendor> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const now = VirtualTime.epoch
  const contents = vendorAuthorityContents(nodeCrypto, {
    vendorName: name,
    commonName: `${name} root`,
    publicKey: key.publicKey,
    now,
  })
  return { id, name, key, certificate: decodeCertificate(await signVendorCertificate(contents, key)) }
}

/** A device as it leaves the factory. */
export async function factoryDevice(
  options: Partial<SecurityOptions> & {
    address?: string
    serial?: number
    selfSigned?: boolean
    certificateSerial?: number
    maker?: Vendor
  } = {},
): Promise<Device> {
  const {
    address = '192.0.2.20',
    serial = 0x1001,
    selfSigned = false,
    certificateSerial = serial,
    maker,
    ...security
  } = options
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const issuer = maker ?? (await testVendor())
  const facts = {
    vendorId: issuer.id,
    serialNumber: certificateSerial,
    vendorName: issuer.name,
    product: 'Example',
  }
  const contents = vendorContents(nodeCrypto, {
    subject: vendorSubject(facts),
    publicKey: key.publicKey,
    now: VirtualTime.epoch,
    ...(selfSigned ? {} : { issuer: issuer.certificate }),
  })
  const certificate = await signVendorCertificate(contents, selfSigned ? key : issuer.key)
  return createDevice({
    address,
    identity: {
      vendorId: issuer.id,
      deviceType: 12,
      productCode: 166,
      majorRevision: 4,
      minorRevision: 1,
      serialNumber: serial,
      productName: 'Example',
    },
    crypto: nodeCrypto,
    security: { credentials: { key, chain: [certificate] }, suites: deviceSuites, ...security },
  })
}

/** Settings of a device in a zone of certificates. */
export function certificateSettings(change: Partial<DeviceSettings> = {}): DeviceSettings {
  return {
    device: 'Device_1',
    address: '192.0.2.20',
    zone: 'green',
    enforcement: 'authorities',
    allowedSuites: [0xc023, 0xc024, 0xc006],
    originatorSuites: [0xc023],
    verifyClient: true,
    sendChain: false,
    checkExpiration: false,
    checkName: false,
    dtlsTimeoutS: 12,
    authorities: ['green', 'operations'],
    identities: [],
    psk: [],
    rules: undefined,
    ports: [],
    promises: [],
    ...change,
  }
}

/** Settings of a device in a zone of one pre-shared key. */
export function pskSettings(change: Partial<DeviceSettings> = {}): DeviceSettings {
  return certificateSettings({
    zone: 'cell3',
    enforcement: 'psk',
    allowedSuites: [0xccac, 0xc037],
    originatorSuites: [0xccac, 0xc037],
    verifyClient: false,
    authorities: [],
    psk: [{ name: 'cell3-2026', identity: 'cell3', usage: 'any' }],
    ...change,
  })
}

/** A target around settings. */
export function targetOf(settings: DeviceSettings, change: Partial<DeviceTarget> = {}): DeviceTarget {
  const certificate = { key: 'ecdsa-p256', validityMs: 5 * 31_557_600_000, renewAt: 0.66, subject: {} } as const
  return { settings, certificate, ...change }
}

/** What surrounds the transactions of one test: time, authority, credential, keys. */
export class Surroundings {
  readonly time = new VirtualTime()
  readonly authority: MemoryAuthority
  readonly manager: ManagerCredential
  readonly events: DeploymentEvent[] = []
  readonly keys = new Map<string, Uint8Array>()
  readonly vendor: Vendor

  constructor(authority: MemoryAuthority, manager: ManagerCredential, vendor: Vendor) {
    this.authority = authority
    this.manager = manager
    this.vendor = vendor
  }

  static async create(): Promise<Surroundings> {
    const authority = await MemoryAuthority.create(['green', 'blue', 'cell3', 'operations'], () => VirtualTime.epoch)
    return new Surroundings(authority, await authority.manager('operations'), await testVendor())
  }

  get secrets(): Secrets {
    return { psk: (name) => Promise.resolve(this.keys.get(name)) }
  }

  materials(): Promise<Materials> {
    return loadMaterials(this.authority, nodeCrypto, {
      zones: ['green', 'blue', 'cell3', 'operations'],
      managerZone: 'operations',
      manager: this.manager,
      date: this.time.date(),
    })
  }

  async means(
    port: MemoryPort,
    journal: Journal = memoryJournal(),
    change: Partial<TransactionMeans> = {},
  ): Promise<TransactionMeans> {
    const issueDevice: Authority['issueDevice'] = (request) => this.time.during(this.authority.issueDevice(request))
    return {
      port,
      clock: this.time,
      crypto: nodeCrypto,
      materials: await this.materials(),
      manager: this.manager,
      journal,
      authority: { issueDevice },
      secrets: this.secrets,
      emit: (event) => this.events.push(event),
      ...change,
    }
  }

  options(change: Partial<TransactionOptions> = {}): TransactionOptions {
    return {
      contact: { vendorAnchors: [this.vendor.certificate.der], acceptUnproven: false },
      configured: false,
      closeConnections: false,
      closeDelayMs: 0,
      closePorts: 'now',
      ...change,
    }
  }

  /** One transaction from beginning to end, in virtual time; undefined when its process died. */
  async deploy(
    target: DeviceTarget,
    port: MemoryPort,
    how: { journal?: Journal; options?: Partial<TransactionOptions>; means?: Partial<TransactionMeans> } = {},
  ) {
    const means = await this.means(port, how.journal, how.means)
    const transaction = new DeviceTransaction(target, means, this.options(how.options))
    const work = async () => {
      await transaction.read()
      await transaction.configure()
      await transaction.finalRules()
      await transaction.closePorts()
      await transaction.complete()
      await transaction.end()
      return transaction.result()
    }
    return (await this.time.run(work()))?.value
  }
}
