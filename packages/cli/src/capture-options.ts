import { judgePlant, type JudgedPlant } from '@cordon/core/policy'
import { createPrivateKey, randomInt } from 'node:crypto'
import { basename } from 'node:path'
import { analyzeCapture, type CaptureAnalysis, type CaptureRow, type CaptureRsaKey } from '@cordon/core/capture'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { decodePem } from '@cordon/core/x509'
import { captureChunks, nodeRecordCrypto } from '@cordon/node/capture'
import { nodeCrypto } from '@cordon/node/crypto'
import type { CommandContext } from './context.ts'
import { readBounded } from './input-file.ts'
import { isProblems, printProblems, readPlantFiles } from './plant-file.ts'

/** Flags that the commands about captures share. */
export interface CaptureFlags {
  readonly plant?: string
  readonly keyLog?: string
  readonly key?: readonly string[]
  readonly vendorRoot?: readonly string[]
  readonly plantRoot?: readonly string[]
}

/** Longest file of keys or certificates that is read. */
const longestPem = 16 * 1024 * 1024

/** Longest key log that is read. */
const longestKeyLog = 256 * 1024 * 1024

/** An analysis with the keys and anchors of the command line. @throws UsageError `missing`, `bad-value` */
export async function openAnalysis(flags: CaptureFlags, row?: (row: CaptureRow) => void): Promise<CaptureAnalysis> {
  const rsaKeys: CaptureRsaKey[] = []
  for (const file of flags.key ?? []) rsaKeys.push(await rsaKey(file))
  const analysis = analyzeCapture({
    records: nodeRecordCrypto,
    certificates: {
      crypto: nodeCrypto,
      vendorAnchors: await anchors('--vendor-root', flags.vendorRoot),
      plantAnchors: await anchors('--plant-root', flags.plantRoot),
    },
    rsaKeys,
    seed: randomInt(2 ** 31),
    ...(row === undefined ? {} : { row }),
  })
  if (flags.keyLog !== undefined)
    analysis.keyLog(new TextDecoder().decode(await contentOf('--key-log', flags.keyLog, longestKeyLog)))
  return analysis
}

async function contentOf(option: string, file: string, limit: number): Promise<Uint8Array> {
  try {
    return await readBounded(file, limit)
  } catch (cause) {
    throw new UsageError('missing', `${option}: cannot read ${file}; give the path of an existing file`, { cause })
  }
}

async function anchors(option: string, files: readonly string[] | undefined): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = []
  for (const file of files ?? []) {
    const text = new TextDecoder().decode(await contentOf(option, file, longestPem))
    const roots = decodePem(text).filter(({ label }) => label === 'CERTIFICATE')
    if (roots.length === 0) throw new UsageError('bad-value', `${option}: ${file} has no certificate in PEM form`)
    found.push(...roots.map(({ bytes }) => bytes))
  }
  return found
}

async function rsaKey(file: string): Promise<CaptureRsaKey> {
  const pem = await contentOf('--key', file, longestPem)
  let pkcs8: Uint8Array
  try {
    pkcs8 = createPrivateKey(Buffer.from(pem)).export({ type: 'pkcs8', format: 'der' })
  } catch {
    // OpenSSL's text may quote what it read: only the file is named.
    throw new UsageError('bad-value', `--key: ${file} has no private key in PEM form without a password`)
  }
  return nodeRecordCrypto.importRsaKey(pkcs8)
}

/** The plant of the command line; `refused` after its problems were printed, undefined where none was named. */
export async function plantOf(
  context: CommandContext,
  file: string | undefined,
): Promise<JudgedPlant | 'refused' | undefined> {
  if (file === undefined) return undefined
  const files = await readPlantFiles(file)
  if (!isProblems(files)) return judgePlant(files)
  printProblems(context.output, files)
  return 'refused'
}

/** What happens while a capture is read. */
export interface ReadHooks {
  /** A part was read; `of` is the size of a file. */
  readonly progress?: (bytes: number, of: number | undefined) => void
  /** No more is wanted. */
  readonly enough?: () => boolean
  /** Waits until what was found could be written. */
  readonly ready?: () => Promise<unknown> | undefined
}

/**
 * Reads a capture file, or standard input for `-`, to its end.
 * @throws UsageError `missing` where it cannot be read, `bad-value` where it is no capture
 */
export async function readCapture(
  context: CommandContext,
  analysis: CaptureAnalysis,
  file: string,
  { progress, enough, ready }: ReadHooks = {},
): Promise<void> {
  const name = file === '-' ? 'standard input' : basename(file)
  const chunks = captureChunks(file, {
    signal: context.signal,
    ...(progress === undefined ? {} : { progress }),
    problem: (message) => context.output.note(`${name}: ${message}`),
  })
  await readChunks(analysis, name, chunks, async () => {
    await ready?.()
    return enough?.() === true
  })
}

/** Reads the bytes of a capture to their end, or until `enough`. @throws UsageError `bad-value` where it is none */
export async function readChunks(
  analysis: CaptureAnalysis,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  enough: () => Promise<boolean> = async () => false,
): Promise<void> {
  analysis.beginFile(name)
  try {
    for await (const chunk of chunks) {
      analysis.push(chunk)
      if (await enough()) break
    }
    analysis.endFile()
  } catch (error) {
    // A file that is none is our caller's mistake, not a peer's.
    throw error instanceof MalformedMessage ? new UsageError('bad-value', `${name}: ${error.message}`) : error
  }
}

/** How often it is said how far reading is, milliseconds. */
const noteEveryMs = 2000

/** Notes on standard error how far a capture is read; nothing where that takes no time. */
export function progressNotes(context: CommandContext, analysis: CaptureAnalysis, file: string): ReadHooks {
  let last = performance.now()
  return {
    progress: (bytes, of) => {
      if (performance.now() - last < noteEveryMs) return
      last = performance.now()
      const share = of === undefined || of === 0 ? '' : `${Math.floor((100 * bytes) / of)} %, `
      context.output.note(`${file === '-' ? 'standard input' : file}: ${share}${analysis.packets} packets …`)
    },
  }
}
