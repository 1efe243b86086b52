import { UsageError } from '../errors.ts'
import { utf8Bytes } from '../wire/text.ts'
import {
  type CheckedService,
  checkService,
  encodeText,
  lifetimes,
  type ServiceDescription,
  serviceNames,
} from './service.ts'

/** What a zone file needs besides the services. */
export interface ZoneOptions {
  /** The domain in which devices search, such as `plant.example`. */
  readonly domain: string
  /** The server's full name, which the zone already resolves. */
  readonly host: string
  readonly services: readonly ServiceDescription[]
}

/**
 * Lines for the zone file of an ordinary DNS server, by which devices beyond a router find the services: multicast does
 * not cross it (RFC 6763 §11).
 *
 * @throws UsageError `bad-value`
 */
export function zoneSnippet(options: ZoneOptions): string {
  const domain = checkDomain('domain', options.domain)
  const host = checkDomain('host', options.host)
  const services = options.services.map(checkService)
  const types = [...new Set(services.map(({ type }) => type))]
  const lines = [
    `; DNS-SD of ${services.length} service${services.length === 1 ? '' : 's'} for the zone ${domain}`,
    ...['b', 'lb'].map((kind) => line(`${kind}._dns-sd._udp.${domain}.`, 'PTR', `${domain}.`)),
    ...types.map((type) => line(`_services._dns-sd._udp.${domain}.`, 'PTR', `${type}.${domain}.`)),
    ...services.flatMap((service) => serviceLines(service, domain, host)),
  ]
  return `${lines.join('\n')}\n`
}

function serviceLines(service: CheckedService, domain: string, host: string): readonly string[] {
  const names = serviceNames(service, domain)
  const owner = `${escapeLabel(service.instance)}.${names.type}.`
  const { priority, weight, port } = service
  const text = encodeText(service.text).map(quote).join(' ')
  return [
    ...[names.type, ...names.subtypes].map((name) => line(`${name}.`, 'PTR', owner)),
    line(owner, 'SRV', `${priority} ${weight} ${port} ${host}.`),
    line(owner, 'TXT', text),
  ]
}

function line(owner: string, type: string, data: string): string {
  return `${owner} ${lifetimes.other} IN ${type} ${data}`
}

function checkDomain(what: string, name: string): string {
  const bare = name.replace(/\.$/, '')
  const labels = bare.split('.')
  const good = labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?$/i.test(label))
  if (good && bare.length <= 253) return bare
  throw new UsageError(
    'bad-value',
    `discovery: ${what} must be a DNS name like "plant.example", not ${JSON.stringify(name)}`,
  )
}

/** A label as zone files write it: what is special or no ASCII becomes `\.` or `\DDD` (RFC 1035 §5.1). */
function escapeLabel(label: string): string {
  return [...utf8Bytes(label)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      if (/[a-z0-9_-]/i.test(character)) return character
      return byte > 0x20 && byte < 0x7f && !/\d/.test(character) ? `\\${character}` : decimal(byte)
    })
    .join('')
}

function quote(entry: Uint8Array): string {
  const inner = [...entry].map((byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : decimal(byte)
  })
  return `"${inner.join('')}"`
}

function decimal(byte: number): string {
  return `\\${String(byte).padStart(3, '0')}`
}
