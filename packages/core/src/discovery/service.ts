import { UsageError } from '../errors.ts'
import { utf8, utf8Bytes } from '../wire/text.ts'
import type { ResourceRecord } from './record.ts'

/**
 * The type under which EST servers are announced, unless told otherwise.
 *
 * Deviation: the type that Volume 8 names is not public; `_est._tcp` is the one registered for RFC 7030.
 */
export const estServiceType = '_est._tcp'

/** Lifetimes of records in seconds (RFC 6762 §10): those that carry a host's name or address, and all others. */
export const lifetimes = { host: 120, other: 4_500 } as const

/** Octets of UTF-8 in one label of a name (RFC 1035 §2.3.4). */
const labelOctets = 63

/** A service that we announce (RFC 6763 §4). */
export interface ServiceDescription {
  /** What people see: up to 63 octets of UTF-8, spaces allowed. */
  readonly instance: string
  /** `_name._tcp` or `_name._udp`. Default {@link estServiceType}. */
  readonly type?: string
  /** Narrower kinds under the type, such as `_cip` (RFC 6763 §7.1). */
  readonly subtypes?: readonly string[]
  readonly port: number
  /** The lowest is tried first (RFC 2782). Default 0. */
  readonly priority?: number
  /** Share of the clients among equals in priority. Default 0. */
  readonly weight?: number
  /** Keys of the TXT record in their order; `true` for a key without a value. Default: {@link estText}. */
  readonly text?: ServiceText
}

/** What a TXT record says: keys, with a value or without (RFC 6763 §6). */
export type ServiceText = Readonly<Record<string, string | true>>

/** A service whose every field is given and checked. */
export type CheckedService = Required<ServiceDescription>

/**
 * The keys by which an EST client finds its path: `txtvers` first (RFC 6763 §6.7), then the path and, where the server
 * has several, the label of the authority (RFC 7030 §3.2.2).
 */
export function estText(options: { readonly path?: string; readonly label?: string } = {}): ServiceText {
  const { path = '/.well-known/est', label } = options
  return { txtvers: '1', path, ...(label === undefined ? {} : { label }) }
}

/** Checks a description and fills in what it leaves open. @throws UsageError `bad-value` */
export function checkService(service: ServiceDescription): CheckedService {
  const text = service.text ?? estText()
  encodeText(text)
  return {
    instance: checkInstance(service.instance),
    type: checkServiceType(service.type ?? estServiceType),
    subtypes: (service.subtypes ?? []).map(checkSubtype),
    port: checkU16('port', service.port, 1),
    priority: checkU16('priority', service.priority ?? 0),
    weight: checkU16('weight', service.weight ?? 0),
    text,
  }
}

function refuse(what: string, expected: string, value: unknown): UsageError {
  return new UsageError('bad-value', `discovery: ${what} must be ${expected}, not ${JSON.stringify(value)}`)
}

function checkU16(what: string, value: number, least = 0): number {
  if (Number.isInteger(value) && value >= least && value <= 0xffff) return value
  throw refuse(what, `a number from ${least} to 65535`, value)
}

/** A service type as RFC 6335 §5.1 allows it: at most 15 letters, digits and single hyphens, one letter among them. */
export function checkServiceType(type: string): string {
  const [, name = ''] = /^_([a-z0-9]+(?:-[a-z0-9]+)*)\._(?:tcp|udp)$/i.exec(type) ?? []
  if (name.length >= 1 && name.length <= 15 && /[a-z]/i.test(name)) return type
  throw refuse('a service type', 'like "_est._tcp": a name of at most 15 letters, digits and hyphens', type)
}

/** A subtype: one label, with an underscore first by custom. @throws UsageError `bad-value` */
export function checkSubtype(subtype: string): string {
  if (/^_?[a-z0-9-]+$/i.test(subtype) && subtype.length <= labelOctets) return subtype
  throw refuse('a subtype', 'one label of letters, digits and hyphens, like "_cip"', subtype)
}

/** The name of an instance (RFC 6763 §4.1.1). @throws UsageError `bad-value` */
export function checkInstance(instance: string): string {
  const octets = utf8Bytes(instance).length
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (octets === 0 || octets > labelOctets || /[\u0000-\u001f\u007f]/.test(instance) || instance.trim() !== instance)
    throw refuse('an instance name', '1 to 63 octets of UTF-8 without control characters', instance)
  return instance
}

/** The first label of a host's name (RFC 1123 §2.1). @throws UsageError `bad-value` */
export function checkHost(host: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(host)) return host
  throw refuse('a host name', 'one label of letters, digits and hyphens, without a domain', host)
}

/** The domain of multicast DNS (RFC 6762 §3). */
export const localDomain = 'local'

/** The names of a service in a domain. */
export function serviceNames(
  service: { readonly instance: string; readonly type: string; readonly subtypes: readonly string[] },
  domain: string = localDomain,
): { readonly type: string; readonly instance: string; readonly subtypes: readonly string[] } {
  const type = `${service.type}.${domain}`
  return {
    type,
    instance: `${service.instance}.${type}`,
    subtypes: service.subtypes.map((subtype) => `${subtype}._sub.${type}`),
  }
}

/** The name under which all types of a domain are listed (RFC 6763 §9). */
export const typesName = `_services._dns-sd._udp.${localDomain}`

/** Records of a service that no other host may have: SRV and TXT. */
export function uniqueRecords(service: CheckedService, hostName: string): readonly ResourceRecord[] {
  const { instance: name } = serviceNames(service)
  const { priority, weight, port } = service
  return [
    { name, type: 'SRV', priority, weight, port, target: hostName, ttl: lifetimes.host, flush: true },
    { name, type: 'TXT', entries: encodeText(service.text), ttl: lifetimes.other, flush: true },
  ]
}

/** Records of a service that stand beside those of others: the pointers of type and subtypes. */
export function pointerRecords(service: CheckedService): readonly ResourceRecord[] {
  const names = serviceNames(service)
  return [names.type, ...names.subtypes].map((name) => ({
    name,
    type: 'PTR',
    target: names.instance,
    ttl: lifetimes.other,
    flush: false,
  }))
}

/** The strings of a TXT record (RFC 6763 §6); at least one, which may be empty. @throws UsageError `bad-value` */
export function encodeText(text: ServiceText): readonly Uint8Array[] {
  const entries = Object.entries(text).map(([key, value]) => {
    if (!/^[\x20-\x3c\x3e-\x7e]+$/.test(key)) throw refuse('a TXT key', 'printable ASCII without "="', key)
    const bytes = utf8Bytes(value === true ? key : `${key}=${value}`)
    if (bytes.length > 255) throw refuse(`TXT key ${key} with its value`, 'at most 255 octets', bytes.length)
    return bytes
  })
  if (entries.reduce((sum, entry) => sum + entry.length + 1, 0) > textOctets)
    throw refuse('the TXT record', `at most ${textOctets} octets`, text)
  return entries.length === 0 ? [new Uint8Array(0)] : entries
}

/** A TXT record should fit one packet with the rest (RFC 6763 §6.2). */
const textOctets = 1_300

/** Reads a TXT record: a key's first appearance counts, keys are without case, what is no text is left out. */
export function decodeText(entries: readonly Uint8Array[]): ReadonlyMap<string, string | true> {
  const text = new Map<string, string | true>()
  for (const entry of entries) {
    const line = utf8(entry)
    if (line === undefined) continue
    const at = line.indexOf('=')
    const key = (at < 0 ? line : line.slice(0, at)).toLowerCase()
    if (key === '' || text.has(key)) continue
    text.set(key, at < 0 ? true : line.slice(at + 1))
  }
  return text
}

/** The next name after a conflict: "Name" becomes "Name (2)", then "Name (3)" (RFC 6762 §9, RFC 6763 appendix D). */
export function nextInstance(instance: string): string {
  const [, base = instance, number] = /^(.*) \((\d{1,6})\)$/s.exec(instance) ?? []
  const suffix = ` (${number === undefined ? 2 : Number(number) + 1})`
  return shorten(base, labelOctets - suffix.length) + suffix
}

/** The next host name after a conflict: "host" becomes "host-2"; parentheses and spaces have no place in it. */
export function nextHost(host: string): string {
  const [, base = host, number] = /^(.*)-(\d{1,6})$/.exec(host) ?? []
  const suffix = `-${number === undefined ? 2 : Number(number) + 1}`
  return base.slice(0, labelOctets - suffix.length) + suffix
}

function shorten(text: string, octets: number): string {
  const characters = [...text]
  while (utf8Bytes(characters.join('')).length > octets) characters.pop()
  return characters.join('')
}
