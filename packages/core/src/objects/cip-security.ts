import { attribute, objectClass, service } from '../cip/object.ts'
import { cipSecurityStates } from '../enip/identity-item.ts'
import { oneOf } from '../wire/choice.ts'
import { counted } from '../wire/list.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { reserved, struct, type StructValue } from '../wire/struct.ts'

/** The word of a state of the CIP Security Object. */
export type CipSecurityStateName = keyof typeof cipSecurityStates

const accessRule = struct({
  /** Class code. */
  objectCode: u32,
  serviceCode: u8,
  reserved: reserved(u8, 0),
  /** Roles that may call it, one bit each. */
  roles: u32,
})

/** Who may call a service: an entry of attribute 4. */
export interface AccessRule extends StructValue<typeof accessRule.fields> {}

/** Most entries of Object Authorization that Cordon reads. */
const maximumAccessRules = 4096

/** CIP Security Object, class 0x5D (Volume 8, chapter 5 via cip-security-wire 4.1). */
export const cipSecurity = objectClass({
  id: 0x5d,
  name: 'CIP Security',
  attributes: {
    state: attribute(1, oneOf(u8, cipSecurityStates)),
    /** Profiles implemented, bits of cip-security-wire 1.7. */
    profiles: attribute(2, u16),
    /** Profiles in force. */
    profilesConfigured: attribute(3, u16),
    /** Deviation: entry layout is public, the UINT count before the entries is ours. */
    objectAuthorization: attribute(4, counted(u16, accessRule, maximumAccessRules), 'read-write'),
  },
  services: {
    /** Factory default for this object and every EtherNet/IP Security instance. */
    reset: service(0x05),
    beginConfig: service(0x4b),
    kickTimer: service(0x4c),
    endConfig: service(0x4d),
    /** Removes files and certificates that nothing refers to. */
    objectCleanup: service(0x4e, { level: 'both' }),
  },
  classGetAll: ['revision', 'maxInstance', 'maxClassAttribute', 'maxInstanceAttribute'],
  getAll: ['state', 'profiles'],
})
