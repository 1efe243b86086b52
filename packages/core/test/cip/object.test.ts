import {
  type AttributeValue,
  attribute,
  commonClassAttributes,
  objectClass,
  type SettableAttribute,
  service,
} from '@cordon/core/cip'
import { decode, encode, empty, shortString, u8, u16 } from '@cordon/core/wire'
import { describe, expect, expectTypeOf, it } from 'vitest'

const lamp = objectClass({
  id: 0x64,
  name: 'Lamp',
  attributes: { name: attribute(1, shortString), level: attribute(2, u8, 'read-write') },
  services: { blink: service(0x4b, { request: u16 }), off: service(0x4c) },
  getAll: ['name', 'level'],
})

describe('an object class', () => {
  it('has the class attributes that all classes may have', () => {
    expect(Object.values(commonClassAttributes).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(lamp.classAttributes).toEqual(commonClassAttributes)
    expect([...encode(commonClassAttributes.optionalAttributes.codec, [8, 9])]).toEqual([2, 0, 8, 0, 9, 0])
  })

  it('is read-only unless told', () => {
    expect(lamp.attributes.name.access).toBe('read-only')
    expect(lamp.attributes.level.access).toBe('read-write')
    expectTypeOf<SettableAttribute<typeof lamp>>().toEqualTypeOf<'level'>()
  })

  it('gives its values their types', () => {
    expectTypeOf<AttributeValue<typeof lamp, 'name'>>().toEqualTypeOf<string>()
    expectTypeOf<AttributeValue<typeof lamp, 'level'>>().toEqualTypeOf<number>()
    expect(decode(lamp.attributes.level.codec, Uint8Array.of(3))).toBe(3)
  })

  it('has services that carry nothing unless told', () => {
    expect(lamp.services.blink.level).toBe('instance')
    expect(lamp.services.blink.reply).toBe(empty)
    expect(lamp.services.off.request).toBe(empty)
  })

  it('has nothing where nothing was declared', () => {
    const bare = objectClass({ id: 1, name: 'Bare', attributes: {} })
    expect(bare).toMatchObject({ services: {}, classGetAll: [], getAll: [] })
  })
})
