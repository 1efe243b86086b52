import { bool } from '../cip/data-types.ts'
import { type EPath, sizedEPath } from '../cip/epath.ts'
import { attribute, objectClass, service } from '../cip/object.ts'
import { ethernetIpSecurityStates } from '../enip/identity-item.ts'
import { UsageError } from '../errors.ts'
import { countedBytes } from '../wire/bytes.ts'
import { oneOf } from '../wire/choice.ts'
import type { Codec } from '../wire/codec.ts'
import { counted } from '../wire/list.ts'
import { u8, u16, u16be, u32 } from '../wire/numbers.ts'
import { optional, struct, type StructValue } from '../wire/struct.ts'

/** The word of a state of the EtherNet/IP Security Object. */
export type EthernetIpSecurityStateName = keyof typeof ethernetIpSecurityStates

/** Longest PSK identity, octets. */
export const maximumPskIdentity = 128
/** Longest pre-shared key, octets. */
export const maximumPskKey = 64

/** What a pre-shared key is for, from the side of the device that holds it. */
export const pskUsages = { server: 0, client: 1, any: 2 } as const

/** The word of a PSK usage. */
export type PskUsage = keyof typeof pskUsages

/** A pre-shared key as attribute 5 carries it. A device never tells the key: read back, it is empty. */
export interface PreSharedKey {
  /** 0..128 octets. */
  readonly identity: Uint8Array
  /** 0..64 octets. */
  readonly key: Uint8Array
  readonly usage: PskUsage
}

const pskIdentity = countedBytes(u8, maximumPskIdentity)
const pskKey = countedBytes(u8, maximumPskKey)
const pskUsage = oneOf(u8, pskUsages)

/**
 * One element of attribute 5: USINT length and identity, USINT length and key, USINT usage (Volume 8 via
 * cip-security-wire 4.2). A missing last byte is usage `any`: devices before object revision 7 have none.
 */
export const preSharedKey: Codec<PreSharedKey> = {
  read: (r) => {
    r.enter('identity')
    const identity = pskIdentity.read(r)
    r.leave()
    r.enter('key')
    const key = pskKey.read(r)
    r.leave()
    r.enter('usage')
    const usage = r.remaining === 0 ? 'any' : pskUsage.read(r)
    r.leave()
    return { identity, key, usage }
  },
  write: (w, value) => {
    pskIdentity.write(w, value.identity)
    pskKey.write(w, value.key)
    pskUsage.write(w, value.usage)
  },
}

/** IANA numbers of cipher suites, big-endian, in order of preference, behind a USINT count. */
export const cipherSuiteList: Codec<readonly number[]> = counted(u8, u16be)

const paths: Codec<readonly EPath[]> = counted(u8, sizedEPath)

/** Attribute 8 before object revision 9: one path, none where its size is zero. */
const singlePath: Codec<readonly EPath[]> = {
  read: (r) => {
    const path = sizedEPath.read(r)
    return path.length === 0 ? [] : [path]
  },
  write: (w, value) => {
    if (value.length > 1) {
      throw new UsageError(
        'bad-value',
        `expected at most one revocation list before object revision 9, got ${value.length}`,
      )
    }
    sizedEPath.write(w, value[0] ?? [])
  },
}

/** Flags of Apply_Config: what happens once the new settings are in force. */
export const applyFlags = {
  /** Close the (D)TLS associations of the old settings after the delay. */
  closeConnections: 0x0001,
  /** Run Object_Cleanup of the CIP Security Object. */
  cleanUp: 0x0002,
} as const

const applyConfig = struct({
  /** Bits of {@link applyFlags}. */
  flags: u16,
  /** Milliseconds. */
  closeDelayMs: u16,
})

/** What Apply_Config carries; a request without data means no flag and no delay. */
export interface ApplyConfig extends StructValue<typeof applyConfig.fields> {}

const applyConfigRequest: Codec<ApplyConfig | undefined> = {
  read: (r) => (r.remaining === 0 ? undefined : applyConfig.read(r)),
  write: (w, value) => {
    if (value !== undefined) applyConfig.write(w, value)
  },
}

/** Why Apply_Config failed: the extended status word (Volume 8 via cip-security-wire 4.2). */
export const applyFailures = {
  /** Only PSK suites are allowed and there is no PSK. */
  noPsk: 0x0001,
  /** Only certificate suites are allowed and there is no certificate. */
  noCertificate: 0x0002,
  /** Certificate suites are allowed, none of which fits the kind of the private key. */
  keyMismatch: 0x0003,
  /** No cipher suite is allowed. */
  noSuites: 0x0004,
} as const

/** The word of a failure of Apply_Config. */
export type ApplyFailure = keyof typeof applyFailures

/** Deviation: the general status that carries {@link applyFailures} is not public; its neighbours use 0xD0. */
export const applyFailedStatus = 0xd0

const services = {
  /** BOOL pull model enable, true when missing. */
  reset: service(0x05, { request: struct({ enablePull: optional(bool) }) }),
  beginConfig: service(0x4b),
  kickTimer: service(0x4c),
  applyConfig: service(0x4d, { request: applyConfigRequest }),
  abortConfig: service(0x4e),
} as const

const classAttributes = {
  /** How many pre-shared keys attribute 5 holds. */
  pskSlots: attribute(8, u16),
  /** Bit 0 server, 1 client, 2 any. */
  pskUsages: attribute(9, u8),
} as const

const attributes = {
  state: attribute(1, oneOf(u8, ethernetIpSecurityStates)),
  /** Bit 0: secure renegotiation. */
  capabilityFlags: attribute(2, u32),
  availableSuites: attribute(3, cipherSuiteList),
  allowedSuites: attribute(4, cipherSuiteList, 'read-write'),
  preSharedKeys: attribute(5, counted(u8, preSharedKey), 'read-write'),
  /** Certificate Management instances. */
  activeCertificates: attribute(6, paths, 'read-write'),
  /** File (or Certificate Management) instances with CA certificates. */
  trustedAuthorities: attribute(7, paths, 'read-write'),
  /** File instances with revocation lists. */
  revocationLists: attribute(8, paths, 'read-write'),
  verifyClient: attribute(9, bool, 'read-write'),
  sendChain: attribute(10, bool, 'read-write'),
  checkExpiration: attribute(11, bool, 'read-write'),
  /** File instances with end-entity certificates that are believed as they are. */
  trustedIdentities: attribute(12, paths, 'read-write'),
  pullEnabled: attribute(13, bool),
  pullStatus: attribute(14, u16),
  /** Seconds, 1..3600. */
  dtlsTimeout: attribute(15, u16, 'read-write'),
} as const

const classGetAll = ['revision', 'maxInstance', 'maxClassAttribute', 'maxInstanceAttribute'] as const
const getAll = [
  'state',
  'capabilityFlags',
  'availableSuites',
  'allowedSuites',
  'preSharedKeys',
  'activeCertificates',
  'trustedAuthorities',
  'revocationLists',
  'verifyClient',
  'sendChain',
  'checkExpiration',
  'trustedIdentities',
  'pullEnabled',
  'pullStatus',
  'dtlsTimeout',
  'checkName',
] as const

/** EtherNet/IP Security Object, class 0x5E, object revision 9 (Volume 8, chapter 5 via cip-security-wire 4.2). */
export const ethernetIpSecurity = objectClass({
  id: 0x5e,
  name: 'EtherNet/IP Security',
  classAttributes,
  attributes: {
    ...attributes,
    /** Deviation: values are ours. 0 plain and DTLS, 1 DTLS only, 2 closed. */
    udpOnlyPolicy: attribute(16, u8, 'read-write'),
    /** Compare the peer's subject alternative name with its address. */
    checkName: attribute(17, bool, 'read-write'),
    /** What it offers where it originates. */
    availableOriginatorSuites: attribute(18, cipherSuiteList),
    allowedOriginatorSuites: attribute(19, cipherSuiteList, 'read-write'),
    /** Deviation: type and values are ours. 0 lets every authenticated peer open I/O. */
    ioAuthorizationPolicy: attribute(20, u8, 'read-write'),
  },
  services,
  classGetAll,
  getAll,
})

/** The same class as devices of object revision 7 have it: one revocation list, none of the attributes 16, 18, 19, 20. */
export const ethernetIpSecurityRevision7 = objectClass({
  id: 0x5e,
  name: 'EtherNet/IP Security',
  classAttributes,
  attributes: {
    ...attributes,
    revocationLists: attribute(8, singlePath, 'read-write'),
    checkName: attribute(17, bool, 'read-write'),
  },
  services,
  classGetAll,
  getAll,
})

/**
 * Attribute 14, Pull Model Status (cip-security-wire 4.2). 0x0000 and 0xFFFF are public.
 * Deviation: the values between are not; these are ours.
 */
export const pullStatuses = {
  idle: 0x0000,
  searching: 0x0001,
  serverFound: 0x0002,
  fetchingAuthorities: 0x0003,
  enrollmentSent: 0x0004,
  waitingForApproval: 0x0005,
  noServer: 0x0010,
  tlsFailure: 0x0011,
  serverRefused: 0x0012,
  httpError: 0x0013,
  requestRejected: 0x0014,
  certificateInvalid: 0x0015,
  disabled: 0xffff,
} as const

/** The word of a value of attribute 14. */
export type PullStatus = keyof typeof pullStatuses
