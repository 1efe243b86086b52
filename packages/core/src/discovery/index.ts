/**
 * Discovery by multicast DNS and DNS-SD (RFC 6762, RFC 6763) without I/O: how devices find the authority, and how we
 * find others who pretend to be one.
 * @module
 */
export {
  type AdvertiserJudgement,
  type ForeignAlarm,
  ForeignWatch,
  judgeAdvertiser,
  type OwnServices,
} from './foreign.ts'
export { inOrderOfPreference, type Preference } from './preference.ts'
export { type FoundService, Querier, type QuerierEvent, type QuerierOptions, querierLimits } from './querier.ts'
export {
  type AddressType,
  type DnsMessage,
  dnsMessage,
  type Endpoint,
  mdnsPort,
  type OutgoingMessage,
  type Question,
  type RecordData,
  type ResourceRecord,
} from './record.ts'
export { type InterfaceAddresses, Responder, type ResponderEvent, type ResponderOptions } from './responder.ts'
export {
  checkHost,
  decodeText,
  estServiceType,
  estText,
  type ServiceDescription,
  type ServiceText,
} from './service.ts'
export { type ZoneOptions, zoneSnippet } from './zone.ts'
