import { addressOf, type EPath } from '../cip/epath.ts'
import { generalStatus } from '../cip/general-status.ts'
import { upload } from '../client/file-transfer.ts'
import { ObjectClient } from '../client/object-client.ts'
import { isStatus } from '../client/reply-status.ts'
import type { Requester } from '../client/requester.ts'
import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { certificateManagement } from '../objects/certificate-management.ts'
import { cipSecurity, type CipSecurityStateName } from '../objects/cip-security.ts'
import {
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  type EthernetIpSecurityStateName,
  type PreSharedKey,
} from '../objects/ethernet-ip-security.ts'
import { file } from '../objects/file.ts'
import { identity } from '../objects/identity.ts'
import { ingressEgress } from '../objects/ingress-egress.ts'
import { type PortAdmin, tcpIp } from '../objects/tcp-ip.ts'
import type { DeviceCapabilities } from '../policy/capabilities.ts'
import { parseRules } from '../policy/rules.ts'
import type { ObservedSettings, RuleSet } from '../policy/settings.ts'
import { latin1Bytes, utf8 } from '../wire/text.ts'
import { fingerprint } from '../x509/certificate.ts'
import { hex } from '../x509/der.ts'
import { decodePem } from '../x509/pem.ts'
import type { AccessKind, DeviceSession } from './device-port.ts'

/** From this revision of class 0x5E on there are attributes 16, 18, 19, 20, and attribute 8 is a list. */
export const listRevision = 9

/** Who a unit is, by its Identity object. */
export interface UnitIdentity {
  readonly vendorId: number
  readonly deviceType: number
  readonly productCode: number
  readonly major: number
  readonly minor: number
  readonly serialNumber: number
  readonly productName: string
}

/** Class revisions of a device. Undefined: it has no such class. */
export interface ClassRevisions {
  readonly cipSecurity: number | undefined
  readonly ethernetIpSecurity: number | undefined
  readonly certificateManagement: number | undefined
  readonly file: number | undefined
  readonly ingressEgress: number | undefined
}

/** Attributes of class 0x5E as they were read: with paths, so that they can be kept or put back. */
export interface SecurityAttributes {
  readonly state: EthernetIpSecurityStateName
  readonly availableSuites: readonly number[]
  readonly allowedSuites: readonly number[]
  readonly availableOriginatorSuites: readonly number[] | undefined
  readonly allowedOriginatorSuites: readonly number[] | undefined
  /** Without keys: a device never tells them. */
  readonly preSharedKeys: readonly PreSharedKey[]
  readonly activeCertificates: readonly EPath[]
  readonly trustedAuthorities: readonly EPath[]
  readonly revocationLists: readonly EPath[]
  readonly trustedIdentities: readonly EPath[]
  readonly verifyClient: boolean
  readonly sendChain: boolean
  readonly checkExpiration: boolean
  readonly checkName: boolean
  readonly dtlsTimeout: number
}

/** A certificate or revocation list that lies in the device, with the path that names it. */
export interface StoredFile {
  readonly path: EPath
  /** DER blocks of the file: one for a certificate, one or more for revocation lists; empty when it is not readable. */
  readonly contents: readonly Uint8Array[]
}

/** The certificates of an instance of class 0x5F. */
export interface StoredCertificate {
  readonly instance: number
  readonly name: string
  /** DER, when there is one and it can be read. */
  readonly certificate: Uint8Array | undefined
  readonly certificatePath: EPath
  readonly issuerPath: EPath
}

/** Rules of class 0x63 as text, per instance. */
export interface RulesReading {
  readonly changeCount: number
  /** The instance that holds the rules of the Ethernet port. */
  readonly instance: number
  readonly ingress: readonly string[]
  readonly egress: readonly string[]
  /** Bytes of text that fit. */
  readonly maxBufferSize: number
}

/** Everything that a device says about itself and that a deployment needs. */
export interface DeviceReading {
  readonly device: string
  readonly address: string
  /** By what it was opened. */
  readonly access: AccessKind
  /** Certificates it showed in the handshake. */
  readonly presented: readonly Uint8Array[]
  readonly suite: number | undefined
  readonly unit: UnitIdentity
  /** Identity attribute 19; 0 where the device has none. */
  readonly protectionMode: number
  readonly revisions: ClassRevisions
  /** 0x5D attribute 1. */
  readonly cipSecurityState: CipSecurityStateName
  readonly security: SecurityAttributes
  /** 0x5E class attribute 8. */
  readonly pskSlots: number
  /** Active certificate: the first of attribute 6. */
  readonly active: StoredCertificate | undefined
  /** Names and instances of class attribute 9 of 0x5F. */
  readonly certificates: readonly { readonly name: string; readonly instance: number }[]
  readonly authorities: readonly StoredFile[]
  readonly identities: readonly StoredFile[]
  readonly revocationLists: readonly StoredFile[]
  readonly rules: RulesReading | undefined
  readonly ports: readonly PortAdmin[]
  /** SHA-256 over all of the above that a plan depends on, lower-case hex. Two equal readings give the same. */
  readonly digest: string
}

/** Whose a certificate is, as the authority knows it. */
export interface Names {
  /** The zone whose issuing authority this certificate is, or undefined. */
  zoneOf(certificate: Uint8Array): string | undefined
  /** The device or client that this certificate was issued to, or undefined. */
  holderOf(certificate: Uint8Array): string | undefined
}

/** What is read, and by whom. */
export interface ReadOptions {
  readonly device: string
  readonly address: string
  readonly crypto: Crypto
  /** Largest certificate or revocation list that is read back, bytes. */
  readonly maxFile?: number
}

/** Deviation: certificates up to 16384 bytes are accepted (cip-security-wire 4.4); lists may be longer. */
const defaultMaxFile = 256 * 1024

/** The class of a device's EtherNet/IP Security object, by its revision. */
export type SecurityClass = typeof ethernetIpSecurity | typeof ethernetIpSecurityRevision7

/** Which declaration of class 0x5E fits a revision. */
export function securityClass(revision: number | undefined): SecurityClass {
  return revision !== undefined && revision >= listRevision ? ethernetIpSecurity : ethernetIpSecurityRevision7
}

/** The answer, or undefined where the device has no such object, attribute or service. */
export async function ifPresent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (absent.some((status) => isStatus(error, status))) return undefined
    throw error
  }
}

const absent: readonly number[] = [
  generalStatus.pathDestinationUnknown,
  generalStatus.serviceNotSupported,
  generalStatus.attributeNotSupported,
  generalStatus.objectDoesNotExist,
  generalStatus.attributeNotGettable,
]

/** Reads the Identity object: who is there, before anything else is asked. */
export async function readUnit(session: Requester): Promise<UnitIdentity> {
  const all = await new ObjectClient(session).getAll(identity, 1)
  const { vendorId, deviceType, productCode, revision, serialNumber, productName } = all
  if (
    vendorId === undefined ||
    deviceType === undefined ||
    productCode === undefined ||
    revision === undefined ||
    serialNumber === undefined
  ) {
    throw new MalformedMessage('truncated', 'Get_Attributes_All of Identity (0x01): expected attributes 1 to 6')
  }
  return { vendorId, deviceType, productCode, ...revision, serialNumber, productName: productName ?? '' }
}

/** Reads the class revisions, on which the layout of everything else depends. */
export async function readRevisions(session: DeviceSession): Promise<ClassRevisions> {
  const client = new ObjectClient(session)
  const [first, second, third, fourth, fifth] = await Promise.all(
    [cipSecurity, ethernetIpSecurity, certificateManagement, file, ingressEgress].map((object) =>
      ifPresent(client.getClass(object, 'revision')),
    ),
  )
  return {
    cipSecurity: first,
    ethernetIpSecurity: second,
    certificateManagement: third,
    file: fourth,
    ingressEgress: fifth,
  }
}

/**
 * Reads a device back: class revisions first, then attributes by revision, then the files they point to.
 *
 * @throws UsageError never; PeerError `general-status` for a device that refuses to be read, MalformedMessage,
 * TransportError; `undefined` for a device without CIP Security
 */
export async function readDevice(session: DeviceSession, options: ReadOptions): Promise<DeviceReading | undefined> {
  const client = new ObjectClient(session)
  const [unit, revisions] = await Promise.all([readUnit(session), readRevisions(session)])
  if (revisions.cipSecurity === undefined || revisions.ethernetIpSecurity === undefined) return undefined
  const object = securityClass(revisions.ethernetIpSecurity)
  const [protectionMode, cipState, security, pskSlots, certificates, rules, ports] = await Promise.all([
    ifPresent(client.get(identity, 1, 'protectionMode')),
    client.get(cipSecurity, 1, 'state'),
    readSecurity(client, revisions.ethernetIpSecurity),
    ifPresent(client.getClass(object, 'pskSlots')),
    revisions.certificateManagement === undefined
      ? undefined
      : ifPresent(client.getClass(certificateManagement, 'certificateList')),
    revisions.ingressEgress === undefined ? undefined : readRules(client),
    ifPresent(client.get(tcpIp, 1, 'portAdmin')),
  ])
  const files = new FileReader(client, options.maxFile ?? defaultMaxFile)
  const [active, authorities, identities, revocationLists] = await Promise.all([
    readActive(client, security, files),
    files.all(security.trustedAuthorities, 'certificate'),
    files.all(security.trustedIdentities, 'certificate'),
    files.all(security.revocationLists, 'list'),
  ])
  const reading = {
    device: options.device,
    address: options.address,
    access: session.access,
    presented: session.presented,
    suite: session.suite,
    unit,
    protectionMode: protectionMode ?? 0,
    revisions,
    cipSecurityState: cipState,
    security,
    pskSlots: pskSlots ?? 1,
    active,
    certificates: (certificates ?? []).map(({ name, path }) => ({ name, instance: addressOf(path).instance ?? 0 })),
    authorities,
    identities,
    revocationLists,
    rules,
    ports: ports ?? [],
  }
  return { ...reading, digest: digest(options.crypto, reading) }
}

/** Reads class 0x5E by its revision. Over the link of the configurator this gives pending values, else the active ones. */
export async function readSecurity(client: ObjectClient, revision: number): Promise<SecurityAttributes> {
  const object = securityClass(revision)
  const isNew = revision >= listRevision
  const [all, offered, allowed] = await Promise.all([
    client.getAll(object, 1),
    isNew ? ifPresent(client.get(ethernetIpSecurity, 1, 'availableOriginatorSuites')) : undefined,
    isNew ? ifPresent(client.get(ethernetIpSecurity, 1, 'allowedOriginatorSuites')) : undefined,
  ])
  const need = <T>(value: T | undefined, name: string): T => {
    if (value !== undefined) return value
    throw new MalformedMessage('truncated', `Get_Attributes_All of EtherNet/IP Security (0x5E): ${name} is missing`)
  }
  return {
    state: need(all.state, 'state'),
    availableSuites: need(all.availableSuites, 'availableSuites'),
    allowedSuites: need(all.allowedSuites, 'allowedSuites'),
    availableOriginatorSuites: offered,
    allowedOriginatorSuites: allowed,
    preSharedKeys: all.preSharedKeys ?? [],
    activeCertificates: all.activeCertificates ?? [],
    trustedAuthorities: all.trustedAuthorities ?? [],
    revocationLists: all.revocationLists ?? [],
    trustedIdentities: all.trustedIdentities ?? [],
    verifyClient: need(all.verifyClient, 'verifyClient'),
    sendChain: need(all.sendChain, 'sendChain'),
    checkExpiration: need(all.checkExpiration, 'checkExpiration'),
    checkName: all.checkName ?? false,
    dtlsTimeout: need(all.dtlsTimeout, 'dtlsTimeout'),
  }
}

/** Reads class 0x63: the rules of its first instance, with the count that Set_Rules must name. */
export async function readRules(client: ObjectClient): Promise<RulesReading> {
  const [count, size, all] = await Promise.all([
    client.getClass(ingressEgress, 'changeCount'),
    ifPresent(client.getClass(ingressEgress, 'maxBufferSize')),
    client.getAll(ingressEgress, rulesInstance),
  ])
  return {
    changeCount: count,
    instance: rulesInstance,
    ingress: all.ingressRules ?? [],
    egress: all.egressRules ?? [],
    maxBufferSize: size ?? Number.MAX_SAFE_INTEGER,
  }
}

/** Deviation: one instance per CIP port with the port's number (cip-security-wire 4.6, inferred); the first is taken. */
export const rulesInstance = 1

async function readActive(
  client: ObjectClient,
  { activeCertificates, state }: SecurityAttributes,
  files: FileReader,
): Promise<StoredCertificate | undefined> {
  const instance = addressOf(activeCertificates[0] ?? []).instance
  if (instance === undefined) return undefined
  // The default certificate was shown in the handshake; it need not be fetched as well.
  if (state === 'factoryDefault' && instance === defaultInstance) return undefined
  const all = await ifPresent(client.getAll(certificateManagement, instance))
  if (all === undefined) return undefined
  const certificatePath = all.deviceCertificate?.path ?? []
  const stored = certificatePath.length === 0 ? undefined : await files.read(certificatePath, 'certificate')
  return {
    instance,
    name: all.name ?? '',
    certificate: stored?.contents[0],
    certificatePath,
    issuerPath: all.caCertificate?.path ?? [],
  }
}

/** Instance of the default certificate in 0x5F (Volume 8 via cip-security-wire 4.3). */
const defaultInstance = 1

/** Reads files of a device, each once however many paths lead to it. */
class FileReader {
  readonly #client: ObjectClient
  readonly #maxSize: number
  readonly #read = new Map<number, Promise<StoredFile>>()

  constructor(client: ObjectClient, maxSize: number) {
    this.#client = client
    this.#maxSize = maxSize
  }

  all(paths: readonly EPath[], kind: FileKind): Promise<readonly StoredFile[]> {
    return Promise.all(paths.map((path) => this.read(path, kind)))
  }

  read(path: EPath, kind: FileKind): Promise<StoredFile> {
    const target = addressOf(path)
    if (target.class !== file.id || target.instance === undefined) return Promise.resolve({ path, contents: [] })
    const known = this.#read.get(target.instance)
    if (known !== undefined) return known
    const reading = this.#upload(path, target.instance, kind)
    this.#read.set(target.instance, reading)
    return reading
  }

  async #upload(path: EPath, instance: number, kind: FileKind): Promise<StoredFile> {
    try {
      const bytes = await upload(this.#client, instance, { maxSize: this.#maxSize })
      return { path, contents: blocks(bytes, kind) }
    } catch (error) {
      // A file that is missing, empty or nonsense is a finding about the device, not a reason to stop reading it.
      const refused = [...absent, generalStatus.objectStateConflict].some((status) => isStatus(error, status))
      if (refused || error instanceof MalformedMessage) return { path, contents: [] }
      throw error
    }
  }
}

type FileKind = 'certificate' | 'list'

/** DER blocks of a file in PEM or DER. */
function blocks(bytes: Uint8Array, kind: FileKind): readonly Uint8Array[] {
  if (bytes[0] === 0x30) return [bytes]
  const text = utf8(bytes)
  if (text === undefined) throw new MalformedMessage('bad-text', 'a certificate file that is neither DER nor text')
  const label = kind === 'certificate' ? 'CERTIFICATE' : 'X509 CRL'
  return decodePem(text)
    .filter((block) => block.label === label)
    .map((block) => block.bytes)
}

/**
 * What a plan depends on, in a fixed order, hashed. States that come and go by themselves (counters, who is connected)
 * are left out; the default certificate shown at a first contact is in.
 */
function digest(crypto: Crypto, reading: Omit<DeviceReading, 'digest' | 'address' | 'access' | 'suite'>): string {
  const print = (der: Uint8Array | undefined) => (der === undefined ? '' : fingerprint(crypto, der))
  const prints = (files: readonly StoredFile[]) => files.map(({ contents }) => contents.map(print))
  const { security } = reading
  const value = [
    reading.device,
    print(reading.presented[0]),
    reading.unit,
    reading.protectionMode,
    reading.revisions,
    reading.cipSecurityState,
    { ...security, preSharedKeys: security.preSharedKeys.map(({ identity: name, usage }) => [[...name], usage]) },
    reading.pskSlots,
    print(reading.active?.certificate),
    prints(reading.authorities),
    prints(reading.identities),
    prints(reading.revocationLists),
    reading.rules === undefined ? null : [reading.rules.changeCount, reading.rules.ingress, reading.rules.egress],
    reading.ports,
  ]
  const text = JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? hex(part) : part))
  return hex(crypto.digest('SHA-256', latin1Bytes(text.replace(/[\u0100-\uffff]/g, escaped))))
}

/** A character that does not fit in one byte, as JSON may write it. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16)}`
}

/** What a device can do, by its own answers. */
export function capabilitiesOf(reading: DeviceReading): DeviceCapabilities {
  const { security, revisions } = reading
  return {
    capable: true,
    suites: security.availableSuites,
    ...(security.availableOriginatorSuites === undefined
      ? {}
      : { originatorSuites: security.availableOriginatorSuites }),
    objectRevisions: {
      ethernetIpSecurity: revisions.ethernetIpSecurity,
      certificateManagement: revisions.certificateManagement,
    },
    pskSlots: reading.pskSlots,
    ingressEgress: revisions.ingressEgress !== undefined,
    // Whether attribute 12 can be set is seen only by setting it.
  }
}

/** Puts a reading into the words of the policy: names instead of certificates, rules instead of text. */
export function observedSettings(reading: DeviceReading, names: Names, crypto: Crypto): ObservedSettings {
  const { security } = reading
  const nameBy = (files: readonly StoredFile[], name: (der: Uint8Array) => string | undefined): readonly string[] => {
    const found = files.map(({ contents }) => {
      const [der] = contents
      return der === undefined ? 'unknown:unreadable' : (name(der) ?? `unknown:${fingerprint(crypto, der)}`)
    })
    return [...new Set(found)]
  }
  return {
    device: reading.device,
    configured: isConfigured(reading),
    allowedSuites: security.allowedSuites,
    ...(security.allowedOriginatorSuites === undefined ? {} : { originatorSuites: security.allowedOriginatorSuites }),
    verifyClient: security.verifyClient,
    sendChain: security.sendChain,
    checkExpiration: security.checkExpiration,
    checkName: security.checkName,
    dtlsTimeoutS: security.dtlsTimeout,
    authorities: nameBy(reading.authorities, (der) => names.zoneOf(der)),
    identities: nameBy(reading.identities, (der) => names.holderOf(der)),
    psk: security.preSharedKeys.map(({ identity: name, usage }) => ({ identity: pskIdentityText(name), usage })),
    rules: reading.rules === undefined ? undefined : parsedRules(reading.rules),
    ports: reading.ports.map(({ port, protocol, open }) => ({ port, protocol, open })),
  }
}

/** Whether a device is under a policy: it has settings of its own, finished or not. */
export function isConfigured(reading: Pick<DeviceReading, 'cipSecurityState' | 'security'>): boolean {
  return reading.cipSecurityState === 'configured' || configuredStates.includes(reading.security.state)
}

const configuredStates: readonly EthernetIpSecurityStateName[] = ['configured', 'pullModelCompleted']

/** A PSK identity as text: UTF-8 where it is, else hex. */
export function pskIdentityText(octets: Uint8Array): string {
  return utf8(octets) ?? `0x${hex(octets)}`
}

/** The rules of a reading, or undefined when their text is in nobody's grammar: then they are not known. */
export function parsedRules(reading: RulesReading): RuleSet | undefined {
  try {
    return { ingress: parseRules(reading.ingress), egress: parseRules(reading.egress) }
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}
