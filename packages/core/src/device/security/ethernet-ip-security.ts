import type { EPath } from '../../cip/epath.ts'
import { generalStatus } from '../../cip/general-status.ts'
import { commonServices } from '../../cip/services.ts'
import type { KeyKind } from '../../crypto/provider.ts'
import { ethernetIpSecurityStates } from '../../enip/identity-item.ts'
import {
  applyFailedStatus,
  applyFailures,
  applyFlags,
  type ApplyConfig,
  type EthernetIpSecurityStateName,
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  type PreSharedKey,
  pullStatuses,
} from '../../objects/ethernet-ip-security.ts'
import { findSuite } from '../../security/cipher-suites.ts'
import { behaviour, type BehaviourDeclaration, type Call } from '../attributes.ts'
import { type DeviceContext, isConfigured, mayConfigure } from '../context.ts'
import { defaultCertificateInstance, factoryPull, factorySettings, type SecuritySettings } from '../data.ts'
import type { ActiveSecurity } from '../hosted-device.ts'
import { isConfidentialLink } from '../link.ts'
import { done, type Outcome, type Refusal, refuse } from '../outcome.ts'
import { nextState, type StateMachine } from '../state-machine.ts'
import { cleanUp } from './cleanup.ts'
import { ownerOnly, sessionBegan, sessionEnded, sessionOf } from './configuration-session.ts'
import {
  authorityFile,
  certificateOf,
  certificatesIn,
  fileOf,
  loadedFile,
  readable,
  revocationListsIn,
} from './references.ts'

/** What can happen to the EtherNet/IP Security Object. */
export type EthernetIpSecurityEvent =
  | 'beginConfig'
  | 'kickTimer'
  | 'applyConfig'
  | 'abortConfig'
  | 'timeout'
  | 'configuratorLost'
  | 'powerUp'
  | 'pullStarted'
  | 'pullSucceeded'
  | 'pullGaveUp'
  | 'reset'
  | 'resetWithoutPull'

/**
 * The EtherNet/IP Security Object as a table (Volume 8 via cip-security-wire 4.2).
 *
 * Deviation: Begin_Config from 4 and 5, and where Abort_Config and the timeout lead, are not public.
 */
export const ethernetIpSecurityMachine: StateMachine<EthernetIpSecurityStateName, EthernetIpSecurityEvent> = {
  name: 'EtherNet/IP Security Object (0x5E)',
  states: ethernetIpSecurityStates,
  initial: 'factoryDefault',
  refusal: generalStatus.objectStateConflict,
  transitions: [
    {
      from: ['factoryDefault', 'pullModelDisabled'],
      event: 'beginConfig',
      to: 'configurationInProgress',
      effect: 'the caller owns the configuration for 10 s; pending values begin as the ones in force',
    },
    {
      from: ['configured', 'pullModelCompleted'],
      event: 'beginConfig',
      when: 'over a secure link, else 0x0F',
      to: 'configurationInProgress',
      effect: 'the caller owns the configuration for 10 s; pending values begin as the ones in force',
    },
    {
      from: ['configurationInProgress'],
      event: 'kickTimer',
      when: 'by the owner, else 0x0F',
      to: 'same',
      effect: 'another 10 s',
    },
    {
      from: ['configurationInProgress'],
      event: 'applyConfig',
      when: 'by the owner, else 0x0F; with usable suites and credentials, else 0xD0',
      to: 'configured',
      effect: 'pending values are in force for associations set up from now on',
    },
    {
      from: ['configurationInProgress'],
      event: 'abortConfig',
      when: 'by the owner, else 0x0F',
      to: 'previous',
      effect: 'pending values are dropped',
    },
    { from: ['configurationInProgress'], event: 'timeout', to: 'previous', effect: 'pending values are dropped' },
    {
      from: ['configurationInProgress'],
      event: 'configuratorLost',
      to: 'previous',
      effect: 'pending values are dropped',
    },
    { from: ['configurationInProgress'], event: 'powerUp', to: 'previous', effect: 'pending values are lost' },
    {
      from: ['factoryDefault'],
      event: 'pullStarted',
      when: 'pull is enabled and an EST server was found',
      to: 'pullModelInProgress',
    },
    {
      from: ['pullModelInProgress', 'pullModelCompleted'],
      event: 'pullSucceeded',
      when: 'the certificate was verified',
      to: 'pullModelCompleted',
      effect: 'key, certificate and CA certificates are in force for associations set up from now on',
    },
    { from: ['pullModelInProgress'], event: 'pullGaveUp', to: 'factoryDefault', effect: 'tried again later' },
    { from: ['pullModelInProgress'], event: 'powerUp', to: 'factoryDefault' },
    {
      from: 'any',
      event: 'reset',
      when: 'over a secure link once configured, else 0x0F',
      to: 'factoryDefault',
      effect: 'attribute 14 is 0; pre-shared keys are erased',
    },
    {
      from: 'any',
      event: 'resetWithoutPull',
      when: 'over a secure link once configured, else 0x0F',
      to: 'pullModelDisabled',
      effect: 'attribute 14 is 0xFFFF; pre-shared keys are erased',
    },
  ],
}

/** A step of the machine; nothing when it is allowed. */
export function stepEthernetIpSecurity(device: DeviceContext, event: EthernetIpSecurityEvent): Refusal | undefined {
  const data = device.data.ethernetIpSecurity
  const next = nextState(ethernetIpSecurityMachine, data.state, event, data.previous)
  if (next === undefined) return refuse(ethernetIpSecurityMachine.refusal)
  if (next !== data.state) {
    const begins = next === 'configurationInProgress'
    if (begins) data.previous = data.state
    data.state = next
    // A power cycle leads back to the state before, so what is begun is nothing to store.
    if (!begins && !passing.includes(event)) device.changed()
  }
  return undefined
}

/** Events between states that a power cycle makes one. */
const passing: readonly EthernetIpSecurityEvent[] = ['pullStarted', 'pullGaveUp']

function begin(call: Call): Outcome<undefined> {
  const { device, link } = call
  const data = device.data.ethernetIpSecurity
  if (data.session !== undefined) return refuse(generalStatus.objectStateConflict)
  if (!mayConfigure(device, link)) return refuse(generalStatus.privilegeViolation)
  const refusal = stepEthernetIpSecurity(device, 'beginConfig')
  if (refusal !== undefined) return refusal
  data.session = sessionOf(call)
  data.pending = data.settings
  device.deadlineMoved()
  sessionBegan(device)
  return done
}

function kick(call: Call): Outcome<undefined> {
  const refusal =
    ownerOnly(call.device.data.ethernetIpSecurity.session, call.link) ??
    stepEthernetIpSecurity(call.device, 'kickTimer')
  if (refusal !== undefined) return refusal
  call.device.data.ethernetIpSecurity.session = sessionOf(call)
  call.device.deadlineMoved()
  return done
}

function abort(call: Call): Outcome<undefined> {
  const refusal = ownerOnly(call.device.data.ethernetIpSecurity.session, call.link)
  if (refusal !== undefined) return refusal
  dropPending(call.device, 'abortConfig')
  call.device.report('config-aborted', 'notice', 'pending settings dropped', call.link)
  sessionEnded(call.device)
  return done
}

function dropPending(device: DeviceContext, event: EthernetIpSecurityEvent): void {
  const data = device.data.ethernetIpSecurity
  eraseKeys(data.pending?.preSharedKeys ?? [], data.settings.preSharedKeys)
  data.pending = undefined
  data.session = undefined
  stepEthernetIpSecurity(device, event)
  device.deadlineMoved()
}

/** Overwrites keys that nothing else holds. */
function eraseKeys(keys: readonly PreSharedKey[], kept: readonly PreSharedKey[]): void {
  for (const psk of keys) if (!kept.includes(psk)) psk.key.fill(0)
}

/** The configuration session ended without Apply_Config. */
export function endEthernetIpSecuritySession(
  device: DeviceContext,
  event: 'timeout' | 'configuratorLost' | 'powerUp',
): void {
  const data = device.data.ethernetIpSecurity
  if (data.session === undefined && event !== 'powerUp') return
  const owner = data.session?.owner
  dropPending(device, event)
  if (event === 'timeout') device.report('config-timeout', 'warning', '0x5E: no Kick_Timer for 10 s', owner)
  sessionEnded(device)
}

function apply(call: Call, request: ApplyConfig | undefined): Outcome<undefined> {
  const { device, link } = call
  const data = device.data.ethernetIpSecurity
  const refusal = ownerOnly(call.device.data.ethernetIpSecurity.session, call.link)
  if (refusal !== undefined) return refusal
  const { pending } = data
  if (pending === undefined) return refuse(generalStatus.objectStateConflict)
  const failure = whyNotApplicable(device, pending)
  if (failure !== undefined) {
    device.report('config-refused', 'warning', `settings cannot be applied: ${failure}`, link)
    return refuse(applyFailedStatus, applyFailures[failure])
  }
  const old = data.settings
  data.settings = pending
  data.pending = undefined
  data.session = undefined
  // From now on the identity is the configurator's to renew.
  data.pull = factoryPull()
  stepEthernetIpSecurity(device, 'applyConfig')
  eraseKeys(old.preSharedKeys, pending.preSharedKeys)
  device.deadlineMoved()
  device.securityChanged()
  device.report('config-applied', 'notice', 'new security settings in force', link)
  const flags = request?.flags ?? 0
  if ((flags & applyFlags.closeConnections) !== 0) {
    closeSecuredLinks(device, request?.closeDelayMs ?? 0, 'Apply_Config closes connections of the old settings')
  }
  if ((flags & applyFlags.cleanUp) !== 0) cleanUp(device)
  sessionEnded(device)
  return done
}

/** Asks the host to close every TLS and DTLS association that exists by then. */
export function closeSecuredLinks(device: DeviceContext, afterMs: number, reason: string): void {
  device.act({ kind: 'close-links', which: 'all-secure', afterMs, reason })
}

/** Which of the four failures of Apply_Config stands in the way, if any. */
function whyNotApplicable(device: DeviceContext, settings: SecuritySettings): keyof typeof applyFailures | undefined {
  const kinds = settings.allowedSuites.map((suite) => findSuite(suite)?.authentication)
  if (kinds.length === 0) return 'noSuites'
  const certificateKinds = kinds.filter((kind) => kind === 'ecdsa' || kind === 'rsa')
  const hasPsk = settings.preSharedKeys.length > 0
  if (certificateKinds.length === 0) return hasPsk ? undefined : 'noPsk'
  const key = activeKey(device, settings)
  if (key === undefined) {
    const onlyCertificates = certificateKinds.length === kinds.length
    return onlyCertificates || !hasPsk ? 'noCertificate' : undefined
  }
  return certificateKinds.includes(key) ? undefined : 'keyMismatch'
}

function activeKey(device: DeviceContext, settings: SecuritySettings): 'ecdsa' | 'rsa' | undefined {
  const instance = activeInstance(settings)
  const data = instance === undefined ? undefined : device.data.certificates.get(instance)
  if (data?.state !== 'verified' || data.key === undefined) return undefined
  return kindOf(data.key.kind)
}

function kindOf(kind: KeyKind): 'ecdsa' | 'rsa' {
  return kind.startsWith('rsa') ? 'rsa' : 'ecdsa'
}

/** The Certificate Management instance that settings name, if any. */
export function activeInstance(settings: SecuritySettings): number | undefined {
  const [path] = settings.activeCertificates
  return path === undefined ? undefined : certificateOf(path)
}

function reset(call: Call, request: { readonly enablePull?: boolean }): Outcome<undefined> {
  const { device, link } = call
  if (!mayConfigure(device, link)) return refuse(generalStatus.privilegeViolation)
  resetEthernetIpSecurity(device, request.enablePull ?? true)
  closeSecuredLinks(device, 0, 'EtherNet/IP Security reset')
  device.report('reset', 'warning', 'EtherNet/IP Security reset', link)
  device.tellPull({ kind: 'reset', enabled: request.enablePull ?? true })
  return done
}

/**
 * 0x5E goes to its defaults, with or without pull. Pre-shared keys are overwritten; what was pulled, and everything else
 * that nothing refers to any more, is erased from a device that has the pull model.
 */
export function resetEthernetIpSecurity(device: DeviceContext, enablePull: boolean): void {
  const data = device.data.ethernetIpSecurity
  eraseKeys(data.pending?.preSharedKeys ?? [], [])
  eraseKeys(data.settings.preSharedKeys, [])
  data.pending = undefined
  data.session = undefined
  data.settings = factorySettings(device.options.security)
  data.pullEnabled = enablePull
  data.pullStatus = enablePull ? pullStatuses.idle : pullStatuses.disabled
  data.pull = factoryPull()
  if (device.options.security?.pull === true) cleanUp(device)
  stepEthernetIpSecurity(device, enablePull ? 'reset' : 'resetWithoutPull')
  data.previous = data.state
  device.changed()
  device.deadlineMoved()
  device.securityChanged()
}

/** What a caller sees: the owner what is pending, everybody else what is in force. Deviation: ours. */
function visible({ device, link }: Call): SecuritySettings {
  const data = device.data.ethernetIpSecurity
  return data.pending !== undefined && data.session?.owner === link ? data.pending : data.settings
}

function change(call: Call, part: Partial<SecuritySettings>): undefined {
  const data = call.device.data.ethernetIpSecurity
  data.pending = { ...(data.pending ?? data.settings), ...part }
  return undefined
}

const invalid = refuse(generalStatus.invalidAttributeValue)

function setSuites(
  call: Call,
  name: 'allowedSuites' | 'allowedOriginatorSuites',
  suites: readonly number[],
): Refusal | undefined {
  const { security } = call.device.options
  const own = security?.suites ?? []
  const available = name === 'allowedSuites' ? own : (security?.originatorSuites ?? own)
  if (!suites.every((suite) => available.includes(suite)) || new Set(suites).size !== suites.length) return invalid
  return change(call, { [name]: suites })
}

function setPreSharedKeys(call: Call, keys: readonly PreSharedKey[]): Refusal | undefined {
  if (!isConfidentialLink(call.link)) return refuse(generalStatus.privilegeViolation)
  const slots = call.device.options.security?.pskSlots ?? defaultPskSlots
  if (keys.length > slots || keys.some((psk) => psk.key.length === 0)) return invalid
  const identities = new Set(keys.map((psk) => psk.identity.join('.')))
  if (identities.size !== keys.length) return invalid
  const data = call.device.data.ethernetIpSecurity
  eraseKeys(data.pending?.preSharedKeys ?? [], data.settings.preSharedKeys)
  return change(call, { preSharedKeys: keys })
}

/** Pre-shared keys of a device whose options say nothing (0x5E class attribute 8). */
const defaultPskSlots = 1

function setActiveCertificates(call: Call, paths: readonly EPath[]): Refusal | undefined {
  if (paths.length > 1) return invalid
  const exists = paths.every((path) => {
    const instance = certificateOf(path)
    return instance !== undefined && call.device.data.certificates.has(instance)
  })
  return exists ? change(call, { activeCertificates: paths }) : invalid
}

function setAuthorities(call: Call, paths: readonly EPath[]): Refusal | undefined {
  const readableAll = paths.every((path) => {
    const found = authorityFile(call.device, path)
    return found !== undefined && readable(() => certificatesIn(found)) !== undefined
  })
  return readableAll ? change(call, { trustedAuthorities: paths }) : invalid
}

function setRevocationLists(call: Call, paths: readonly EPath[]): Refusal | undefined {
  const readableAll = paths.every((path) => {
    const found = fileOf(path) === undefined ? undefined : loadedFile(call.device, path)
    return found !== undefined && readable(() => revocationListsIn(found)) !== undefined
  })
  return readableAll ? change(call, { revocationLists: paths }) : invalid
}

function setIdentities(call: Call, paths: readonly EPath[]): Refusal | undefined {
  if (paths.length > 0 && call.device.options.security?.trustedIdentities === false) return invalid
  const readableAll = paths.every((path) => {
    const found = fileOf(path) === undefined ? undefined : loadedFile(call.device, path)
    return found !== undefined && readable(() => certificatesIn(found)) !== undefined
  })
  return readableAll ? change(call, { trustedIdentities: paths }) : invalid
}

/** Longest DTLS timeout, seconds (0x5E attribute 15). */
const longestDtlsTimeoutS = 3600

/** Deviation: the values of attribute 16 are ours. */
const highestUdpOnlyPolicy = 2

function guard({ device, link }: Call, service: number): Refusal | undefined {
  if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
  if (isConfigured(device) && !mayConfigure(device, link)) return refuse(generalStatus.privilegeViolation)
  if (service !== commonServices.setAttributeSingle && service !== commonServices.setAttributeList) return undefined
  return ownerOnly(device.data.ethernetIpSecurity.session, link)
}

/** A key as it may be read: the key itself stays inside. */
function withoutKey(psk: PreSharedKey): PreSharedKey {
  return { identity: psk.identity, key: noBytes, usage: psk.usage }
}

const noBytes = new Uint8Array(0)

type Shape = BehaviourDeclaration<typeof ethernetIpSecurityRevision7>

const shape: Shape = {
  revision: 7,
  getClass: {
    pskSlots: ({ device }) => device.options.security?.pskSlots ?? defaultPskSlots,
    pskUsages: () => 0x07,
  },
  get: {
    state: ({ device }) => device.data.ethernetIpSecurity.state,
    capabilityFlags: () => 0,
    availableSuites: ({ device }) => device.options.security?.suites ?? [],
    allowedSuites: (call) => visible(call).allowedSuites,
    preSharedKeys: (call) => visible(call).preSharedKeys.map(withoutKey),
    activeCertificates: (call) => visible(call).activeCertificates,
    trustedAuthorities: (call) => visible(call).trustedAuthorities,
    revocationLists: (call) => visible(call).revocationLists,
    verifyClient: (call) => visible(call).verifyClient,
    sendChain: (call) => visible(call).sendChain,
    checkExpiration: (call) => visible(call).checkExpiration,
    trustedIdentities: (call) => visible(call).trustedIdentities,
    pullEnabled: ({ device }) => device.data.ethernetIpSecurity.pullEnabled,
    pullStatus: ({ device }) => device.data.ethernetIpSecurity.pullStatus,
    dtlsTimeout: (call) => visible(call).dtlsTimeout,
    checkName: (call) => visible(call).checkName,
  },
  set: {
    allowedSuites: (call, suites) => setSuites(call, 'allowedSuites', suites),
    preSharedKeys: setPreSharedKeys,
    activeCertificates: setActiveCertificates,
    trustedAuthorities: setAuthorities,
    revocationLists: setRevocationLists,
    verifyClient: (call, verifyClient) => change(call, { verifyClient }),
    sendChain: (call, sendChain) => change(call, { sendChain }),
    checkExpiration: (call, checkExpiration) => change(call, { checkExpiration }),
    trustedIdentities: setIdentities,
    dtlsTimeout: (call, dtlsTimeout) =>
      dtlsTimeout < 1 || dtlsTimeout > longestDtlsTimeoutS ? invalid : change(call, { dtlsTimeout }),
    checkName: (call, checkName) => change(call, { checkName }),
  },
  services: {
    reset,
    beginConfig: begin,
    kickTimer: kick,
    applyConfig: apply,
    abortConfig: abort,
  },
  guard,
}

/** How a device of object revision 7 behaves as EtherNet/IP Security Object. */
export const ethernetIpSecurityBehaviour7 = behaviour(ethernetIpSecurityRevision7, shape)

/** How a device of object revision 9 behaves as EtherNet/IP Security Object. */
export const ethernetIpSecurityBehaviour9 = behaviour(ethernetIpSecurity, {
  ...shape,
  revision: 9,
  get: {
    ...shape.get,
    udpOnlyPolicy: (call) => visible(call).udpOnlyPolicy,
    availableOriginatorSuites: ({ device }) =>
      device.options.security?.originatorSuites ?? device.options.security?.suites ?? [],
    allowedOriginatorSuites: (call) => visible(call).allowedOriginatorSuites,
    ioAuthorizationPolicy: (call) => visible(call).ioAuthorizationPolicy,
  },
  set: {
    ...shape.set,
    udpOnlyPolicy: (call, udpOnlyPolicy) =>
      udpOnlyPolicy > highestUdpOnlyPolicy ? invalid : change(call, { udpOnlyPolicy }),
    allowedOriginatorSuites: (call, suites) => setSuites(call, 'allowedOriginatorSuites', suites),
    // Only 0, any authenticated peer, has a meaning.
    ioAuthorizationPolicy: (call, ioAuthorizationPolicy) =>
      ioAuthorizationPolicy === 0 ? change(call, { ioAuthorizationPolicy }) : invalid,
  },
})

/** The settings in force as the host of the sockets needs them. */
export function activeSecurity(device: DeviceContext): ActiveSecurity {
  const data = device.data.ethernetIpSecurity
  data.active ??= buildActiveSecurity(device, data.settings, data.generation)
  return data.active
}

function buildActiveSecurity(device: DeviceContext, settings: SecuritySettings, generation: number): ActiveSecurity {
  const { security } = device.options
  const originatorSuites =
    (security?.ethernetIpSecurityRevision ?? 9) < 9 ? settings.allowedSuites : settings.allowedOriginatorSuites
  const credentials = activeCredentials(device, settings, originatorSuites)
  const authorities = settings.trustedAuthorities.map((path) => authorityFile(device, path))
  return {
    generation,
    suites: settings.allowedSuites,
    originatorSuites,
    ...credentials,
    psk: settings.preSharedKeys,
    anchors: authorities.flatMap((found) => derOf(found)),
    trusted: settings.trustedIdentities.flatMap((path) => derOf(loadedFile(device, path)).slice(0, 1)),
    crls: settings.revocationLists.flatMap((path) => {
      const found = loadedFile(device, path)
      return found === undefined ? [] : (readable(() => revocationListsIn(found)) ?? [])
    }),
    verifyPeer: settings.verifyClient,
    sendChain: credentials.chain.length > 1,
    checkExpiration: settings.checkExpiration,
    checkName: settings.checkName,
    dtlsTimeoutS: settings.dtlsTimeout,
  }
}

function derOf(found: ReturnType<typeof loadedFile>): readonly Uint8Array[] {
  if (found === undefined) return []
  return (readable(() => certificatesIn(found)) ?? []).map((certificate) => certificate.der)
}

/** Leaf, and what is sent along when attribute 10 says so; nothing at all where no certificate suite is allowed. */
function activeCredentials(
  device: DeviceContext,
  settings: SecuritySettings,
  originatorSuites: readonly number[],
): { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array } {
  const none = { chain: [], key: noBytes }
  const instance = activeInstance(settings)
  if (instance === undefined) return none
  // The maker's certificate opens no doors to others: it is shown only where this device is the target.
  const suites = instance === defaultCertificateInstance ? [] : originatorSuites
  const used = [...settings.allowedSuites, ...suites].some((suite) => findSuite(suite)?.authentication !== 'psk')
  if (!used) return none
  const data = device.data.certificates.get(instance)
  const key = data?.key?.export()
  if (data === undefined || key === undefined) return none
  if (instance === defaultCertificateInstance) {
    // Deviation: the maker's intermediate goes along whatever attribute 10 says; nobody could verify it otherwise.
    return { chain: device.options.security?.credentials.chain ?? [], key }
  }
  const chain = [...derOf(loadedFile(device, data.device.path)), ...derOf(loadedFile(device, data.ca.path))]
  return { chain: settings.sendChain ? chain : chain.slice(0, 1), key }
}
