import { inOrderOfPreference, type Preference } from '@cordon/core/discovery'
import { type EstServer, estPrefix, isEstLabel } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { browse, type FoundOnInterface } from '../mdns/browse.ts'
import type { InterfaceSource } from '../mdns/interfaces.ts'
import type { MdnsProblem } from '../mdns/links.ts'
import type { Schedule } from '../schedule.ts'
import { aborted } from '../transports/system-error.ts'
import type { DnsQuestions } from './service-resolver.ts'
import { domainServices, type NamedService } from './unicast.ts'

/** Where EST servers are looked for. */
export interface EstSearchOptions {
  /** Names or addresses of interfaces for multicast DNS. Default: all but the loopback; an empty list asks on none. */
  readonly interfaces?: readonly string[] | undefined
  /** Default `_est._tcp`. */
  readonly type?: string | undefined
  /** Only servers of this subtype. */
  readonly subtype?: string | undefined
  /** A domain whose DNS servers are asked too (RFC 6763 over unicast). */
  readonly domain?: string | undefined
  /** Wins over the label that a server announces. */
  readonly label?: string | undefined
  /** How long answers are collected, milliseconds. */
  readonly waitMs: number
  readonly signal: AbortSignal
  /** Hears of an interface on which nothing can be asked. */
  readonly problem?: ((problem: MdnsProblem) => void) | undefined
  /** Hears of what was announced and cannot be used, with the reason. */
  readonly refused?: ((instance: string, reason: string) => void) | undefined
  /** Evenly spread from 0 up to 1, for the lots among equals. */
  readonly random?: (() => number) | undefined
  readonly schedule?: Schedule | undefined
  /** What the system says about its interfaces; tests have their own. */
  readonly source?: InterfaceSource | undefined
  /** Who is asked about the domain; default: the system's DNS servers. */
  readonly resolver?: DnsQuestions | undefined
}

/** An EST server that somebody announces. Nothing of it is proven. */
export interface AnnouncedEstServer extends Preference {
  readonly instance: string
  /** The interface, or the domain whose DNS knows it. */
  readonly where: string
  readonly server: EstServer
  /** Seconds; undefined where DNS does not say. */
  readonly ttl: number | undefined
}

const longestPath = 256
const mostAddresses = 8

/**
 * Every EST server announced on the chosen interfaces and in the domain, as it was announced: the same one on two
 * interfaces is there twice. What could not be a server is left out.
 * @throws TransportError `aborted`
 * @throws UsageError `bad-value` for a type, subtype, domain or label that cannot be
 */
export async function announcedEstServers(options: EstSearchOptions): Promise<readonly AnnouncedEstServer[]> {
  const { label, signal, domain, refused } = options
  if (label !== undefined && !isEstLabel(label)) {
    throw new UsageError('bad-value', `label "${label}": expected 1 to 64 characters that are no operation of EST`)
  }
  if (signal.aborted) throw aborted(signal, 'looking for EST servers')
  const [link, zone] = await Promise.all([
    linkServices(options),
    domain === undefined ? [] : domainServices({ ...options, domain }),
  ])
  const found = [...link.map((service) => ({ ...service, where: service.interface })), ...zone]
  return found.flatMap((service) => {
    const server = readService(service, label)
    if (typeof server !== 'string') {
      const { instance, where, priority, weight, ttl } = service
      return [{ instance, where, priority, weight, ttl, server }]
    }
    refused?.(service.instance, server)
    return []
  })
}

/**
 * EST servers in the order in which they are to be tried (RFC 2782), each once: the search of a pull client. Rejects as
 * {@link announcedEstServers} does.
 */
export async function estServers(options: EstSearchOptions): Promise<readonly EstServer[]> {
  const { random = Math.random } = options
  const servers = new Map<string, EstServer>()
  for (const { server } of inOrderOfPreference(await announcedEstServers(options), random)) {
    const key = JSON.stringify([server.host.toLowerCase(), server.port, server.prefix, server.label])
    const known = servers.get(key)?.addresses ?? []
    const addresses = [...new Set([...known, ...(server.addresses ?? [])])].slice(0, mostAddresses)
    servers.set(key, { ...server, addresses })
  }
  return [...servers.values()]
}

async function linkServices(options: EstSearchOptions): Promise<readonly FoundOnInterface[]> {
  const { interfaces, type, subtype, waitMs, signal, problem, schedule, source } = options
  if (interfaces?.length === 0) return []
  await using browser = browse({
    ...(interfaces !== undefined && { interfaces }),
    ...(type !== undefined && { type }),
    ...(subtype !== undefined && { subtype }),
    ...(problem !== undefined && { problem }),
    ...(schedule !== undefined && { schedule }),
    ...(source !== undefined && { source }),
  })
  await sleep(waitMs, undefined, { signal }).catch(() => {
    throw aborted(signal, 'looking for EST servers')
  })
  return browser.services()
}

/** The server that a service is, or why it can be none. All of it is a stranger's word, so all of it is checked. */
function readService({ host, port, addresses, text }: NamedService, label: string | undefined): EstServer | string {
  const name = host.replace(/\.$/, '')
  if (!isHostName(name)) return 'its host is no name of a host'
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) return 'its port is none'
  const version = text.get('txtvers')
  if (version !== undefined && version !== '1') return 'its TXT record is of another version'
  const prefix = readPath(text.get('path'))
  if (prefix === undefined) return 'its path is none of EST'
  const named = text.get('label')
  const own = label ?? (named === '' || named === true ? undefined : named)
  if (own !== undefined && !isEstLabel(own)) return 'its label is none'
  const usable = addresses.filter(isReachable).slice(0, mostAddresses)
  return {
    host: name,
    port,
    addresses: usable,
    ...(prefix !== estPrefix && { prefix }),
    ...(own !== undefined && { label: own }),
  }
}

function isHostName(name: string): boolean {
  return (
    name.length <= 253 &&
    isIP(name) === 0 &&
    name.split('.').every((label) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
  )
}

function readPath(path: string | true | undefined): string | undefined {
  if (path === undefined || path === true || path === '') return estPrefix
  const trimmed = path.replace(/\/$/, '')
  const isPlain = path.length <= longestPath && /^(?:\/[A-Za-z0-9._~-]+)+$/.test(trimmed)
  return isPlain && !/\/\.{1,2}(?:\/|$)/.test(trimmed) ? trimmed : undefined
}

/** Neither nobody's address nor many's. */
function isReachable(address: string): boolean {
  if (isIP(address) === 4) return Number(address.split('.')[0]) < 224 && !address.startsWith('0.')
  return isIP(address) === 6 && address !== '::' && !/^ff/i.test(address)
}

/** Port of our own servers, for addresses that a person wrote without one. */
const usualPort = 8444

/**
 * A server as a person names it: `host`, `host:port`, `[::1]:8444` (port 8444 when absent), or an address of the web with
 * the path, `https://host:8444/.well-known/est/label`.
 * @throws UsageError `bad-value`
 */
export function parseEstServer(text: string): EstServer {
  const isAddress = /^https:\/\//i.test(text)
  const url =
    text.length <= 1024 ? urlOf(isAddress ? text : `https://${isIP(text) === 6 ? `[${text}]` : text}`) : undefined
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? ''
  const hasMore =
    url !== undefined && (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
  const place = url && placeOf(url.pathname)
  if (url === undefined || place === undefined || host === '' || hasMore) {
    // What was written may hold a password, and is not repeated.
    throw new UsageError(
      'bad-value',
      'an EST server is written as host, host:port or https://host:port/.well-known/est/label',
    )
  }
  const port = url.port !== '' ? Number(url.port) : isAddress || /:443$/.test(text) ? 443 : usualPort
  return { host, port, ...place }
}

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

function placeOf(path: string): Pick<EstServer, 'prefix' | 'label'> | undefined {
  if (path === '' || path === '/') return {}
  const [, label] = new RegExp(`^${estPrefix.replaceAll('.', '\\.')}(?:/([^/]+))?/?$`).exec(path) ?? []
  if (label !== undefined) {
    const decoded = decoding(label)
    return decoded !== undefined && isEstLabel(decoded) ? { label: decoded } : undefined
  }
  const prefix = readPath(path)
  return prefix === undefined ? undefined : prefix === estPrefix ? {} : { prefix }
}

function decoding(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
