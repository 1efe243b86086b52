import { EncapsulationClient } from '@cordon/core/client'
import { describeEncapsulationStatus } from '@cordon/core/enip'
import { PeerError, TransportError } from '@cordon/core/errors'
import type { Schedule } from '../schedule.ts'
import { formatEndpoint, type Transport, type TransportHandlers } from '../transports/transport.ts'

/** Deviation: how StartDTLS is repeated is not public; three times, after 1, 2 and 4 seconds (cip-security-wire 1.3). */
export const startDtlsRetry = { sends: 3, firstMs: 1000, factor: 2 } as const

/**
 * Asks a target of the UDP-only profile to turn a flow on 44818/udp into DTLS, and gives the flow for the handshake.
 *
 * @throws PeerError `encapsulation-status` where the target has no DTLS there, TransportError `timeout`, `closed`
 */
export function startDtls(flow: Transport, schedule: Schedule, endsAt: number): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const client = new EncapsulationClient()
    const where = formatEndpoint(flow.remote)
    // Afterwards the flow belongs to the DTLS session.
    let next: TransportHandlers | undefined
    let sends = 0
    let interval: number = startDtlsRetry.firstMs
    const send = () => {
      sends++
      client.list('startDtls', schedule.now(), endsAt - schedule.now())
      for (const bytes of client.takeOutput()) flow.send(bytes)
      const due = sends < startDtlsRetry.sends ? schedule.now() + interval : endsAt
      interval *= startDtlsRetry.factor
      retry.move(Math.min(due, endsAt))
    }
    const retry = schedule.idle((now) => {
      if (sends < startDtlsRetry.sends && now < endsAt) send()
      else fail(new TransportError('timeout', `${where}/udp did not answer StartDTLS`))
    })
    const fail = (error: PeerError | TransportError) => {
      retry.cancel()
      reject(error)
    }
    flow.attach({
      data: (bytes) => {
        if (next !== undefined) {
          next.data(bytes)
          return
        }
        client.receiveDatagram(bytes)
        for (const event of client.takeEvents()) {
          if (event.kind === 'list') {
            retry.cancel()
            resolve(handedOver(flow, (handlers) => (next = handlers)))
          } else if (event.kind === 'refused') {
            const status = describeEncapsulationStatus(event.status)
            fail(
              new PeerError('encapsulation-status', `${where} refused StartDTLS: ${status}`, {
                details: { status: event.status },
              }),
            )
          }
        }
      },
      drain: () => next?.drain?.(),
      closed: (error) => {
        if (next !== undefined) next.closed(error)
        else fail(new TransportError('closed', `${where}/udp closed before StartDTLS was answered`, { cause: error }))
      },
    })
    send()
  })
}

/** The same transport with its listener not yet chosen. */
function handedOver(flow: Transport, attach: (handlers: TransportHandlers) => void): Transport {
  return {
    kind: flow.kind,
    boundaries: flow.boundaries,
    local: flow.local,
    remote: flow.remote,
    security: undefined,
    get state() {
      return flow.state
    },
    attach,
    send: (bytes, dscp) => flow.send(bytes, dscp),
    pause: () => flow.pause(),
    resume: () => flow.resume(),
    close: () => flow.close(),
    destroy: (error) => flow.destroy(error),
  }
}
