import { dataTypes, stringTagType, type TagType } from '@cordon/core/cip'
import { createTag, type Tag } from '@cordon/core/device'
import type { SimulatedTag } from '@cordon/core/policy'

/** A tag as the simulation file describes it, made for a device. */
export function virtualTag(simulated: SimulatedTag): Tag {
  const type = typeOf(simulated.type)
  const values = simulated.type === 'LINT' ? simulated.value.map((value) => BigInt(Number(value))) : simulated.value
  return createTag(simulated.name, type, values, { produced: simulated.produced, array: simulated.length > 1 })
}

function typeOf(name: SimulatedTag['type']): TagType {
  return name === 'STRING' ? stringTagType : { kind: 'elementary', code: dataTypes[name].code }
}

/** Counts the first element of an integer tag up by one. */
export function countUp(tag: Tag, type: SimulatedTag['type']): void {
  const view = new DataView(tag.data.buffer, tag.data.byteOffset, tag.data.byteLength)
  switch (type) {
    case 'SINT':
      view.setInt8(0, view.getInt8(0) + 1)
      break
    case 'INT':
      view.setInt16(0, view.getInt16(0, true) + 1, true)
      break
    case 'DINT':
      view.setInt32(0, view.getInt32(0, true) + 1, true)
      break
    case 'LINT':
      view.setBigInt64(0, view.getBigInt64(0, true) + 1n, true)
      break
    case 'REAL':
      view.setFloat32(0, view.getFloat32(0, true) + 1, true)
      break
    case 'LREAL':
      view.setFloat64(0, view.getFloat64(0, true) + 1, true)
      break
    case 'BOOL':
      view.setUint8(0, view.getUint8(0) === 0 ? 1 : 0)
      break
    case 'STRING':
      // Text does not count.
      break
  }
}
