import { attribute, objectClass, service } from '../cip/object.ts'
import { oneOf } from '../wire/choice.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { optional, struct } from '../wire/struct.ts'
import { shortString } from '../wire/text.ts'

/** Kinds of Identity Reset (Volume 1, 5A-2 via cip-security-wire 4.10). */
export const resetTypes = {
  /** Restart; configuration is kept. */
  powerCycle: 0,
  /** Factory default, all CIP Security data included. */
  factoryDefault: 1,
  /** Factory default except communication; security configuration is kept (`inferred`). */
  factoryDefaultExceptCommunication: 2,
} as const

/** The word of a kind of Identity Reset. */
export type ResetType = keyof typeof resetTypes

/** Bits of Identity attribute 5 (Volume 1, 5A-2 via cip-security-wire 4.10). */
export const identityStatusBits = {
  owned: 0x0001,
  configured: 0x0004,
  minorRecoverable: 0x0100,
  minorUnrecoverable: 0x0200,
  majorRecoverable: 0x0400,
  majorUnrecoverable: 0x0800,
} as const

/** Values of Identity attribute 8 (Volume 1, 5A-2). */
export const identityStates = {
  nonexistent: 0,
  selfTesting: 1,
  standby: 2,
  operational: 3,
  majorRecoverableFault: 4,
  majorUnrecoverableFault: 5,
} as const

/** Identity Object, class 0x01 (Volume 1, 5A-2 via cip-security-wire 4.10). */
export const identity = objectClass({
  id: 0x01,
  name: 'Identity',
  attributes: {
    /** Vendor number as ODVA assigns it. */
    vendorId: attribute(1, u16),
    deviceType: attribute(2, u16),
    productCode: attribute(3, u16),
    /** Firmware revision. */
    revision: attribute(4, struct({ major: u8, minor: u8 })),
    /** Bits of {@link identityStatusBits}; 7..4 and 15..12 are extended status. */
    status: attribute(5, u16),
    serialNumber: attribute(6, u32),
    productName: attribute(7, shortString),
    /** See {@link identityStates}. */
    state: attribute(8, u8),
    /** Changes whenever the configuration does. */
    configurationConsistency: attribute(9, u16),
    /** Seconds between heartbeat messages; 0 is none. */
    heartbeatInterval: attribute(10, u8, 'read-write'),
    /** Nonzero: configuration, firmware update and reset are refused. */
    protectionMode: attribute(19, u16),
  },
  services: {
    /** Without data a power cycle. */
    reset: service(0x05, { request: struct({ type: optional(oneOf(u8, resetTypes)) }) }),
    /** Blinks the indicators for so many seconds; 0 ends it. */
    flashLeds: service(0x4b, { request: u8 }),
  },
  classGetAll: ['revision', 'maxInstance', 'maxClassAttribute', 'maxInstanceAttribute'],
  getAll: ['vendorId', 'deviceType', 'productCode', 'revision', 'status', 'serialNumber', 'productName'],
})
