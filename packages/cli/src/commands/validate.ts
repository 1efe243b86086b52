import { judgePlant } from '@cordon/core/policy'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { isProblems, printJudgement, printProblems, readPlantFiles } from '../plant-file.ts'

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
    const counts = [
      count(plant.zones.length, 'zone'),
      count(plant.devices.length, 'device'),
      count(plant.conduits.length, 'conduit'),
      count(plant.connections.length, 'connection'),
    ].join(', ')
    const warnings = judged.problems.length - errors
    return judged.accepted
      ? output.state(
          warnings > 0 ? 'warning' : 'good',
          `${plant.name} is valid: ${counts}; ${count(judged.tests.length, 'policy test')} ${judged.tests.length === 1 ? 'holds' : 'hold'}; ${count(warnings, 'warning')}`,
        )
      : output.state(
          'bad',
          `${plant.name} is refused: ${count(errors, 'error')}, ${count(failed, 'failed policy test')}; nothing was touched`,
        )
  })
  return judged.accepted ? exitCodes.ok : exitCodes.usage
}

/** `1 zone`, `2 zones`. */
function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
