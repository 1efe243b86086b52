import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Where samples of noise come from. */
export interface NoiseSource {
  /** For logs, status and the conditioner: a word or a path. */
  readonly name: string
  /** Bits of a sample, 1 to 8; one sample is one byte. */
  readonly width: number
  /** Claimed min-entropy per sample, bits. */
  readonly entropy: number
  /** So many samples, or fewer where no more come; may throw. What it gives is tested, not believed. */
  read(count: number): Uint8Array | Promise<Uint8Array>
  /** Lets go of what it holds. */
  close?(): Promise<void>
}

/**
 * The random numbers of the operating system: `/dev/urandom`, which on Linux is what getrandom gives. Windows has no such
 * file; there it is OpenSSL's generator, which the system seeds. It is a generator and not raw noise: the health tests
 * see whether it is there and not stuck, no more.
 */
export function systemSource(): NoiseSource {
  return { name: 'system', width: 8, entropy: 8, read: process.platform === 'win32' ? randomBytes : readSystem }
}

function readSystem(count: number): Uint8Array {
  const descriptor = openSync('/dev/urandom', constants.O_RDONLY)
  try {
    const bytes = new Uint8Array(count)
    return bytes.subarray(0, readSync(descriptor, bytes, 0, count, null))
  } finally {
    closeSync(descriptor)
  }
}

/** Bytes that the jitter source walks through: more than a first-level cache holds. */
const walkBytes = 256 * 1024
/** Accesses between two looks at the clock. */
const walkSteps = 24

/**
 * The time that a little work takes, by the finest clock there is: caches, pipelines, interrupts and other processes move
 * it. A sample is the low eight bits of the nanoseconds. Deviation: the claim of half a bit per sample is far below what
 * docs/entropy.md measures, because another machine, or a virtual one, may move less.
 */
export function jitterSource(): NoiseSource {
  const memory = new Uint8Array(walkBytes)
  let place = 0
  const sample = (): number => {
    const begin = process.hrtime.bigint()
    for (let i = 0; i < walkSteps; i++) {
      // Steps of an odd number of bytes come everywhere before they repeat.
      place = (place + 4097 + (memory[place] ?? 0)) % walkBytes
      memory[place] = ((memory[place] ?? 0) + 1) & 0xff
    }
    return Number((process.hrtime.bigint() - begin) & 0xffn)
  }
  return { name: 'jitter', width: 8, entropy: 0.5, read: (count) => Uint8Array.from({ length: count }, sample) }
}

/** How long a file or pipe may give nothing, how long one reading may take in all, and how often it is tried, milliseconds. */
const silenceMs = 2_000
const readingMs = 10_000
const pollMs = 5

/** A hardware generator such as `/dev/hwrng`, a pipe, or any file: one sample per byte. */
export interface FileSourceOptions {
  readonly path: string
  /** Bits of a sample; default 8. Higher bits of a byte are cut off. */
  readonly width?: number
  /** Claimed min-entropy per sample, bits; default 1. Assess the source to learn what may be claimed. */
  readonly entropy?: number
  /** How long it may give nothing, milliseconds; default 2000. */
  readonly silenceMs?: number
}

/**
 * Noise from a file, device or pipe. What comes late, ends or cannot be read is fewer samples than asked for: the source
 * has failed then.
 */
export function fileSource({
  path,
  width = 8,
  entropy = 1,
  silenceMs: patience = silenceMs,
}: FileSourceOptions): NoiseSource {
  const mask = (1 << width) - 1
  let handle: FileHandle | undefined
  const fill = async (bytes: Uint8Array): Promise<number> => {
    // A pipe that nobody writes to would hold a thread for good if it were opened as others are.
    handle ??= await open(path, constants.O_RDONLY | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK))
    const begun = performance.now()
    let last = begun
    let length = 0
    while (length < bytes.length && performance.now() < Math.min(last + patience, begun + readingMs)) {
      const count = await handle
        .read(bytes, length, bytes.length - length)
        .then(({ bytesRead }) => bytesRead, nothingYet)
      // The end of a file is the end; a pipe may still get a writer, and a device has nothing yet.
      if (count === 0 && !(await handle.stat()).isFIFO()) break
      length += count ?? 0
      if (count === undefined || count === 0) await sleep(pollMs)
      else last = performance.now()
    }
    return length
  }
  return {
    name: path,
    width,
    entropy,
    read: async (count) => {
      const bytes = new Uint8Array(count)
      const length = await fill(bytes)
      return bytes.subarray(0, length).map((byte) => byte & mask)
    },
    close: async () => {
      await handle?.close()
      handle = undefined
    },
  }
}

function nothingYet(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return undefined
  throw error
}

/** The kernel's hardware generator, where there is one that this user may read. */
const hardwarePath = '/dev/hwrng'

/** The sources of this machine: the system, the jitter of its processor, and its hardware generator if it can be read. */
export function machineSources(): readonly NoiseSource[] {
  return [systemSource(), jitterSource(), ...(hasHardware() ? [fileSource({ path: hardwarePath })] : [])]
}

/** The file is there on machines without a generator too: only reading tells. */
function hasHardware(): boolean {
  try {
    const descriptor = openSync(hardwarePath, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return readSync(descriptor, new Uint8Array(1)) === 1
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // Not there, not ours, or nothing behind it: the machine has no such source, which is no failure.
    return false
  }
}
