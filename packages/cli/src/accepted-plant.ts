import { judgePlant, type JudgedPlant } from '@cordon/core/policy'
import type { CommandContext } from './context.ts'
import { isProblems, type PlantFiles, printJudgement, printProblems, readPlantFiles } from './plant-file.ts'

/** A plant file that was read and accepted. */
export interface AcceptedPlant extends JudgedPlant {
  readonly files: PlantFiles
}

/**
 * Reads a plant file and judges it; undefined when it is refused, after every reason was printed. Warnings are printed
 * too, so that nobody deploys without having seen them.
 */
export async function acceptedPlant(
  context: CommandContext,
  file: string,
  simulation?: string,
): Promise<AcceptedPlant | undefined> {
  const files = await readPlantFiles(file, simulation)
  if (isProblems(files)) {
    printProblems(context.output, files)
    return undefined
  }
  const judged = judgePlant(files)
  if (judged.accepted) {
    printJudgement(context.output, files, judged)
    return { ...judged, files }
  }
  if (context.output.format === 'table') {
    printJudgement(context.output, files, judged)
    context.output.note(`${files.plant.name} is refused; nothing was touched`)
  } else
    context.output.document(
      {
        verdict: 'refused',
        problems: judged.problems,
        tests: judged.tests.filter(({ verdict }) => verdict === 'fail'),
      },
      () => '',
    )
  return undefined
}
