import type { FoundService, QuerierEvent } from './querier.ts'
import { foldName } from './record.ts'

/** What is ours on a link, to tell others from it. */
export interface OwnServices {
  /** Instance names as they are announced now, after any rename. */
  readonly instances: readonly string[]
  /** Every address of our servers, on this and other machines. */
  readonly addresses: readonly string[]
  /** Addresses of servers of ours whose names are not known here: two managers of a plant may rename each other. */
  readonly peers?: readonly string[]
}

/** Whether an advertiser is one of ours, and why. */
export interface AdvertiserJudgement {
  readonly verdict: 'ours' | 'foreign'
  readonly reason: string
}

/** Another advertiser of the type appeared, or went. */
export interface ForeignAlarm {
  readonly kind: 'raised' | 'cleared'
  readonly service: FoundService
  readonly reason: string
}

/**
 * Whether a service is ours. The name alone proves nothing, since anyone can announce it: every address, and the one
 * that announced it, must be ours as well. A peer is known by its addresses alone.
 */
export function judgeAdvertiser(service: FoundService, own: OwnServices): AdvertiserJudgement {
  const strangeTo = (known: readonly string[]) => {
    const addresses = new Set(known.map(foldName))
    return [...service.addresses, service.advertiser].filter((address) => !addresses.has(foldName(address)))
  }
  const { peers = [] } = own
  const strange = strangeTo([...own.addresses, ...peers])
  const isNamed = own.instances.some((instance) => foldName(instance) === foldName(service.instance))
  const where = `${service.host}:${service.port} (${service.addresses.join(', ')})`
  if (isNamed && strange.length === 0) return { verdict: 'ours', reason: `${service.instance} at ${where} is ours` }
  if (strangeTo(peers).length === 0) return { verdict: 'ours', reason: `${where} is another server of ours` }
  const told = `announced by ${service.advertiser} as "${service.instance}" at ${where}`
  if (isNamed)
    return { verdict: 'foreign', reason: `our name from an address that is not ours, ${strange[0]}: ${told}` }
  return { verdict: 'foreign', reason: `not one of our services: ${told}` }
}

/**
 * Watches for advertisers that are not ours: devices that pull would ask them for certificates. Feed it the events of a
 * querier; its memory is bounded by the querier's.
 */
export class ForeignWatch {
  readonly #raised = new Map<string, ForeignAlarm>()

  /** Alarms that stand. */
  alarms(): readonly ForeignAlarm[] {
    return [...this.#raised.values()]
  }

  /** Judges one event; gives the alarm that it raises or clears. */
  hear(event: QuerierEvent, own: OwnServices): ForeignAlarm | undefined {
    const { service } = event
    const key = `${foldName(service.instance)}.${service.type}`
    const before = this.#raised.get(key)
    const { verdict, reason } = judgeAdvertiser(service, own)
    if (event.kind !== 'lost' && verdict === 'foreign') {
      const alarm: ForeignAlarm = { kind: 'raised', service, reason }
      this.#raised.set(key, alarm)
      return before?.reason === reason ? undefined : alarm
    }
    if (before === undefined) return undefined
    this.#raised.delete(key)
    const why = event.kind === 'lost' ? 'it is announced no more' : reason
    return { kind: 'cleared', service, reason: why }
  }
}
