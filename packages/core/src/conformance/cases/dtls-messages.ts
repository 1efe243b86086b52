import type { Bench } from '../bench.ts'
import { type CipReply, concat, le16, le32, readPacket, readReply, u16, u32 } from '../frames.ts'
import { Found, type Judge } from '../judge.ts'
import type { Line } from '../port.ts'

/** Item 0x8003 alone in a packet (1.8). */
export function unconnectedDtls(transaction: number, message: Uint8Array, type = 1, status = 0): Uint8Array {
  return concat(le16(1), le16(0x8003), le16(10 + message.length), le16(type), le32(transaction), le32(status), message)
}

/** What a reply in item 0x8003 says. */
export interface DtlsReply {
  /** Message type with bit 15. */
  readonly type: number
  readonly transaction: number
  readonly status: number
  readonly message: Uint8Array
  /** The whole datagram. */
  readonly raw: Uint8Array
}

/** The reply in a datagram; nothing where it holds none. */
export function readDtlsReply(bytes: Uint8Array): DtlsReply | undefined {
  const item = readPacket(bytes)?.find(({ type }) => type === 0x8003)?.data
  if (item === undefined || item.length < 10) return undefined
  return { type: u16(item, 0), transaction: u32(item, 2), status: u32(item, 6), message: item.slice(10), raw: bytes }
}

/** Unconnected messages over an association on 2221/udp. */
export function dtlsMessages(bench: Bench, line: Line) {
  let transaction = u32(bench.port.random(4), 0)
  const reply = async (request: Uint8Array, wanted: number): Promise<DtlsReply> => {
    for (let sends = 0; sends < 3; sends++) {
      line.send(request)
      const endsAt = bench.port.now() + bench.patienceMs / 2
      for (let left = bench.patienceMs / 2; left > 0; left = endsAt - bench.port.now()) {
        const arrival = await line.receive(left)
        if (arrival.kind === 'silence') break
        if (arrival.kind === 'closed') {
          throw new Found({ verdict: 'fail', expected: 'an answer', got: `the association ended: ${arrival.reason}` })
        }
        const found = readDtlsReply(arrival.bytes)
        // Class 1 data of a connection comes over the same association.
        if (found !== undefined && found.transaction === wanted) return found
      }
    }
    throw new Found({ verdict: 'inconclusive', reason: 'no answer in item 0x8003' })
  }
  return {
    /** Sends a request under a transaction number of its own, and gives what came back. */
    exchange: (message: Uint8Array): Promise<DtlsReply> => {
      transaction = (transaction + 1) >>> 0
      return reply(unconnectedDtls(transaction, message), transaction)
    },
    /** Sends these bytes, and gives the reply with that transaction number. */
    reply,
    /** A message router request that must be answered. */
    ask: async (judge: Judge, message: Uint8Array): Promise<CipReply> => {
      transaction = (transaction + 1) >>> 0
      const found = await reply(unconnectedDtls(transaction, message), transaction)
      judge.code('status of item 0x8003', 0, found.status, 4, found.raw)
      const inner = readReply(found.message)
      if (inner === undefined) {
        throw new Found({
          verdict: 'fail',
          expected: 'a message router reply',
          got: 'something else',
          bytes: found.raw,
        })
      }
      return inner
    },
  }
}
