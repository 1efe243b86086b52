import { inOrderOfPreference } from '@cordon/core/discovery'
import { type EstServer, isEstLabel } from '@cordon/core/enrollment'
import type { SimulatedDiscovery } from '@cordon/core/policy'
import { browse, type Browser, type BrowseOptions, type FoundOnInterface } from '@cordon/node/mdns'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'

/** How long the first look waits for answers, milliseconds: a query, a second one, and time to answer. */
const firstLookMs = 3_000

/** Longest path before the operation that is believed. */
const longestPrefix = 256

/** How the search of a plant is made. */
export interface EstSearchOptions {
  readonly discovery: SimulatedDiscovery
  /** Addresses of the units: they tell on which interfaces to look. */
  readonly addresses: readonly string[]
  /** Hears of an interface that cannot be used. */
  readonly problem: (message: string) => void
  /** Opens the browser; default that of multicast DNS. */
  readonly open?: (options: BrowseOptions) => Browser
}

/**
 * The search for EST servers, one for all units of a plant: however many of them look, the network hears one. It begins
 * with the first who looks.
 */
export class EstSearch implements AsyncDisposable {
  readonly #options: EstSearchOptions
  #browser: Browser | undefined
  #isOld = false
  #timer: NodeJS.Timeout | undefined
  readonly #waiting = new Set<() => void>()

  constructor(options: EstSearchOptions) {
    this.#options = options
  }

  /** The servers that are there, best first. The first look takes a while when nobody answers. */
  async look(signal: AbortSignal): Promise<readonly EstServer[]> {
    this.#browser ??= this.#open()
    if (!this.#isOld && this.#browser.services().length === 0) await this.#firstAnswer(signal)
    const services = this.#browser?.services() ?? []
    return inOrderOfPreference(services, Math.random).flatMap((service) => estServer(service) ?? [])
  }

  #open(): Browser {
    const { discovery, addresses, problem, open = browse } = this.#options
    this.#timer = setTimeout(() => this.#grow(), firstLookMs)
    return open({
      interfaces: discovery.interfaces ?? interfacesOf(addresses),
      ...(discovery.subtype === undefined ? {} : { subtype: discovery.subtype }),
      event: ({ kind }) => {
        if (kind === 'found') this.#tell()
      },
      problem: (each) => problem(each.error.message),
    })
  }

  #grow(): void {
    this.#isOld = true
    this.#tell()
  }

  #tell(): void {
    for (const resolve of [...this.#waiting]) resolve()
  }

  async #firstAnswer(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  /** Ends it; whoever still looks finds nothing. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const browser = this.#browser
    this.#browser = undefined
    this.#tell()
    await browser?.close()
  }

  /** As closing it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A service as an EST server; anyone may announce anything, so what cannot be one is left out. */
export function estServer({ host, port, addresses, text }: FoundOnInterface): EstServer | undefined {
  const path = text.get('path')
  const label = text.get('label')
  const ipv4 = addresses.filter((address) => isIPv4(address))
  if (ipv4.length === 0 || (typeof label === 'string' && label !== '' && !isEstLabel(label))) return undefined
  if (typeof path === 'string' && (path.length > longestPrefix || !/^(?:\/[A-Za-z0-9._~-]+)+$/.test(path))) {
    return undefined
  }
  return {
    host: host.replace(/\.$/, ''),
    port,
    addresses: ipv4,
    ...(typeof path === 'string' ? { prefix: path } : {}),
    ...(typeof label === 'string' && label !== '' ? { label } : {}),
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
