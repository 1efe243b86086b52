import { internationalText, type StringI } from '../cip/data-types.ts'
import { type EPath, path } from '../cip/epath.ts'
import type { PrivateKey } from '../crypto/provider.ts'
import type { CertificateStateName, CertificateStatusName } from '../objects/certificate-management.ts'
import type { EstServer } from '../enrollment/pull.ts'
import type { EthernetIpSecurityStateName, PreSharedKey } from '../objects/ethernet-ip-security.ts'
import { type FileEncoding, type FileStateName, fileInstances } from '../objects/file.ts'
import { defaultDscp } from '../objects/qos.ts'
import type { RuleSet } from '../policy/settings.ts'
import { defaultAllowedSuites } from '../security/cipher-suites.ts'
import { latin1Bytes } from '../wire/text.ts'
import type { Certificate } from '../x509/certificate.ts'
import { encodePem } from '../x509/pem.ts'
import type { ActiveSecurity } from './hosted-device.ts'
import type { Link } from './link.ts'
import type { AssemblyOptions, DeviceOptions, SecurityOptions } from './options.ts'

/** A configuration session: who holds it, and until when without another Kick_Timer. */
export interface ConfigurationSession {
  readonly owner: Link
  /** Milliseconds of the host's clock. */
  readonly deadline: number
}

/** States of 0x5D as the device tells them apart: attribute 1 shows both configurations as one. */
export type CipSecurityState =
  | 'factoryDefault'
  | 'firstConfiguration'
  | 'reconfiguration'
  | 'configured'
  | 'incompleteConfiguration'

/** What 0x5D holds. */
interface CipSecurityData {
  state: CipSecurityState
  session: ConfigurationSession | undefined
}

/** The attributes of 0x5E that a configuration changes, as one value: replaced, never altered. */
export interface SecuritySettings {
  readonly allowedSuites: readonly number[]
  readonly preSharedKeys: readonly PreSharedKey[]
  readonly activeCertificates: readonly EPath[]
  readonly trustedAuthorities: readonly EPath[]
  readonly revocationLists: readonly EPath[]
  readonly verifyClient: boolean
  readonly sendChain: boolean
  readonly checkExpiration: boolean
  readonly trustedIdentities: readonly EPath[]
  /** Seconds. */
  readonly dtlsTimeout: number
  readonly udpOnlyPolicy: number
  readonly checkName: boolean
  readonly allowedOriginatorSuites: readonly number[]
  readonly ioAuthorizationPolicy: number
}

/** What the pull model keeps in a device, beside 0x5E and 0x5F. */
export interface PullData {
  /** A key whose certificate is not there yet. */
  pending: PendingKey | undefined
  /** Where the certificate in force was earned; undefined for one that was not pulled. */
  origin: PullOrigin | undefined
  /** Where the certificate comes from that is just being installed. Not stored. */
  next: PullOrigin | undefined
}

/** A key that a certificate was, or is to be, asked for. */
export interface PendingKey {
  readonly key: PrivateKey
  /** DER PKCS#10. */
  readonly request: Uint8Array
  /** DER of the certificate that it is to replace. */
  readonly renews: Uint8Array | undefined
  /** Since when it waits for approval, milliseconds of the clock of whoever pulls; undefined: it does not. */
  since: number | undefined
}

/** Where and when a certificate was earned. */
export interface PullOrigin {
  readonly server: EstServer
  /** Milliseconds of the clock of whoever pulls. */
  readonly installedAt: number
}

/** Nothing pulled. */
export function factoryPull(): PullData {
  return { pending: undefined, origin: undefined, next: undefined }
}

/** What 0x5E holds. */
interface EthernetIpSecurityData {
  state: EthernetIpSecurityStateName
  /** Where Abort_Config and the timeout lead back to. */
  previous: EthernetIpSecurityStateName
  session: ConfigurationSession | undefined
  /** In force. */
  settings: SecuritySettings
  /** Begun and not applied. */
  pending: SecuritySettings | undefined
  pullEnabled: boolean
  pullStatus: number
  pull: PullData
  /** Counts changes of what is in force. */
  generation: number
  /** Built when first asked for. */
  active: ActiveSecurity | undefined
}

/** Where a certificate of an instance lies and what is known of it. */
export interface CertificatePlace {
  readonly status: CertificateStatusName
  /** A File instance; empty for none. */
  readonly path: EPath
}

/** One Certificate Management instance. */
export interface CertificateData {
  readonly name: string
  state: CertificateStateName
  device: CertificatePlace
  ca: CertificatePlace
  key: PrivateKey | undefined
  /** File with the request of the last Create_CSR; 0 is none. */
  csrFile: number
  /** A key pair is being made. */
  busy: boolean
}

/** A transfer under way. */
interface Transfer {
  readonly owner: Link
  /** Bytes of file in one packet. */
  readonly size: number
  /** Number of the packet that is expected next. */
  next: number
  /** Bytes of the file that are through. */
  offset: number
  /** Where the packet before began: an upload repeats it on demand. */
  lastOffset: number
  /** Being filled by a download. */
  readonly buffer: Uint8Array | undefined
  readonly fileName: StringI
  readonly major: number
  readonly minor: number
  deadline: number
}

/** One File instance. */
export interface FileData {
  readonly instanceName: StringI
  fileName: StringI
  content: Uint8Array
  state: FileStateName
  readonly encoding: FileEncoding
  major: number
  minor: number
  readonly readOnly: boolean
  /** Exists from the factory on, cannot be deleted. */
  readonly isStatic: boolean
  /** Seconds. */
  timeoutS: number
  transfer: Transfer | undefined
  /** The certificates in `content` as they were read last: settings and verification look at the same ones. Not stored. */
  read?: { readonly content: Uint8Array; readonly certificates: readonly Certificate[] }
}

/** An administered port of 0xF5 attribute 14. */
interface PortData {
  readonly name: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  open: boolean
}

/** Rules of 0x63, as text and read. */
export interface RulesData {
  changeCount: number
  ingress: readonly string[]
  egress: readonly string[]
  /** Built when first asked for. */
  read: RuleSet | undefined
}

/** What TCP/IP Interface keeps. */
interface TcpIpData {
  readonly ports: readonly PortData[]
  /** ICMP, 0xF5 attribute 15. */
  icmpOpen: boolean
  hostName: string
  ttl: number
  selectAcd: boolean
  quickConnect: boolean
  /** Seconds; 0 never. */
  inactivityTimeoutS: number
}

/** DSCP values of 0x48, in the order of its attributes 1 to 8. */
export type QosData = [tag: number, number, number, number, number, number, number, number]

/** One Assembly instance. */
export interface AssemblyData {
  readonly options: AssemblyOptions
  readonly data: Uint8Array
}

/** Everything the objects of one device hold. */
export interface DeviceData {
  readonly cipSecurity: CipSecurityData
  readonly ethernetIpSecurity: EthernetIpSecurityData
  readonly certificates: Map<number, CertificateData>
  nextCertificate: number
  readonly files: Map<number, FileData>
  nextFile: number
  readonly rules: RulesData
  readonly tcpIp: TcpIpData
  qos: QosData
  readonly assemblies: Map<number, AssemblyData>
  readonly identity: { heartbeat: number; protectionMode: number; consistency: number }
}

/** Instance of the default certificate in 0x5F. */
export const defaultCertificateInstance = 1

/** Path of the default certificate, as 0x5E attribute 6 holds it in factory default. */
const defaultCertificatePath: EPath = path({ class: 0x5f, instance: defaultCertificateInstance })

/** No path at all. */
export const noPath: EPath = []

const noPaths: readonly EPath[] = []
const defaultActive: readonly EPath[] = [defaultCertificatePath]

/** DTLS timeout from the factory, seconds (0x5E attribute 15). */
export const defaultDtlsTimeoutS = 12

/** Encapsulation inactivity timeout from the factory, seconds (0xF5 attribute 13). */
const defaultInactivityTimeoutS = 120

/** Seconds after which a transfer without packets is dropped (0x37 attribute 12). */
export const defaultTransferTimeoutS = 10

/** Settings of 0x5E from the factory. */
export function factorySettings(security: SecurityOptions | undefined): SecuritySettings {
  const suites = security?.suites ?? []
  const originator = security?.originatorSuites ?? suites
  return {
    allowedSuites: defaultAllowedSuites.filter((suite) => suites.includes(suite)),
    preSharedKeys: [],
    activeCertificates: defaultActive,
    trustedAuthorities: noPaths,
    revocationLists: noPaths,
    verifyClient: false,
    sendChain: false,
    checkExpiration: false,
    trustedIdentities: noPaths,
    dtlsTimeout: defaultDtlsTimeoutS,
    udpOnlyPolicy: 0,
    checkName: false,
    allowedOriginatorSuites: defaultAllowedSuites.filter((suite) => originator.includes(suite)),
    ioAuthorizationPolicy: 0,
  }
}

/** 0x5D from the factory. */
function factoryCipSecurity(): CipSecurityData {
  return { state: 'factoryDefault', session: undefined }
}

/** 0x5E from the factory. */
function factoryEthernetIpSecurity(security: SecurityOptions | undefined): EthernetIpSecurityData {
  return {
    state: 'factoryDefault',
    previous: 'factoryDefault',
    session: undefined,
    settings: factorySettings(security),
    pending: undefined,
    pullEnabled: true,
    pullStatus: 0,
    pull: factoryPull(),
    generation: 0,
    active: undefined,
  }
}

/** A File instance that exists from the factory on. */
function staticFile(name: string, content: Uint8Array, encoding: FileEncoding): FileData {
  return {
    instanceName: internationalText(name),
    fileName: internationalText(name),
    content,
    state: 'loaded',
    encoding,
    major: 1,
    minor: 1,
    readOnly: true,
    isStatic: true,
    timeoutS: defaultTransferTimeoutS,
    transfer: undefined,
  }
}

/** The File instances a device has from the factory. */
function factoryFiles(options: DeviceOptions): Map<number, FileData> {
  const files = new Map<number, FileData>()
  if (options.eds !== undefined) files.set(fileInstances.eds, staticFile('EDS.txt', options.eds, 'text'))
  const [leaf, ...issuers] = options.security?.credentials.chain ?? []
  if (leaf !== undefined) {
    files.set(fileInstances.defaultDeviceCertificate, staticFile('default.pem', pem([leaf]), 'pemCertificate'))
  }
  if (issuers.length > 0) {
    files.set(fileInstances.defaultCaCertificate, staticFile('default-ca.pem', pem(issuers), 'pemCertificate'))
  }
  return files
}

function pem(certificates: readonly Uint8Array[]): Uint8Array {
  return latin1Bytes(certificates.map((der) => encodePem('CERTIFICATE', der)).join(''))
}

/** The Certificate Management instances a device has from the factory. */
function factoryCertificates(options: DeviceOptions): Map<number, CertificateData> {
  const certificates = new Map<number, CertificateData>()
  const credentials = options.security?.credentials
  if (credentials === undefined) return certificates
  const place = (instance: number): CertificatePlace => ({
    status: 'verified',
    path: path({ class: 0x37, instance }),
  })
  certificates.set(defaultCertificateInstance, {
    name: 'Default',
    state: 'verified',
    device: place(fileInstances.defaultDeviceCertificate),
    ca:
      credentials.chain.length > 1
        ? place(fileInstances.defaultCaCertificate)
        : { status: 'notVerified', path: noPath },
    key: credentials.key,
    csrFile: 0,
    busy: false,
  })
  return certificates
}

/** Port of a device's own pages. */
export const pagesPort = 80

/** 0xF5 from the factory: every port open, the secured ones only where the device has CIP Security. */
function factoryTcpIp(options: DeviceOptions): TcpIpData {
  const ports: PortData[] = [
    { name: 'EtherNet/IP TCP', port: 44818, protocol: 'tcp', open: true },
    { name: 'EtherNet/IP UDP', port: 44818, protocol: 'udp', open: true },
    { name: 'EtherNet/IP I/O', port: 2222, protocol: 'udp', open: true },
  ]
  if (options.security !== undefined) {
    ports.push(
      { name: 'EtherNet/IP TLS', port: 2221, protocol: 'tcp', open: true },
      { name: 'EtherNet/IP DTLS', port: 2221, protocol: 'udp', open: true },
    )
  }
  if (options.pages === true) ports.push({ name: 'HTTP', port: pagesPort, protocol: 'tcp', open: true })
  return {
    ports,
    icmpOpen: true,
    hostName: options.hostName ?? '',
    ttl: 1,
    selectAcd: false,
    quickConnect: false,
    inactivityTimeoutS: defaultInactivityTimeoutS,
  }
}

/** 0x48 from the factory. */
function factoryQos(): QosData {
  return [
    0,
    defaultDscp.ptpEvent,
    defaultDscp.ptpGeneral,
    defaultDscp.urgent,
    defaultDscp.scheduled,
    defaultDscp.high,
    defaultDscp.low,
    defaultDscp.explicit,
  ]
}

/** The Assembly instances a device has. */
export function factoryAssemblies(options: DeviceOptions): Map<number, AssemblyData> {
  const assemblies = new Map<number, AssemblyData>()
  for (const assembly of options.assemblies ?? []) {
    const data = new Uint8Array(assembly.size)
    if (assembly.data !== undefined) data.set(assembly.data.subarray(0, assembly.size))
    assemblies.set(assembly.instance, { options: assembly, data })
  }
  return assemblies
}

/** A device as it leaves the factory. */
export function factoryData(options: DeviceOptions): DeviceData {
  return {
    cipSecurity: factoryCipSecurity(),
    ethernetIpSecurity: factoryEthernetIpSecurity(options.security),
    certificates: factoryCertificates(options),
    nextCertificate: defaultCertificateInstance + 1,
    files: factoryFiles(options),
    nextFile: fileInstances.firstDynamic,
    rules: { changeCount: 0, ingress: [], egress: [], read: undefined },
    tcpIp: factoryTcpIp(options),
    qos: factoryQos(),
    assemblies: factoryAssemblies(options),
    identity: { heartbeat: 0, protectionMode: 0, consistency: 0 },
  }
}
