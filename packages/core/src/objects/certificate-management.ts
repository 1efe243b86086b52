import { sizedEPath } from '../cip/epath.ts'
import { attribute, objectClass, service } from '../cip/object.ts'
import { bits, known, oneOf } from '../wire/choice.ts'
import { counted } from '../wire/list.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { optional, struct, type StructValue } from '../wire/struct.ts'
import { shortString } from '../wire/text.ts'

/** Values of attribute 2 (Volume 8 via cip-security-wire 4.3). */
export const certificateStates = { nonexistent: 0, created: 1, configuring: 2, verified: 3, invalid: 4 } as const

/** The word of a state of a Certificate Management instance. */
export type CertificateStateName = keyof typeof certificateStates

/** Whether a certificate was looked at: first byte of attributes 3 and 4. */
export const certificateStatuses = { notVerified: 0, verified: 1, invalid: 2 } as const

/** The word of the status of a certificate. */
export type CertificateStatusName = keyof typeof certificateStatuses

/** Values of attribute 5; the flags of class attribute 10 are numbered differently. */
export const certificateEncodings = { pem: 0, pkcs7: 1 } as const

const certificateReference = struct({
  status: known(u8, certificateStatuses),
  /** File instance; empty for none. */
  path: sizedEPath,
})

/** Attributes 3 and 4: where a certificate lies and whether it was verified. */
export interface CertificateReference extends StructValue<typeof certificateReference.fields> {}

const certificateSigningRequest = struct({
  commonName: shortString,
  organization: shortString,
  organizationalUnit: shortString,
  city: shortString,
  state: shortString,
  /** Empty or two letters. */
  country: shortString,
  email: shortString,
  serialNumber: shortString,
  /** Ninth string, from object revision 2 on. Deviation: its syntax is ours, `key=value` lines. */
  subjectAlternativeName: optional(shortString),
})

/** What Create_CSR asks for; an empty string takes the value of the default certificate. */
export interface CertificateSigningRequest extends StructValue<typeof certificateSigningRequest.fields> {}

/** Deviation: the parameter's values are not public; ours is the attribute that is verified. */
export const verifyTargets = { deviceCertificate: 3, caCertificate: 4 } as const

/** General status of Verify_Certificate when verification failed. */
export const verificationFailedStatus = 0xd0

/** Longest name of an instance, characters. */
export const maximumCertificateName = 32

/** Certificate Management Object, class 0x5F (Volume 8, chapter 5 via cip-security-wire 4.3). */
export const certificateManagement = objectClass({
  id: 0x5f,
  name: 'Certificate Management',
  classAttributes: {
    capabilityFlags: attribute(8, bits(u32, { push: 0, pull: 1 })),
    /** All instances by name. */
    certificateList: attribute(9, counted(u8, struct({ name: shortString, path: sizedEPath }))),
    encodings: attribute(10, bits(u32, { pem: 0, pkcs7: 1 })),
  },
  attributes: {
    name: attribute(1, shortString),
    state: attribute(2, oneOf(u8, certificateStates)),
    deviceCertificate: attribute(3, certificateReference, 'read-write'),
    caCertificate: attribute(4, certificateReference, 'read-write'),
    encoding: attribute(5, oneOf(u8, certificateEncodings)),
  },
  services: {
    create: service(0x08, { request: shortString, reply: u16, level: 'class' }),
    delete: service(0x09),
    /** Makes a key pair and gives the File instance that holds the request. */
    createCsr: service(0x4b, { request: certificateSigningRequest, reply: sizedEPath }),
    verifyCertificate: service(0x4c, { request: u16 }),
  },
  classGetAll: [
    'revision',
    'maxInstance',
    'maxClassAttribute',
    'maxInstanceAttribute',
    'capabilityFlags',
    'certificateList',
    'encodings',
  ],
  getAll: ['name', 'state', 'deviceCertificate', 'caCertificate', 'encoding'],
})
