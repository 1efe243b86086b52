import { attribute, objectClass } from '../cip/object.ts'
import { u8 } from '../wire/numbers.ts'

/** QoS Object, class 0x48: DSCP values of EtherNet/IP traffic by kind, 0..63 (Volume 2, 5-7). */
export const qos = objectClass({
  id: 0x48,
  name: 'QoS',
  attributes: {
    /** 1: frames carry an 802.1Q tag. */
    tagEnable: attribute(1, u8, 'read-write'),
    dscpPtpEvent: attribute(2, u8, 'read-write'),
    dscpPtpGeneral: attribute(3, u8, 'read-write'),
    /** Class 0/1, priority urgent. */
    dscpUrgent: attribute(4, u8, 'read-write'),
    /** Class 0/1, priority scheduled. */
    dscpScheduled: attribute(5, u8, 'read-write'),
    /** Class 0/1, priority high. */
    dscpHigh: attribute(6, u8, 'read-write'),
    /** Class 0/1, priority low. */
    dscpLow: attribute(7, u8, 'read-write'),
    /** Unconnected and class 2/3 messages, and all other encapsulation. */
    dscpExplicit: attribute(8, u8, 'read-write'),
  },
})

/** DSCP values of a device from the factory (Volume 2, 5-7.4). */
export const defaultDscp = {
  ptpEvent: 59,
  ptpGeneral: 47,
  urgent: 55,
  scheduled: 47,
  high: 43,
  low: 31,
  explicit: 27,
} as const
