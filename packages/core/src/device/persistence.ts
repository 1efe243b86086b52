import type { StringI } from '../cip/data-types.ts'
import { type EPath, paddedEPath } from '../cip/epath.ts'
import type { PrivateKey } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { type CertificateStateName, certificateStates } from '../objects/certificate-management.ts'
import { type EthernetIpSecurityStateName, type PskUsage, pullStatuses } from '../objects/ethernet-ip-security.ts'
import { ethernetIpSecurityStates } from '../enip/identity-item.ts'
import type { FileEncoding } from '../objects/file.ts'
import { decode, encode } from '../wire/codec.ts'
import { decodeBase64, encodeBase64 } from '../x509/pem.ts'
import {
  type CertificateData,
  type CertificatePlace,
  type CipSecurityState,
  type DeviceData,
  defaultCertificateInstance,
  type FileData,
  factoryData,
  type PullData,
  type PullOrigin,
  type QosData,
  type SecuritySettings,
} from './data.ts'
import type { DeviceOptions } from './options.ts'
import { nextState } from './state-machine.ts'
import { cipSecurityMachine } from './security/cip-security.ts'
import { ethernetIpSecurityMachine } from './security/ethernet-ip-security.ts'

/** Settings of 0x5E without the keys of attribute 5; byte strings and paths as base64. */
export type StoredSettings = Omit<
  SecuritySettings,
  'preSharedKeys' | 'activeCertificates' | 'trustedAuthorities' | 'revocationLists' | 'trustedIdentities'
> & {
  readonly preSharedKeys: readonly { readonly identity: string; readonly usage: PskUsage }[]
  /** Paths as padded EPATH. */
  readonly activeCertificates: readonly string[]
  readonly trustedAuthorities: readonly string[]
  readonly revocationLists: readonly string[]
  readonly trustedIdentities: readonly string[]
}

/** Where a certificate of 0x5F lies, its path as padded EPATH. Byte strings of a stored state are base64. */
export interface StoredPlace {
  readonly status: CertificatePlace['status']
  readonly path: string
}

/** Everything of a device that survives a power cycle, as plain JSON, without secrets. */
export interface DeviceState {
  readonly version: 1
  readonly cipSecurity: CipSecurityState
  readonly ethernetIpSecurity: {
    readonly state: EthernetIpSecurityStateName
    readonly settings: StoredSettings
    readonly pullEnabled: boolean
    readonly pullStatus: number
    readonly generation: number
    /** Absent: nothing was pulled and no request is under way. Byte strings are base64. */
    readonly pull?: {
      readonly origin?: PullOrigin
      readonly request?: string
      readonly renews?: string
      /** Milliseconds: since when the request waits for approval. */
      readonly since?: number
    }
  }
  readonly certificates: readonly {
    readonly instance: number
    readonly name: string
    readonly state: CertificateStateName
    readonly device: StoredPlace
    readonly ca: StoredPlace
    readonly csrFile: number
  }[]
  readonly nextCertificate: number
  readonly files: readonly {
    readonly instance: number
    readonly instanceName: StringI
    readonly fileName: StringI
    readonly content: string
    readonly encoding: FileEncoding
    readonly revision: readonly [number, number]
    readonly readOnly: boolean
    readonly timeoutS: number
  }[]
  readonly nextFile: number
  readonly rules: {
    readonly changeCount: number
    readonly ingress: readonly string[]
    readonly egress: readonly string[]
  }
  readonly tcpIp: {
    readonly closed: readonly { readonly port: number; readonly protocol: 'tcp' | 'udp' }[]
    readonly icmpOpen: boolean
    readonly hostName: string
    readonly ttl: number
    readonly selectAcd: boolean
    readonly quickConnect: boolean
    readonly inactivityTimeoutS: number
  }
  readonly qos: readonly number[]
  readonly identity: { readonly heartbeat: number; readonly protectionMode: number; readonly consistency: number }
}

/** The secrets that belong to a {@link DeviceState}: whoever stores them seals them. */
export interface DeviceSecrets {
  readonly version: 1
  /** Private keys by Certificate Management instance, PKCS#8; instance 1 is not among them. */
  readonly keys: readonly { readonly instance: number; readonly pkcs8: string }[]
  /** Keys of the pre-shared keys, in the order of attribute 5. */
  readonly preSharedKeys: readonly string[]
  /** Key of the pull model's request, PKCS#8. */
  readonly pullKey?: string
}

const storedPath = (path: EPath): string => encodeBase64(encode(paddedEPath, path))
const readPath = (text: string): EPath => decode(paddedEPath, decodeBase64(text, 'a stored path'))

/** What is to be stored of a device. A configuration under way is stored as a power cycle would leave it. */
export function persistData(data: DeviceData): { readonly state: DeviceState; readonly secrets: DeviceSecrets } {
  const { cipSecurity, ethernetIpSecurity, certificates, files, rules, tcpIp } = data
  const dynamic = [...certificates].filter(([instance]) => instance !== defaultCertificateInstance)
  const state: DeviceState = {
    version: 1,
    cipSecurity: nextState(cipSecurityMachine, cipSecurity.state, 'powerUp') ?? cipSecurity.state,
    ethernetIpSecurity: {
      state:
        nextState(ethernetIpSecurityMachine, ethernetIpSecurity.state, 'powerUp', ethernetIpSecurity.previous) ??
        ethernetIpSecurity.state,
      settings: storeSettings(ethernetIpSecurity.settings),
      pullEnabled: ethernetIpSecurity.pullEnabled,
      pullStatus: ethernetIpSecurity.pullStatus,
      generation: ethernetIpSecurity.generation,
      ...storePull(ethernetIpSecurity.pull),
    },
    certificates: dynamic.map(([instance, certificate]) => ({
      instance,
      name: certificate.name,
      state: certificate.state,
      device: { status: certificate.device.status, path: storedPath(certificate.device.path) },
      ca: { status: certificate.ca.status, path: storedPath(certificate.ca.path) },
      csrFile: certificate.csrFile,
    })),
    nextCertificate: data.nextCertificate,
    files: [...files].filter(([, file]) => !file.isStatic).map(([instance, file]) => storeFile(instance, file)),
    nextFile: data.nextFile,
    rules: { changeCount: rules.changeCount, ingress: rules.ingress, egress: rules.egress },
    tcpIp: {
      closed: tcpIp.ports.filter(({ open }) => !open).map(({ port, protocol }) => ({ port, protocol })),
      icmpOpen: tcpIp.icmpOpen,
      hostName: tcpIp.hostName,
      ttl: tcpIp.ttl,
      selectAcd: tcpIp.selectAcd,
      quickConnect: tcpIp.quickConnect,
      inactivityTimeoutS: tcpIp.inactivityTimeoutS,
    },
    qos: [...data.qos],
    identity: { ...data.identity },
  }
  return { state, secrets: persistSecrets(data) }
}

function storePull({ pending, origin }: PullData): Pick<DeviceState['ethernetIpSecurity'], 'pull'> {
  if (pending === undefined && origin === undefined) return {}
  return {
    pull: {
      ...(origin === undefined ? {} : { origin }),
      ...(pending === undefined ? {} : { request: encodeBase64(pending.request) }),
      ...(pending?.since === undefined ? {} : { since: pending.since }),
      ...(pending?.renews === undefined ? {} : { renews: encodeBase64(pending.renews) }),
    },
  }
}

function persistSecrets(data: DeviceData): DeviceSecrets {
  const keys = [...data.certificates].flatMap(([instance, certificate]) => {
    const pkcs8 = instance === defaultCertificateInstance ? undefined : certificate.key?.export()
    return pkcs8 === undefined ? [] : [{ instance, pkcs8: encodeBase64(pkcs8) }]
  })
  const { settings, pull } = data.ethernetIpSecurity
  const pullKey = pull.pending?.key.export()
  return {
    version: 1,
    keys,
    preSharedKeys: settings.preSharedKeys.map((psk) => encodeBase64(psk.key)),
    ...(pullKey === undefined ? {} : { pullKey: encodeBase64(pullKey) }),
  }
}

function storeSettings(settings: SecuritySettings): StoredSettings {
  return {
    ...settings,
    preSharedKeys: settings.preSharedKeys.map(({ identity, usage }) => ({ identity: encodeBase64(identity), usage })),
    activeCertificates: settings.activeCertificates.map(storedPath),
    trustedAuthorities: settings.trustedAuthorities.map(storedPath),
    revocationLists: settings.revocationLists.map(storedPath),
    trustedIdentities: settings.trustedIdentities.map(storedPath),
  }
}

function storeFile(instance: number, file: FileData): DeviceState['files'][number] {
  return {
    instance,
    instanceName: file.instanceName,
    fileName: file.fileName,
    content: encodeBase64(file.content),
    encoding: file.encoding,
    revision: [file.major, file.minor],
    readOnly: file.readOnly,
    timeoutS: file.timeoutS,
  }
}

function wrong(what: string): MalformedMessage {
  return new MalformedMessage('unknown-value', `stored device state: ${what}; remove it to begin from factory default`)
}

/**
 * The data of a device as it was stored.
 * @throws MalformedMessage for a state of another version, or secrets that do not belong to it
 */
export function restoreData(options: DeviceOptions, state: DeviceState, secrets: DeviceSecrets): DeviceData {
  if (state.version !== 1 || secrets.version !== 1) throw wrong(`expected version 1, got ${String(state.version)}`)
  if (!(state.cipSecurity in cipSecurityMachine.states)) throw wrong(`unknown state of 0x5D ${state.cipSecurity}`)
  const stored = state.ethernetIpSecurity
  if (!(stored.state in ethernetIpSecurityStates)) throw wrong(`unknown state of 0x5E ${stored.state}`)
  if (stored.settings.preSharedKeys.length !== secrets.preSharedKeys.length) {
    throw wrong(`${stored.settings.preSharedKeys.length} pre-shared keys, but ${secrets.preSharedKeys.length} secrets`)
  }
  const data = factoryData(options)
  data.cipSecurity.state = state.cipSecurity
  const security = data.ethernetIpSecurity
  security.state = stored.state
  security.previous = stored.state
  security.settings = restoreSettings(stored.settings, secrets)
  security.pullEnabled = stored.pullEnabled
  // Attribute 14 is not kept over a power cycle.
  security.pullStatus = stored.pullEnabled ? pullStatuses.idle : pullStatuses.disabled
  security.pull = restorePull(options, stored.pull, secrets.pullKey)
  security.generation = stored.generation
  const keys = new Map(secrets.keys.map(({ instance, pkcs8 }) => [instance, pkcs8]))
  for (const certificate of state.certificates) {
    const pkcs8 = keys.get(certificate.instance)
    const key = pkcs8 === undefined ? undefined : options.crypto.importKey(decodeBase64(pkcs8, 'a stored key'))
    data.certificates.set(certificate.instance, restoreCertificate(certificate, key))
  }
  data.nextCertificate = state.nextCertificate
  for (const file of state.files) data.files.set(file.instance, restoreFile(file))
  data.nextFile = state.nextFile
  Object.assign(data.rules, state.rules)
  const { closed, ...tcpIp } = state.tcpIp
  Object.assign(data.tcpIp, tcpIp)
  for (const entry of data.tcpIp.ports) {
    entry.open = !closed.some(({ port, protocol }) => port === entry.port && protocol === entry.protocol)
  }
  if (state.qos.length === data.qos.length) data.qos = [...state.qos] as QosData // the lengths were compared
  Object.assign(data.identity, state.identity)
  return data
}

function restorePull(
  { crypto }: DeviceOptions,
  stored: DeviceState['ethernetIpSecurity']['pull'],
  pullKey: string | undefined,
): PullData {
  const { origin, request, renews, since } = stored ?? {}
  // A key that cannot leave its hardware is not among the secrets: then another is made.
  if (request === undefined || pullKey === undefined) return { pending: undefined, origin, next: undefined }
  const pending = {
    key: crypto.importKey(decodeBase64(pullKey, 'a stored key')),
    request: decodeBase64(request, 'a stored request'),
    renews: renews === undefined ? undefined : decodeBase64(renews, 'a stored certificate'),
    since,
  }
  return { pending, origin, next: undefined }
}

function restoreSettings(stored: StoredSettings, secrets: DeviceSecrets): SecuritySettings {
  return {
    ...stored,
    preSharedKeys: stored.preSharedKeys.map(({ identity, usage }, index) => ({
      identity: decodeBase64(identity, 'a stored PSK identity'),
      key: decodeBase64(secrets.preSharedKeys[index] ?? '', 'a stored PSK'),
      usage,
    })),
    activeCertificates: stored.activeCertificates.map(readPath),
    trustedAuthorities: stored.trustedAuthorities.map(readPath),
    revocationLists: stored.revocationLists.map(readPath),
    trustedIdentities: stored.trustedIdentities.map(readPath),
  }
}

function restoreCertificate(stored: DeviceState['certificates'][number], key: PrivateKey | undefined): CertificateData {
  if (!(stored.state in certificateStates)) throw wrong(`unknown state of 0x5F ${stored.state}`)
  const place = ({ status, path }: StoredPlace): CertificatePlace => ({ status, path: readPath(path) })
  return {
    name: stored.name,
    state: stored.state,
    device: place(stored.device),
    ca: place(stored.ca),
    key,
    csrFile: stored.csrFile,
    busy: false,
  }
}

function restoreFile(stored: DeviceState['files'][number]): FileData {
  const content = decodeBase64(stored.content, 'a stored file')
  return {
    instanceName: stored.instanceName,
    fileName: stored.fileName,
    content,
    // A transfer does not outlive a power cycle: what was being replaced is empty.
    state: content.length > 0 ? 'loaded' : 'empty',
    encoding: stored.encoding,
    major: stored.revision[0],
    minor: stored.revision[1],
    readOnly: stored.readOnly,
    isStatic: false,
    timeoutS: stored.timeoutS,
    transfer: undefined,
  }
}
