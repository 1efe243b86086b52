import { TransportError } from '@cordon/core/errors'
import { Context, type ProbeVersion, type Protocol, probeClientHello, readFirstRecord, Session } from '@cordon/tls'
import { type Deadline, processSchedule, type Schedule } from '../schedule.ts'
import { isOurs } from '../transports/system-error.ts'
import { connectTcp } from '../transports/tcp.ts'
import type { Transport } from '../transports/transport.ts'
import { connectUdp } from '../transports/udp.ts'

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

/** What one ClientHello offers. */
export interface Offer {
  readonly version: ProbeVersion
  /** IANA numbers. */
  readonly suites: readonly number[]
  /** Write the hello by hand, because OpenSSL lacks a suite: version 1.2 only. */
  readonly byHand?: boolean
}

/**
 * What the target made of it: it chose (`accepted`), it said no after a ClientHello that arrived (`refused`), or the
 * question did not get through, which says nothing about the offer (`unanswered`).
 */
export type ProbeOutcome =
  | { readonly kind: 'accepted'; readonly suite: number; readonly version: string; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string }

/** A key that opens nothing: a server chooses a PSK suite before it sees the identity. */
const dummyPsk = { identity: new TextEncoder().encode('probe'), key: new Uint8Array(32).fill(0x5a) }

const versionWords: Readonly<Record<ProbeVersion, string>> = {
  TLSv1: 'TLSv1',
  'TLSv1.1': 'TLSv1.1',
  'TLSv1.2': 'TLSv1.2',
  // A TLS 1.3 hello carries the number of 1.2 and says 1.3 in an extension (RFC 8446 4.1.3).
  'TLSv1.3': 'TLSv1.2',
  DTLSv1: 'DTLSv1',
  'DTLSv1.2': 'DTLSv1.2',
}

/** Source of the ClientHello: OpenSSL, or our own bytes. */
interface HelloSource {
  first(): readonly Uint8Array[]
  /** Feeds what came (a HelloVerifyRequest) and gives what goes out next. */
  next(bytes: Uint8Array): readonly Uint8Array[]
  end(): void
}

/**
 * Sends one ClientHello and judges the first record that answers it. The handshake goes no further.
 *
 * @throws TransportError `aborted`, TlsError `suite-unavailable` for an offer that OpenSSL cannot make
 */
export async function probe(options: ProbeOptions, offer: Offer): Promise<ProbeOutcome> {
  const schedule = options.schedule ?? processSchedule()
  const timeoutMs = options.timeoutMs ?? 3_000
  const endpoint = {
    address: options.address,
    port: options.port ?? 2221,
    timeoutMs,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
  const source =
    offer.byHand === true ? handMade(options.transport, offer) : openSslMade(options.transport, offer, schedule)
  try {
    const carrier = await (options.transport === 'tls' ? connectTcp(endpoint) : connectUdp(endpoint))
    return await firstAnswer(carrier, source, options, offer, schedule, timeoutMs)
  } catch (error) {
    if (!isOurs(error) || (error instanceof TransportError && error.code === 'aborted')) throw error
    return { kind: 'unanswered', reason: error.message }
  } finally {
    source.end()
  }
}

function firstAnswer(
  carrier: Transport,
  source: HelloSource,
  options: ProbeOptions,
  offer: Offer,
  schedule: Schedule,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  return new Promise((resolve, reject) => {
    const { signal, transport } = options
    let received: Uint8Array = new Uint8Array(0)
    let verified = false
    const timers: Deadline[] = []
    const finish = (outcome: ProbeOutcome) => {
      for (const timer of timers) timer.cancel()
      signal?.removeEventListener('abort', onAbort)
      carrier.destroy()
      resolve(outcome)
    }
    const onAbort = () => {
      for (const timer of timers) timer.cancel()
      carrier.destroy()
      reject(new TransportError('aborted', 'scan: cancelled by the caller', { cause: signal?.reason }))
    }
    const send = (datagrams: readonly Uint8Array[]) => {
      for (const bytes of datagrams) carrier.send(bytes)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    carrier.attach({
      data: (bytes) => {
        received = transport === 'tls' ? Buffer.concat([received, bytes]) : bytes
        const record = readFirstRecord(transport, received)
        if (record === undefined) {
          // No record of TLS begins like this, or it is not complete yet.
          if (received.length > 65_536) finish({ kind: 'refused', reason: 'the answer is not (D)TLS' })
          return
        }
        if (record.kind === 'hello-verify') {
          verified = true
          send(source.next(bytes))
        } else finish(judge(record, offer))
      },
      closed: (error) => {
        const refusal =
          transport === 'tls' && (error === undefined || (error instanceof TransportError && error.code === 'closed'))
        if (refusal) finish({ kind: 'refused', reason: 'the target closed the connection after the ClientHello' })
        else finish({ kind: 'unanswered', reason: error?.message ?? 'the target closed the connection' })
      },
    })
    const first = source.first()
    send(first)
    // UDP may lose the question or the answer.
    if (transport === 'dtls') {
      for (const after of [timeoutMs / 4, timeoutMs / 2]) {
        timers.push(schedule.after(after, () => send(verified ? [] : first)))
      }
    }
    timers.push(
      schedule.after(timeoutMs, () => {
        if (verified) finish({ kind: 'refused', reason: 'silence after the cookie' })
        else finish({ kind: 'unanswered', reason: `no answer within ${timeoutMs} ms` })
      }),
    )
  })
}

function judge(
  record: Exclude<NonNullable<ReturnType<typeof readFirstRecord>>, { kind: 'hello-verify' }>,
  offer: Offer,
): ProbeOutcome {
  if (record.kind === 'alert') return { kind: 'refused', reason: `alert ${record.name} (${record.code})` }
  if (record.version !== versionWords[offer.version]) {
    return { kind: 'refused', reason: `the target answered with ${record.version} instead` }
  }
  if (!offer.suites.includes(record.suite)) {
    return { kind: 'refused', reason: `the target chose 0x${record.suite.toString(16)}, which was not offered` }
  }
  return { kind: 'accepted', suite: record.suite, version: offer.version, reason: 'ServerHello' }
}

function handMade(protocol: Protocol, offer: Offer): HelloSource {
  return {
    first: () => [probeClientHello({ protocol, suites: offer.suites })],
    next: (bytes) => {
      const record = readFirstRecord(protocol, bytes)
      return record?.kind === 'hello-verify'
        ? [probeClientHello({ protocol, suites: offer.suites, cookie: record.cookie })]
        : []
    },
    end: () => {},
  }
}

function openSslMade(protocol: Protocol, offer: Offer, schedule: Schedule): HelloSource {
  const context = new Context({
    role: 'client',
    protocol,
    suites: offer.suites,
    versions: { min: offer.version, max: offer.version },
    psk: [dummyPsk],
    verify: { peer: 'none' },
    resumption: false,
  })
  const session = new Session(context)
  return {
    first: () => {
      session.start(schedule.now())
      return session.takeOutput()
    },
    next: (bytes) => {
      session.receive(bytes, schedule.now())
      return session.takeOutput()
    },
    end: () => {
      session.destroy()
      context.close()
    },
  }
}
