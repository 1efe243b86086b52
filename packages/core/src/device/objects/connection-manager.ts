import { generalStatus } from '../../cip/general-status.ts'
import { connectionManager } from '../../objects/connection-manager.ts'
import { behaviour, type Call } from '../attributes.ts'
import type { ConnectionCounters } from '../context.ts'
import { isConfigured, mayConfigure } from '../context.ts'
import { refuse } from '../outcome.ts'

const read =
  (name: keyof ConnectionCounters) =>
  ({ device }: Call) =>
    device.connectionFacts.counters[name] & 0xffff

/** Counters can only be set to zero. */
const clear = (name: keyof ConnectionCounters) => (call: Call, value: number) => {
  if (value !== 0) return refuse(generalStatus.invalidAttributeValue)
  call.device.connectionFacts.counters[name] = 0
  return undefined
}

/** Bytes of messages that a device says it can hold: a constant, for its host knows only the memory of the whole process. */
const bufferSize = 65_536

/** How a device behaves as Connection Manager Object; its own services are answered before a request gets here. */
export const connectionManagerBehaviour = behaviour(connectionManager, {
  revision: 1,
  get: {
    openRequests: read('openRequests'),
    openFormatRejects: read('openFormatRejects'),
    openResourceRejects: read('openResourceRejects'),
    openOtherRejects: read('openOtherRejects'),
    closeRequests: read('closeRequests'),
    closeFormatRejects: read('closeFormatRejects'),
    closeOtherRejects: read('closeOtherRejects'),
    connectionTimeouts: read('connectionTimeouts'),
    connectionEntries: ({ device }) =>
      Array.from({ length: device.connectionFacts.capacity }, (_, index) => index < device.connectionFacts.active),
    cpuUtilization: () => 0,
    maxBuffer: () => bufferSize,
    remainingBuffer: () => bufferSize,
  },
  set: {
    openRequests: clear('openRequests'),
    openFormatRejects: clear('openFormatRejects'),
    openResourceRejects: clear('openResourceRejects'),
    openOtherRejects: clear('openOtherRejects'),
    closeRequests: clear('closeRequests'),
    closeFormatRejects: clear('closeFormatRejects'),
    closeOtherRejects: clear('closeOtherRejects'),
    connectionTimeouts: clear('connectionTimeouts'),
  },
  guard: ({ device, link }) =>
    isConfigured(device) && !mayConfigure(device, link) ? refuse(generalStatus.privilegeViolation) : undefined,
})
