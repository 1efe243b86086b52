import { checkHost, Responder, type ResponderEvent, type ServiceDescription } from '@cordon/core/discovery'
import { UsageError } from '@cordon/core/errors'
import { hostname } from 'node:os'
import { Links, type MdnsOptions } from './links.ts'

/** What is announced, and where. */
export interface AdvertiseOptions extends MdnsOptions {
  readonly services: readonly ServiceDescription[]
  /** First label of the host's name. Default: this machine's own. */
  readonly host?: string
  /** Hears what happens to our names, for each interface. */
  readonly event?: (event: ResponderEvent & { readonly interface: string }) => void
}

/** What is announced on one interface now. */
export interface AdvertisementStatus {
  readonly interface: string
  /** The addresses that are announced on it, IPv4 first. */
  readonly addresses: readonly string[]
  /** The host's full name, after any rename. */
  readonly host: string
  /** Instance names in the order of the services, after any rename. */
  readonly instances: readonly string[]
  /** The names are probed and announced. */
  readonly isEstablished: boolean
  /** Datagrams from the link that were no DNS messages. */
  readonly malformed: number
}

/** A running announcement. Closing it says goodbye. */
export interface Advertisement extends AsyncDisposable {
  /** What is announced on each interface that is up. */
  status(): readonly AdvertisementStatus[]
  /** Takes the services back on every interface. */
  close(): Promise<void>
}

/**
 * Announces services by multicast DNS on every chosen interface, with that interface's addresses alone, for as long as
 * it is open. Interfaces may come, go and change.
 *
 * @throws UsageError `bad-value` for names, ports and texts that cannot be announced
 */
export function advertise(options: AdvertiseOptions): Advertisement {
  const host = checkHost(options.host ?? ownHost())
  for (const { instance } of options.services) refuseDots(instance)
  const { services } = options
  const responder = (addresses: { ipv4: readonly string[]; ipv6: readonly string[] }, now: number) =>
    new Responder({ services, host, addresses, random: Math.random, now })
  // Refused at once, even while no interface is up.
  responder({ ipv4: [], ipv6: [] }, 0)
  const links = new Links<Responder>(options, {
    up: (at, before, now) => {
      before?.restart(at.addresses, now)
      return before ?? responder(at.addresses, now)
    },
    down: () => {},
    end: (conversation, _, now) => conversation.stop(now),
    progress: (conversation, at) => {
      for (const event of conversation.takeEvents()) options.event?.({ ...event, interface: at.name })
    },
  })
  return {
    status: () =>
      links.all().map(({ at, conversation, malformed }) => ({
        interface: at.name,
        addresses: [...at.addresses.ipv4, ...at.addresses.ipv6],
        host: conversation.hostName,
        instances: conversation.instances,
        isEstablished: conversation.isEstablished,
        malformed,
      })),
    close: () => links.close(),
    [Symbol.asyncDispose]: () => links.close(),
  }
}

/** DNS-SD allows dots in an instance name, the codec does not: it would make two labels of one. */
function refuseDots(instance: string): void {
  if (!instance.includes('.')) return
  throw new UsageError(
    'not-supported',
    `mdns: the instance name ${JSON.stringify(instance)} holds a dot, which the DNS library cannot write: use another character`,
  )
}

/** This machine's name without its domain, as far as it can be a host's name. */
function ownHost(): string {
  const label = (hostname().split('.')[0] ?? '').replace(/[^a-z0-9-]+/gi, '-').slice(0, 63)
  return label.replace(/^-+|-+$/g, '') || 'cordon'
}
