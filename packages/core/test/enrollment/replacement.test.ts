import { defaultReplacementRule, judgeReplacement, type UnitRole } from '@cordon/core/enrollment'
import { describe, expect, test } from 'vitest'

const gone: UnitRole = {
  address: '192.0.2.1',
  vendor: { value: 1, assurance: 'proven', source: 'certificate' },
  deviceType: 14,
  productCode: 166,
  majorRevision: 33,
  serialNumber: 1,
}
const fresh: UnitRole = { ...gone, serialNumber: 2 }

const mismatches = (unit: UnitRole, rule = defaultReplacementRule) =>
  judgeReplacement(gone, unit, rule).criteria.flatMap(({ result, reason }) => (result === 'mismatch' ? [reason] : []))

describe('a new unit', () => {
  test('that is the same in everything but its serial number takes the role', () => {
    expect(judgeReplacement(gone, fresh)).toMatchObject({ matches: true })
  })

  test.each([
    ['address', { address: '192.0.2.2' }, 'address 192.0.2.2, expected 192.0.2.1'],
    ['vendor', { vendor: { value: 2, assurance: 'proven', source: 'certificate' } }, 'vendor 2, expected 1'],
    [
      'proof of its vendor',
      { vendor: { value: 1, assurance: 'claimed', source: 'request' } },
      'vendor 1 is only claimed (request), expected proven',
    ],
    ['device type', { deviceType: 12 }, 'device type 12, expected 14'],
    ['product code', { productCode: 1 }, 'product code 1, expected 166'],
    ['revision, lower', { majorRevision: 32 }, 'major revision 32, expected 33 or higher'],
    ['revision, unknown', { majorRevision: undefined }, 'major revision of the new unit is not known, expected 33'],
    ['vendor, unknown', { vendor: undefined }, 'vendor of the new unit is not known, expected 1'],
    [
      'serial number, the same',
      { serialNumber: 1 },
      'it is the same unit: it renews its certificate, it replaces nobody',
    ],
  ] as const)('with another %s does not, and is told why', (_, other, reason) => {
    expect(judgeReplacement(gone, { ...fresh, ...other }).matches).toBe(false)
    expect(mismatches({ ...fresh, ...other })).toEqual([reason])
  })

  test('of a higher revision does, unless the zone wants the same', () => {
    const higher = { ...fresh, majorRevision: 34 }
    expect(mismatches(higher)).toEqual([])
    expect(mismatches(higher, { ...defaultReplacementRule, majorRevision: 'same' })).toEqual([
      'major revision 34, expected 33',
    ])
  })

  test('may differ in what the zone does not ask for', () => {
    const other: UnitRole = {
      address: '192.0.2.2',
      vendor: { value: 1, assurance: 'claimed', source: 'request' },
      deviceType: undefined,
      productCode: 1,
      majorRevision: 1,
      serialNumber: 2,
    }
    const lax = {
      address: false,
      vendor: true,
      vendorNeeds: 'claimed',
      deviceType: false,
      productCode: false,
      majorRevision: 'any',
    } as const
    expect(mismatches(other, lax)).toEqual([])
  })

  test('does not match an old one of which nothing is known', () => {
    expect(judgeReplacement({ ...gone, deviceType: undefined }, fresh).matches).toBe(false)
  })
})
