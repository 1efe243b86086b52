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

/** Counts the first element of a tag up by `by`; integers begin anew behind their largest value. Text does not count. */
export function countUp(tag: Tag, type: SimulatedTag['type'], by: number): void {
  const view = new DataView(tag.data.buffer, tag.data.byteOffset, tag.data.byteLength)
  switch (type) {
    case 'SINT':
      view.setInt8(0, view.getInt8(0) + by)
      break
    case 'INT':
      view.setInt16(0, view.getInt16(0, true) + by, true)
      break
    case 'DINT':
      view.setInt32(0, view.getInt32(0, true) + by, true)
      break
    case 'LINT':
      view.setBigInt64(0, view.getBigInt64(0, true) + BigInt(by), true)
      break
    case 'REAL':
      view.setFloat32(0, view.getFloat32(0, true) + by, true)
      break
    case 'LREAL':
      view.setFloat64(0, view.getFloat64(0, true) + by, true)
      break
    case 'BOOL':
      if (by % 2 === 1) view.setUint8(0, view.getUint8(0) === 0 ? 1 : 0)
      break
    case 'STRING':
      break
  }
}

/** Counts the first bytes of I/O data up by `by`, least significant byte first, at most four of them. */
export function countBytes(data: Uint8Array, by: number): void {
  let carry = by
  for (let i = 0; i < Math.min(4, data.length) && carry > 0; i++) {
    carry += data[i] ?? 0
    data[i] = carry & 0xff
    carry = Math.floor(carry / 256)
  }
}

/** Periods that have passed since it was asked the last time: what a value that counts each period is behind. */
export class Steps {
  readonly #everyMs: number
  #done: number

  /** Counts from `now`, milliseconds of a clock that the caller chooses. */
  constructor(everyMs: number, now: number) {
    this.#everyMs = everyMs
    this.#done = Math.floor(now / everyMs)
  }

  /** The periods since the last call. */
  take(now: number): number {
    const all = Math.floor(now / this.#everyMs)
    const steps = Math.max(0, all - this.#done)
    this.#done = all
    return steps
  }
}
