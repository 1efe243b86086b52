import { TransportError } from '@cordon/core/errors'
import type { Protocol } from '@cordon/tls'
import { randomBytes } from 'node:crypto'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import { isOurs } from '../transports/system-error.ts'
import { connectTcp } from '../transports/tcp.ts'
import type { Transport } from '../transports/transport.ts'
import { connectUdp } from '../transports/udp.ts'
import { alertMeaning } from './alert-meanings.ts'
import { clientHello, type Offer } from './client-hello.ts'
import { FlightReader, type FlightState, type ServerFlight } from './server-flight.ts'

/** How a target is asked. */
export interface ProbeOptions {
  readonly address: string
  /** Default 2221. */
  readonly port?: number
  readonly transport: Protocol
  readonly localAddress?: string
  /** For one probe, milliseconds. Default 3000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly schedule?: Schedule
}

/**
 * What the target made of it: it chose (`accepted`), it said no after a ClientHello that arrived (`refused`), or the
 * question did not get through, which says nothing about the offer (`unanswered`).
 */
export type ProbeOutcome =
  | { readonly kind: 'accepted'; readonly flight: ServerFlight; readonly reason: string }
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly alert?: number
      /** It closed the connection and said nothing: that may be its answer, or that it was busy. */
      readonly isMute?: boolean
    }
  | { readonly kind: 'unanswered'; readonly reason: string }

const mute = {
  kind: 'refused',
  reason: 'the target closed the connection after the ClientHello',
  isMute: true,
} as const

/** How long the rest of a flight is waited for once the hello came: it follows at once, or not at all. */
const restMs = 1000

/**
 * Sends one ClientHello and reads what answers it before anything is encrypted. The handshake goes no further; the target
 * sees one that was given up.
 *
 * @throws TransportError `aborted`
 */
export async function probe(options: ProbeOptions, offer: Offer): Promise<ProbeOutcome> {
  const timeoutMs = options.timeoutMs ?? 3_000
  const endpoint = {
    address: options.address,
    port: options.port ?? 2221,
    timeoutMs,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
  try {
    const carrier = await (options.transport === 'tls' ? connectTcp(endpoint) : connectUdp(endpoint))
    return await firstFlight(carrier, options, offer, timeoutMs)
  } catch (error) {
    if (!isOurs(error) || (error instanceof TransportError && error.code === 'aborted')) throw error
    return { kind: 'unanswered', reason: error.message }
  }
}

function firstFlight(
  carrier: Transport,
  options: ProbeOptions,
  offer: Offer,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const schedule = options.schedule ?? processSchedule()
  const { signal, transport } = options
  const random = randomBytes(32)
  const reader = new FlightReader(transport)
  return new Promise((resolve, reject) => {
    const timers: Deadline[] = []
    let hello = clientHello(transport, offer, random)
    let verified = false
    let waitsForRest = false
    const end = () => {
      for (const timer of timers) timer.cancel()
      signal?.removeEventListener('abort', onAbort)
      carrier.destroy()
    }
    const finish = (outcome: ProbeOutcome) => {
      end()
      resolve(outcome)
    }
    const onAbort = () => {
      end()
      reject(new TransportError('aborted', 'scan: cancelled by the caller', { cause: signal?.reason }))
    }
    const take = (state: FlightState) => {
      if (state.kind === 'hello-verify') {
        if (verified) return
        verified = true
        hello = clientHello(transport, offer, random, state.cookie)
        carrier.send(hello)
      } else if (state.kind === 'flight' && !state.flight.complete) {
        if (waitsForRest) return
        waitsForRest = true
        timers.push(schedule.after(Math.min(restMs, timeoutMs), () => conclude()))
      } else if (state.kind !== 'waiting') finish(judge(state, offer))
    }
    /** With what was heard until now. */
    const conclude = () => {
      const state = reader.state()
      if (state.kind === 'flight' || state.kind === 'alert') finish(judge(state, offer))
      else if (verified) finish({ kind: 'refused', reason: 'silence after the cookie' })
      else finish({ kind: 'unanswered', reason: `no answer within ${timeoutMs} ms` })
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    carrier.attach({
      data: (bytes) => take(reader.receive(bytes)),
      closed: (error) => {
        const state = reader.state()
        const refusal =
          transport === 'tls' && (error === undefined || (error instanceof TransportError && error.code === 'closed'))
        if (state.kind === 'flight' || state.kind === 'alert') finish(judge(state, offer))
        else if (refusal) finish(mute)
        else finish({ kind: 'unanswered', reason: error?.message ?? 'the target closed the connection' })
      },
    })
    carrier.send(hello)
    // UDP may lose the question or the answer.
    if (transport === 'dtls') {
      for (const after of [timeoutMs / 4, timeoutMs / 2]) {
        timers.push(schedule.after(after, () => carrier.send(hello)))
      }
    }
    timers.push(schedule.after(timeoutMs, conclude))
  })
}

function judge(state: Exclude<FlightState, { kind: 'waiting' | 'hello-verify' }>, offer: Offer): ProbeOutcome {
  if (state.kind === 'alert') {
    return { kind: 'refused', reason: `alert ${alertMeaning(state.code).name} (${state.code})`, alert: state.code }
  }
  if (state.kind === 'not-tls') return { kind: 'refused', reason: 'the answer is not (D)TLS' }
  const { flight } = state
  if (flight.version !== offer.version) {
    return { kind: 'refused', reason: `the target answered with ${flight.version} instead` }
  }
  if (!offer.suites.includes(flight.suite)) {
    return { kind: 'refused', reason: `the target chose 0x${flight.suite.toString(16)}, which was not offered` }
  }
  return { kind: 'accepted', flight, reason: 'ServerHello' }
}
