import type { ForeignAlarm } from '@cordon/core/discovery'
import { browse, type MdnsOptions } from '@cordon/node/mdns'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { listenerAddress, readListeners } from '../enrollment/listeners.ts'
import type { Store } from '../store/store.ts'

/** Where foreign advertisers are looked for. */
export interface AdvertiserSearch extends Pick<MdnsOptions, 'problem' | 'source'> {
  readonly store: Store
  readonly plant: string
  /** Names or addresses of interfaces. Default: all but the loopback, and that too where a listener of ours is on it. */
  readonly interfaces?: readonly string[] | undefined
  /** Default `_est._tcp`. */
  readonly type?: string | undefined
  /** How long is listened, milliseconds. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/**
 * Who else announces EST servers, on which interface. Ours are the listeners of the plant that gave a sign of life to
 * the store, by their addresses.
 *
 * @throws UsageError `bad-value` for a type that cannot be
 */
export async function foreignAdvertisers(
  search: AdvertiserSearch,
): Promise<readonly (ForeignAlarm & { readonly interface: string })[]> {
  const { store, plant, type, waitMs, signal, problem, source } = search
  const listeners = (await readListeners(store)).filter((one) => one.plant === plant)
  const addresses = listeners.flatMap((one) => one.addresses.map(listenerAddress))
  const interfaces = search.interfaces ?? [...ordinary(source), ...addresses.filter((one) => one.startsWith('127.'))]
  if (interfaces.length === 0) return []
  await using browser = browse({
    interfaces,
    own: () => ({ instances: [], addresses: [], peers: addresses }),
    ...(type === undefined ? {} : { type }),
    ...(problem && { problem }),
    ...(source && { source }),
  })
  await sleep(waitMs, undefined, { signal }).catch(() => undefined)
  return browser.alarms()
}

function ordinary(source: MdnsOptions['source'] = networkInterfaces): readonly string[] {
  return Object.entries(source()).flatMap(([name, entries = []]) =>
    entries.some(({ internal }) => !internal) ? [name] : [],
  )
}
