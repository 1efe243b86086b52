import type { EstServer } from '@cordon/core/enrollment'
import { TransportError } from '@cordon/core/errors'
import type { SimulatedDiscovery } from '@cordon/core/policy'
import { type EstSearchOptions, estServers } from '@cordon/node/est'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'

/** How long answers are collected, milliseconds: a query, a second one a second later, and time to answer. */
const waitMs = 1_500

/** For how long an answer is good for everybody, milliseconds: units that are switched on together look together. */
const freshMs = 3_000

/** How the search of a plant is made. */
export interface PlantSearchOptions {
  readonly discovery: SimulatedDiscovery
  /** Addresses of the units: they tell on which interfaces to look. */
  readonly addresses: readonly string[]
  /** Hears of an interface that cannot be used, and of servers that cannot be. */
  readonly problem: (message: string) => void
  /** Default that of multicast DNS. */
  readonly search?: (options: EstSearchOptions) => Promise<readonly EstServer[]>
}

/** The search for EST servers, one for all units of a plant: however many of them look, the network hears one. */
export class EstSearch {
  readonly #options: PlantSearchOptions
  readonly #end = new AbortController()
  #last: { readonly until: number; readonly found: Promise<readonly EstServer[]> } | undefined

  constructor(options: PlantSearchOptions) {
    this.#options = options
  }

  /** The servers that are there, best first. @throws TransportError `aborted` */
  async look(signal: AbortSignal): Promise<readonly EstServer[]> {
    const now = performance.now()
    if (this.#last === undefined || now > this.#last.until) {
      const found = this.#search()
      // Whoever asked may be gone by then.
      found.catch(() => undefined)
      this.#last = { until: now + waitMs + freshMs, found }
    }
    return await unless(signal, this.#last.found)
  }

  #search(): Promise<readonly EstServer[]> {
    const { discovery, addresses, problem, search = estServers } = this.#options
    return search({
      interfaces: discovery.interfaces ?? interfacesOf(addresses),
      type: discovery.type,
      subtype: discovery.subtype,
      waitMs,
      signal: this.#end.signal,
      problem: (each) => problem(each.error.message),
      refused: (instance, reason) => problem(`EST server ${JSON.stringify(instance)} is passed over: ${reason}`),
    })
  }

  /** Ends it, whoever still looks. */
  async close(): Promise<void> {
    this.#end.abort()
    await this.#last?.found.catch(() => undefined)
  }
}

async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = () => new TransportError('aborted', 'looking for EST servers: cancelled')
  if (signal.aborted) throw aborted()
  let stop = (): void => {}
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(aborted())
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, ended])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Names of the interfaces on whose networks these addresses are. */
export function interfacesOf(
  addresses: readonly string[],
  source: typeof networkInterfaces = networkInterfaces,
): string[] {
  return Object.entries(source()).flatMap(([name, entries = []]) => {
    const networks = entries.filter(({ family }) => family === 'IPv4')
    return networks.some((network) => addresses.some((address) => isIn(address, network))) ? [name] : []
  })
}

function isIn(address: string, network: { readonly address: string; readonly netmask: string }): boolean {
  const mask = number(network.netmask)
  return isIPv4(address) && (number(address) & mask) === (number(network.address) & mask)
}

function number(address: string): number {
  return address.split('.').reduce((sum, octet) => (sum << 8) | Number(octet), 0)
}
