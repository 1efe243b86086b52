import { setMaxListeners } from 'node:events'
import { type AnyError, TransportError, UsageError } from '@cordon/core/errors'
import {
  bridgeObservations,
  type LearnedDevice,
  mergeObservations,
  type Observation,
  tcpObservations,
} from '@cordon/core/learning'
import { discover, type DiscoveryReply } from '@cordon/node/originator'
import { openPageClient } from '@cordon/node/pages'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { parseNumber, parseTarget } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { checkLearnFlags, dryRunPlant, giveDryRun, giveProposal, type LearnFlags } from '../learning.ts'
import { bar, withProgress } from '../progress.ts'

interface LiveLearnFlags extends LearnFlags {
  readonly discover?: boolean
  readonly broadcast: string
  readonly wait: string
  readonly from?: string
}

/** Devices that are asked at the same time. */
const concurrency = 32

/** `cordon learn [TARGET…]` */
export async function run(
  context: CommandContext,
  flags: LiveLearnFlags,
  targets: readonly string[],
): Promise<ExitCode> {
  await checkLearnFlags(flags)
  const waitMs = parseNumber(flags.wait, '--wait', 3600) * 1000
  const files = await dryRunPlant(context, flags.plant)
  if (files === 'refused') return exitCodes.usage
  const manager = files?.plant.devices.find(({ name }) => name === files.plant.manager)?.address
  const localAddress = flags.from ?? context.settings['localAddress']
  const named = new Set(targets.map((target) => parseTarget(target).address))
  if (named.size === 0 && flags.discover !== true) {
    for (const { name, address } of files?.plant.devices ?? [])
      if (address !== undefined && name !== files?.plant.manager) named.add(address)
  }
  if (named.size === 0 && flags.discover !== true) {
    throw new UsageError('missing', 'name the devices to ask, or say --discover to ask whoever answers a broadcast')
  }
  const seen = new Seen(context, localAddress)
  await withProgress(context.output, [
    {
      title: 'Ask who is there',
      run: async (_show, rename) => {
        await seen.ask({ targets: [...named], waitMs: Math.min(waitMs, 1000) })
        if (flags.discover === true) await seen.ask({ broadcast: [flags.broadcast], waitMs })
        rename(`Ask who is there: ${seen.answered} devices answer`)
      },
    },
    {
      title: 'Read their tables',
      run: async (show, rename) => {
        await seen.read([...new Set([...named, ...seen.addresses])], (done, total) => show(bar(done, total)))
        rename(`Read their tables: ${seen.tables} devices show theirs`)
      },
    },
    {
      title: 'Ask their peers who they are',
      run: () => seen.ask({ targets: seen.strangers(), waitMs: 1000 }),
    },
  ])
  for (const line of seen.unread) context.output.note(line)
  if (seen.tables === 0) {
    throw new TransportError(
      'unreachable',
      `no device shows its tables: ${seen.failures[0]?.message ?? 'none answers'}`,
    )
  }
  const code = files === undefined ? exitCodes.ok : giveDryRun(context, files, seen.observations)
  if (files === undefined) {
    await giveProposal(context, flags, {
      observations: seen.observations,
      devices: seen.devices,
      manager: flags.manager ?? manager ?? localAddress,
      unread: seen.unread,
    })
  }
  if (code !== exitCodes.ok) return code
  return seen.failures.length === 0 ? exitCodes.ok : exitCodes.partly
}

/** What devices told, gathered from several questions. */
class Seen {
  readonly observations: Observation[] = []
  readonly devices: LearnedDevice[] = []
  /** Devices that were not read, each in a sentence. */
  readonly unread: string[] = []
  /** Of these, those that should have answered. */
  readonly failures: AnyError[] = []
  tables = 0
  readonly #heard = new Map<string, DiscoveryReply>()
  readonly #context: CommandContext
  readonly #localAddress: string | undefined

  constructor(context: CommandContext, localAddress: string | undefined) {
    this.#context = context
    this.#localAddress = localAddress
  }

  get answered(): number {
    return this.#heard.size
  }

  get addresses(): readonly string[] {
    return [...this.#heard.keys()]
  }

  /** ListIdentity. */
  async ask(whom: {
    readonly targets?: string[]
    readonly broadcast?: string[]
    readonly waitMs: number
  }): Promise<void> {
    if ((whom.targets ?? whom.broadcast ?? []).length === 0) return
    const replies = await discover({
      ...whom,
      signal: this.#context.signal,
      ...(this.#localAddress === undefined ? {} : { localAddress: this.#localAddress }),
    })
    for (const reply of replies) {
      const { address, identity, security } = reply
      if (this.#heard.has(address)) continue
      this.#heard.set(address, reply)
      this.devices.push({
        address,
        productName: identity.productName.trim(),
        vendorId: identity.vendorId,
        serialNumber: identity.serialNumber,
        capable: security !== undefined,
        source: 'ListIdentity',
      })
    }
  }

  /** The tables of devices; one that shows none is named. */
  async read(addresses: readonly string[], progress: (done: number, total: number) => void): Promise<void> {
    // Each question hears the same signal.
    setMaxListeners(2 * concurrency, this.#context.signal)
    const waiting = addresses.values()
    let done = 0
    const worker = async () => {
      // The workers share one iterator: each takes the next device that nobody has.
      for (const address of waiting) {
        await this.#readOne(address)
        progress(++done, addresses.length)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
    this.unread.sort()
  }

  async #readOne(address: string): Promise<void> {
    const { signal } = this.#context
    const client = openPageClient({
      address,
      ...(this.#localAddress === undefined ? {} : { localAddress: this.#localAddress }),
    })
    try {
      const identity = await client.read('identity', signal)
      const [tcp, bridge] = [await client.read('tcp', signal), await client.read('bridge', signal)]
      const readAt = Date.now()
      const reading = { address, readAt, at: moment(readAt) }
      this.observations.push(...bridgeObservations(reading, bridge.data), ...tcpObservations(reading, tcp.data))
      const { name, productName, vendorId, serialNumber, slot, cipSecurity } = identity.data
      this.devices.push({
        address,
        name,
        productName,
        vendorId,
        serialNumber,
        capable: cipSecurity,
        source: 'identity page',
        ...(slot === undefined || slot === null ? {} : { slot }),
      })
      this.tables++
    } catch (error) {
      if (signal.aborted || !isOurs(error)) throw error
      const isWithout = error.code === 'refused' || error.code === 'unexpected-reply'
      this.unread.push(
        isWithout
          ? `${address} has no pages: its connections are known from its peers alone`
          : `${address} was not read: ${error.message}`,
      )
      if (!isWithout) this.failures.push(error)
    } finally {
      client.close()
    }
  }

  /** Peers in the tables that nobody asked yet. */
  strangers(): string[] {
    const { connections } = mergeObservations(this.observations)
    const all = new Set(connections.flatMap(({ originator, target }) => [originator.address, target.address]))
    return [...all].filter((address) => !this.#heard.has(address))
  }
}

function isOurs(error: unknown): error is AnyError {
  return error instanceof Error && 'code' in error && 'details' in error
}
