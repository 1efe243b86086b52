import { generalStatus } from '../../cip/general-status.ts'
import { identity, identityStates, type ResetType } from '../../objects/identity.ts'
import { behaviour, type Call } from '../attributes.ts'
import { type DeviceContext, isConfigured, mayConfigure } from '../context.ts'
import { done, type Outcome, refuse } from '../outcome.ts'

/** Identity attribute 5: owned, configured, and how the I/O connections are. */
export function identityStatus(device: DeviceContext): number {
  const owned = device.connectionFacts.owned ? ownedBit : 0
  return owned | (isConfigured(device) ? configuredBit : 0) | device.connectionFacts.ioStatus
}

const ownedBit = 0x0001
const configuredBit = 0x0004

function reset(call: Call, request: { readonly type?: ResetType }): Outcome<undefined> {
  const { device, link, now } = call
  const type = request.type ?? 'powerCycle'
  if (type !== 'powerCycle') device.factoryReset(type === 'factoryDefaultExceptCommunication', now)
  device.report('reset', 'warning', `Identity reset: ${type}`, link)
  device.act({ kind: 'close-links', which: 'all', afterMs: 0, reason: 'Identity reset' })
  device.act({ kind: 'restart' })
  return done
}

/** How a device behaves as Identity Object. */
export const identityBehaviour = behaviour(identity, {
  revision: 1,
  get: {
    vendorId: ({ device }) => device.options.identity.vendorId,
    deviceType: ({ device }) => device.options.identity.deviceType,
    productCode: ({ device }) => device.options.identity.productCode,
    revision: ({ device }) => ({
      major: device.options.identity.majorRevision,
      minor: device.options.identity.minorRevision,
    }),
    status: ({ device }) => identityStatus(device),
    serialNumber: ({ device }) => device.options.identity.serialNumber,
    productName: ({ device }) => device.options.identity.productName,
    state: () => identityStates.operational,
    configurationConsistency: ({ device }) => device.data.identity.consistency,
    heartbeatInterval: ({ device }) => device.data.identity.heartbeat,
    protectionMode: ({ device }) => device.data.identity.protectionMode,
  },
  set: {
    heartbeatInterval: ({ device }, seconds) => {
      device.data.identity.heartbeat = seconds
      device.changed()
      return undefined
    },
  },
  services: {
    reset,
    // Virtual devices have no indicators, but a person looking for one gets a line in the log.
    flashLeds: ({ device, link }, seconds) => {
      device.report('flash-leds', 'info', `indicators flash for ${seconds} s`, link)
      return done
    },
  },
  guard: ({ device, link }, service) => {
    if (service === identity.services.flashLeds.code) return undefined
    if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
    if (service === identity.services.reset.code && device.options.security?.plainReset === true) return undefined
    return isConfigured(device) && !mayConfigure(device, link) ? refuse(generalStatus.privilegeViolation) : undefined
  },
})
