import { generalStatus } from '../../cip/general-status.ts'
import { cipSecurityStates } from '../../enip/identity-item.ts'
import { cipSecurity } from '../../objects/cip-security.ts'
import { securityProfiles } from '../../security/profiles.ts'
import { behaviour, type Call } from '../attributes.ts'
import { type DeviceContext, isConfigured, mayConfigure } from '../context.ts'
import type { CipSecurityState } from '../data.ts'
import { done, type Outcome, type Refusal, refuse } from '../outcome.ts'
import { nextState, type StateMachine } from '../state-machine.ts'
import { cleanUp } from './cleanup.ts'
import { ownerOnly, sessionBegan, sessionEnded, sessionOf } from './configuration-session.ts'
import { closeSecuredLinks, resetEthernetIpSecurity } from './ethernet-ip-security.ts'

/** What can happen to the CIP Security Object. */
export type CipSecurityEvent =
  | 'beginConfig'
  | 'kickTimer'
  | 'endConfig'
  | 'timeout'
  | 'configuratorLost'
  | 'pullSucceeded'
  | 'reset'
  | 'powerUp'

/**
 * The CIP Security Object as a table (Volume 8 via cip-security-wire 4.1).
 *
 * Deviation: a configuration that began in Configured leads back there when it is given up; the settings in force stay.
 */
export const cipSecurityMachine: StateMachine<CipSecurityState, CipSecurityEvent> = {
  name: 'CIP Security Object (0x5D)',
  states: {
    factoryDefault: cipSecurityStates.factoryDefault,
    firstConfiguration: cipSecurityStates.configurationInProgress,
    reconfiguration: cipSecurityStates.configurationInProgress,
    configured: cipSecurityStates.configured,
    incompleteConfiguration: cipSecurityStates.incompleteConfiguration,
  },
  initial: 'factoryDefault',
  refusal: generalStatus.objectStateConflict,
  transitions: [
    {
      from: ['factoryDefault', 'incompleteConfiguration'],
      event: 'beginConfig',
      when: 'over a secure link once settings of 0x5E are in force, else 0x0F; not while 0x5E is in pull model in progress',
      to: 'firstConfiguration',
      effect: 'the caller owns the configuration for 10 s',
    },
    {
      from: ['configured'],
      event: 'beginConfig',
      when: 'over a secure link, else 0x0F',
      to: 'reconfiguration',
      effect: 'the caller owns the configuration for 10 s',
    },
    {
      from: ['firstConfiguration', 'reconfiguration'],
      event: 'kickTimer',
      when: 'by the owner, else 0x0F',
      to: 'same',
      effect: 'another 10 s',
    },
    {
      from: ['firstConfiguration', 'reconfiguration'],
      event: 'endConfig',
      when: 'by the owner, else 0x0F',
      to: 'configured',
      effect: 'profiles count as configured',
    },
    { from: ['firstConfiguration'], event: 'timeout', to: 'incompleteConfiguration' },
    { from: ['firstConfiguration'], event: 'configuratorLost', to: 'incompleteConfiguration' },
    { from: ['firstConfiguration'], event: 'powerUp', to: 'incompleteConfiguration' },
    { from: ['reconfiguration'], event: 'timeout', to: 'configured', effect: 'the settings in force stay' },
    { from: ['reconfiguration'], event: 'configuratorLost', to: 'configured', effect: 'the settings in force stay' },
    { from: ['reconfiguration'], event: 'powerUp', to: 'configured', effect: 'the settings in force stay' },
    {
      from: ['factoryDefault', 'incompleteConfiguration', 'configured'],
      event: 'pullSucceeded',
      to: 'configured',
      effect: '0x5E is in pull model completed',
    },
    {
      from: 'any',
      event: 'reset',
      when: 'over a secure link once configured, else 0x0F',
      to: 'factoryDefault',
      effect: 'every 0x5E instance is reset too',
    },
  ],
}

/** A step of the machine; nothing when it is refused. */
function step(device: DeviceContext, event: CipSecurityEvent): Refusal | undefined {
  const data = device.data.cipSecurity
  const next = nextState(cipSecurityMachine, data.state, event)
  if (next === undefined) return refuse(cipSecurityMachine.refusal)
  if (next !== data.state) {
    data.state = next
    device.changed()
  }
  return undefined
}

function begin(call: Call): Outcome<undefined> {
  const { device, link } = call
  // Asked for in progress is a conflict, whoever asks.
  if (device.data.cipSecurity.session !== undefined) return refuse(generalStatus.objectStateConflict)
  if (!mayConfigure(device, link)) return refuse(generalStatus.privilegeViolation)
  // Deviation: as 0x5E answers in this state; a session that cannot reach 0x5E would only stop the enrollment.
  if (device.data.ethernetIpSecurity.state === 'pullModelInProgress') return refuse(cipSecurityMachine.refusal)
  const refusal = step(device, 'beginConfig')
  if (refusal !== undefined) return refusal
  device.data.cipSecurity.session = sessionOf(call)
  device.deadlineMoved()
  sessionBegan(device)
  device.report('config-begin', 'notice', 'configuration begun', link)
  return done
}

function kick(call: Call): Outcome<undefined> {
  const refusal = ownerOnly(call.device.data.cipSecurity.session, call.link) ?? step(call.device, 'kickTimer')
  if (refusal !== undefined) return refusal
  call.device.data.cipSecurity.session = sessionOf(call)
  call.device.deadlineMoved()
  return done
}

function end(call: Call): Outcome<undefined> {
  const refusal = ownerOnly(call.device.data.cipSecurity.session, call.link) ?? step(call.device, 'endConfig')
  if (refusal !== undefined) return refusal
  call.device.data.cipSecurity.session = undefined
  call.device.deadlineMoved()
  call.device.report('config-end', 'notice', 'configuration ended', call.link)
  sessionEnded(call.device)
  return done
}

function reset(call: Call): Outcome<undefined> {
  const { device, link } = call
  if (!mayConfigure(device, link)) return refuse(generalStatus.privilegeViolation)
  resetCipSecurity(device)
  resetEthernetIpSecurity(device, true)
  closeSecuredLinks(device, 0, 'CIP Security reset')
  device.report('reset', 'warning', 'CIP Security reset to factory default', link)
  device.tellPull({ kind: 'reset', enabled: true })
  return done
}

/** 0x5D goes to factory default, without 0x5E. */
function resetCipSecurity(device: DeviceContext): void {
  step(device, 'reset')
  device.data.cipSecurity.session = undefined
  device.deadlineMoved()
}

/** The configuration session ended without End_Config. */
export function endCipSecuritySession(device: DeviceContext, event: 'timeout' | 'configuratorLost' | 'powerUp'): void {
  const { session } = device.data.cipSecurity
  if (session === undefined && event !== 'powerUp') return
  step(device, event)
  device.data.cipSecurity.session = undefined
  device.deadlineMoved()
  if (event === 'timeout') device.report('config-timeout', 'warning', '0x5D: no Kick_Timer for 10 s', session?.owner)
  sessionEnded(device)
}

/** The pull model gave the device an identity (cip-security-wire 6.2, step 8). */
export function completePull(device: DeviceContext): void {
  step(device, 'pullSucceeded')
}

function objectCleanup(call: Call): Outcome<undefined> {
  // Nobody removes what somebody else is just putting together.
  const owner = call.device.data.cipSecurity.session?.owner ?? call.device.data.ethernetIpSecurity.session?.owner
  if (owner !== undefined && owner !== call.link) return refuse(generalStatus.privilegeViolation)
  return cleanUp(call.device) > 0 ? done : refuse(nothingToCleanUp)
}

/** General status of Object_Cleanup that found nothing (cip-security-wire 4.1). */
const nothingToCleanUp = 0xd0

/** How a device behaves as CIP Security Object. */
export const cipSecurityBehaviour = behaviour(cipSecurity, {
  revision: 4,
  get: {
    state: ({ device }) => wireState(device),
    profiles: ({ device }) => supportedProfiles(device),
    profilesConfigured: ({ device }) => configuredProfiles(device),
    objectAuthorization: () => [],
  },
  set: {
    // Deviation: only an Administrator may, and users exist only with the User Authentication profile.
    objectAuthorization: () => refuse(generalStatus.attributeNotSettable),
  },
  services: {
    reset,
    beginConfig: begin,
    kickTimer: kick,
    endConfig: end,
    objectCleanup,
  },
  guard: ({ device, link }) => {
    if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
    return isConfigured(device) && !mayConfigure(device, link) ? refuse(generalStatus.privilegeViolation) : undefined
  },
})

/** The same at object revision 3. */
export const cipSecurityBehaviour3: typeof cipSecurityBehaviour = { ...cipSecurityBehaviour, revision: 3 }

/** Attribute 1. */
export function wireState(device: DeviceContext): keyof typeof cipSecurityStates {
  const { state } = device.data.cipSecurity
  return state === 'firstConfiguration' || state === 'reconfiguration' ? 'configurationInProgress' : state
}

/** Attribute 2. */
export function supportedProfiles(device: DeviceContext): number {
  const { security } = device.options
  if (security === undefined) return 0
  const profiles = security.profiles ?? securityProfiles.confidentiality
  return security.pull === true ? profiles | securityProfiles.pullModel : profiles
}

/** Attribute 3. Deviation: 0 until configured. */
export function configuredProfiles(device: DeviceContext): number {
  const { state } = device.data.cipSecurity
  if (state !== 'configured' && state !== 'reconfiguration') return 0
  const { confidentiality, resourceConstrained, pullModel } = securityProfiles
  return supportedProfiles(device) & (confidentiality | resourceConstrained | pullModel)
}
