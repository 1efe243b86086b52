import { type FileHandle, open } from 'node:fs/promises'
import { UsageError } from '@cordon/core/errors'
import { liveCapture } from '@cordon/node/capture'
import { type CaptureFlags, openAnalysis, plantOf, readChunks } from '../capture-options.ts'
import { type ReportFlags, showReport } from '../capture-report.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

interface LiveFlags extends CaptureFlags, ReportFlags {
  readonly interface: string
  readonly duration?: string
  readonly write?: string
}

/** The ports of EtherNet/IP: nothing else is captured. */
const filter = 'port 44818 or port 2221 or port 2222'

/** How often it is said how much came, milliseconds. */
const noteEveryMs = 2000

/** `cordon capture live` */
export async function run(context: CommandContext, flags: LiveFlags): Promise<ExitCode> {
  const { output, signal } = context
  const durationS = flags.duration === undefined ? undefined : secondsOf(flags.duration)
  const plant = await plantOf(context, flags.plant)
  if (plant === 'refused') return exitCodes.usage
  const analysis = await openAnalysis(flags)
  const chunks = liveCapture({
    interface: flags.interface,
    filter,
    signal,
    ...(durationS === undefined ? {} : { durationS }),
  })
  // Before anything runs: what cannot be kept is not captured either.
  const file = flags.write === undefined ? undefined : await create(flags.write)
  const end = durationS === undefined ? 'Ctrl-C ends it with the report' : `for ${durationS} s, or until Ctrl-C`
  output.note(`capturing on ${flags.interface}, ${end} …`)
  const notes = setInterval(() => output.note(`${analysis.packets} packets …`), noteEveryMs)
  try {
    context.signalEnds?.()
    await readChunks(analysis, flags.interface, file === undefined ? chunks : kept(chunks, file))
  } finally {
    clearInterval(notes)
    await file?.close()
  }
  // Ctrl-C is how a capture ends: its report is the result, and nothing was cut short.
  return showReport(context, analysis.end(), plant, flags)
}

/** A capture holds what was said in plain: for the user alone, and never over a file that is there. */
async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (cause) {
    throw new UsageError('bad-option', `--write: cannot create ${path}; name a file that does not exist yet`, { cause })
  }
}

async function* kept(chunks: AsyncIterable<Uint8Array>, file: FileHandle): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await file.writeFile(chunk)
    yield chunk
  }
}

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600 }

/** @throws UsageError `bad-option` for anything but a time such as 30s or 5min */
function secondsOf(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|min|h)$/.exec(text) ?? []
  const seconds = Math.ceil(Number(amount) * (units[unit] ?? 0))
  if (seconds < 1 || seconds > 7 * 24 * 3600)
    throw new UsageError('bad-option', `--duration expects a time such as 30s, 5min or 2h, at most 168h, got "${text}"`)
  return seconds
}
