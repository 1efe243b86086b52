import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { isProblems, printProblems, readPlantFiles } from '../plant-file.ts'
import { authorityPlan, openWorkspace } from '../workspace.ts'
import { certificateTable } from './ca-show.ts'

/** `cordon ca init` */
export async function run(context: CommandContext, options: { readonly plant: string }): Promise<ExitCode> {
  const files = await readPlantFiles(options.plant)
  if (isProblems(files)) {
    printProblems(context.output, files)
    return exitCodes.usage
  }
  await using workspace = await openWorkspace(context)
  await workspace.authority.initialize(authorityPlan(files.plant))
  const records = (await workspace.authority.list()).filter(
    ({ profile }) => profile === 'root' || profile === 'issuing',
  )
  const { key } = await workspace.store.status()
  context.output.document({ plant: files.plant.name, authorities: records, key }, () =>
    certificateTable(context.output, records),
  )
  context.output.note(key.note)
  return exitCodes.ok
}
