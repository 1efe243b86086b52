import type { Arrival, Line, LineSecurity } from '@cordon/core/conformance'
import type { Transport } from '../transports/transport.ts'

/** Most that is kept of what a target sends unasked, bytes. */
const mostWaiting = 1024 * 1024

/** An open transport as a line: what arrives waits until somebody asks for it. */
export function lineOver(transport: Transport): Line {
  const waiting: Uint8Array[] = []
  let bytes = 0
  let ended: Arrival | undefined
  let wake: () => void = () => undefined
  transport.attach({
    data: (piece) => {
      bytes += piece.length
      if (bytes > mostWaiting) {
        ended ??= { kind: 'closed', reason: 'it sent more than anybody asked for' }
        transport.destroy()
      } else waiting.push(piece)
      wake()
    },
    closed: (error) => {
      ended ??= { kind: 'closed', reason: error?.message ?? 'in order' }
      wake()
    },
  })
  const taken = (): Arrival | undefined => {
    const piece = waiting.shift()
    if (piece === undefined) return ended
    bytes -= piece.length
    return { kind: 'bytes', bytes: piece }
  }
  return {
    boundaries: transport.boundaries,
    security: securityOf(transport),
    localPort: transport.local.port,
    send: (piece) => void transport.send(piece.slice()),
    receive: async (withinMs) => {
      const now = taken()
      if (now !== undefined) return now
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      wake = () => undefined
      return taken() ?? { kind: 'silence' }
    },
    // In order for a stream, so that what was just sent still leaves.
    close: () => transport.close(),
  }
}

function securityOf({ security }: Transport): LineSecurity | undefined {
  if (security === undefined) return undefined
  const { suite, version, encrypts, peerChain } = security
  return { suite, version, encrypts, peerChain }
}
