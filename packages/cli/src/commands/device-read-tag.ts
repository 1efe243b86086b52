import { describeTagType, readTagRequest, tagData, tagPath, tagServices, tagValues } from '@cordon/core/cip'
import { unwrap } from '@cordon/core/client'
import { decode, encode } from '@cordon/core/wire'
import type { CommandContext } from '../context.ts'
import { openTarget, parseNumber, type ReachOptions } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { textOf } from '../object-text.ts'

/** `cordon device read-tag TARGET TAG` */
export async function run(
  context: CommandContext,
  options: ReachOptions & { readonly elements: string },
  target: string,
  tag: string,
): Promise<ExitCode> {
  const elements = parseNumber(options.elements, '--elements')
  await using device = await openTarget(context, options, target)
  const reply = await device.requester.request({
    service: tagServices.readTag,
    path: tagPath(tag),
    data: encode(readTagRequest, { elements }),
  })
  const data = decode(tagData, unwrap(reply, { what: `tag ${tag}` }))
  const values = tagValues(data)
  const type = describeTagType(data.type)
  context.output.document({ target, tag, type, values }, () => `${tag} (${type}): ${values.map(textOf).join(', ')}`)
  return exitCodes.ok
}
