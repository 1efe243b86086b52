import { stringI } from '../cip/data-types.ts'
import { attribute, objectClass, service } from '../cip/object.ts'
import { rest } from '../wire/bytes.ts'
import { known, oneOf } from '../wire/choice.ts'
import { toEnd } from '../wire/list.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { optional, struct, type StructValue } from '../wire/struct.ts'

/** Values of attribute 1 (Volume 1, 5A-42 via cip-security-wire 4.4). */
export const fileStates = {
  nonexistent: 0,
  empty: 1,
  loaded: 2,
  uploadInitiated: 3,
  downloadInitiated: 4,
  uploading: 5,
  downloading: 6,
  storing: 7,
} as const

/** The word of a state of a File instance. */
export type FileStateName = keyof typeof fileStates

/** Values of attribute 8: what makes a file take effect. */
export const invocationMethods = {
  none: 0,
  identityReset: 1,
  powerCycle: 2,
  startService: 3,
  objectInternal: 4,
  notApplicable: 255,
} as const

/** Values of attribute 11 (Volume 1, 5A-42 and Volume 8 via cip-security-wire 4.4). */
export const fileEncodings = {
  binary: 0,
  zlib: 1,
  pemCertificate: 2,
  pkcs7Certificate: 3,
  pemRevocationList: 4,
  pkcs7RevocationList: 5,
  text: 11,
  word: 12,
  excel: 13,
  pdf: 14,
  unknown: 255,
} as const

/** The word of a listed file encoding, or the number of another one. */
export type FileEncoding = keyof typeof fileEncodings | number

/** What a packet of a transfer is. */
export const packetTypes = { first: 0, middle: 1, last: 2, abort: 3, firstAndLast: 4 } as const

/** The word of a packet type. */
export type PacketType = keyof typeof packetTypes

const transferPacket = struct({
  /** Counts from 0, modulo 256. */
  number: u8,
  type: oneOf(u8, packetTypes),
  /** In the last packet followed by the UINT checksum. */
  data: rest,
})

/** One packet of an upload or a download. */
export interface TransferPacket extends StructValue<typeof transferPacket.fields> {}

const initiateDownload = struct({
  /** Bytes without checksum. */
  size: u32,
  /** Only 1 exists. */
  formatVersion: u16,
  majorRevision: u8,
  minorRevision: u8,
  fileName: stringI,
})

/** What Initiate_Download carries. */
export interface InitiateDownload extends StructValue<typeof initiateDownload.fields> {}

/** Extended status words that go with general status 0x20 (Volume 1, 5A-42 via cip-security-wire 4.4). */
export const fileFailures = {
  offset: 0x0002,
  beyondEnd: 0x0003,
  tooLarge: 0x0004,
  formatVersion: 0x0005,
  outOfSequence: 0x0006,
  other: 0x0007,
  zeroSize: 0x0008,
  nameEmpty: 0x000a,
  duplicate: 0x000b,
} as const

/** Extended status of 0x15: a name is too long. */
export const fileNameTooLong = 0x0001
/** Extended status of 0x15: a name is given in too many languages. */
export const fileTooManyLanguages = 0x0002
/** Extended status of 0x0C where the file cannot be written at all, whatever its state. */
export const fileReadOnly = 0x0100
/** General status when the checksum of a download is wrong. */
export const checksumFailedStatus = 0xd0

/** Well-known instances; the ones for certificates are ours, as other products number them. */
export const fileInstances = {
  /** EDS and icon of the device. */
  eds: 0xc8,
  edsCollection: 0xc9,
  defaultDeviceCertificate: 0x0101,
  defaultCaCertificate: 0x0102,
  /** First one that Create gives out. */
  firstDynamic: 0x0110,
} as const

/** Largest USINT: bytes of file in one packet. */
export const largestTransferSize = 255

/** The checksum of a file: two's complement of the 16-bit sum of its bytes (attribute 7). */
export function fileChecksum(data: Uint8Array): number {
  let sum = 0
  for (const byte of data) sum += byte
  return (0x1_0000 - (sum & 0xffff)) & 0xffff
}

/** File Object, class 0x37, object revision 3 (Volume 1, 5A-42 via cip-security-wire 4.4). */
export const file = objectClass({
  id: 0x37,
  name: 'File',
  classAttributes: {
    /** Every instance with its names. */
    directory: attribute(32, toEnd(struct({ instance: u16, instanceName: stringI, fileName: stringI }))),
  },
  attributes: {
    state: attribute(1, oneOf(u8, fileStates)),
    instanceName: attribute(2, stringI),
    formatVersion: attribute(3, u16),
    fileName: attribute(4, stringI),
    revision: attribute(5, struct({ major: u8, minor: u8 })),
    size: attribute(6, u32),
    /** See {@link fileChecksum}. */
    checksum: attribute(7, u16),
    invocationMethod: attribute(8, known(u8, invocationMethods)),
    /** Bits 0..3: 0 automatic, 1 by Save, 2 volatile. */
    saveParameters: attribute(9, u8),
    accessRule: attribute(10, oneOf(u8, { readWrite: 0, readOnly: 1 })),
    encoding: attribute(11, known(u8, fileEncodings)),
    /** Seconds. */
    transferTimeout: attribute(12, u8, 'read-write'),
  },
  services: {
    create: service(0x08, {
      request: struct({ name: stringI, encoding: optional(known(u8, fileEncodings)) }),
      reply: struct({ instance: u16, invocationMethod: known(u8, invocationMethods) }),
      level: 'class',
    }),
    delete: service(0x09),
    save: service(0x16),
    /** Largest packet that the client takes; from the device. */
    initiateUpload: service(0x4b, { request: u8, reply: struct({ size: u32, transferSize: u8 }) }),
    /** To the device. */
    initiateDownload: service(0x4c, {
      request: initiateDownload,
      reply: struct({ incrementalBurn: u32, burnTime: u16, transferSize: u8 }),
    }),
    uploadTransfer: service(0x4f, { request: u8, reply: transferPacket }),
    downloadTransfer: service(0x50, { request: transferPacket, reply: u8 }),
    clearFile: service(0x51),
  },
})
