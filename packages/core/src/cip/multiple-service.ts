import { UsageError } from '../errors.ts'
import type { Codec } from '../wire/codec.ts'

/**
 * Data of Multiple_Service_Packet, service 0x0A, request and reply alike: UINT count, UINT offset of each message from
 * the start of the count, the messages (Volume 1, A-4.10 via cip-security-wire 2.5). The messages are message router
 * requests or replies and stay bytes here: one that is malformed is answered alone, the others go on.
 *
 * Offsets must rise and lie behind the list, so that no byte belongs to two messages: a peer cannot make a few bytes
 * stand for a thousand requests. Decoded messages are views of the received bytes.
 */
export const multipleServicePacket: Codec<readonly Uint8Array[]> = {
  read: (r) => {
    const start = r.offset
    const count = r.u16()
    const head = 2 + count * 2
    const list = r.section(count * 2)
    const end = r.end - start
    const offsets: number[] = []
    while (list.remaining > 0) {
      const offset = list.u16()
      const least = offsets.at(-1) ?? head - 1
      if (offset <= least || offset >= end) {
        throw r.malformed(
          'bad-length',
          `expected an offset ${least + 1}..${end - 1} in entry ${offsets.length}, got ${offset}`,
        )
      }
      offsets.push(offset)
    }
    const messages = offsets.map((offset, i) => r.bytes.subarray(start + offset, start + (offsets[i + 1] ?? end)))
    r.take(r.remaining)
    return messages
  },
  write: (w, messages) => {
    w.u16(messages.length)
    let offset = 2 + messages.length * 2
    for (const message of messages) {
      if (message.length === 0) throw new UsageError('bad-value', 'expected at least one byte in an embedded message')
      w.u16(offset)
      offset += message.length
    }
    for (const message of messages) w.bytes(message)
  },
}
