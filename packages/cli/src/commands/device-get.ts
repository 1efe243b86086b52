import { commonServices, path } from '@cordon/core/cip'
import { unwrap } from '@cordon/core/client'
import * as objects from '@cordon/core/objects'
import type { CommandContext } from '../context.ts'
import { hex, openTarget, parseNumber, type ReachOptions } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readAttribute } from '../object-text.ts'

/** `cordon device get TARGET CLASS INSTANCE [ATTRIBUTE]` */
export async function run(
  context: CommandContext,
  options: ReachOptions,
  target: string,
  classText: string,
  instanceText: string,
  attributeText?: string,
): Promise<ExitCode> {
  const classId = parseNumber(classText, 'class')
  const instance = parseNumber(instanceText, 'instance')
  const attribute = attributeText === undefined ? undefined : parseNumber(attributeText, 'attribute')
  await using device = await openTarget(context, options, target)
  const service = attribute === undefined ? commonServices.getAttributesAll : commonServices.getAttributeSingle
  const reply = await device.requester.request({
    service,
    path: path({ class: classId, instance, ...(attribute === undefined ? {} : { attribute }) }),
    data: new Uint8Array(0),
  })
  const bytes = unwrap(reply, { what: `class 0x${classId.toString(16)} instance ${instance}`, classId })
  const known = attribute === undefined ? undefined : readAttribute(objects, classId, instance, attribute, bytes)
  context.output.document(
    { target, class: classId, instance, attribute, name: known?.name, value: known?.value, hex: hex(bytes) },
    () => (known === undefined ? hex(bytes) : `${known.name}: ${known.text}\n${hex(bytes)}`),
  )
  return exitCodes.ok
}
