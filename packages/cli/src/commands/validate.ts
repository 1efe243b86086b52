import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { isProblems, judgePlant, printJudgement, printProblems, readPlantFiles } from '../plant-file.ts'

/** `cordon validate PLANT` */
export async function run(
  context: CommandContext,
  options: { readonly simulation?: string },
  file: string,
): Promise<ExitCode> {
  const { output } = context
  const files = await readPlantFiles(file, options.simulation)
  if (isProblems(files)) {
    printProblems(output, files)
    return exitCodes.usage
  }
  const judged = judgePlant(files)
  const { plant } = files
  if (output.format === 'table') printJudgement(output, files, judged)
  const verdict = judged.accepted ? 'accepted' : 'refused'
  const errors = judged.problems.filter(({ severity }) => severity === 'error').length
  const failed = judged.tests.filter((test) => test.verdict === 'fail').length
  output.document({ verdict, plant: plant.name, problems: judged.problems, tests: judged.tests }, () => {
    const counts = `${plant.zones.length} zones, ${plant.devices.length} devices, ${plant.conduits.length} conduits, ${plant.connections.length} connections`
    const warnings = judged.problems.length - errors
    return judged.accepted
      ? output.state(
          warnings > 0 ? 'warning' : 'good',
          `${plant.name} is valid: ${counts}; ${judged.tests.length} policy tests hold; ${warnings} warnings`,
        )
      : output.state(
          'bad',
          `${plant.name} is refused: ${errors} errors, ${failed} policy tests fail; nothing was touched`,
        )
  })
  return judged.accepted ? exitCodes.ok : exitCodes.usage
}
