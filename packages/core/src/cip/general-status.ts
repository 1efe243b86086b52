/**
 * General status codes of a message router reply, by name (Volume 1, appendix B via cip-security-wire 2.3). Codes 0xD0
 * to 0xFF are specific to the object class.
 */
export const generalStatus = {
  success: 0x00,
  connectionFailure: 0x01,
  resourceUnavailable: 0x02,
  invalidParameterValue: 0x03,
  pathSegmentError: 0x04,
  pathDestinationUnknown: 0x05,
  partialTransfer: 0x06,
  connectionLost: 0x07,
  serviceNotSupported: 0x08,
  invalidAttributeValue: 0x09,
  attributeListError: 0x0a,
  alreadyInRequestedMode: 0x0b,
  objectStateConflict: 0x0c,
  objectAlreadyExists: 0x0d,
  attributeNotSettable: 0x0e,
  privilegeViolation: 0x0f,
  deviceStateConflict: 0x10,
  replyDataTooLarge: 0x11,
  fragmentationOfPrimitive: 0x12,
  notEnoughData: 0x13,
  attributeNotSupported: 0x14,
  tooMuchData: 0x15,
  objectDoesNotExist: 0x16,
  fragmentationSequenceNotInProgress: 0x17,
  noStoredAttributeData: 0x18,
  storeOperationFailure: 0x19,
  requestTooLarge: 0x1a,
  responseTooLarge: 0x1b,
  missingAttributeListEntry: 0x1c,
  invalidAttributeValueList: 0x1d,
  embeddedServiceError: 0x1e,
  vendorSpecificError: 0x1f,
  invalidParameter: 0x20,
  writeOnceAlreadyWritten: 0x21,
  invalidReplyReceived: 0x22,
  bufferOverflow: 0x23,
  invalidMessageFormat: 0x24,
  keyFailureInPath: 0x25,
  pathSizeInvalid: 0x26,
  unexpectedAttributeInList: 0x27,
  invalidMemberId: 0x28,
  memberNotSettable: 0x29,
  group2OnlyServerFailure: 0x2a,
  unknownModbusError: 0x2b,
  attributeNotGettable: 0x2c,
  instanceNotDeletable: 0x2d,
  serviceNotSupportedForPath: 0x2e,
  fragmentationNeeded: 0x2f,
  stillProcessing: 0xff,
} as const

/** The name of a listed general status. */
export type GeneralStatusName = keyof typeof generalStatus

const names = new Map<number, GeneralStatusName>(
  // Object.entries widens the keys of the table to string.
  Object.entries(generalStatus).map(([name, code]) => [code, name as GeneralStatusName]),
)

/** What people read: `objectStateConflict (0x0C)`, or the bare number with its range. */
export function describeGeneralStatus(code: number): string {
  const hex = `0x${code.toString(16).toUpperCase().padStart(2, '0')}`
  const name = names.get(code)
  if (name !== undefined) return `${name} (${hex})`
  return code >= 0xd0 ? `object class specific ${hex}` : `unlisted status ${hex}`
}
