import { UsageError } from '@cordon/core/errors'
import { describe, expect, it } from 'vitest'
import { hex, parseHex, parseNumber, parseRoute, parseTarget } from '../src/device-target.ts'

describe('a target', () => {
  it('is an address, with a port where that is not the usual one', () => {
    expect(parseTarget('127.17.81.51')).toEqual({ address: '127.17.81.51', port: undefined })
    expect(parseTarget('127.17.81.51:2221')).toEqual({ address: '127.17.81.51', port: 2221 })
  })

  it.each([
    '',
    'plc',
    '127.17.81',
    '127.17.81.51:',
    '127.17.81.51:0',
    '127.17.81.51:65536',
    '127.17.81.51:0x8ad',
    '127.17.81.51:1:2',
    '::1',
    ' 127.0.0.1',
  ])('"%s" is none', (text) => {
    expect(() => parseTarget(text)).toThrow(UsageError)
    expect(() => parseTarget(text)).toThrow(/expected an address like 127\.17\.81\.51/)
  })
})

describe('a route', () => {
  it('is made of hops, port and slot', () => {
    expect(parseRoute('1,0')).toHaveLength(1)
    expect(parseRoute('2,192.0.2.1,1,4')).toHaveLength(2)
    expect(parseRoute('1/0')).toEqual(parseRoute('1,0'))
  })

  it.each(['', '1', '1,0,2', '0,1', 'x,1', '1,'])('"%s" is none', (text) => {
    expect(() => parseRoute(text)).toThrow(UsageError)
  })
})

describe('a number', () => {
  it('is decimal or hexadecimal', () => {
    expect(parseNumber('94', 'class')).toBe(94)
    expect(parseNumber('0x5E', 'class')).toBe(94)
  })

  it.each(['', '-1', '1.5', '1e3', '0x', '65536', 'ff'])('"%s" is none', (text) => {
    expect(() => parseNumber(text, 'class')).toThrow(/class expects a number from 0 to 65535/)
  })
})

describe('bytes', () => {
  it('are hex digits, with or without spaces and colons', () => {
    expect(parseHex('78 00')).toEqual(new Uint8Array([0x78, 0]))
    expect(parseHex('78:00')).toEqual(new Uint8Array([0x78, 0]))
    expect(parseHex('')).toEqual(new Uint8Array(0))
    expect(hex(new Uint8Array([0x78, 0]))).toBe('78 00')
  })

  it.each(['7', '0x78', 'zz'])('"%s" are none', (text) => {
    expect(() => parseHex(text)).toThrow(UsageError)
  })
})
