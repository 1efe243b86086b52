import { dirname } from 'node:path'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { judgePlant, type Plant, type Simulation } from '@cordon/core/policy'
import { maximumTwinLength, readTwin, twinSuffix } from '@cordon/core/rehearsal'
import { keyLogWarning } from '@cordon/node/transports'
import { defaultDirectory, runSimulator } from '@cordon/simulator'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readBounded } from '../input-file.ts'
import { isProblems, printJudgement, printProblems, readPlantFiles } from '../plant-file.ts'

/** What `cordon simulate` takes. */
export interface SimulateOptions {
  readonly simulation?: string
  readonly directory?: string
  readonly all?: boolean
  /** False: nobody answers discovery by broadcast. */
  readonly broadcast: boolean
  readonly keyLog?: string
}

/** `cordon simulate PLANT` */
export async function run(context: CommandContext, options: SimulateOptions, file: string): Promise<ExitCode> {
  const { output } = context
  if (file.endsWith(twinSuffix)) return await simulate(context, options, { file, ...(await twinOf(file)) })
  const files = await readPlantFiles(file, options.simulation)
  if (isProblems(files)) {
    printProblems(output, files)
    return exitCodes.usage
  }
  if (files.simulation === undefined) {
    throw new UsageError(
      'missing',
      `${files.file}: a virtual plant needs a simulation file beside it, or --simulation FILE`,
    )
  }
  const judged = judgePlant(files)
  if (!judged.accepted) {
    printJudgement(output, files, judged)
    return exitCodes.usage
  }
  const { plant, simulation, simulationFile } = files
  return await simulate(context, options, { file, plant, simulation, simulationFile })
}

/** @throws UsageError `missing`, MalformedMessage for what is no twin */
async function twinOf(file: string): Promise<ReturnType<typeof readTwin>> {
  try {
    return readTwin(new TextDecoder().decode(await readBounded(file, maximumTwinLength)))
  } catch (cause) {
    if (cause instanceof MalformedMessage) throw cause
    throw new UsageError('missing', `cannot read ${file}; give the path of an existing file`, { cause })
  }
}

interface Simulated {
  readonly file: string
  readonly plant: Plant
  readonly simulation: Simulation
  readonly simulationFile?: string | undefined
}

async function simulate(
  context: CommandContext,
  options: SimulateOptions,
  { file, plant: model, simulation, simulationFile }: Simulated,
): Promise<ExitCode> {
  const { output } = context
  const directory = options.directory ?? defaultDirectory(context.state, model.name)
  if (options.keyLog !== undefined) output.note(keyLogWarning(options.keyLog))
  const end = new AbortController()
  context.signal.addEventListener('abort', () => end.abort(), { once: true })
  // Started by another process of ours: end with it, however it ends.
  process.once('disconnect', () => end.abort())
  try {
    await runSimulator({
      plant: model,
      simulation,
      directory,
      state: context.state,
      note: `cordon simulate ${file}`,
      signal: end.signal,
      ...(simulationFile === undefined ? {} : { base: dirname(simulationFile) }),
      ...(options.all === undefined ? {} : { all: options.all }),
      ...(options.broadcast ? {} : { broadcast: null }),
      ...(options.keyLog === undefined ? {} : { keyLog: options.keyLog }),
      log: (entry) => {
        if (entry.severity !== 'info') output.note(`${entry.severity} ${entry.device}: ${entry.message}`)
      },
      ready: (plant, control) => {
        const devices = plant.devices()
        output.document(
          {
            ready: true,
            plant: plant.plant.name,
            devices: devices.length,
            control,
            vendorRoots: plant.vendorRoots,
            pid: process.pid,
            ...(options.keyLog === undefined ? {} : { keyLog: options.keyLog }),
          },
          () =>
            [
              `${plant.plant.name} runs: ${devices.length} devices, ${plant.connections().length} connections. End it with Ctrl-C.`,
              `vendor roots: ${plant.vendorRoots}`,
              ...(options.keyLog === undefined ? [] : [keyLogWarning(options.keyLog)]),
            ].join('\n'),
        )
      },
    })
  } finally {
    // The channel would keep a plant that did not come up alive, and its parent waiting.
    if (process.connected) process.disconnect()
  }
  return exitCodes.ok
}
