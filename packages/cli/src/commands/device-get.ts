import { commonServices, path } from '@cordon/core/cip'
import { isStatus, type ObjectClient, unwrap } from '@cordon/core/client'
import * as objects from '@cordon/core/objects'
import type { CommandContext } from '../context.ts'
import { hex, openTarget, parseNumber, type ReachOptions } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readAttribute, readAttributes } from '../object-text.ts'
import { pairs } from '../output.ts'

/** `cordon device get TARGET CLASS INSTANCE [ATTRIBUTE]` */
export async function run(
  context: CommandContext,
  options: ReachOptions,
  target: string,
  classText: string,
  instanceText: string,
  attributeText?: string,
): Promise<ExitCode> {
  const { output } = context
  const classId = parseNumber(classText, 'class')
  const instance = parseNumber(instanceText, 'instance')
  const attribute = attributeText === undefined ? undefined : parseNumber(attributeText, 'attribute')
  await using device = await openTarget(context, options, target)
  const revision = await revisionOf(device.objects, classId)
  const place = { classId, instance, ...(revision === undefined ? {} : { revision }) }
  const subject = `class 0x${classId.toString(16).toUpperCase().padStart(2, '0')} instance ${instance}`
  if (attribute === undefined) {
    const reply = await device.requester.request({
      service: commonServices.getAttributesAll,
      path: path({ class: classId, instance }),
      data: new Uint8Array(0),
    })
    const bytes = unwrap(reply, { what: `Get_Attributes_All of ${subject}`, classId })
    const all = readAttributes(objects, place, bytes)
    const values = all === undefined ? undefined : Object.fromEntries(all.map(({ name, value }) => [name, value]))
    output.document({ target, class: classId, instance, attributes: values, hex: hex(bytes) }, () =>
      all === undefined
        ? hex(bytes)
        : pairs(
            output,
            all.map(({ name, text }) => [name, text]),
          ),
    )
    return exitCodes.ok
  }
  const reply = await device.requester.request({
    service: commonServices.getAttributeSingle,
    path: path({ class: classId, instance, attribute }),
    data: new Uint8Array(0),
  })
  const bytes = unwrap(reply, { what: `Get_Attribute_Single of ${subject} attribute ${attribute}`, classId })
  const known = readAttribute(objects, { ...place, id: attribute }, bytes)
  output.document(
    { target, class: classId, instance, attribute, name: known?.name, value: known?.value, hex: hex(bytes) },
    () => (known === undefined ? hex(bytes) : `${known.name}: ${known.text}\n${hex(bytes)}`),
  )
  return exitCodes.ok
}

/** The revision of the class whose layout depends on it. */
async function revisionOf(client: ObjectClient, classId: number): Promise<number | undefined> {
  if (classId !== objects.ethernetIpSecurity.id) return undefined
  return client.getClass(objects.ethernetIpSecurity, 'revision').catch((error: unknown) => {
    // The device has no such class; it will say so itself when it is asked for the attribute.
    if (isStatus(error, 0x05) || isStatus(error, 0x08) || isStatus(error, 0x16)) return undefined
    throw error
  })
}
