import { MalformedMessage } from '@cordon/core/errors'

/** Longest message between a process and its signer, bytes: a key that is imported is the largest, about 4 KiB. */
export const maximumFrame = 16 * 1024

/** Labels that fit a list are many more than a token holds keys. */
export const maximumReply = 256 * 1024

/** A value as a frame: its length in four bytes, most significant first, then JSON. */
export function encodeFrame(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value), 'utf8')
  const frame = Buffer.allocUnsafe(4 + body.length)
  frame.writeUInt32BE(body.length)
  body.copy(frame, 4)
  return frame
}

/**
 * Takes frames out of a stream of bytes. Holds at most one unfinished frame.
 * @throws MalformedMessage for a frame above `limit` bytes, or one that is not JSON
 */
export function frameReader(limit: number, take: (value: unknown) => void): (bytes: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  return (bytes) => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
    while (held.length >= 4) {
      const length = held.readUInt32BE()
      if (length > limit) {
        throw new MalformedMessage('bad-length', `expected a message of at most ${limit} bytes, got ${length}`)
      }
      if (held.length < 4 + length) return
      const text = held.toString('utf8', 4, 4 + length)
      held = held.subarray(4 + length)
      take(parse(text))
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Without the text: it may hold a key.
    throw new MalformedMessage('bad-encoding', 'expected a message in JSON')
  }
}
