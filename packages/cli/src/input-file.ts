import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransportError } from '@cordon/core/errors'

/** How long a pipe may bring nothing, and how often it is looked into, milliseconds. */
const silenceMs = 10_000
const pollMs = 20

/**
 * A file's first `limit` bytes, or all of a shorter one. What never ends, as a device, ends there. A pipe is read to its
 * end, and given up when nothing comes: opened as others are, one that nobody writes to would hold the process for good.
 * @throws TransportError `timeout` for a silent pipe, and the system's own errors
 */
export async function readBounded(file: string, limit: number): Promise<Uint8Array> {
  const handle = await open(file, constants.O_RDONLY | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK))
  try {
    const isPipe = (await handle.stat()).isFIFO()
    const parts: Uint8Array[] = []
    let length = 0
    let until = performance.now() + silenceMs
    while (length < limit) {
      const part = new Uint8Array(Math.min(65_536, limit - length))
      const count = await handle.read(part).then(({ bytesRead }) => bytesRead, nothingYet)
      if (count !== undefined && count > 0) {
        parts.push(part.subarray(0, count))
        length += count
        until = performance.now() + silenceMs
        continue
      }
      // A pipe's end before its first byte: its writer is still to come.
      if (count === 0 && (!isPipe || length > 0)) break
      if (performance.now() > until) {
        throw new TransportError('timeout', `nothing came out of ${file} for ${silenceMs / 1000} s`)
      }
      await sleep(pollMs)
    }
    return Buffer.concat(parts)
  } finally {
    await handle.close()
  }
}

function nothingYet(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return undefined
  throw error
}
