import { type AnyError, TransportError } from '@cordon/core/errors'
import type { ReadTables } from '@cordon/core/tables'
import { isOurs } from '../transports/system-error.ts'
import { openPageClient, type PageClient, type PageClientOptions } from './client.ts'

/** How the tables of many devices are read. */
export interface PlantTablesOptions extends Omit<PageClientOptions, 'address'> {
  readonly addresses: readonly string[]
  /** Devices that are asked at the same time. Default 32. */
  readonly concurrency?: number
}

/** A device whose tables could not be read. */
export interface UnreadDevice {
  readonly address: string
  /** It has no pages: nothing listens there, or what does serves something else. */
  readonly hasNoPages: boolean
  readonly error: AnyError
}

/** The tables of a plant at one moment; every device is in one of the two lists. */
export interface PlantReading {
  readonly devices: readonly ReadTables[]
  readonly unread: readonly UnreadDevice[]
}

/** Reads the tables of many devices again and again, over connections that are kept. */
export class PlantTables implements Disposable {
  readonly #concurrency: number
  readonly #clients: readonly { readonly address: string; readonly client: PageClient }[]

  constructor(options: PlantTablesOptions) {
    this.#concurrency = options.concurrency ?? 32
    this.#clients = options.addresses.map((address) => ({ address, client: openPageClient({ ...options, address }) }))
  }

  /** Asks every device once. @throws TransportError `aborted` */
  async read(signal?: AbortSignal): Promise<PlantReading> {
    const devices: ReadTables[] = []
    const unread: UnreadDevice[] = []
    const waiting = this.#clients.values()
    const worker = async () => {
      // The workers share one iterator: each takes the next device that nobody has.
      for (const { address, client } of waiting) {
        try {
          devices.push(await readDevice(address, client, signal))
        } catch (error) {
          if (!isOurs(error) || (error instanceof TransportError && error.code === 'aborted')) throw error
          const hasNoPages =
            error instanceof TransportError ? error.code === 'refused' : error.code === 'unexpected-reply'
          unread.push({ address, hasNoPages, error })
        }
      }
    }
    await Promise.all(Array.from({ length: this.#concurrency }, worker))
    const order = new Map(this.#clients.map(({ address }, place) => [address, place]))
    const byPlace = (a: { readonly address: string }, b: { readonly address: string }) =>
      (order.get(a.address) ?? 0) - (order.get(b.address) ?? 0)
    return { devices: devices.sort(byPlace), unread: unread.sort(byPlace) }
  }

  /** Ends the connections. */
  close(): void {
    for (const { client } of this.#clients) client.close()
  }

  /** As closing it. */
  [Symbol.dispose](): void {
    this.close()
  }
}

async function readDevice(address: string, client: PageClient, signal: AbortSignal | undefined): Promise<ReadTables> {
  const tcp = await client.read('tcp', signal)
  const tls = await client.read('tls', signal)
  const dtls = await client.read('dtls', signal)
  const bridge = await client.read('bridge', signal)
  return { address, tcp: tcp.data, tls: tls.data, dtls: dtls.data, bridge: bridge.data }
}
