import { UsageError } from '@cordon/core/errors'
import { type Diagnosis, diagnose, type PlantExpectation, rungIds, rungTable } from '@cordon/node/doctor'
import type { CommandContext } from '../context.ts'
import { parseNumber, parseTarget } from '../device-target.ts'
import { diagnosisText } from '../doctor-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { bar, withProgress } from '../progress.ts'

/** What `cordon doctor` takes. */
export interface DoctorFlags {
  readonly plant?: string
  readonly timeout: string
  readonly from?: string
}

/** `cordon doctor TARGET` */
export async function run(context: CommandContext, flags: DoctorFlags, target: string): Promise<ExitCode> {
  const { output, signal } = context
  const timeoutMs = Math.max(100, parseNumber(flags.timeout, '--timeout', 60) * 1000)
  const known = flags.plant === undefined ? undefined : await plantView(context, flags.plant, target)
  if (known === 'refused') return exitCodes.usage
  const { address, port } = known ?? parseTarget(target)
  const expectation = known?.expectation
  const localAddress = flags.from ?? context.settings['localAddress'] ?? expectation?.managerAddress
  let diagnosis: Diagnosis | undefined
  await withProgress(output, [
    {
      title: `Climb to ${target}`,
      run: async (show) => {
        diagnosis = await diagnose({
          address,
          timeoutMs,
          signal,
          progress: (rung) => show(`${bar(rungIds.indexOf(rung), rungIds.length)}  ${rungTable[rung].title}`),
          ...(port === undefined ? {} : { port }),
          ...(localAddress === undefined ? {} : { localAddress }),
          ...(expectation === undefined ? {} : { expectation }),
        })
      },
    },
  ])
  if (diagnosis === undefined) return exitCodes.error
  const found = diagnosis
  output.document({ target, ...found }, () => diagnosisText(output, found))
  return { holds: exitCodes.ok, broken: exitCodes.error, partly: exitCodes.partly }[found.verdict]
}

/** Where a device is, and what its plant says of it. */
interface PlantView {
  readonly address: string
  readonly port: number | undefined
  readonly expectation: PlantExpectation
}

async function plantView(context: CommandContext, file: string, target: string): Promise<PlantView | 'refused'> {
  // The store and the policy are most of what a command loads, and only a plant needs them.
  const [{ acceptedPlant }, { doctorExpectation }] = await Promise.all([
    import('../accepted-plant.ts'),
    import('../doctor-expectation.ts'),
  ])
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return 'refused'
  const { plant } = accepted.files
  const device = plant.devices.find(({ name }) => name === target)
  if (device === undefined && !/^[0-9.:]+$/.test(target)) {
    throw new UsageError(
      'bad-option',
      `${plant.name} has no device "${target}"; give a name of the plant file or an address`,
    )
  }
  if (device !== undefined && device.address === undefined) {
    throw new UsageError(
      'bad-option',
      `${target} has no address of its own: it is reached through a module of its chassis, so give that one`,
    )
  }
  const { address, port } = parseTarget(device?.address ?? target)
  return { address, port, expectation: await doctorExpectation(context, accepted.files, address) }
}
