import {
  type ForeignAlarm,
  ForeignWatch,
  type FoundService,
  type OwnServices,
  Querier,
  type QuerierEvent,
} from '@cordon/core/discovery'
import { Links, type MdnsOptions } from './links.ts'

/** A service found, and on which interface. */
export type FoundOnInterface = FoundService & { readonly interface: string }

/** What is looked for, and where. */
export interface BrowseOptions extends MdnsOptions {
  /** Default `_est._tcp`. */
  readonly type?: string
  /** Only instances of this subtype. */
  readonly subtype?: string
  /** Hears what comes, changes and goes. */
  readonly event?: (event: QuerierEvent & { readonly interface: string }) => void
  /** What is ours now; with {@link BrowseOptions.alarm}, every other advertiser of the type raises one. */
  readonly own?: () => OwnServices
  /** Hears of advertisers that are not ours. */
  readonly alarm?: (alarm: ForeignAlarm & { readonly interface: string }) => void
}

/** A running search. */
export interface Browser extends AsyncDisposable {
  /** Everything that is there now. Nothing of it is proven: anyone on the link can announce anything. */
  services(): readonly FoundOnInterface[]
  /** Foreign advertisers that stand now. */
  alarms(): readonly (ForeignAlarm & { readonly interface: string })[]
  /** Records and datagrams that were not kept: malformed, or too many. */
  readonly dropped: number
  /** Ends the search on every interface. */
  close(): Promise<void>
}

/**
 * Looks for services by multicast DNS on every chosen interface, for as long as it is open.
 *
 * @throws UsageError `bad-value` for a type or subtype that cannot be
 */
export function browse(options: BrowseOptions): Browser {
  const { type, subtype } = options
  const querier = (now: number) =>
    new Querier({
      ...(type === undefined ? {} : { type }),
      ...(subtype === undefined ? {} : { subtype }),
      random: Math.random,
      now,
    })
  // Refused at once, even while no interface is up.
  querier(0)
  const watches = new Map<string, ForeignWatch>()
  const judge = (event: QuerierEvent, at: string) => {
    if (options.own === undefined) return
    const watch = watches.get(at) ?? new ForeignWatch()
    watches.set(at, watch)
    const alarm = watch.hear(event, options.own())
    if (watch.alarms().length === 0) watches.delete(at)
    if (alarm !== undefined) options.alarm?.({ ...alarm, interface: at })
  }
  const links = new Links<Querier>(options, {
    up: (at, before, now) => {
      // With other addresses it may be another network: what was found before is found again, or not.
      before?.stop()
      for (const event of before?.takeEvents() ?? []) tell(event, at.name)
      return querier(now)
    },
    down: (conversation) => conversation.stop(),
    end: (conversation) => conversation.stop(),
    progress: (conversation, at) => {
      for (const event of conversation.takeEvents()) tell(event, at.name)
    },
    // What is ours may have changed since: a rename, a new address.
    polled: () => {
      for (const { at, conversation } of links.all())
        for (const service of conversation.services()) judge({ kind: 'changed', service }, at.name)
    },
  })
  function tell(event: QuerierEvent, at: string): void {
    options.event?.({ ...event, interface: at })
    judge(event, at)
  }
  return {
    services: () =>
      links
        .all()
        .flatMap(({ at, conversation }) =>
          conversation.services().map((service) => ({ ...service, interface: at.name })),
        ),
    alarms: () => [...watches].flatMap(([at, watch]) => watch.alarms().map((alarm) => ({ ...alarm, interface: at }))),
    get dropped() {
      return links.all().reduce((sum, { conversation, malformed }) => sum + conversation.dropped + malformed, 0)
    },
    close: () => links.close(),
    [Symbol.asyncDispose]: () => links.close(),
  }
}
