import { basename } from 'node:path'
import { captureDevices, captureObservations, type LearnedDevice, type Observation } from '@cordon/core/learning'
import { type CaptureFlags, openAnalysis, readCapture } from '../capture-options.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { checkLearnFlags, dryRunPlant, giveDryRun, giveProposal, type LearnFlags } from '../learning.ts'
import { bar, withProgress } from '../progress.ts'

/** `cordon capture learn CAPTURE…` */
export async function run(
  context: CommandContext,
  flags: LearnFlags & Omit<CaptureFlags, 'plant'>,
  captures: readonly string[],
): Promise<ExitCode> {
  await checkLearnFlags(flags)
  const files = await dryRunPlant(context, flags.plant)
  if (files === 'refused') return exitCodes.usage
  const observations: Observation[] = []
  const devices: LearnedDevice[] = []
  const unread: string[] = []
  await withProgress(
    context.output,
    captures.map((file) => ({
      title: `Read ${file}`,
      run: async (show, rename) => {
        // One analysis for each file: their packets are counted anew, and evidence names them by file.
        const analysis = await openAnalysis(flags)
        await readCapture(context, analysis, file, {
          progress: (bytes, of) => {
            if (of !== undefined) show(bar(Math.round((bytes / of) * 100), 100))
          },
        })
        const { pairs, conversations, notRead, packets } = analysis.end()
        const name = basename(file)
        observations.push(...captureObservations(name, pairs))
        devices.push(
          ...captureDevices(
            name,
            conversations.flatMap(({ cip }) => cip?.identities ?? []),
          ),
        )
        for (const { what, count, examplePacket } of notRead)
          unread.push(
            `${name}: ${count} times ${what}${examplePacket === undefined ? '' : `, first in packet ${examplePacket}`}`,
          )
        rename(`Read ${file}: ${packets.packets} packets, ${pairs.length} kinds of connections`)
      },
    })),
  )
  if (files !== undefined) return giveDryRun(context, files, observations)
  const { manager } = flags
  await giveProposal(context, flags, { observations, devices, unread, ...(manager === undefined ? {} : { manager }) })
  return exitCodes.ok
}
