import { path } from '@cordon/core/cip'
import { describeStatus } from '@cordon/core/client'
import type { CommandContext } from '../context.ts'
import { hex, openTarget, parseHex, parseNumber, type ReachOptions } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'

/** `cordon device call TARGET CLASS INSTANCE SERVICE [HEX]` */
export async function run(
  context: CommandContext,
  options: ReachOptions,
  target: string,
  classText: string,
  instanceText: string,
  serviceText: string,
  hexText?: string,
): Promise<ExitCode> {
  const classId = parseNumber(classText, 'class')
  const instance = parseNumber(instanceText, 'instance')
  const service = parseNumber(serviceText, 'service', 0x7f)
  const data = hexText === undefined ? new Uint8Array(0) : parseHex(hexText)
  await using device = await openTarget(context, options, target)
  const reply = await device.requester.request({ service, path: path({ class: classId, instance }), data })
  const status = describeStatus(reply, classId)
  context.output.document(
    {
      target,
      class: classId,
      instance,
      service,
      status: reply.status,
      extended: reply.extended,
      text: status,
      data: hex(reply.data),
    },
    () => `${status}${reply.data.length === 0 ? '' : `\n${hex(reply.data)}`}`,
  )
  return reply.status === 0 ? exitCodes.ok : exitCodes.refused
}
