import type { Assurance, Fact, UnitIdentity } from '@cordon/core/enrollment'
import { describe, expect, test } from 'vitest'
import { placeOf, placesOf, unlistedName } from '../../src/enrollment/place.ts'
import { plant } from './support.ts'

const places = placesOf(plant())
const nothing = { deviceType: undefined, productCode: undefined }

function unit(serialNumber: number, assurance: Assurance, vendorId = 1): Fact<UnitIdentity> {
  return { value: { vendorId, serialNumber }, assurance, source: 'test' }
}

describe('the place of a requester', () => {
  test.each([
    ['by its proven unit', '127.70.9.9', unit(0x101, 'proven'), 'Expected'],
    ['by its observed unit', '127.70.9.9', unit(0x101, 'observed'), 'Expected'],
    ['by its address, of an unknown unit', '127.70.1.4', undefined, 'Open'],
    ['by its address, with its own unit claimed', '127.70.1.1', unit(0x101, 'claimed'), 'Expected'],
  ])('is found %s', (_, address, known, name) => {
    const units = known === undefined ? [] : [known]
    expect(placeOf(places, { address, units, ...nothing })).toMatchObject({ kind: 'device', name, fault: undefined })
  })

  test('is not found by a claim, nor by the same number of another vendor', () => {
    for (const known of [unit(0x101, 'claimed'), unit(0x101, 'proven', 2)]) {
      expect(placeOf(places, { address: '127.70.9.9', units: [known], ...nothing })).toEqual({ kind: 'unlisted' })
    }
  })

  test('is doubted for a claim of another unit', () => {
    const found = placeOf(places, { address: '127.70.1.1', units: [unit(5, 'claimed')], ...nothing })
    expect(found).toMatchObject({ kind: 'device', fault: expect.stringContaining('expects serial 257 for Expected') })
  })

  test('is refused where unit and address are of two devices, or two units are proven', () => {
    const two = [unit(0x101, 'proven'), unit(0x102, 'observed')]
    for (const [address, units] of [
      ['127.70.1.4', [unit(0x101, 'proven')]],
      ['127.70.9.9', two],
    ] as const) {
      expect(placeOf(places, { address, units, ...nothing })).toMatchObject({ kind: 'refused' })
    }
  })
})

describe('the name of who is not listed', () => {
  const key = '0123456789abcdef'
  test.each([
    ['PC 7', 'PC-7'],
    ['../../etc/passwd', 'etc-passwd'],
    ['7up', 'up'],
    ['Ω', 'key-01234567'],
    [undefined, 'key-01234567'],
    ['x'.repeat(300), 'x'.repeat(63)],
  ])('of %j is %s', (commonName, name) => {
    expect(unlistedName([unit(5, 'claimed')], commonName, key)).toEqual({ name, proven: false })
  })

  test('is never that of a unit which it does not prove', () => {
    for (const name of ['V0001-00E17388', 'v0001-00e17388', ' V0001-00E17388 ']) {
      expect(unlistedName([unit(0xe17388, 'claimed')], name, key)).toEqual({ name: 'key-01234567', proven: false })
    }
  })

  test('is that of its proven unit', () => {
    expect(unlistedName([unit(0xe17388, 'proven')], 'x', key)).toEqual({ name: 'V0001-00E17388', proven: true })
  })
})
