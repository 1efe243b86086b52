import { parseMac, parseSerialList, unitKey } from '@cordon/core/enrollment'
import { describe, expect, test } from 'vitest'
import { fc } from '../policy/properties.ts'

const problems = (text: string) => parseSerialList(text, 'units.csv').problems

describe('an inventory', () => {
  test.each([
    ['vendor,serial,mac,note\n1,0x00E17388,,"door, ""left"""\n2,7,00-1D-9C-01-02-03,\n'],
    ['\ufeffNote;MAC;Serial;Vendor\r\n"door, ""left""";;14775176;1\r\n# later\r\n\r\n;001d.9c01.0203;7;2\r\n'],
  ])('is read from %j', (text) => {
    const { list } = parseSerialList(text, 'units.csv')
    expect(list?.entries).toEqual([
      { unit: { vendorId: 1, serialNumber: 0x00e1_7388 }, mac: undefined, note: 'door, "left"' },
      { unit: { vendorId: 2, serialNumber: 7 }, mac: '00:1d:9c:01:02:03', note: '' },
    ])
    expect(list?.units.has(unitKey({ vendorId: 1, serialNumber: 0x00e1_7388 }))).toBe(true)
    expect(list?.macs.has('00:1d:9c:01:02:03')).toBe(true)
  })

  test.each([
    ['', 1, 1, 'there is no heading'],
    ['serial\n1\n', 1, 1, 'the columns are serial'],
    ['vendor,serial,colour\n', 1, 15, '"colour" is no column'],
    ['vendor,vendor\n', 1, 8, '"vendor" is no column'],
    ['vendor,serial\n1,00E17388\n', 2, 3, 'found "00E17388"'],
    ['vendor,serial\n1,\n', 2, 3, 'serial is empty'],
    ['vendor,serial\n65536,1\n', 2, 1, 'found "65536"'],
    ['vendor,serial\n1,0x1FFFFFFFF\n', 2, 3, 'found "0x1FFFFFFFF"'],
    ['vendor,serial\n1,-1\n', 2, 3, 'found "-1"'],
    ['vendor,serial\n1,2,3\n', 2, 5, '3 values'],
    ['vendor,serial\n1\n', 2, 1, '1 values'],
    ['vendor,serial,mac\n,,\n', 2, 1, 'names no unit'],
    ['mac\n00:1d:9c:01:02\n', 2, 1, 'found "00:1d:9c:01:02"'],
    ['vendor,serial\n1,2\n\n1,0x2\n', 4, 1, 'the unit stands in line 2 too'],
    ['mac,note\n001d9c010203,"x\n', 2, 14, 'quotes that do not end'],
  ])('of %j is refused at line %i, column %i', (text, line, column, message) => {
    const [first, ...more] = problems(text)
    expect(first).toMatchObject({ file: 'units.csv', line, column })
    expect(first?.message).toContain(message)
    expect(first?.remedy).not.toBe('')
    expect(more).toEqual([])
  })

  test('tells every wrong line at once', () => {
    expect(problems('vendor,serial\nx,1\n1,y\n').map(({ line }) => line)).toEqual([2, 3])
  })

  test('of any text is read or refused', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('vendor', 'serial', 'mac', ',', ';', '\n', '"', '1', '0x', 'ff', '#', ' '), {
          maxLength: 60,
        }),
        (pieces) => {
          const result = parseSerialList(pieces.join(''), 'x')
          expect(result.list === undefined).toBe(result.problems.length > 0)
        },
      ),
    )
  })
})

test.each([
  ['00:1D:9c:01:02:03', '00:1d:9c:01:02:03'],
  ['001D9C010203', '00:1d:9c:01:02:03'],
  ['00:1d-9c:01:02:03', undefined],
  ['00:1d:9c:01:02', undefined],
])('%s is the MAC address %s', (text, mac) => expect(parseMac(text)).toBe(mac))
