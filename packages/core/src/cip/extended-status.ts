import { hexadecimal } from '../wire/text.ts'

/**
 * Extended status of the Connection Manager under general status 0x01, by name (Volume 1, 3-5.6 via cip-security-wire
 * 3.7). Codes that the reference gives as a range are named one by one after Wireshark's packet-cip.c.
 */
export const extendedStatuses = {
  duplicateForwardOpen: 0x0100,
  classTriggerCombinationNotSupported: 0x0103,
  ownershipConflict: 0x0106,
  connectionNotFound: 0x0107,
  invalidNetworkConnectionParameter: 0x0108,
  invalidConnectionSize: 0x0109,
  targetNotConfigured: 0x0110,
  rpiNotSupported: 0x0111,
  rpiNotAcceptable: 0x0112,
  outOfConnections: 0x0113,
  vendorOrProductCodeMismatch: 0x0114,
  deviceTypeMismatch: 0x0115,
  revisionMismatch: 0x0116,
  invalidApplicationPath: 0x0117,
  invalidConfigurationPath: 0x0118,
  nonListenOnlyConnectionNotOpen: 0x0119,
  targetObjectOutOfConnections: 0x011a,
  rpiBelowProductionInhibitTime: 0x011b,
  transportClassNotSupported: 0x011c,
  triggerNotSupported: 0x011d,
  directionNotSupported: 0x011e,
  invalidOtSizeType: 0x011f,
  invalidToSizeType: 0x0120,
  invalidOtPriority: 0x0121,
  invalidToPriority: 0x0122,
  invalidOtConnectionType: 0x0123,
  invalidToConnectionType: 0x0124,
  invalidRedundantOwner: 0x0125,
  invalidConfigurationSize: 0x0126,
  invalidOtSize: 0x0127,
  invalidToSize: 0x0128,
  invalidConfigurationApplicationPath: 0x0129,
  invalidConsumingApplicationPath: 0x012a,
  invalidProducingApplicationPath: 0x012b,
  configurationSymbolDoesNotExist: 0x012c,
  consumingSymbolDoesNotExist: 0x012d,
  producingSymbolDoesNotExist: 0x012e,
  inconsistentApplicationPaths: 0x012f,
  inconsistentConsumeDataFormat: 0x0130,
  inconsistentProduceDataFormat: 0x0131,
  nullForwardOpenNotSupported: 0x0132,
  timeoutMultiplierNotAcceptable: 0x0133,
  mismatchedToSizeType: 0x0135,
  mismatchedToPriority: 0x0136,
  mismatchedTransportClass: 0x0137,
  mismatchedToTrigger: 0x0138,
  mismatchedToInhibitTime: 0x0139,
  connectionTimedOut: 0x0203,
  unconnectedRequestTimedOut: 0x0204,
  unconnectedRequestParameterError: 0x0205,
  messageTooLargeForUnconnectedSend: 0x0206,
  unconnectedAcknowledgedWithoutReply: 0x0207,
  noBufferMemory: 0x0301,
  noNetworkBandwidth: 0x0302,
  noConsumedConnectionIdFilter: 0x0303,
  notConfiguredForScheduledData: 0x0304,
  scheduleSignatureMismatch: 0x0305,
  scheduleSignatureValidationNotPossible: 0x0306,
  portNotAvailable: 0x0311,
  linkAddressNotValid: 0x0312,
  invalidSegmentInPath: 0x0315,
  forwardClosePathMismatch: 0x0316,
  schedulingNotSpecified: 0x0317,
  linkAddressToSelfInvalid: 0x0318,
  secondaryResourcesUnavailable: 0x0319,
  rackConnectionAlreadyEstablished: 0x031a,
  moduleConnectionAlreadyEstablished: 0x031b,
  miscellaneous: 0x031c,
  redundantConnectionMismatch: 0x031d,
  noConsumerResourcesAvailable: 0x031e,
  noConsumerResourcesConfigured: 0x031f,
  networkLinkOffline: 0x0800,
  incompatibleMulticastRpi: 0x0801,
  invalidSafetyConnectionSize: 0x0802,
  invalidSafetyConnectionFormat: 0x0803,
  invalidTimeCorrectionParameters: 0x0804,
  invalidPingIntervalMultiplier: 0x0805,
  timeCoordinationMessageMinimumMultiplier: 0x0806,
  networkTimeExpectationMultiplier: 0x0807,
  timeoutMultiplier: 0x0808,
  invalidMaximumConsumerNumber: 0x0809,
  invalidConnectionParametersCrc: 0x080a,
  invalidTimeCorrectionConnectionId: 0x080b,
  safetyConfigurationIdMismatch: 0x080c,
  targetUniqueNetworkIdNotSet: 0x080d,
  targetUniqueNetworkIdMismatch: 0x080e,
  configurationOperationNotAllowed: 0x080f,
  noTargetApplicationData: 0x0810,
  noOriginatorApplicationData: 0x0811,
  nodeAddressChanged: 0x0812,
  notConfiguredForOffSubnetMulticast: 0x0813,
  invalidProduceConsumeFormat: 0x0814,
  egressRuleDenies: 0x0916,
  egressRuleCipherNotAllowed: 0x0917,
  noMatchingIngressRule: 0x0918,
  ingressRuleDenies: 0x0919,
  ingressRuleDeniesNonSecure: 0x091a,
  noMatchingEgressRule: 0x091b,
} as const

/** The name of a listed extended status. */
export type ExtendedStatusName = keyof typeof extendedStatuses

const names = new Map<number, ExtendedStatusName>(
  // Object.entries widens the keys of the table to string.
  Object.entries(extendedStatuses).map(([name, code]) => [code, name as ExtendedStatusName]),
)

/** The name of an extended status, or undefined for one that is not listed. */
export function extendedStatusName(code: number): ExtendedStatusName | undefined {
  return names.get(code)
}

/** Did the security policy of a device refuse: an ingress or egress rule (Volume 8 via cip-security-wire 3.7)? */
export function isSecurityRelated(code: number): boolean {
  return code >= extendedStatuses.egressRuleDenies && code <= extendedStatuses.noMatchingEgressRule
}

/** What people read: `rpiNotSupported (0x0111)`, security-related ones marked as such, or the bare number. */
export function describeExtendedStatus(code: number): string {
  const name = names.get(code)
  const text =
    name === undefined ? `unlisted extended status ${hexadecimal(code, 4)}` : `${name} (${hexadecimal(code, 4)})`
  return isSecurityRelated(code) ? `security related: ${text}` : text
}

/** How a target relates an RPI to what it could accept, in the words behind {@link extendedStatuses.rpiNotAcceptable}. */
export type RpiVerdict = (typeof rpiVerdicts)[number] | number

const rpiVerdicts = ['acceptable', 'unspecified', 'minimum', 'maximum', 'requiredToCorrectMismatch'] as const

/** What extended status 0x0112 adds: what each direction's RPI would have to be. */
export interface AcceptableRpi {
  readonly otVerdict: RpiVerdict
  readonly toVerdict: RpiVerdict
  /** Microseconds. */
  readonly otRpi: number
  /** Microseconds. */
  readonly toRpi: number
}

/** The six additional status words of "RPI not acceptable" (cip-security-wire 3.7). */
export function rpiNotAcceptableWords(value: AcceptableRpi): readonly number[] {
  return [
    extendedStatuses.rpiNotAcceptable,
    verdictCode(value.otVerdict) | (verdictCode(value.toVerdict) << 8),
    value.otRpi & 0xffff,
    value.otRpi >>> 16,
    value.toRpi & 0xffff,
    value.toRpi >>> 16,
  ]
}

/** Reads the six words of "RPI not acceptable"; undefined for another status or fewer words. */
export function acceptableRpiOf(words: readonly number[]): AcceptableRpi | undefined {
  const [code, verdicts, otLow, otHigh, toLow, toHigh] = words
  if (code !== extendedStatuses.rpiNotAcceptable || verdicts === undefined) return undefined
  if (otLow === undefined || otHigh === undefined || toLow === undefined || toHigh === undefined) return undefined
  return {
    otVerdict: rpiVerdicts[verdicts & 0xff] ?? verdicts & 0xff,
    toVerdict: rpiVerdicts[verdicts >> 8] ?? verdicts >> 8,
    otRpi: otLow + otHigh * 0x1_0000,
    toRpi: toLow + toHigh * 0x1_0000,
  }
}

function verdictCode(verdict: RpiVerdict): number {
  return typeof verdict === 'number' ? verdict & 0xff : rpiVerdicts.indexOf(verdict)
}

/** The two additional status words of an invalid size: the code, and the most that would be accepted. */
export function invalidSizeWords(
  which: 'invalidConfigurationSize' | 'invalidOtSize' | 'invalidToSize',
  maximum: number,
): readonly number[] {
  return [extendedStatuses[which], maximum]
}

/** The largest size a target would accept, from the words of an invalid size; undefined where it does not say. */
export function largestSizeOf(words: readonly number[]): number | undefined {
  const [code, maximum] = words
  if (code === undefined || code < extendedStatuses.invalidConfigurationSize || code > extendedStatuses.invalidToSize) {
    return undefined
  }
  return maximum
}
