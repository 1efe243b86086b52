import { path } from '@cordon/core/cip'
import * as objects from '@cordon/core/objects'
import { encode } from '@cordon/core/wire'
import { describe, expect, it } from 'vitest'
import { readAttribute, readAttributes, textOf } from '../src/object-text.ts'

const { ethernetIpSecurity, ethernetIpSecurityRevision7, identity } = objects

describe('an attribute in words', () => {
  it('is decoded and named by the declaration of its class', () => {
    const bytes = encode(identity.attributes.productName.codec, 'Acme Drive 4')
    expect(readAttribute(objects, { classId: 1, instance: 1, id: 7 }, bytes)).toEqual({
      name: 'Identity, productName',
      value: 'Acme Drive 4',
      text: 'Acme Drive 4',
    })
  })

  it('of the class itself is one of instance 0', () => {
    expect(readAttribute(objects, { classId: 0x5e, instance: 0, id: 8 }, new Uint8Array([2, 0]))?.name).toBe(
      'EtherNet/IP Security, pskSlots',
    )
  })

  it('spells suites by number and name', () => {
    const bytes = encode(ethernetIpSecurity.attributes.allowedSuites.codec, [0xc02b, 0x1234])
    expect(readAttribute(objects, { classId: 0x5e, instance: 1, id: 4 }, bytes)?.text).toBe(
      '0xC02B TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0x1234 0x1234',
    )
  })

  it('spells paths', () => {
    const bytes = encode(ethernetIpSecurity.attributes.trustedAuthorities.codec, [
      path({ class: 0x37, instance: 0x110 }),
      path({ class: 0x37, instance: 0x111 }),
    ])
    expect(readAttribute(objects, { classId: 0x5e, instance: 1, id: 7 }, bytes)?.text).toBe(
      'class 0x37, instance 272; class 0x37, instance 273',
    )
  })

  it('is read by the layout of the revision that the device has', () => {
    const value = [path({ class: 0x37, instance: 0x112 })]
    const old = encode(ethernetIpSecurityRevision7.attributes.revocationLists.codec, value)
    const current = encode(ethernetIpSecurity.attributes.revocationLists.codec, value)
    expect(old).not.toEqual(current)
    const place = { classId: 0x5e, instance: 1, id: 8 }
    expect(readAttribute(objects, { ...place, revision: 7 }, old)?.value).toEqual(value)
    expect(readAttribute(objects, { ...place, revision: 9 }, current)?.value).toEqual(value)
  })

  it('that is not declared stays bytes', () => {
    expect(readAttribute(objects, { classId: 0x99, instance: 1, id: 1 }, new Uint8Array([1]))).toBeUndefined()
    expect(readAttribute(objects, { classId: 1, instance: 1, id: 250 }, new Uint8Array([1]))).toBeUndefined()
  })

  it('that is not as declared says so', () => {
    expect(readAttribute(objects, { classId: 1, instance: 1, id: 1 }, new Uint8Array([1]))?.text).toMatch(
      /^not as declared: /,
    )
  })
})

describe('all attributes of an instance', () => {
  const reply = new Uint8Array([
    ...[0xe9, 0xfd, 0x0e, 0x00, 0x6b, 0x00, 0x03, 0x0b, 0x30, 0x00, 0x10, 0x00, 0xd1, 0x00],
    ...[0x03, 0x50, 0x4c, 0x43],
  ])

  it('are read in the order of the class', () => {
    const all = readAttributes(objects, { classId: 1, instance: 1 }, reply)
    expect(all?.map(({ name, text }) => [name, text])).toEqual([
      ['vendorId', '65001'],
      ['deviceType', '14'],
      ['productCode', '107'],
      ['revision', '{"major":3,"minor":11}'],
      ['status', '48'],
      ['serialNumber', '13697040'],
      ['productName', 'PLC'],
    ])
  })

  it('may be fewer from an older device and more from a newer one', () => {
    expect(readAttributes(objects, { classId: 1, instance: 1 }, reply.subarray(0, 6))).toHaveLength(3)
    expect(readAttributes(objects, { classId: 1, instance: 1 }, new Uint8Array([...reply, 1, 2, 3]))).toHaveLength(7)
  })

  it('stay bytes where they are not what the class says, or the class has no such list', () => {
    expect(readAttributes(objects, { classId: 1, instance: 1 }, reply.subarray(0, 5))).toBeUndefined()
    expect(readAttributes(objects, { classId: 0x99, instance: 1 }, reply)).toBeUndefined()
  })
})

describe('a value on one line', () => {
  it.each([
    ['text', 'text'],
    [7n, '"7"'],
    [[1, 2], '[1,2]'],
    [{ bytes: new Uint8Array([0xab]) }, '{"bytes":"ab"}'],
  ])('%s', (value, text) => {
    expect(textOf(value)).toBe(text)
  })
})
