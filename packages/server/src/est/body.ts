import type { IncomingMessage } from 'node:http'

/** What became of reading a body. */
export type BodyResult =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** More bytes than the limits allow. */
  | { readonly kind: 'tooLarge' }
  /** More pieces than the limits allow. The connection is destroyed. */
  | { readonly kind: 'chopped' }
  /** The client went away, or its message is no HTTP. */
  | { readonly kind: 'broken' }

/** First size of the buffer: more than most certification requests. */
const firstBytes = 4096

/**
 * Reads a body within limits. Pieces are copied together at once: each piece of a network buffer that is kept would keep
 * 64 KiB alive for a single byte.
 */
export function readBody(
  message: IncomingMessage,
  limits: { readonly bodyBytes: number; readonly bodyPieces: number },
): Promise<BodyResult> {
  return new Promise((resolve) => {
    let bytes = new Uint8Array(0)
    let length = 0
    let pieces = 0
    const end = (result: BodyResult) => {
      message.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      resolve(result)
    }
    const onData = (piece: Uint8Array) => {
      pieces++
      if (pieces > limits.bodyPieces) {
        // A chunk of one byte costs as much as one of a thousand. At once: the thousands behind it are in memory already.
        message.socket.destroy()
        end({ kind: 'chopped' })
        return
      }
      if (length + piece.length > limits.bodyBytes) {
        message.pause()
        end({ kind: 'tooLarge' })
        return
      }
      bytes = withRoom(bytes, length + piece.length, limits.bodyBytes)
      bytes.set(piece, length)
      length += piece.length
    }
    const onEnd = () => end({ kind: 'whole', bytes: bytes.subarray(0, length) })
    const onBroken = () => end({ kind: 'broken' })
    message.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
  })
}

function withRoom(bytes: Uint8Array<ArrayBuffer>, needed: number, most: number): Uint8Array<ArrayBuffer> {
  if (bytes.length >= needed) return bytes
  const larger = new Uint8Array(Math.min(most, Math.max(firstBytes, bytes.length * 2, needed)))
  larger.set(bytes)
  return larger
}
