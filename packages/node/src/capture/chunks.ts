import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip } from 'node:zlib'
import { TransportError, UsageError } from '@cordon/core/errors'
import { ioError } from '../files.ts'

/** How a capture file is read. */
export interface CaptureFileOptions {
  /** Cancels; then the chunks end with TransportError `aborted`. */
  readonly signal?: AbortSignal
  /** Hears how many bytes of the file were read, of how many; undefined where nobody knows, as on standard input. */
  readonly progress?: (read: number, total: number | undefined) => void
  /** Hears that a packed file is damaged: the chunks end with what could be unpacked. */
  readonly problem?: (message: string) => void
}

/** Bytes read at once. */
const chunkLength = 1024 * 1024

/**
 * The bytes of a capture file, or of standard input for `-`, piece by piece and never whole in memory; a file packed with
 * gzip is unpacked. A chunk is good until the next one is asked for.
 * @throws UsageError `missing` for a file that does not exist or is none; TransportError `io`, `aborted`
 */
export async function* captureChunks(
  file: string,
  options: CaptureFileOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = file === '-' ? inputChunks(options) : fileChunks(file, options)
  const first = await chunks.next()
  if (first.done === true) return
  if (isPacked(first.value)) {
    yield* unpacked(prepended(first.value, chunks), options)
    return
  }
  try {
    yield first.value
    yield* chunks
  } finally {
    await chunks.return()
  }
}

type Chunks = AsyncGenerator<Uint8Array, void, undefined>

async function* fileChunks(file: string, { signal, progress }: CaptureFileOptions): Chunks {
  const { handle, total } = await openCapture(file)
  let reading: Promise<{ readonly bytesRead: number }> | undefined
  try {
    // Two buffers: the disk fills one while the other is being read.
    let [current, other] = [new Uint8Array(chunkLength), new Uint8Array(chunkLength)]
    let read = 0
    reading = handle.read(current, 0, chunkLength)
    for (;;) {
      checkAborted(signal)
      const { bytesRead } = await reading
      if (bytesRead === 0) return
      reading = handle.read(other, 0, chunkLength)
      // Awaited in the next turn, or below; until then nobody hears a failure.
      reading.catch(() => undefined)
      read += bytesRead
      progress?.(read, total)
      yield current.subarray(0, bytesRead)
      ;[current, other] = [other, current]
    }
  } catch (cause) {
    if (cause instanceof TransportError) throw cause
    throw ioError(`reading the capture ${file}`, cause)
  } finally {
    await reading?.catch(() => undefined)
    await handle.close()
  }
}

async function openCapture(file: string): Promise<{ readonly handle: FileHandle; readonly total: number | undefined }> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw ioError(`opening the capture ${file}`, cause)
    throw new UsageError('missing', `expected a capture file, there is none at ${file}`, { cause })
  }
  const status = await handle.stat()
  if (status.isDirectory()) {
    await handle.close()
    throw new UsageError('missing', `expected a capture file, ${file} is a directory`)
  }
  return { handle, total: status.isFile() ? status.size : undefined }
}

async function* inputChunks({ signal, progress }: CaptureFileOptions): Chunks {
  let read = 0
  const input: Readable = process.stdin
  const stop = () => input.destroy()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    checkAborted(signal)
    for await (const chunk of input) {
      // No encoding was set, so standard input gives buffers.
      const bytes = chunk as Uint8Array
      read += bytes.length
      progress?.(read, undefined)
      yield bytes
      checkAborted(signal)
    }
  } catch (cause) {
    checkAborted(signal)
    throw cause instanceof TransportError ? cause : ioError('reading the capture from standard input', cause)
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

/** Whether bytes begin as gzip does (RFC 1952, 2.3.1). */
function isPacked(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

async function* prepended(first: Uint8Array, rest: Chunks): Chunks {
  try {
    // Copied: the stream that unpacks them reads ahead, and the buffers are used again.
    yield first.slice()
    for await (const chunk of rest) yield new Uint8Array(chunk)
  } finally {
    await rest.return()
  }
}

async function* unpacked(chunks: Chunks, { problem }: CaptureFileOptions): Chunks {
  // A file that was cut off gives what it holds; how far that goes is for the reader of the capture to say.
  const gunzip = createGunzip({ chunkSize: chunkLength, finishFlush: constants.Z_SYNC_FLUSH })
  const fed = pipeline(Readable.from(chunks, { highWaterMark: 1 }), gunzip)
  fed.catch(() => undefined)
  try {
    for await (const part of gunzip) yield part as Uint8Array // no encoding was set, so it gives buffers
    await fed
  } catch (cause) {
    if (!isDamage(cause)) throw cause
    problem?.(`the packed file is damaged, and was unpacked as far as that goes: ${cause.message}`)
  } finally {
    gunzip.destroy()
  }
}

/** Errors of zlib about the data, not of the file under it. */
function isDamage(cause: unknown): cause is Error {
  return cause instanceof Error && 'code' in cause && (cause.code === 'Z_DATA_ERROR' || cause.code === 'Z_BUF_ERROR')
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new TransportError('aborted', 'reading the capture: cancelled by the caller', { cause: signal.reason })
}
