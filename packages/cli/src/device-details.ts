import { type AttributeValue, addressOf, describePath, type EPath } from '@cordon/core/cip'
import { type ObjectClient, upload } from '@cordon/core/client'
import { MalformedMessage, PeerError } from '@cordon/core/errors'
import {
  certificateManagement,
  cipSecurity,
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  file,
  identity,
  ingressEgress,
  tcpIp,
} from '@cordon/core/objects'
import { decodeCertificate, decodePem, decodeRevocationList, fingerprint, formatName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { moment } from './dates.ts'
import type { DeviceTarget } from './device-target.ts'

/** A certificate as a device holds or shows it. */
export interface CertificateDetails {
  /** What the device uses it for. */
  readonly use: 'active' | 'stored' | 'trusted authority' | 'trusted identity' | 'shown in the handshake'
  /** Name and state of its Certificate Management instance, where it belongs to one. */
  readonly name?: string
  readonly state?: string
  /** Where it lies, e.g. `class 0x37, instance 257`. */
  readonly place?: string
  /** RFC 4514, as the next one. */
  readonly subject?: string
  readonly issuer?: string
  readonly notAfter?: string
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint?: string
  /** Why the fields above are missing. */
  readonly problem?: string
}

/** A revocation list that a device holds. */
export interface RevocationListDetails {
  readonly place: string
  readonly issuer?: string
  readonly thisUpdate?: string
  readonly revoked?: number
  readonly problem?: string
}

/** What a device says about itself, class by class. What it has not, or does not tell, is missing. */
export interface DeviceDetails {
  readonly identity: {
    readonly product: string
    readonly vendorId?: number
    readonly deviceType?: number
    readonly productCode?: number
    readonly revision?: string
    /** `0x` and eight digits. */
    readonly serial?: string
    readonly status?: number
    readonly protectionMode?: number
  }
  readonly cipSecurity?: {
    readonly revision?: number
    readonly state?: string
    readonly profiles?: number
    readonly profilesConfigured?: number
  }
  readonly ethernetIpSecurity?: {
    readonly revision?: number
    readonly state?: string
    readonly availableSuites?: readonly number[]
    readonly allowedSuites?: readonly number[]
    readonly availableOriginatorSuites?: readonly number[]
    readonly allowedOriginatorSuites?: readonly number[]
    /** Without keys, which a device never tells. */
    readonly preSharedKeys?: readonly { readonly identity: string; readonly usage: string }[]
    readonly pskSlots?: number
    readonly verifyClient?: boolean
    readonly sendChain?: boolean
    readonly checkExpiration?: boolean
    readonly checkName?: boolean
    readonly pullEnabled?: boolean
    /** Attribute 14. */
    readonly pullStatus?: number
    /** Seconds. */
    readonly dtlsTimeout?: number
  }
  readonly certificates: readonly CertificateDetails[]
  readonly revocationLists: readonly RevocationListDetails[]
  readonly rules?: {
    readonly ingress: readonly string[]
    readonly egress: readonly string[]
    readonly changeCount?: number
  }
  readonly ports?: readonly {
    readonly port: string
    readonly open: boolean
    readonly name: string
    readonly settable: boolean
  }[]
  readonly network?: {
    readonly address: string
    readonly mask: string
    readonly gateway: string
    readonly hostName?: string
  }
  /** What the device refused to tell, with its answer. */
  readonly refusals: readonly string[]
}

/** Largest certificate or list that is read for display, bytes. */
const maximumFile = 256 * 1024

/** Most certificates, and most lists, that are read: a hostile device could name thousands. */
const maximumFiles = 256

/**
 * Reads a device for people: whatever it refuses is noted and the rest is read all the same.
 * @throws TransportError when it is gone
 */
export async function readDetails(device: DeviceTarget): Promise<DeviceDetails> {
  const reader = new DetailsReader(device.objects)
  const who = await reader.identity()
  const security = await reader.security()
  const certificates = [
    ...(device.peer.security?.peerChain ?? []).map((der) => ({
      use: 'shown in the handshake' as const,
      ...describeCertificate(der),
    })),
    ...(security === undefined ? [] : await reader.certificates(security)),
  ]
  return {
    identity: who,
    ...(await reader.cipSecurity()),
    ...(security === undefined ? {} : { ethernetIpSecurity: settingsOf(security) }),
    certificates,
    revocationLists: security === undefined ? [] : await reader.revocationLists(security.revocationLists ?? []),
    ...(await reader.rules()),
    ...(await reader.network()),
    refusals: reader.refusals,
  }
}

type SecurityAttributes = Partial<{
  [N in keyof typeof ethernetIpSecurity.attributes]: AttributeValue<typeof ethernetIpSecurity, N>
}> & {
  readonly revision?: number
  readonly pskSlots?: number
}

function settingsOf(security: SecurityAttributes): NonNullable<DeviceDetails['ethernetIpSecurity']> {
  const {
    preSharedKeys,
    activeCertificates: _,
    trustedAuthorities: __,
    revocationLists: ___,
    trustedIdentities: ____,
    ...settings
  } = security
  return defined({
    ...settings,
    preSharedKeys: preSharedKeys?.map((psk) => ({
      identity: Buffer.from(psk.identity).toString('utf8'),
      usage: psk.usage,
    })),
  })
}

/** Statuses that mean "there is no such thing here". */
const absent: readonly unknown[] = [0x05, 0x08, 0x14, 0x16, 0x2c]

class DetailsReader {
  readonly refusals: string[] = []
  readonly #objects: ObjectClient
  readonly #files = new Map<string, Promise<Uint8Array | string>>()

  constructor(objects: ObjectClient) {
    this.#objects = objects
  }

  /** The answer; nothing where the device has no such thing, or where it refuses, which is noted. */
  async #ask<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer
    } catch (error) {
      const refused = error instanceof PeerError && error.code === 'general-status'
      if (refused && absent.includes(error.details['status'])) return undefined
      if (!refused && !(error instanceof MalformedMessage)) throw error
      this.refusals.push(error.message)
      return undefined
    }
  }

  async identity(): Promise<DeviceDetails['identity']> {
    const all = await this.#ask(this.#objects.getAll(identity, 1))
    const protectionMode = await this.#ask(this.#objects.get(identity, 1, 'protectionMode'))
    const { revision, serialNumber } = all ?? {}
    return {
      product: (all?.productName ?? '').trimEnd(),
      ...defined({
        vendorId: all?.vendorId,
        deviceType: all?.deviceType,
        productCode: all?.productCode,
        revision: revision === undefined ? undefined : `${revision.major}.${revision.minor}`,
        serial: serialNumber === undefined ? undefined : `0x${serialNumber.toString(16).padStart(8, '0')}`,
        status: all?.status,
        protectionMode,
      }),
    }
  }

  async cipSecurity(): Promise<Pick<DeviceDetails, 'cipSecurity'>> {
    const revision = await this.#ask(this.#objects.getClass(cipSecurity, 'revision'))
    if (revision === undefined) return {}
    return {
      cipSecurity: defined({
        revision,
        state: await this.#ask(this.#objects.get(cipSecurity, 1, 'state')),
        profiles: await this.#ask(this.#objects.get(cipSecurity, 1, 'profiles')),
        profilesConfigured: await this.#ask(this.#objects.get(cipSecurity, 1, 'profilesConfigured')),
      }),
    }
  }

  /** Class 0x5E by its revision; undefined where there is none. */
  async security(): Promise<SecurityAttributes | undefined> {
    const revision = await this.#ask(this.#objects.getClass(ethernetIpSecurity, 'revision'))
    if (revision === undefined) return undefined
    const isNew = revision >= 9
    // What is asked of it here, both revisions have; the one path of revision 7 is read as a list too.
    const object = isNew ? ethernetIpSecurity : ethernetIpSecurityRevision7
    return {
      revision,
      ...(await this.#ask(this.#objects.getAll(object as typeof ethernetIpSecurity, 1))),
      ...defined({
        pskSlots: await this.#ask(this.#objects.getClass(object as typeof ethernetIpSecurity, 'pskSlots')),
        availableOriginatorSuites: isNew
          ? await this.#ask(this.#objects.get(ethernetIpSecurity, 1, 'availableOriginatorSuites'))
          : undefined,
        allowedOriginatorSuites: isNew
          ? await this.#ask(this.#objects.get(ethernetIpSecurity, 1, 'allowedOriginatorSuites'))
          : undefined,
      }),
    }
  }

  async certificates(security: SecurityAttributes): Promise<readonly CertificateDetails[]> {
    const active = new Set((security.activeCertificates ?? []).map((path) => addressOf(path).instance))
    const listed = await this.#ask(this.#objects.getClass(certificateManagement, 'certificateList'))
    const instances = new Set([...active, ...(listed ?? []).map(({ path }) => addressOf(path).instance)])
    const found: CertificateDetails[] = []
    for (const instance of [...instances].slice(0, maximumFiles)) {
      if (instance === undefined) continue
      const all = await this.#ask(this.#objects.getAll(certificateManagement, instance))
      const path = all?.deviceCertificate?.path ?? []
      const named = {
        use: active.has(instance) ? ('active' as const) : ('stored' as const),
        ...defined({ name: all?.name, state: all?.state }),
      }
      if (path.length === 0) found.push({ ...named, problem: 'it has no certificate yet' })
      else for (const details of await this.#certificatesAt(path)) found.push({ ...named, ...details })
    }
    for (const [use, paths] of [
      ['trusted authority', security.trustedAuthorities ?? []],
      ['trusted identity', security.trustedIdentities ?? []],
    ] as const) {
      for (const path of paths.slice(0, maximumFiles)) {
        for (const details of await this.#certificatesAt(path)) found.push({ use, ...details })
      }
    }
    return found
  }

  async #certificatesAt(path: EPath): Promise<readonly Omit<CertificateDetails, 'use'>[]> {
    const place = describePath(path)
    const blocks = await this.#blocks(path, 'CERTIFICATE')
    if (typeof blocks === 'string') return [{ place, problem: blocks }]
    return blocks.map((der) => ({ place, ...describeCertificate(der) }))
  }

  async revocationLists(paths: readonly EPath[]): Promise<readonly RevocationListDetails[]> {
    const found: RevocationListDetails[] = []
    for (const path of paths.slice(0, maximumFiles)) {
      const place = describePath(path)
      const blocks = await this.#blocks(path, 'X509 CRL')
      if (typeof blocks === 'string') found.push({ place, problem: blocks })
      else for (const der of blocks) found.push({ place, ...describeList(der) })
    }
    return found
  }

  /** DER blocks of a file, or why there are none. Each file is read once. */
  async #blocks(path: EPath, label: 'CERTIFICATE' | 'X509 CRL'): Promise<readonly Uint8Array[] | string> {
    const { class: classId, instance } = addressOf(path)
    if (classId !== file.id || instance === undefined) return 'it lies in no File instance'
    const key = String(instance)
    const reading = this.#files.get(key) ?? this.#upload(instance)
    this.#files.set(key, reading)
    const bytes = await reading
    if (typeof bytes === 'string') return bytes
    if (bytes[0] === 0x30) return [bytes]
    try {
      const found = decodePem(Buffer.from(bytes).toString('latin1')).filter((block) => block.label === label)
      return found.length === 0 ? `the file holds no ${label}` : found.map((block) => block.bytes)
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      return `the file is neither PEM nor DER: ${error.message}`
    }
  }

  async #upload(instance: number): Promise<Uint8Array | string> {
    try {
      return await upload(this.#objects, instance, { maxSize: maximumFile })
    } catch (error) {
      if (error instanceof PeerError || error instanceof MalformedMessage) return error.message
      throw error
    }
  }

  async rules(): Promise<Pick<DeviceDetails, 'rules'>> {
    const revision = await this.#ask(this.#objects.getClass(ingressEgress, 'revision'))
    if (revision === undefined) return {}
    // Deviation: one instance per CIP port; the first is the Ethernet port (cip-security-wire 4.6).
    const all = await this.#ask(this.#objects.getAll(ingressEgress, 1))
    const changeCount = await this.#ask(this.#objects.getClass(ingressEgress, 'changeCount'))
    return { rules: { ingress: all?.ingressRules ?? [], egress: all?.egressRules ?? [], ...defined({ changeCount }) } }
  }

  async network(): Promise<Pick<DeviceDetails, 'network' | 'ports'>> {
    const configuration = await this.#ask(this.#objects.get(tcpIp, 1, 'interfaceConfiguration'))
    const hostName = await this.#ask(this.#objects.get(tcpIp, 1, 'hostName'))
    const ports = await this.#ask(this.#objects.get(tcpIp, 1, 'portAdmin'))
    return {
      ...(configuration === undefined
        ? {}
        : {
            network: {
              address: dotted(configuration.address),
              mask: dotted(configuration.networkMask),
              gateway: dotted(configuration.gateway),
              ...(hostName === undefined || hostName === '' ? {} : { hostName }),
            },
          }),
      ...(ports === undefined
        ? {}
        : {
            ports: ports.map(({ port, protocol, open, name, capability }) => ({
              port: `${protocol}/${port}`,
              open,
              name,
              settable: (capability & 1) !== 0,
            })),
          }),
    }
  }
}

function describeCertificate(
  der: Uint8Array,
): Pick<CertificateDetails, 'subject' | 'issuer' | 'notAfter' | 'fingerprint' | 'problem'> {
  const print = fingerprint(nodeCrypto, der)
  try {
    const { subject, issuer, notAfter } = decodeCertificate(der)
    return { subject: formatName(subject), issuer: formatName(issuer), notAfter: moment(notAfter), fingerprint: print }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return { fingerprint: print, problem: error.message }
  }
}

function describeList(der: Uint8Array): Omit<RevocationListDetails, 'place'> {
  try {
    const { issuer, thisUpdate, entries } = decodeRevocationList(der)
    return { issuer: formatName(issuer), thisUpdate: moment(thisUpdate), revoked: entries.length }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return { problem: error.message }
  }
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.')
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** The fields that have a value: with exactOptionalPropertyTypes a missing field and an undefined one differ. */
function defined<T extends object>(fields: T): Defined<T> {
  // Exactly the undefined ones are left out.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>
}
