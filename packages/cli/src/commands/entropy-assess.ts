import { setImmediate as turn } from 'node:timers/promises'
import { assessmentOf, assessmentSteps, type Assessment, type Estimate, fullAssessment } from '@cordon/core/entropy'
import { UsageError } from '@cordon/core/errors'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readBounded } from '../input-file.ts'
import { type Output, table } from '../output.ts'
import { withProgress } from '../progress.ts'

interface AssessOptions {
  readonly bits: number
  readonly samples: number
  readonly packed?: boolean
}

/** `cordon entropy assess` */
export async function run(context: CommandContext, options: AssessOptions, file: string): Promise<ExitCode> {
  const { bits: width, samples: most, packed = false } = options
  if (packed && ![1, 2, 4].includes(width)) {
    throw new UsageError('bad-option', `--packed is for samples of 1, 2 or 4 bits, got --bits ${width}`)
  }
  const bytes = await readBounded(file, packed ? Math.ceil((most * width) / 8) : most)
  const samples = packed ? unpack(bytes, width).subarray(0, most) : bytes
  const steps = assessmentSteps(samples, width)
  const estimates: Estimate[] = []
  await withProgress(
    context.output,
    steps.map((step) => ({
      title: step.title,
      run: async () => {
        // An estimator holds the process for up to a few seconds: Ctrl-C is heard between two.
        await turn()
        context.signal.throwIfAborted()
        estimates.push(...step.run())
      },
    })),
  )
  const assessment = assessmentOf(samples, width, estimates)
  if (samples.length < fullAssessment) {
    context.output.note(
      `${samples.length} samples are fewer than the ${fullAssessment} of a full assessment (SP 800-90B 3.1.1): the estimates are lower than with more`,
    )
  }
  context.output.document({ file, ...assessment, restartTests: 'not run' }, () =>
    inWords(context.output, file, assessment),
  )
  return exitCodes.ok
}

function unpack(bytes: Uint8Array, width: number): Uint8Array {
  const perByte = 8 / width
  const samples = new Uint8Array(bytes.length * perByte)
  for (let i = 0; i < samples.length; i++) {
    const shift = 8 - width * ((i % perByte) + 1)
    samples[i] = ((bytes[Math.floor(i / perByte)] ?? 0) >> shift) & (2 ** width - 1)
  }
  return samples
}

function inWords(output: Output, file: string, assessment: Assessment): string {
  const { width, samples, bits, estimates, ofSamples, ofBits, entropy } = assessment
  const perSample = ({ of, entropy: found }: Estimate): string =>
    found === undefined ? 'says nothing' : digits(of === 'bits' ? found * width : found)
  const rows = table(output, estimates, [
    { title: 'estimator', value: ({ estimator }) => estimator.replaceAll('-', ' ') },
    { title: 'SP 800-90B', value: ({ clause }) => clause, rank: 1 },
    { title: 'looked at', value: ({ of }) => (width === 1 ? 'bits' : of) },
    {
      title: 'per bit',
      value: ({ of, entropy: found }) => (of === 'bits' && found !== undefined ? digits(found) : ''),
    },
    { title: 'bits per sample', value: perSample },
  ])
  const alphabet = `${samples} samples of ${width} bit${width === 1 ? '' : 's'}`
  return [
    `${file}: ${alphabet}${bits === 0 ? '' : `, and the first ${bits} of their bits`}`,
    '',
    rows,
    '',
    ...(ofBits === undefined
      ? []
      : [
          `least of samples ${digits(ofSamples)}, least of bits ${digits(ofBits)} x ${width} = ${digits(ofBits * width)}`,
        ]),
    output.strong(`assessed min-entropy: ${digits(entropy)} bits per sample of ${width}`),
    'Restart tests (SP 800-90B 3.1.4) need a thousand starts of the source and are not part of this.',
  ].join('\n')
}

function digits(entropy: number): string {
  return entropy.toFixed(6)
}
