import { decodeText, type FoundService, type Preference } from '@cordon/core/discovery'
import { UsageError } from '@cordon/core/errors'
import { utf8Bytes } from '@cordon/core/wire'
import type { SrvRecord } from 'node:dns'
import { aborted, errorCode } from '../transports/system-error.ts'
import { type DnsQuestions, ServiceResolver, unescapedName } from './service-resolver.ts'

/** What DNS says of a service, over multicast or not. */
export type NamedService = Pick<FoundService, 'host' | 'port' | 'addresses' | 'text'>

/** A service that a domain's DNS knows. */
export type DomainService = NamedService &
  Preference & { readonly instance: string; readonly where: string; readonly ttl: undefined }

/** What is asked of whom. */
export interface DomainSearch {
  readonly domain: string
  readonly type?: string | undefined
  readonly subtype?: string | undefined
  readonly waitMs: number
  readonly signal: AbortSignal
  readonly resolver?: DnsQuestions | undefined
}

const mostInstances = 32
const mostServers = 8

/**
 * The services of a type that a domain's DNS lists (RFC 6763 over unicast): pointers to instances, else SRV records under
 * the type itself (RFC 2782). No answer is none: a network without such records is the usual case.
 * @throws TransportError `aborted`
 * @throws UsageError `bad-value` for what is no domain
 */
export async function domainServices(search: DomainSearch): Promise<readonly DomainService[]> {
  const { type = '_est._tcp', subtype, waitMs, signal } = search
  const domain = search.domain.replace(/\.$/, '')
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(domain)) {
    throw new UsageError('bad-value', 'a domain is written as example.com')
  }
  const resolver = search.resolver ?? new ServiceResolver({ timeoutMs: Math.max(500, Math.ceil(waitMs / 3)) })
  const stop = () => resolver.cancel()
  const late = setTimeout(stop, Math.max(waitMs, 1_000))
  signal.addEventListener('abort', stop, { once: true })
  try {
    const base = `${type}.${domain}`
    const pointers = await answered(resolver.resolvePtr(subtype === undefined ? base : `${subtype}._sub.${base}`))
    const instances = pointers.filter((name) => name.toLowerCase().endsWith(`.${base.toLowerCase()}`))
    const names = instances.length > 0 || subtype !== undefined ? instances.slice(0, mostInstances) : [base]
    const services = await Promise.all(names.map((name) => instanceServices(resolver, name, base, domain)))
    if (signal.aborted) throw aborted(signal, `asking DNS for EST servers of ${domain}`)
    return services.flat()
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', stop)
  }
}

async function instanceServices(
  resolver: DnsQuestions,
  name: string,
  base: string,
  domain: string,
): Promise<readonly DomainService[]> {
  const [servers, texts] = await Promise.all([answered(resolver.resolveSrv(name)), answered(resolver.resolveTxt(name))])
  const instance = name === base ? base : readable(name.slice(0, -base.length - 1))
  const text = decodeText((texts[0] ?? []).map((line) => utf8Bytes(line)))
  return servers
    .slice(0, mostServers)
    .filter(({ name: host }) => host !== '' && host !== '.')
    .map(({ name: host, port, priority, weight }: SrvRecord) => ({
      instance,
      where: domain,
      host,
      port,
      priority,
      weight,
      addresses: [],
      text,
      ttl: undefined,
    }))
}

/** An instance name as people see it; where it is no UTF-8, as DNS writes it. */
function readable(escaped: string): string {
  return unescapedName(escaped) ?? escaped
}

/** What DNS does not know, or does not say in time, is an empty answer. */
async function answered<T>(answer: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await answer
  } catch (error) {
    if (errorCode(error) === '') throw error
    return []
  }
}
