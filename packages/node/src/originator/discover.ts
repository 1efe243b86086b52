import { type DiscoveredDevice, listIdentityReply, listIdentityRequest } from '@cordon/core/client'
import type { TransportError } from '@cordon/core/errors'
import { randomInt } from 'node:crypto'
import { processSchedule, type Schedule } from '../schedule.ts'
import { aborted } from '../transports/system-error.ts'
import { bindUdp } from '../transports/udp.ts'

/** UDP port of ListIdentity. */
export const listIdentityPort = 44818

/** A device that answered. */
export interface DiscoveryReply extends DiscoveredDevice {
  /** Where the answer came from: what counts when the device states another address. */
  readonly address: string
  readonly port: number
}

/** Whom to ask and for how long. */
export interface DiscoverOptions {
  /** Addresses asked one by one. */
  readonly targets?: readonly string[]
  /** Broadcast addresses, e.g. `192.168.1.255`. */
  readonly broadcast?: readonly string[]
  /** Address that the question comes from; without it the system chooses. */
  readonly localAddress?: string
  readonly port?: number
  /** Over which time the devices spread their answers, milliseconds; at least 500. Default 500. */
  readonly maxDelayMs?: number
  /** How long to listen after the last question, milliseconds. Default: the delay and 500. */
  readonly waitMs?: number
  /** How often each is asked, as UDP loses datagrams. Default 2; a single target that answered is not asked again. */
  readonly tries?: number
  /** Called with each device as it answers. */
  readonly onReply?: (reply: DiscoveryReply) => void
  readonly signal?: AbortSignal
  readonly schedule?: Schedule
  /** More answers than this are not kept. Default 65536. */
  readonly maxReplies?: number
}

/**
 * Asks for devices by ListIdentity and gives one entry per answering address. Ends early when all of `targets` answered
 * and nothing was broadcast.
 *
 * @throws TransportError `aborted`, `unreachable` (no such local address), `io`
 */
export async function discover(options: DiscoverOptions): Promise<DiscoveryReply[]> {
  const schedule = options.schedule ?? processSchedule()
  const { signal } = options
  if (signal?.aborted === true) throw aborted(signal, 'discovery')
  const targets = options.targets ?? []
  const broadcast = options.broadcast ?? []
  const port = options.port ?? listIdentityPort
  const maxDelayMs = Math.max(500, options.maxDelayMs ?? 500)
  const waitMs = options.waitMs ?? maxDelayMs + 500
  const tries = Math.max(1, options.tries ?? 2)
  const maxReplies = options.maxReplies ?? 65_536
  const tag = randomInt(1, 0xffff_ffff)
  const replies = new Map<string, DiscoveryReply>()
  const missing = new Set(targets)
  let finish: (error?: TransportError) => void = () => {}
  const finished = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(error))
  })
  const socket = await bindUdp(
    { address: options.localAddress ?? '0.0.0.0', port: 0, broadcast: broadcast.length > 0 },
    (bytes, remote) => {
      const device = listIdentityReply(bytes, tag)
      if (device === undefined || replies.has(remote.address) || replies.size >= maxReplies) return
      // Asked one by one, only those who were asked may answer.
      if (broadcast.length === 0 && !missing.has(remote.address)) return
      const reply: DiscoveryReply = { ...device, address: remote.address, port: remote.port }
      replies.set(remote.address, reply)
      missing.delete(remote.address)
      options.onReply?.(reply)
      if (missing.size === 0 && broadcast.length === 0) finish()
    },
  )
  const onAbort = () => {
    if (signal !== undefined) finish(aborted(signal, 'discovery'))
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  const request = listIdentityRequest(maxDelayMs, tag)
  let round = 0
  const ask = schedule.at(schedule.now(), () => {
    if (round >= tries) {
      finish()
      return
    }
    round++
    for (const address of [...missing, ...broadcast]) socket.send(request, { address, port })
    ask.move(schedule.now() + (round < tries ? Math.min(waitMs, maxDelayMs) : waitMs))
  })
  try {
    await finished
  } finally {
    ask.cancel()
    signal?.removeEventListener('abort', onAbort)
    socket.close()
  }
  return [...replies.values()]
}
