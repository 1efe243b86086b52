import { join } from 'node:path'
import { readdir } from 'node:fs/promises'
import { UsageError } from '@cordon/core/errors'
import { keyLogWarning } from '@cordon/node/transports'
import { PlantControl } from '@cordon/simulator'
import { connectionsTable } from '../connections-table.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon device connections` */
export async function run(context: CommandContext, options: { readonly directory?: string }): Promise<ExitCode> {
  await using control = await PlantControl.connect(options.directory ?? (await onlyPlant(context.state)))
  const { connections, keyLog } = await control.call('connections', {})
  if (keyLog !== undefined) context.output.note(keyLogWarning(keyLog))
  const told = keyLog === undefined ? {} : { keyLog }
  context.output.document({ connections, ...told }, () => connectionsTable(context.output, connections))
  return exitCodes.ok
}

/** The one virtual plant of this state. @throws UsageError where there is none, or several */
async function onlyPlant(state: string): Promise<string> {
  const root = join(state, 'virtual')
  const plants = await readdir(root).catch(() => [])
  const [plant, another] = plants
  if (plant === undefined)
    throw new UsageError(
      'missing',
      `no virtual plant has state in ${root}; start one with "cordon simulate PLANT", or name its --directory`,
    )
  if (another !== undefined)
    throw new UsageError('missing', `${root} has ${plants.join(', ')}; say which with --directory`)
  return join(root, plant)
}
