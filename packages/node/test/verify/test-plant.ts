import { internationalText, paddedEPath, path } from '@cordon/core/cip'
import {
  createDevice,
  createDefaultCredentials,
  createVendorPki,
  type Device,
  type DeviceSecrets,
  type DeviceState,
  type HostedDevice,
  type VendorPki,
} from '@cordon/core/device'
import {
  compile,
  type DeviceCapabilities,
  type DeviceSettings,
  formatRule,
  indexPlant,
  managerAuthority,
  parsePlant,
  type Plant,
} from '@cordon/core/policy'
import { encode } from '@cordon/core/wire'
import { encodeBase64, encodePem } from '@cordon/core/x509'
import { nodeCrypto } from '../../src/crypto.ts'
import { TargetHost, type TargetLimits } from '../../src/target/target-host.ts'
import { prepareVerification, type VerificationRequest } from '../../src/verify/request.ts'
import { type Oddity, TestPlantAuthority } from './test-authority.ts'

/** What JSON can hold, to be changed. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object ? Mutable<T[K]> : T[K] }

/** A device of the test plant as a test may spoil it, before it goes on the network. */
export interface Unit {
  readonly name: string
  readonly settings: DeviceSettings
  readonly authority: TestPlantAuthority
  readonly vendor: VendorPki
  /** Its storage: whatever is changed here it will hold. */
  readonly state: Mutable<DeviceState>
  readonly secrets: Mutable<DeviceSecrets>
  /** Puts a file into the device and gives its path as storage has it. */
  file(text: string, encoding: 'pemCertificate' | 'pemRevocationList'): string
}

/** What is done to a plant so that a check fails. */
export interface Spoiling {
  /** Changes what a device holds. */
  readonly unit?: (unit: Unit) => void | Promise<void>
  /** Stands between a device and its sockets. */
  readonly hosted?: (name: string, device: Device, unit: Unit) => HostedDevice
  /** Gives a device another certificate than it should have. */
  readonly certificate?: (name: string) => (Oddity & { readonly zone?: string }) | undefined
  /** Devices that do not come up. */
  readonly off?: readonly string[]
  /** Changes the request. */
  readonly request?: (
    request: VerificationRequest,
    plant: RunningPlant,
  ) => VerificationRequest | Promise<VerificationRequest>
  /** After everything runs. */
  readonly started?: (plant: RunningPlant) => AsyncDisposable[] | Promise<AsyncDisposable[]>
  /** Before certificates are handed out: revocation lists. */
  readonly authority?: (authority: TestPlantAuthority) => Promise<void>
}

/** A plant of real devices on loopback addresses, commissioned as its policy says. */
export interface RunningPlant extends AsyncDisposable {
  readonly plant: Plant
  readonly authority: TestPlantAuthority
  readonly vendor: VendorPki
  readonly settings: ReadonlyMap<string, DeviceSettings>
  readonly hosts: ReadonlyMap<string, TargetHost>
  readonly log: string[]
  request(): Promise<VerificationRequest>
}

/** How the devices of a test plant are. */
export interface PlantOptions {
  readonly capabilities?: ReadonlyMap<string, DeviceCapabilities>
  readonly psk?: Readonly<Record<string, Uint8Array>>
  readonly spoiling?: Spoiling | undefined
  /** Limits of the devices' hosts. */
  readonly limits?: Partial<TargetLimits>
}

let serial = 0x0300_0000

/** Brings up the plant of a plant file, each device with the settings that the policy compiles for it. */
export async function startTestPlant(text: string, options: PlantOptions = {}): Promise<RunningPlant> {
  const parsed = parsePlant(text, 'plant.yaml')
  if (parsed.plant === undefined) throw new Error(JSON.stringify(parsed.problems))
  const { plant } = parsed
  const capabilities = options.capabilities ?? new Map()
  const spoiling = options.spoiling ?? {}
  const { settings } = compile(indexPlant(plant, capabilities))
  const managerZone = managerAuthority(plant)
  const zones = plant.zones.filter(({ authentication }) => authentication === 'certificate').map(({ name }) => name)
  const authority = await TestPlantAuthority.create(plant.name, [...new Set([...zones, managerZone])])
  const vendor = await createVendorPki(nodeCrypto, { vendorName: 'Example Automation', country: 'US', now: Date.now() })
  const keys = new Map<string, { key: Uint8Array; certificate: Uint8Array }>()
  await spoiling.authority?.(authority)
  for (const [name, own] of settings) {
    if (own.enforcement === 'none' || !zones.includes(own.zone)) continue
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const { zone = own.zone, ...odd } = spoiling.certificate?.(name) ?? {}
    const certificate = await authority.issue('device', name, zone, key.publicKey, { addresses: [own.address], ...odd })
    keys.set(name, { key: key.export() ?? new Uint8Array(0), certificate })
  }
  const manager = zones.length === 0 ? undefined : await authority.credential(plant.manager ?? 'manager', managerZone)
  const hosts = new Map<string, TargetHost>()
  const log: string[] = []
  const disposables: AsyncDisposable[] = []
  for (const [name, own] of settings) {
    const device = plant.devices.find((candidate) => candidate.name === name)
    if (device === undefined || spoiling.off?.includes(name) === true) continue
    const identity = {
      vendorId: 1,
      deviceType: 12,
      productCode: 65,
      majorRevision: 2,
      minorRevision: 1,
      serialNumber: device.expect?.serial ?? serial++,
      productName: 'Test Device',
    }
    const base = { address: own.address, identity, crypto: nodeCrypto }
    if (own.enforcement === 'none') {
      if (device.role !== 'originator') hosts.set(name, new TargetHost({ device: createDevice(base) }))
      continue
    }
    const known = capabilities.get(name)
    const credentials = await createDefaultCredentials(nodeCrypto, { identity, vendor, now: Date.now() })
    const security = {
      credentials,
      suites: known?.suites ?? [0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023, 0xc006, 0xccac, 0xc037, 0xc03a],
      ethernetIpSecurityRevision: (known?.objectRevisions?.ethernetIpSecurity ?? 9) >= 9 ? (9 as const) : (7 as const),
      ingressEgress: known?.ingressEgress ?? true,
      trustedIdentities: known?.trustedIdentities ?? true,
      pskSlots: 2,
    }
    const factory = createDevice({ ...base, security })
    const { state, secrets } = factory.persist()
    const unit: Unit = {
      name,
      settings: own,
      authority,
      vendor,
      state: structuredClone(state) as Mutable<DeviceState>,
      secrets: structuredClone(secrets) as Mutable<DeviceSecrets>,
      file(content, encoding) {
        const instance = unit.state.nextFile++
        unit.state.files.push({
          instance,
          instanceName: internationalText(`file ${instance}`),
          fileName: internationalText(`file ${instance}`),
          content: encodeBase64(new TextEncoder().encode(content)),
          encoding,
          revision: [1, 1],
          readOnly: false,
          timeoutS: 10,
        } as Mutable<DeviceState['files'][number]>)
        return storedPath(0x37, instance)
      },
    }
    await commission(unit, {
      keys,
      managerZone,
      manager: manager?.chain[0],
      psk: options.psk ?? {},
      isCurrent: security.ethernetIpSecurityRevision === 9,
    })
    await spoiling.unit?.(unit)
    const made = createDevice(
      { ...base, security },
      { state: unit.state as DeviceState, secrets: unit.secrets as DeviceSecrets },
    )
    const hosted = spoiling.hosted?.(name, made, unit) ?? made
    hosts.set(
      name,
      new TargetHost({
        device: hosted,
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        log: (entry) => log.push(`${name} ${entry.event} ${entry.peer ?? ''} ${entry.message}`),
      }),
    )
  }
  await Promise.all([...hosts.values()].map((host) => host.start()))
  const running: RunningPlant = {
    plant,
    authority,
    vendor,
    settings,
    hosts,
    log,
    async request() {
      const request = await prepareVerification({
        plant,
        ...(options.capabilities === undefined ? {} : { capabilities }),
        authority,
        ...(manager === undefined ? {} : { manager }),
        psk: async (name) => {
          const key = options.psk?.[name]
          return key === undefined ? undefined : { identity: new TextEncoder().encode(name), key }
        },
      })
      return (await spoiling.request?.(request, running)) ?? request
    },
    async [Symbol.asyncDispose]() {
      for (const one of disposables) await one[Symbol.asyncDispose]()
      await Promise.all([...hosts.values()].map((host) => host.close()))
    },
  }
  disposables.push(...((await spoiling.started?.(running)) ?? []))
  return running
}

const storedPath = (cls: number, instance: number): string =>
  encodeBase64(encode(paddedEPath, path({ class: cls, instance })))

/** Brings a device's storage to what its settings say, as a finished deployment leaves it. */
async function commission(
  unit: Unit,
  plant: {
    readonly keys: ReadonlyMap<string, { readonly key: Uint8Array; readonly certificate: Uint8Array }>
    readonly managerZone: string
    readonly manager: Uint8Array | undefined
    readonly psk: Readonly<Record<string, Uint8Array>>
    /** Class 0x5E of revision 9. */
    readonly isCurrent: boolean
  },
): Promise<void> {
  const { state, secrets, settings: own, authority } = unit
  const wanted = state.ethernetIpSecurity.settings
  state.cipSecurity = 'configured'
  state.ethernetIpSecurity.state = 'configured'
  wanted.allowedSuites = [...own.allowedSuites]
  if (plant.isCurrent) wanted.allowedOriginatorSuites = [...own.originatorSuites]
  wanted.verifyClient = own.verifyClient
  wanted.sendChain = own.sendChain
  wanted.checkExpiration = own.checkExpiration
  wanted.checkName = own.checkName
  wanted.dtlsTimeout = own.dtlsTimeoutS
  const held = plant.keys.get(unit.name)
  if (held !== undefined) {
    const leafFile = unit.file(encodePem('CERTIFICATE', held.certificate), 'pemCertificate')
    const zones =
      own.authorities.length === 0 || own.authorities.includes(plant.managerZone)
        ? own.authorities
        : [...own.authorities, plant.managerZone]
    const anchorFiles = new Map<string, string>()
    for (const zone of new Set([own.zone, ...zones])) {
      anchorFiles.set(
        zone,
        unit.file(encodePem('CERTIFICATE', authority.issuer(zone).certificate.der), 'pemCertificate'),
      )
    }
    state.certificates.push({
      instance: 2,
      name: 'plant',
      state: 'verified',
      device: { status: 'verified', path: leafFile },
      ca: { status: 'verified', path: anchorFiles.get(own.zone) ?? '' },
      csrFile: 0,
    })
    state.nextCertificate = 3
    secrets.keys.push({ instance: 2, pkcs8: encodeBase64(held.key) })
    wanted.activeCertificates = [storedPath(0x5f, 2)]
    wanted.trustedAuthorities = zones.flatMap((zone) => anchorFiles.get(zone) ?? [])
    const peers = own.identities.flatMap((name) => plant.keys.get(name)?.certificate ?? [])
    if (zones.length === 0 && plant.manager !== undefined) peers.push(plant.manager)
    wanted.trustedIdentities = peers.map((der) => unit.file(encodePem('CERTIFICATE', der), 'pemCertificate'))
    const lists = zones.flatMap((zone) => authority.issuer(zone).crl ?? [])
    wanted.revocationLists = lists.map((der) => unit.file(encodePem('X509 CRL', der), 'pemRevocationList'))
  }
  for (const { name, identity, usage } of own.psk) {
    const key = plant.psk[name]
    if (key === undefined) continue
    wanted.preSharedKeys.push({ identity: encodeBase64(new TextEncoder().encode(identity)), usage })
    secrets.preSharedKeys.push(encodeBase64(key))
  }
  if (own.rules !== undefined) {
    state.rules.ingress = own.rules.ingress.map(formatRule)
    state.rules.egress = own.rules.egress.map(formatRule)
  }
  state.tcpIp.closed = own.ports.filter(({ open }) => !open).map(({ port, protocol }) => ({ port, protocol }))
}
