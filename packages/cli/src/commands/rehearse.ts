import { UsageError } from '@cordon/core/errors'
import { type Stage, type Stages, stagedDevices, stagedPlant } from '@cordon/core/policy'
import { type KnownDevices, mergeKnown, type RehearsalReport } from '@cordon/core/rehearsal'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { rehearse } from '../rehearsal.ts'
import { knownFile, storedKnowledge } from '../rehearsal-knowledge.ts'
import { rehearsalText } from '../rehearsal-text.ts'

interface RehearseFlags {
  readonly fromState?: boolean
  readonly known?: string
  readonly simulation?: string
  readonly stage?: readonly string[]
  readonly closeConnections?: boolean
  /** False: no verification. */
  readonly verify: boolean
}

/** `cordon rehearse PLANT` */
export async function run(context: CommandContext, flags: RehearseFlags, file: string): Promise<ExitCode> {
  const { output } = context
  const accepted = await acceptedPlant(context, file, flags.simulation)
  if (accepted === undefined) return exitCodes.usage
  const { simulation, plant: whole } = accepted.files
  const stages = stagesOf(flags.stage ?? [])
  const plant = stagedPlant(whole, stages)
  const beside: KnownDevices = new Map(
    [...accepted.files.capabilities].map(([name, capabilities]) => [name, { capabilities }]),
  )
  const stored = flags.fromState === true ? await storedKnowledge(context, plant.name) : new Map()
  const given = flags.known === undefined ? { devices: new Map(), connections: [] } : await knownFile(flags.known)
  for (const name of given.devices.keys()) {
    if (!plant.devices.some((device) => device.name === name))
      throw new UsageError('bad-option', `--known: the plant has no device "${name}"`)
  }
  const known = { devices: mergeKnown(mergeKnown(beside, stored), given.devices), connections: given.connections }
  const report = await rehearse(context, {
    plant,
    known,
    simulation,
    verify: flags.verify,
    ...(flags.stage === undefined ? {} : { onlyDevices: stagedDevices(whole, stages) }),
    ...(flags.closeConnections === undefined ? {} : { closeConnections: flags.closeConnections }),
  })
  output.document(report, () => rehearsalText(output, report))
  return exitOf(report)
}

/** 0 when it went through, 3 when some devices were done and others not, 4 when the plan does not hold on the twin. */
function exitOf({ verdict, devices }: RehearsalReport): ExitCode {
  if (verdict === 'pass') return exitCodes.ok
  const done = devices.filter(({ configuration }) => configuration === 'new').length
  return done > 0 && devices.some(({ outcome }) => outcome === 'not-complete') ? exitCodes.partly : exitCodes.refused
}

const stageWords: readonly string[] = ['observe', 'protect', 'enforce'] satisfies readonly Stage[]

/** @throws UsageError `bad-option` */
function stagesOf(flags: readonly string[]): Stages {
  return new Map(
    flags.map((flag) => {
      const [zone = '', stage = '', ...more] = flag.split('=')
      if (zone === '' || more.length > 0 || !isStage(stage))
        throw new UsageError('bad-option', `--stage expects ZONE=${stageWords.join('|')}, got "${flag}"`)
      return [zone, stage]
    }),
  )
}

function isStage(text: string): text is Stage {
  return stageWords.includes(text)
}
