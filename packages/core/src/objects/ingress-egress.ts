import { attribute, objectClass, service } from '../cip/object.ts'
import { counted } from '../wire/list.ts'
import { u16, u32 } from '../wire/numbers.ts'
import { struct, type StructValue } from '../wire/struct.ts'
import { shortString } from '../wire/text.ts'

const portRange = struct({ low: u16, high: u16 })
const rules = counted(u16, shortString)

const instanceRules = struct({ instance: u16, ingress: rules, egress: rules })

/** The rules of one instance, as Set_Rules carries them. */
export interface InstanceRules extends StructValue<typeof instanceRules.fields> {}

const setRules = struct({
  /** Must equal class attribute 11: nobody else may have changed the rules meanwhile. */
  changeCount: u32,
  /** Bit 0: break connections that the new rules do not allow. */
  behaviour: u32,
  instances: counted(u16, instanceRules),
})

/** What Set_Rules carries. */
export interface SetRules extends StructValue<typeof setRules.fields> {}

/** Ingress Egress Object, class 0x63: a device's own firewall (Volume 8, chapter 5 via cip-security-wire 4.6). */
export const ingressEgress = objectClass({
  id: 0x63,
  name: 'Ingress Egress',
  classAttributes: {
    tcpPorts: attribute(8, counted(u16, portRange)),
    udpPorts: attribute(9, counted(u16, portRange)),
    /** Bytes of rule text it can hold. */
    maxBufferSize: attribute(10, u32),
    changeCount: attribute(11, u32),
  },
  attributes: {
    /** Deviation: the grammar of the rules is ours. */
    ingressRules: attribute(1, rules),
    egressRules: attribute(2, rules),
  },
  services: {
    /** All rules of all named instances, or nothing. */
    setRules: service(0x4b, { request: setRules, level: 'class' }),
  },
  classGetAll: [
    'revision',
    'maxInstance',
    'numberOfInstances',
    'maxClassAttribute',
    'maxInstanceAttribute',
    'tcpPorts',
    'udpPorts',
    'maxBufferSize',
    'changeCount',
  ],
  getAll: ['ingressRules', 'egressRules'],
})
