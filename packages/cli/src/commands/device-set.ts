import { commonServices, path } from '@cordon/core/cip'
import { unwrap } from '@cordon/core/client'
import type { CommandContext } from '../context.ts'
import { hex, openTarget, parseHex, parseNumber, type ReachOptions } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon device set TARGET CLASS INSTANCE ATTRIBUTE HEX` */
export async function run(
  context: CommandContext,
  options: ReachOptions,
  target: string,
  classText: string,
  instanceText: string,
  attributeText: string,
  hexText: string,
): Promise<ExitCode> {
  const classId = parseNumber(classText, 'class')
  const instance = parseNumber(instanceText, 'instance')
  const attribute = parseNumber(attributeText, 'attribute')
  const data = parseHex(hexText)
  await using device = await openTarget(context, options, target)
  const reply = await device.requester.request({
    service: commonServices.setAttributeSingle,
    path: path({ class: classId, instance, attribute }),
    data,
  })
  unwrap(reply, { what: `class 0x${classId.toString(16)} instance ${instance} attribute ${attribute}`, classId })
  context.output.document(
    { target, class: classId, instance, attribute, set: true },
    () =>
      `class 0x${classId.toString(16).toUpperCase().padStart(2, '0')} instance ${instance} attribute ${attribute} is now ${hex(data)}`,
  )
  return exitCodes.ok
}
