import { identity } from '@cordon/core/objects'
import { UsageError } from '@cordon/core/errors'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { openTarget, parseNumber, type ReachOptions } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

const effects = [
  'power cycle: it is gone for a while, its settings stay',
  'factory: every setting, key and certificate is erased',
  'factory except communication',
] as const

const words = ['powerCycle', 'factoryDefault', 'factoryDefaultExceptCommunication'] as const

/** `cordon device reset TARGET TYPE` */
export async function run(
  context: CommandContext,
  options: ReachOptions & { readonly yes?: boolean },
  target: string,
  typeText: string,
): Promise<ExitCode> {
  const type = parseNumber(typeText, 'type', 2)
  const effect = effects[type]
  const word = words[type]
  if (effect === undefined || word === undefined)
    throw new UsageError('bad-option', `type expects 0, 1 or 2, got "${typeText}"`)
  if (!(await confirmed(context, options.yes, `Reset ${target} (${effect})?`))) return exitCodes.refused
  await using device = await openTarget(context, options, target)
  await device.objects.call(identity, 1, 'reset', { type: word })
  context.output.document({ target, reset: type }, () => `${target} resets (${effect})`)
  return exitCodes.ok
}
