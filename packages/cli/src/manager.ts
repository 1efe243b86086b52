import { UsageError } from '@cordon/core/errors'
import type { Credentials } from '@cordon/node/transports'
import { managerCredential, managerOf } from '@cordon/server/deploy'
import type { CommandContext } from './context.ts'
import { isProblems, printProblems, readPlantFiles } from './plant-file.ts'
import { authorityPlan, openWorkspace } from './workspace.ts'

/** The manager's own credential for a plant's devices, and whom it believes: the issuing authorities of all zones. */
export async function managerAccess(
  context: CommandContext,
  plantFile: string | undefined,
): Promise<{ readonly credentials: Credentials; readonly localAddress: string | undefined }> {
  if (plantFile === undefined) {
    throw new UsageError(
      'missing',
      'say how to open the device: --plant FILE for a commissioned one, --plain for 44818, --pin SHA256 for a factory-new one',
    )
  }
  const files = await readPlantFiles(plantFile)
  if (isProblems(files)) {
    printProblems(context.output, files)
    throw new UsageError('bad-option', `${plantFile} has problems`)
  }
  const { plant } = files
  await using workspace = await openWorkspace(context)
  const { authority, store } = workspace
  await authority.initialize(authorityPlan(plant))
  const manager = managerOf(plant)
  const credential = await managerCredential(store, authority, manager)
  const anchors: Uint8Array[] = []
  for (const zone of new Set([...authorityPlan(plant).zones, manager.zone]))
    anchors.push(...(await authority.anchors(zone)))
  const key = credential.key.export()
  if (key === undefined)
    throw new UsageError('not-supported', 'the manager’s key lies in hardware and cannot open devices from here')
  return { credentials: { chain: credential.chain, key, anchors }, localAddress: manager.addresses[0] }
}
