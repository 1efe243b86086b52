import { estText, type ForeignAlarm, type ServiceDescription, type ServiceText } from '@cordon/core/discovery'
import { advertise, browse, type MdnsOptions } from '@cordon/node/mdns'

/** How a listener is announced by DNS-SD (RFC 6763), one service for each label. */
export interface AnnounceOptions extends Pick<MdnsOptions, 'problem' | 'source'> {
  /** Name of the plant, as people see it. */
  readonly name: string
  /** Where it listens: announced are these addresses and no others. */
  readonly listen: readonly { readonly address: string; readonly port: number }[]
  readonly labels: readonly (string | undefined)[]
  /** Default `_est._tcp`. */
  readonly type?: string
  readonly subtypes?: readonly string[]
  /** Keys of the TXT record besides `txtvers`, `path` and `label`. */
  readonly text?: ServiceText
  /** First label of the host's name. Default: this machine's. */
  readonly host?: string
  /** Addresses of other listeners of this plant, which are no strangers under whatever name. */
  readonly others?: () => readonly string[]
  /** Hears of advertisers of the type that are not ours. */
  readonly alarm?: (alarm: ForeignAlarm & { readonly interface: string }) => void
  /** Hears of a name that was taken, and of the one it became. */
  readonly renamed?: (from: string, to: string) => void
}

/** A running announcement with its watch for strangers. */
export interface Announcement extends AsyncDisposable {
  /** Instance names as they are announced now. */
  instances(): readonly string[]
  /** Strangers that stand now. */
  foreign(): readonly ForeignAlarm[]
  /** Says goodbye, and ends. */
  close(): Promise<void>
}

/** What is announced for each label. Names may not hold dots: the DNS library takes them for separators. */
export function estServices(options: AnnounceOptions): readonly ServiceDescription[] {
  const { name, listen, labels, type, subtypes, text } = options
  const ports = [...new Set(listen.map(({ port }) => port))]
  const plain = (words: string) => words.replaceAll('.', '-').slice(0, 50)
  return ports.flatMap((port, i) =>
    labels.map((label) => {
      const suffix = i === 0 ? '' : ` ${port}`
      return {
        instance: `${plain(label === undefined ? name : `${name} ${label}`)}${suffix}`,
        port,
        text: { ...estText(label === undefined ? {} : { label }), ...text },
        ...(type === undefined ? {} : { type }),
        ...(subtypes === undefined ? {} : { subtypes }),
      }
    }),
  )
}

/**
 * Announces a listener on the interfaces whose addresses it listens on, and watches for others who announce the same
 * type there: a device that pulls would ask them for its identity.
 * @throws UsageError `bad-value` for names and texts that cannot be announced
 */
export function announceEst(options: AnnounceOptions): Announcement {
  const { listen, host, type, others, alarm, renamed, problem, source } = options
  const addresses = [...new Set(listen.map(({ address }) => address))]
  const links = { interfaces: addresses, ...(problem && { problem }), ...(source && { source }) }
  const advertisement = advertise({
    ...links,
    services: estServices(options),
    ...(host === undefined ? {} : { host }),
    event: (event) => {
      if (event.kind === 'renamed') renamed?.(event.from, event.to)
    },
  })
  const instances = () => [...new Set(advertisement.status().flatMap((status) => status.instances))]
  const browser = browse({
    ...links,
    ...(type === undefined ? {} : { type }),
    own: () => ({ instances: instances(), addresses, peers: others?.() ?? [] }),
    ...(alarm === undefined ? {} : { alarm }),
  })
  const close = async () => {
    await browser.close()
    await advertisement.close()
  }
  return { instances, foreign: () => browser.alarms(), close, [Symbol.asyncDispose]: close }
}
