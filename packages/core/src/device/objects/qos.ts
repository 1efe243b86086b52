import { generalStatus } from '../../cip/general-status.ts'
import { qos } from '../../objects/qos.ts'
import { behaviour, type Call } from '../attributes.ts'
import { isConfigured, mayConfigure } from '../context.ts'
import { refuse } from '../outcome.ts'

const highestDscp = 63

type Index = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7

const read =
  (index: Index) =>
  ({ device }: Call) =>
    device.data.qos[index]

const write = (index: Index, highest: number) => (call: Call, value: number) => {
  if (value > highest) return refuse(generalStatus.invalidAttributeValue)
  call.device.data.qos[index] = value
  call.device.changed()
  return undefined
}

/**
 * How a device behaves as QoS Object: values are kept; after the next power-up the host
 * marks packets with them.
 */
export const qosBehaviour = behaviour(qos, {
  revision: 1,
  get: {
    tagEnable: read(0),
    dscpPtpEvent: read(1),
    dscpPtpGeneral: read(2),
    dscpUrgent: read(3),
    dscpScheduled: read(4),
    dscpHigh: read(5),
    dscpLow: read(6),
    dscpExplicit: read(7),
  },
  set: {
    tagEnable: write(0, 1),
    dscpPtpEvent: write(1, highestDscp),
    dscpPtpGeneral: write(2, highestDscp),
    dscpUrgent: write(3, highestDscp),
    dscpScheduled: write(4, highestDscp),
    dscpHigh: write(5, highestDscp),
    dscpLow: write(6, highestDscp),
    dscpExplicit: write(7, highestDscp),
  },
  guard: ({ device, link }) => {
    if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
    return isConfigured(device) && !mayConfigure(device, link) ? refuse(generalStatus.privilegeViolation) : undefined
  },
})
