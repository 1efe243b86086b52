import { writeFile } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { TransportError } from '@cordon/core/errors'
import { fileSource, jitterSource, type NoiseSource, systemSource } from '@cordon/node/entropy'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { directoryOf, mayWrite } from '../new-files.ts'
import { bar, withProgress } from '../progress.ts'

interface RecordOptions {
  readonly source: string
  readonly samples: number
  readonly force?: boolean
}

/** Samples drawn between two looks at the signal. */
const atOnce = 10_000

/** `cordon entropy record` */
export async function run(context: CommandContext, options: RecordOptions, file: string): Promise<ExitCode> {
  const { samples: wanted, force } = options
  await mayWrite([file], force)
  await directoryOf(file)
  const source = sourceOf(options.source)
  const samples = new Uint8Array(wanted)
  try {
    await withProgress(context.output, [
      {
        title: `drawing ${wanted} samples from ${source.name}`,
        run: (show) => draw(source, samples, show, context.signal),
      },
    ])
  } finally {
    await source.close?.()
  }
  await writeFile(file, samples, { mode: 0o600 })
  const { name, width, entropy } = source
  context.output.document(
    { file, source: name, width, claimed: entropy, samples: wanted },
    () => `${file}: ${wanted} samples of ${width} bits from ${name}, of which ${entropy} bits per sample are claimed`,
  )
  return exitCodes.ok
}

async function draw(
  source: NoiseSource,
  samples: Uint8Array,
  show: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < samples.length; at += atOnce) {
    await turn()
    signal.throwIfAborted()
    const part = samples.subarray(at, at + atOnce)
    const drawn = await source.read(part.length)
    if (drawn.length < part.length) {
      throw new TransportError('io', `${source.name} gave ${at + drawn.length} samples and no more; ask for fewer`)
    }
    part.set(drawn)
    show(bar(at + part.length, samples.length))
  }
}

function sourceOf(name: string): NoiseSource {
  if (name === 'jitter') return jitterSource()
  if (name === 'system') return systemSource()
  return fileSource({ path: name })
}
